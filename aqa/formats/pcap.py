"""pcap: the classic capture file, micro- and nanoseconds, both byte orders (draft-ietf-opsawg-pcap)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numba import boolean, int64, njit, types, uint8
from numpy.typing import NDArray

from aqa.chunks import CHUNK_BYTES, cut, pieces
from aqa.frames import Records

MAX_RECORD = 262_144  # libpcap's MAXIMUM_SNAPLEN: a longer record is a lie
_MAGIC = {0xA1B2C3D4: (1000, 16), 0xA1B23C4D: (1, 16), 0xA1B2CD34: (1000, 24)}
"""Magic number: nanoseconds a tick, bytes of a record's header (the third is Kuznetzov's modified format)."""

_BYTES = types.Array(uint8, 1, "C")
_I64 = types.Array(int64, 1, "C")


def sniff(head: bytes) -> bool:
    """Whether a file that begins with `head` is a pcap file."""
    return len(head) >= 4 and any(int.from_bytes(head[:4], order) in _MAGIC for order in ("little", "big"))


@njit(int64(_BYTES, int64, boolean), cache=True)
def _u32(data: NDArray[np.uint8], at: int, big: bool) -> int:  # pragma: no cover - compiled
    a, b, c, d = int64(data[at]), int64(data[at + 1]), int64(data[at + 2]), int64(data[at + 3])
    if big:
        return (a << 24) | (b << 16) | (c << 8) | d
    return (d << 24) | (c << 16) | (b << 8) | a


@njit(
    types.UniTuple(int64, 3)(_BYTES, boolean, int64, int64, _I64, _I64, _I64, _I64), cache=True
)  # fmt: skip
def _walk_kernel(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    data, big, tick_ns, header, offset, captured, wire, time_ns
):
    """Records that lie whole in `data`: how many, where the next begins, and whether that one is a lie."""
    at, n = 0, 0
    while at + header <= len(data) and n < len(offset):
        size = _u32(data, at + 8, big)
        if size > MAX_RECORD:
            return n, at, 1
        if at + header + size > len(data):
            break
        offset[n] = at + header
        captured[n] = size
        wire[n] = _u32(data, at + 12, big)
        time_ns[n] = _u32(data, at, big) * 1_000_000_000 + _u32(data, at + 4, big) * tick_ns
        at += header + size
        n += 1
    return n, at, 0


def _walk(data: NDArray[np.uint8], link: int, big: bool, tick_ns: int, header: int) -> tuple[Records, int, bool]:
    room = len(data) // header + 1
    offset, captured, wire, time_ns = (np.empty(room, np.int64) for _ in range(4))
    n, at, lie = _walk_kernel(data, big, tick_ns, header, offset, captured, wire, time_ns)
    links = np.full(n, link, np.int64)
    return Records(data, offset[:n], captured[:n], wire[:n], links, time_ns[:n]), at, bool(lie)


def read(path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Records]:
    """The frames of a pcap file, a buffer at a time; `aqa.chunks.DamagedError` where it can't go on."""
    link, big, tick_ns, header = -1, False, 0, 0
    for piece in pieces(path, chunk_bytes=chunk_bytes):
        at = 0
        if link < 0:
            if len(piece.data) < 24:
                if piece.last:
                    raise cut(len(piece.data), "the file ends inside its header of 24 bytes")
                continue
            big = int.from_bytes(bytes(piece.data[:4]), "big") in _MAGIC
            tick_ns, header = _MAGIC[_u32(piece.data, 0, big)]
            link = _u32(piece.data, 20, big) & 0xFFFF  # the upper half says whether frames end in a checksum
            at = 24
        records, used, lie = _walk(piece.data[at:], link, big, tick_ns, header)
        yield records
        piece.used = at + used
        if lie:
            raise cut(piece.position + piece.used, f"a record claims more than {MAX_RECORD} bytes")
        if piece.last and piece.used < len(piece.data):
            raise cut(piece.position + piece.used, "the file ends inside a record")
