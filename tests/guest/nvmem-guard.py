# SPDX-License-Identifier: GPL-2.0
"""Providers that are registered with the C core through the guard of nvmem_core.ko.

What becomes of the shell, which the C core may call until it releases the device, and of those parts that the guard
has in place of the C core. The scenarios of a provider that leaves are in nvmem-lifetime.py.
"""

import errno
import importlib
import os
import stat

import ktap
import modules
import nvmem
from background import Traffic, wait_for
from nvmem import GONE, SYSFS, Device, Notifier, Provider, cell, pattern

hazards = importlib.import_module("nvmem-hazards")
SUMMARY = "/sys/kernel/debug/nvmem_core/summary"


def states():
    """The devices that have a shell: name and state."""
    lines = nvmem.read_file(SUMMARY).decode().splitlines()
    return {words[5]: words[4] for words in map(str.split, lines[1:-1])}


class Shells(hazards.Case):
    def test_shell_lives_until_the_last_put(self):
        provider = self.provider()
        first, second = nvmem.find("p0"), nvmem.find("p0")
        provider.unbind()
        self.assertEqual(states(), {"p0": "revoked"})
        for held in first, second:
            self.gone(held.read, 0, 4)
            self.gone(held.write, 0, b"abcd")
            held.close()
        self.assertEqual(states(), {})

    def test_files_of_a_held_device(self):
        provider = self.provider(cell("a", offset=0, bytes=4))
        files = [f"{SYSFS}/p0/nvmem", f"{SYSFS}/p0/cells/a@0,0"]
        with open(files[0], "rb", buffering=0) as nvmem_file, open(files[1], "rb", buffering=0) as cell_file:
            self.assertEqual((nvmem_file.read(4), cell_file.read(4)), (pattern(4), pattern(4)))
            held = nvmem.find("p0")
            provider.unbind()
            self.gone(nvmem_file.read, 4)
            self.gone(cell_file.read, 4)
        self.assertEqual([os.path.exists(file) for file in files], [False, False])
        # The C core keeps the device.
        self.assertTrue(os.path.exists(f"{SYSFS}/p0/type"))
        held.close()
        self.assertFalse(os.path.exists(f"{SYSFS}/p0"))
        self.assertEqual(states(), {})

    def test_unbinding_waits_for_a_reader_of_a_cell(self):
        provider = self.provider(cell("a", offset=0, bytes=4))
        file = f"{SYSFS}/p0/cells/a@0,0"
        self.assertEqual(self.finishes_after(provider, lambda: nvmem.read_file(file, 4), provider.unbind), pattern(4))

    def test_held_cell(self):
        provider = self.provider(cell("a", offset=0, bytes=4))
        held = self.cell("a")
        self.assertEqual(held.read(), pattern(4))
        provider.unbind()
        self.gone(held.read)
        self.gone(held.write, b"abcd")
        held.close()
        self.assertEqual(states(), {})

    @hazards.needs_device_tree
    def test_look_up_by_node_finds_the_next_device(self):
        provider = Provider("p0", "/legacy", id=-2)
        provider.bind()
        held = nvmem.find_node("/legacy")
        provider.unbind()
        provider.bind()
        with nvmem.find_node("/legacy") as fresh:
            self.assertEqual(fresh.read(0, 4), pattern(4))
        self.gone(held.read, 0, 4)
        held.close()

    def test_a_thousand_devices_leave_no_shell(self):
        with Provider("p0", cell=cell("a", offset=0, bytes=4)) as provider:
            for _ in range(1000):
                provider.register()
                provider.unregister()
        self.assertEqual(states(), {})

    def test_registering_that_fails_before_the_device_appears(self):
        with Provider("p0", word_size=2, cell=cell("a", offset=0, bytes=4, raw_len=3)) as provider:
            for _ in range(3):
                with self.errno(errno.EINVAL):
                    provider.register()
            self.assertEqual(provider.stats()["after"], 0)
        self.absent()

    def test_registering_that_fails_after_the_device_was_found(self):
        # A file in the directory of no device fails when the device is registered already. A listener holds the device
        # then, which it would put at NVMEM_REMOVE. The C core sends that after the last put.
        for has_listener in False, True:
            if has_listener:
                Notifier(hold=1)
            with Provider("p0", compat=1) as provider:
                with self.errno(errno.EINVAL):
                    provider.register()
                self.assertEqual(provider.stats()["after"], 0)
            self.assertEqual(states(), {"p0": "revoked"} if has_listener else {})
            nvmem.command("reset")
            self.assertEqual(states(), {})
            self.absent()

    def test_callbacks_for_cells_are_refused(self):
        for fields in {"cell": cell("a", offset=0, bytes=4, post=1)}, {"fixup": 1}:
            with self.subTest(fields), Provider("p0", **fields) as provider:
                with self.errno(errno.EINVAL):
                    provider.register()

    @hazards.needs_failing_allocations
    def test_failing_allocations(self):
        with Provider("p0", cell=[cell("a", offset=0, bytes=4)], keepout="8-12:255") as provider:
            failed = 0
            for outcome in hazards.failing(provider.register):
                failed += 1
                if not isinstance(outcome, OSError):
                    provider.unregister()
            self.assertGreater(failed, 10)
            provider.unregister()
        self.assertEqual(states(), {})


