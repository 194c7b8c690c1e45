"""Small numbers about many values: quantiles, and how much of intervals falls into each bin of time."""

from collections.abc import Sequence

import numpy as np

from aqa.compiled import compiled
from aqa.model import Doubles, Ints


def quantiles(values: Doubles, shares_pct: Sequence[float]) -> list[float]:
    """Quantiles by linear interpolation (numpy's default); `values`, at least one, may not hold NaN.

    By sorting once, which is three times faster than np.percentile's partition at several ranks.
    """
    ordered = np.sort(values)
    rank = np.asarray(shares_pct) / 100 * (len(ordered) - 1)
    below = rank.astype(np.int64)
    above = np.minimum(below + 1, len(ordered) - 1)
    found: list[float] = (ordered[below] + (ordered[above] - ordered[below]) * (rank - below)).tolist()
    return found


@compiled("void(float64[::1], float64[::1], float64, int64, float64[::1])")
def _spread_kernel(start, end, width, low, out):  # type: ignore[no-untyped-def]
    for i in range(len(start)):
        first = int(np.floor(start[i] / width)) - low
        last = int(np.floor(end[i] / width)) - low
        for at in range(max(first, 0), min(last, len(out) - 1) + 1):
            part = min(end[i], (at + low + 1) * width) - max(start[i], (at + low) * width)
            if part > 0.0:
                out[at] += part


def spread(start_s: Doubles, end_s: Doubles, width_s: float, low: int, size: int) -> Doubles:
    """Seconds of the intervals in each of `size` bins of `width_s`, the first of which is bin `low` from 0 s."""
    out = np.zeros(size)
    _spread_kernel(np.ascontiguousarray(start_s), np.ascontiguousarray(end_s), width_s, low, out)
    return out


@compiled("void(float64[::1], int64[::1], float64, int64, float64[::1], int64[::1])")
def _tally_kernel(when_s, length_ns, per_s, low, length_s, count):  # type: ignore[no-untyped-def]
    for i in range(len(when_s)):
        if not np.isnan(when_s[i]):
            at = min(int(np.floor(when_s[i] * per_s)) - low, len(count) - 1)
            length_s[at] += length_ns[i] * 1e-9
            count[at] += 1


def tally(when_s: Doubles, length_ns: Ints, width_s: float, most: int) -> tuple[int, Doubles, Ints] | None:
    """Seconds of what lies at `when_s`, and how many there are, by bins of `width_s`; NaN: nowhere.

    The first bin (counted from 0 s), then both with one value per bin; the last of `most` + 1 bins takes all that
    comes later. None where there is nothing.
    """
    first_s, last_s = float(np.fmin.reduce(when_s)), float(np.fmax.reduce(when_s))
    if np.isnan(first_s):
        return None
    low = int(np.floor(first_s * (1 / width_s)))
    size = min(int(np.floor(last_s * (1 / width_s))) - low, most) + 1
    length_s, count = np.zeros(size), np.zeros(size, np.int64)
    _tally_kernel(when_s, length_ns, 1 / width_s, low, length_s, count)
    return low, length_s, count
