# SPDX-License-Identifier: GPL-2.0
"""A target is unbound while an event handler is inside of its driver.

The handler is a thread or a work item of a controller that waits for it in unreg_target(), or does not. The
driver of i2c_held_target is held between finding its data and using them; ssif_bmc has traffic.
"""

import errno
import os
import subprocess
import unittest

import device
import i2c
import kernel_log
import ktap
import modules
from background import Sleeper, Traffic, wait_for

TEST_MODULE = os.environ["MODULES"] + "/tests/loopback/i2c_held_target.ko"
HELD = "/sys/kernel/debug/i2c_held_target/"
ADAPTER = "/sys/bus/i2c/devices/i2c-0/"

# Those that report events beside the host. All but the first do not wait for their handler.
CONTROLLERS = ("thread", "thread-no-wait", "interrupt-no-wait", "amd-asf")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def held(name):
    with open(HELD + name) as file:
        return file.read().strip()


def imitate(controller):
    device.write_file("/sys/kernel/debug/i2c_loopback/0/controller", controller)


class Held(kernel_log.Quiet):
    """Each test on each controller."""

    def setUp(self):
        super().setUp()
        self.addCleanup(imitate, "plain")
        self.host = i2c.Host()
        self.addCleanup(self.host.close)

    def on_each_controller(self, remove, *clean_up):
        for controller in CONTROLLERS:
            with self.subTest(controller):
                self.remove_during_an_event(controller, remove)
                for step in clean_up:
                    step()

    def remove_during_an_event(self, controller, remove):
        run("insmod", TEST_MODULE)
        device.write_file(ADAPTER + "new_device", "i2c-held-target 0x1010")
        imitate(controller)
        device.write_file(HELD + "hold", "true")
        # The write is over for the host when it is queued. The next byte is held if the first one's time is up
        # before anyone could look.
        self.host.write(b"\x01\x02\x03")
        wait_for("an event is held", lambda: held("held") == "1")

        remover = Sleeper(remove)
        self.assertEqual(held("dropped"), "0")
        device.write_file(HELD + "hold", "false")
        remover.result()
        if os.path.exists(HELD):
            self.assertEqual(held("dropped"), "1")

        imitate("plain")
        with self.assertRaises(OSError) as caught:
            self.host.write(b"\x01")
        self.assertEqual(caught.exception.errno, errno.ENXIO)

    @staticmethod
    def unbind():
        device.write_file("/sys/bus/i2c/drivers/i2c-held-target/unbind", "0-1010")

    @staticmethod
    def delete_device():
        device.write_file(ADAPTER + "delete_device", "0x1010")

    @staticmethod
    def unload():
        removed = modules.rmmod("i2c_held_target")
        assert removed.returncode == 0, removed.stderr

    def test_unbind(self):
        self.on_each_controller(self.unbind, self.delete_device, self.unload)

    def test_delete_device(self):
        self.on_each_controller(self.delete_device, self.unload)

    def test_unload_the_module(self):
        self.on_each_controller(self.unload, self.delete_device)


class Traffics(kernel_log.Quiet, device.Case):
    def send(self):
        self.host.send(b"\x18\x01")

    def rebind(self):
        self.unbind()
        self.bind()

    def test_ssif_bmc_is_unbound_under_traffic(self):
        for controller in CONTROLLERS:
            with self.subTest(controller):
                self.setting("controller", controller)
                with Traffic(self.send, self.send, allowed={errno.ENXIO}):
                    for _ in range(25):
                        self.rebind()
                self.setting("controller", "plain")
                self.rebind()
                self.exchange(self.open())


def load_tests(loader, tests, pattern):
    """None of device's."""
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in (Held, Traffics))


if __name__ == "__main__":
    ktap.main()
