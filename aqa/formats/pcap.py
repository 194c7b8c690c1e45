"""pcap: the classic capture file, micro- and nanoseconds, both byte orders (draft-ietf-opsawg-pcap)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aqa.chunks import CHUNK_BYTES, cut, pieces
from aqa.frames import Records
from aqa.headers import u32_of

MAX_RECORD = 262_144  # libpcap's MAXIMUM_SNAPLEN: a longer record is a lie
_MAGIC = {0xA1B2C3D4: (1000, 16), 0xA1B23C4D: (1, 16), 0xA1B2CD34: (1000, 24)}
"""Magic number: nanoseconds a tick, bytes of a record's header (the third is Kuznetzov's modified format)."""


def sniff(head: bytes) -> bool:
    """Whether a file that begins with `head` is a pcap file."""
    return len(head) >= 4 and any(int.from_bytes(head[:4], order) in _MAGIC for order in ("little", "big"))


@njit("UniTuple(int64, 3)(uint8[::1], boolean, int64, int64, int64[:, ::1])", cache=True)
def _walk_kernel(data, big, tick_ns, header, out):  # type: ignore[no-untyped-def]
    """Records that lie whole in `data`: how many, where the next begins, and whether that one is a lie.

    Rows of `out`: offset, captured bytes, bytes on the wire, time.
    """
    at, n = 0, 0
    while at + header <= len(data) and n < out.shape[1]:
        size = u32_of(data, at + 8, big)
        if size > MAX_RECORD:
            return n, at, 1
        if at + header + size > len(data):
            break
        out[0, n] = at + header
        out[1, n] = size
        out[2, n] = u32_of(data, at + 12, big)
        out[3, n] = u32_of(data, at, big) * 1_000_000_000 + u32_of(data, at + 4, big) * tick_ns
        at += header + size
        n += 1
    return n, at, 0


def _walk(data: NDArray[np.uint8], link: int, big: bool, tick_ns: int, header: int) -> tuple[Records, int, bool]:
    out = np.empty((4, len(data) // header + 1), np.int64)
    n, at, lie = _walk_kernel(data, big, tick_ns, header, out)
    offset, captured, wire, time_ns = (row[:n] for row in out)
    return Records(data, offset, captured, wire, np.full(n, link, np.int64), time_ns), at, bool(lie)


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
            tick_ns, header = _MAGIC[u32_of(piece.data, 0, big)]
            link = u32_of(piece.data, 20, big) & 0xFFFF  # the upper half says whether frames end in a checksum
            at = 24
        records, used, lie = _walk(piece.data[at:], link, big, tick_ns, header)
        yield records
        piece.used = at + used
        if lie:
            raise cut(piece.position + piece.used, f"a record claims more than {MAX_RECORD} bytes")
        if piece.last and piece.used < len(piece.data):
            raise cut(piece.position + piece.used, "the file ends inside a record")
