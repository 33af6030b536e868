# SPDX-License-Identifier: GPL-2.0
"""/dev/ipmi-ssif-host as daemons know it, and what happens to it when the driver is unbound.

Host and target are clients of one loopback adapter. Every test binds the target afresh.
"""

import contextlib
import ctypes
import errno
import os
import select
import signal
import struct
import subprocess
import time
import unittest

import i2c
import ktap
import modules
from background import Background, Sleeper, wait_for

DRIVER = "/sys/bus/i2c/drivers/ipmi-ssif-host"
NODE = "/dev/ipmi-ssif-host"
PAYLOAD_MAX = 254


def write_file(path, text):
    with open(path, "w") as file:
        file.write(text)


def insmod(*arguments):
    module = os.environ.get("DRIVER") or os.environ["MODULES"] + "/ssif_bmc.ko"
    return subprocess.run(["insmod", module, *arguments], capture_output=True, text=True)


def rmmod():
    return modules.rmmod("ssif_bmc")


def dmesg():
    return subprocess.run(["dmesg"], capture_output=True, text=True).stdout


def pack(payload, length=None):
    return struct.pack("=I", len(payload) if length is None else length) + payload


def pattern(length):
    return bytes((7 * i + 0x18) & 0xFF for i in range(length))


class Case(unittest.TestCase):
    """One adapter, one target at 10h, its host, and a module loaded with PARAMETERS for all tests of a class."""

    # Nothing here is to depend on how fast the machine is.
    PARAMETERS = ("response_timeout_ms=60000",)

    @classmethod
    def setUpClass(cls):
        loaded = insmod(*cls.PARAMETERS)
        assert loaded.returncode == 0, loaded.stderr
        cls.addClassCleanup(cls.unload)

    @classmethod
    def unload(cls):
        unloaded = rmmod()
        assert unloaded.returncode == 0, unloaded.stderr

    def setUp(self):
        self.new_device(0x1010)
        self.addCleanup(self.delete_device, 0x1010)
        self.host = i2c.Host()
        self.addCleanup(self.host.close)

    def new_device(self, address, bus=0):
        write_file(f"/sys/bus/i2c/devices/i2c-{bus}/new_device", f"ipmi-ssif-host {address:#x}")

    def delete_device(self, address, bus=0):
        write_file(f"/sys/bus/i2c/devices/i2c-{bus}/delete_device", f"{address:#x}")

    def unbind(self):
        write_file(DRIVER + "/unbind", "0-1010")

    def bind(self):
        write_file(DRIVER + "/bind", "0-1010")

    def open(self, flags=os.O_NONBLOCK, node=NODE):
        fd = os.open(node, os.O_RDWR | flags)

        def close():
            with contextlib.suppress(OSError):
                os.close(fd)
        self.addCleanup(close)
        return fd

    def poll(self, fd):
        poll = select.poll()
        poll.register(fd, select.POLLIN | select.POLLOUT)
        return dict(poll.poll(0)).get(fd, 0)

    def setting(self, name, value, bus=0):
        """Change a setting of the loopback adapter until the end of the test."""
        path = f"/sys/kernel/debug/i2c_loopback/{bus}/{name}"
        with open(path) as file:
            self.addCleanup(write_file, path, file.read())
        write_file(path, value)

    @contextlib.contextmanager
    def errno(self, number):
        with self.assertRaises(OSError) as caught:
            yield
        self.assertEqual(errno.errorcode[caught.exception.errno], errno.errorcode[number])

    def exchange(self, fd, request=b"\x18\x01", response=b"\x1c\x01\x00"):
        self.host.send(request)
        self.assertEqual(os.read(fd, 258), pack(request))
        os.write(fd, pack(response))
        self.assertEqual(self.host.fetch(), response)


