"""pcapng: Wireshark's capture file, with sections, interfaces and their clocks (draft-ietf-opsawg-pcapng)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numba import boolean, int64, njit, types, uint8
from numpy.typing import NDArray

from aqa.chunks import CHUNK_BYTES, Piece, cut, pieces
from aqa.frames import NEVER, Records

MAX_BLOCK = 16 << 20  # bytes; wiretap's MAX_BLOCK_SIZE is the same
MAX_INTERFACES = 4096  # of one section
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_MORE, _LIE, _DECLARATION = 0, 1, 2  # why the walk stopped
_MAGIC = 0x1A2B3C4D

_BYTES = types.Array(uint8, 1, "C")
_I64 = types.Array(int64, 1, "C")


def sniff(head: bytes) -> bool:
    """Whether a file that begins with `head` is a pcapng file."""
    return head[:4] == b"\x0a\x0d\x0d\x0a" and head[8:12] in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a")


@njit(int64(_BYTES, int64, boolean), cache=True)
def _u32(data: NDArray[np.uint8], at: int, big: bool) -> int:  # pragma: no cover - compiled
    a, b, c, d = int64(data[at]), int64(data[at + 1]), int64(data[at + 2]), int64(data[at + 3])
    if big:
        return (a << 24) | (b << 16) | (c << 8) | d
    return (d << 24) | (c << 16) | (b << 8) | a


@njit(int64(int64, int64, int64), cache=True)
def _nanoseconds(units: int, resolution: int, offset_s: int) -> int:  # pragma: no cover - compiled
    """Time by if_tsresol (a power of ten, or of two with the upper bit set) and if_tsoffset (section 4.2)."""
    power = resolution & 127
    if units < 0 or power > 63:
        return NEVER
    if resolution & 128:
        fraction = units & ((int64(1) << power) - 1)
        if power > 33:  # 2^33 parts a second are finer than 1 ns, and 2^33 times 10^9 still fits
            fraction >>= power - 33
        seconds = units >> power
        part = (fraction * 1_000_000_000) >> min(power, 33)
    elif power > 18:
        return NEVER
    else:
        per_second = int64(1)
        for _ in range(power):
            per_second *= 10
        seconds = units // per_second
        rest = units - seconds * per_second
        if power > 9:
            for _ in range(power - 9):
                rest //= 10
            part = rest
        else:
            part = rest
            for _ in range(9 - power):
                part *= 10
    seconds += offset_s
    if seconds < -9_000_000_000 or seconds > 9_000_000_000:  # beyond what 64 bits of nanoseconds hold
        return NEVER
    return seconds * 1_000_000_000 + part


@njit(
    types.UniTuple(int64, 3)(_BYTES, boolean, _I64, _I64, _I64, _I64, _I64, _I64, _I64, _I64, _I64), cache=True
)  # fmt: skip
def _walk_kernel(  # type: ignore[no-untyped-def]  # pragma: no cover
    data, big, links, resolutions, offsets_s, snap, offset, captured, wire, link, time_ns
):
    """Packets of the blocks that lie whole in `data`: how many, where it stopped, and why."""
    at, n = 0, 0
    while at + 12 <= len(data) and n < len(offset):
        kind = _u32(data, at, big)
        if kind in (_SECTION, _INTERFACE):
            return n, at, _DECLARATION
        size = _u32(data, at + 4, big)
        if size < 12 or size % 4 or size > MAX_BLOCK:
            return n, at, _LIE
        if at + size > len(data):
            break
        if _u32(data, at + size - 4, big) != size:
            return n, at, _LIE
        if kind in (_PACKET, _OLD_PACKET) and size >= 32:
            interface = _u32(data, at + 8, big)
            if kind == _OLD_PACKET:
                interface = (interface >> 16) if big else (interface & 0xFFFF)
            got = _u32(data, at + 20, big)
            if interface >= len(links) or got > size - 32:
                return n, at, _LIE
            offset[n] = at + 28
            captured[n] = got
            wire[n] = _u32(data, at + 24, big)
            link[n] = links[interface]
            units = (_u32(data, at + 12, big) << 32) | _u32(data, at + 16, big)
            time_ns[n] = _nanoseconds(units, resolutions[interface], offsets_s[interface])
            n += 1
        elif kind == _SIMPLE and size >= 16 and len(links):
            wire[n] = _u32(data, at + 8, big)
            offset[n] = at + 12
            captured[n] = min(wire[n], size - 16, snap[0] if snap[0] else size)
            link[n] = links[0]
            time_ns[n] = NEVER
            n += 1
        at += size
    return n, at, _MORE


@dataclass
class _Section:
    """What a section has declared so far: byte order, and per interface link type and clock."""

    big: bool
    link: list[int] = field(default_factory=list)
    resolution: list[int] = field(default_factory=list)
    offset_s: list[int] = field(default_factory=list)
    snap: list[int] = field(default_factory=list)

    def walk(self, data: NDArray[np.uint8]) -> tuple[Records, int, int]:
        """The packets of `data` up to its end or the next declaration."""
        room = len(data) // 16 + 1
        offset, captured, wire, link, time_ns = (np.empty(room, np.int64) for _ in range(5))
        tables = (np.array(t, np.int64) for t in (self.link, self.resolution, self.offset_s, self.snap or [0]))
        n, at, why = _walk_kernel(data, self.big, *tables, offset, captured, wire, link, time_ns)
        return Records(data, offset[:n], captured[:n], wire[:n], link[:n], time_ns[:n]), at, why

    def declare(self, block: bytes) -> None:
        """An interface (section 4.2): link type, snap length, then options."""
        order = "big" if self.big else "little"
        resolution, offset_s, at = 6, 0, 16
        while at + 4 <= len(block) - 4:
            code, size = (int.from_bytes(block[i : i + 2], order) for i in (at, at + 2))  # type: ignore[arg-type]
            value = block[at + 4 : at + 4 + size]
            if code == 9 and size == 1:
                resolution = value[0]
            elif code == 14 and size == 8:
                offset_s = int.from_bytes(value, order, signed=True)  # type: ignore[arg-type]
            at += 4 + (size + 3) // 4 * 4
            if code == 0:
                break
        self.link.append(int.from_bytes(block[8:10], order))  # type: ignore[arg-type]
        self.snap.append(int.from_bytes(block[12:16], order))  # type: ignore[arg-type]
        self.resolution.append(resolution)
        self.offset_s.append(max(-(10**12), min(10**12, offset_s)))


def _declaration(data: NDArray[np.uint8], at: int, section: _Section | None) -> tuple[_Section | None, int]:
    """Section after the declaring block at `at`, and where the next begins: `at` if more bytes are needed."""
    if at + 28 > len(data) and data[at] == 0x0A:
        return section, at
    if data[at] == 0x0A:  # a section header reads the same in both byte orders (section 4.1)
        big = int.from_bytes(bytes(data[at + 8 : at + 12]), "big") == _MAGIC
        if not big and int.from_bytes(bytes(data[at + 8 : at + 12]), "little") != _MAGIC:
            return None, at
        section = _Section(big)
    if section is None:
        return None, at
    size = _u32(data, at + 4, section.big)
    if size < 20 or size % 4 or size > MAX_BLOCK or len(section.link) >= MAX_INTERFACES:
        return None, at
    if at + size > len(data):
        return section, at
    if _u32(data, at + size - 4, section.big) != size:
        return None, at
    if data[at] != 0x0A:
        section.declare(bytes(data[at : at + size]))
    return section, at + size


def _declared(piece: Piece, section: _Section | None) -> tuple[_Section | None, bool]:
    """Take all declarations at the head of what is unused; whether more bytes are needed to go on."""
    while True:
        rest = len(piece.data) - piece.used
        if rest < 12:
            return section, True
        if section is not None and _u32(piece.data, piece.used, section.big) not in (_SECTION, _INTERFACE):
            return section, False
        section, at = _declaration(piece.data, piece.used, section)
        if section is None:
            raise cut(piece.position + piece.used, "a section or interface block that can't be true")
        if at == piece.used:
            return section, True
        piece.used = at


def read(path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Records]:
    """The frames of a pcapng file, a buffer at a time; `aqa.chunks.DamagedError` where it can't go on."""
    section: _Section | None = None
    for piece in pieces(path, chunk_bytes=chunk_bytes, longest=MAX_BLOCK):
        while True:
            section, wait = _declared(piece, section)
            if wait or section is None:
                break
            records, used, why = section.walk(piece.data[piece.used :])
            piece.used += used
            yield records
            if why == _LIE:
                raise cut(piece.position + piece.used, "a block whose length or interface can't be true")
            if why == _MORE:
                break
        if piece.last and piece.used < len(piece.data):
            raise cut(piece.position + piece.used, "the file ends inside a block")
