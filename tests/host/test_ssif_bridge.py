# SPDX-License-Identifier: GPL-2.0
"""Tests of scripts/ssif-bridge: the VM codec, and the bridge between a device
that is one end of a socket pair and a simulator that is a thread.

    python3 -m unittest discover -s tests/host
"""

import contextlib
import errno
import importlib.machinery
import importlib.util
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import tty
import unittest
from unittest import mock

SCRIPT = os.path.join(os.path.dirname(__file__), "..", "..", "scripts", "ssif-bridge")


def load_script():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("ssif_bridge", SCRIPT)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


sb = load_script()

GET_DEVICE_ID = bytes((0x18, 0x01))
DEVICE_ID = bytes((0x1C, 0x01, 0x00, 0x20, 0x01))


def frames(*chunks):
    decoder = sb.Decoder()
    return [frame for chunk in chunks for frame in decoder.feed(chunk)]


def message(data):
    return sb.Frame("message", data)


class Codec(unittest.TestCase):
    def test_checksum(self):
        for data, expected in ((b"", 0), (b"\x00", 0), (b"\x01", 0xFF), (b"\xff\x02", 0xFF),
                               (b"\x80\x80", 0), (bytes((0x01, 0x18, 0x01)), 0xE6)):
            with self.subTest(data=data.hex()):
                self.assertEqual(sb.checksum(data), expected)

    def test_encode_escapes_only_the_three_special_bytes(self):
        special = {0xA0: b"\xaa\xb0", 0xA1: b"\xaa\xb1", 0xAA: b"\xaa\xba"}
        for byte in range(256):
            with self.subTest(byte=hex(byte)):
                expected = special.get(byte, bytes((byte,))) + b"\xa0"
                self.assertEqual(sb.encode(bytes((byte,)), sb.MESSAGE_END), expected)

    def test_encode_message(self):
        for seq, payload, wire in (
                (0x01, GET_DEVICE_ID, "01 18 01 e6 a0"),
                (0xA0, GET_DEVICE_ID, "aa b0 18 01 47 a0"),
                # The checksum itself needs an escape.
                (0x46, bytes((0x18, 0x01)), "46 18 01 aa b1 a0"),
                (0x05, bytes((0x28, 0x12, 0xAA, 0xA1, 0xA0)),
                 "05 28 12 aa ba aa b1 aa b0 d6 a0")):
            with self.subTest(wire=wire):
                self.assertEqual(sb.encode_message(seq, payload), bytes.fromhex(wire))

    def test_encode_command(self):
        self.assertEqual(sb.encode(b"\xff\x01", sb.COMMAND_END), b"\xff\x01\xa1")

    def test_round_trip_of_every_byte_in_every_place(self):
        for byte in range(256):
            with self.subTest(byte=hex(byte)):
                payload = bytes((byte, 0x01, byte, 0x00, byte))
                wire = sb.encode_message(byte, payload)
                self.assertEqual(frames(wire), [message(bytes((byte,)) + payload)])

    def test_longest_payload(self):
        payload = bytes((0xAA,)) * sb.MAX_PAYLOAD
        self.assertEqual(frames(sb.encode_message(7, payload)), [message(b"\x07" + payload)])

    def test_split_reads(self):
        wire = bytes.fromhex("ff 01 a1") + sb.encode_message(0xAA, b"\x18\x01\xa0\xa1")
        expected = [sb.Frame("command", b"\xff\x01"), message(b"\xaa\x18\x01\xa0\xa1")]
        for cut in range(len(wire) + 1):
            with self.subTest(cut=cut):
                self.assertEqual(frames(wire[:cut], wire[cut:]), expected)
        self.assertEqual(frames(*(bytes((byte,)) for byte in wire)), expected)

    def test_garbage_is_reported_and_what_follows_is_read(self):
        good = sb.encode_message(1, GET_DEVICE_ID)
        overlong = bytes(sb.MAX_FRAME + 1) + b"\xa0"
        for name, wire, why in (
                ("wrong checksum", "01 18 01 e7 a0", "wrong checksum"),
                ("no checksum", "01 18 01 a0", "message of 3 bytes"),
                ("one byte", "00 a0", "message of 1 bytes"),
                ("escape before the end", "01 18 01 e6 aa a0", "ends in an escape"),
                ("only an escape", "aa a1", "ends in an escape"),
                ("overlong", overlong.hex(), f"longer than {sb.MAX_FRAME} bytes"),
                ("overlong command", (overlong[:-1] + b"\xa1").hex(),
                 f"longer than {sb.MAX_FRAME} bytes")):
            with self.subTest(name):
                self.assertEqual(frames(bytes.fromhex(wire) + good),
                                 [sb.Frame("garbage", why=why), message(b"\x01" + GET_DEVICE_ID)])

    def test_longest_frame_is_not_garbage(self):
        self.assertEqual(frames(bytes(sb.MAX_FRAME) + b"\xa1")[0].kind, "command")

    def test_overlong_frame_takes_no_memory(self):
        decoder = sb.Decoder()
        self.assertEqual(list(decoder.feed(bytes(100000))), [])
        self.assertLessEqual(len(decoder._body), sb.MAX_FRAME + 1)

    def test_empty_frames_are_ignored(self):
        self.assertEqual(frames(b"\xa0\xa1\xa0"), [])


