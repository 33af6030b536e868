# SPDX-License-Identifier: GPL-2.0
"""A restless host: requests, reads and nonsense on bus argv[1], for about a second."""

import contextlib
import random
import sys
import time

import i2c

end = time.monotonic() + 1
while time.monotonic() < end:
    with contextlib.suppress(OSError):
        host = i2c.Host(int(sys.argv[1]))
        with contextlib.closing(host):
            for _ in range(50):
                with contextlib.suppress(OSError):
                    random.choice((
                        lambda: host.send(b"\x18\x01"),
                        lambda: host.send(bytes(random.randrange(1, 255))),
                        lambda: host.read_raw(0x03, random.randrange(1, 34)),
                        lambda: host.write(random.randbytes(random.randrange(1, 40))),
                    ))()
    time.sleep(0.001)
