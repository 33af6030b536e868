# SPDX-License-Identifier: GPL-2.0
"""Each function of nvmem's API once, by nvmem_tester: what C providers, consumers and layouts rely on.

What goes wrong on unbinding is not here.
"""

import errno
import os
import stat
import unittest

import ktap
import modules
import nvmem
from background import Background
from nvmem import EPROBE_DEFER, SYSFS, Device, Layout, Lookup, Notifier, Provider, cell, pattern


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class Registration(nvmem.Case):
    def test_by_driver_by_devm_and_without_driver(self):
        provider = Provider("p0")
        self.assertEqual(provider.bind(), "p0")
        self.assertTrue(os.path.isdir(f"{SYSFS}/p0"))
        provider.unbind()
        self.assertFalse(os.path.exists(f"{SYSFS}/p0"))

        self.assertEqual(provider.register(), "p0")
        provider.unregister()
        self.assertFalse(os.path.exists(f"{SYSFS}/p0"))

        with Provider("p1", devm=1) as managed:
            managed.bind()
            self.assertTrue(os.path.isdir(f"{SYSFS}/p1"))
        self.assertFalse(os.path.exists(f"{SYSFS}/p1"))
        nvmem.command("unregister_null")

    def test_by_sysfs(self):
        provider = Provider("p0")
        nvmem.write_file(f"{nvmem.DRIVER}/bind", "p0")
        self.assertEqual(provider.nvmem_name(), "p0")
        nvmem.write_file(f"{nvmem.DRIVER}/unbind", "p0")
        self.assertFalse(os.path.exists(f"{SYSFS}/p0"))

    def test_names(self):
        self.assertEqual(Provider("a", id=-1).register(), "a")
        self.assertRegex(Provider("b", id=-2).register(), r"^b\d+$")
        self.assertEqual(Provider("c", id=7).register(), "c7")

    def test_refusals(self):
        for fields, number in (
            ({"dev": "none"}, errno.EINVAL),
            ({"ops": "-"}, errno.EINVAL),
            ({"compat": 1}, errno.EINVAL),
            ({"keepout": ["8-16:0", "0-4:0"]}, errno.ERANGE),
            ({"keepout": "16-8:0"}, errno.EINVAL),
            ({"keepout": "0-2:0", "word_size": 4}, errno.ERANGE),
            ({"keepout": "2-8:0", "stride": 4}, errno.EINVAL),
            ({"cell": cell("c", offset=2, bytes=4), "stride": 4}, errno.EINVAL),
            ({"cell": cell("c", offset=0, bytes=4, raw_len=5), "word_size": 2}, errno.EINVAL),
        ):
            with Provider("p0", **fields) as provider, self.errno(number):
                provider.register()

    def test_every_field(self):
        with Device("base") as base, Provider(
                "p0", size=64, stride=1, word_size=1, type=4, read_only=0, root_only=1, ignore_wp=1,
                compat=1, base=base, legacy=1, fixup=1, layout=1, owner="tester", ops="rw",
                keepout=["8-12:255"],
                cell=[cell("c", offset=0, raw_len=4, bytes=2, post="xor/255")]) as provider:
            provider.register()
            self.assertEqual(nvmem.read_file(f"{SYSFS}/p0/type"), b"FRAM\n")
            self.assertEqual(nvmem.read_file("/sys/devices/platform/base/fram", 4), pattern(4))
            self.assertEqual(provider.nvmem_size(), 64)

    def test_provider_that_writes_to_another_one(self):
        lower = Provider("p0")
        lower.bind()
        upper = Provider("p1", through=lower)
        upper.bind()
        self.assertEqual(upper.write(4, b"abcd"), 4)
        self.assertEqual((upper.peek(4, 4), lower.peek(4, 4)), (b"abcd", b"abcd"))

    def test_holding_what_the_module_owns_keeps_it(self):
        provider = Provider("p0", owner="tester")
        provider.register()
        with nvmem.find("p0"):
            self.assertNotEqual(modules.rmmod("nvmem_tester").returncode, 0)


