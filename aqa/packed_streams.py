"""Streams on their way from a worker to the main process."""

import pickle
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import overload

import numpy as np

from aqa.model import Ints
from aqa.stream_model import Stream


class PackedStreams(Sequence[Stream]):
    """Streams on their way from a worker, compressed to a few bytes a packet, and unpacked one at a time."""

    def __init__(self) -> None:
        self._packed: list[tuple[tuple[int, int, str, str], bytes]] = []

    def add(self, one: Stream) -> None:
        """Pack a stream."""
        self._packed.append(((int(one.arrival_ns[0]), one.ssrc, one.src, one.dst), _pack(one)))

    def sorted(self) -> "PackedStreams":
        """By first packet, then SSRC and flow."""
        self._packed.sort(key=lambda pair: pair[0])
        return self

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, at: int) -> Stream: ...
    @overload
    def __getitem__(self, at: slice) -> list[Stream]: ...
    def __getitem__(self, at: int | slice) -> Stream | list[Stream]:
        """Unpack one."""
        if isinstance(at, slice):
            return [_unpack(raw) for _, raw in self._packed[at]]
        return _unpack(self._packed[at][1])


def _pack(stream: Stream) -> bytes:
    """Numbers that go up by about the same are kept as their steps: those compress."""
    less = _each(stream, lambda numbers: np.diff(numbers, prepend=0))
    return zlib.compress(pickle.dumps(less, pickle.HIGHEST_PROTOCOL), 1)


def _unpack(raw: bytes) -> Stream:
    stream: Stream = pickle.loads(zlib.decompress(raw))
    return _each(stream, np.cumsum)


def _each(stream: Stream, change: Callable[[Ints], Ints]) -> Stream:
    return replace(
        stream,
        arrival_ns=change(stream.arrival_ns),
        sequence=change(stream.sequence),
        timestamp=change(stream.timestamp),
    )
