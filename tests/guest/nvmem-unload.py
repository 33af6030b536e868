# SPDX-License-Identifier: GPL-2.0
"""Unloading the nvmem core: refused as long as one of its devices exists, whoever holds that."""

import os
import subprocess
import unittest

import kernel_log
import ktap
import modules
import nvmem
from background import Background, wait_for
from nvmem import Lookup, Provider, cell, pattern


TESTS = f"{os.environ['NVMEM']}/{'guarded' if os.environ.get('GUARDED') else 'tests'}"


def insmod(path):
    subprocess.run(["insmod", path], check=True)


def load():
    insmod(f"{os.environ['MODULES']}/nvmem_core.ko")
    insmod(f"{TESTS}/nvmem_tester.ko")


def unload_tester():
    nvmem.hang_up()
    removed = modules.rmmod("nvmem_tester")
    assert not removed.returncode, removed.stderr


def unload_core():
    """Releases may be late: with DEBUG_KOBJECT_RELEASE, by five seconds for each of a layout and its device."""
    wait_for("the core is unloaded", lambda: not modules.rmmod("nvmem_core").returncode, 30)


class Unload(kernel_log.Quiet):
    def setUp(self):
        super().setUp()
        load()

    def held_by_a_device_without_a_driver(self, *leave):
        insmod(f"{TESTS}/nvmem_holder.ko")
        provider = Provider("p0", cell=cell("plain", offset=0, bytes=4))
        provider.register()
        Lookup(("p0", "plain", "nvmem_holder", "plain"))
        nvmem.command(*leave)
        unload_tester()
        try:
            self.assertIn("in use", Background(modules.rmmod, "nvmem_core").result(10).stderr)
        finally:
            self.assertEqual(modules.rmmod("nvmem_holder").returncode, 0)
        unload_core()

    def test_device_held_by_a_device_without_a_driver(self):
        self.held_by_a_device_without_a_driver("leave", "nvmem_holder", "p0")

    def test_cell_held_by_a_device_without_a_driver(self):
        self.held_by_a_device_without_a_driver("leave_cell", "nvmem_holder", "plain")

    def test_again_and_again_with_devices_that_are_released_late(self):
        for turn in range(5):
            if turn:
                load()
            provider = Provider("p0", "/fixed" if nvmem.has_device_tree() else None)
            provider.bind()
            with nvmem.find("p0") as held:
                self.assertEqual(held.read(0, 4), pattern(4))
            unload_tester()
            unload_core()


if __name__ == "__main__":
    ktap.main()