class OwnAnswers(unittest.TestCase):
    def test_ssif_capabilities(self):
        for name, request, pec, expected in (
                ("without PEC", "18 57 00", False, "1c 57 00 00 80 fe fe"),
                ("with PEC", "18 57 00", True, "1c 57 00 00 88 fe fe"),
                ("reserved bits", "18 57 f0", False, "1c 57 00 00 80 fe fe"),
                ("LUN 2", "1a 57 00", False, "1e 57 00 00 80 fe fe"),
                ("KCS", "18 57 01", False, None),
                ("no data", "18 57", False, None),
                ("another NetFn", "28 57 00", False, None),
                ("another command", "18 01 00", False, None)):
            with self.subTest(name):
                answer = sb.ssif_capabilities(bytes.fromhex(request), pec)
                self.assertEqual(answer, bytes.fromhex(expected) if expected else None)

    def test_error_response(self):
        self.assertEqual(sb.error_response(bytes((0x29, 0x11, 0x00)), 0xC3), b"\x2d\x11\xc3")


class Arguments(unittest.TestCase):
    def test_address(self):
        for text, expected in (("localhost:9015", ("localhost", 9015)),
                               ("[::1]:1", ("::1", 1)), ("10.0.0.1:65535", ("10.0.0.1", 65535))):
            with self.subTest(text):
                self.assertEqual(sb.address(text), expected)
        for text in ("localhost", ":9015", "localhost:", "localhost:0", "localhost:65536", "h:-1"):
            with self.subTest(text), self.assertRaises(sb.argparse.ArgumentTypeError):
                sb.address(text)


class FakeSimulator:
    """A VM server that answers what handler(request) returns.

    The handler gives a response, a list of (seq offset, response), or None.
    """

    def __init__(self, handler):
        self.handler = handler
        self.requests = []
        self.commands = []
        self.connection = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                self.connection, _ = self.listener.accept()
                with self.connection, contextlib.suppress(ConnectionError):
                    self.talk()

    def talk(self):
        self.connection.sendall(bytes.fromhex("ff 01 a1 00 a1"))
        decoder = sb.Decoder()
        while data := self.connection.recv(100):
            for frame in decoder.feed(data):
                self.handle(frame)

    def handle(self, frame):
        if frame.kind != "message":
            self.commands.append(frame.data)
            return
        seq, request = frame.data[0], frame.data[1:]
        self.requests.append(request)
        answers = self.handler(request)
        if isinstance(answers, bytes):
            answers = [(0, answers)]
        for offset, response in answers or ():
            self.connection.sendall(sb.encode_message((seq + offset) & 0xFF, response))

    def hang_up(self):
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        if self.connection:
            self.hang_up()


