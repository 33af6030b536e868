# SPDX-License-Identifier: GPL-2.0
"""What may differ between the kernel's own nvmem core and ours, and what ours does there.

A difference is allowed if one of DIFFERENCES applies to the step and to both results. Most of them ask that
ours be what Model says, which is written from the specification of each function, in numbers without
wrapping. FATAL are steps that the C core would not survive, or would complain about: they are played on
ours alone, and Model says what must come of them.
"""

import errno
import itertools
import re
from collections import Counter, namedtuple

from nvmem import pattern

Cell = namedtuple("Cell", "name offset bytes raw_len bit_offset nbits post", defaults=(0, 0, 0, 0, None))
"""As in struct nvmem_cell_info; post is (how, number) or None."""

Outcome = namedtuple("Outcome", "value text calls memory", defaults=("", "", ""))
"""What a step returned, said, had the provider called for, and left in its memory if that changed."""


MAX_ERRNO = 4095


class Setup:
    """A provider's configuration."""

    def __init__(self):
        self.name, self.id = None, -1
        self.size, self.stride, self.word_size, self.type = 256, 0, 0, 0
        self.ops, self.read_only, self.root_only = "rw", False, False
        self.compat, self.base, self.dev = False, "", True
        self.keepouts, self.cells = [], []
        self.node, self.node_given, self.legacy, self.fixup = None, False, False, False
        self.devm = self.driver = self.owned = False
        # Children of the node.
        self.dt_cells = []

    @property
    def stride_used(self):
        return self.stride or 1

    @property
    def word_used(self):
        return self.word_size or 1

    @property
    def odd(self):
        """Whether a mask does not do for alignment."""
        return any(number > 0 and number & number - 1 for number in (self.stride, self.word_size))

    @property
    def own_cells(self):
        """Those that come with the registration."""
        return self.cells + (self.dt_cells if self.legacy else [])


class Failure(Exception):
    def __init__(self, number):
        super().__init__(number)
        self.errno = number


