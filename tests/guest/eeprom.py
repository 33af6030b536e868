# SPDX-License-Identifier: GPL-2.0
"""The EEPROM driver: bytes, traffic, refusals, power, and removal during a read.

The first adapter has the chips of eeprom.dts; on the second one each test plugs its own.
"""

import contextlib
import errno
import os
import random
import stat
import time
import unittest

import kernel_log
import ktap
import nvmem
from background import Background, wait_for
from eeprom_board import (
    CORE_IN_C, IS_MODULE, MODULES, OURS, Bus, Chip, has_device_tree, has_overlays, line_value, load_driver, log_since, mark,
    unload_driver,
)
from judges_board import I2C, read_file, run, write_file

# The names of chips, the targets that make one, size, bytes that address the memory.
KINDS = (
    ("24c02", ("slave-24c02",), 256, 1),
    ("24c32", ("slave-24c32",), 4096, 2),
    ("24c64", ("slave-24c64",), 8192, 2),
    ("24c512", ("slave-24c512",), 65536, 2),
)

IO_LIMIT = 128


def image(size, seed=1):
    return random.Random(seed).randbytes(size)


def named(number):
    """An errno in the kernel log: names are there with CONFIG_SYMBOLIC_ERRNAME only."""
    return rf"({errno.errorcode[number]}|Error\({number}\))"


def load_bus():
    for name in ("gpio_sim", "fixed", "i2c_slave_eeprom"):
        if name in MODULES.paths:
            MODULES.load(name)
    MODULES.load("i2c_loopback", "adapters=2")


def unload_bus():
    MODULES.must_remove("i2c_loopback")


class Case(kernel_log.Quiet):
    """Each test has the buses, and a driver without a device on the second one."""

    def setUp(self):
        super().setUp()
        load_bus()
        load_driver()
        self.bus = Bus(1)
        self.board = Bus(0)
        for bus in (self.bus, self.board):
            bus.well()
            self.addCleanup(self.make_well, bus)

    @staticmethod
    def make_well(bus):
        if os.path.exists(bus.debug):
            bus.well()

    @contextlib.contextmanager
    def errno(self, *numbers):
        with self.assertRaises(OSError) as raised:
            yield
        self.assertIn(raised.exception.errno, numbers, os.strerror(raised.exception.errno))

    def plug(self, name, address, *slaves):
        """A chip on the second adapter, with contents."""
        chip = Chip(self.bus, address, *slaves)
        self.addCleanup(chip.unplug)
        chip.plug()
        if slaves:
            chip.fill(image(len(chip.stored())))
        self.addCleanup(self.delete, chip)
        self.bus.new(name, address)
        return chip

    def bound(self, name, address, *slaves):
        chip = self.plug(name, address, *slaves)
        self.assertEqual(chip.driver(), OURS)
        return chip

    def bound_before(self, name, address, *slaves):
        """The same, with a client that is older than its targets, so that an adapter removes it first."""
        self.bus.new(name, address)
        chip = Chip(self.bus, address, *slaves)
        self.addCleanup(self.delete, chip)
        chip.plug()
        self.addCleanup(chip.unplug)
        chip.fill(image(len(chip.stored())))
        chip.bind()
        return chip

    def delete(self, chip):
        if os.path.exists(chip.client):
            self.bus.delete(chip.address)

    def on_board(self, address, *slaves):
        """A chip of the device tree."""
        if not has_device_tree():
            self.skipTest("no device tree")
        chip = Chip(self.board, address, *slaves)
        wait_for(f"{chip.name} is bound", chip.driver)
        chip.fill(image(len(chip.stored()), address))
        return chip

    def assert_bytes(self, chip, wanted, offset=0):
        got = chip.read(offset, len(wanted))
        self.assertEqual(got, wanted, f"{chip.name} at {offset:#x}")


