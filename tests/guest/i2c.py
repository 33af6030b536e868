# SPDX-License-Identifier: GPL-2.0
"""A host on /dev/i2c-N: transfers as i2c-dev's I2C_RDWR takes them, and SSIF on top."""

import ctypes
import fcntl
import os

I2C_RDWR = 0x0707
I2C_M_RD = 0x0001
I2C_M_RECV_LEN = 0x0400
BLOCK_MAX = 32


class Msg(ctypes.Structure):
    _fields_ = [
        ("addr", ctypes.c_uint16),
        ("flags", ctypes.c_uint16),
        ("len", ctypes.c_uint16),
        ("buf", ctypes.POINTER(ctypes.c_uint8)),
    ]


class RdwrData(ctypes.Structure):
    _fields_ = [("msgs", ctypes.POINTER(Msg)), ("nmsgs", ctypes.c_uint32)]


def pec(data):
    """CRC-8 with the polynomial x^8 + x^2 + x + 1, as SMBus has it."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ (0x07 if crc & 0x80 else 0)
            crc &= 0xFF
    return crc


class Host:
    """The SSIF host on bus number bus, for the target at address."""

    def __init__(self, bus=0, address=0x10):
        self.fd = os.open(f"/dev/i2c-{bus}", os.O_RDWR)
        self.address = address

    def close(self):
        os.close(self.fd)

    def transfer(self, *messages):
        """Do one transfer of (flags, buffer)s; reads are into their bytearrays."""
        msgs = (Msg * len(messages))()
        for msg, (flags, data) in zip(msgs, messages):
            buffer = (ctypes.c_uint8 * len(data)).from_buffer(data)
            msg.addr, msg.flags, msg.len, msg.buf = self.address, flags, len(data), buffer
        fcntl.ioctl(self.fd, I2C_RDWR, RdwrData(msgs, len(messages)))

    def write(self, data):
        """Write raw bytes behind the address."""
        self.transfer((0, bytearray(data)))

    def write_block(self, command, data, with_pec=False):
        frame = bytes([command, len(data)]) + bytes(data)
        if with_pec:
            frame += bytes([pec(bytes([self.address << 1]) + frame)])
        self.write(frame)

    def read_raw(self, command, count):
        """Read count bytes after a command, whatever they are."""
        data = bytearray(count)
        self.transfer((0, bytearray([command])), (I2C_M_RD, data))
        return bytes(data)

    def read_block(self, command, with_pec=False):
        """Read a block; its length byte says how much, 1 to 32."""
        extra = 2 if with_pec else 1  # i2c-dev wants this in the first byte
        data = bytearray([extra]) + bytearray(extra + BLOCK_MAX - 1)
        self.transfer((0, bytearray([command])), (I2C_M_RD | I2C_M_RECV_LEN, data))
        length = data[0]
        if with_pec:
            frame = bytes([self.address << 1, command, self.address << 1 | 1]) + data[:length + 1]
            assert data[length + 1] == pec(frame), f"PEC {data[length + 1]:#x}, not {pec(frame):#x}"
        return bytes(data[1:length + 1])

    def send(self, message, with_pec=False):
        """Send a request in one part or several."""
        if len(message) <= 32:
            return self.write_block(0x02, message, with_pec)
        parts = [message[i:i + 32] for i in range(0, len(message), 32)]
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            self.write_block(0x06 if not index else 0x08 if last else 0x07, part, with_pec)

    def fetch(self, with_pec=False):
        """Fetch a response in one block or several."""
        block = self.read_block(0x03, with_pec)
        if block[:2] != b"\0\1":
            return block
        message = block[2:]
        while True:
            block = self.read_block(0x09, with_pec)
            message += block[1:]
            if block[0] == 0xFF:
                return message
