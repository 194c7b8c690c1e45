"""A leaky bucket over intervals of any length: when too much of something becomes an episode, and when it is over."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aqa.model import Doubles

EMPTY_S = 1e-9  # what is left by rounding


@dataclass(frozen=True)
class Episode:
    """Intervals `first` to `last` (both in it): the excess began in the one and was last seen in the other."""

    first: int
    last: int


def episodes(
    share: Doubles, played_s: Doubles, elapsed_s: Doubles, *, allowed: float, opens_s: float, closes_s: float
) -> Sequence[Episode]:
    """Stretches in which more than `allowed` (0 to 1) of what was played was bad; NaN in `share`: not known.

    Arrays have shape (intervals,). An episode opens when the excess over what is allowed adds up to `opens_s`, and
    begins where it began to add up; clean time drains it. It closes after `closes_s` in a row without excess or
    without knowledge. What counts is time, not polls: samples twice as often give the same sums (ObserveRTC's audio
    concealment rule).
    """
    found: list[Episode] = []
    level, clean_s, first, last, is_open = 0.0, 0.0, -1, -1, False
    columns = (values.tolist() for values in (share, played_s, elapsed_s))
    for at, (part, played, passed) in enumerate(zip(*columns, strict=True)):
        if np.isnan(passed) or passed <= 0:
            continue
        bad = not np.isnan(part) and part > allowed
        level = max(level + (0.0 if np.isnan(part) else (part - allowed) * played), 0.0)
        if bad:
            first, last, clean_s = (at if first < 0 else first), at, 0.0
            is_open = is_open or level >= opens_s
            continue
        clean_s += passed
        over = clean_s >= closes_s
        if is_open and over:
            found.append(Episode(first, last))
        if over or (not is_open and level <= EMPTY_S):
            level, first, is_open = 0.0, -1, False
    if is_open:
        found.append(Episode(first, last))
    return found