class OpenAndClose(Case):
    def test_one_opener_at_a_time(self):
        fd = self.open()
        with self.errno(errno.EBUSY):
            self.open()
        os.close(fd)
        self.open()

    def test_closing_keeps_the_request(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        os.close(fd)
        self.assertEqual(os.read(self.open(), 258), pack(b"\x18\x01"))

    def test_node_has_the_i2c_device_as_parent(self):
        path = os.path.realpath("/sys/class/misc/ipmi-ssif-host")
        self.assertIn("/0-1010/misc/", path)

    def test_module_cannot_be_removed_under_an_open_file(self):
        fd = self.open()
        removed = rmmod()
        self.assertNotEqual(removed.returncode, 0)
        self.exchange(fd)


class Read(Case):
    def test_takes_one_request(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        self.assertEqual(os.read(fd, 4096), pack(b"\x18\x01"))
        with self.errno(errno.EAGAIN):
            os.read(fd, 4096)

    def test_request_of_every_length(self):
        fd = self.open()
        for length in [*range(1, 70), 127, 128, 129, 222, 223, 224, 253, PAYLOAD_MAX]:
            for with_pec in (False, True):
                self.host.send(pattern(length), with_pec)
                self.assertEqual(os.read(fd, 258), pack(pattern(length)))
                os.write(fd, pack(pattern(length)))
                self.assertEqual(self.host.fetch(with_pec), pattern(length))

    def test_short_buffer_keeps_the_request(self):
        fd = self.open()
        self.host.send(b"\x18\x01\x02")
        for count in (0, 1, 4, 6):
            with self.errno(errno.EINVAL):
                os.read(fd, count)
        self.assertEqual(os.read(fd, 7), pack(b"\x18\x01\x02"))

    def test_blocking_read_sleeps_until_a_request_comes(self):
        sleeper = Sleeper(os.read, self.open(flags=0), 258)
        self.host.send(b"\x18\x01")
        self.assertEqual(sleeper.result(), pack(b"\x18\x01"))

    def test_call_that_must_not_wait_does_not_sleep_on_a_blocking_file(self):
        """io_uring makes such calls on behalf of the thread that submits."""
        fd = self.open(flags=0)
        buffer = bytearray(258)
        call = Background(os.preadv, fd, [buffer], 0, os.RWF_NOWAIT)
        self.assertEqual(call.result(), "EAGAIN")
        self.host.send(b"\x18\x01")
        self.assertEqual(os.preadv(fd, [buffer], 0, os.RWF_NOWAIT), 6)
        self.assertEqual(buffer[:6], pack(b"\x18\x01"))
        os.pwritev(fd, [pack(b"\x1c\x01\x00")], 0)
        self.assertEqual(self.host.fetch(), b"\x1c\x01\x00")

    def test_signal_ends_a_blocking_read(self):
        fd = self.open(flags=0)
        reader = subprocess.Popen(["cat"], stdin=fd, stdout=subprocess.DEVNULL)
        time.sleep(0.2)
        self.assertIsNone(reader.poll())
        reader.terminate()
        self.assertEqual(reader.wait(5), -signal.SIGTERM)


class Write(Case):
    def test_limits(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        for data in (
            b"", b"\1\0\0",                                # no length
            pack(b""),                                     # nothing
            pack(b"", 1), pack(pattern(3), 4),             # less than it says
            pack(pattern(255)), pack(pattern(10), 2**31),  # too much
            pack(pattern(PAYLOAD_MAX)) + bytes(3),         # longer than the structure
        ):
            with self.errno(errno.EINVAL):
                os.write(fd, data)
        # None of that was the answer.
        self.assertEqual(os.write(fd, pack(b"\x1c\x01\x00")), 7)
        self.assertEqual(self.host.fetch(), b"\x1c\x01\x00")

    def test_padding_is_tolerated(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        self.assertEqual(os.write(fd, pack(b"\x1c\x01\x00") + bytes(253)), 260)
        self.assertEqual(self.host.fetch(), b"\x1c\x01\x00")

    def test_needs_a_request(self):
        fd = self.open()
        with self.errno(errno.EINVAL):
            os.write(fd, pack(b"\x1c\x01\x00"))
        self.exchange(fd)
        with self.errno(errno.EINVAL):
            os.write(fd, pack(b"\x1c\x01\x00"))

    def test_fault(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        libc = ctypes.CDLL(None, use_errno=True)
        self.assertEqual(libc.write(fd, ctypes.c_void_p(8), 7), -1)
        self.assertEqual(ctypes.get_errno(), errno.EFAULT)
        os.write(fd, pack(b"\x1c\x01\x00"))

    def test_second_response_answers_no_request(self):
        for flags in (0, os.O_NONBLOCK):
            fd = self.open(flags)
            self.host.send(b"\x18\x01")
            os.write(fd, pack(b"\x1c\x01\x00"))
            # At once: it would be taken for the response to the next request.
            call = Background(os.write, fd, pack(b"\x1c\x02\x00"))
            self.assertEqual(call.result(), "EINVAL")
            self.assertEqual(self.host.fetch(), b"\x1c\x01\x00")
            os.close(fd)

    def test_unread_request_may_be_answered(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        os.write(fd, pack(b"\x1c\x01\x00"))
        with self.errno(errno.EAGAIN):
            os.read(fd, 258)
        self.assertEqual(self.host.fetch(), b"\x1c\x01\x00")


class Poll(Case):
    def test_follows_the_exchange(self):
        fd = self.open()
        self.assertEqual(self.poll(fd), 0)
        self.host.send(b"\x18\x01")
        self.assertEqual(self.poll(fd), select.POLLIN | select.POLLOUT)
        os.read(fd, 258)
        self.assertEqual(self.poll(fd), select.POLLOUT)
        os.write(fd, pack(b"\x1c\x01\x00"))
        self.assertEqual(self.poll(fd), 0)
        self.host.fetch()
        self.assertEqual(self.poll(fd), 0)

    # A call that times out looks at the file once more, and so finds what no one has woken it for: these
    # time-outs are longer than result() waits.

    def test_wakes_a_sleeping_poller(self):
        fd = self.open()
        sleeper = Sleeper(select.select, [fd], [], [], 60)
        self.host.send(b"\x18\x01")
        self.assertEqual(sleeper.result()[0], [fd])

    def test_edge_triggered_epoll_gets_each_request(self):
        fd = self.open()
        with select.epoll() as epoll:
            epoll.register(fd, select.EPOLLIN | select.EPOLLET)
            for _ in range(3):
                sleeper = Sleeper(epoll.poll, 60)
                self.host.send(b"\x18\x01")
                self.assertEqual(sleeper.result(), [(fd, select.EPOLLIN)])
                os.read(fd, 258)
                os.write(fd, pack(b"\x1c\x01\x00"))
                self.host.fetch()

    def test_edge_triggered_epoll_gets_a_request_again_that_a_fault_has_put_back(self):
        fd = self.open()
        libc = ctypes.CDLL(None, use_errno=True)
        with select.epoll() as epoll:
            epoll.register(fd, select.EPOLLIN | select.EPOLLET)
            self.host.send(b"\x18\x01")
            self.assertEqual(epoll.poll(10), [(fd, select.EPOLLIN)])
            sleeper = Sleeper(epoll.poll, 60)
            self.assertEqual(libc.read(fd, ctypes.c_void_p(8), 258), -1)
            self.assertEqual(ctypes.get_errno(), errno.EFAULT)
            self.assertEqual(sleeper.result(), [(fd, select.EPOLLIN)])
        self.assertEqual(os.read(fd, 258), pack(b"\x18\x01"))


class Bus(Case):
    def test_busy_while_a_request_waits(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        with self.errno(errno.EIO):
            self.host.read_block(0x03)
        with self.errno(errno.EIO):
            self.host.send(b"\x18\x02")
        self.assertEqual(os.read(fd, 258), pack(b"\x18\x01"))
        os.write(fd, pack(b"\x1c\x01\x00"))
        self.assertEqual(self.host.fetch(), b"\x1c\x01\x00")

    def test_next_request_replaces_a_response(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        os.write(fd, pack(b"\x1c\x01\x00"))
        self.exchange(fd, b"\x18\x02", b"\x1c\x02\x00")

    def test_wrong_pec_is_dropped(self):
        fd = self.open()
        self.host.write([0x02, 1, 0x18, 0x00])
        with self.errno(errno.EAGAIN):
            os.read(fd, 258)
        self.exchange(fd)


class Status(Case):
    def status(self):
        with open("/sys/kernel/debug/ssif_bmc-0-1010/status") as file:
            return dict(line.rstrip().split(" ", 1) for line in file)

    def test_counts_what_happens(self):
        before = self.status()
        self.assertEqual((before["phase"], before["open"], before["last_abort"]),
                         ("idle", "false", "none"))
        fd = self.open()
        self.exchange(fd)
        self.host.write([0x02, 1, 0x18, 0x00])
        self.host.write(bytes([0x02, 32]) + pattern(40))
        self.host.send(b"\x18\x01")
        after = self.status()
        self.assertEqual((after["phase"], after["open"]), ("requested", "true"))
        self.assertEqual(after["last_abort"], "Overlong")
        changed = {name: int(after[name]) - int(before[name]) for name in after
                   if name not in ("phase", "open", "last_abort") and after[name] != before[name]}
        self.assertEqual(changed, {"requests": 2, "responses": 1, "abort_pec": 1,
                                   "abort_overlong_part": 1})

    def test_open_file_keeps_the_module(self):
        with open("/sys/kernel/debug/ssif_bmc-0-1010/status"):
            self.assertIn("in use", rmmod().stderr)

    def test_file_goes_with_the_driver(self):
        with open("/sys/kernel/debug/ssif_bmc-0-1010/status") as file:
            self.unbind()
            with self.assertRaises(OSError):
                file.read()
        self.assertFalse(os.path.exists("/sys/kernel/debug/ssif_bmc-0-1010"))
        self.bind()


class ResponseTimeout(Case):
    PARAMETERS = ("response_timeout_ms=500",)

    def test_late_response_is_refused(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        os.read(fd, 258)
        time.sleep(1)
        with self.errno(errno.EINVAL):
            os.write(fd, pack(b"\x1c\x01\x00"))
        # The host reads a block of length 0, and may ask again.
        with self.errno(errno.EPROTO):
            self.host.read_block(0x03)
        self.exchange(fd)

    def test_unread_request_is_void(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        time.sleep(1)
        self.assertEqual(self.poll(fd), 0)
        with self.errno(errno.EAGAIN):
            os.read(fd, 258)

    def test_response_in_time_waits_for_the_host(self):
        fd = self.open()
        self.host.send(b"\x18\x01")
        os.write(fd, pack(b"\x1c\x01\x00"))
        time.sleep(1)
        self.assertEqual(self.host.fetch(), b"\x1c\x01\x00")


class Parameters(unittest.TestCase):
    def test_bounds_of_the_timeout(self):
        for value in ("0", "9", "60001", "4294967295"):
            loaded = insmod(f"response_timeout_ms={value}")
            self.assertNotEqual(loaded.returncode, 0)
            self.assertIn(f"response_timeout_ms={value} is not between 10 and 60000", dmesg())
        for value in ("10", "60000"):
            self.assertEqual(insmod(f"response_timeout_ms={value}").returncode, 0)
            self.assertEqual(rmmod().returncode, 0)

    def test_garbage(self):
        for value in ("", "ten", "-1", "5000000000"):
            self.assertNotEqual(insmod(f"response_timeout_ms={value}").returncode, 0)


class Unbind(Case):
    def test_new_node_works_while_an_old_file_is_open(self):
        old = self.open()
        self.unbind()
        self.bind()
        new = self.open()
        self.exchange(new)
        with self.errno(errno.ENODEV):
            os.read(old, 258)
        os.close(old)
        # Closing the old one frees nothing of the new one.
        self.exchange(new)
        with self.errno(errno.EBUSY):
            self.open()

    def test_bind_again_at_once(self):
        for _ in range(50):
            self.unbind()
            self.bind()
        self.exchange(self.open())


class Instances(Case):
    def test_later_instances_get_a_suffix(self):
        self.new_device(0x1020)
        self.addCleanup(self.delete_device, 0x1020)
        second = i2c.Host(address=0x20)
        self.addCleanup(second.close)
        nodes = {name for name in os.listdir("/dev") if name.startswith("ipmi-ssif-host")}
        self.assertEqual(nodes, {"ipmi-ssif-host", "ipmi-ssif-host-0-1020"})

        # They are independent.
        fd1, fd2 = self.open(), self.open(node=NODE + "-0-1020")
        self.host.send(b"\x18\x01")
        with self.errno(errno.EAGAIN):
            os.read(fd2, 258)
        second.send(b"\x18\x02")
        self.assertEqual(os.read(fd2, 258), pack(b"\x18\x02"))
        self.assertEqual(os.read(fd1, 258), pack(b"\x18\x01"))

        # The first name is free again as soon as its owner is gone.
        self.unbind()
        self.assertNotIn("ipmi-ssif-host", os.listdir("/dev"))
        self.bind()
        self.assertIn("ipmi-ssif-host", os.listdir("/dev"))

    # A device made without the target flag, as in-tree device trees have it (reg = <0x20>), has it
    # once the driver was bound; i2c lists and deletes it as 0x1020 then.

    def test_address_without_the_target_flag(self):
        self.new_device(0x20)
        self.addCleanup(self.delete_device, 0x1020)
        second = i2c.Host(address=0x20)
        self.addCleanup(second.close)
        fd = self.open(node=NODE + "-0-0020")
        second.send(b"\x18\x01")
        self.assertEqual(os.read(fd, 258), pack(b"\x18\x01"))

    def test_ten_bit_address(self):
        # a000h stands for ten bits, 1000h for an own address.
        self.new_device(0xB020)
        self.addCleanup(self.delete_device, 0xB020)
        self.assertFalse(os.path.exists("/sys/bus/i2c/devices/0-b020/driver"))
        self.assertIn("ipmi-ssif-host 0-b020: SSIF has no ten-bit addresses", dmesg())

    def test_address_that_is_taken(self):
        self.new_device(0x10)
        self.addCleanup(self.delete_device, 0x1010)
        self.assertFalse(os.path.exists("/sys/bus/i2c/devices/0-0010/driver"))
        self.exchange(self.open())


if __name__ == "__main__":
    ktap.main()
