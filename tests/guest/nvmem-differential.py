# SPDX-License-Identifier: GPL-2.0
"""The same random nvmem devices and accesses on the kernel's own core and on ours, in one boot.

Each scenario is played on a core of its own accord, and step by step must come to the same: the result, the
bytes, what the provider was called for, what is in its memory then, names, modes and sizes in sysfs, events.
What may differ is in nvmem_differences.py. From a registration on that only one core accepts, a scenario
is not compared. $SEED names the random numbers (1); $SCENARIO is the only one to play.
"""

import collections
import os
import stat
import subprocess
import time
import unittest

import ktap
import nvmem
from nvmem import SYSFS, Result, attempt, command, pattern
from nvmem_differences import DIFFERENCES, FATAL, Outcome, as_expected
from nvmem_scenarios import Scenario

CORES = {"C": os.environ["NVMEM"] + "/c-core/nvmem_core.ko",
         "ours": os.environ.get("CORE") or os.environ["MODULES"] + "/nvmem_core.ko"}
PLATFORM = "/sys/devices/platform"


def words_of(setup):
    """The configuration as the tester takes it."""
    fields = {
        "id": setup.id, "size": setup.size, "stride": setup.stride, "word_size": setup.word_size,
        "type": setup.type, "ops": setup.ops, "read_only": setup.read_only, "root_only": setup.root_only,
        "compat": setup.compat, "legacy": setup.legacy, "fixup": setup.fixup, "devm": setup.devm,
        "keepout": [f"{start}-{end}:{fill}" for start, end, fill in setup.keepouts],
        "cell": [cell_word(cell) for cell in setup.cells],
    }
    if setup.name is not None:
        fields["name"] = setup.name
    if setup.owned:
        fields["owner"] = "tester"
    if not setup.dev:
        fields["dev"] = "none"
    if setup.node and setup.node_given:
        fields["of_node"] = setup.node
    return nvmem.options(fields)


def cell_word(cell):
    fields = cell._asdict()
    name, post = fields.pop("name"), fields.pop("post")
    fields = {key: value for key, value in fields.items() if value}
    if post:
        fields["post"] = "/".join(map(str, post))
    return nvmem.cell(name, **fields)


def failed(error):
    return Result(-error.errno, "")