class PairDevice(sb.Device):
    """A device whose host end is a socket; each open() makes a new pair."""

    def __init__(self):
        super().__init__("test device")
        self.host = None
        self.present = True

    def open(self):
        if not self.present:
            raise sb.Gone(self, os.strerror(errno.ENOENT))
        self.host, device = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.host.settimeout(5)
        device.setblocking(False)
        self.fd = device.detach()

    def ask(self, request):
        self.host.send(struct.pack("=I", len(request)) + request)

    def reply(self, timeout=5):
        self.host.settimeout(timeout)
        frame = self.host.recv(1000)
        assert struct.unpack_from("=I", frame)[0] == len(frame) - 4
        return frame[4:]

    def exchange(self, request):
        self.ask(request)
        return self.reply()


class Running(unittest.TestCase):
    """The bridge in a thread, between a PairDevice and a FakeSimulator."""

    def setUp(self):
        sb.log.setLevel(sb.logging.CRITICAL)
        self.addCleanup(sb.log.setLevel, sb.logging.NOTSET)
        retry = mock.patch.object(sb, "RETRY", 0.05)
        retry.start()
        self.addCleanup(retry.stop)
        self.failure = None

    def bridge(self, handler=lambda request: DEVICE_ID, **options):
        self.simulator = FakeSimulator(handler)
        self.addCleanup(self.simulator.close)
        self.device = PairDevice()
        end = sb.Simulator("127.0.0.1", self.simulator.port)
        bridge = sb.Bridge(self.device, end, **{"timeout": 5, **options})
        bridge.start(0)
        stop = threading.Event()

        def run():
            try:
                while not stop.is_set():
                    bridge.step(0.02)
            except sb.Gone as gone:
                self.failure = gone

        self.thread = threading.Thread(target=run)
        self.thread.start()

        def finish():
            stop.set()
            self.thread.join()
            for opened in (self.device, end):
                if opened.fd is not None:
                    opened.close()
            self.device.host.close()

        self.addCleanup(finish)
        return bridge

    def until(self, condition):
        deadline = time.monotonic() + 5
        while not condition():
            self.assertLess(time.monotonic(), deadline, "nothing happened for 5 s")
            time.sleep(0.01)

    def test_requests_and_responses_pass_unchanged(self):
        self.bridge(lambda request: bytes((request[0] | 4, request[1], 0)) + request[2:])
        for size in (0, 1, 30, 200, sb.MAX_PAYLOAD - 3):
            with self.subTest(size=size):
                data = bytes((0xA0 + i) & 0xFF for i in range(size))
                answer = self.device.exchange(b"\x28\x11" + data)
                self.assertEqual(answer, b"\x2c\x11\x00" + data)
        self.assertEqual(self.simulator.commands, [b"\xff\x01", b"\x08\x00"])

    def test_response_has_the_lun_of_its_request(self):
        self.bridge()
        for lun in range(4):
            answer = self.device.exchange(bytes((0x18 | lun, 0x01)))
            self.assertEqual(answer, bytes((0x1C | lun,)) + DEVICE_ID[1:])

    def test_longest_request(self):
        self.bridge()
        request = b"\x28\x12" + bytes(sb.MAX_PAYLOAD - 2)
        self.assertEqual(self.device.exchange(request), DEVICE_ID)
        self.assertEqual(self.simulator.requests, [request])

    def test_sequence_number_wraps(self):
        self.bridge()
        for _ in range(300):
            self.assertEqual(self.device.exchange(GET_DEVICE_ID), DEVICE_ID)

    def test_capabilities_do_not_reach_the_simulator(self):
        self.bridge(pec=True)
        self.assertEqual(self.device.exchange(b"\x18\x57\x00").hex(" "), "1c 57 00 00 88 fe fe")
        self.assertEqual(self.simulator.requests, [])

    def test_useless_requests_are_dropped(self):
        self.bridge()
        for frame in (b"\x00", struct.pack("=I", 0), struct.pack("=I", 1) + b"\x18",
                      struct.pack("=I", 3) + GET_DEVICE_ID, struct.pack("=I", 1) + GET_DEVICE_ID):
            with self.subTest(frame=frame.hex()):
                self.device.host.send(frame)
                self.assertEqual(self.device.exchange(GET_DEVICE_ID), DEVICE_ID)
        self.assertEqual(set(self.simulator.requests), {GET_DEVICE_ID})

    def test_stray_and_short_responses_are_dropped(self):
        self.bridge(lambda request: [(-1, b"\x1c\x01\xff"), (0, b"\x1c\x01"), (0, DEVICE_ID),
                                     (0, b"\x1c\x01\xff")])
        for _ in range(3):
            self.assertEqual(self.device.exchange(GET_DEVICE_ID), DEVICE_ID)

    def test_overlong_response_becomes_an_error(self):
        self.bridge(lambda request: b"\x2c\x11\x00" + bytes(sb.MAX_PAYLOAD - 2))
        self.assertEqual(self.device.exchange(b"\x28\x11"), b"\x2c\x11\xca")

    def test_silent_simulator_becomes_an_error(self):
        self.bridge(lambda request: None, timeout=0.1)
        self.assertEqual(self.device.exchange(GET_DEVICE_ID), b"\x1c\x01\xc3")

    def test_new_request_makes_the_previous_one_void(self):
        self.bridge(lambda request: DEVICE_ID if request == GET_DEVICE_ID else None)
        self.device.ask(b"\x28\x11")
        self.until(lambda: self.simulator.requests)
        self.assertEqual(self.device.exchange(GET_DEVICE_ID), DEVICE_ID)

    def test_simulator_that_goes_away_during_a_request(self):
        self.bridge(lambda request: self.simulator.hang_up())
        self.assertEqual(self.device.exchange(GET_DEVICE_ID), b"\x1c\x01\xc0")

    def test_simulator_that_goes_away_and_comes_back(self):
        bridge = self.bridge()
        with mock.patch.object(bridge.simulator, "open",
                               side_effect=sb.Gone(bridge.simulator, "refused")):
            self.simulator.hang_up()
            self.until(lambda: bridge.simulator.fd is None)
            self.assertEqual(self.device.exchange(GET_DEVICE_ID), b"\x1c\x01\xc0")
            self.assertEqual(self.device.exchange(b"\x18\x57\x00")[2], 0)
        self.until(lambda: bridge.simulator.fd is not None)
        self.assertEqual(self.device.exchange(GET_DEVICE_ID), DEVICE_ID)

    def test_device_that_goes_away_and_comes_back(self):
        bridge = self.bridge()
        self.device.present = False
        self.device.host.close()
        self.until(lambda: bridge.device.fd is None)
        time.sleep(0.1)
        self.device.present = True
        self.until(lambda: bridge.device.fd is not None)
        self.assertEqual(self.device.exchange(GET_DEVICE_ID), DEVICE_ID)

    def test_once_ends_when_an_end_goes_away(self):
        for name, status in (("device", 3), ("simulator", 4)):
            with self.subTest(name):
                self.bridge(once=True)
                if name == "device":
                    self.device.host.close()
                else:
                    self.simulator.hang_up()
                self.thread.join(5)
                self.assertEqual(self.failure.end.exit_status, status)


