"""rtpdump: files of `rtpdump -F dump` and rtpplay (rtptools, rtpdump.5 and rtpdump.h), big-endian.

A line "#!rtpplay1.0 address/port", 16 bytes of header (start in seconds and microseconds of UTC, address and port
listened on, padding), then per packet 8 bytes (length with these 8, RTP length or 0 for RTCP, offset in ms) and as
much of the packet as was kept (`-F header` keeps headers only).
"""

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aqa.chunks import CHUNK_BYTES, Piece, cut, pieces
from aqa.compiled import compiled
from aqa.frames import BARE, Records
from aqa.headers import u16, u32
from aqa.model import InputError

_MAGIC = b"#!rtpplay1.0 "
_MAX_LINE = 80  # an address of IPv6 and a port take 53 with the magic
_TEXT = re.compile(rb"\d+\.\d+ RTC?P len=\d+ from=")  # `rtpdump -F ascii` and `-F hex`


def sniff(head: bytes) -> bool:
    """Whether a file that begins with `head` is a dump of rtpdump (a text dump too, which `read` refuses)."""
    return head.startswith(_MAGIC) or _TEXT.match(head) is not None


@compiled("UniTuple(int64, 3)(uint8[::1], int64, int64[:, ::1])")
def _walk_kernel(data, start_ns, out):  # type: ignore[no-untyped-def]
    """Packets that lie whole in `data`: how many, where the next begins, and whether that one is a lie.

    Rows of `out`: offset, captured bytes, bytes on the wire, time.
    """
    at, n = 0, 0
    while at + 8 <= len(data) and n < out.shape[1]:
        size, whole = u16(data, at), u16(data, at + 2)
        if size < 8 or (whole and whole < size - 8):
            return n, at, 1
        if at + size > len(data):
            break
        out[0, n] = at + 8
        out[1, n] = size - 8
        out[2, n] = whole if whole else size - 8
        out[3, n] = start_ns + u32(data, at + 4) * 1_000_000
        at += size
        n += 1
    return n, at, 0


def _walk(data: NDArray[np.uint8], start_ns: int, flows: tuple[tuple[str, str], ...]) -> tuple[Records, int, bool]:
    out = np.empty((4, len(data) // 8 + 1), np.int64)
    n, at, lie = _walk_kernel(data, start_ns, out)
    offset, captured, wire, time_ns = (row[:n] for row in out)
    return Records(data, offset, captured, wire, np.full(n, BARE, np.int64), time_ns, flows), at, bool(lie)


def _header(piece: Piece) -> tuple[int, tuple[tuple[str, str], ...]] | None:
    """Start in ns and the flow; None if more bytes are needed. Sets what was used."""
    line = bytes(piece.data[:_MAX_LINE]).find(b"\n")
    if line < 0 and len(piece.data) >= _MAX_LINE:
        raise cut(0, f"a first line of more than {_MAX_LINE} bytes")
    if line < 0 or len(piece.data) < line + 17:
        if piece.last:
            raise cut(len(piece.data), "the file ends inside its header")
        return None
    at = line + 1
    seconds, micros = u32(piece.data, at), u32(piece.data, at + 4)
    address, port = ipaddress.IPv4Address(u32(piece.data, at + 8)), u16(piece.data, at + 12)
    piece.used = at + 16
    return seconds * 1_000_000_000 + micros * 1000, (("", f"{address}:{port}"),)


def read(path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Records]:
    """The packets of a dump, a buffer at a time; `aqa.chunks.DamagedError` where it can't go on.

    The flow's source is not in the file. InputError for a text dump.
    """
    begun: tuple[int, tuple[tuple[str, str], ...]] | None = None
    for piece in pieces(path, chunk_bytes=chunk_bytes):
        if begun is None:
            if not bytes(piece.data[: len(_MAGIC)]).startswith(_MAGIC[: len(piece.data)]):
                raise InputError(f"{path}: byte 0: a text dump of rtpdump; write it with `rtpdump -F dump` instead")
            begun = _header(piece)
            if begun is None:
                continue
        at = piece.used
        records, used, lie = _walk(piece.data[at:], *begun)
        yield records
        piece.used = at + used
        if lie:
            raise cut(piece.position + piece.used, "a packet whose lengths can't be true")
        if piece.last and piece.used < len(piece.data):
            raise cut(piece.position + piece.used, "the file ends inside a packet")
