# SPDX-License-Identifier: GPL-2.0
"""Trace events of nvmem_core, and the summary of devices in debugfs."""

import errno
import re

import kernel_log
import ktap
import nvmem
from background import wait_for
from nvmem import Device, Provider, cell

TRACING = "/sys/kernel/tracing/"
SUMMARY = "/sys/kernel/debug/nvmem_core/summary"


def summary(name):
    """The fields of a device, or None, and the totals."""
    text = nvmem.read_file(SUMMARY).decode()
    rows = [line.split() for line in text.splitlines()]
    found = [row[:-1] for row in rows if row[-1:] == [name]]
    return (found[0] if found else None), [int(number) for number in re.findall(r"\d+", text.splitlines()[-1])]


def released():
    """CONFIG_DEBUG_KOBJECT_RELEASE delays it by up to 4 s."""
    wait_for("the device is released", lambda: summary("p0")[0] is None)


class Trace(kernel_log.Quiet):
    def setUp(self):
        super().setUp()
        nvmem.write_file(TRACING + "trace", "")
        nvmem.write_file(TRACING + "events/nvmem/enable", "1")
        self.addCleanup(nvmem.write_file, TRACING + "events/nvmem/enable", "0")

    def events(self):
        text = nvmem.read_file(TRACING + "trace").decode()
        return re.findall(r"nvmem_(\w+): (.*)", text)

    def test_register_unregister_revoke_and_access_after_that(self):
        consumer = Device("consumer0")
        self.addCleanup(consumer.close)
        with Provider("p0", size=64) as provider:
            provider.register()
            device = consumer.get("p0")
            device.read(0, 4)
            provider.unregister()
            with self.assertRaises(OSError) as caught:
                device.read(0, 4)
            self.assertEqual(caught.exception.errno, errno.ENODEV)
            device.close()
        self.assertEqual(self.events(), [
            ("register", "p0 size=64"), ("unregister", "p0"), ("revoke", "p0"), ("access_refused", "p0")])


class Summary(kernel_log.Quiet):
    def test_from_registering_to_the_last_put(self):
        consumer = Device("consumer0")
        self.addCleanup(consumer.close)
        _, before = summary("p0")
        with Provider("p0", size=64, cell=[cell("a", offset=0, bytes=4), cell("b", offset=4, bytes=4)]) as provider:
            provider.register()
            self.assertEqual(summary("p0")[0], ["64", "2", "0", "0", "registered"])
            first, second = consumer.get("p0"), consumer.get("p0")
            self.assertEqual(summary("p0")[0], ["64", "2", "2", "0", "registered"])
            second.close()
            provider.unregister()
            self.assertEqual(summary("p0")[0], ["64", "0", "1", "0", "revoked"])
            for _ in range(3):
                with self.assertRaises(OSError):
                    first.read(0, 4)
            self.assertEqual(summary("p0")[0], ["64", "0", "1", "3", "revoked"])
            first.close()
        released()
        _, after = summary("p0")
        self.assertEqual([new - old for new, old in zip(after, before)], [1, 1, 3])

    def test_a_registration_that_fails_leaves_no_record(self):
        with Provider("p0", cell=[cell("a", offset=0, bytes=4, raw_len=3)], word_size=2) as provider:
            with self.assertRaises(OSError):
                provider.register()
        released()


if __name__ == "__main__":
    ktap.main()