class Sysfs(nvmem.Case):
    def test_modes(self):
        for fields, wanted in (
            ({}, 0o644), ({"root_only": 1}, 0o600), ({"read_only": 1}, 0o444), ({"ops": "r"}, 0o444),
            ({"ops": "w"}, 0o200),
        ):
            with Provider("p0", **fields) as provider:
                provider.register()
                self.assertEqual(mode(f"{SYSFS}/p0/nvmem"), wanted, fields)

    def test_read_and_write(self):
        provider = Provider("p0", size=8192)
        provider.register()
        self.assertEqual(nvmem.read_file(f"{SYSFS}/p0/nvmem"), pattern(8192))
        with open(f"{SYSFS}/p0/nvmem", "r+b", buffering=0) as file:
            file.seek(4)
            file.write(b"abcd")
        self.assertEqual(provider.peek(0, 12), pattern(4) + b"abcd" + pattern(4, 8))

    def test_callback_that_reads_nothing_does_not_show_kernel_memory(self):
        provider = Provider("p0", size=4096)
        provider.register()
        for _ in range(20):
            provider.set(lazy=0)
            self.assertEqual(nvmem.read_file(f"{SYSFS}/p0/nvmem"), pattern(4096))
            # The buffer is likely to be the one that was just freed.
            provider.set(lazy=1)
            self.assertEqual(nvmem.read_file(f"{SYSFS}/p0/nvmem"), bytes(4096))

    def test_cells(self):
        provider = Provider("p0", cell=[cell("plain", offset=0, bytes=4),
                                        cell("bits", offset=8, bytes=1, bit_offset=2, nbits=3)])
        provider.register()
        self.assertEqual(sorted(os.listdir(f"{SYSFS}/p0/cells")), ["bits@8,2", "plain@0,0"])
        self.assertEqual(nvmem.read_file(f"{SYSFS}/p0/cells/plain@0,0"), pattern(4))
        self.assertEqual(nvmem.read_file(f"{SYSFS}/p0/cells/bits@8,2")[0], pattern(9)[8] >> 2 & 7)


class Devices(nvmem.Case):
    def setUp(self):
        super().setUp()
        self.provider = Provider("p0", size=64)
        self.provider.bind()
        self.consumer = Device("consumer")

    def test_get_read_write(self):
        with self.consumer.get("p0") as held:
            self.assertEqual(held.read(3, 5), pattern(5, 3))
            self.assertEqual(held.write(8, b"xyz"), 3)
            self.assertEqual(self.provider.peek(7, 5), pattern(1, 7) + b"xyz" + pattern(1, 11))
            self.assertEqual((held.nvmem_name(), held.nvmem_size()), ("p0", 64))

    def test_absent(self):
        with self.errno(EPROBE_DEFER):
            self.consumer.get("p1")
        with self.errno(EPROBE_DEFER):
            nvmem.find("p1")

    def test_devm(self):
        with self.errno(errno.ENXIO):
            self.consumer.get("p0", devm=True)
        self.consumer.bind()
        first = self.consumer.get("p0", devm=True)
        second = self.consumer.get("p0", devm=True)
        self.assertEqual(second.read(0, 4), pattern(4))
        first.close()
        self.consumer.unbind()
        with self.errno(errno.EBADF):
            second.read(0, 4)

    def test_callback_log_and_errors(self):
        self.provider.calls()
        self.provider.read(1, 3)
        self.provider.write(8, b"ab")
        self.assertEqual(self.provider.calls(), ["r:1+3", "w:8+2"])
        with self.errno(errno.ENXIO):
            self.provider.read(60, 5)
        self.provider.set(error=errno.EREMOTEIO)
        with self.errno(errno.EREMOTEIO):
            self.provider.read(0, 4)
        self.provider.set(error=0)
        self.assertEqual(self.provider.read(0, 1), pattern(1))

    def test_gate_and_delay(self):
        self.provider.set(gate=1)
        held = nvmem.find("p0")
        readers = [Background(held.read, i, 4) for i in range(2)]
        self.provider.wait_for_calls(2)
        self.assertEqual(self.provider.stats()["in_flight"], 2)
        self.provider.set(gate=0)
        self.assertEqual([reader.result() for reader in readers], [pattern(4), pattern(4, 1)])
        self.provider.set(delay=300)
        reader = Background(held.read, 0, 4)
        self.provider.wait_for_calls(1)
        self.assertEqual(reader.result(), pattern(4))
        self.assertEqual(self.provider.stats(), {
            "reads": 3, "writes": 0, "posts": 0, "in_flight": 0, "late": 0, "after": 0})

    def test_bytes_outlive_a_registration(self):
        self.provider.write(0, b"kept")
        self.provider.unbind()
        self.provider.bind()
        self.assertEqual(self.provider.read(0, 4), b"kept")

    def test_repeat(self):
        self.assertEqual(nvmem.repeat(1000, "visit", self.consumer, "p0", 0, 4), {4: 1000})
        self.assertEqual(nvmem.repeat(10, "visit", self.consumer, "p1", 0, 4), {-EPROBE_DEFER: 10})

    def test_keepouts(self):
        with Provider("k", size=32, keepout=["4-8:170", "12-16:187"]) as provider:
            provider.register()
            provider.write(0, bytes(24))
            self.assertEqual(provider.calls(), ["w:0+4", "w:8+4", "w:16+8"])
            self.assertEqual(provider.read(2, 16), bytes(2) + b"\xaa" * 4 + bytes(4) + b"\xbb" * 4 + bytes(2))
            self.assertEqual(provider.peek(4, 4), pattern(4, 4))


