"""When decoded frames are presented: their own times, without single ones that are late, and how they jitter."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import av
import numpy as np

LOOK = 3  # frames that must agree with a jump: a late stamp alone is no hole
PES_FRAMES = 64  # a PES of AAC holds a dozen frames; FFmpeg counts on from the last header, not knowing what was lost
RESET_S = 1  # later times that fall back by more began anew, and say nothing of this frame


@dataclass(frozen=True)
class Damage:
    """A packet that did not decode, of a length by the packet's own word (0 where it has none)."""

    seconds: float
    reason: str


Item = av.AudioFrame | Damage


@dataclass(frozen=True, slots=True)
class _Timed:
    """A frame with its own presentation time (None: none) and its length, both in seconds; damage has neither."""

    item: Item
    at_s: float | None = None
    length_s: float = 0.0


def _timed(item: Item) -> _Timed:
    if not isinstance(item, av.AudioFrame):
        return _Timed(item)
    pts, base, length_s = item.pts, item.time_base, item.samples / (item.sample_rate or 1)
    if pts is None or base is None:
        return _Timed(item, None, length_s)
    return _Timed(item, pts * base.numerator / base.denominator, length_s)


def steady(items: Iterable[Item], container: str = "") -> Iterator[tuple[Item, float | None]]:
    """Each frame with the earliest time (seconds) that it and the three after it give it; damage with None.

    What is missing before a frame moves all that follows; a stamp that is late for itself does not. Two containers
    (by FFmpeg's name) stamp late: "ogg" by one packet, "mpegts" up to the next PES header.
    """
    look, damaged = PES_FRAMES if container == "mpegts" else LOOK + 1, False
    own = slice(1, None) if container == "ogg" else slice(None)
    for waiting in _windows(map(_timed, items), look):
        first = waiting[0]
        if first.at_s is None:
            yield first.item, None
        elif damaged and container == "mpegts":
            yield first.item, max(_told(waiting))
        else:
            told = _told(islice(waiting, LOOK + 1 + (container == "ogg")))
            yield first.item, min(told[own] or told)
        damaged = isinstance(first.item, Damage)


def _windows(items: Iterable[_Timed], look: int) -> Iterator[deque[_Timed]]:
    """Each item, as the first of itself and the up to `look` that follow it."""
    waiting: deque[_Timed] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) > look:
            yield waiting
            waiting.popleft()
    while waiting:
        yield waiting
        waiting.popleft()


def _told(items: Iterable[_Timed]) -> list[float]:
    """The time of the first of `items`, as it and each of the undamaged frames right behind it tell it."""
    told: list[float] = []
    elapsed = 0.0
    for frame in items:
        if frame.at_s is None:
            break
        if not told or frame.at_s - elapsed - told[0] >= -RESET_S:
            told.append(frame.at_s - elapsed)
        elapsed += frame.length_s
    return told


def jitter_s(frames: Iterable[Item]) -> float:
    """How much steps between the times of `frames` differ from what the frames hold: the 90th percentile, seconds.

    Holes are rarer than one frame in ten, so they don't count. 0 for fewer than two frames with times.
    """
    times, elapsed = [], 0.0
    for frame, at_s in steady(frames):
        if at_s is not None and isinstance(frame, av.AudioFrame):
            times.append(at_s - elapsed)
            elapsed += frame.samples / (frame.sample_rate or 1)
    return float(np.quantile(np.abs(np.diff(times)), 0.9)) if len(times) > 1 else 0.0
