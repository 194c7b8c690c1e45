"""A packet log's bytes, piece by piece: plain, gzip or zstd (told by content), a MB at a time."""

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES = 1 << 21  # in a core's cache while it is read, walked and parsed; half as much means twice the turns
_MARGIN = 1 << 18  # room before a piece for what is left of the one before
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_ZSTD_WINDOW = 128 << 20  # bytes: what `zstd --long` asks for at most by default
_FREE_BYTES = 256 << 20  # a compressed file may always expand to this,
_MAX_RATIO = 200  # and beyond it to this many times its size: captures of speech reach about 20, bombs 1000


class DamagedError(Exception):
    """Reading had to stop before the end; what was read until then holds. The message says where and why."""


def head(path: Path, size: int = 4096) -> bytes:
    """The first bytes of a file, uncompressed; empty when its compression is damaged from the start."""
    start = np.empty(size, np.uint8)
    with _opened(path) as (stream, _):
        return start[: _read(stream, start)[0]].tobytes()


def unpacked(start: bytes) -> bytes:
    """The first bytes of a file as they are when uncompressed."""
    try:
        if start[:2] == _GZIP:
            return zlib.decompressobj(wbits=31).decompress(start, 4096)
        if start[:4] == _ZSTD:
            import zstandard  # noqa: PLC0415 - few logs need it

            reader = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(start)
            return bytes(reader.read1(4096))
    except _packing_errors():
        return b""
    return start


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, int]]:
    """The file's uncompressed bytes, and how many there may be."""
    with path.open("rb", buffering=0) as raw:
        start = raw.read(4)
        size = raw.seek(0, 2)
        raw.seek(0)
        if start[:2] == _GZIP:
            with gzip.GzipFile(fileobj=raw) as stream:
                yield stream, _FREE_BYTES + _MAX_RATIO * size
        elif start == _ZSTD:
            import zstandard  # noqa: PLC0415 - few logs need it

            reader = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(
                raw, read_across_frames=True, closefd=False
            )
            with reader as stream:
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
            buffer = np.empty(_MARGIN + chunk_bytes, np.uint8)
            size, trouble = _read(stream, buffer[_MARGIN:])
            piece = Piece(_joined(rest, buffer, size), position, last=size == 0)
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


def _joined(rest: NDArray[np.uint8], buffer: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """What was left over and the `size` new bytes behind the margin of `buffer`, in one."""
    if len(rest) > _MARGIN:
        return np.concatenate((rest, buffer[_MARGIN : _MARGIN + size]))
    begin = _MARGIN - len(rest)
    buffer[begin:_MARGIN] = rest
    return buffer[begin : _MARGIN + size]


def _read(stream: Any, into: NDArray[np.uint8]) -> tuple[int, str]:
    """Fill `into` as far as the file goes: bytes read, and what went wrong after them ('' if nothing)."""
    view, got = into.data, 0
    fill = getattr(stream, "readinto1", stream.readinto)  # gzip's readinto loses what it had when the file is cut
    try:
        while got < len(view) and (more := fill(view[got:])):
            got += more
    except _packing_errors() as error:
        return got, f"the compression is damaged ({error})"
    return got, ""


def _packing_errors() -> tuple[type[Exception], ...]:
    """What damaged compression raises; zstd's own error if anything has asked for zstd."""
    module = sys.modules.get("zstandard")
    own: list[type[Exception]] = [module.ZstdError] if module else []
    return (EOFError, OSError, zlib.error, *own)


def cut(position: int, what: str) -> DamagedError:
    """The error for a file that ends, or lies, inside `what`."""
    return DamagedError(f"at byte {position}: {what}; packets before it are used, capture or copy the file again")
