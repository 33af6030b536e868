# SPDX-License-Identifier: GPL-2.0
"""A BMC that answers every request with completion code 0 and the request's own data."""

import os
import select
import struct
import sys

device = os.open(sys.argv[1] if len(sys.argv) > 1 else "/dev/ipmi-ssif-host",
                 os.O_RDWR | os.O_NONBLOCK)
poll = select.poll()
poll.register(device, select.POLLIN)
while True:
    poll.poll()
    try:
        message = os.read(device, 258)
    except BlockingIOError:
        continue
    netfn_lun, command = message[4:6]
    response = bytes([netfn_lun | 4, command, 0]) + message[6:]
    os.write(device, struct.pack("=I", len(response)) + response)
