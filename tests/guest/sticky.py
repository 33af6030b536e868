# SPDX-License-Identifier: GPL-2.0
"""Controllers that do not let go of their target, or say that they do not, when the driver is unbound.

At the end nothing can be taken down: the module and a device stay for as long as the guest.
"""

import errno
import os
import unittest

import device
import ktap
from background import Sleeper, wait_for


class Case(device.Case):
    def no_traces(self):
        self.assertFalse(os.path.exists(device.NODE), "the node is there")
        self.assertFalse(os.path.exists("/sys/kernel/debug/ssif_bmc-0-1010"), "the status is there")


class WithoutPowerManagement(Case):
    def test_target_that_was_let_go_is_not_missed(self):
        self.setting("without_pm", "true")
        for _ in range(3):
            self.unbind()
            self.no_traces()
            with self.errno(errno.ENXIO):
                self.host.send(b"\x18\x01")
            self.bind()
            self.exchange(self.open())


class WithoutPower(Case):
    def test_module_is_not_removed_before_its_last_event(self):
        self.host.send(b"\x18\x01")
        self.setting("sticky", "true")
        remover = Sleeper(device.rmmod)
        wait_for("the node is gone", lambda: not os.path.exists(device.NODE))
        wait_for("the status is gone", lambda: not os.path.exists("/sys/kernel/debug/ssif_bmc-0-1010"))
        for _ in range(3):
            with self.errno(errno.EIO):
                self.host.send(b"\x18\x01")
        device.write_file("/sys/kernel/debug/i2c_loopback/0/sticky", "false")
        self.assertEqual(remover.result().returncode, 0)
        with self.errno(errno.ENXIO):
            self.host.send(b"\x18\x01")
        self.assertEqual(device.insmod().returncode, 0)
        self.exchange(self.open())


class WithoutPowerForEver(Case):
    @classmethod
    def unload(cls):
        assert device.rmmod().returncode, "the module could be removed"

    def test_what_the_controller_uses_stays(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        self.setting("sticky", "true")
        self.unbind()
        self.no_traces()
        for _ in range(3):
            with self.errno(errno.EIO):
                self.host.send(b"\x18\x01")
        with self.errno(errno.ENODEV):
            os.read(fd, 258)
        # A second driver's data is not taken for the first one's.
        device.write_file("/sys/bus/i2c/devices/i2c-0/new_device", "ipmi-ssif-host 0x1020")
        with self.errno(errno.EIO):
            self.host.send(b"\x18\x01")
        with self.errno(errno.EBUSY):
            self.bind()
        with self.errno(errno.EIO):
            self.host.send(b"\x18\x01")


def load_tests(loader, tests, pattern):
    """None of device's; the one that leaves things behind comes last."""
    return unittest.TestSuite(
        loader.loadTestsFromTestCase(case) for case in (WithoutPowerManagement, WithoutPower, WithoutPowerForEver))


if __name__ == "__main__":
    ktap.main()
