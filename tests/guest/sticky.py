# SPDX-License-Identifier: GPL-2.0
"""A controller that does not let go of its target, and goes on to report events.

Nothing can be taken down after that: the module and its device stay for as long as the guest.
"""

import errno
import os

import device
import ktap


class Sticky(device.Case):
    def unload(self):
        self.assertNotEqual(device.rmmod().returncode, 0)

    def test_what_the_controller_uses_stays(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        self.setting("sticky", "true")
        self.unbind()
        for _ in range(3):
            with self.errno(errno.EIO):
                self.host.send(b"\x18\x01")
        with self.errno(errno.ENODEV):
            os.read(fd, 258)
        # A second driver's data is not taken for the first one's.
        device.write_file("/sys/bus/i2c/devices/i2c-0/new_device", "ipmi-ssif-host 0x1020")
        with self.errno(errno.EIO):
            self.host.send(b"\x18\x01")


if __name__ == "__main__":
    ktap.main()
