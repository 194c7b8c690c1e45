"""Rows of RTP candidates gathered in file order and given back stream by stream, in bounded memory.

Several threads may gather rows of one log, each its own (`lanes.py`): rows carry the number of the records that they
are from, by which they come back in the order of the file.
"""

import os
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled, int64
from aqa.model import Ints
from aqa.parse import MAX_KEYS, ROW

BLOCK_ROWS = 1 << 15  # 1 MB: what a core's cache holds while it is put in order
SPILL_ROWS = 3_000_000  # 96 MB a thread: of two what a capture of a GB holds; beyond it, to a temporary file


NUMBER = np.uint64(40)
"""In a row's last word, the number of the records that it is from stands above this bit."""
NUMBER_END = np.uint64(1 << 24)


@compiled("int64(uint64[:, ::1], int32[::1], int64, uint64[:, ::1], int64[:, ::1])")
def _block_kernel(rows, place, begin, out, runs):  # type: ignore[no-untyped-def]
    """Copy rows to `out` from `begin` on, those of a key side by side in their order (a counting sort).

    Fills `runs` with key, first row and rows of each key, and says how many there are; `place` is zero but inside.
    """
    found = 0
    for i in range(len(rows)):
        key = rows[i, 3] & np.uint64(0xFFFFFFFF)
        if place[key] == 0:
            runs[found, 0] = key
            found += 1
        place[key] += np.int32(1)
    at = begin
    for run in range(found):
        runs[run, 1], runs[run, 2] = at, place[runs[run, 0]]
        place[runs[run, 0]] = at
        at += runs[run, 2]
    for i in range(len(rows)):
        key = rows[i, 3] & np.uint64(0xFFFFFFFF)
        to = place[key]
        place[key] = to + np.int32(1)
        for word in range(4):
            out[to, word] = rows[i, word]
    for run in range(found):
        place[runs[run, 0]] = 0
    return found


@compiled("void(uint64[:, ::1], int64[:, ::1], uint64[:, ::1], int64[:, ::1], uint64[:, ::1])")
def _merge_kernel(one, one_runs, other, other_runs, out):  # type: ignore[no-untyped-def]
    """Rows of two piles in the order of the file, by the number of the records that they are from.

    Each pile's are in runs (key, first row, rows), one run after the other.
    """
    a, b, n = 0, 0, 0
    i, end = (one_runs[0, 1], one_runs[0, 1] + one_runs[0, 2]) if len(one_runs) else (int64(0), int64(0))
    j, last = (other_runs[0, 1], other_runs[0, 1] + other_runs[0, 2]) if len(other_runs) else (int64(0), int64(0))
    while a < len(one_runs) or b < len(other_runs):
        if b == len(other_runs) or (a < len(one_runs) and one[i, 3] >> NUMBER <= other[j, 3] >> NUMBER):
            until = other[j, 3] >> NUMBER if b < len(other_runs) else NUMBER_END
            while i < end and one[i, 3] >> NUMBER <= until:
                for word in range(4):
                    out[n, word] = one[i, word]
                i += 1
                n += 1
            if i == end:
                a += 1
                if a < len(one_runs):
                    i, end = one_runs[a, 1], one_runs[a, 1] + one_runs[a, 2]
        else:
            until = one[i, 3] >> NUMBER if a < len(one_runs) else NUMBER_END
            while j < last and other[j, 3] >> NUMBER < until:
                for word in range(4):
                    out[n, word] = other[j, word]
                j += 1
                n += 1
            if j == last:
                b += 1
                if b < len(other_runs):
                    j, last = other_runs[b, 1], other_runs[b, 1] + other_runs[b, 2]


class _Part(NamedTuple):
    """Rows in runs, one run after the other."""

    rows: NDArray[np.uint64]
    runs: Ints  # key, first row, rows

    @classmethod
    def of(cls, rows: NDArray[np.uint64]) -> "_Part":
        """Rows as they are."""
        return cls(rows, np.array([[0, 0, len(rows)]][: len(rows)], np.int64).reshape(-1, 3))

    def merged(self, other: "_Part") -> "_Part":
        """With those of another, in the order of the file; where both have one place, these first."""
        out = np.empty((int(self.runs[:, 2].sum() + other.runs[:, 2].sum()), 4), np.uint64)
        _merge_kernel(*self, *other, out)
        return _Part.of(out)


_NONE = _Part.of(np.empty((0, 4), np.uint64))


@dataclass(frozen=True)
class _Pile:
    """Rows by key: in a file one key after the other, in memory in runs of one key after the other."""

    first: Ints  # row of each key, were they one after the other, and the number of all
    rows: NDArray[np.uint64] | None  # None: in the file
    runs: Ints  # of memory, by key: key, first row, rows
    run: Ints  # first run of each key, and their number
    file: BinaryIO | None = None
    begin: int = 0  # in the file

    def of(self, key: int) -> _Part:
        """Rows of a key, in file order."""
        if self.rows is not None:
            return _Part(self.rows, self.runs[self.run[key] : self.run[key + 1]])
        first, last = int(self.first[key]), int(self.first[key + 1])
        assert self.file is not None  # it is one or the other
        raw = os.pread(self.file.fileno(), (last - first) * ROW.itemsize, self.begin + first * ROW.itemsize)
        return _Part.of(np.frombuffer(raw, np.uint64).reshape(-1, 4))

    def written(self, file: BinaryIO) -> "_Pile":
        """The same in a file, behind what it holds."""
        assert self.rows is not None  # from memory
        begin = file.seek(0, 2)
        file.write(_Part(self.rows, self.runs).merged(_NONE).rows.data.cast("B"))
        file.flush()
        return _Pile(self.first, None, self.runs[:0], self.run[:0], file, begin)