class Bytes(Case):
    """Contents, at all borders."""

    def exercise(self, chip, size, page, seed=2, count=150):
        """Random reads and writes against a copy, most of them at borders."""
        some = random.Random(seed)
        model = bytearray(chip.stored())
        self.assertEqual(len(model), size)
        borders = [0, page, IO_LIMIT, 256, size // 2, size - page, size]
        with open(chip.file(), "r+b", buffering=0) as file:
            fd = file.fileno()
            for _ in range(count):
                offset = some.choice([some.randrange(size),
                                      max(0, min(size - 1, some.choice(borders) + some.randrange(-3, 4)))])
                length = some.choice([1, 2, 3, page, IO_LIMIT + 1, some.randrange(1, 400)])
                wanted = model[offset:offset + length]
                if some.randrange(2):
                    self.assertEqual(os.pread(fd, length, offset), wanted, f"{length} at {offset:#x}")
                else:
                    data = some.randbytes(len(wanted))
                    self.assertEqual(os.pwrite(fd, data, offset), len(data))
                    model[offset:offset + len(data)] = data
                    self.assertEqual(os.pread(fd, length, offset), data, f"{length} at {offset:#x}")
        self.assertEqual(chip.stored(), model)
        self.assertEqual(b"".join(chip.read(at, 4096) for at in range(0, size, 4096)), model)

    def test_all_kinds(self):
        for name, slaves, size, _ in KINDS:
            with self.subTest(name):
                chip = self.bound(name, 0x50, *slaves)
                self.exercise(chip, size, 1)
                self.delete(chip)
                chip.unplug()

    def test_several_addresses(self):
        self.exercise(self.on_board(0x54, "slave-24c02", "slave-24c02"), 512, 16)
        self.exercise(self.on_board(0x5a, "slave-24c512", "slave-24c512"), 131072, 256)

    def test_properties_override_the_kind(self):
        chip = self.on_board(0x60, "slave-24c64")
        self.assertEqual(os.stat(chip.file()).st_size, 8192)
        self.exercise(chip, 8192, 64)
        # Both addresses are reserved.
        self.assertEqual(read_file(f"{I2C}/{self.board.number}-0061/name"), b"dummy\n")

    def test_past_the_end(self):
        chip = self.bound("24c02", 0x50, "slave-24c02")
        self.assertEqual(chip.read(250, 100), chip.stored()[250:])
        self.assertEqual(chip.read(256, 1), b"")
        with self.errno(errno.EFBIG):
            chip.write(256, b"x")

    def test_a_consumer_past_the_end(self):
        chip = self.bound("24c02", 0x50, "slave-24c02")
        MODULES.load("nvmem_tester")
        self.addCleanup(MODULES.must_remove, "nvmem_tester")
        self.addCleanup(nvmem.hang_up)
        with nvmem.find(chip.device()) as held, self.bus.trace() as transfers:
            for offset, count in ((250, 7), (256, 1), (0xffffffff, 2), (0xffffff00, 256)):
                with self.errno(errno.EINVAL):
                    held.read(offset, count)
                with self.errno(errno.EINVAL):
                    held.write(offset, bytes(count))
        self.assertEqual(transfers, [])

    def test_kinds_that_have_an_offset(self):
        for name, slave, size, first in (("24cs02", "slave-24c02", 16, 0x80), ("24cs32", "slave-24c32", 16, 0x800),
                                         ("24mac402", "slave-24c02", 6, 0x9a), ("24mac602", "slave-24c02", 8, 0x98),
                                         ("24aa025e48", "slave-24c02", 6, 0)):
            with self.subTest(name):
                chip = self.bound(name, 0x58, slave)
                self.assert_bytes(chip, chip.stored()[first:first + size])
                self.assertEqual(chip.read(size, 1), b"")
                with self.errno(errno.EPERM, errno.EACCES, errno.EBADF):
                    chip.write(0, b"x")
                self.delete(chip)
                chip.unplug()

    def test_eight_addresses(self):
        chip = self.bound("24c00", 0x50, "slave-24c02")
        self.assertEqual(os.stat(chip.file()).st_size, 16)
        for address in range(0x51, 0x58):
            self.assertEqual(read_file(f"{I2C}/{self.bus.number}-{address:04x}/name"), b"dummy\n")
        self.delete(chip)
        self.assertFalse(os.path.exists(f"{I2C}/{self.bus.number}-0051"))

    def test_addresses_that_are_apart(self):
        """A 24c1025 has its second half four addresses higher."""
        chip = Chip(self.bus, 0x50, "slave-24c512", "slave-24c512", step=4)
        self.addCleanup(chip.unplug)
        chip.plug()
        chip.fill(image(131072))
        self.bus.new("24c1025", 0x50)
        self.addCleanup(self.delete, chip)
        self.assert_bytes(chip, chip.stored()[65536:65536 + 300], 65536)


class Traffic(Case):
    """The transfers that accesses make."""

    def check_writes(self, transfers, offset, data, page, width, base):
        """Each byte was written once, in order, and no transfer crosses a page. Returns the lengths."""
        at, lengths = offset, []
        span = 1 << 8 * width
        for transfer in transfers:
            if transfer.errno:
                continue
            ((reads, length, first),) = transfer.messages
            self.assertFalse(reads)
            self.assertEqual(transfer.address, base + at // span)
            self.assertEqual(int.from_bytes(first[:width], "big"), at % span)
            length -= width
            self.assertEqual(at // page, (at + length - 1) // page, f"{length} at {at:#x} crosses a page")
            self.assertLessEqual(length, IO_LIMIT)
            at += length
            lengths.append(length)
        self.assertEqual(at, offset + len(data))
        return lengths

    def test_writes_end_with_a_page(self):
        for address, slaves, page, width, wanted in (
                (0x54, ("slave-24c02",) * 2, 16, 1, [6, *[16] * 12, 2]),
                (0x5a, ("slave-24c512",) * 2, 256, 2, [128, 128, 10])):
            chip = self.on_board(address, *slaves)
            if page == 16:
                offset, data = 250 - 16 * 6, image(200)
            else:
                offset, data = 65536 - 256, image(266)
            with self.subTest(address), self.board.trace() as transfers:
                chip.write(offset, data)
            lengths = self.check_writes(transfers, offset, data, page, width, address)
            self.assertEqual(lengths, wanted)
            self.assert_bytes(chip, data, offset)

    def test_reads_are_limited(self):
        chip = self.bound("24c64", 0x50, "slave-24c64")
        with self.bus.trace() as transfers:
            chip.read(100, 300)
        self.assertEqual([transfer.messages for transfer in transfers], [
            [(False, 2, (100 + at).to_bytes(2, "big")), (True, length, b"")]
            for at, length in ((0, 128), (128, 128), (256, 44))])

    def test_reads_stop_at_an_address(self):
        chip = self.on_board(0x54, "slave-24c02", "slave-24c02")
        with self.board.trace() as transfers:
            self.assert_bytes(chip, chip.stored()[200:400], 200)
        self.assertEqual([(one.address, one.messages[1][1]) for one in transfers],
                         [(0x54, 56), (0x55, 128), (0x55, 16)])

    def test_a_chip_that_rolls_over_is_read_across_addresses(self):
        """i2c-slave-eeprom does not roll over: only the transfers are checked, not the bytes."""
        chip = self.bound("24c04", 0x50, "slave-24c02", "slave-24c02")
        with self.bus.trace() as transfers:
            chip.read(200, 100)
        self.assertEqual([(one.address, one.messages[1][1]) for one in transfers], [(0x50, 100)])

    def test_without_a_page_size_bytes_are_written_one_by_one(self):
        chip = self.bound("24c02", 0x50, "slave-24c02")
        with self.bus.trace() as transfers:
            chip.write(10, b"abcd")
        self.assertEqual(self.check_writes(transfers, 10, b"abcd", 1, 1, 0x50), [1] * 4)


class Smbus(Case):
    """Adapters that have no i2c messages of their own."""

    def setUp(self):
        super().setUp()
        # i2c-slave-eeprom counts its address up when the controller asks for the next byte, not after a byte was read
        # as an EEPROM does. This controller asks for one byte too many.
        self.bus.imitate("stm32f7")

    def exercise(self, functionality, name, slave):
        self.bus.can(functionality)
        chip = self.bound(name, 0x50, slave)
        model = bytearray(chip.stored())
        for offset, length in ((0, 1), (5, 32), (30, 70), (len(model) - 3, 3)):
            self.assert_bytes(chip, bytes(model[offset:offset + length]), offset)
            data = image(length, offset)
            chip.write(offset, data)
            model[offset:offset + length] = data
            self.assertEqual(chip.stored(), model)
        self.delete(chip)
        chip.unplug()

    def test_blocks(self):
        self.exercise("blocks", "24c02", "slave-24c02")
        self.exercise("blocks", "24c32", "slave-24c32")

    def test_bytes(self):
        self.exercise("bytes", "24c02", "slave-24c02")
        self.exercise("bytes", "24c32", "slave-24c32")

    def test_blocks_have_32_bytes(self):
        self.bus.can("blocks")
        chip = self.bound("24c02", 0x50, "slave-24c02")
        with self.bus.trace() as transfers:
            chip.read(0, 70)
        self.assertEqual([one.messages[1][1] for one in transfers], [32, 32, 6])

    def test_nothing(self):
        self.bus.can("none")
        begin = mark("none")
        chip = self.plug("24c02", 0x50, "slave-24c02")
        self.assertIsNone(chip.driver())
        self.assertIn("the adapter can do neither i2c nor the SMBus transfers of this chip", log_since(begin))


class Polling(Case):
    """Chips that are busy, or do not answer."""

    def test_a_chip_that_stores_its_page(self):
        chip = self.on_board(0x54, "slave-24c02", "slave-24c02")
        self.board.fault("busy", "*", 1, 6)
        data = image(64)
        with self.board.trace() as transfers:
            chip.write(32, data)
        self.assertEqual(chip.stored()[32:96], data)
        refused = [one for one in transfers if one.errno == errno.ENXIO]
        # Pages 2 to 4 find it busy, and the first of them not for the whole time.
        self.assertGreaterEqual(len(refused), 3)
        self.assertEqual(len(transfers) - len(refused), 4)
        # A read waits as well.
        self.assert_bytes(chip, data, 32)

    def test_the_deadline(self):
        chip = self.on_board(0x54, "slave-24c02", "slave-24c02")
        before = chip.stored()
        chip.write(0, b"0123456789abcdef")
        self.board.fault("fails", "54", errno.ENXIO)
        for call in (lambda: chip.read(0, 300), lambda: chip.write(16, image(64))):
            with self.subTest(), self.board.trace() as transfers:
                begin = time.monotonic()
                with self.errno(errno.ETIMEDOUT):
                    call()
                took = time.monotonic() - begin
            self.assertGreaterEqual(took, 0.025)
            self.assertLess(took, 2)
            self.assertGreater(len(transfers), 2)
            self.assertEqual({one.messages[0][2] for one in transfers}, {transfers[0].messages[0][2]})
        self.board.fault("none")
        self.assert_bytes(chip, b"0123456789abcdef" + before[16:], 0)

    def test_the_pages_before_the_deadline_are_written(self):
        chip = self.on_board(0x54, "slave-24c02", "slave-24c02")
        before = chip.stored()
        # The second address fails, the first one does not.
        self.board.fault("fails", "55", errno.ENXIO)
        data = image(40)
        with self.errno(errno.ETIMEDOUT):
            chip.write(240, data)
        self.assertEqual(chip.stored(), before[:240] + data[:16] + before[256:])
        self.board.fault("none")
        chip.write(240, data)
        self.assertEqual(chip.stored()[240:280], data)

    def test_the_deadline_is_a_parameter(self):
        if not IS_MODULE:
            self.skipTest("the driver is in the kernel: its parameter is on the kernel's command line")
        unload_bus()
        self.assertTrue(unload_driver())
        load_driver("eeprom_write_timeout=300")
        self.addCleanup(self.load_again)
        load_bus()
        chip = self.bound("24c02", 0x50, "slave-24c02")
        self.bus.fault("fails", "50", errno.ENXIO)
        begin = time.monotonic()
        with self.errno(errno.ETIMEDOUT):
            chip.read(0, 1)
        self.assertGreaterEqual(time.monotonic() - begin, 0.3)

    @staticmethod
    def load_again():
        unload_bus()
        assert unload_driver()
        load_driver()

    def test_an_adapter_that_is_gone_is_not_polled(self):
        chip = self.bound("24c64", 0x50, "slave-24c64")
        for number in (errno.ENODEV, errno.ESHUTDOWN, errno.EINVAL):
            self.bus.fault("none")
            self.bus.fault("fails", "*", number)
            for call in (lambda: chip.read(0, 4096), lambda: chip.write(0, image(4096))):
                with self.subTest(number), self.bus.trace() as transfers, self.errno(number):
                    call()
                self.assertEqual(len(transfers), 1)
        self.bus.fault("none")
        self.assert_bytes(chip, chip.stored()[:4096])

    def test_an_absent_chip(self):
        begin = mark("absent")
        chip = self.plug("24c02", 0x50)
        self.assertIsNone(chip.driver())
        self.assertRegex(log_since(begin), rf"no EEPROM answers at 0x50: {named(errno.ETIMEDOUT)}")
        with self.errno(errno.ENODEV):
            chip.bind()
        # It is plugged in later.
        self.bus.new("slave-24c02", 0x1050)
        self.addCleanup(self.bus.delete, 0x1050)
        chip.bind()
        self.assert_bytes(chip, b"\xff" * 16)


class Refusals(Case):
    """Devices that are not bound, and the reason in the log."""

    MESSAGES = {
        0x20: "refused: pagesize is 24, not a power of 2",
        0x21: "refused: pagesize is 0, not a power of 2",
        0x22: "refused: pagesize is 512: larger than the size, 256, or than the 256 bytes of an address",
        0x23: "refused: size is 0",
        0x24: "refused: size is 4096: 8 addresses of 256 bytes do not reach that far",
        0x25: "refused: size is 512: 1 addresses of 256 bytes do not reach that far",
        0x26: "refused: num-addresses is 9, not between 1 and 8",
        0x27: "refused: address-width is 12, not 8 or 16",
        0x28: "refused: size is 200, too large for the chip's Mac",
        0x7c: "refused: the last of the addresses is 0x83, and 0x7f is the highest there is",
        0x68: "no EEPROM answers at 0x68",
    }

    def test_properties(self):
        if not has_device_tree():
            self.skipTest("no device tree")
        for address, message in self.MESSAGES.items():
            with self.subTest(address):
                chip = Chip(self.board, address)
                self.assertIsNone(chip.driver())
                begin = mark(f"{address:x}")
                with self.board.trace() as transfers, self.errno(errno.EINVAL, errno.ENODEV):
                    chip.bind()
                self.assertIn(f"{OURS} {chip.name}: {message}", log_since(begin))
                if "refused" in message:
                    self.assertEqual(transfers, [])

    def test_an_address_that_is_taken(self):
        self.bus.new("other", 0x52)
        begin = mark("taken")
        chip = self.plug("24c16", 0x50, *["slave-24c02"] * 2)
        self.assertIsNone(chip.driver())
        self.assertRegex(log_since(begin), rf"cannot reserve address 0x52: {named(errno.EBUSY)}")
        # Those that were reserved before are free again.
        self.assertFalse(os.path.exists(f"{I2C}/{self.bus.number}-0051"))
        self.bus.delete(0x52)
        chip.bind()
        self.assertTrue(os.path.exists(f"{I2C}/{self.bus.number}-0051"))

    def test_the_driver_is_no_chip(self):
        chip = self.plug("at24", 0x50, "slave-24c02")
        self.assertIsNone(chip.driver())

    def test_a_chip_can_be_bound_after_all_that(self):
        self.assert_bytes(self.bound("24c02", 0x50, "slave-24c02"), image(256))


class Files(Case):
    """Files in sysfs: names, modes, writes."""

    @staticmethod
    def mode(path):
        return stat.S_IMODE(os.stat(path).st_mode)

    def test_names(self):
        chip = self.bound("24c02", 0x50, "slave-24c02")
        self.assertRegex(chip.device(), rf"^{chip.name}[0-9]+$")
        self.assertEqual(read_file(f"{chip.client}/{chip.device()}/type"), b"EEPROM\n")
        self.assertRegex(self.on_board(0x51, "slave-24c32").device(), r"^supplied[0-9]+$")

    def test_the_eeprom_file(self):
        chip = self.bound("24c02", 0x50, "slave-24c02")
        self.assertEqual(self.mode(chip.compat), 0o600)
        self.assertEqual(self.mode(chip.file()), 0o600)
        self.assertEqual(read_file(chip.compat), chip.stored())
        with open(chip.compat, "r+b", buffering=0) as file:
            os.pwrite(file.fileno(), b"old name", 100)
        self.assertEqual(chip.stored()[100:108], b"old name")
        fd = os.open(chip.compat, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        chip.unbind()
        self.assertFalse(os.path.exists(chip.compat))
        with self.errno(errno.ENODEV):
            os.pread(fd, 1, 0)

    def test_everybody_reads_spd(self):
        chip = self.bound("spd", 0x50, "slave-24c02")
        self.assertEqual(self.mode(chip.file()), 0o444)
        self.assertEqual(self.mode(chip.compat), 0o444)

    def test_the_sensor_of_a_memory_module(self):
        chip = Chip(self.bus, 0x53, "slave-24c02")
        chip.plug()
        self.addCleanup(chip.unplug)
        content = bytearray(256)
        content[2], content[32] = 11, 0x80
        chip.fill(bytes(content))
        self.bus.new("spd", 0x53)
        self.addCleanup(self.delete, chip)
        sensor = f"{I2C}/{self.bus.number}-001b"
        self.assertEqual(read_file(f"{sensor}/name"), b"jc42\n")
        # The adapter's, as at24 leaves it; the second time it is there already.
        chip.unbind()
        self.assertTrue(os.path.exists(sensor))
        chip.bind()

    def test_private_bytes(self):
        chip = self.bound("24c02-vaio", 0x50, "slave-24c02")
        stored = chip.stored()
        self.assertEqual(read_file(chip.compat), stored)
        got = bytes.fromhex(run("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--reuid=65534", "--clear-groups",
                                "od", "-An", "-v", "-tx1", chip.compat).stdout)
        wanted = bytes(0 if at < 0x20 or 0xc0 <= at < 0xe0 else byte for at, byte in enumerate(stored))
        self.assertEqual(got, wanted)

    def test_read_only(self):
        chip = self.on_board(0x58, "slave-24c02")
        for path in (chip.file(), chip.compat):
            self.assertEqual(self.mode(path), 0o400)
            self.assertEqual(read_file(path), chip.stored())
        MODULES.load("nvmem_tester")
        self.addCleanup(MODULES.must_remove, "nvmem_tester")
        self.addCleanup(nvmem.hang_up)
        with nvmem.find(chip.device()) as held, self.board.trace() as transfers:
            with self.errno(errno.EPERM):
                held.write(0, b"x")
        self.assertEqual(transfers, [])

    def test_a_read_only_target(self):
        """The chip acknowledges a write, and keeps its bytes."""
        chip = self.bound("24c02", 0x50, "slave-24c02ro")
        before = chip.stored()
        chip.write(0, b"x")
        self.assertEqual(chip.stored(), before)

    def test_the_write_protect_line(self):
        chip = self.on_board(0x50, "slave-24c02")
        self.assertTrue(line_value(0))
        force = f"{os.path.dirname(chip.file())}/force_ro"
        # A device with a line is read-only at first.
        write_file(force, "1")
        with self.errno(errno.EPERM, errno.EACCES):
            chip.write(0, b"protected")
        write_file(force, "0")
        self.addCleanup(write_file, force, "1")
        write_file(f"{self.board.debug}/pass", "0")
        writer = Background(chip.write, 0, b"unprotected")
        wait_for("the write is at the bus", lambda: read_file(f"{self.board.debug}/pass").strip() == b"1")
        self.assertFalse(line_value(0))
        write_file(f"{self.board.debug}/pass", "-1")
        self.assertEqual(writer.result(), 11)
        self.assertTrue(line_value(0))
        write_file(force, "1")
        with self.errno(errno.EPERM, errno.EACCES):
            chip.write(0, b"protected")
        self.assertEqual(chip.stored()[:11], b"unprotected")

    def test_two_writers_take_turns_at_the_line(self):
        chip = self.on_board(0x50, "slave-24c02")
        force = f"{os.path.dirname(chip.file())}/force_ro"
        write_file(force, "0")
        self.addCleanup(write_file, force, "1")
        gate = f"{self.board.debug}/pass"
        waits = lambda: read_file(gate).strip() == b"1"
        write_file(gate, "0")
        self.addCleanup(write_file, gate, "-1")
        first = Background(chip.write, 0, b"1" * 8)
        wait_for("the first write is at the bus", waits)
        second = Background(chip.write, 8, b"2" * 8)
        second.join(0.5)
        write_file(gate, "1")
        self.assertEqual(first.result(), 8)
        wait_for("the second write is at the bus", waits)
        self.assertFalse(line_value(0), "protected by the first writer under the second one")
        write_file(gate, "-1")
        self.assertEqual(second.result(), 8)
        self.assertTrue(line_value(0))
        self.assertEqual(chip.stored()[:16], b"1" * 8 + b"2" * 8)


class Power(Case):
    """The supply, and runtime power management."""

    def chip(self):
        chip = self.on_board(0x51, "slave-24c32")
        wait_for("the supply is off", lambda: not line_value(1))
        return chip

    def status(self, chip):
        return read_file(f"{chip.client}/power/runtime_status").decode().strip()

    def test_the_supply_is_on_during_accesses(self):
        chip = self.chip()
        self.assertEqual(self.status(chip), "suspended")
        for call in (lambda: chip.read(0, 16), lambda: chip.write(0, b"x" * 16)):
            write_file(f"{self.board.debug}/pass", "0")
            accessor = Background(call)
            wait_for("it is at the bus", lambda: read_file(f"{self.board.debug}/pass").strip() == b"1")
            self.assertTrue(line_value(1))
            self.assertEqual(self.status(chip), "active")
            write_file(f"{self.board.debug}/pass", "-1")
            accessor.result()
            wait_for("the supply is off", lambda: not line_value(1))
            self.assertEqual(self.status(chip), "suspended")

    def test_the_supply_is_off_after_an_error(self):
        chip = self.chip()
        self.board.fault("fails", "51", errno.ENODEV)
        with self.errno(errno.ENODEV):
            chip.read(0, 16)
        wait_for("the supply is off", lambda: not line_value(1))

    def test_the_supply_stays_on_if_user_space_says_so(self):
        chip = self.chip()
        control = f"{chip.client}/power/control"
        write_file(control, "on")
        self.addCleanup(write_file, control, "auto")
        wait_for("the supply is on", lambda: line_value(1))
        chip.read(0, 16)
        time.sleep(0.1)
        self.assertTrue(line_value(1))
        chip.unbind()
        self.assertFalse(line_value(1), "unbound, and the supply is on")
        chip.bind()
        self.assertTrue(line_value(1))
        write_file(control, "auto")
        wait_for("the supply is off", lambda: not line_value(1))

    def test_a_probe_that_fails_switches_off(self):
        if not has_device_tree():
            self.skipTest("no device tree")
        chip = Chip(self.board, 0x68)
        write_file(f"{self.board.debug}/pass", "0")
        binder = Background(chip.bind)
        wait_for("it is at the bus", lambda: read_file(f"{self.board.debug}/pass").strip() == b"1")
        self.assertTrue(line_value(2))
        write_file(f"{self.board.debug}/pass", "-1")
        self.assertEqual(binder.result(), "ENODEV")
        self.assertFalse(line_value(2))

    def test_unbinding_and_binding_again(self):
        chip = self.chip()
        for _ in range(20):
            chip.unbind()
            self.assertFalse(line_value(1))
            chip.bind()
            self.assert_bytes(chip, chip.stored()[:64])
        wait_for("the supply is off", lambda: not line_value(1))


class Leaving(Case):
    """Removal during a read of two seconds: the read gets its bytes, the next one ENODEV."""

    COUNT = 4096
    # 32 transfers of 130 bytes.
    PACE = 480

    def during_a_read(self, chip, remove, bus):
        """Remove something during a read; returns the file, which is still open."""
        wanted = chip.stored()[:self.COUNT]
        fd = os.open(chip.file(), os.O_RDONLY)
        self.addCleanup(os.close, fd)
        bus.fault("pace", self.PACE)
        begin = time.monotonic()
        reader = Background(os.pread, fd, self.COUNT, 0)
        time.sleep(0.5)
        self.assertTrue(reader.is_alive(), "the read is over")
        remove()
        # The removal waits for the read.
        self.assertGreater(time.monotonic() - begin, 1.5)
        self.assertEqual(reader.result(5), wanted)
        with self.errno(errno.ENODEV):
            os.pread(fd, 16, 0)
        return fd

    def again(self, chip):
        """The same chip, plugged in again, with its bytes."""
        wait_for(f"{chip.name} is bound", lambda: chip.driver() == OURS)
        if os.path.exists(chip.bus.debug):
            chip.bus.well()
        chip.fill(image(len(chip.stored())))
        self.assert_bytes(chip, image(len(chip.stored()))[:self.COUNT])

    def consumer(self, chip):
        """A consumer that holds the device."""
        MODULES.load("nvmem_tester")
        held = nvmem.find(chip.device())
        self.assertEqual(held.read(0, 4), chip.stored()[:4])
        return held

    def gone(self, held):
        with self.errno(errno.ENODEV):
            held.read(0, 4)
        held.close()
        nvmem.hang_up()
        MODULES.must_remove("nvmem_tester")

    def test_the_client(self):
        chip = self.bound("24c32", 0x50, "slave-24c32")
        held = self.consumer(chip)
        fd = self.during_a_read(chip, lambda: self.bus.delete(0x50), self.bus)
        self.gone(held)
        self.bus.new("24c32", 0x50)
        self.again(chip)
        with self.errno(errno.ENODEV):
            os.pread(fd, 16, 0)

    def test_the_driver_is_unbound(self):
        chip = self.bound("24c32", 0x50, "slave-24c32")
        held = self.consumer(chip)
        self.during_a_read(chip, chip.unbind, self.bus)
        self.gone(held)
        chip.bind()
        self.again(chip)

    def test_the_adapter(self):
        chip = self.bound_before("24c32", 0x50, "slave-24c32")
        held = self.consumer(chip)
        self.during_a_read(chip, unload_bus, self.bus)
        self.gone(held)
        load_bus()
        self.bus = Bus(1)
        self.bus.new("slave-24c32", 0x1050)
        self.bus.new("24c32", 0x50)
        self.again(Chip(self.bus, 0x50, "slave-24c32"))

    def test_the_adapter_with_several_addresses(self):
        chip = self.bound_before("24c16", 0x50, *["slave-24c02"] * 8)
        fd = os.open(chip.file(), os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.bus.fault("pace", self.PACE)
        reader = Background(os.pread, fd, 2048, 0)
        time.sleep(0.3)
        unload_bus()
        self.assertEqual(len(reader.result(5)), 2048)
        with self.errno(errno.ENODEV):
            os.pread(fd, 16, 0)

    def test_the_chip(self):
        """Only the target is removed: the read gets ETIMEDOUT after the deadline."""
        chip = self.bound("24c32", 0x50, "slave-24c32")
        self.bus.fault("pace", self.PACE)
        reader = Background(chip.read, 0, self.COUNT)
        time.sleep(0.5)
        chip.unplug()
        self.assertEqual(reader.result(1), "ETIMEDOUT")
        chip.plug()
        self.again(chip)

    def test_the_adapter_is_pulled_out(self):
        """A USB adapter's transfers fail with ENODEV from one moment to the next."""
        chip = self.bound("24c32", 0x50, "slave-24c32")
        self.bus.fault("pace", self.PACE)
        reader = Background(chip.read, 0, self.COUNT)
        time.sleep(0.5)
        begin = time.monotonic()
        self.bus.fault("fails", "*", errno.ENODEV)
        self.assertEqual(reader.result(5), "ENODEV")
        self.assertLess(time.monotonic() - begin, 1)
        self.bus.well()
        self.again(chip)

    def test_the_module(self):
        if not IS_MODULE:
            self.skipTest("the driver is in the kernel")
        chip = self.bound("24c32", 0x50, "slave-24c32")
        self.during_a_read(chip, lambda: self.assertTrue(unload_driver(), "rmmod nvmem_core"), self.bus)
        load_driver()
        self.again(chip)

    def test_a_module_that_is_in_use(self):
        if not IS_MODULE:
            self.skipTest("the driver is in the kernel")
        chip = self.bound("24c32", 0x50, "slave-24c32")
        held = self.consumer(chip)
        self.assertFalse(unload_driver(), "nvmem_core was unloaded under a consumer")
        self.assertEqual(held.read(0, 4), chip.stored()[:4])
        chip.unbind()
        self.gone(held)

    def test_the_overlay(self):
        if not has_overlays():
            self.skipTest("no overlays")
        MODULES.load("nvmem_tester")
        blob = read_file(os.environ["OVERLAY"]).hex()
        chip = Chip(self.board, 0x64, "slave-24c32")
        for _ in range(2):
            overlay = nvmem.Handle("overlay", blob)
            wait_for("it is bound", chip.driver)
            chip.fill(image(4096))
            # A device that is held keeps its node with the core in C, which the device tree complains of.
            held = None if CORE_IN_C else nvmem.find(chip.device())
            self.during_a_read(chip, overlay.close, self.board)
            self.board.well()
            if held:
                with self.errno(errno.ENODEV):
                    held.read(0, 4)
                held.close()
        nvmem.hang_up()
        MODULES.must_remove("nvmem_tester")

    def test_a_killed_reader(self):
        """The reader ends, and the removal does not hang."""
        chip = self.bound("24c32", 0x50, "slave-24c32")
        write_file(f"{self.bus.debug}/pass", "0")
        pid = os.fork()
        if not pid:
            with contextlib.suppress(OSError):
                chip.read(0, self.COUNT)
            os._exit(0)
        wait_for("it is at the bus", lambda: read_file(f"{self.bus.debug}/pass").strip() == b"1")
        os.kill(pid, 9)
        self.assertEqual(os.waitpid(pid, 0)[1], 9)
        self.bus.delete(0x50)

    def test_unbinding_under_readers_and_writers(self):
        chip = self.bound("24c32", 0x50, "slave-24c32")
        end = time.monotonic() + 3

        def access(write):
            allowed = {errno.ENODEV, errno.ENOENT}
            worked = 0
            while time.monotonic() < end:
                try:
                    if write:
                        chip.write(128, image(16))
                    else:
                        chip.read(0, 512)
                    worked += 1
                except OSError as error:
                    if error.errno not in allowed:
                        raise AssertionError(f"{error}") from error
            return worked

        callers = [Background(access, write) for write in (False, False, True)]
        cycles = 0
        while time.monotonic() < end:
            chip.unbind()
            chip.bind()
            cycles += 1
            time.sleep(0.01)
        for caller in callers:
            self.assertGreater(caller.result(30), 0)
        self.assertGreater(cycles, 5)


AT24 = "at24"


class WithAt24(Case):
    """Where the kernel has the C driver."""

    def setUp(self):
        if AT24 not in MODULES.paths:
            self.skipTest("this kernel has no at24")
        super().setUp()
        MODULES.load(AT24)
        self.addCleanup(MODULES.must_remove, AT24)

    def by(self, driver, chip):
        if chip.driver() != driver:
            if chip.driver():
                chip.unbind()
            chip.bind(driver)
        self.assertEqual(chip.driver(), driver)


class BesideAt24(WithAt24):
    """The C driver on the same chips."""

    def results(self, driver, chip, bus, operations, content):
        """The outcome of each operation by a driver, the bytes afterwards, and the transfers."""
        self.by(driver, chip)
        wait_for("the supply is off", lambda: not line_value(1)) if has_device_tree() else None
        chip.fill(content)
        outcomes = []
        with bus.trace() as transfers:
            for offset, data in operations:
                try:
                    if isinstance(data, bytes):
                        outcomes.append(chip.write(offset, data))
                    else:
                        outcomes.append(chip.read(offset, data))
                except OSError as error:
                    outcomes.append(error.errno)
        return outcomes, chip.stored(), transfers

    def operations(self, size, seed, count):
        some = random.Random(seed)
        for _ in range(count):
            offset = some.choice([some.randrange(size + 10), some.choice([0, 16, 128, 255, 256, size - 1, size])])
            length = some.choice([1, 2, 16, 33, 127, 128, 129, 300, some.randrange(1, 600)])
            yield offset, some.randbytes(length) if some.randrange(2) else length

    def compare(self, chip, bus, size, count=60, same_traffic=True):
        content = image(size, 7)
        operations = list(self.operations(size, size, count))
        theirs = self.results(AT24, chip, bus, operations, content)
        ours = self.results(OURS, chip, bus, operations, content)
        self.assertEqual(ours[0], theirs[0])
        self.assertEqual(ours[1], theirs[1])
        if same_traffic:
            self.assertEqual(ours[2], theirs[2])
        return theirs[2], ours[2]

    def test_kinds(self):
        for name, slaves, size, _ in (*KINDS, ("24cs02", ("slave-24c02",), 256, 1), ("24cs32", ("slave-24c32",), 4096, 2),
                                      ("24mac402", ("slave-24c02",), 256, 1), ("24c00", ("slave-24c02",), 256, 1),
                                      ("24c16", ("slave-24c02",) * 8, 2048, 1)):
            with self.subTest(name):
                chip = self.plug(name, 0x50, *slaves)
                self.compare(chip, self.bus, size)
                self.delete(chip)
                chip.unplug()

    def test_the_board(self):
        for address, slaves, size in ((0x50, ("slave-24c02",), 256), (0x51, ("slave-24c32",), 4096),
                                      (0x54, ("slave-24c02",) * 2, 512), (0x58, ("slave-24c02",), 256),
                                      (0x5a, ("slave-24c512",) * 2, 131072), (0x60, ("slave-24c64",), 8192)):
            with self.subTest(address):
                chip = self.on_board(address, *slaves)
                self.compare(chip, self.board, size)
                self.by(OURS, chip)

    def test_smbus(self):
        """The same bytes; at24 has blocks of 31 bytes, or 30, where ours have 32."""
        self.bus.imitate("stm32f7")
        for functionality in ("blocks", "bytes"):
            for name, slave, size in (("24c02", "slave-24c02", 256), ("24c32", "slave-24c32", 4096)):
                with self.subTest(functionality, name=name):
                    self.bus.can(functionality)
                    chip = self.plug(name, 0x50, slave)
                    theirs, ours = self.compare(chip, self.bus, size, 20, same_traffic=False)
                    self.assertLessEqual(len(ours), len(theirs))
                    self.delete(chip)
                    chip.unplug()

    def test_faults(self):
        """The same errnos, but for an adapter that is gone, which at24 polls."""
        chip = self.plug("24c32", 0x50, "slave-24c32")
        for driver in (AT24, OURS):
            self.by(driver, chip)
            for number in (errno.ENXIO, errno.EIO, errno.ENODEV):
                with self.subTest(driver, number=number):
                    self.bus.fault("fails", "*", number)
                    wanted = number if (driver, number) == (OURS, errno.ENODEV) else errno.ETIMEDOUT
                    with self.errno(wanted):
                        chip.read(0, 16)
                    with self.errno(wanted):
                        chip.write(0, b"x")
                    self.bus.fault("none")

    def test_a_consumer_that_writes_to_a_read_only_chip(self):
        """at24 polls with no bytes at all."""
        chip = self.plug("24cs02", 0x50, "slave-24c02")
        MODULES.load("nvmem_tester")
        self.addCleanup(MODULES.must_remove, "nvmem_tester")
        self.addCleanup(nvmem.hang_up)
        for driver, number in ((AT24, errno.ETIMEDOUT), (OURS, errno.EPERM)):
            self.by(driver, chip)
            before = chip.stored()
            with nvmem.find(chip.device()) as held, self.errno(number):
                held.write(0, b"x")
            self.assertEqual(chip.stored(), before)

    def test_files(self):
        chip = self.plug("24c02", 0x50, "slave-24c02")
        seen = []
        for driver in (AT24, OURS):
            self.by(driver, chip)
            folder = os.path.dirname(chip.file())
            seen.append({path: (oct(os.stat(path).st_mode), os.stat(path).st_size) for path in (
                chip.compat, *(os.path.join(chip.client, entry) for entry in sorted(os.listdir(chip.client)))
            ) if os.path.isfile(path)})
            seen[-1]["nvmem"] = {entry: oct(os.stat(f"{folder}/{entry}").st_mode) for entry in sorted(os.listdir(folder))}
        self.assertEqual(seen[0], seen[1])


class Handover(WithAt24):
    """scripts/nvmem-handover."""

    SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts/nvmem-handover")

    def hand(self, *arguments, shell=()):
        return run(*shell, self.SCRIPT, *arguments)

    def test_there_and_back(self):
        for shell in ((), ("busybox", "sh")):
            chip = self.plug("24c02", 0x50, "slave-24c02")
            self.by(AT24, chip)
            for arguments, driver in (((), OURS), ((), OURS), (("-b",), AT24), (("-b", "-n"), AT24), (("-n",), OURS)):
                with self.subTest(arguments):
                    handed = self.hand(*arguments, chip.name, shell=shell)
                    self.assertEqual(handed.returncode, 0, handed.stderr)
                    self.assertEqual(chip.driver(), driver)
                    self.assertEqual(read_file(chip.compat), chip.stored())
            self.delete(chip)
            chip.unplug()

    def test_it_goes_back_if_binding_fails(self):
        """A page that is no power of 2: at24 warns, ours refuses."""
        if not has_device_tree():
            self.skipTest("no device tree")
        chip = Chip(self.board, 0x20, "slave-24c02")
        chip.plug()
        self.addCleanup(chip.unplug)
        chip.bind(AT24)
        self.addCleanup(chip.unbind)
        handed = self.hand(chip.name)
        self.assertEqual(handed.returncode, 1)
        self.assertIn(f"{chip.name} is bound to {AT24} again", handed.stderr)
        self.assertEqual(chip.driver(), AT24)
        self.assertEqual(read_file(chip.compat), chip.stored())

    def test_what_cannot_be_handed_over(self):
        self.assertEqual(self.hand("9-0050").returncode, 2)
        self.assertEqual(self.hand().returncode, 2)
        self.assertEqual(self.hand("-x", "9-0050").returncode, 2)
        handed = self.hand("-h")
        self.assertEqual((handed.returncode, handed.stdout[:6]), (0, "usage:"))
        chip = self.plug("24c02", 0x50, "slave-24c02")
        self.bus.new("other", 0x53)
        self.addCleanup(self.bus.delete, 0x53)
        self.assertEqual(self.hand(f"{self.bus.number}-0053").returncode, 1)
        self.by(AT24, chip)
        self.bus.fault("fails", "*", errno.ENODEV)
        handed = self.hand(chip.name)
        self.assertEqual(handed.returncode, 1)
        self.assertIn("cannot be read", handed.stderr)
        self.bus.fault("none")
        self.assertEqual(chip.driver(), AT24)


def tearDownModule():
    if IS_MODULE:
        unload_bus()
        assert unload_driver(), "nvmem_core is in use at the end"
    leaks = kernel_log.leaks() if kernel_log.can_find_leaks() else []
    assert not leaks, leaks


if __name__ == "__main__":
    ktap.main()
