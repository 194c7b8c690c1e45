"""Rows of RTP candidates gathered in file order and given back stream by stream, in bounded memory.

Several threads may gather rows of one log, each its own (`lanes.py`): rows carry the number of the records that they
are from, by which they come back in the order of the file.
"""

import os
import tempfile
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import reduce
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled
from aqa.model import Ints
from aqa.parse import ROW

PART_ROWS = 1 << 18  # 8 MB: of memory asked for at a time
SPILL_ROWS = 3_000_000  # 96 MB a thread: of two what a capture of a GB holds; beyond it, to a temporary file


NUMBER = np.uint64(40)
"""In a row's last word, the number of the records that it is from stands above this bit."""


@compiled("void(uint64[:, ::1], int64[::1], uint64[:, ::1])")
def _scatter_kernel(rows, place, out):  # type: ignore[no-untyped-def]
    """Copy each row to where its key's next one goes (a counting sort: order within a key is kept)."""
    for i in range(len(rows)):
        key = rows[i, 3] & np.uint64(0xFFFFFFFF)
        at = place[key]
        place[key] = at + 1
        for j in range(4):
            out[at, j] = rows[i, j]


@compiled("void(uint64[:, ::1], int64[::1])")
def _count_kernel(rows, counts):  # type: ignore[no-untyped-def]
    for i in range(len(rows)):
        counts[rows[i, 3] & np.uint64(0xFFFFFFFF)] += 1


@compiled("void(uint64[:, ::1], uint64[:, ::1], uint64[:, ::1])")
def _merge_kernel(one, other, out):  # type: ignore[no-untyped-def]
    """Rows of two piles in the order of the file, by the number of the records that they are from."""
    i, j = 0, 0
    for n in range(len(out)):
        if j == len(other) or (i < len(one) and one[i, 3] >> NUMBER <= other[j, 3] >> NUMBER):
            for word in range(4):
                out[n, word] = one[i, word]
            i += 1
        else:
            for word in range(4):
                out[n, word] = other[j, word]
            j += 1


def _merged(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.uint64]:
    out = np.empty((len(one) + len(other), 4), np.uint64)
    _merge_kernel(one, other, out)
    return out


@dataclass(frozen=True)
class _Pile:
    """Rows by key, in memory or in a file."""

    first: Ints  # of each key, and their number
    rows: NDArray[np.uint64] | None  # None: in the file
    file: BinaryIO | None = None
    begin: int = 0  # in the file

    def of(self, key: int) -> NDArray[np.uint64]:
        """Rows of a key, in file order."""
        first, last = int(self.first[key]), int(self.first[key + 1])
        if self.rows is not None:
            return self.rows[first:last]
        assert self.file is not None  # it is one or the other
        raw = os.pread(self.file.fileno(), (last - first) * ROW.itemsize, self.begin + first * ROW.itemsize)
        return np.frombuffer(raw, np.uint64).reshape(-1, 4)


@dataclass
class Rows:
    """The rows that one thread gathers of a log."""

    _parts: list[NDArray[np.uint64]] = field(default_factory=list)  # each full but for the last
    _free: NDArray[np.uint64] = field(default_factory=lambda: np.empty((0, 4), np.uint64))  # of the last
    _held: int = 0
    _file: BinaryIO | None = None
    _written: list[_Pile] = field(default_factory=list)

    def room(self, at_least: int) -> NDArray[np.uint64]:
        """Where to write the next rows, shape (n, 4); `took` says how many were written."""
        if len(self._free) < at_least:
            self._free = np.empty((max(at_least, PART_ROWS), 4), np.uint64)
        return self._free

    def took(self, count: int) -> None:
        """The first `count` rows of the room are rows of the log."""
        if count:
            self._parts.append(self._free[:count])
            self._free = self._free[count:]
            self._held += count
        if self._held >= SPILL_ROWS:
            self._spill()

    def _sorted(self, keys: int) -> _Pile:
        """All rows in memory by key. Memory holds little more than all rows and their copies."""
        counts = np.zeros(keys, np.int64)
        for part in self._parts:
            _count_kernel(part, counts)
        first = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
        out, place = np.empty((self._held, 4), np.uint64), first[:-1].copy()
        parts, self._parts, self._free, self._held = self._parts[::-1], [], np.empty((0, 4), np.uint64), 0
        while parts:  # each goes when it has been copied
            _scatter_kernel(parts.pop(), place, out)
        return _Pile(first, out)

    def _spill(self) -> None:
        """Write what is in memory to a file without a name, which goes when the program does."""
        pile = self._sorted(1 + max(int((part[:, 3] & 0xFFFFFFFF).max()) for part in self._parts))
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="aqa-")  # noqa: SIM115 - it goes when nobody holds it
        self._written.append(_Pile(pile.first, None, self._file, self._file.seek(0, 2)))
        assert pile.rows is not None  # sorted in memory
        self._file.write(pile.rows.data.cast("B"))
        self._file.flush()

    def piles(self, keys: int) -> list[_Pile]:
        """All rows by key; nothing may be added afterwards."""
        return [*self._written, self._sorted(keys)]


def grouped(gathered: Sequence[tuple[Rows, Ints]]) -> "Grouped":
    """What threads have gathered of one log, by key; each gives its rows, and which key of the log each of its is."""
    with ThreadPoolExecutor(len(gathered)) as threads:
        piles = list(threads.map(lambda each: each[0].piles(len(each[1])), gathered))
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
        return reduce(_merged, parts).view(ROW)[:, 0]
