# SPDX-License-Identifier: GPL-2.0
"""Random nvmem providers, and what is done with each.

A Scenario is a configuration and a list of steps, made from a seed and a number alone. A step is a dict:
`op` says what is done; `error` what callbacks return meanwhile, `read_only` what the device is then; `bound`
whether a layout is; the rest is the operation's. Which cells there are at each step is followed here, as
far as it is needed to name one.
"""

import errno
import random

from nvmem_differences import Cell, Failure, Model, Setup, cell_file, doubles_a_file, extent

FIXED = [Cell("plain", 0, 4), Cell("byte", 4, 1), Cell("long", 16, 8), Cell("bits", 8, 2, 0, 3, 7),
         Cell("high", 12, 4, 0, 12, 6), Cell("indexed", 32, 6), Cell("two-arguments", 48, 4)]
LEGACY = [Cell("plain", 0, 4), Cell("bits", 8, 2, 0, 3, 7)]

# Cells of each node's fixed layout, and whether that layout is valid: see nvmem.dts.
FIXED_LAYOUTS = {"/fixed": (FIXED, True), "/bad-reg": ([Cell("good", 0, 4)], False),
                 "/bad-bits": ([Cell("good", 0, 4)], False)}
# For which no driver comes.
WITHOUT_DRIVER = ("/module-layout", "/onie", "/sl28", "/u-boot")

# What /consumer calls cells: node, cell, argument.
REFERENCES = {
    "legacy-plain": ("/legacy", "plain", 0), "legacy-bits": ("/legacy", "bits", 0),
    "fixed-plain": ("/fixed", "plain", 0), "fixed-byte": ("/fixed", "byte", 0),
    "fixed-long": ("/fixed", "long", 0), "fixed-bits": ("/fixed", "bits", 0),
    "fixed-high": ("/fixed", "high", 0), "fixed-indexed": ("/fixed", "indexed", 5),
    "layout-first": ("/layout", "first", 0), "layout-second": ("/layout", "second", 7),
}
ODD_REFERENCES = ("fixed-two", "module-cell", "onie-serial", "u-boot-mac", "unknown")

KINDS = ("u8", "u16", "u32", "u64", "le_u32", "le_u64")
POSTS = (("reverse", 0), ("xor", 0xA5), ("index", 0), ("id", 0), ("none", 0), ("fail", errno.EBADMSG))


