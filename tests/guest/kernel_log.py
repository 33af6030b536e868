# SPDX-License-Identifier: GPL-2.0
"""What the kernel complains of while a test runs, and the memory that it has lost afterwards."""

import os
import re
import time
import unittest

# What no kernel may say, whatever the tests found.
COMPLAINT = re.compile(
    r"BUG:|WARNING:|KASAN|UBSAN|ODEBUG|Oops|Kernel panic|Call Trace|refcount_t:|"
    r"general protection|blocked for more than|INFO: (task|possible|trying)|suspicious RCU|"
    r"inconsistent lock state|DEBUG_LOCKS_WARN|scheduling while atomic|sleeping function|"
    r"OF: ERROR|unreferenced object|leak detector disabled|INFO: rcu|sysfs: cannot create duplicate|already exists in '"
)

LEAKS = "/sys/kernel/debug/kmemleak"

# Objects are looked at when they are five seconds old. A kobject's release may be put off by that long, and its
# parent's begins only then.
LEAK_AGE = 16

# Allocated while the kernel and the guest started, and by workers: theirs is an array of pages that the allocator
# of per-CPU memory keeps, where User-Mode Linux does not look for pointers.
OF_THE_KERNEL = re.compile(r'comm "(swapper|mount|kworker)')

# The driver core's own: the reason to put off probing a device whose driver is registered while device_add()
# runs. It frees those of devices that are in its list, where this one never is.
LOST_BY_OTHERS = re.compile("vice not ready t")


class Watch:
    """Reads the kernel's log from here on."""

    def __init__(self):
        self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.fd, 0, os.SEEK_END)

    def complaints(self):
        """Complaints since the last time."""
        found = []
        while True:
            try:
                record = os.read(self.fd, 8192).decode(errors="replace")
            except BlockingIOError:
                return found
            except BrokenPipeError:
                # Some were overwritten before they could be read.
                continue
            text = record.split(";", 1)[-1].splitlines()[0]
            if COMPLAINT.search(text):
                found.append(text)

    def close(self):
        os.close(self.fd)


class Quiet(unittest.TestCase):
    """Every test fails if the kernel complains during it, its end included."""

    def setUp(self):
        watch = Watch()
        self.addCleanup(self.kernel_is_content, watch)
        super().setUp()

    def kernel_is_content(self, watch):
        complaints = watch.complaints()
        watch.close()
        if complaints:
            self.fail("the kernel complained:\n" + "\n".join(complaints))


def can_find_leaks():
    return os.path.exists(LEAKS)


def leaks():
    """Objects that nothing points to. User-Mode Linux does not say which function allocated them."""
    time.sleep(LEAK_AGE)
    for _ in range(2):
        with open(LEAKS, "w") as file:
            file.write("scan")
    with open(LEAKS) as file:
        objects = re.findall(r"^unreferenced object.*\n(?:\s.*\n)*", file.read(), re.M)
    return [one for one in objects if not OF_THE_KERNEL.search(one) and not LOST_BY_OTHERS.search(one)]
