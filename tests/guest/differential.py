# SPDX-License-Identifier: GPL-2.0
"""The same random transactions on the C driver and on ours, in one boot.

Every step's result is compared: what a transfer gave the host, what a read gave the daemon, which errno. Half of
the sequences are valid transactions, and must be the same to the end. Each other one has in addition steps of one
kind that is ALLOWED to make a difference, from the first such step on; those kinds are the C driver's defects,
and what the README lists. After a difference the two are in different states, so the rest is not compared.
$SEED names the random numbers.
"""

import errno
import itertools
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
    "second response": "it answers no request: EINVAL at once; the C driver has it wait for the first one's end",
}

MODULES = {"C": os.environ["KERNEL"] + "/drivers/char/ipmi/ssif_bmc.ko",
           "Rust": os.environ["MODULES"] + "/ssif_bmc.ko"}


class Generator:
    """Makes a sequence of steps: (name, arguments, whether it is of the kind that may make a difference).

    It keeps a rough idea of the exchange, enough to know what is out of turn.
    """

    def __init__(self, rng, kind):
        self.rng, self.kind = rng, kind
        self.busy = self.unread = self.answered = False

    def sequence(self, count):
        steps = []
        while len(steps) < count:
            wild = self.kind and self.rng.random() < 0.3
            steps += self.wild() if wild else [(*self.valid(), False)]
        return steps

    def message(self):
        length = self.rng.choice((1, 2, 31, 32, 33, 63, 64, 65, 253, 254, self.rng.randrange(1, 255)))
        return self.rng.randbytes(length)

    def some(self, low, high):
        return self.rng.randbytes(self.rng.randint(low, high))

    def valid(self):
        return self.rng.choice((self.send, self.take, self.respond, self.fetch))()

    def send(self):
        if not self.busy:
            self.busy = self.unread = True
            self.answered = False
        return "send", (self.message(), self.rng.random() < 0.5)

    def take(self):
        self.unread = False
        return "take", ()

    def respond(self):
        if self.busy and self.unread:
            return self.take()
        if self.answered:
            return self.fetch()
        self.busy, self.answered = False, self.busy
        return "respond", (self.message(),)

    def fetch(self):
        self.answered = False
        return "fetch", ()

    def wild(self):
        """Steps of the kind."""
        match self.kind:
            case "overlong part":
                steps = [("write", (bytes([0x02, 32]) + self.some(34, 60),))]
            case "long message":
                steps = [("send", (self.some(255, 290), False))]
            case "part without a first":
                steps = [("write_block", self.rng.choice(((0x07, self.some(32, 32)), (0x08, self.some(1, 32)))))]
            case "bytes behind a wrong command":
                steps = [("write", (bytes([self.rng.choice((0x00, 0x04, 0xFF))]) + self.some(1, 40),))]
            case "response read in part":
                steps = [("read_raw", (0x03, self.rng.randint(1, 32)))]
            case "next block out of turn":
                steps = [("read_raw", (0x09, 33))]
            case "short first part":
                steps = [("write_block", (0x06, self.some(1, 31)))]
            case "short middle part":
                steps = [("write_block", (0x06, self.some(32, 32))), ("write_block", (0x07, self.some(1, 31)))]
            case "empty part":
                steps = [("write_block", (self.rng.choice((0x02, 0x06)), b""))]
            case "invalid part":
                data = self.some(1, 32)
                frame = bytes([0x02, len(data)]) + data
                steps = [("write", (frame + bytes([i2c.pec(bytes([0x20]) + frame) ^ 0xFF]),))]
            case "unread request answered":
                steps = [self.send(), ("respond", (self.message(),))]
            case "second response":
                steps = [self.send(), self.take(), *(("respond", (self.message(),)) for _ in range(2))]
        self.busy = self.unread = self.answered = False
        return [(*step, True) for step in steps]


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
        seed = os.environ.get("SEED", "1")
        print(f"# SEED={seed}", flush=True)
        rng = random.Random(seed)
        kinds = itertools.cycle(ALLOWED)
        cls.sequences = [Generator(rng, next(kinds) if index % 2 else None) for index in range(cls.SEQUENCES)]
        cls.sequences = [(generator.kind, generator.sequence(cls.STEPS)) for generator in cls.sequences]
        # No controller in the kernel heeds the answer to a read.
        device.write_file("/sys/kernel/debug/i2c_loopback/0/controller", "aspeed")
        cls.results = {who: cls.play(who, cls.sequences) for who in MODULES}

    @staticmethod
    def play(who, sequences):
        player = Player(MODULES[who])
        results = [player.play(steps) for _, steps in sequences]
        player.close()
        return results

    @staticmethod
    def difference(steps, c, rust):
        """The first step with different results, and whether it may be."""
        allowed = False
        for number, step in enumerate(steps):
            allowed = allowed or step[-1]
            if c[number] != rust[number]:
                return number, allowed
        return None, False

    def differences(self, kinds):
        """How many sequences of each kind differ; fails if one does where it may not."""
        counts = dict.fromkeys(kinds, 0)
        for index, (kind, steps) in enumerate(self.sequences):
            if kind not in counts:
                continue
            number, allowed = self.difference(steps, *(self.results[who][index] for who in MODULES))
            if number is not None and not allowed:
                # The guest may have stood still for longer than a response may take.
                again = {who: self.play(who, [(kind, steps)])[0] for who in MODULES}
                number, allowed = self.difference(steps, *again.values())
                self.assertTrue(number is None or allowed, self.explain(index, number, again))
            counts[kind] += number is not None
        return counts

    def explain(self, index, number, results):
        if number is None:
            return None
        kind, steps = self.sequences[index]
        lines = [f"  {name} {' '.join(map(show, arguments))}" for name, arguments, _ in steps[:number + 1]]
        return "\n".join([f"sequence {index}, {kind}:", *lines,
                          *(f"{who}: {show(result[number])}" for who, result in results.items())])

    def test_valid_transactions_are_the_same(self):
        self.assertEqual(self.differences([None]), {None: 0})

    def test_other_transactions_differ_as_listed(self):
        counts = self.differences(ALLOWED)
        for kind, count in counts.items():
            print(f"# {count} with {kind}: {ALLOWED[kind]}", flush=True)
        self.assertEqual([kind for kind, count in counts.items() if not count], [], "never make a difference")

    def test_something_happened(self):
        for who in MODULES:
            results = [result for sequence in self.results[who] for result in sequence]
            taken = sum(1 for result in results if isinstance(result, bytes) and len(result) > 4)
            self.assertGreater(taken, len(results) // 20, who)


if __name__ == "__main__":
    ktap.main()