class DeviceWrites(unittest.TestCase):
    """What write() on the device answers, and what becomes of it."""

    def setUp(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        self.device = sb.Device("test device")
        self.device.fd = ours.fileno()

    def send(self, *results):
        with mock.patch.object(sb.os, "write", side_effect=results) as write, \
                mock.patch.object(sb, "WRITE_PATIENCE", 0.01):
            self.device.send(DEVICE_ID)
        return write.call_count

    def test_taken(self):
        self.assertEqual(self.send(9), 1)

    def test_given_up_by_the_driver(self):
        with self.assertLogs(sb.log, "WARNING") as logs:
            self.assertEqual(self.send(OSError(errno.EINVAL, "Invalid argument")), 1)
        self.assertIn("gave up", logs.output[0])

    def test_previous_response_then_taken(self):
        self.assertEqual(self.send(BlockingIOError(errno.EAGAIN, "again"), 9), 2)

    def test_previous_response_never_fetched(self):
        again = BlockingIOError(errno.EAGAIN, "again")
        with self.assertLogs(sb.log, "WARNING") as logs:
            self.assertEqual(self.send(again, again), 2)
        self.assertIn("did not fetch", logs.output[0])

    def test_unbound(self):
        with self.assertRaises(sb.Gone):
            self.send(OSError(errno.ENODEV, "No such device"))
        with self.assertRaises(sb.Gone):
            self.send(BlockingIOError(errno.EAGAIN, "again"), OSError(errno.ENODEV, "gone"))


class CommandLine(unittest.TestCase):
    """The script as a process; its device is a terminal in raw mode."""

    def start(self, *args):
        process = subprocess.Popen([sys.executable, SCRIPT, *args], stderr=subprocess.PIPE,
                                   text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def terminal(self):
        host, device = pty.openpty()
        tty.setraw(device)
        self.addCleanup(os.close, device)
        return host, os.ttyname(device)

    def answer(self, host):
        self.assertTrue(select.select([host], [], [], 10)[0], "no answer")
        return os.read(host, 300)[4:]

    def running(self, *args):
        simulator = FakeSimulator(lambda request: DEVICE_ID)
        self.addCleanup(simulator.close)
        host, path = self.terminal()
        process = self.start("--device", path, "--connect", f"127.0.0.1:{simulator.port}", *args)
        os.write(host, struct.pack("=I", 2) + GET_DEVICE_ID)
        self.assertEqual(self.answer(host), DEVICE_ID)
        return process, host

    def test_signals_end_it_well(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                process, host = self.running("--verbose")
                self.addCleanup(os.close, host)
                process.send_signal(number)
                self.assertEqual(process.wait(10), 0)
                trace = process.stderr.read()
                self.assertIn("request  18 01\n", trace)
                self.assertIn("response 1c 01 00 20 01\n", trace)
                self.assertNotIn("Traceback", trace)

    def test_once_and_the_device_goes_away(self):
        process, host = self.running("--once")
        os.close(host)
        self.assertEqual(process.wait(10), 3)

    def test_absent_ends_are_one_line_errors(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            process = self.start("--device", "/nonexistent", "--connect", f"127.0.0.1:{port}")
            self.assertEqual(process.wait(10), 1)
            self.assertEqual(process.stderr.read().splitlines()[-1],
                             "ssif-bridge: /nonexistent: No such file or directory")
        process = self.start("--connect", f"127.0.0.1:{port}")
        self.assertEqual(process.wait(10), 1)
        self.assertEqual(process.stderr.read(),
                         f"ssif-bridge: 127.0.0.1:{port}: Connection refused\n")

    def test_wait_finds_a_late_simulator(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        host, path = self.terminal()
        self.addCleanup(os.close, host)
        process = self.start("--device", path, "--connect", f"127.0.0.1:{port}", "--wait", "20")
        time.sleep(0.7)
        with mock.patch.object(socket, "create_server",
                               return_value=socket.create_server(("127.0.0.1", port))):
            simulator = FakeSimulator(lambda request: DEVICE_ID)
        self.addCleanup(simulator.close)
        os.write(host, struct.pack("=I", 2) + GET_DEVICE_ID)
        self.assertEqual(self.answer(host), DEVICE_ID)
        process.terminate()
        self.assertEqual(process.wait(10), 0)

    def test_usage_errors(self):
        for args in ((), ("--connect", "nowhere"), ("--connect", "localhost:1", "--wait", "x")):
            with self.subTest(args=args):
                self.assertEqual(self.start(*args).wait(10), 2)


if __name__ == "__main__":
    unittest.main()
