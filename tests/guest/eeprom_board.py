# SPDX-License-Identifier: GPL-2.0
"""EEPROMs on loopback adapters: the buses, the chips on them, and the transfers between the two.

A chip's bytes are with its targets, i2c-slave-eeprom's, on the same adapter; its nvmem device comes and goes with the
driver of its client.
"""

import collections
import contextlib
import glob
import os
import pathlib
import re

import modules
from judges_board import I2C, Modules, read_file, run, the_only, write_file

DEBUG = "/sys/kernel/debug/i2c_loopback"
DRIVERS = "/sys/bus/i2c/drivers"
OURS = "eeprom-24c"
CORE = f"{os.environ['MODULES']}/nvmem_core.ko"
# The driver is in a module of its own, not in the kernel.
IS_MODULE = os.path.exists(CORE)
# The core is in the kernel all the same: the one in C.
CORE_IN_C = IS_MODULE and os.path.exists("/sys/bus/nvmem")

# The sizes of i2c-slave-eeprom's chips.
SLAVES = {"slave-24c02": 256, "slave-24c32": 4096, "slave-24c64": 8192, "slave-24c512": 65536}

# Messages are (reads, length, first two bytes).
Transfer = collections.namedtuple("Transfer", "address messages errno")

MODULES = Modules()


def parse(line):
    """A line of the adapter's trace."""
    address, *messages, errno = line.split()
    return Transfer(int(address, 16), [
        (message[0] == "r", int(message[1:].partition(":")[0]), bytes.fromhex(message.partition(":")[2]))
        for message in messages], -int(errno))


def load_driver(*parameters):
    """Load our driver, unless it is there."""
    if IS_MODULE and not MODULES.loaded("nvmem_core"):
        run("insmod", CORE, *parameters).check_returncode()


def unload_driver():
    """Returns whether it could be unloaded."""
    return not modules.rmmod("nvmem_core").returncode


class Bus:
    """A loopback adapter: the Nth one."""

    def __init__(self, index):
        self.number = sorted(map(int, os.listdir(DEBUG)))[index]
        self.debug = f"{DEBUG}/{self.number}"

    def new(self, name, address):
        write_file(f"{I2C}/i2c-{self.number}/new_device", f"{name} {address:#x}")

    def delete(self, address):
        write_file(f"{I2C}/i2c-{self.number}/delete_device", f"{address:#x}")

    def fault(self, *words):
        write_file(f"{self.debug}/faults", " ".join(map(str, words)))

    def well(self):
        """No faults, full speed, all capabilities."""
        self.fault("none")
        self.fault("pace", 0)
        self.can("i2c")
        self.imitate("plain")
        write_file(f"{self.debug}/pass", "-1")

    def can(self, functionality):
        write_file(f"{self.debug}/functionality", functionality)

    def imitate(self, controller):
        write_file(f"{self.debug}/controller", controller)

    @contextlib.contextmanager
    def trace(self):
        """A list that has the transfers during the block after it."""
        transfers = []
        write_file(f"{self.debug}/trace", "Y")
        try:
            yield transfers
        finally:
            transfers += map(parse, read_file(f"{self.debug}/trace").decode().strip().splitlines())
            write_file(f"{self.debug}/trace", "N")


class Chip:
    """A chip: its bus, its first address, and the names of its targets, one for each address."""

    def __init__(self, bus, address, *slaves, step=1):
        self.bus, self.address = bus, address
        self.addresses = [address + step * index for index in range(len(slaves))]
        self.slaves = slaves
        self.client = f"{I2C}/{bus.number}-{address:04x}"
        self.name = os.path.basename(self.client)
        self.compat = f"{self.client}/eeprom"

    def targets(self):
        return [f"{I2C}/{self.bus.number}-1{address:03x}/slave-eeprom" for address in self.addresses]

    def fill(self, image):
        """Set the bytes, past the bus."""
        at = 0
        for target, slave in zip(self.targets(), self.slaves):
            size = SLAVES[slave.removesuffix("ro")]
            for part in range(0, size, 4096):
                with open(target, "r+b", buffering=0) as file:
                    file.seek(part)
                    file.write(image[at + part:at + min(part + 4096, size)])
            at += size

    def stored(self):
        """The bytes, past the bus."""
        return b"".join(map(read_file, self.targets()))

    def plug(self):
        for address, slave in zip(self.addresses, self.slaves):
            self.bus.new(slave, 0x1000 | address)

    def unplug(self):
        for address in self.addresses:
            with contextlib.suppress(OSError):
                self.bus.delete(0x1000 | address)

    def driver(self):
        """The name of the driver that is bound to it."""
        link = f"{self.client}/driver"
        return os.path.basename(os.readlink(link)) if os.path.islink(link) else None

    def bind(self, driver=OURS):
        write_file(f"{DRIVERS}/{driver}/bind", self.name)

    def unbind(self):
        write_file(f"{DRIVERS}/{self.driver()}/unbind", self.name)

    def device(self):
        """The name of its nvmem device."""
        return os.path.basename(os.path.dirname(self.file()))

    def file(self):
        """The path of its contents."""
        return the_only(glob.glob(f"{self.client}/*/nvmem"), self.client)

    def read(self, offset, count):
        with open(self.file(), "rb", buffering=0) as file:
            return os.pread(file.fileno(), count, offset)

    def write(self, offset, data):
        with open(self.file(), "r+b", buffering=0) as file:
            return os.pwrite(file.fileno(), data, offset)


def log_since(mark):
    """The kernel log after a line that mark() wrote."""
    return run("dmesg").stdout.rpartition(mark)[2]


def mark(text):
    """Write a line to the kernel log, and return it."""
    line = f"eeprom-test: {text}"
    write_file("/dev/kmsg", line)
    return line


def line_value(number):
    """A line of gpio-sim: whether it is high."""
    found = list(pathlib.Path("/sys/devices/platform").rglob(f"sim_gpio{number}/value"))
    return read_file(the_only(found, f"line {number}")).strip() == b"1"


def has_device_tree():
    return os.path.isdir("/proc/device-tree/i2c/eeprom@50")


def has_overlays():
    return bool(os.environ.get("OVERLAY")) and bool(
        re.search(r" of_overlay_remove$", read_file("/proc/kallsyms").decode(), re.M))
