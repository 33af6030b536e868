# SPDX-License-Identifier: GPL-2.0
"""nvmem providers, consumers and layouts on command: tests/nvmem's nvmem_tester in Python.

Functions return what the kernel's do, and raise OSError where those return an errno. A thread has an open
file of its own, so commands of several threads run at the same time.
"""

import collections
import contextlib
import errno
import itertools
import os
import re
import subprocess
import threading
import unittest

from background import wait_for

# Of the kernel's errnos that are not for user space, the one that the tester shows.
EPROBE_DEFER = 517

# What calls say of a provider that leaves.
GONE = {errno.ENODEV, errno.ENOENT, EPROBE_DEFER}

SYSFS = "/sys/bus/nvmem/devices"
DRIVER = "/sys/bus/platform/drivers/nvmem_tester"

Result = collections.namedtuple("Result", "value text")
_local = threading.local()


def attempt(*words):
    """Run a command: its value, which may be a negative errno, and its text."""
    if not hasattr(_local, "file"):
        _local.file = open("/dev/nvmem_tester", "r+b", buffering=0)
    _local.file.write(" ".join(str(word) for word in words if word != "").encode())
    text = b""
    while piece := _local.file.read(1 << 16):
        text += piece
    value, _, text = text.decode(errors="replace").rstrip("\n").partition(" ")
    return Result(int(value), text)


def hang_up():
    """Close this thread's file, so that the tester can be unloaded."""
    _local.file.close()
    del _local.file


def command(*words):
    """Run a command that is to succeed."""
    result = attempt(*words)
    if result.value < 0:
        raise OSError(-result.value, os.strerror(-result.value), " ".join(map(str, words)))
    return result


def repeat(count, *words):
    """Run a command again and again inside the kernel: how often it returned which value."""
    text = command("repeat", count, *words).text
    return {int(value): int(times) for value, times in (pair.split(":") for pair in text.split())}


def cell(name, **fields):
    """A cell as text: offset, bytes, raw_len, bit_offset, nbits, np (a path), post (see cell_info.c)."""
    return ",".join([name or "-", *(f"{key}:{value}" for key, value in fields.items())])


def options(fields):
    """key=value words; a list gives one for each element, a handle its number."""
    words = []
    for key, value in fields.items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            words.append(f"{key}={int(one) if isinstance(one, bool) else one}")
    return words


