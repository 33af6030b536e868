# SPDX-License-Identifier: GPL-2.0
"""EEPROM images in public formats, with the cells that each has: {name: (offset, bytes)}.

    images.py FOLDER

writes one file for each format, for tools other than these tests.
"""

import pathlib
import struct
import sys
import zlib

MAC = bytes.fromhex("02deadbeeff0")
SERIAL = b"BMC-0042"


def crc8(data):
    """Polynomial x^8 + x^2 + x + 1, from 0, highest bit first."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ (0x07 if crc & 0x80 else 0)
            crc &= 0xFF
    return crc


def mac_plus(index, mac=MAC):
    """The address that many after this one."""
    return (int.from_bytes(mac, "big") + index).to_bytes(6, "big")


def onie_tlv(size=256):
    """ONIE's system EEPROM: "TlvInfo", version 1, big-endian length, TLVs, the last one a CRC-32."""
    values = [
        (0x21, "product-name", b"bmc-board"),
        (0x23, "serial-number", SERIAL),
        (0x24, "mac-address", MAC),
        (0x25, "manufacture-date", b"01/02/2026 03:04:05"),
        (0x26, "device-version", b"\x07"),
        (0x2A, "num-macs", struct.pack(">H", 16)),
        (0x70, None, b"not assigned"),
        (0xFD, "vendor-extension", b"\0\0\xa1\xb2tail"),
    ]
    header = 11
    table, cells = b"", {}
    for code, name, value in values:
        if name:
            cells[name] = (header + len(table) + 2, value)
        table += bytes([code, len(value)]) + value
    image = b"TlvInfo\0\x01" + struct.pack(">H", len(table) + 6) + table + b"\xfe\x04"
    crc = struct.pack(">I", zlib.crc32(image))
    cells["crc32"] = (len(image), crc)
    return (image + crc).ljust(size, b"\xff"), cells


def sl28_vpd(size=256):
    """Kontron's vital product data: magic, version, serial number, base MAC address, CRC-8."""
    serial = SERIAL.ljust(15, b"\0")
    image = b"V\x01" + serial + MAC
    cells = {"serial-number": (2, serial), "base-mac-address": (17, MAC)}
    return (image + bytes([crc8(image)])).ljust(size, b"\xff"), cells


def u_boot_env(size=4096, env_size=None, redundant=False):
    """U-Boot's environment: CRC-32, a byte more if redundant, "name=value" strings, an empty one."""
    variables = [
        (b"bootcmd", b"run distro_bootcmd"),
        (b"ethaddr", b":".join(b"%02x" % byte for byte in MAC)),
        (b"serial#", SERIAL),
        (b"bootargs", b"console=ttyS4,115200n8 root=/dev/ram rw"),
    ]
    env_size = env_size or size
    head = 5 if redundant else 4
    data, cells = b"", {}
    for name, value in variables:
        data += name + b"="
        cells[name.decode()] = (head + len(data), value)
        data += value + b"\0"
    # What user space reads of an address is its six bytes.
    cells["ethaddr"] = (cells["ethaddr"][0], MAC)
    data = (data + b"\0").ljust(env_size - head, b"\xff")
    image = struct.pack("<I", zlib.crc32(data)) + (b"\x01" if redundant else b"") + data
    return image.ljust(size, b"\xff"), cells


def main():
    folder = pathlib.Path(sys.argv[1])
    for name, (image, _) in {
        "onie-tlv": onie_tlv(),
        "sl28-vpd": sl28_vpd(),
        "u-boot-env": u_boot_env(),
        "u-boot-env-redundant": u_boot_env(env_size=0x200, redundant=True),
    }.items():
        (folder / f"{name}.bin").write_bytes(image)


if __name__ == "__main__":
    main()