class Scenario:
    STEPS = 14

    def __init__(self, seed, number):
        self.rng = random.Random(f"{seed} {number}")
        self.number, self.steps = number, []
        self.bound, self.failed, self.c_only = False, [], 0
        # In the order in which a name is looked for, those whose file C does not have, those of nodes.
        self.listed, self.later, self.nodes = [], [], {}
        self.layout = None
        self.setup = self.make_setup()
        setup = self.setup
        self.read_only = setup.read_only or "w" not in setup.ops or setup.node == "/read-only"
        # Whether C has made files for cells, which it does once.
        self.is_registered = self.populated = False
        self.make_steps()

    def chance(self, probability):
        return self.rng.random() < probability

    def pick(self, *choices):
        return self.rng.choice(choices)

    # The configuration.

    def make_setup(self):
        setup, pick, chance = Setup(), self.pick, self.chance
        setup.name = None if chance(0.04) else pick("nv", "mem", "x")
        setup.id = pick(-1, -1, -2, 0, 7)
        setup.size = 0 if chance(0.04) else pick(1, 16, 64, 100, 256, 256, 300, 5000)
        setup.stride, setup.word_size = pick(0, 1, 1, 1, 2, 4), pick(0, 1, 1, 1, 2, 4, 8)
        if chance(0.12):
            setup.stride = pick(1, 3, 5, 6, 12)
            setup.word_size = pick(1, 3, 5, 6, 12)
        elif chance(0.06):
            setup.stride, setup.word_size = pick((-1, 1), (1, -4), (-4, 0))
        setup.type = pick(0, 1, 2, 3, 4) if chance(0.95) else pick(5, 99, -1)
        setup.ops = pick("rw", "rw", "rw", "rw", "r", "w") if chance(0.98) else "-"
        setup.read_only, setup.root_only = chance(0.15), chance(0.2)
        if chance(0.2):
            setup.compat = True
            setup.base = "" if chance(0.1) else pick("self", "other")
        setup.dev = not chance(0.01)
        setup.devm, setup.driver, setup.owned = chance(0.2), chance(0.5), chance(0.2)
        if chance(0.4):
            self.make_node(setup)
        if chance(0.35):
            setup.keepouts = self.make_keepouts(setup)
        if chance(0.75):
            setup.cells = self.make_cells(setup)
        return setup

    def make_node(self, setup):
        nodes = ["/legacy", "/read-only", "/plain-container"]
        if not setup.odd and setup.stride >= 0 and setup.word_size >= 0:
            nodes += ["/fixed", "/fixed", "/layout", "/layout", "/layout", self.pick("/bad-reg", "/bad-bits"),
                      self.pick(*WITHOUT_DRIVER)]
        setup.node = self.rng.choice(nodes)
        setup.node_given = setup.node != "/read-only" and self.chance(0.3)
        setup.legacy, setup.fixup = self.chance(0.6), self.chance(0.25)
        if setup.node == "/legacy":
            setup.dt_cells = [self.fixed_up(setup, cell) for cell in LEGACY]

    @staticmethod
    def fixed_up(setup, cell):
        return cell._replace(post=("reverse", 0)) if setup.fixup else cell

    def make_keepouts(self, setup):
        if self.chance(0.2):
            numbers = [self.rng.randrange(max(setup.size, 8)) for _ in range(self.pick(2, 4, 6))]
            if self.chance(0.6):
                numbers.sort()
            return [(start, end, self.rng.randrange(256)) for start, end in zip(numbers[::2], numbers[1::2])]
        unit = max(setup.stride, 1) * max(setup.word_size, 1)
        keepouts, at = [], 0
        for _ in range(self.pick(1, 1, 2, 3)):
            start = at + unit * self.pick(0, 1, 2, 5)
            at = start + unit * self.pick(1, 2, 3)
            keepouts.append((start, at, self.rng.randrange(256)))
        return keepouts

    def make_cells(self, setup):
        cells = [self.make_cell(setup, f"c{i}") for i in range(self.pick(1, 2, 3, 3, 4))]
        if self.chance(0.03):
            cells.append(self.rng.choice(cells))
        if len(cells) > 1 and self.chance(0.1):
            cells[-1] = cells[-1]._replace(name=cells[0].name)
        if self.chance(0.03):
            cells[-1] = cells[-1]._replace(name=None)
        return cells

    def make_cell(self, setup, name, post=True):
        rng, chance, pick = self.rng, self.chance, self.pick
        stride, word = max(setup.stride, 1), max(setup.word_size, 1)
        offset = rng.randrange(max(setup.size, 1))
        offset = offset if chance(0.02) else offset - offset % stride
        offset = pick(setup.size, setup.size + stride, 0xFFFFFFF0) if chance(0.03) else offset
        size = 0 if chance(0.06) else pick(1, 2, 3, 4, 4, 6, 8, rng.randrange(1, 24))
        raw_len = bit_offset = nbits = 0
        which = rng.random()
        if which < 0.3:
            bit_offset = rng.randrange(8) if chance(0.8) else rng.randrange(8, 24)
            nbits = rng.randrange(1, 40)
        elif which < 0.37:
            bit_offset = rng.randrange(1, max(8 * size, 2)) if chance(0.8) else 8 * size + rng.randrange(1, 9)
        elif which < 0.5:
            raw_len = rng.randrange(1, 24)
            raw_len = raw_len if chance(0.1) else raw_len + -raw_len % word
        how = rng.choice(POSTS) if post and chance(0.2) else None
        return Cell(name, offset, size, raw_len, bit_offset, nbits, how)

    # The steps.

    def make_steps(self):
        setup = self.setup
        if setup.node == "/layout" and self.chance(0.8):
            self.layout = self.make_layout()
        if self.layout and self.chance(0.4):
            self.add_layout()
        register = self.step("register")
        # The provider's alone, as the layout's come to it by themselves.
        if Model(setup).outcome(register)[0] < 0:
            self.step("events", c_only=0)
            self.step("tree")
            return
        self.registered()
        self.step("tree")
        operations = {self.device: 8, self.file: 8, self.info: 3, self.add_cell: 1, self.force_ro: 1,
                      self.look_device_up: 2, self.miscellany: 2, self.absent: 1}
        for _ in range(self.STEPS):
            if self.listed and self.chance(0.4):
                self.cell()
            else:
                self.rng.choices(list(operations), operations.values())[0]()
        if self.layout and not self.layout["done"]:
            self.add_layout()
            for _ in range(4):
                if self.listed:
                    self.cell()
        self.step("tree")
        self.step("unregister")
        self.step("tree")
        # Otherwise C may have taken other cells.
        if not setup.odd:
            self.step("events", c_only=self.c_only)

    def step(self, op, error=0, **more):
        step = {"op": op, "error": error, "read_only": self.read_only, "bound": self.bound, **more}
        if op == "tree":
            step.update(later=[cell_file(cell) for cell in self.later], failed=list(self.failed))
        self.steps.append(step)
        return step

    def registered(self):
        setup = self.setup
        self.listed = list(setup.own_cells)
        for cell in setup.dt_cells if setup.legacy else []:
            self.nodes["/legacy", cell.name] = cell
        if setup.node in FIXED_LAYOUTS:
            cells, valid = FIXED_LAYOUTS[setup.node]
            self.layout_bound([self.fixed_up(setup, cell) for cell in cells], valid, setup.node)
        elif self.layout and self.layout["done"]:
            self.play_layout()
        self.populated = bool(self.listed or self.failed)
        self.is_registered = True

    def make_layout(self):
        cells = []
        for name in ("first", "second", "third")[:self.pick(1, 2, 3)]:
            cell = self.make_cell(self.setup, name)
            if not cell.nbits:
                # Both cores are to agree whether the layout is bound.
                cell = cell._replace(bit_offset=0)
            cells.append(cell._replace(post=cell.post or self.pick(None, *POSTS)))
        options = {}
        if self.chance(0.3):
            options = self.pick({"probe": errno.EIO}, {"no_add": 1}, {"fail": errno.EIO, "after": self.pick(0, 1, 2)})
        if self.chance(0.3):
            options["read"] = self.pick(1, 8, 64)
        return {"cells": cells, "options": options, "done": False}

    def add_layout(self):
        self.layout["done"] = True
        self.step("layout", cells=self.layout["cells"], options=self.layout["options"])
        if self.is_registered:
            self.play_layout()

    def play_layout(self):
        options, cells = self.layout["options"], self.layout["cells"]
        if "probe" in options or "no_add" in options:
            return
        if "fail" in options:
            self.layout_bound(cells[:options["after"]], False, "/layout")
        else:
            self.layout_bound(cells, True, "/layout")

    def layout_bound(self, cells, valid, node):
        """A driver adds these cells, and it or something else may fail then."""
        added = []
        for cell in cells:
            try:
                extent(self.setup, cell)
            except Failure:
                valid = False
                break
            added.append(cell)
        if valid:
            self.bound = True
            self.listed += added
            self.nodes.update(((node, cell.name), cell) for cell in added)
            if self.populated:
                self.later += added
            elif self.is_registered:
                self.populated, self.later = bool(self.listed), []
        elif not self.is_registered:
            self.failed = [cell_file(cell) for cell in added]

    # Operations.

    def place(self):
        """An offset and a length, for an access to the device."""
        size, rng, pick = self.setup.size, self.rng, self.pick
        stride, word = self.setup.stride_used, self.setup.word_used
        offset = pick(0, rng.randrange(size + 1), rng.randrange(size + 1), size, max(size - 1, 0), size + 3)
        count = pick(0, 1, word, 4, rng.randrange(32), rng.randrange(size + 8))
        if self.chance(0.75):
            offset -= offset % stride
            count += -count % word
        return offset, min(count, 4096)

    def data(self, count):
        return self.rng.randbytes(count)

    def error(self, count):
        """What the callbacks return: 0 mostly."""
        if self.chance(0.93):
            return 0
        return self.pick(-errno.EIO, -errno.EREMOTEIO, -errno.EOPNOTSUPP, -5000, 1, 3, max(count, 1))

    def device(self):
        offset, count = self.place()
        if self.chance(0.05):
            offset = 0xFFFFFFF8
        held = self.chance(0.5)
        if self.chance(0.5):
            self.step("read", self.error(count), offset=offset, count=count, held=held)
        else:
            self.step("write", self.error(count), offset=offset, data=self.data(count), held=held)

    def file(self):
        offset, count = self.place()
        if not self.setup.size and self.chance(0.2):
            offset = 1 << 32
        name = "compat" if self.setup.compat and self.chance(0.4) else "nvmem"
        if self.chance(0.5):
            self.step("file_read", self.error(count), offset=offset, count=count, file=name)
        else:
            self.step("file_write", self.error(count), offset=offset, data=self.data(count), file=name)

    def info(self):
        cell = self.make_cell(self.setup, "mine", post=False)
        if self.chance(0.04):
            cell = cell._replace(bit_offset=8 * cell.bytes + self.rng.randrange(1, 9), nbits=0)
        held = self.chance(0.5)
        if self.chance(0.5):
            self.step("info_read", self.error(cell.bytes), cell=cell, id="", held=held)
        else:
            self.step("info_write", self.error(cell.bytes), cell=cell, data=self.data(self.pick(1, 4, 8)), held=held)

    def add_cell(self):
        held = self.chance(0.5)
        cell = self.make_cell(self.setup, f"late{len(self.steps)}", post=not held)
        if self.listed and self.chance(0.2):
            cell = self.rng.choice(self.listed)._replace(bytes=cell.bytes, post=None)
        elif self.chance(0.05):
            cell = cell._replace(name=None)
        step = self.step("add_cell", cell=cell, held=held, others=list(self.listed))
        if Model(self.setup).outcome(step)[0] == 0:
            self.listed.append(cell)
            self.later.append(cell)
        elif cell.name and not doubles_a_file(self.setup, step):
            self.c_only += self.c_takes(cell)

    def c_takes(self, cell):
        """C looks neither at the list nor at a bit offset without bits."""
        try:
            extent(self.setup, cell if cell.nbits else cell._replace(bit_offset=0))
        except Failure:
            return False
        return True

    def force_ro(self):
        if self.chance(0.3):
            self.step("force_ro_read")
            return
        texts = {"0": False, "1": True, "0\n": False, "1\n": True, "y": True, "n": False, "on": True, "off": False}
        text = self.pick(*texts, *texts, "2", "x", "", " 1")
        self.step("force_ro_write", text=text)
        if "w" in self.setup.ops:
            self.read_only = texts.get(text, self.read_only)

    def look_device_up(self):
        how = self.pick("get", "get", "find", "find_node", "of_get", "dt_get")
        if how in ("get", "find"):
            name = self.pick("IT", "IT", "nobody", None) if how == "get" else self.pick("IT", "nobody")
            self.step("refused" if name is None else "hold", words=(how, name))
        elif how == "find_node":
            self.step("hold", words=(how, self.setup.node or "/fixed"))
        elif how == "of_get":
            self.step("hold", words=(how, self.pick("/consumer", "/lone-consumer", "/legacy"),
                                     self.pick("legacy", "fixed", "layout", "unknown", None)))
        else:
            self.step("hold", words=(how, self.pick("legacy", "fixed", "layout", "unknown", "IT", None)))

    def miscellany(self):
        op = self.pick("type_read", "type_read", "describe", "twin")
        self.step(op)

    def absent(self):
        """References to cells that are nobody's, or another's."""
        id = self.pick(*(id for id, (node, name, _) in REFERENCES.items() if (node, name) not in self.nodes),
                       *ODD_REFERENCES)
        self.step(*self.pick(("cell_got",), ("number_got",)), id=id, kind=self.pick(*KINDS),
                  via=self.pick("dt", "look-up", "node"))

    def cell(self):
        """One of the cells that there are, in one of the ways to get at it."""
        by_node = [(id, self.nodes[node, name], index) for id, (node, name, index) in REFERENCES.items()
                   if (node, name) in self.nodes]
        how = {"index": 0}
        if by_node and self.chance(0.5):
            id, cell, how["index"] = self.rng.choice(by_node)
            how["via"] = self.pick("dt", "node")
        else:
            # The first of its name.
            name = self.rng.choice(self.listed).name
            cell = next(cell for cell in self.listed if cell.name == name)
            id, how["via"] = "con", "look-up"
        how.update(cell=cell, id=id)
        which = self.rng.random()
        if which < 0.3:
            self.step("cell_read", self.error(cell.bytes), **how)
        elif which < 0.5:
            if how["via"] == "node":
                how["via"] = "dt"
            self.step("number", self.error(cell.bytes), kind=self.pick(*KINDS), **how)
        elif which < 0.8:
            _, size, bits = extent(self.setup, cell)
            length = self.pick(size, size, (bits[1] + 7) // 8 if bits else size, self.rng.randrange(12))
            self.step("cell_write", self.error(length), data=self.data(length), **how)
        else:
            # C has no files for the others.
            cells = [cell for cell in self.listed if cell not in self.later]
            if cells:
                cell = self.rng.choice([cell for cell in cells if not cell.bytes] or cells)
                offset, count = self.pick((0, 4096), (self.rng.randrange(9), self.rng.randrange(9)))
                self.step("cell_file_read", self.error(cell.bytes), cell=cell, id=cell.name, offset=offset,
                          count=count)

