# SPDX-License-Identifier: GPL-2.0
"""The scenarios of a provider or layout that leaves while it is in use, one test for each, by its number in the README.

Two more have suites of their own: two writers and a write-protect line is two_writers_take_turns of judges.py (12),
and the random comparison of the two cores is nvmem-differential.py (13).

A scenario is one or several of nvmem-hazards.py's tests, which also run by themselves where nvmem_core.ko is the core.
This suite is for kernels that have a core: ours in the tree, and the C core with the tester's providers registered
through the guard (GUARDED=1), where some expectations are lower, or plainly, as a baseline. $HAZARD names the tests
to run, as in nvmem-hazards.py.
"""

import importlib
import os
import subprocess
import unittest

import ktap
import modules
import nvmem
from nvmem import SYSFS, Notifier, Provider, cell, pattern

hazards = importlib.import_module("nvmem-hazards")

GUARDED = bool(os.environ.get("GUARDED"))
MTDRAM = f"{os.environ['KERNEL']}/drivers/mtd/devices/mtdram.ko"


def configured(option):
    """Whether the kernel has this option."""
    with open(f"{os.environ['KERNEL']}/.config") as file:
        return f"CONFIG_{option}=y\n" in file


# The guard covers the callbacks of a provider and what these use, not the C core's own objects.
of_the_core = unittest.skipIf(GUARDED, "the C core's own, which no guard protects")


def insmod(path):
    subprocess.run(["insmod", path], check=True)


def rmmod(name):
    subprocess.run(["rmmod", name], check=True)


class Lifetime(hazards.Hazards):
    def of_hazards(self, *names):
        """Run these tests of Hazards one after another."""
        for name in names:
            with self.subTest(name):
                getattr(self, f"test_{name}")()
            self.doCleanups()
            self.setUp()

    def test_01_hold_the_device_unbind_read(self):
        if not GUARDED:
            return self.of_hazards("02_held_device_after_unbind", "02_held_cell_after_unbind")
        provider = self.provider(keepout="8-12:255")
        held = nvmem.find("p0")
        provider.unbind()
        self.gone(held.read, 0, 4)
        self.gone(held.read, 8, 4)
        self.gone(held.write, 0, b"abcd")
        self.assertEqual(provider.stats()["late"], 0)

    def test_02_hold_the_device_unbind_cat_nvmem(self):
        if not GUARDED:
            return self.of_hazards("01_files_and_name_stay_while_held", "02_open_file_after_unbind")
        provider = self.provider()
        held = nvmem.find("p0")
        with open(f"{SYSFS}/p0/nvmem", "r+b", buffering=0) as file:
            self.assertEqual(file.read(4), pattern(4))
            provider.unbind()
            self.gone(file.read, 4)
            self.gone(file.write, b"abcd")
        # The file is gone, or cannot be read.
        if os.path.exists(f"{SYSFS}/p0/nvmem"):
            self.gone(nvmem.read_file, f"{SYSFS}/p0/nvmem", 4)
        held.close()
        self.assertFalse(os.path.exists(f"{SYSFS}/p0"))

    def test_03_hold_the_device_rebind_a_thousand_times(self):
        if not GUARDED:
            return self.of_hazards("01_rebinding_while_held", "01_a_thousand_rebinds_while_held")
        # The name of a held device stays taken: a number makes each another.
        provider = Provider("p0", id=-2)
        kept = []
        for number in range(1000):
            name = provider.bind()
            with nvmem.find(name) as fresh:
                self.assertEqual(fresh.read(0, 4), pattern(4))
            if number % 100 == 0:
                kept.append(nvmem.find(name))
            provider.unbind()
        for held in kept:
            self.gone(held.read, 0, 4)
            held.close()

    @unittest.skipUnless(os.path.exists(MTDRAM), "no MTD")
    @unittest.skipIf(GUARDED, "a C driver's provider, which is not registered through the guard")
    def test_04_rmmod_mtdram_with_mtd0_held(self):
        if not os.path.exists("/sys/module/mtd"):
            insmod(f"{os.environ['KERNEL']}/drivers/mtd/mtd.ko")
        insmod(MTDRAM)
        held = nvmem.find("mtd0")
        self.assertEqual(held.read(0, 4), b"\xff" * 4)
        rmmod("mtdram")
        self.gone(held.read, 0, 4)
        self.absent("mtd0")
        held.close()

    def test_05_unbind_and_bind_under_cat_cells(self):
        self.of_hazards("03_cat_cells_while_rebinding", "03_open_cells_file_after_unbind")

    def test_06_unbind_during_a_read_of_500_ms(self):
        # With the C core, those who look the device up meanwhile find it.
        self.of_hazards("02_read_of_500_ms_in_flight", *["02_newcomers_do_not_wait_for_a_slow_read"] * (not GUARDED))

    @of_the_core
    def test_07_get_and_put_against_unregister(self):
        self.of_hazards("04_get_and_put_while_rebinding")

    def test_08_rmmod_of_a_provider_with_a_consumer(self):
        if not GUARDED:
            return self.of_hazards("05_rmmod_with_a_consumer", "05_rmmod_after_unbind_and_put",
                                   "05_rmmod_against_get_and_put")
        # The consumer keeps the module that has the guard, not the provider's.
        self.addCleanup(modules.rmmod, "nvmem_provider")
        self.assertEqual(nvmem.modprobe("nvmem_provider").returncode, 0)
        held = nvmem.find("provider")
        removed = modules.rmmod("nvmem_provider")
        self.assertEqual(removed.returncode, 0, removed.stderr)
        self.gone(held.read, 0, 4)
        references = hazards.reference_count("nvmem_core")
        held.close()
        self.assertEqual(hazards.reference_count("nvmem_core"), references - 1)

    @of_the_core
    @hazards.needs_device_tree
    def test_09_layout_leaves_under_cat_cells(self):
        self.of_hazards("07_layout_unbound_and_bound_by_sysfs", "07_rmmod_of_a_layout_with_an_open_file",
                        "08_module_references_of_looked_up_cells")

    @hazards.needs_failing_allocations
    def test_10_failing_allocations_in_register(self):
        if not GUARDED:
            return self.of_hazards("06_failing_allocations_in_register")
        # Nobody finds the device meanwhile: what a consumer would hold of it is the C core's.
        self.fails_to_register(Provider("p0", keepout=["64-68:255", "72-80:0"]))

    @unittest.skipUnless(configured("DEBUG_TEST_DRIVER_REMOVE"), "no CONFIG_DEBUG_TEST_DRIVER_REMOVE")
    def test_11_each_probe_is_undone_and_repeated(self):
        # As those of all drivers were since the kernel was booted.
        notifier, holder = Notifier(), Notifier(hold=True)
        provider = self.provider(cell("plain", offset=0, bytes=4))
        told = ["CELL_ADD", "ADD"]
        self.assertEqual([event for event, *_ in notifier.events()], [*told, "REMOVE", "CELL_REMOVE", *told])
        self.assertEqual([event for event, *_ in holder.events()].count("ADD"), 2)
        with self.cell("plain") as plain:
            self.assertEqual(plain.read(), pattern(4))
        self.assertEqual(provider.stats()["late"], 0)


def load_tests(loader, tests, pattern):
    """All tests, or those that $HAZARD names; leaks at the end only."""
    only = os.environ.get("HAZARD", "")
    own = [Lifetime(name) for name in vars(Lifetime)
           if name.startswith(f"test_{only}") and callable(getattr(Lifetime, name))]
    return unittest.TestSuite(own + ([] if only else [hazards.Leaks("test_no_leaks")]))


if __name__ == "__main__":
    ktap.main()
