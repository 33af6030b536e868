# SPDX-License-Identifier: GPL-2.0
"""Providers are unbound and bound, $CYCLES times in all, while everything that the API offers is used on them.

Layout drivers, listeners, look-up tables and a module with another provider come and go beside it. Errors
that say that something is gone are fine; wrong bytes, other errors, and calls that do not return are not.
"""

import collections
import contextlib
import itertools
import os
import random
import threading
import time
import unittest

import kernel_log
import ktap
import modules
import nvmem
from background import Caller, Traffic, wait_for
from nvmem import GONE, SYSFS, Device, Layout, Lookup, Notifier, Provider, cell, pattern

CYCLES = int(os.environ.get("CYCLES", "1000"))
# One waits most of the time, for grace periods: several at once make more of them.
PROVIDERS = ("p0", "p1", "p2", "p3")

# Bytes that nobody writes, and, behind them, those that are written.
SIZE, CONSTANT = 64, 32


class Worker(Caller):
    """Goes through a generator again and again. That yields each time that something worked."""

    def once(self):
        try:
            with contextlib.closing(self.call()) as results:
                for count in results:
                    self.worked += 1 if count is None else count
                    if self.stop.is_set():
                        break
        except OSError:
            # Others have something to do.
            time.sleep(0.002)
            raise


def any_provider():
    return random.choice(PROVIDERS)


def expect(got, wanted):
    """assert, with both in the message."""
    if got != wanted:
        raise AssertionError(f"{got!r} is not {wanted!r}")


def repeat(good, *words):
    """A command some times inside the kernel: how often it returned what is good."""
    results = collections.Counter(nvmem.repeat(20, *words))
    worked = results.pop(good, 0)
    bad = {value for value in results if -value not in GONE}
    if bad:
        raise AssertionError(f"{words[0]} returned {bad}")
    return worked


class Calls:
    """What the workers do, each by a method."""

    def __init__(self):
        self.consumer = Device("consumer")
        for provider in PROVIDERS:
            Lookup(*((provider, name, "consumer", f"{provider}-{name}") for name in ("plain", "turned", "low", "high")))

    def cell(self, name):
        return self.consumer.cell(f"{any_provider()}-{name}")

    # Devices. What is held is held beyond its end.

    def device_visit(self):
        yield repeat(4, "visit", self.consumer, any_provider(), 0, 4)
        time.sleep(0.001)

    def device_hold(self):
        with nvmem.find(any_provider()) as held:
            for offset in itertools.cycle(range(CONSTANT - 4)):
                expect(held.read(offset, 4), pattern(4, offset))
                yield

    def device_write(self):
        with self.consumer.get(any_provider()) as held:
            for offset in itertools.cycle(range(CONSTANT + 4, SIZE)):
                expect(held.write(offset, b"w"), 1)
                yield

    # Cells.

    def cell_visit(self):
        yield repeat(0, "read_u32", self.consumer, f"{any_provider()}-plain")
        time.sleep(0.001)

    def cell_hold(self):
        with self.cell("turned") as held:
            while True:
                expect(held.read(), pattern(4, 4)[::-1])
                yield

    def bits(self, name, count):
        with self.cell(name) as held:
            for value in itertools.cycle(range(1 << count)):
                expect(held.write(bytes([value])), 1)
                expect(held.read(), bytes([value]))
                yield

    def low_bits(self):
        return self.bits("low", 3)

    def high_bits(self):
        return self.bits("high", 5)

    def layout_cell(self):
        with nvmem.of_cell("/consumer", "layout-first") as held:
            while True:
                expect(held.read(), pattern(4, 8)[::-1])
                yield

    # Files.

    def cat_nvmem(self):
        expect(nvmem.read_file(f"{SYSFS}/{any_provider()}/nvmem", SIZE)[:CONSTANT], pattern(CONSTANT))
        yield

    def cat_cells(self):
        cells = f"{SYSFS}/{any_provider()}/cells"
        for name in os.listdir(cells):
            data = nvmem.read_file(f"{cells}/{name}", 4)
            if name.startswith("plain@"):
                expect(data, pattern(4))
            yield

    def open_files(self):
        folder = f"{SYSFS}/{any_provider()}"
        with (open(f"{folder}/nvmem", "rb", buffering=0) as device,
              open(f"{folder}/cells/turned@4,0", "rb", buffering=0) as turned):
            while True:
                for file, wanted in ((device, pattern(4)), (turned, pattern(4, 4)[::-1])):
                    file.seek(0)
                    expect(file.read(4), wanted)
                    yield

    # Those who come and go.

    def lookups(self):
        with Lookup(*(("p0", f"n{i}", "consumer", f"n{i}") for i in range(8))):
            yield
        time.sleep(0.001)

    def notifiers(self):
        with Notifier(hold=True), Notifier(lookup=f"{self.consumer},{any_provider()}-plain") as listener:
            time.sleep(0.05)
            yield len(listener.events())

    def layout_drivers(self):
        with Layout(cell=[cell("first", offset=8, bytes=4, post="reverse"), cell("second", offset=12, bytes=4)]):
            time.sleep(0.05)
            yield

    def module(self):
        loaded = nvmem.modprobe("nvmem_provider", "driverless=1")
        expect((loaded.returncode, loaded.stderr), (0, ""))
        time.sleep(0.05)
        wait_for("nobody holds it", lambda: modules.rmmod("nvmem_provider").returncode == 0, 60)
        expect(os.path.exists(f"{SYSFS}/provider"), False)
        yield

    def module_visit(self):
        yield repeat(4, "visit", self.consumer, "provider", 0, 4)
        time.sleep(0.01)

    def all(self):
        calls = [self.device_visit, self.device_hold, self.device_write, self.cell_visit, self.cell_hold,
                 self.low_bits, self.high_bits, self.cat_nvmem, self.cat_cells, self.open_files,
                 self.lookups, self.notifiers, self.module, self.module_visit]
        return calls + [self.layout_cell, self.layout_drivers] * nvmem.has_device_tree()


