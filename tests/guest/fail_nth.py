# SPDX-License-Identifier: GPL-2.0
"""Bind the device argv[1] with its first allocation failing, then the second, and so on.

Each failure must make the bind fail with ENOMEM, or be survived, and leave nothing behind: the next
bind must work.
"""

import errno
import os
import sys

DRIVER = "/sys/bus/i2c/drivers/ipmi-ssif-host"
DEVICE = sys.argv[1]


def write(name, nth=0):
    """Write the device's name to a file of the driver, with the nth allocation failing.

    Returns the errno, and whether an allocation failed.
    """
    injector = os.open("/proc/thread-self/fail-nth", os.O_RDWR)
    file = os.open(f"{DRIVER}/{name}", os.O_WRONLY)
    result = 0
    if nth:
        os.write(injector, str(nth).encode())
    try:
        os.write(file, DEVICE.encode())
    except OSError as error:
        result = error.errno
    left = int(os.pread(injector, 32, 0)) if nth else 0
    if left:
        os.write(injector, b"0")
    os.close(file)
    os.close(injector)
    return result, nth and not left


def bound():
    return os.path.exists(f"/sys/bus/i2c/devices/{DEVICE}/driver")


write("unbind")
failures = survived = nth = 0
while True:
    nth += 1
    result, injected = write("bind", nth)
    if not injected:
        assert result == 0, f"no failure injected, but {errno.errorcode[result]}"
        break
    if bound():
        survived += 1
        write("unbind")
    else:
        failures += 1
        # The driver core reports every failure of a probe as ENODEV here.
        assert result in (errno.ENOMEM, errno.ENODEV), errno.errorcode.get(result, result)
    result, _ = write("bind")
    assert result == 0 and bound(), f"cannot bind after failure {nth}: {result}"
    write("unbind")
print(f"{failures} failing allocations refused the bind, {survived} were survived")
assert failures, "nothing failed"
