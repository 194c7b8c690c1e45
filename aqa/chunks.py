"""A packet log's bytes, piece by piece: plain or gzip (told by content), never more than a few MB at a time."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES = 4 << 20
_GZIP = b"\x1f\x8b"
_FREE_BYTES = 256 << 20  # a gzip file may always expand to this,
_MAX_RATIO = 200  # and beyond it to this many times its size: captures of speech reach about 20, bombs 1000


class DamagedError(Exception):
    """Reading had to stop before the end; what was read until then holds. The message says where and why."""


def head(path: Path, size: int = 512) -> bytes:
    """The first bytes of a file, uncompressed; empty when its compression is damaged from the start."""
    with _opened(path) as (stream, _):
        return bytes(_read(stream, size)[0])


def unpacked(start: bytes) -> bytes:
    """The first bytes of a file as they are when uncompressed."""
    if start[:2] != _GZIP:
        return start
    try:
        return zlib.decompressobj(wbits=31).decompress(start, 512)
    except zlib.error:
        return b""


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, int]]:
    """The file's uncompressed bytes, and how many there may be."""
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
        size = raw.seek(0, 2)
        raw.seek(0)
        if packed:
            with gzip.GzipFile(fileobj=raw) as stream:
                yield stream, _FREE_BYTES + _MAX_RATIO * size
        else:
            yield raw, size


@dataclass
class Piece:
    """Consecutive bytes of the file. The reader sets `used`; what it leaves is handed over again with more."""

    data: NDArray[np.uint8]
    position: int  # of data[0] in the (uncompressed) file
    last: bool  # nothing follows
    used: int = 0


def pieces(path: Path, *, chunk_bytes: int = CHUNK_BYTES, longest: int = 16 << 20) -> Iterator[Piece]:
    """Pieces of the file in order, each beginning where the reader stopped using the one before.

    A reader that leaves more than `longest` bytes unused has met a record that can't be true.
    """
    rest = np.zeros(0, np.uint8)
    position = 0
    with _opened(path) as (stream, limit):
        while True:
            more, trouble = _read(stream, chunk_bytes)
            piece = Piece(np.concatenate((rest, more)), position, last=len(more) == 0)
            yield piece
            position += piece.used
            rest = piece.data[piece.used :]
            if trouble:
                raise DamagedError(f"at byte {position + len(rest)}: {trouble}; compress the capture again")
            if piece.last:
                return
            if len(rest) > longest + chunk_bytes:
                raise DamagedError(f"at byte {position}: a record of more than {longest} bytes; capture it again")
            if position + len(rest) > limit:
                raise DamagedError(
                    f"at byte {position}: expands to more than {_MAX_RATIO} times its size; uncompress it first"
                )


def _read(stream: Any, size: int) -> tuple[NDArray[np.uint8], str]:
    """Up to `size` bytes, and what went wrong after them ('' if nothing).

    By `read1`: a plain `read` of a cut gzip file raises and keeps what it had already got.
    """
    got = bytearray()
    try:
        while len(got) < size and (part := stream.read1(min(size - len(got), 1 << 20))):
            got += part
    except (EOFError, OSError, zlib.error) as error:
        return np.frombuffer(bytes(got), np.uint8), f"the compression is damaged ({error})"
    return np.frombuffer(bytes(got), np.uint8), ""


def cut(position: int, what: str) -> DamagedError:
    """The error for a file that ends, or lies, inside `what`."""
    return DamagedError(f"at byte {position}: {what}; packets before it are used, capture or copy the file again")
