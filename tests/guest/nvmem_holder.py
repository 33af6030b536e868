# SPDX-License-Identifier: GPL-2.0
"""In-kernel consumers of an nvmem device, beside scripts/nvmem-unbind-stress.

With the path of a file of the device: hold the device and read it until that fails with ENODEV. With the name of
the provider's device, which that of its nvmem device begins with: for about a second get, read and put that one
again and again.
"""

import contextlib
import errno
import os
import signal
import sys
import time

import nvmem

# What is held is put also when the script ends the traffic.
signal.signal(signal.SIGTERM, lambda *_: sys.exit())


def hold(name):
    with nvmem.find(name) as held:
        while True:
            held.read(0, 16)


def visit(name):
    end = time.monotonic() + 1
    while time.monotonic() < end:
        for device in os.listdir(nvmem.SYSFS):
            if device.startswith(name):
                with contextlib.suppress(OSError), nvmem.find(device) as held:
                    held.read(0, 16)
        time.sleep(0.001)


if os.path.isabs(sys.argv[1]):
    try:
        hold(sys.argv[1].split("/")[-2])
    except OSError as error:
        # It may be gone before it was found.
        sys.exit(error.errno not in (errno.ENODEV, nvmem.EPROBE_DEFER))
else:
    visit(sys.argv[1])
