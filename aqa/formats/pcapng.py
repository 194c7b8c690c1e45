"""pcapng: Wireshark's capture file, with sections, interfaces and their clocks (draft-ietf-opsawg-pcapng)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aqa.chunks import CHUNK_BYTES, Piece, cut, pieces
from aqa.compiled import compiled, inlined, int64
from aqa.ending import ending
from aqa.frames import NEVER, Records
from aqa.headers import u32_of

MAX_BLOCK = 16 << 20  # bytes; wiretap's MAX_BLOCK_SIZE is the same
MAX_INTERFACES = 4096  # of one section
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_MORE, _LIE, _DECLARATION, _FULL = 0, 1, 2, 3  # why the walk stopped
_MAGIC = 0x1A2B3C4D
_TSRESOL, _TSOFFSET = 9, 14  # options of an interface
_FAR_S = 10**12


def sniff(head: bytes) -> bool:
    """Whether a file that begins with `head` is a pcapng file."""
    return head[:4] == b"\x0a\x0d\x0d\x0a" and head[8:12] in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a")


@inlined
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


@inlined
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


@compiled("UniTuple(int64, 4)(uint8[::1], int64, boolean, int64[:, ::1], int64[:, ::1])")
def _walk_kernel(data, at, big, interfaces, out):  # type: ignore[no-untyped-def]
    """Packets of the blocks from `at` on that lie whole in `data`: how many, where it stopped, why, and lies.

    A packet block that lies inside costs itself; one whose lengths disagree stops the walk.
    Rows of `interfaces`: link type, if_tsresol, if_tsoffset, snap length. Rows of `out`: as in Records.
    """
    n, lies = 0, 0
    while at + 12 <= len(data) and n < out.shape[1]:
        kind = u32_of(data, at, big)
        if kind in (_SECTION, _INTERFACE):
            return n, at, _DECLARATION, lies
        size = u32_of(data, at + 4, big)
        if size < 12 or size % 4 or size > MAX_BLOCK:
            return n, at, _LIE, lies
        if at + size > len(data):
            break
        if u32_of(data, at + size - 4, big) != size:
            return n, at, _LIE, lies
        if kind in (_PACKET, _OLD_PACKET):
            good = size >= 32 and _packet(data, at, size, big, interfaces, out[:, n])
            n, lies = n + good, lies + (not good)
        elif kind == _SIMPLE and size >= 16 and interfaces.shape[1]:
            snap = interfaces[3, 0] if interfaces[3, 0] else size
            out[0, n] = at + 12
            out[2, n] = u32_of(data, at + 8, big)
            out[1, n] = min(out[2, n], size - 16, snap)
            out[3, n] = interfaces[0, 0]
            out[4, n] = NEVER
            n += 1
        at += size
    return n, at, (_FULL if n == out.shape[1] else _MORE), lies


@compiled("UniTuple(int64, 2)(uint8[::1], int64, boolean, boolean)")
def _resume_kernel(data, at, big, last):  # type: ignore[no-untyped-def]
    """The first place from `at` on where a block of a known type ends in its own length: 1, place.

    0 and the first place that might be one, if more data has to tell.
    """
    while at + 12 <= len(data):
        kind, size = u32_of(data, at, big), u32_of(data, at + 4, big)
        if kind in (_SECTION, 1, 2, 3, 4, 5, 6) and size >= 12 and size % 4 == 0 and size <= MAX_BLOCK:
            if at + size <= len(data):
                if u32_of(data, at + size - 4, big) == size:
                    return 1, at
            elif not last:
                return 0, at
        at += 1
    return 0, min(at, len(data))


@dataclass
class _Section:
    """What a section has declared so far: byte order, and per interface link type, clock and snap length."""

    big: bool
    interfaces: list[tuple[int, int, int, int]] = field(default_factory=list)

    def table(self) -> NDArray[np.int64]:
        """The interfaces as the kernel wants them, shape (4, n)."""
        return np.array(self.interfaces, np.int64).reshape(-1, 4).T.copy()

    def declare(self, block: bytes) -> None:
        """An interface (section 4.2): link type, snap length, then options."""
        resolution, offset_s, at = 6, 0, 16
        while at + 4 <= len(block) - 4:
            code, size = self.number(block[at : at + 2]), self.number(block[at + 2 : at + 4])
            value = block[at + 4 : at + 4 + size]
            if code == _TSRESOL and size == 1:
                resolution = value[0]
            elif code == _TSOFFSET and size == 8:
                offset_s = self.number(value, signed=True)
            at += 4 + (size + 3) // 4 * 4
            if code == 0:
                break
        offset_s = max(-_FAR_S, min(_FAR_S, offset_s))
        self.interfaces.append((self.number(block[8:10]), resolution, offset_s, self.number(block[12:16])))

    def number(self, raw: bytes | NDArray[np.uint8], *, signed: bool = False) -> int:
        """A number in the section's byte order."""
        return int.from_bytes(bytes(raw), "big" if self.big else "little", signed=signed)


@dataclass
class _File:
    """How far the blocks of a file have been read."""

    section: _Section = field(default_factory=lambda: _Section(False))
    lost: bool = False  # where the next block begins is not known
    lies: int = 0  # since the last records that were handed over
    out: NDArray[np.int64] = field(default_factory=lambda: np.empty((5, 1 << 14), np.int64))

    def records(self, piece: Piece) -> Iterator[Records]:
        """The packets of the blocks that lie whole in a piece; what can't be a block is passed over."""
        why = _DECLARATION
        while why != _MORE:
            if self.lost:
                found, piece.used = _resume_kernel(piece.data, piece.used, self.section.big, piece.last)
                self.lost = not found
                if self.lost:
                    return
            n, piece.used, why, lies = _walk_kernel(
                piece.data, piece.used, self.section.big, self.section.table(), self.out
            )
            self.lies += lies
            if n:
                offset, captured, wire, link, time_ns = self.out[:, :n].copy()
                yield Records(piece.data, offset, captured, wire, link, time_ns, lies=self.lies)
                self.lies = 0
            if why == _DECLARATION:
                why = self._declare(piece)
            if why == _LIE:
                self.lost = True
                self.lies += 1
                piece.used += 1

    def _declare(self, piece: Piece) -> int:
        """Take the section or interface block at `piece.used`: _DECLARATION if it was whole and true."""
        data, at, section = piece.data, piece.used, self.section
        begins = bytes(data[at : at + 4]) == b"\x0a\x0d\x0d\x0a"
        if begins:
            magic = bytes(data[at + 8 : at + 12])
            section = _Section(int.from_bytes(magic, "big") == _MAGIC)
            if not section.big and int.from_bytes(magic, "little") != _MAGIC:
                return _LIE
        size = section.number(data[at + 4 : at + 8])
        if size < 20 or size % 4 or size > MAX_BLOCK:
            return _LIE
        if at + size > len(data):
            return _MORE
        if section.number(data[at + size - 4 : at + size]) != size:
            return _LIE
        if not begins and len(section.interfaces) < MAX_INTERFACES:
            section.declare(bytes(data[at : at + size]))
        elif not begins:
            self.lies += 1
        self.section = section
        piece.used += size
        return _DECLARATION


def read(path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Records]:
    """The frames of a pcapng file, a buffer at a time; `aqa.chunks.DamagedError` where it can't go on."""
    file = _File()
    for piece in pieces(path, chunk_bytes=chunk_bytes, longest=MAX_BLOCK):
        yield from file.records(piece)
        if piece.last:
            stopped = piece.used
            yield from ending(file, piece)
            if piece.used < len(piece.data):
                raise cut(piece.position + stopped, "the file ends inside a block")
