"""Rows of RTP candidates gathered in file order and given back stream by stream, in bounded memory.

Several threads may gather rows of one log, each its own (`lanes.py`). They say the number of the records that rows
are from, by which these come back in the order of the file.
"""

import os
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled
from aqa.model import Ints
from aqa.parse import MAX_KEYS, ROW

BLOCK_ROWS = 1 << 15  # 1 MB: what a core's cache holds while it is put in order
SPILL_ROWS = 3_000_000  # 96 MB a thread: of two what a capture of a GB holds; beyond it, to a temporary file


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


class Scattered(NamedTuple):
    """Rows where they lie, in two arrays of shape (n, 4): their runs in the order of the file."""

    one: NDArray[np.uint64]
    other: NDArray[np.uint64]
    runs: Ints  # 0 for `one`, 1 for `other`; first row; rows


@dataclass(frozen=True)
class _Pile:
    """Rows in runs of one key, by key: in memory wherever they came to lie, in a file one key after the other."""

    first: Ints  # row of each key, were they one after the other, and the number of all
    run: Ints  # first run of each key, and their number
    rows: NDArray[np.uint64] | None  # None: in the file
    runs: Ints | None  # key, first row, rows, number of the records that they are from; None: in the file
    file: BinaryIO | None = None
    begin: int = 0  # of the rows in the file; behind them are the runs

    def of(self, key: int) -> tuple[NDArray[np.uint64], Ints]:
        """Where the rows of a key are, and its runs there."""
        if self.rows is not None and self.runs is not None:
            return self.rows, self.runs[self.run[key] : self.run[key + 1]]
        behind = self.begin + int(self.first[-1]) * ROW.itemsize
        runs = self._read(np.int64, behind, self.run[key : key + 2]).copy()
        runs[:, 1] -= self.first[key]
        return self._read(np.uint64, self.begin, self.first[key : key + 2]), runs

    def _read(self, kind: type, begin: int, between: Ints) -> NDArray[Any]:
        """Lines of four words from one up to another of those that begin in the file there."""
        first, last = between.tolist()
        assert self.file is not None  # it is one or the other
        raw = os.pread(self.file.fileno(), (last - first) * ROW.itemsize, begin + first * ROW.itemsize)
        return np.frombuffer(raw, kind).reshape(-1, 4)

    def written(self, file: BinaryIO) -> "_Pile":
        """The same in a file, behind what it holds."""
        assert self.rows is not None and self.runs is not None  # from memory
        begin, runs = file.seek(0, 2), self.runs.copy()
        file.write(_gathered(self.rows, runs).data.cast("B"))
        runs[:, 1] = np.cumsum(runs[:, 2]) - runs[:, 2]
        file.write(runs.data.cast("B"))
        file.flush()
        return _Pile(self.first, self.run, None, None, file, begin)


def _gathered(rows: NDArray[np.uint64], runs: Ints) -> NDArray[np.uint64]:
    """The rows of runs, one after the other."""
    behind = np.cumsum(runs[:, 2])
    order: Ints = np.arange(runs[:, 2].sum()) + np.repeat(runs[:, 1] - behind + runs[:, 2], runs[:, 2])
    return np.asarray(rows[order], np.uint64)


@dataclass
class Rows:
    """The rows that one thread gathers of a log: block by block they come, and are put in order of their keys.

    Each is moved once, while it is in the cache, and memory holds it once.
    """

    _block: NDArray[np.uint64] = field(default_factory=lambda: np.empty((0, 4), np.uint64))
    _found: Ints = field(default_factory=lambda: np.empty((0, 4), np.int64))  # runs of the block
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
            self._found = np.empty((len(self._block), 4), np.int64)
        return self._block

    def took(self, count: int, number: int) -> None:
        """The first `count` rows of the room are rows of the log's records of this number."""
        if not count:
            return
        if self._held + count > len(self._rows):
            self._spill()
            self._rows = np.empty((SPILL_ROWS + len(self._block), 4), np.uint64)  # the system gives what is used
        found = _block_kernel(self._block[:count], self._place, self._held, self._rows, self._found)
        self._found[:found, 3] = number
        self._runs.append(self._found[:found].copy())
        self._held += count
        if self._held >= SPILL_ROWS:
            self._spill()

    def _pile(self, keys: int) -> _Pile:
        """What is in memory, by key."""
        runs = np.concatenate([np.empty((0, 4), np.int64), *self._runs])
        runs = runs[np.argsort(runs[:, 0], kind="stable")]
        rows = np.bincount(runs[:, 0], runs[:, 2], keys).astype(np.int64)
        run = np.searchsorted(runs[:, 0], np.arange(keys + 1))
        return _Pile(np.concatenate((np.zeros(1, np.int64), np.cumsum(rows))), run, self._rows, runs)

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

    def rows(self, key: int) -> Scattered:
        """Rows of a key, in file order."""
        parts = [pile.of(int(local[key])) for pile, local in self._piles if local[key] >= 0]
        if len(parts) > 2:
            parts = [_joined(parts)]
        runs = np.concatenate([one for _, one in parts])
        which = np.repeat(np.arange(len(parts)), [len(one) for _, one in parts])
        order = np.argsort(runs[:, 3], kind="stable")
        return Scattered(parts[0][0], parts[-1][0], np.column_stack((which, runs[:, 1], runs[:, 2]))[order])


def _joined(parts: Sequence[tuple[NDArray[np.uint64], Ints]]) -> tuple[NDArray[np.uint64], Ints]:
    """Rows of several places in one, those in runs only."""
    runs = np.concatenate([one for _, one in parts])
    runs[:, 1] = np.cumsum(runs[:, 2]) - runs[:, 2]
    return np.concatenate([_gathered(rows, one) for rows, one in parts]), runs