class Handle:
    """What a command made, until it is closed: put, unregistered or removed."""

    def __init__(self, *words):
        self.id = command(*words).value

    def __str__(self):
        return str(self.id)

    def close(self):
        command("close", self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Callee(Handle):
    """What has callbacks: providers and layouts."""

    def set(self, **values):
        """delay, post_delay: milliseconds that a callback takes; gate, post_gate: 1 holds callbacks
        until it is 0 again; error: an errno that all reads and writes fail with, or 0; lazy: 1 for reads that
        succeed without writing to the buffer."""
        command("set", self, *options(values))

    def wait_for_calls(self, count=1, seconds=5):
        """Wait until so many callbacks are running."""
        command("await", self, count, int(seconds * 1000))

    def stats(self):
        """Numbers: reads, writes, posts, in_flight; late: freed under a running callback; after: of
        callbacks, in all, that came with what was freed."""
        pairs = (word.split("=") for word in command("stats", self).text.split())
        return {key: int(value) for key, value in pairs}

    def calls(self):
        """The latest 128 callbacks since the last time, as "r:OFFSET+BYTES", "w:..." and
        "p:OFFSET+BYTES:INDEX:ID"."""
        return command("calls", self).text.split()


class Device(Callee):
    """A platform device: a consumer. Unbound at first, as most tests need no more."""

    def __init__(self, name, node=None):
        super().__init__("device", name, node or "-")
        self.name = name

    def bind(self):
        """Bind it to the tester's driver; of a provider, returns the nvmem device's name."""
        return command("bind", self).text

    def unbind(self):
        command("unbind", self)

    def get(self, name, devm=False):
        return Nvmem("devm_get" if devm else "get", self, name or "-")

    def cell(self, con_id, devm=False):
        return Cell("devm_cell_get" if devm else "cell_get", self, con_id or "-")

    def visit(self, name, offset=0, count=4):
        """Get, read, put."""
        return command("visit", self, name or "-", offset, count).value

    def read_number(self, con_id, kind="u32"):
        """nvmem_cell_read_: u8 to u64, or le_u32 and le_u64 for variable_le."""
        return int(command(f"read_{kind}", self, con_id).text)


class Accessible:
    """What nvmem_device_ functions take: a held nvmem device, or a provider's own."""

    def read(self, offset, count):
        return bytes.fromhex(command("read", self, offset, count).text)

    def write(self, offset, data):
        return command("write", self, offset, data.hex() or "-").value

    def nvmem_name(self):
        return command("name", self).text

    def nvmem_size(self):
        return command("size", self).value

    def add_cell(self, text):
        """Add a cell(); only a provider may add one with post-processing."""
        command("add_cell", self, text)

    def info_read(self, text):
        return bytes.fromhex(command("info_read", self, text).text)

    def info_write(self, text, data):
        return command("info_write", self, text, data.hex() or "-").value


class Provider(Device, Accessible):
    """A provider with any configuration, bound to the tester's driver, or registered without one.

    Fields are those of struct nvmem_config, and: cell, keepout (lists of cell() and "START-END:VALUE"),
    base (a device or "self"), legacy (add_legacy_fixed_of_cells), fixup, ops ("rw", "r", "w", "-"),
    devm, dev="none", owner="tester", through (a provider that is written to as well; or "self", "bits": the callback
    writes all of it, or 3 bits from bit 2 on, to its own device, 64 bytes further). Its bytes are pattern() at first.
    """

    def __init__(self, device, node=None, **fields):
        fields.setdefault("name", device)
        Handle.__init__(self, "provider", device, node or "-", *options(fields))
        self.name = device

    def register(self):
        return command("register", self).text

    def unregister(self):
        command("unregister", self)

    def peek(self, offset, count):
        """The bytes themselves, past the core."""
        return bytes.fromhex(command("peek", self, offset, count).text)

    def poke(self, offset, data):
        command("poke", self, offset, data.hex())


class Nvmem(Handle, Accessible):
    """An nvmem device that is held; made by Device.get(), find() and others."""

    def has_container(self):
        """Whether of_nvmem_layout_get_container() finds one."""
        return bool(command("container", self).value)


class Cell(Handle):
    """A cell that is held; made by Device.cell() and of_cell()."""

    def read(self):
        return bytes.fromhex(command("cell_read", self).text)

    def write(self, data):
        return command("cell_write", self, data.hex() or "-").value


class Lookup(Handle):
    """Look-up entries of (nvmem name, cell name, device name, con_id)."""

    def __init__(self, *entries):
        super().__init__("lookup", *(word for entry in entries for word in entry))


class Notifier(Handle):
    """hold: gets a device when it is added, puts it when it is removed. lookup: "DEVICE,CON-ID" of a cell
    that is got and put at each event. priority."""

    NAMES = {1: "ADD", 2: "REMOVE", 3: "CELL_ADD", 4: "CELL_REMOVE", 5: "LAYOUT_ADD", 6: "LAYOUT_REMOVE"}

    def __init__(self, **fields):
        super().__init__("notifier", *options(fields))

    def events(self):
        """(event, name) since the last time, with the cell's errno third if it looks one up."""
        words = (word.split(":") for word in command("events", self).text.split())
        return [(self.NAMES[int(event)], *rest) for event, *rest in words]

    def hold_up(self, event=None):
        """Hold up those who report an event of this name, until this is called for another one or none."""
        numbers = {name: number for number, name in self.NAMES.items()}
        command("notifier_gate", self, numbers.get(event, 0))


class Layout(Callee):
    """A layout driver. cell: list of cell(); probe, fail: errnos of probing, and of adding cells after
    `after` of them; no_add; no_unregister: remove() leaves the cells to the core; dt: the device tree's cells
    too; read: bytes to read before."""

    _names = itertools.count()

    def __init__(self, compatible="test,layout", **fields):
        # With DEBUG_KOBJECT_RELEASE names are free again seconds later only.
        name = f"tester-layout-{next(self._names)}"
        super().__init__("layout", name, compatible, *options(fields))

    def unregister(self):
        """nvmem_layout_unregister(), outside of the driver's remove()."""
        command("layout_unregister", self)

    def read_result(self):
        return attempt("layout_read", self).value


class Overlay(Handle):
    """A device-tree overlay, tests/nvmem/overlay.dtso."""

    def __init__(self):
        super().__init__("overlay", read_file(f"{os.environ['NVMEM']}/overlay.dtbo").hex())


def find(name):
    return Nvmem("find", name)


def find_node(path):
    return Nvmem("find_node", path)


def of_get(path, name=None):
    return Nvmem("of_get", path, name or "-")


def of_cell(path, con_id=None):
    return Cell("of_cell_get", path, con_id or "-")


def pattern(count, offset=0):
    """What a new provider's bytes are."""
    return bytes(7 * i + (i >> 8) & 0xFF for i in range(offset, offset + count))


def has_device_tree():
    return os.path.isdir("/proc/device-tree/consumer")


def has_overlays():
    return has_device_tree() and re.search("^overlay ", command("help").text, re.M)


def modprobe(name, *parameters):
    """Load one of the test modules."""
    folder = "guarded" if os.environ.get("GUARDED") else "tests"
    return subprocess.run(["insmod", f"{os.environ['NVMEM']}/{folder}/{name}.ko", *parameters],
                          capture_output=True, text=True)


def write_file(path, text):
    with open(path, "w") as file:
        file.write(text)


def write_bytes(path, data, offset=0):
    with open(path, "r+b", buffering=0) as file:
        file.seek(offset)
        file.write(data)


def read_file(path, count=-1, offset=0):
    with open(path, "rb", buffering=0) as file:
        file.seek(offset)
        return file.read(count)


class Case(unittest.TestCase):
    """Every test begins and ends with nothing open."""

    def setUp(self):
        command("reset")
        self.addCleanup(command, "reset")

    @contextlib.contextmanager
    def errno(self, number):
        """The block fails with this errno."""
        with self.assertRaises(OSError) as caught:
            yield
        self.assertEqual(caught.exception.errno, number, str(caught.exception))
