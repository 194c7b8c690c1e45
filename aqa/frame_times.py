"""When decoded frames are presented: their own times, without single ones that are late, and how they jitter."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice, repeat

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


def presented_s(frame: av.AudioFrame) -> Fraction | None:
    """The frame's own presentation time in seconds; None where it has none."""
    if frame.pts is None or frame.time_base is None:
        return None
    return Fraction(frame.pts * frame.time_base)


def steady(items: Iterable[Item], container: str = "") -> Iterator[tuple[Item, Fraction | None]]:
    """Each frame with the earliest time that it and the three after it give it; damage with None.

    What is missing before a frame moves all that follows; a stamp that is late for itself does not. Two containers
    (by FFmpeg's name) stamp late: "ogg" by one packet, "mpegts" up to the next PES header.
    """
    waiting: deque[Item] = deque()
    look, damaged = PES_FRAMES if container == "mpegts" else LOOK + 1, False
    for item in chain(items, repeat(None)):
        if item is not None:
            waiting.append(item)
            if len(waiting) <= look:
                continue
        elif not waiting:
            return
        first = waiting[0]
        if isinstance(first, Damage):
            yield first, None
        elif damaged and container == "mpegts":
            yield first, max(_told(waiting), default=None)
        else:
            told = _told(islice(waiting, LOOK + 2 if container == "ogg" else LOOK + 1))
            yield first, min(told[1:] if container == "ogg" and len(told) > 1 else told, default=None)
        damaged = isinstance(waiting.popleft(), Damage)


def _told(items: Iterable[Item]) -> list[Fraction]:
    """The time of the first of `items`, as it and each of the undamaged frames right behind it tell it."""
    told: list[Fraction] = []
    elapsed = Fraction(0)
    for frame in items:
        if not isinstance(frame, av.AudioFrame):
            break
        at = presented_s(frame)
        if at is None:
            break
        if not told or at - elapsed - told[0] >= -RESET_S:
            told.append(at - elapsed)
        elapsed += Fraction(frame.samples, frame.sample_rate or 1)
    return told


def jitter_s(frames: Sequence[Item]) -> float:
    """How much steps between the times of `frames` differ from what the frames hold: the 90th percentile, seconds.

    Holes are rarer than one frame in ten, so they don't count. 0 for fewer than two frames with times.
    """
    times, elapsed = [], Fraction(0)
    for frame, at in steady(frames):
        if at is not None and isinstance(frame, av.AudioFrame):
            times.append(float(at - elapsed))
            elapsed += Fraction(frame.samples, frame.sample_rate or 1)
    return float(np.quantile(np.abs(np.diff(times)), 0.9)) if len(times) > 1 else 0.0