class Cells(nvmem.Case):
    def setUp(self):
        super().setUp()
        self.provider = Provider("p0", size=64, cell=[
            cell("plain", offset=0, bytes=4), cell("byte", offset=4, bytes=1),
            cell("short", offset=6, bytes=2), cell("long", offset=8, bytes=8),
            cell("bits", offset=16, bytes=2, bit_offset=3, nbits=7),
            cell("reversed", offset=20, bytes=4, post="reverse"),
            cell("failing", offset=20, bytes=4, post=f"fail/{errno.EBADMSG}"),
            cell("id", offset=24, bytes=8, post="id")])
        self.provider.bind()
        self.consumer = Device("consumer")
        names = ("plain", "byte", "short", "long", "bits", "reversed", "failing", "id")
        Lookup(*(("p0", name, "consumer", f"my-{name}") for name in names))

    def test_get_read_write(self):
        with self.consumer.cell("my-plain") as held:
            self.assertEqual(held.read(), pattern(4))
            self.assertEqual(held.write(b"abcd"), 4)
            self.assertEqual(held.read(), b"abcd")
            with self.errno(errno.EINVAL):
                held.write(b"abc")

    def test_absent(self):
        with self.errno(errno.ENOENT):
            self.consumer.cell("other")
        Lookup(("p0", "nothing", "consumer", "nothing"), ("p9", "plain", "consumer", "nobody"))
        with self.errno(errno.ENOENT):
            self.consumer.cell("nothing")
        with self.errno(EPROBE_DEFER):
            self.consumer.cell("nobody")

    def test_numbers(self):
        def number(offset, count):
            return int.from_bytes(pattern(count, offset), "little")
        self.assertEqual(self.consumer.read_number("my-byte", "u8"), number(4, 1))
        self.assertEqual(self.consumer.read_number("my-short", "u16"), number(6, 2))
        self.assertEqual(self.consumer.read_number("my-plain", "u32"), number(0, 4))
        self.assertEqual(self.consumer.read_number("my-long", "u64"), number(8, 8))
        self.assertEqual(self.consumer.read_number("my-short", "le_u32"), number(6, 2))
        self.assertEqual(self.consumer.read_number("my-long", "le_u64"), number(8, 8))
        self.assertEqual(self.consumer.read_number("my-bits", "le_u32"), number(16, 2) >> 3 & 0x7F)
        with self.errno(errno.ERANGE):
            self.consumer.read_number("my-long", "le_u32")
        with self.errno(errno.EINVAL):
            self.consumer.read_number("my-short", "u32")

    def test_post_processing(self):
        with self.consumer.cell("my-reversed") as held:
            self.assertEqual(held.read(), pattern(4, 20)[::-1])
            with self.errno(errno.EINVAL):
                held.write(b"abcd")
        with self.consumer.cell("my-failing") as held, self.errno(errno.EBADMSG):
            held.read()
        with self.consumer.cell("my-id") as held:
            self.assertEqual(held.read(), b"my-id\0\0\0")
        self.assertIn("p:24+8:0:my-id", self.provider.calls())

    def test_devm(self):
        self.consumer.bind()
        first = self.consumer.cell("my-plain", devm=True)
        second = self.consumer.cell("my-byte", devm=True)
        first.close()
        self.assertEqual(second.read(), pattern(1, 4))
        self.consumer.unbind()
        with self.errno(errno.EBADF):
            second.read()

    def test_described_by_the_consumer(self):
        with nvmem.find("p0") as held:
            self.assertEqual(held.info_read(cell("mine", offset=10, bytes=3)), pattern(3, 10))
            bits = held.info_read(cell("mine", offset=16, bytes=2, bit_offset=3, nbits=7))
            self.assertEqual(bits[0], int.from_bytes(pattern(2, 16), "little") >> 3 & 0x7F)
            self.assertEqual(held.info_write(cell("mine", offset=10, bytes=3), b"new"), 3)
        self.assertEqual(self.provider.peek(10, 3), b"new")

    def test_added_later(self):
        self.provider.add_cell(cell("late", offset=30, bytes=2, post="xor/255"))
        Lookup(("p0", "late", "consumer", "late"))
        with self.consumer.cell("late") as held:
            self.assertEqual(held.read(), bytes(byte ^ 255 for byte in pattern(2, 30)))

    def test_lookup_removed(self):
        with Lookup(("p0", "plain", "consumer", "again")):
            self.consumer.cell("again").close()
        with self.errno(errno.ENOENT):
            self.consumer.cell("again")


