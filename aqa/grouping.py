"""Rows of RTP candidates gathered in file order and given back stream by stream, in bounded memory."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled
from aqa.model import Ints
from aqa.parse import ROW

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


@dataclass
class Rows:
    """The rows of one log."""

    _parts: list[NDArray[np.uint64]] = field(default_factory=list)
    _held: int = 0
    _file: BinaryIO | None = None
    _written: list[tuple[int, Ints]] = field(default_factory=list)  # place in the file, first row of each key

    def add(self, rows: NDArray[np.uint64]) -> None:
        """Take a copy of `rows`, shape (n, 4)."""
        if len(rows):
            self._parts.append(rows.copy())
            self._held += len(rows)
        if self._held >= SPILL_ROWS:
            self._spill()

    def _sorted(self, keys: int) -> tuple[NDArray[np.uint64], Ints]:
        """All rows in memory by key, and where each key's begin; memory holds little more than all of them."""
        counts = np.zeros(keys, np.int64)
        for part in self._parts:
            _count_kernel(part, counts)
        first = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
        out = np.empty((self._held, 4), np.uint64)
        place = first[:-1].copy()
        self._parts.reverse()
        while self._parts:
            _scatter_kernel(self._parts.pop(), place, out)
        self._held = 0
        return out, first

    def _spill(self) -> None:
        """Write what is in memory to a file without a name, which goes when the program does."""
        keys = 1 + max(int((part[:, 3] & 0xFFFFFFFF).max()) for part in self._parts)
        rows, first = self._sorted(keys)
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="aqa-")  # noqa: SIM115 - closed by `groups`
        self._written.append((self._file.seek(0, 2), first))
        self._file.write(rows.data.cast("B"))

    def groups(self, keys: int, at_least: int) -> Iterator[tuple[int, NDArray[np.void]]]:
        """Key and rows (dtype ROW, in file order) of every key with `at_least` rows; can be asked for once."""
        rows, first = self._sorted(keys)
        total = np.diff(first)
        for _, begins in self._written:
            total[: len(begins) - 1] += np.diff(begins)
        for key in np.flatnonzero(total >= at_least).tolist():
            parts = [self._read(begin, begins, key) for begin, begins in self._written if key + 1 < len(begins)]
            parts.append(rows[first[key] : first[key + 1]])
            whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
            yield key, whole.view(ROW)[:, 0]
        if self._file is not None:
            self._file.close()

    def _read(self, begin: int, first: Ints, key: int) -> NDArray[np.uint64]:
        assert self._file is not None  # something was written
        self._file.seek(begin + int(first[key]) * ROW.itemsize)
        raw = self._file.read(int(first[key + 1] - first[key]) * ROW.itemsize)
        return np.frombuffer(raw, np.uint64).reshape(-1, 4)
