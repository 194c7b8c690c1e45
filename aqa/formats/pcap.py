"""pcap: the classic capture file, micro- and nanoseconds, both byte orders (draft-ietf-opsawg-pcap)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aqa.chunks import CHUNK_BYTES, Piece, cut, pieces
from aqa.compiled import compiled, inlined
from aqa.ending import ending
from aqa.frames import Records
from aqa.headers import u32_of

MAX_RECORD = 262_144  # libpcap's MAXIMUM_SNAPLEN: a longer record is a lie
NEAR_NS = 3_600_000_000_000  # after damage, a record within an hour of the last good one is believed
_MAGIC = {0xA1B2C3D4: (1000, 16), 0xA1B23C4D: (1, 16), 0xA1B2CD34: (1000, 24)}
"""Magic number: nanoseconds a tick, bytes of a record's header (the third is Kuznetzov's modified format)."""


def sniff(head: bytes) -> bool:
    """Whether a file that begins with `head` is a pcap file."""
    return len(head) >= 4 and any(int.from_bytes(head[:4], order) in _MAGIC for order in ("little", "big"))


@compiled("UniTuple(int64, 3)(uint8[::1], int64, boolean, int64, int64, int64[:, ::1])")
def _walk_kernel(data, at, big, tick_ns, header, out):  # type: ignore[no-untyped-def]
    """Records from `at` on that lie whole in `data`: how many, where the next begins, and whether that is a lie.

    Rows of `out`: offset, captured bytes, bytes on the wire, time.
    """
    n = 0
    while at + header <= len(data) and n < out.shape[1]:
        size, wire = u32_of(data, at + 8, big), u32_of(data, at + 12, big)
        if size > min(wire, MAX_RECORD) or wire == 0:  # no frame has no bytes
            return n, at, 1
        if at + header + size > len(data):
            break
        out[0, n] = at + header
        out[1, n] = size
        out[2, n] = wire
        out[3, n] = u32_of(data, at, big) * 1_000_000_000 + u32_of(data, at + 4, big) * tick_ns
        at += header + size
        n += 1
    return n, at, 0


@inlined
def _plausible(data, at, big, tick_ns, header, near_ns):  # type: ignore[no-untyped-def]
    """Bytes to the next record if a record of about this time may begin here; 0 if none can, -1 if cut off."""
    if at + header > len(data):
        return -1
    size, wire = u32_of(data, at + 8, big), u32_of(data, at + 12, big)
    fraction = u32_of(data, at + 4, big)
    if not 0 < size <= min(wire, MAX_RECORD) or wire > MAX_RECORD or fraction * tick_ns >= 1_000_000_000:
        return 0
    time_ns = u32_of(data, at, big) * 1_000_000_000 + fraction * tick_ns
    return header + size if near_ns < 0 or abs(time_ns - near_ns) < NEAR_NS else 0


@compiled("UniTuple(int64, 2)(uint8[::1], int64, boolean, int64, int64, int64, boolean)")
def _resume_kernel(data, at, big, tick_ns, header, near_ns, last):  # type: ignore[no-untyped-def]
    """The first place from `at` on where three records follow each other, or records to the very end: 1, place.

    0 and the first place that might be one, if more data has to tell.
    """
    while at + header <= len(data):
        begin, good = at, 0
        while good < 3:
            step = _plausible(data, begin, big, tick_ns, header, near_ns)
            if step <= 0:
                break
            begin += step
            good += 1
        if good == 3 or (last and good > 0 and begin == len(data)):
            return 1, at
        if step < 0 and not last:
            return 0, at
        at += 1
    return 0, min(at, len(data))


@dataclass
class _File:
    """What the file's header says, and how far its records have been read."""

    link: int
    big: bool
    tick_ns: int
    header: int
    time_ns: int = -1  # of the last good record; -1: none yet
    lost: bool = False  # where the next record begins is not known
    lies: int = 0  # since the last records that were handed over
    out: NDArray[np.int64] = field(default_factory=lambda: np.empty((4, 1 << 15), np.int64))

    @classmethod
    def of(cls, data: NDArray[np.uint8]) -> "_File":
        big = int.from_bytes(bytes(data[:4]), "big") in _MAGIC
        order: Literal["big", "little"] = "big" if big else "little"
        tick_ns, header = _MAGIC[int.from_bytes(bytes(data[:4]), order)]
        link = (
            int.from_bytes(bytes(data[20:24]), order) & 0xFFFF
        )  # the upper half says whether frames end in a checksum
        return cls(link, big, tick_ns, header)

    def records(self, piece: Piece) -> Iterator[Records]:
        """The records that lie whole in a piece, from its `used` on; what can't be one is passed over."""
        while True:
            if self.lost and not self._found_again(piece):
                return
            n, at, lie = _walk_kernel(piece.data, piece.used, self.big, self.tick_ns, self.header, self.out)
            piece.used = at
            if n:
                offset, captured, wire, time_ns = self.out[:, :n].copy()
                self.time_ns = int(time_ns[-1])
                yield Records(piece.data, offset, captured, wire, np.full(n, self.link), time_ns, lies=self.lies)
                self.lies = 0
            self.lost = bool(lie)
            if lie:
                piece.used += 1
                self.lies += 1
            elif n == 0:
                return

    def _found_again(self, piece: Piece) -> bool:
        found, piece.used = _resume_kernel(
            piece.data, piece.used, self.big, self.tick_ns, self.header, self.time_ns, piece.last
        )
        self.lost = not found
        return bool(found)


def read(path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Records]:
    """The frames of a pcap file, a buffer at a time; `aqa.chunks.DamagedError` where it can't go on."""
    file: _File | None = None
    for piece in pieces(path, chunk_bytes=chunk_bytes):
        if file is None:
            if len(piece.data) < 24:
                if piece.last:
                    raise cut(len(piece.data), "the file ends inside its header of 24 bytes")
                continue
            file = _File.of(piece.data)
            piece.used = 24
        yield from file.records(piece)
        if piece.last:
            stopped = piece.used
            yield from ending(file, piece)
            if piece.used < len(piece.data):
                raise cut(piece.position + stopped, "the file ends inside a record")