def round_up(number, step):
    return -(-number // step) * step


def extent(setup, cell):
    """(raw_len, bytes, (bit offset, number of bits) or None)"""
    bits, size = None, cell.bytes
    if cell.nbits:
        bits = cell.bit_offset, cell.nbits
        size = round_up(sum(bits), 8) // 8
    elif cell.bit_offset:
        if cell.bit_offset >= 8 * size:
            raise Failure(errno.EINVAL)
        bits = cell.bit_offset, 8 * size - cell.bit_offset
    raw = cell.raw_len if cell.raw_len and not cell.nbits else round_up(size, setup.word_used)
    if cell.offset % setup.stride_used or raw % setup.word_used:
        raise Failure(errno.EINVAL)
    return raw, size, bits


def cell_file(cell):
    return f"{cell.name}@{cell.offset:x},{cell.bit_offset:x}"


def file_size(setup, cell):
    return extent(setup, cell)[1]


def same_cell(one, other):
    return (one.name, one.offset, one.bit_offset) == (other.name, other.offset, other.bit_offset)


def keepouts_refused(setup):
    last = 0
    for start, end, _ in setup.keepouts:
        if start < last:
            return errno.ERANGE
        if end < start:
            return errno.EINVAL
        if end - start < setup.word_used or 0 < start - last < setup.word_used:
            return errno.ERANGE
        if start % setup.stride_used or end % setup.stride_used:
            return errno.EINVAL
        last = end
    return 0


def mode(setup):
    bits = 0o400 if setup.root_only else 0o444
    return (bits if "r" in setup.ops else 0) | (0o200 if "w" in setup.ops and not setup.read_only else 0)


class Model:
    """What comes of one step on ours, with the pattern in the provider's memory."""

    def __init__(self, setup, error=0, read_only=False):
        self.setup, self.error, self.read_only = setup, error, read_only
        self.memory = bytearray(pattern(setup.size))
        # Whether a callback said that it had read, and had not.
        self.unread = False

    def outcome(self, step):
        """Value, text and memory; None where it cannot be known."""
        try:
            value, text = getattr(self, step["op"])(step)
        except Failure as failure:
            value, text = -failure.errno, ""
        if isinstance(text, (bytes, bytearray)):
            text = None if self.unread else text.hex()
        changed = self.memory != pattern(self.setup.size)
        return value, text, self.memory.hex() if changed else ""

    # The provider.

    def call(self, what, offset, count):
        """Whether the callback did what it was to do."""
        if what not in self.setup.ops:
            raise Failure(errno.EOPNOTSUPP)
        if self.error < -MAX_ERRNO:
            raise Failure(errno.EINVAL)
        if self.error < 0:
            raise Failure(-self.error)
        if self.error:
            if self.error != count:
                raise Failure(errno.EIO)
            return False
        if offset > self.setup.size or count > self.setup.size - offset:
            raise Failure(errno.ENXIO)
        return True

    def pieces(self, offset, count):
        """(begin, end, fill or None), in order."""
        if not self.setup.keepouts:
            yield offset, offset + count, None
            return
        end = offset + count
        for start, stop, fill in self.setup.keepouts:
            if stop <= offset:
                continue
            if offset < min(start, end):
                yield offset, min(start, end), None
                offset = min(start, end)
            if offset < min(stop, end):
                yield offset, min(stop, end), fill
                offset = min(stop, end)
        if offset < end:
            if offset >= 1 << 32:
                raise Failure(errno.EINVAL)
            yield offset, end, None

    def get(self, offset, count):
        data = bytearray()
        for start, end, fill in self.pieces(offset, count):
            if fill is not None:
                data += bytes([fill]) * (end - start)
            elif self.call("r", start, end - start):
                data += self.memory[start:end]
            else:
                self.unread = self.unread or end > start
                data += bytes(end - start)
        return data

    def put(self, offset, data):
        for start, end, fill in self.pieces(offset, len(data)):
            if fill is None and self.call("w", start, end - start):
                self.memory[start:end] = data[start - offset:end - offset]

    # Devices.

    def read(self, step):
        data = self.get(step["offset"], step["count"])
        self.unread = False  # the caller's own zeros
        return len(data), data

    def write(self, step):
        self.put(step["offset"], step["data"])
        return len(step["data"]), ""

    def open(self, file, access):
        """A file that nobody may access is not made, but for that of compat."""
        if file == "nvmem" and not mode(self.setup):
            raise Failure(errno.ENOENT)
        if not mode(self.setup) & access:
            raise Failure(errno.EACCES)

    def whole_words(self, offset, count):
        if offset % self.setup.stride_used or count < self.setup.word_used:
            raise Failure(errno.EINVAL)
        if offset >= 1 << 32:
            raise Failure(errno.EINVAL)
        return count - count % self.setup.word_used

    def file_read(self, step):
        offset, count, size = step["offset"], step["count"], self.setup.size
        self.open(step["file"], 0o444)
        if size:
            count = min(count, max(size - offset, 0))
        if not count:
            return 0, b""
        count = self.whole_words(offset, count)
        data = self.permitted(self.get, offset, count)
        return len(data), data

    def file_write(self, step):
        offset, data, size = step["offset"], step["data"], self.setup.size
        self.open(step["file"], 0o200)
        if size and offset >= size:
            raise Failure(errno.EFBIG)
        if size:
            data = data[:size - offset]
        if not data:
            return 0, ""
        count = self.whole_words(offset, len(data))
        if self.read_only:
            raise Failure(errno.EPERM)
        self.permitted(self.put, offset, data[:count])
        return count, ""

    @staticmethod
    def permitted(function, *arguments):
        try:
            return function(*arguments)
        except Failure as failure:
            raise Failure(errno.EPERM if failure.errno == errno.EOPNOTSUPP else failure.errno) from None

    def type_read(self, _):
        names = ("Unknown", "EEPROM", "OTP", "Battery backed", "FRAM")
        kind = self.setup.type
        text = (names[kind] if 0 <= kind < len(names) else "Unknown") + "\n"
        return len(text), text.encode()

    # Cells.

    def value(self, cell, name="", index=0):
        raw, size, bits = extent(self.setup, cell)
        buf = bytearray(max(raw, size))
        buf[:raw] = self.get(cell.offset, raw)
        self.unread = False
        if bits:
            number = int.from_bytes(buf[:size], "little") >> bits[0] & (1 << bits[1]) - 1
            buf[:size] = number.to_bytes(size, "little")
        buf[:raw] = self.processed(cell, buf[:raw], name, index)
        return buf[:size]

    @staticmethod
    def processed(cell, data, name, index):
        how, number = cell.post or ("none", 0)
        if how == "fail":
            raise Failure(number)
        return {
            "reverse": lambda: data[::-1],
            "xor": lambda: bytes(byte ^ number for byte in data),
            "index": lambda: bytes(byte + index & 0xFF for byte in data),
            "id": lambda: name.encode()[:len(data)].ljust(len(data), b"\0"),
            "none": lambda: data,
        }[how]()

    def cell_read(self, step):
        data = self.value(step["cell"], step["id"], step.get("index", 0))
        return len(data), data

    def cell_file_read(self, step):
        cell, offset, count = step["cell"], step["offset"], step["count"]
        if not mode(self.setup) & 0o444:
            raise Failure(errno.EACCES)
        size = file_size(self.setup, cell)
        if size and offset >= size or not count:
            return 0, b""
        data = self.value(cell, cell.name)[offset:offset + count]
        return len(data), data

    def number(self, step):
        data, kind = self.value(step["cell"], step["id"]), step["kind"]
        if kind.startswith("le"):
            bits = extent(self.setup, step["cell"])[2]
            data = data[:round_up(bits[1], 8) // 8] if bits else data
            if len(data) > int(kind[4:]) // 8:
                raise Failure(errno.ERANGE)
        elif len(data) != int(kind[1:]) // 8:
            raise Failure(errno.EINVAL)
        return 0, str(int.from_bytes(data, "little"))

    def cell_write(self, step):
        cell, data = step["cell"], step["data"]
        raw, size, bits = extent(self.setup, cell)
        if self.read_only or cell.post:
            raise Failure(errno.EINVAL)
        if not bits:
            if len(data) != size:
                raise Failure(errno.EINVAL)
            self.put(cell.offset, data)
            return len(data), ""
        first, count = bits
        if len(data) not in (round_up(count, 8) // 8, size):
            raise Failure(errno.EINVAL)
        shared = first % 8 or (first + count) % 8 or first >= 8
        old = int.from_bytes(self.get(cell.offset, raw)[:size] if shared else b"", "little")
        mask = (1 << count) - 1
        new = old & ~(mask << first) | (int.from_bytes(data, "little") & mask) << first
        self.put(cell.offset, new.to_bytes(size, "little"))
        return len(data), ""

    def info_read(self, step):
        data = self.value(step["cell"])
        return len(data), data

    def info_write(self, step):
        size = extent(self.setup, step["cell"])[1]
        return self.cell_write({"cell": step["cell"], "data": step["data"][:size].ljust(size, b"\0")})

    def add_cell(self, step):
        cell = step["cell"]
        if cell.name is None:
            raise Failure(errno.EINVAL)
        extent(self.setup, cell)
        if any(same_cell(cell, other) for other in step["others"]):
            raise Failure(errno.EEXIST)
        return 0, ""

    # Registration, by an errno of nvmem_register() or 0.

    def register(self, step):
        setup = self.setup
        if not setup.dev or setup.ops == "-" or setup.stride < 0 or setup.word_size < 0:
            raise Failure(errno.EINVAL)
        if keepouts_refused(setup):
            raise Failure(keepouts_refused(setup))
        if setup.compat and not setup.base:
            raise Failure(errno.EINVAL)
        before = []
        for cell in setup.own_cells:
            self.add_cell({"cell": cell, "others": before})
            before.append(cell)
        return 0, None

    def twin(self, _):
        """Another one of the same name."""
        raise Failure(errno.EEXIST)

    def refused(self, _):
        """Where a consumer has no name to look for."""
        raise Failure(errno.EINVAL)


def as_expected(setup, step, ours):
    """Whether our result of a step is the Model's."""
    value, text, memory = Model(setup, step["error"], step["read_only"]).outcome(step)
    return ours.value == value and text in (None, ours.text) and ours.memory == memory


def is_bit_cell(step):
    return "cell" in step and bool(step["cell"].bit_offset or step["cell"].nbits)


def counts_no_bits(cell):
    return bool(cell.bit_offset) and not cell.nbits


def beyond_32_bits(setup, step):
    """Whether what follows an access that keepouts divide has no offset, or a part of a file has none."""
    if step["op"].startswith("file") and step["offset"] >= 1 << 32:
        return True
    if "cell" in step:
        end = step["cell"].offset + extent(setup, step["cell"])[0]
    else:
        end = step.get("offset", 0) + step.get("count", len(step.get("data", "")))
    return bool(setup.keepouts) and end >= 1 << 32


LETTERS = str.maketrans("123456", "ARarLl")


def letters(events):
    """A device added and removed, a cell, a layout: A R a r L l."""
    return "".join(word.partition(":")[0] for word in events.split()).translate(LETTERS)


def events_in_order(events):
    return re.fullmatch("([aLr]*A[aLr]*R[lr]*)*", events) and all(
        events.count(add) == events.count(remove) for add, remove in ("AR", "ar", "Ll"))


def only_more_files(one, files, other, others):
    """Whether ONE has some of these cells' files more than OTHER, which has none but these others more."""
    one, other = ({line.split()[0]: line for line in outcome.text.splitlines()} for outcome in (one, other))
    more, fewer = ({name for name in a if b.get(name) != a[name]} - {"cells"} for a, b in
                   ((one, other), (other, one)))
    return bool(more) and more <= {f"cells/{name}" for name in files} and fewer <= {
        f"cells/{name}" for name in others}


class Difference(namedtuple("Difference", "what why applies")):
    """applies(setup, step, c, ours)"""


DIFFERENCES = (
    Difference(
        "bits written", "C shifts by one too few, merges into byte 0, keeps excess bits (H16)",
        lambda setup, step, c, ours: step["op"] in ("cell_write", "info_write") and is_bit_cell(step)
        and as_expected(setup, step, ours)),
    Difference(
        "bit_offset without nbits", "C gives zeros; here it is all the bits that are left",
        lambda setup, step, c, ours: (
            "cell" in step and counts_no_bits(step["cell"])
            or step["op"] == "register" and any(map(counts_no_bits, setup.cells)))
        and as_expected(setup, step, ours)),
    Difference(
        "alignment to no power of two", "C takes masks; here multiples count",
        lambda setup, step, c, ours: setup.odd and step["op"] != "tree" and step["op"] in dir(Model)
        and as_expected(setup, step, ours)),
    Difference(
        "device without a name", "C makes one of a null pointer, or fails to; nvmem and a number here",
        lambda setup, step, c, ours: step["op"] == "register" and setup.name is None
        and as_expected(setup, step, ours) and (ours.value or re.fullmatch(r"nvmem\d+", ours.text))
        and (setup.id == -1 and c.value == -errno.ENOMEM
             or setup.id == -2 and c.value == ours.value and re.fullmatch(r"\(null\)\d+", c.text))),
    Difference(
        "cell without a name", "ENOMEM in C, as if it had been copied in vain; EINVAL here",
        lambda setup, step, c, ours: (c.value, ours.value) == (-errno.ENOMEM, -errno.EINVAL) and (
            step["op"] == "add_cell" and step["cell"].name is None
            or step["op"] == "register" and any(cell.name is None for cell in setup.cells))
        and as_expected(setup, step, ours)),
    Difference(
        "the same cell again", "C takes what it cannot show",
        lambda setup, step, c, ours: step["op"] == "add_cell"
        and (c.value, ours.value) == (0, -errno.EEXIST) and as_expected(setup, step, ours)),
    Difference(
        "files of later cells", "C shows those of the registration only",
        lambda setup, step, c, ours: step["op"] == "tree"
        and only_more_files(ours, step["later"], c, step["failed"])),
    Difference(
        "cells of a layout that failed", "C keeps those that it had added (H9)",
        lambda setup, step, c, ours: step["op"] == "tree"
        and only_more_files(c, step["failed"], ours, step["later"])),
    Difference(
        "events of layouts", "C announces none, nor the end of a layout's cells with it",
        lambda setup, step, c, ours: step["op"] == "events" and events_in_order(letters(ours.text))
        and Counter(letters(c.text)) == Counter(re.sub("[Ll]", "", letters(ours.text)) + "ar" * step["c_only"])),
    Difference(
        "events of a failed registration", "C announces and withdraws the cells of what never was (H11)",
        lambda setup, step, c, ours: step["op"] == "events" and not ours.text
        and re.fullmatch("(a*r*)+", letters(c.text)) and letters(c.text).count("a") == letters(c.text).count("r")),
    Difference(
        "negative stride or word size", "C takes it as a mask, and for a large number",
        lambda setup, step, c, ours: step["op"] == "register" and min(setup.stride, setup.word_size) < 0
        and as_expected(setup, step, ours)),
    Difference(
        "access beyond 32 bits", "C wraps around; here it fails",
        lambda setup, step, c, ours: beyond_32_bits(setup, step) and as_expected(setup, step, ours)),
    Difference(
        "positive results of callbacks", "C hands them on as if they were errors; here a length is success, else EIO",
        lambda setup, step, c, ours: step["error"] > 0 and as_expected(setup, step, ours)),
    Difference(
        "results of callbacks that are no errnos", "C hands them on; here they are EINVAL",
        lambda setup, step, c, ours: step["error"] < -MAX_ERRNO and as_expected(setup, step, ours)),
)


def reads_cell(step):
    return step["op"] in ("cell_read", "cell_file_read", "number") or (
        step["op"] in ("cell_write", "info_write") and is_bit_cell(step))


def doubles_a_file(setup, step):
    """Whether a cell is there already, and C will make files when a layout comes."""
    return bool(setup.node) and any(same_cell(step["cell"], other) for other in step["others"])


class Fatal(namedtuple("Fatal", "what why applies")):
    """applies(setup, step)"""


FATAL = (
    Fatal("type beyond the last", "C prints what is behind its array",
          lambda setup, step: step["op"] == "type_read" and not 0 <= setup.type <= 4),
    Fatal("bits beyond the cell", "C reads and moves memory outside its buffer",
          lambda setup, step: step["op"] in ("info_read", "info_write") and counts_no_bits(step["cell"])
          and step["cell"].bit_offset >= 8 * step["cell"].bytes),
    Fatal("positive result while a cell is read", "C takes it for the address of the data",
          lambda setup, step: step["error"] > 0 and reads_cell(step)),
    Fatal("result that is no errno while a cell or a file is read or written",
          "C takes it for the address of the data, or for a length",
          lambda setup, step: step["error"] < -MAX_ERRNO and (reads_cell(step) or step["op"].startswith("file"))),
    Fatal("behind the end of an empty cell", "C copies what is behind its buffer",
          lambda setup, step: step["op"] == "cell_file_read" and step["offset"] > 0
          and not file_size(setup, step["cell"])),
    Fatal("look-up of a cell where a layout is bound", "C puts a module that it did not get (H8)",
          lambda setup, step: step["bound"] and step.get("via") == "look-up" and "cell" in step),
    Fatal("device without name or node", "C compares names with a null pointer",
          lambda setup, step: step["op"] == "refused"),
    Fatal("cell that is there twice", "C leaves it to sysfs, which dumps its stack",
          lambda setup, step: step["op"] == "register" and any(
              same_cell(one, other) for one, other in itertools.combinations(setup.own_cells, 2))),
    Fatal("the same cell again, where a layout may come", "C leaves it to sysfs when that comes",
          lambda setup, step: step["op"] == "add_cell" and doubles_a_file(setup, step)),
    Fatal("name that is taken", "C leaves it to sysfs, which dumps its stack",
          lambda setup, step: step["op"] == "twin"),
)
