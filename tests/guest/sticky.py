# SPDX-License-Identifier: GPL-2.0
"""Controllers that return an error when they are to release a target, whether they release it or not."""

import errno
import os
import subprocess
import unittest

import device
import i2c
import kernel_log
import ktap

# The results of runtime power management, of a controller without CONFIG_PM, and of a target that is not registered.
ERRORS = (errno.EBUSY, errno.EAGAIN, errno.EPERM, errno.EINVAL, errno.ENOSYS, errno.EACCES, errno.ENODEV,
          errno.ETIMEDOUT)
# pm_runtime_put_sync() may return 1.
POSITIVE = -1


class Case(kernel_log.Quiet, device.Case):
    def no_traces(self):
        self.assertFalse(os.path.exists(device.NODE), "the node is there")
        self.assertFalse(os.path.exists("/sys/kernel/debug/ssif_bmc-0-1010"), "the status is there")

    def host_gets(self, number):
        for _ in range(3):
            with self.errno(number):
                self.host.send(b"\x18\x01")

    def controller(self, answer):
        device.write_file("/sys/kernel/debug/i2c_loopback/0/release", answer)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.controller, "done")
        self.setting("runtime_error", "false")

    def recovers(self):
        """The controller releases its target again."""
        self.controller("done")
        device.write_file("/sys/kernel/debug/i2c_loopback/0/runtime_error", "false")
        self.bind()

    def is_released_and_bound(self):
        self.unbind()
        self.no_traces()
        self.host_gets(errno.ENXIO)
        self.bind()
        self.exchange(self.open())

    def keeps_for_ever(self, number):
        """Has the controller keep its target, with this error."""
        if number == errno.EINVAL:
            # Otherwise this is the error of a target that is not registered.
            self.setting("runtime_error", "true")
        self.controller(f"keeps {number}")


class Releases(Case):
    """The controller releases the target, and fails with what follows."""

    def test_unbind_and_bind(self):
        for number in (*ERRORS, POSITIVE):
            with self.subTest(number):
                self.controller(f"fails {number}")
                for _ in range(3):
                    self.is_released_and_bound()

    def test_unload(self):
        for number in (errno.EBUSY, errno.EINVAL, POSITIVE):
            with self.subTest(number):
                self.controller(f"fails {number}")
                self.assertEqual(device.rmmod().returncode, 0)
                self.no_traces()
                self.host_gets(errno.ENXIO)
                self.assertEqual(device.insmod(*self.PARAMETERS).returncode, 0)
                fd = self.open()
                self.exchange(fd)
                os.close(fd)


class KeepsOnce(Case):
    """The controller refuses to release the target once, and releases it when it is asked again."""

    def test_unbind_and_bind(self):
        for number in set(ERRORS) - {errno.EINVAL, errno.ENODEV}:
            with self.subTest(number):
                self.controller(f"keeps {number} 1")
                self.is_released_and_bound()


class KeepsUntilItIsBoundAgain(Case):
    """The controller refuses to release the target while the driver is unbound, and releases it later."""

    def test_unbind_and_bind(self):
        for number in set(ERRORS) - {errno.ENODEV}:
            with self.subTest(number):
                self.keeps_for_ever(number)
                self.unbind()
                self.no_traces()
                self.host_gets(errno.EIO)
                self.recovers()
                self.exchange(self.open())
                # Nothing of it is left: this is released at once.
                self.unbind()
                self.host_gets(errno.ENXIO)
                self.bind()

    def test_unload_and_load(self):
        self.keeps_for_ever(errno.EBUSY)
        self.assertEqual(device.rmmod().returncode, 0)
        self.no_traces()
        # The module that handled these events is gone.
        self.host_gets(errno.EIO)
        self.controller("done")
        self.assertEqual(device.insmod(*self.PARAMETERS).returncode, 0)
        self.exchange(self.open())


class KeepsForEver(Case):
    def test_unbind(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        for number in set(ERRORS) - {errno.ENODEV}:
            with self.subTest(number):
                self.keeps_for_ever(number)
                self.unbind()
                self.no_traces()
                self.host_gets(errno.EIO)
                with self.errno(errno.ENODEV):
                    os.read(fd, 258)
                with self.errno(errno.EBUSY):
                    self.bind()
                self.host_gets(errno.EIO)
                self.recovers()

    def test_another_target_is_not_disturbed(self):
        self.keeps_for_ever(errno.EBUSY)
        self.unbind()
        self.new_device(0x1020)
        self.addCleanup(self.delete_device, 0x1020)
        self.host_gets(errno.EIO)
        self.controller("done")
        self.bind()
        self.exchange(self.open(node=device.NODE + "-0-1010"))


class KeepsADeletedClient(Case):
    def test_delete_device(self):
        """The client is left to the controller, and no other one can have its address until that is bound anew."""
        self.keeps_for_ever(errno.EBUSY)
        self.delete_device(0x1010)
        self.host_gets(errno.EIO)
        self.new_device(0x1010)
        self.assertFalse(os.path.exists("/sys/bus/i2c/devices/0-1010/driver"))
        self.host_gets(errno.EIO)

        self.host.close()
        subprocess.run(["rmmod", "i2c_loopback"], check=True)
        subprocess.run(["insmod", os.environ["MODULES"] + "/tests/loopback/i2c_loopback.ko"], check=True)
        self.new_device(0x1010)
        self.host = i2c.Host()
        self.exchange(self.open())


def load_tests(loader, tests, pattern):
    """None of device's."""
    return unittest.TestSuite(
        loader.loadTestsFromTestCase(case)
        for case in (Releases, KeepsOnce, KeepsUntilItIsBoundAgain, KeepsForEver, KeepsADeletedClient))


if __name__ == "__main__":
    ktap.main()
