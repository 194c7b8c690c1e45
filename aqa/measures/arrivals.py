"""Packets of one flow and SSRC as they came: the columns that all measures of packets begin with."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled, inlined
from aqa.model import Flags, Ints


@compiled(
    "void(uint64[:, ::1], uint64[:, ::1], int64[:, ::1], Tuple((int64[::1], uint16[::1], uint32[::1], uint8[::1],"
    " boolean[::1], int64[::1], uint16[::1], uint8[::1], uint8[::1], uint16[::1], uint16[::1])))"
)
def _columns_kernel(one, other, runs, columns):  # type: ignore[no-untyped-def]
    """Rows of four words, as `aqa.parse` writes them, taken apart, run by run from where they lie."""
    n = 0
    for at in range(len(runs)):
        first, last = runs[at, 1], runs[at, 1] + runs[at, 2]
        _columns(one[first:last] if runs[at, 0] == 0 else other[first:last], n, columns)
        n += last - first


@inlined
def _columns(rows, n, columns):  # type: ignore[no-untyped-def]
    arrival, sequence, timestamp, kind, marker, size, head, copies, primary, ext, ext_2 = columns
    for i in range(len(rows)):
        first, second, last = rows[i, 1], rows[i, 2], rows[i, 3]
        arrival[n] = rows[i, 0]
        timestamp[n], sequence[n], copies[n] = first, first >> np.uint64(32), first >> np.uint64(56)
        kind[n], marker[n] = (first >> np.uint64(48)) & np.uint64(127), (first >> np.uint64(55)) & np.uint64(1)
        size[n], head[n] = second & np.uint64(0xFFFF), second >> np.uint64(16)
        ext[n], ext_2[n], primary[n] = second >> np.uint64(32), second >> np.uint64(48), last >> np.uint64(32)
        n += 1


@dataclass(frozen=True)
class Arrivals:
    """Packets of one (flow, SSRC) as they came; one value per packet in each array."""

    arrival_ns: Ints
    sequence: NDArray[np.uint16]
    timestamp: NDArray[np.uint32]
    payload_types: NDArray[np.uint8]
    marker: Flags
    payload_bytes: Ints
    head: NDArray[np.uint16]  # first two bytes of payload
    copies: NDArray[np.uint8]  # read as RED: blocks before the newest
    primary: NDArray[np.uint8]  # read as RED: payload type of the newest
    extension: NDArray[np.uint16]  # header extension elements of one byte: id << 8 | value
    extension_2: NDArray[np.uint16]

    @cached_property
    def one_type(self) -> bool:
        """Whether all have one payload type, as in nearly all streams."""
        return bool(self.payload_types.min() == self.payload_types.max())

    @classmethod
    def of(cls, one: NDArray[np.uint64], other: NDArray[np.uint64], runs: Ints) -> "Arrivals":
        """From rows of dtype `aqa.parse.ROW`, as `aqa.grouping.Scattered` has them."""
        kinds = (
            np.int64, np.uint16, np.uint32, np.uint8, np.bool_, np.int64, np.uint16, np.uint8, np.uint8, np.uint16,
            np.uint16,
        )  # fmt: skip
        size = int(runs[:, 2].sum())
        columns: tuple[Any, ...] = tuple(np.empty(size, kind) for kind in kinds)
        _columns_kernel(one, other, runs, columns)
        return cls(*columns)

    def where(self, keep: Flags) -> "Arrivals":
        """The packets that `keep` marks."""
        return Arrivals(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))
