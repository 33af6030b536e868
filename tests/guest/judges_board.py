# SPDX-License-Identifier: GPL-2.0
"""The board that judges.dts describes: the kernel's modules for it, and its EEPROMs.

An EEPROM's bytes are with its target, i2c-slave-eeprom; its nvmem device comes and goes with at24.
"""

import errno
import glob
import os
import pathlib
import subprocess
import sys

from background import wait_for

KERNEL = pathlib.Path(os.environ["KERNEL"])
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "judges"))

import images  # noqa: E402

I2C = "/sys/bus/i2c/devices"
AT24 = "/sys/bus/i2c/drivers/at24"
NVMEM = "/sys/bus/nvmem/devices"
LAYOUTS = "/sys/bus/nvmem-layout"
GATE = "/sys/kernel/debug/i2c_loopback/0/pass"

# With DEBUG_KOBJECT_RELEASE these outlive their modules by seconds, and are in the way of a new load.
DRIVERS = {
    "at24": AT24,
    "i2c_slave_eeprom": "/sys/bus/i2c/drivers/i2c-slave-eeprom",
    "onie_tlv": f"{LAYOUTS}/drivers/onie-tlv-layout",
    "sl28vpd": f"{LAYOUTS}/drivers/kontron-sl28vpd-layout",
    "u_boot_env": f"{LAYOUTS}/drivers/u-boot-env-layout",
    "nvmem_reboot_mode": "/sys/bus/platform/drivers/nvmem-reboot-mode",
    "spi_gpio": "/sys/bus/platform/drivers/spi-gpio",
    "mse102x": "/sys/bus/spi/drivers/mse102x",
}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def write_file(path, data):
    """Write all in one go, or fail."""
    data = data.encode() if isinstance(data, str) else data
    fd = os.open(path, os.O_WRONLY)
    try:
        written = os.write(fd, data)
        assert written == len(data), f"{path}: {written} of {len(data)} bytes written"
    finally:
        os.close(fd)


def read_file(path):
    return pathlib.Path(path).read_bytes()


def the_only(found, what):
    """What was found, which must be one, or is not there yet."""
    if not found:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), what)
    assert len(found) == 1, f"{what}: {found}"
    return found[0]


class Modules:
    """The kernel's modules, and ours, by name; those that a module needs are loaded with it."""

    def __init__(self):
        self.paths = {"i2c_loopback": f"{os.environ['MODULES']}/tests/loopback/i2c_loopback.ko",
                      "nvmem_tester": f"{os.environ['NVMEM']}/tests/nvmem_tester.ko"}
        for line in (KERNEL / "modules.order").read_text().splitlines():
            name = pathlib.Path(line).stem
            self.paths[name.replace("-", "_")] = str(KERNEL / line.removesuffix(".o")) + ".ko"

    @staticmethod
    def loaded(name):
        return os.path.exists(f"/sys/module/{name}")

    def load(self, name, *parameters):
        """Does nothing if it is loaded."""
        if self.loaded(name):
            return
        path = self.paths[name]
        for needed in run("modinfo", "-F", "depends", path).stdout.strip().split(","):
            if needed:
                self.load(needed.replace("-", "_"))
        if name in DRIVERS:
            wait_for(f"{DRIVERS[name]} is gone", lambda: not os.path.exists(DRIVERS[name]))
        inserted = run("insmod", path, *parameters)
        assert not inserted.returncode, f"insmod {name}: {inserted.stderr}"

    def remove(self, name):
        """Returns whether it could be removed."""
        return not run("rmmod", name).returncode

    def must_remove(self, *names):
        for name in names:
            if self.loaded(name):
                removed = run("rmmod", name)
                assert not removed.returncode, f"rmmod {name}: {removed.stderr}"


class Eeprom:
    """One EEPROM: address and label in judges.dts, the layout's module if it has one, its image."""

    def __init__(self, address, label, layout, driver, image, cells):
        self.address, self.label = address, label
        self.layout, self.driver = layout, driver
        self.image, self.cells = image, cells
        self.client = f"0-{address:04x}"
        self.target = f"{I2C}/0-1{address:03x}/slave-eeprom"
        self.compat = f"{I2C}/{self.client}/eeprom"

    def plugged(self):
        """Whether both its sides are on the bus."""
        return os.path.exists(self.target) and os.path.exists(f"{I2C}/{self.client}")

    def take(self):
        """Unbind it from our own driver, which gets it first if it is in the kernel."""
        driver = f"{I2C}/{self.client}/driver"
        if os.path.exists(driver) and not os.path.samefile(driver, AT24):
            write_file(f"{driver}/unbind", self.client)

    def fill(self, image=None):
        """Burn the image."""
        write_file(self.target, image or self.image)

    def bind(self):
        write_file(f"{AT24}/bind", self.client)

    def unbind(self):
        write_file(f"{AT24}/unbind", self.client)

    def bound(self):
        return os.path.exists(f"{AT24}/{self.client}")

    def found(self):
        """The folders of nvmem devices with its label."""
        return glob.glob(f"{NVMEM}/{self.label}[0-9]*")

    def folder(self):
        """The folder of its nvmem device, of which there is one."""
        return the_only(self.found(), self.label)

    def nvmem(self):
        return f"{self.folder()}/nvmem"

    def cell(self, name):
        """The path of a cell, by the start of its name."""
        return the_only(glob.glob(f"{self.folder()}/cells/{name}@*"), f"{self.label}'s {name}")

    def cell_names(self):
        folder = f"{self.folder()}/cells"
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def layout_device(self):
        """The name of its layout's device."""
        found = [name for name in os.listdir(f"{LAYOUTS}/devices")
                 if os.path.realpath(f"{LAYOUTS}/devices/{name}/..") == os.path.realpath(self.folder())]
        assert len(found) == 1, f"layouts of {self.label}: {found}"
        return found[0]

    def layout_bound(self):
        return os.path.exists(f"{LAYOUTS}/devices/{self.layout_device()}/driver")

    def expected_cells(self):
        """What sysfs shows, by file name."""
        return {name if "@" in name else f"{name}@{where:x},0": data
                for name, (where, data) in self.cells.items()}


FIXED = bytes((7 * i + 0x18) & 0xFF for i in range(256))

EEPROMS = {eeprom.label: eeprom for eeprom in (
    Eeprom(0x50, "onie", "onie_tlv", "onie-tlv-layout", *images.onie_tlv()),
    Eeprom(0x51, "sl28", "sl28vpd", "kontron-sl28vpd-layout", *images.sl28_vpd()),
    Eeprom(0x52, "env", "u_boot_env", "u-boot-env-layout", *images.u_boot_env()),
    Eeprom(0x53, "fixed", None, "fixed-layout", FIXED, {
        "reboot-mode": (0x10, FIXED[0x10:0x14]),
        "revision@20,3": (0x20, bytes([FIXED[0x20] >> 3 & 0xF])),
    }),
    Eeprom(0x54, "redundant", "u_boot_env", "u-boot-env-layout",
           *images.u_boot_env(env_size=0x200, redundant=True)),
)}
