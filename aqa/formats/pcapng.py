"""pcapng: Wireshark's capture file, with sections, interfaces and their clocks (draft-ietf-opsawg-pcapng)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numba import int64, njit
from numpy.typing import NDArray

from aqa.chunks import CHUNK_BYTES, Piece, cut, pieces
from aqa.frames import NEVER, Records
from aqa.headers import u32_of

MAX_BLOCK = 16 << 20  # bytes; wiretap's MAX_BLOCK_SIZE is the same
MAX_INTERFACES = 4096  # of one section
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_MORE, _LIE, _DECLARATION = 0, 1, 2  # why the walk stopped
_MAGIC = 0x1A2B3C4D
_TSRESOL, _TSOFFSET = 9, 14  # options of an interface
_FAR_S = 10**12


def sniff(head: bytes) -> bool:
    """Whether a file that begins with `head` is a pcapng file."""
    return head[:4] == b"\x0a\x0d\x0d\x0a" and head[8:12] in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a")


@njit("int64(int64, int64, int64)", cache=True)
def _nanoseconds(units, resolution, offset_s):  # type: ignore[no-untyped-def]
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


@njit("boolean(uint8[::1], int64, int64, boolean, int64[:, ::1], int64[:])", cache=True)
def _packet(data, at, size, big, interfaces, out):  # type: ignore[no-untyped-def]
    """An enhanced (section 4.3) or old packet block; False if its interface or length can't be true."""
    interface = u32_of(data, at + 8, big)
    if u32_of(data, at, big) == _OLD_PACKET:
        interface = (interface >> 16) if big else (interface & 0xFFFF)
    captured = u32_of(data, at + 20, big)
    if interface >= interfaces.shape[1] or captured > size - 32:
        return False
    units = (u32_of(data, at + 12, big) << 32) | u32_of(data, at + 16, big)
    out[0] = at + 28
    out[1] = captured
    out[2] = u32_of(data, at + 24, big)
    out[3] = interfaces[0, interface]
    out[4] = _nanoseconds(units, interfaces[1, interface], interfaces[2, interface])
    return True


@njit("UniTuple(int64, 3)(uint8[::1], boolean, int64[:, ::1], int64[:, ::1])", cache=True)
def _walk_kernel(data, big, interfaces, out):  # type: ignore[no-untyped-def]
    """Packets of the blocks that lie whole in `data`: how many, where it stopped, and why.

    Rows of `interfaces`: link type, if_tsresol, if_tsoffset, snap length. Rows of `out`: as in Records.
    """
    at, n = 0, 0
    while at + 12 <= len(data) and n < out.shape[1]:
        kind = u32_of(data, at, big)
        if kind in (_SECTION, _INTERFACE):
            return n, at, _DECLARATION
        size = u32_of(data, at + 4, big)
        if size < 12 or size % 4 or size > MAX_BLOCK:
            return n, at, _LIE
        if at + size > len(data):
            break
        if u32_of(data, at + size - 4, big) != size:
            return n, at, _LIE
        if kind in (_PACKET, _OLD_PACKET) and size >= 32:
            if not _packet(data, at, size, big, interfaces, out[:, n]):
                return n, at, _LIE
            n += 1
        elif kind == _SIMPLE and size >= 16 and interfaces.shape[1]:
            snap = interfaces[3, 0] if interfaces[3, 0] else size
            out[0, n] = at + 12
            out[2, n] = u32_of(data, at + 8, big)
            out[1, n] = min(out[2, n], size - 16, snap)
            out[3, n] = interfaces[0, 0]
            out[4, n] = NEVER
            n += 1
        at += size
    return n, at, _MORE


@dataclass
class _Section:
    """What a section has declared so far: byte order, and per interface link type, clock and snap length."""

    big: bool
    interfaces: list[tuple[int, int, int, int]] = field(default_factory=list)

    def walk(self, data: NDArray[np.uint8]) -> tuple[Records, int, int]:
        """The packets of `data` up to its end or the next declaration."""
        interfaces = np.array(self.interfaces, np.int64).reshape(-1, 4).T.copy()
        out = np.empty((5, len(data) // 16 + 1), np.int64)
        n, at, why = _walk_kernel(data, self.big, interfaces, out)
        offset, captured, wire, link, time_ns = (row[:n] for row in out)
        return Records(data, offset, captured, wire, link, time_ns), at, why

    def declare(self, block: bytes) -> None:
        """An interface (section 4.2): link type, snap length, then options."""
        resolution, offset_s, at = 6, 0, 16
        while at + 4 <= len(block) - 4:
            code, size = self._number(block[at : at + 2]), self._number(block[at + 2 : at + 4])
            value = block[at + 4 : at + 4 + size]
            if code == _TSRESOL and size == 1:
                resolution = value[0]
            elif code == _TSOFFSET and size == 8:
                offset_s = self._number(value, signed=True)
            at += 4 + (size + 3) // 4 * 4
            if code == 0:
                break
        offset_s = max(-_FAR_S, min(_FAR_S, offset_s))
        self.interfaces.append((self._number(block[8:10]), resolution, offset_s, self._number(block[12:16])))

    def _number(self, raw: bytes, *, signed: bool = False) -> int:
        return int.from_bytes(raw, "big" if self.big else "little", signed=signed)


class _LieError(Exception):
    """A block that can't be true."""


def _declaration(data: NDArray[np.uint8], at: int, section: _Section | None) -> tuple[_Section | None, int]:
    """Section after the declaring block at `at`, and where the next begins: `at` if more bytes are needed."""
    begins = section is None or u32_of(data, at, section.big) == _SECTION
    if begins:
        big = int.from_bytes(bytes(data[at + 8 : at + 12]), "big") == _MAGIC
        if not big and int.from_bytes(bytes(data[at + 8 : at + 12]), "little") != _MAGIC:
            raise _LieError
        after = _Section(big)
    else:
        after = section if section is not None else _Section(False)
    size = u32_of(data, at + 4, after.big)
    if size < 20 or size % 4 or size > MAX_BLOCK or len(after.interfaces) >= MAX_INTERFACES:
        raise _LieError
    if at + size > len(data):
        return section, at
    if u32_of(data, at + size - 4, after.big) != size:
        raise _LieError
    if not begins:
        after.declare(bytes(data[at : at + size]))
    return after, at + size


def _declared(piece: Piece, section: _Section | None) -> tuple[_Section | None, bool]:
    """Take all declarations at the head of what is unused; whether more bytes are needed to go on."""
    while len(piece.data) - piece.used >= 12:
        if section is not None and u32_of(piece.data, piece.used, section.big) not in (_SECTION, _INTERFACE):
            return section, False
        try:
            section, at = _declaration(piece.data, piece.used, section)
        except _LieError:
            where = piece.position + piece.used
            raise cut(where, "a section or interface block that can't be true") from None
        if at == piece.used:
            break
        piece.used = at
    return section, True


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