class Compat(hazards.Case):
    def test_file_goes_while_the_device_is_held(self):
        provider = Provider("p0", compat=1, base="self", id=-2, type=1)
        held = []
        for _ in range(5):
            name = provider.bind()
            path = "/sys/devices/platform/p0/eeprom"
            self.assertEqual(nvmem.read_file(path, 8, 4), pattern(8, 4))
            mode = os.stat(path)
            self.assertEqual((stat.S_IMODE(mode.st_mode), mode.st_size),
                             (stat.S_IMODE(os.stat(f"{SYSFS}/{name}/nvmem").st_mode), 256))
            held.append(nvmem.find(name))
            provider.unbind()
            self.assertFalse(os.path.exists(path))
        for one in held:
            self.gone(one.read, 0, 4)
            one.close()

    def test_writes_and_force_ro(self):
        provider = self.provider(compat=1, base="self")
        path = "/sys/devices/platform/p0/eeprom"
        nvmem.write_bytes(path, b"abcd", 4)
        self.assertEqual(provider.peek(4, 4), b"abcd")
        nvmem.write_file(f"{SYSFS}/p0/force_ro", "1")
        with self.errno(errno.EPERM):
            nvmem.write_bytes(path, b"efgh", 4)
        with self.errno(errno.EFBIG):
            nvmem.write_bytes(path, b"x", 256)
        self.assertEqual(provider.peek(4, 4), b"abcd")

    def test_unbinding_waits_for_a_reader_of_the_file(self):
        provider = self.provider(compat=1, base="self")
        path = "/sys/devices/platform/p0/eeprom"
        self.assertEqual(self.finishes_after(provider, lambda: nvmem.read_file(path, 4), provider.unbind), pattern(4))


class Traffics(hazards.Case):
    def test_registering_and_unregistering_under_reads_of_files(self):
        # Without look-ups, whose reference counts are the C core's.
        provider = Provider("p0", compat=1, base="self", cell=cell("a", offset=0, bytes=4))
        files = [f"{SYSFS}/p0/nvmem", f"{SYSFS}/p0/cells/a@0,0", "/sys/devices/platform/p0/eeprom"]

        def reader(file):
            return lambda: nvmem.read_file(file, 16)

        with Traffic(*map(reader, files), *map(reader, files), allowed=GONE | {errno.ENOENT, errno.ENODEV}):
            for _ in range(200):
                provider.bind()
                provider.unbind()
        self.assertEqual(provider.stats()["late"], 0)
        wait_for("the last device is released", lambda: states() == {})


class Unload(hazards.Case):
    def test_refused_while_a_device_is_held_and_possible_afterwards(self):
        provider = self.provider()
        held = nvmem.find("p0")
        provider.unbind()
        provider.close()
        self.consumer.close()
        # The tester depends on nvmem_core: the reference of the holder is one more.
        self.assertEqual(hazards.reference_count("nvmem_core"), 2)
        held.close()
        self.assertEqual(hazards.reference_count("nvmem_core"), 1)


class Reload(hazards.Case):
    def test_provider_module_is_unloaded_while_its_device_is_held(self):
        self.addCleanup(modules.rmmod, "nvmem_provider")
        for _ in range(3):
            self.assertEqual(nvmem.modprobe("nvmem_provider").returncode, 0)
            held = nvmem.find("provider")
            self.assertEqual(modules.rmmod("nvmem_provider").returncode, 0)
            self.gone(held.read, 0, 4)
            held.close()


if __name__ == "__main__":
    ktap.main()
