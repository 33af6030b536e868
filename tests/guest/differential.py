# SPDX-License-Identifier: GPL-2.0
"""The same random transactions on the C driver and on ours, in one boot.

Every step's result is compared: what a transfer gave the host, what a read gave the daemon, which
errno. From the first difference on the two are in different states, so the rest of that sequence is
not compared. A difference is allowed if the sequence so far has one of the ALLOWED features, which
are those of the C driver's defects and of the README's list; sequences without such a feature must
be the same to the end. $SEED names the random numbers.
"""

import errno
import os
import random
import struct
import subprocess
import unittest

import device
import i2c
import ktap

ALLOWED = {
    "overlong part": "the C driver takes bytes beyond the block (1)",
    "long message": "the C driver delivers the part of a message that fits (3)",
    "part without a first": "the C driver appends it to what it had (4)",
    "bytes behind a wrong command": "the C driver looks for a command among them (7)",
    "response read in part": "the C driver drops it at the stop (8)",
    "next block out of turn": "the C driver sends an empty last block (9)",
    "short first part": "the C driver takes it; only the last part may be short",
    "short middle part": "it is the last part, as older hosts mean it; the C driver awaits more",
    "empty part": "the C driver delivers a request of no bytes",
    "invalid part": "the C driver withholds a response that it has until the next request",
    "unread request answered": "the C driver then lets an empty request be read",
}

MODULES = {"C": os.environ["KERNEL"] + "/drivers/char/ipmi/ssif_bmc.ko",
           "Rust": os.environ["MODULES"] + "/ssif_bmc.ko"}


class Generator:
    """Makes sequences of steps, and tells which features they have so far.

    A step is (name, arguments, features). The generator keeps a rough idea of the exchange, enough
    to know what is out of turn.
    """

    def __init__(self, rng, strict):
        self.rng, self.strict = rng, strict
        self.busy = self.unread = False
        self.response = 0
        self.first_fetched = False

    def message(self, most=254):
        length = self.rng.choice((1, 2, 31, 32, 33, 63, 64, 65, 253, most,
                                  self.rng.randrange(1, most + 1)))
        return self.rng.randbytes(length)

    def step(self):
        valid = [self.send, self.take, self.respond, self.fetch]
        wild = [self.part, self.nonsense, self.partial, self.next_block, self.long_message]
        return self.rng.choice(valid if self.strict else valid * 2 + wild)()

    def send(self):
        with_pec = self.rng.random() < 0.5
        if not self.busy:
            self.busy = self.unread = True
            self.response = 0
        return "send", (self.message(), with_pec), ()

    def take(self):
        self.unread = False
        return "take", (), ()

    def respond(self):
        features = ("unread request answered",) if self.busy and self.unread else ()
        if features and self.strict:
            return self.take()
        data = self.message()
        if self.busy:
            self.busy, self.response, self.first_fetched = False, len(data), False
        return "respond", (data,), features

    def fetch(self):
        self.response = 0 if not self.busy else self.response
        return "fetch", (), ()

    def long_message(self):
        return "send", (self.rng.randbytes(self.rng.randrange(255, 290)), False), ("long message",)

    def part(self):
        command = self.rng.choice((0x02, 0x06, 0x07, 0x08))
        data = self.rng.randbytes(self.rng.choice((0, 1, 31, 32)))
        frame = bytes([command, len(data)]) + data
        wrong = self.rng.random() < 0.3
        if wrong:
            frame += bytes([i2c.pec(bytes([0x20]) + frame) ^ 0xFF])
        features = ["invalid part"] if wrong else []
        features += ["part without a first"] if command in (0x07, 0x08) else []
        features += ["empty part"] if not data else []
        features += ["short first part"] if command == 0x06 and len(data) < 32 else []
        features += ["short middle part"] if command == 0x07 and len(data) < 32 else []
        if not self.busy:
            self.response = 0
            if command in (0x02, 0x08):
                self.busy = self.unread = True
        return "write", (frame,), tuple(features)

    def nonsense(self):
        length = self.rng.choice((1, 3, 36, 60))
        frame = bytes([self.rng.choice((0x02, 0x06, 0x03, 0xFF, 0x00))]) + self.rng.randbytes(length)
        return "write", (frame,), ("bytes behind a wrong command", "invalid part", "overlong part")

    def partial(self):
        return "read_raw", (0x03, self.rng.randrange(1, 34)), ("response read in part",)

    def next_block(self):
        return "read_raw", (0x09, 33), ("next block out of turn", "response read in part")


