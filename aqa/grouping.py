"""Rows of RTP candidates gathered in file order and given back stream by stream, in bounded memory."""

import os
import tempfile
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled
from aqa.model import Ints
from aqa.parse import ROW

PART_ROWS = 1 << 18  # 8 MB: of memory asked for at a time
SPILL_ROWS = 6_000_000  # 192 MB: what a capture of a GB holds; beyond it, rows go to a temporary file


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


def _counts(parts: list[NDArray[np.uint64]], keys: int) -> Ints:
    counts = np.zeros(keys, np.int64)
    for part in parts:
        _count_kernel(part, counts)
    return counts


def _scatter(parts: list[NDArray[np.uint64]], place: Ints, out: NDArray[np.uint64]) -> None:
    """Each part goes when it has been copied."""
    parts.reverse()
    while parts:
        _scatter_kernel(parts.pop(), place, out)


@dataclass
class Rows:
    """The rows of one log."""

    _parts: list[NDArray[np.uint64]] = field(default_factory=list)  # each full but for the last
    _free: NDArray[np.uint64] = field(default_factory=lambda: np.empty((0, 4), np.uint64))  # of the last
    _held: int = 0
    _file: BinaryIO | None = None
    _written: list[tuple[int, Ints]] = field(default_factory=list)  # place in the file, first row of each key

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

    def _sorted(self, keys: int) -> tuple[NDArray[np.uint64], Ints]:
        """All rows in memory by key, and where each key's begin; by two threads, one for each half of the log.

        Memory holds little more than all rows and their copies.
        """
        half = len(self._parts) // 2
        halves = [self._parts[:half], self._parts[half:]]
        self._parts, self._free = [], np.empty((0, 4), np.uint64)
        with ThreadPoolExecutor(2) as threads:
            before, after = threads.map(lambda parts: _counts(parts, keys), halves)
            first = np.concatenate((np.zeros(1, np.int64), np.cumsum(before + after)))
            out = np.empty((self._held, 4), np.uint64)
            places = [first[:-1].copy(), first[:-1] + before]
            list(threads.map(lambda parts, place: _scatter(parts, place, out), halves, places))
        self._held = 0
        return out, first

    def _spill(self) -> None:
        """Write what is in memory to a file without a name, which goes when the program does."""
        keys = 1 + max(int((part[:, 3] & 0xFFFFFFFF).max()) for part in self._parts)
        rows, first = self._sorted(keys)
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="aqa-")  # noqa: SIM115 - it goes when nobody holds it
        self._written.append((self._file.seek(0, 2), first))
        self._file.write(rows.data.cast("B"))
        self._file.flush()

    def grouped(self, keys: int) -> "Grouped":
        """All rows by key; nothing may be added afterwards."""
        rows, first = self._sorted(keys)
        found = Grouped(rows, first, self._file, self._written)
        if self._file is not None:
            weakref.finalize(found, self._file.close)
        return found


@dataclass
class Grouped:
    """The rows of one log by key. Several processes may read it side by side."""

    _rows: NDArray[np.uint64]
    _first: Ints  # of each key, in memory
    _file: BinaryIO | None
    _written: list[tuple[int, Ints]]

    def keys(self, at_least: int) -> list[int]:
        """Keys with `at_least` rows."""
        total = np.diff(self._first)
        for _, first in self._written:
            total[: len(first) - 1] += np.diff(first)
        found: list[int] = np.flatnonzero(total >= at_least).tolist()
        return found

    def rows(self, key: int) -> NDArray[np.void]:
        """Rows of a key (dtype ROW), in file order."""
        parts = [self._read(begin, first, key) for begin, first in self._written if key + 1 < len(first)]
        parts.append(self._rows[self._first[key] : self._first[key + 1]])
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return whole.view(ROW)[:, 0]

    def _read(self, begin: int, first: Ints, key: int) -> NDArray[np.uint64]:
        assert self._file is not None  # something was written
        size = int(first[key + 1] - first[key]) * ROW.itemsize
        raw = os.pread(self._file.fileno(), size, begin + int(first[key]) * ROW.itemsize)
        return np.frombuffer(raw, np.uint64).reshape(-1, 4)
