# SPDX-License-Identifier: GPL-2.0
"""A BMC just large enough for the host driver to accept it, on each device that is named.

It identifies itself, offers multi-part transfers and PEC, and has no messages; to anything else it
answers with completion code 0 and the request's own data.
"""

import os
import select
import struct
import sys

APP = 0x18

ANSWERS = {
    (APP, 0x01): bytes([0, 0x20, 1, 1, 2, 2, 0x9F, 0xD9, 0x7E, 0, 1, 0]),  # Get Device ID
    (APP, 0x31): bytes([0, 0]),  # Get Message Flags
    (APP, 0x57): bytes([0, 0, 0x88, 254, 254]),  # Get System Interface Capabilities
}


def answer(request):
    netfn_lun, command = request[:2]
    body = ANSWERS.get((netfn_lun, command), b"\0" + request[2:])
    return bytes([netfn_lun | 4, command]) + body


def serve(device):
    try:
        request = os.read(device, 258)[4:]
    except BlockingIOError:
        return
    response = answer(request)
    try:
        os.write(device, struct.pack("=I", len(response)) + response)
    except OSError as error:
        # The host has given up on this request.
        print(f"response lost: {error}", flush=True)


def main():
    poll = select.poll()
    for path in sys.argv[1:] or ["/dev/ipmi-ssif-host"]:
        poll.register(os.open(path, os.O_RDWR | os.O_NONBLOCK), select.POLLIN)
    while True:
        for device, _events in poll.poll():
            serve(device)


main()