class Player:
    """Plays sequences on one driver, each on a target that was bound for it."""

    def __init__(self, module):
        subprocess.run(["insmod", module], check=True)

    def close(self):
        subprocess.run(["rmmod", "ssif_bmc"], check=True)

    def play(self, steps):
        bus = "/sys/bus/i2c/devices/i2c-0/"
        device.write_file(bus + "new_device", "ipmi-ssif-host 0x1010")
        host = i2c.Host()
        fd = os.open(device.NODE, os.O_RDWR | os.O_NONBLOCK)
        try:
            return [self.result(host, fd, name, arguments) for name, arguments, _ in steps]
        finally:
            os.close(fd)
            host.close()
            device.write_file(bus + "delete_device", "0x1010")

    @staticmethod
    def result(host, fd, name, arguments):
        try:
            if name == "take":
                return os.read(fd, 260)
            if name == "respond":
                return os.write(fd, struct.pack("=I", len(arguments[0])) + arguments[0])
            return getattr(host, name)(*arguments)
        except OSError as error:
            return errno.errorcode[error.errno]


def show(value):
    return value.hex(" ") if isinstance(value, bytes) else str(value)


class Differential(unittest.TestCase):
    SEQUENCES, STEPS = 1500, 12

    @classmethod
    def setUpClass(cls):
        seed = os.environ.get("SEED") or str(random.SystemRandom().randrange(2**32))
        print(f"# SEED={seed}", flush=True)
        rng = random.Random(seed)
        cls.sequences = []
        for index in range(cls.SEQUENCES):
            generator = Generator(rng, strict=index % 2 == 0)
            cls.sequences.append([generator.step() for _ in range(cls.STEPS)])
        # No controller in the kernel heeds the answer to a read.
        device.write_file("/sys/kernel/debug/i2c_loopback/0/controller", "aspeed")
        cls.results = {}
        for who, module in MODULES.items():
            player = Player(module)
            cls.results[who] = [player.play(steps) for steps in cls.sequences]
            player.close()

    def differences(self, strict):
        """(allowed by, or None; index; step) of each sequence's first difference."""
        for index, steps in enumerate(self.sequences):
            if (index % 2 == 0) != strict:
                continue
            seen = set()
            for number, (step, c, rust) in enumerate(
                    zip(steps, self.results["C"][index], self.results["Rust"][index])):
                seen.update(step[2])
                if c != rust:
                    yield sorted(seen & ALLOWED.keys()), index, number
                    break

    def explain(self, index, number):
        steps = self.sequences[index][:number + 1]
        lines = [f"  {name} {' '.join(map(show, arguments))}" for name, arguments, _ in steps]
        c, rust = (self.results[who][index][number] for who in ("C", "Rust"))
        return "\n".join([f"sequence {index}:", *lines, f"C:    {show(c)}", f"Rust: {show(rust)}"])

    def test_valid_transactions_are_the_same(self):
        for _, index, number in self.differences(strict=True):
            self.fail(self.explain(index, number))

    def test_wild_transactions_differ_only_as_listed(self):
        counts = dict.fromkeys(ALLOWED, 0)
        differing = 0
        for features, index, number in self.differences(strict=False):
            if not features:
                self.fail(self.explain(index, number))
            differing += 1
            for feature in features:
                counts[feature] += 1
        wild = len(self.sequences) // 2
        print(f"# {wild - differing} of {wild} wild sequences are the same", flush=True)
        for feature, count in counts.items():
            print(f"# {count} with {feature}: {ALLOWED[feature]}", flush=True)

    def test_something_happened(self):
        for who in MODULES:
            results = [result for sequence in self.results[who] for result in sequence]
            taken = sum(1 for result in results if isinstance(result, bytes) and len(result) > 4)
            self.assertGreater(taken, len(results) // 20, who)


if __name__ == "__main__":
    ktap.main()
