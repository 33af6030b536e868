# SPDX-License-Identifier: GPL-2.0
"""The defects of the C driver: a test for each, by the numbers of the README's table.

$DRIVER names another module than ours to judge. $DEFECT runs one test only, for a driver that may
not survive it.
"""

import ctypes
import errno
import mmap
import os
import re
import select
import time
import unittest

import device
import i2c
import ktap
from background import Sleeper
from device import PAYLOAD_MAX, pack, pattern


class Defects(device.Case):
    # The C driver's time.
    PARAMETERS = ()

    def nothing_arrived(self, fd):
        with self.errno(errno.EAGAIN):
            self.fail(f"delivered {os.read(fd, 260).hex()}")

    def test_01_overlong_part(self):
        fd = self.open()
        for length in (34, 35, 36, 64, 255):
            self.host.write(bytes([0x02, 32]) + pattern(length))
            self.nothing_arrived(fd)
        self.exchange(fd)

    def test_02_full_part_with_pec(self):
        # The C driver's last byte lies outside of its array, where only UBSAN sees it.
        fd = self.open()
        self.host.send(pattern(32), with_pec=True)
        self.assertEqual(os.read(fd, 258), pack(pattern(32)))

    def test_03_message_of_255_bytes(self):
        fd = self.open()
        self.host.send(pattern(255))
        self.nothing_arrived(fd)
        self.exchange(fd, pattern(PAYLOAD_MAX))

    def test_04_last_part_without_a_first(self):
        fd = self.open()
        self.host.write_block(0x08, pattern(8))
        self.nothing_arrived(fd)
        self.host.write_block(0x07, pattern(32))
        self.host.write_block(0x08, pattern(8))
        self.nothing_arrived(fd)

    def test_05_unread_request_is_torn(self):
        # A controller that cannot refuse brings another request while one is unread.
        self.setting("controller", "npcm")
        fd = self.open()
        self.host.send(b"\x18\x01")
        self.host.write_block(0x06, pattern(32))
        self.assertEqual(os.read(fd, 258), pack(b"\x18\x01"))

    def test_06_request_while_busy_and_late_response(self):
        self.setting("controller", "npcm")
        fd = self.open()
        self.host.send(b"\x18\x01")
        os.read(fd, 258)
        self.host.write_block(0x06, pattern(32))
        os.write(fd, pack(b"\x1c\x01\x00"))
        self.host.write_block(0x08, pattern(8))
        self.nothing_arrived(fd)
        self.assertEqual(self.host.fetch(), b"\x1c\x01\x00")

    def test_07_data_taken_for_a_command(self):
        fd = self.open()
        self.host.write([0xFF, 0x00, 0x02, 1, 0x42])
        self.nothing_arrived(fd)

    def test_08_response_read_in_part(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        os.write(fd, pack(b"\x1c\x01\x00\x20"))
        self.assertEqual(self.host.read_raw(0x03, 3), b"\x04\x1c\x01")
        self.assertEqual(self.host.fetch(), b"\x1c\x01\x00\x20")

    def test_09_next_block_before_the_first(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        os.write(fd, pack(pattern(100)))
        # A block of length 0 is none.
        with self.errno(errno.EPROTO):
            self.fail(f"got a block {self.host.read_block(0x09).hex()}")
        self.assertEqual(self.host.fetch(), pattern(100))

    def test_10_fault_in_read(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        libc = ctypes.CDLL(None, use_errno=True)
        # Half of the message fits before the page that nobody may touch.
        pages = mmap.mmap(-1, 2 * mmap.PAGESIZE)
        edge = ctypes.addressof(ctypes.c_char.from_buffer(pages)) + mmap.PAGESIZE
        self.assertEqual(libc.mprotect(ctypes.c_void_p(edge), mmap.PAGESIZE, 0), 0)
        for address in (edge, edge - 4):
            self.assertEqual(libc.read(fd, ctypes.c_void_p(address), 258), -1)
            self.assertEqual(errno.errorcode[ctypes.get_errno()], "EFAULT")
        self.assertEqual(os.read(fd, 258), pack(b"\x18\x01"))

    def test_11_request_while_unbinding(self):
        # It holds the bus, which unbinding needs to take the target from it: its time-out begins when the
        # driver has already begun to leave.
        gate = "/sys/kernel/debug/i2c_loopback/0/pass"
        self.addCleanup(device.write_file, gate, "-1")
        for _ in range(3):
            # The C driver sets its timer up in the first request.
            fd = self.open()
            self.exchange(fd)
            os.close(fd)
            device.write_file(gate, "0")
            host = Sleeper(self.host.send, b"\x18\x01")
            unbinder = Sleeper(self.unbind)
            device.write_file(gate, "-1")
            self.assertIsNone(host.result())
            unbinder.result()
            self.bind()
        # Longer than the timer would take.
        time.sleep(0.7)

    def test_12_unbind_before_the_first_request(self):
        self.unbind()
        self.bind()

    def test_13_time_out_of_an_earlier_request(self):
        # Responses at the very end of their time, and at once another request.
        fd = self.open()
        for step in range(24):
            self.host.send(b"\x18\x01")
            os.read(fd, 258)
            time.sleep(0.494 + step / 2000)
            try:
                os.write(fd, pack(b"\x1c\x01\x00"))
            except OSError as error:
                self.assertEqual(error.errno, errno.EINVAL)
            self.host.send(b"\x18\x02")
            time.sleep(0.02)
            self.assertEqual(os.read(fd, 258), pack(b"\x18\x02"))
            os.write(fd, pack(b"\x1c\x02\x00"))
            self.assertEqual(self.host.fetch(), b"\x1c\x02\x00")

    def test_14_file_open_across_unbind(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        self.unbind()
        self.assertFalse(os.path.exists(device.NODE))
        with self.errno(errno.ENODEV):
            os.read(fd, 258)
        with self.errno(errno.ENODEV):
            os.write(fd, pack(b"\x1c\x01\x00"))
        self.assertEqual(self.poll(fd), select.POLLHUP | select.POLLERR)
        with self.errno(errno.ENXIO):
            self.host.send(b"\x18\x01")
        os.close(fd)
        self.bind()

    def test_15_sleepers_at_unbind(self):
        fd = self.open(flags=0)
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        epoll = select.epoll()
        self.addCleanup(epoll.close)
        epoll.register(fd, select.EPOLLIN | select.EPOLLET)
        reader = Sleeper(os.read, fd, 258)
        # Longer than result() waits: at the time-out the file is looked at once more.
        pollers = [Sleeper(poll.poll, 60000), Sleeper(epoll.poll, 60)]
        self.unbind()
        self.assertEqual(reader.result(), "ENODEV")
        for poller in pollers:
            self.assertEqual(poller.result(), [(fd, select.POLLHUP | select.POLLERR)])
        os.close(fd)
        self.bind()

    def test_16_second_instance(self):
        self.new_device(0x1020)
        self.addCleanup(self.delete_device, 0x1020)
        self.assertTrue(os.path.exists("/sys/bus/i2c/devices/0-1020/driver"), "did not probe")
        second = i2c.Host(address=0x20)
        self.addCleanup(second.close)
        second.send(b"\x18\x01")
        self.assertEqual(os.read(self.open(node=device.NODE + "-0-1020"), 258), pack(b"\x18\x01"))

    def test_17_log_at_the_pleasure_of_the_host(self):
        before = len(device.dmesg().splitlines())
        for _ in range(200):
            self.host.write([0x02, 1, 0x18, 0x00])
        self.assertLess(len(device.dmesg().splitlines()) - before, 20)

    def test_18_read_after_a_time_out(self):
        # No controller looks at the answer to a read: the host gets a length of 0, and bytes without a meaning.
        self.open()
        self.host.send(b"\x18\x01")
        time.sleep(0.7)
        self.assertEqual(self.host.read_raw(0x03, 4), bytes(4))

    def test_19_no_correlation(self):
        # By the interface: an answer that comes too late for one request is taken for the next.
        fd = self.open()
        self.host.send(b"\x18\x01")
        os.read(fd, 258)
        time.sleep(0.7)
        self.host.send(b"\x18\x02")
        os.write(fd, pack(b"\x1c\x01\x00"))
        self.assertEqual(self.host.fetch(), b"\x1c\x01\x00")


def load_tests(loader, tests, pattern):
    """All of Defects' tests, or the one that $DEFECT names; none of device's."""
    only = os.environ.get("DEFECT", "")
    return unittest.TestSuite(
        Defects(name) for name in loader.getTestCaseNames(Defects)
        if not only or re.match(rf"test_{only}_", name))


if __name__ == "__main__":
    ktap.main()