class Player:
    """Plays a scenario on the core that is loaded."""

    def __init__(self, scenario, is_c):
        self.scenario, self.setup, self.is_c = scenario, scenario.setup, is_c
        self.provider = self.held = self.name = None
        self.layouts, self.handles = [], []
        self.memory = pattern(self.setup.size)

    def play(self):
        """An Outcome of each step; None where there was nothing to do it with, or it was not to be done."""
        self.consumer, self.dt_consumer = self.made("device", "consumer", "-"), self.made("device", "dt", "/consumer")
        self.notifier = self.made("notifier")
        node = None if self.setup.node_given else self.setup.node
        base = []
        if self.setup.base:
            other = self.made("device", "base", "-")
            base = ["base=self" if self.setup.base == "self" else f"base={other}"]
        self.provider = self.made("provider", "provider", node or "-", *words_of(self.setup), *base)
        try:
            return [self.outcome(step) for step in self.scenario.steps]
        finally:
            for handle in reversed(self.handles + [self.held] * (self.held is not None)):
                command("close", handle)

    def made(self, *words):
        handle = command(*words).value
        self.handles.append(handle)
        return handle

    def outcome(self, step):
        if self.is_c and any(fatal.applies(self.setup, step) for fatal in FATAL):
            return None
        always = step["op"] in ("register", "layout", "tree", "events")
        if not always and self.name is None:
            return None
        if step["error"]:
            # The tester makes it negative.
            command("set", self.provider, f"error={-step['error'] & 0xFFFFFFFF}")
        value, text = getattr(self, step["op"])(step)
        if step["error"]:
            command("set", self.provider, "error=0")
        if self.name:
            text = text.replace(self.name, "IT") if step["op"] != "register" else text
        calls = " ".join(attempt("calls", callee).text for callee in [self.provider, *self.layouts])
        return Outcome(value, text, calls, self.changed())

    def changed(self):
        """The provider's memory if it is not as before, which it is then."""
        size = self.setup.size
        if not size or (memory := command("peek", self.provider, 0, size).text) == self.memory.hex():
            return ""
        command("poke", self.provider, 0, self.memory.hex())
        return memory

    # The provider.

    def register(self, _):
        result = attempt("bind" if self.setup.driver else "register", self.provider)
        if result.value < 0:
            return result
        self.name = result.text
        self.held = command("find", self.name).value
        return result

    def unregister(self, _):
        command("close", self.held)
        self.held = None
        return attempt("unbind" if self.setup.driver else "unregister", self.provider)

    def layout(self, step):
        options = nvmem.options({**step["options"], "cell": [cell_word(cell) for cell in step["cells"]]})
        layout = self.made("layout", f"layout-{len(self.handles)}", "test,layout", *options)
        self.layouts.append(layout)
        return attempt("layout_read", layout)

    def twin(self, _):
        handle = command("provider", "twin", "-", f"name={self.name}").value
        result = attempt("register", handle)
        command("close", handle)
        return result

    def events(self, _):
        return attempt("events", self.notifier)

    def describe(self, _):
        size = attempt("size", self.provider)
        return Result(size.value, attempt("name", self.held).text)

    # The device.

    def target(self, step):
        return self.held if step["held"] else self.provider

    def read(self, step):
        return attempt("read", self.target(step), step["offset"], step["count"])

    def write(self, step):
        return attempt("write", self.target(step), step["offset"], step["data"].hex() or "-")

    def info_read(self, step):
        return attempt("info_read", self.target(step), cell_word(step["cell"]))

    def info_write(self, step):
        return attempt("info_write", self.target(step), cell_word(step["cell"]), step["data"].hex())

    def add_cell(self, step):
        return attempt("add_cell", self.target(step), cell_word(step["cell"]))

    def hold(self, step):
        how, *words = (self.name if word == "IT" else word or "-" for word in step["words"])
        if how in ("get", "dt_get"):
            words.insert(0, self.consumer if how == "get" else self.dt_consumer)
        result = attempt(how.removeprefix("dt_"), *words)
        if result.value < 0:
            return result
        name = attempt("name", result.value)
        command("close", result.value)
        return name

    refused = hold

    # Files.

    def path(self, file):
        if file != "compat":
            return f"{SYSFS}/{self.name}/{file}"
        return "/".join([PLATFORM, "provider" if self.setup.base == "self" else "base",
                         "fram" if self.setup.type == 4 else "eeprom"])

    @staticmethod
    def file_access(path, flags, access):
        try:
            fd = os.open(path, flags)
        except OSError as error:
            return failed(error)
        try:
            result = access(fd)
        except OSError as error:
            return failed(error)
        finally:
            os.close(fd)
        return Result(result, "") if isinstance(result, int) else Result(len(result), result.hex())

    def read_path(self, path, offset=0, count=4096):
        return self.file_access(path, os.O_RDONLY, lambda fd: os.pread(fd, count, offset))

    def file_read(self, step):
        return self.read_path(self.path(step["file"]), step["offset"], step["count"])

    def file_write(self, step):
        return self.file_access(self.path(step["file"]), os.O_WRONLY,
                                lambda fd: os.pwrite(fd, step["data"], step["offset"]))

    def cell_file_read(self, step):
        cell = step["cell"]
        name = f"cells/{cell.name}@{cell.offset:x},{cell.bit_offset:x}"
        return self.read_path(self.path(name), step["offset"], step["count"])

    def type_read(self, _):
        return self.read_path(self.path("type"))

    def force_ro_read(self, _):
        return self.read_path(self.path("force_ro"))

    def force_ro_write(self, step):
        return self.file_access(self.path("force_ro"), os.O_WRONLY, lambda fd: os.write(fd, step["text"].encode()))

    def tree(self, _):
        """What there is in the device's folder, and in those that compat is for."""
        top = f"{SYSFS}/{self.name}"
        lines = [f"{folder}:{name}" for folder in ("provider", "base") for name in ("eeprom", "fram")
                 if os.path.exists(f"{PLATFORM}/{folder}/{name}")]
        if not self.name or not os.path.isdir(top):
            return Result(-2, "\n".join(lines))
        for folder, folders, files in os.walk(os.path.realpath(top)):
            for name in folders + files:
                # Links are made once between a supplier and a consumer, whatever becomes of them.
                if name.startswith(("consumer:", "supplier:")):
                    continue
                path = os.path.join(folder, name)
                status = os.lstat(path)
                size = status.st_size if stat.S_ISREG(status.st_mode) else "-"
                lines.append(f"{os.path.relpath(path, os.path.realpath(top))} {status.st_mode:o} {size}")
        uevent = nvmem.read_file(f"{top}/uevent").decode().replace("\n", ";")
        return Result(0, "\n".join([*sorted(lines), f"uevent {uevent}"]))

    # Cells.

    def reached(self, step, use):
        """Calls use(getting, handle or node, id) with the consumer's look-up table in place."""
        if step["via"] == "node":
            return use("of_cell_get", "/consumer", step["id"])
        if step["via"] == "dt":
            return use("cell_get", self.dt_consumer, step["id"])
        name = step["cell"].name if "cell" in step else "nothing"
        table = command("lookup", self.name, name, "consumer", "con").value
        try:
            return use("cell_get", self.consumer, step["id"])
        finally:
            command("close", table)

    def cell_handle(self, step, *words):
        def use(*getting):
            cell = attempt(*getting)
            if cell.value < 0:
                return cell
            result = attempt(words[0], cell.value, *words[1:])
            command("close", cell.value)
            return result
        return self.reached(step, use)

    def cell_read(self, step):
        return self.cell_handle(step, "cell_read")

    cell_got = cell_read

    def cell_write(self, step):
        return self.cell_handle(step, "cell_write", step["data"].hex() or "-")

    def number(self, step):
        def use(_, who, id):
            # By the device's node, as there is no other way.
            return attempt(f"read_{step['kind']}", self.dt_consumer if who == "/consumer" else who, id)
        return self.reached(step, use)

    number_got = number