@dataclass
class Rows:
    """The rows that one thread gathers of a log: block by block they come, and are put in order of their keys.

    Each is moved once, while it is in the cache, and memory holds it once.
    """

    _block: NDArray[np.uint64] = field(default_factory=lambda: np.empty((0, 4), np.uint64))
    _found: Ints = field(default_factory=lambda: np.empty((0, 3), np.int64))  # runs of the block
    _rows: NDArray[np.uint64] = field(default_factory=lambda: np.empty((0, 4), np.uint64))
    _held: int = 0
    _runs: list[Ints] = field(default_factory=list)
    _place: NDArray[np.int32] = field(default_factory=lambda: np.zeros(MAX_KEYS, np.int32))
    _file: BinaryIO | None = None
    _written: list[_Pile] = field(default_factory=list)

    def room(self, at_least: int) -> NDArray[np.uint64]:
        """Where to write the next rows, shape (n, 4); `took` says how many were written."""
        if len(self._block) < at_least:
            self._block = np.empty((max(at_least, BLOCK_ROWS), 4), np.uint64)
            self._found = np.empty((len(self._block), 3), np.int64)
        return self._block

    def took(self, count: int) -> None:
        """The first `count` rows of the room are rows of the log."""
        if not count:
            return
        if self._held + count > len(self._rows):
            self._spill()
            self._rows = np.empty((SPILL_ROWS + len(self._block), 4), np.uint64)  # the system gives what is used
        found = _block_kernel(self._block[:count], self._place, self._held, self._rows, self._found)
        self._runs.append(self._found[:found].copy())
        self._held += count
        if self._held >= SPILL_ROWS:
            self._spill()

    def _pile(self, keys: int) -> _Pile:
        """What is in memory, by key."""
        runs = np.concatenate([np.empty((0, 3), np.int64), *self._runs])
        runs = runs[np.argsort(runs[:, 0], kind="stable")]
        rows = np.bincount(runs[:, 0], runs[:, 2], keys).astype(np.int64)
        run = np.searchsorted(runs[:, 0], np.arange(keys + 1))
        return _Pile(np.concatenate((np.zeros(1, np.int64), np.cumsum(rows))), self._rows, runs, run)

    def _spill(self) -> None:
        """Write what is in memory to a file without a name, which goes when the program does."""
        if not self._held:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="aqa-")  # noqa: SIM115 - it goes when nobody holds it
        keys = 1 + max(int(runs[:, 0].max()) for runs in self._runs)
        self._written.append(self._pile(keys).written(self._file))
        self._held, self._runs = 0, []

    def piles(self, keys: int) -> list[_Pile]:
        """All rows by key; nothing may be added afterwards."""
        return [*self._written, self._pile(keys)]


def grouped(gathered: Sequence[tuple[Rows, Ints]]) -> "Grouped":
    """What threads have gathered of one log, by key; each gives its rows, and which key of the log each of its is."""
    piles = [rows.piles(len(theirs)) for rows, theirs in gathered]
    keys = 1 + max((int(theirs.max(initial=-1)) for _, theirs in gathered), default=-1)
    found: list[tuple[_Pile, Ints]] = []
    for (_, theirs), mine in zip(gathered, piles, strict=True):
        local = np.full(keys, -1)
        local[theirs] = np.arange(len(theirs))
        found += [(pile, np.where(local < len(pile.first) - 1, local, -1)) for pile in mine]
    return Grouped(found)


@dataclass
class Grouped:
    """The rows of one log by key. Several processes may read it side by side."""

    _piles: list[tuple[_Pile, Ints]]  # with the pile's own key of each key of the log; -1: it has none of it

    def __post_init__(self) -> None:
        for file in {pile.file for pile, _ in self._piles if pile.file}:
            weakref.finalize(self, file.close)

    def keys(self, at_least: int) -> list[int]:
        """Keys with `at_least` rows."""
        total = np.zeros(len(self._piles[0][1]), np.int64)
        for pile, local in self._piles:
            there = local >= 0
            total[there] += np.diff(pile.first)[local[there]]
        found: list[int] = np.flatnonzero(total >= at_least).tolist()
        return found

    def rows(self, key: int) -> NDArray[np.void]:
        """Rows of a key (dtype ROW), in file order."""
        parts = [pile.of(int(local[key])) for pile, local in self._piles if local[key] >= 0]
        return reduce(_Part.merged, parts[1:] or [_NONE], parts[0]).rows.view(ROW)[:, 0]
