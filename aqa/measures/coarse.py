"""Roughly where one recording is in another, by their 10 ms level series alone: cheap, and no sound is needed.

Whoever speaks, speaks in all recordings of a room at once, however they were coded.
"""

import numpy as np

from aqa.model import Doubles, Floats

HOPS_PER_S = 100
SMOOTH = 300  # hops, three seconds: levels against their own mean of so long, as ACCURACY's alignment by packet sizes
RANGE_DB = 60.0  # below the loudest: quieter is as good as silence
EXCLUDED = 100  # hops beside a peak that belong to it
CLEAR = 1.5  # peak over the next best; unrelated speech gave up to 1.3
PART_S = 30.0
REACH_S = 4.0  # a part is looked for this far around the whole


def offsets(a_dbfs: Floats, b_dbfs: Floats) -> Doubles | str:
    """Where to look for each 30 s of `a` in `b`: offsets in seconds, one per part; or why there is none.

    Both are level series of 10 ms hops in dBFS, NaN where nothing was recorded. An offset is positive where `b`
    has the sound later. Errors: 10 ms, more where recordings drift or skip inside a part.
    """
    x, y = _shape(a_dbfs), _shape(b_dbfs)
    if not (x.any() and y.any()):
        return "one of the two holds no sound that changes"
    whole = _correlation(x, y)
    top = int(np.argmax(whole))
    beside = np.concatenate([whole[: max(top - EXCLUDED, 0)], whole[top + EXCLUDED :]])
    if whole[top] <= CLEAR * max(float(beside.max(initial=0.0)), 0.0):
        return "their levels do not rise and fall together anywhere: they are not of the same room and time"
    return _parts(x, y, top - (len(x) - 1))


def _shape(dbfs: Floats) -> Doubles:
    """The level without its slow part, 0 on the mean."""
    known = np.isfinite(dbfs)
    if not known.any():
        return np.zeros(len(dbfs))
    floor = float(dbfs[known].max()) - RANGE_DB
    level = np.maximum(np.where(known, dbfs, floor), floor).astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(level)])
    lo = np.maximum(np.arange(len(level)) - SMOOTH // 2, 0)
    hi = np.minimum(np.arange(len(level)) + SMOOTH // 2, len(level))
    return np.asarray(level - (sums[hi] - sums[lo]) / (hi - lo), np.float64)


def _correlation(x: Doubles, y: Doubles) -> Doubles:
    """Sum of products at each lag of `y` behind `x`, from -(len(x) - 1) on."""
    size = 1 << (len(x) + len(y)).bit_length()
    product = np.fft.irfft(np.fft.rfft(y, size) * np.conj(np.fft.rfft(x, size)), size)
    return np.concatenate([product[size - len(x) + 1 :], product[: len(y)]])


def _parts(x: Doubles, y: Doubles, lag: int) -> Doubles:
    """The offset of each part of `x`, near that of the part before it; seconds."""
    length, reach, found = round(PART_S * HOPS_PER_S), round(REACH_S * HOPS_PER_S), []
    for start in range(0, len(x), length):
        part = x[start : start + length]
        lo = start + lag - reach
        around = np.zeros(len(part) + 2 * reach)
        first, last = max(lo, 0), min(lo + len(around), len(y))
        if first < last:
            around[first - lo : last - lo] = y[first:last]
            near = _correlation(part, around)[len(part) - 1 : len(part) + 2 * reach]
            if near.max() > CLEAR * np.delete(near, _beside(near)).max(initial=0.0):
                lag += int(np.argmax(near)) - reach
        found.append(lag / HOPS_PER_S)
    return np.array(found)


def _beside(near: Doubles) -> slice:
    top = int(np.argmax(near))
    return slice(max(top - EXCLUDED // 2, 0), top + EXCLUDED // 2)