def play_all(core, scenarios, is_c):
    for module in (core, os.environ["NVMEM"] + "/tests/nvmem_tester.ko"):
        subprocess.run(["insmod", module], check=True)
    outcomes = [Player(scenario, is_c).play() for scenario in scenarios]
    # Its open file is closed with it.
    nvmem._local.__dict__.pop("file").close()
    for module in ("nvmem_tester", "nvmem_core"):
        subprocess.run(["rmmod", module], check=True)
    return outcomes


def shown(step):
    more = {key: value.hex() if isinstance(value, bytes) else value for key, value in step.items() if key != "op"}
    return f"{step['op']} {more}"


class Differential(unittest.TestCase):
    SCENARIOS = int(os.environ.get("SCENARIOS") or 1000)

    @classmethod
    def setUpClass(cls):
        seed = os.environ.get("SEED") or "1"
        only = os.environ.get("SCENARIO")
        print(f"# SEED={seed}", flush=True)
        numbers = [int(only)] if only else range(cls.SCENARIOS)
        cls.scenarios = [Scenario(seed, number) for number in numbers]
        cls.whole = not only and cls.SCENARIOS >= 1000
        cls.outcomes = {}
        for who, core in CORES.items():
            start = time.monotonic()
            cls.outcomes[who] = play_all(core, cls.scenarios, who == "C")
            print(f"# {who}: {time.monotonic() - start:.0f} s", flush=True)
        cls.counts, cls.ops, cls.unexplained = collections.Counter(), collections.Counter(), []
        for scenario, c, ours in zip(cls.scenarios, *cls.outcomes.values()):
            cls.compare(scenario, c, ours)

    @classmethod
    def compare(cls, scenario, c, ours):
        for step, its, our in zip(scenario.steps, c, ours):
            what = cls.verdict(scenario.setup, step, its, our)
            if what is None:
                continue
            cls.counts[what] += 1
            cls.ops[step["op"]] += what == "equal"
            if what == "different":
                cls.unexplained.append(cls.explain(scenario, step, its, our))
            if step["op"] == "register" and not (its and its.value == our.value == 0):
                # The rest, if there is one, has nothing to be done with.
                if its is None or its.value != our.value:
                    return
            elif what == "different":
                return

    @staticmethod
    def verdict(setup, step, c, ours):
        """"equal", "different", the name of a difference or of a fatal step; None if nothing was done."""
        if c is None:
            fatal = next((fatal.what for fatal in FATAL if fatal.applies(setup, step)), None)
            if fatal is None or ours is None:
                return None
            return fatal if as_expected(setup, step, ours) else "different"
        if c == ours:
            return "equal"
        if ours is None:
            return "different"
        return next((difference.what for difference in DIFFERENCES if difference.applies(setup, step, c, ours)),
                    "different")

    @staticmethod
    def explain(scenario, step, c, ours):
        lines = [f"scenario {scenario.number}: {' '.join(words_of(scenario.setup))} base={scenario.setup.base} "
                 f"node={scenario.setup.node} driver={scenario.setup.driver}", f"  {shown(step)}"]
        c, ours = c or Outcome("not done"), ours or Outcome("not done")
        for key, its, our in zip(Outcome._fields, c, ours):
            if its != our:
                its, our = str(its).splitlines(), str(our).splitlines()
                lines += [f"  C    {key}: {line}" for line in its if line not in our]
                lines += [f"  ours {key}: {line}" for line in our if line not in its]
        return "\n".join(lines)

    def test_all_is_the_same_or_listed(self):
        compared = sum(self.counts.values())
        print(f"# {len(self.scenarios)} configurations, {compared} steps: {self.counts['equal']} are equal, "
              f"{self.counts['different']} differ for no listed reason", flush=True)
        print("# equal:", ", ".join(f"{count} {op}" for op, count in sorted(self.ops.items())), flush=True)
        for kind, table in (("listed", DIFFERENCES), ("on ours alone", FATAL)):
            for entry in table:
                print(f"# {kind}: {self.counts[entry.what]} {entry.what}: {entry.why}", flush=True)
        for text in self.unexplained[:int(os.environ.get("SHOW") or 5)]:
            print("\n".join(f"# {line}" for line in text.splitlines()), flush=True)
        self.assertEqual(self.counts["different"], 0)

    def test_all_that_is_listed_happens(self):
        if not self.whole:
            self.skipTest("fewer than 1000 configurations")
        never = [entry.what for entry in (*DIFFERENCES, *FATAL) if not self.counts[entry.what]]
        self.assertEqual(never, [])

    def test_much_is_compared(self):
        if not self.whole:
            self.skipTest("fewer than 1000 configurations")
        self.assertGreater(self.counts["equal"], 5 * len(self.scenarios))
        rare = [op for op in vars(Player) if self.ops[op] < 20 and any(
            step["op"] == op for scenario in self.scenarios for step in scenario.steps) and op not in
            ("twin", "refused")]
        self.assertEqual(rare, [])


if __name__ == "__main__":
    ktap.main()
