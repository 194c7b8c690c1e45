"""When decoded frames are presented: their own times, without single ones that are late, and how they jitter."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

LOOK = 3  # frames that must agree with a jump: a late stamp alone is no hole
RESET_S = 1  # later times that differ by more began anew, and say nothing of this frame


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


def steady(items: Iterable[Item]) -> Iterator[tuple[Item, Fraction | None]]:
    """Each frame with the earliest time that it and the three after it give it; damage with None.

    What is missing before a frame moves all that follows; a stamp that is late for itself does not.
    """
    waiting: deque[Item] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) > LOOK:
            yield waiting[0], _earliest(waiting)
            waiting.popleft()
    while waiting:
        yield waiting[0], _earliest(waiting)
        waiting.popleft()


def _earliest(frames: Sequence[Item]) -> Fraction | None:
    """The time of the first of `frames`, as it and the undamaged frames right behind it tell it."""
    first = presented_s(frames[0]) if isinstance(frames[0], av.AudioFrame) else None
    if first is None:
        return None
    earliest, elapsed = first, Fraction(0)
    for frame in frames:
        if not isinstance(frame, av.AudioFrame):
            break
        at = presented_s(frame)
        if at is not None and abs(at - elapsed - first) <= RESET_S:
            earliest = min(earliest, at - elapsed)
        elapsed += Fraction(frame.samples, frame.sample_rate or 1)
    return earliest


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
