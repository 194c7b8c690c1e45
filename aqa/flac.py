"""Frames of a FLAC file by their checksums: damage that decoders pass over without a word.

A frame whose bits were changed decodes all the same, to noise or to sound that was not there. Each frame ends with a
CRC-16 of itself (RFC 9639 9.3) and begins with a header that has a CRC-8 (9.1.8), so changed frames can be named
exactly. libsndfile does not tell; FFmpeg does not look.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled, inlined

READ = 1 << 20  # bytes at once
LARGEST = 1 << 17  # bytes of a frame where STREAMINFO states none: 65535 samples would be more, recorders use 4096
CHECKSUM = "frames of FLAC whose checksum is wrong (CRC-16): bits were changed on their way"


@dataclass(frozen=True)
class Stretch:
    """Samples [start, end) whose frames are not what the encoder wrote."""

    start: int
    end: int


def _crc_table(polynomial: int, bits: int) -> NDArray[np.int64]:
    table, top, mask = [], 1 << (bits - 1), (1 << bits) - 1
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = ((value << 1) ^ polynomial if value & top else value << 1) & mask
        table.append(value)
    return np.array(table, np.int64)


CRC8, CRC16 = _crc_table(0x07, 8), _crc_table(0x8005, 16)  # RFC 9639 9.1.8 and 9.3


@inlined
def _coded(data, at):  # type: ignore[no-untyped-def]
    """Bytes of the coded number at `at` (RFC 9639 9.1.5), and the number; 0 bytes for none."""
    first = int(data[at])
    if first < 0x80:
        return 1, first
    count = 0
    while count < 8 and first & (0x80 >> count):
        count += 1
    if count < 2 or count > 7:
        return 0, 0
    number = first & (0x7F >> count)
    for k in range(1, count):
        if int(data[at + k]) & 0xC0 != 0x80:
            return 0, 0
        number = number << 6 | (int(data[at + k]) & 0x3F)
    return count, number


@inlined
def _header(data, at, stop, crc8):  # type: ignore[no-untyped-def]
    """Whether a frame header begins at `at`: its block size (0: none), its number, whether that counts samples."""
    if at + 16 > stop or data[at] != 0xFF or data[at + 1] & 0xFE != 0xF8 or data[at + 3] & 1:
        return 0, 0, 0
    size, rate = int(data[at + 2]) >> 4, int(data[at + 2]) & 15
    count, number = _coded(data, at + 4)
    if size == 0 or rate == 15 or count == 0:
        return 0, 0, 0
    end = at + 4 + count
    block = 192 if size == 1 else 576 << (size - 2) if size < 6 else 256 << (size - 8)
    if size == 6:
        block = int(data[end]) + 1
        end += 1
    elif size == 7:
        block = (int(data[end]) << 8 | int(data[end + 1])) + 1
        end += 2
    end += 1 if rate == 12 else 2 if rate in (13, 14) else 0
    crc = 0
    for k in range(at, end):
        crc = crc8[crc ^ int(data[k])]
    return (block, number, int(data[at + 1]) & 1) if crc == int(data[end]) else (0, 0, 0)


@compiled("int64(uint8[::1], int64, int64, int64[::1], int64[::1], int64[::1], int64[::1])")
def _walk(data, stop, largest, crc8, crc16, state, bad):  # type: ignore[no-untyped-def]
    """Follow frames through data[:stop]; returns how many numbers were put into `bad` (start, end in samples).

    `state` (kept between calls): 0 where to go on in `data`; 1 CRC so far; 2 bytes of the frame so far (-1: none
    yet); 3 first sample of the frame; 4 its block size; 5 block size of fixed streams. Where a header passes its
    checksum the frame before it ends: with a CRC of 0 if it is whole; else it is damaged if the number is the one
    that must follow, or if the frame has grown longer than any can be; else the header was none (chance, 1 in 2^24).
    """
    count, at = 0, state[0]
    while at + 16 <= stop and count + 2 <= len(bad):
        if data[at] == 0xFF:
            block, number, counts = _header(data, at, stop, crc8)
            if block:
                if state[2] < 0 and counts == 0:
                    state[5] = block
                first = number if counts else number * state[5]
                whole = state[1] == 0
                if state[2] < 0 or whole or first == state[3] + state[4] or state[2] > largest:
                    if state[2] >= 0 and not whole and first > state[3]:
                        bad[count], bad[count + 1] = state[3], first
                        count += 2
                    state[1], state[2], state[3], state[4] = 0, 0, first, block
        if state[2] >= 0:
            state[1] = ((state[1] << 8) & 0xFFFF) ^ crc16[(state[1] >> 8) ^ int(data[at])]
            state[2] += 1
        at += 1
    state[0] = at
    return count


def damaged_frames(path: Path) -> list[Stretch]:
    """Stretches of frames with a wrong checksum, in order; empty for what is no native FLAC file.

    The last frame counts only if a whole one would be there: a file that is cut off is told by its length.
    """
    state, out = np.array([0, 0, -1, 0, 0, 0], np.int64), list[Stretch]()
    bad = np.zeros(4096, np.int64)
    for data, stop, largest in _pieces(path, state):
        while True:
            count = int(_walk(data, stop, largest, CRC8, CRC16, state, bad))
            out += [Stretch(int(a), int(b)) for a, b in bad[:count].reshape(-1, 2)]
            if count + 2 <= len(bad):
                break
    return out


def _pieces(path: Path, state: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
    """The frames' bytes in pieces that begin with what was not yet walked, where each ends, and the largest frame."""
    with path.open("rb") as file:
        head = file.read(42)
        if head[:4] != b"fLaC" or len(head) < 42:
            return
        largest = int.from_bytes(head[15:18], "big") or LARGEST  # RFC 9639 8.2: the 4th field of STREAMINFO
        at, last = 4, False
        while not last:
            file.seek(at)
            block = file.read(4)
            if len(block) < 4:
                return
            last, at = bool(block[0] & 0x80), at + 4 + int.from_bytes(block[1:], "big")
        file.seek(at)
        left = b""
        while part := file.read(READ):
            data = np.frombuffer(left + part, np.uint8)
            yield data, len(data), largest
            left = data[int(state[0]) :].tobytes()
            state[0] = 0
        yield np.frombuffer(left + bytes(16), np.uint8), len(left) + 16, largest