class Numbers:
    """Counts to a limit, for several threads, until it is closed."""

    def __init__(self, limit):
        self.numbers, self.lock = iter(range(limit)), threading.Lock()

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            return next(self.numbers)

    def close(self):
        with self.lock:
            self.numbers = iter(())


class Cycles(threading.Thread):
    """Binds and unbinds a provider, as long as there are numbers left to take."""

    def __init__(self, name, numbers):
        super().__init__(daemon=True)
        node = "/layout" if name == PROVIDERS[0] and nvmem.has_device_tree() else None
        self.provider = Provider(name, node, size=SIZE, cell=[
            cell("plain", offset=0, bytes=4), cell("turned", offset=4, bytes=4, post="reverse"),
            cell("low", offset=CONSTANT, bytes=1, bit_offset=0, nbits=3),
            cell("high", offset=CONSTANT, bytes=1, bit_offset=3, nbits=5)])
        # Someone is in a callback most of the time.
        self.provider.set(delay=1)
        self.name, self.numbers = name, numbers
        self.done = self.longest = 0
        self.problem = None
        self.start()

    def run(self):
        try:
            for number in self.numbers:
                nvmem.write_file(f"{nvmem.DRIVER}/bind", self.name)
                # Long enough to be found by some, and to be found only just by others.
                time.sleep(number % 8 * 0.01)
                start = time.monotonic()
                nvmem.write_file(f"{nvmem.DRIVER}/unbind", self.name)
                self.longest = max(self.longest, time.monotonic() - start)
                expect(os.path.exists(f"{SYSFS}/{self.name}"), False)
                self.done += 1
        except Exception as error:
            self.problem = repr(error)


class Stress(kernel_log.Quiet, nvmem.Case):
    def test_1_providers_leave_and_return(self):
        numbers, start = Numbers(CYCLES), time.monotonic()
        cycles = [Cycles(name, numbers) for name in PROVIDERS]
        with Traffic(*Calls().all(), allowed=GONE, caller=Worker) as traffic:
            while any(thread.is_alive() for thread in cycles) and not traffic.problems():
                time.sleep(0.1)
            seconds = time.monotonic() - start
            numbers.close()
            for thread in cycles:
                thread.join(60)
            stuck = [one.name for one in cycles if one.is_alive()]
        done, longest = sum(one.done for one in cycles), max(one.longest for one in cycles)
        print(f"# {done} cycles in {seconds:.0f} s, the longest unbinding {longest * 1000:.0f} ms; worked, refused: "
              + ", ".join(f"{one.name} {one.worked}, {one.refused}" for one in traffic.callers), flush=True)

        self.assertEqual([f"{one.name}: {one.problem}" for one in cycles if one.problem], [])
        self.assertEqual(stuck, [])
        self.assertEqual(done, CYCLES)
        for one in cycles:
            stats = one.provider.stats()
            self.assertEqual((stats["in_flight"], stats["late"], stats["after"]), (0, 0, 0), one.name)

    def test_2_all_works_afterwards(self):
        consumer, provider = Device("consumer"), Provider("p0", cell=cell("plain", offset=0, bytes=4))
        self.assertEqual(os.listdir(SYSFS), [])
        provider.bind()
        Lookup(("p0", "plain", "consumer", "plain"))
        with nvmem.find("p0") as held, consumer.cell("plain") as plain:
            self.assertEqual((held.read(0, 4), plain.read()), (pattern(4), pattern(4)))

    @unittest.skipUnless(kernel_log.can_find_leaks(), "no CONFIG_DEBUG_KMEMLEAK")
    def test_3_no_leaks(self):
        nvmem.command("reset")
        self.assertEqual(kernel_log.leaks(), [])


if __name__ == "__main__":
    ktap.main()