class Events(nvmem.Case):
    def test_of_registration(self):
        notifier = Notifier()
        provider = Provider("p0", cell=cell("plain", offset=0, bytes=4))
        provider.register()
        self.assertIn(("ADD", "p0"), notifier.events())
        provider.unregister()
        events = notifier.events()
        self.assertIn(("REMOVE", "p0"), events)
        self.assertIn(("CELL_REMOVE", "-"), events)
        notifier.close()
        provider.register()

    def test_a_notifier_may_look_cells_up(self):
        consumer = Device("consumer")
        Lookup(("p0", "plain", "consumer", "plain"))
        notifier = Notifier(lookup=f"{consumer},plain", priority=1)
        Provider("p0", cell=cell("plain", offset=0, bytes=4)).register()
        self.assertIn(("ADD", "p0", "0"), notifier.events())

    def test_a_notifier_may_hold_devices(self):
        with Notifier(hold=True):
            Provider("p0", owner="tester").register()
            self.assertNotEqual(modules.rmmod("nvmem_tester").returncode, 0)


@unittest.skipUnless(nvmem.has_device_tree(), "no device tree: dtb=nvmem.dtb")
class DeviceTree(nvmem.Case):
    def test_legacy_cells(self):
        Provider("p0", "/legacy", legacy=1).bind()
        with nvmem.of_cell("/consumer", "legacy-plain") as held:
            self.assertEqual(held.read(), pattern(4))
        consumer = Device("c", "/consumer")
        self.assertEqual(consumer.read_number("legacy-bits", "le_u32"),
                         int.from_bytes(pattern(2, 8), "little") >> 3 & 0x7F)

    def test_fixed_layout(self):
        provider = Provider("p0", "/fixed")
        provider.bind()
        consumer = Device("c", "/consumer")
        self.assertEqual(consumer.read_number("fixed-byte", "u8"), pattern(1, 4)[0])
        self.assertEqual(consumer.read_number("fixed-high", "le_u32"),
                         int.from_bytes(pattern(3, 12), "little") >> 12 & 0x3F)
        with Device("l", "/lone-consumer") as lone, lone.cell(None) as held:
            self.assertEqual(held.read(), pattern(4))
        with self.errno(errno.EINVAL):
            nvmem.of_cell("/consumer", "fixed-two")
        with self.errno(errno.ENOENT):
            consumer.cell("unknown")
        with self.errno(EPROBE_DEFER):
            consumer.cell("legacy-plain")

    def test_fixup(self):
        Provider("p0", "/legacy", legacy=1, fixup=1).bind()
        with nvmem.of_cell("/consumer", "legacy-plain") as held:
            self.assertEqual(held.read(), pattern(4)[::-1])

    def test_devices_by_node(self):
        Provider("p0", "/fixed").bind()
        consumer = Device("c", "/consumer")
        with consumer.get("fixed") as one, nvmem.of_get("/lone-consumer") as two, \
                nvmem.find_node("/fixed") as three:
            self.assertEqual({one.nvmem_name(), two.nvmem_name(), three.nvmem_name()}, {"p0"})
        with self.errno(EPROBE_DEFER):
            consumer.get("legacy")

    def test_node_of_the_configuration(self):
        Provider("p0", of_node="/legacy", legacy=1).register()
        nvmem.of_cell("/consumer", "legacy-plain").close()

    def test_read_only_property(self):
        provider = Provider("p0", "/read-only")
        provider.bind()
        self.assertEqual(mode(f"{SYSFS}/p0/nvmem"), 0o444)

    def test_layout_driver(self):
        provider = Provider("p0", "/layout")
        provider.bind()
        with self.errno(EPROBE_DEFER):
            nvmem.of_cell("/consumer", "layout-first")
        layout = Layout(read=8, cell=[cell("first", offset=0, bytes=4, post="reverse"),
                                      cell("second", offset=8, bytes=4, post="index")])
        self.assertEqual(layout.read_result(), 8)
        with nvmem.of_cell("/consumer", "layout-first") as held:
            self.assertEqual(held.read(), pattern(4)[::-1])
        with nvmem.of_cell("/consumer", "layout-second") as held:
            self.assertEqual(held.read(), bytes(byte + 7 & 0xFF for byte in pattern(4, 8)))
        self.assertEqual(layout.calls(), ["p:0+4:0:layout-first", "p:8+4:7:layout-second"])
        self.assertEqual(sorted(os.listdir(f"{SYSFS}/p0/cells")), ["first@0,0", "second@8,0"])

    def test_layout_driver_that_fails(self):
        Provider("p0", "/layout").bind()
        for fields in ({"probe": errno.EIO}, {"fail": errno.EIO}, {"no_add": 1}):
            with Layout(cell=cell("first", offset=0, bytes=4), **fields), self.errno(EPROBE_DEFER):
                nvmem.of_cell("/consumer", "layout-first")

    def test_layout_driver_in_a_module(self):
        Provider("p0", "/module-layout").bind()
        loaded = nvmem.modprobe("nvmem_test_layout")
        self.assertEqual(loaded.returncode, 0, loaded.stderr)
        with nvmem.of_cell("/consumer", "module-cell") as held:
            self.assertEqual(held.read(), bytes(byte ^ 0xFF for byte in pattern(4)))
            self.assertNotEqual(modules.rmmod("nvmem_test_layout").returncode, 0)
        self.assertEqual(modules.rmmod("nvmem_test_layout").returncode, 0)


class Modules(nvmem.Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(modules.rmmod, "nvmem_provider")

    def load(self, *parameters):
        loaded = nvmem.modprobe("nvmem_provider", *parameters)
        self.assertEqual(loaded.returncode, 0, loaded.stderr)

    def test_consumer_keeps_the_module(self):
        for parameters in ((), ("driverless=1",)):
            self.load(*parameters)
            with nvmem.find("provider") as held:
                self.assertEqual(held.read(0, 4), b"\0\1\2\3")
                removed = modules.rmmod("nvmem_provider")
                self.assertNotEqual(removed.returncode, 0)
                self.assertIn("in use", removed.stderr)
            self.assertEqual(modules.rmmod("nvmem_provider").returncode, 0)

    def test_unbind_and_bind_by_sysfs(self):
        self.load("name=other")
        nvmem.write_file("/sys/bus/platform/drivers/other/unbind", "other")
        with self.errno(EPROBE_DEFER):
            nvmem.find("other")
        nvmem.write_file("/sys/bus/platform/drivers/other/bind", "other")
        nvmem.find("other").close()

    def test_post_processing(self):
        self.load()
        Lookup(("provider", "processed", "consumer", "it"))
        with Device("consumer").cell("it") as held:
            self.assertEqual(held.read(), bytes(byte ^ 63 for byte in b"\4\5\6\7"))


if __name__ == "__main__":
    ktap.main()
