"""How fast the sender's clock runs against that of the log: the slope of the least delayed packets."""

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled, int64, uint64
from aqa.model import Doubles
from aqa.stream_model import Stream

MAX_BEND_S = 0.005  # between a half and the whole: the hull's own error is under 1 ms, queues that move are not
BLOCK = 32  # points: with more, more lie under the line; with fewer, there are more lines
MIN_SKEW_SPAN_S = 10.0  # over less, 1 ms of jitter alone reads as 100 ppm


@compiled("int64(float64[::1], float64[::1], int64, int64[::1], int64[::1])")
def _hull_kernel(x, y, size, least, hull):  # type: ignore[no-untyped-def]
    """Lower convex hull (Andrew's monotone chain) of points ordered by x: indices into `hull`, their number.

    Nearly all points are passed over at once: they lie above the line between the least of the block of `size` points
    before theirs and that of the block after it.
    """
    n = 0
    for b in range(len(least)):
        lowest = uint64(b * size)
        for i in range(lowest, uint64(min((b + 1) * size, len(x)))):
            if y[i] < y[lowest]:
                lowest = i
        least[b] = lowest
    for b in range(len(least)):
        inside = 0 < b < len(least) - 1
        before, after = (uint64(least[b - 1]), uint64(least[b + 1])) if inside else (uint64(0), uint64(0))
        x_before, y_before, kept = x[before], y[before], uint64(least[b])
        run, rise = x[after] - x_before, y[after] - y_before
        for i in range(uint64(b * size), uint64(min((b + 1) * size, len(x)))):
            if inside and (y[i] - y_before) * run >= rise * (x[i] - x_before) and i != kept:
                continue
            if n and x[i] == x[hull[n - 1]]:
                if y[i] >= y[hull[n - 1]]:
                    continue
                n -= 1
            while n >= 2 and (x[hull[n - 1]] - x[hull[n - 2]]) * (y[i] - y[hull[n - 2]]) <= (
                y[hull[n - 1]] - y[hull[n - 2]]
            ) * (x[i] - x[hull[n - 2]]):
                n -= 1
            hull[n] = i
            n += 1
    return n


def lower_hull(x: Doubles, y: Doubles) -> NDArray[np.int64]:
    """Indices of the points on the lower convex hull; `x` must not fall."""
    hull, least = np.empty(len(x), np.int64), np.empty(-(-len(x) // BLOCK), np.int64)
    return hull[: _hull_kernel(x, y, BLOCK, least, hull)]


def skew_ppm(stream: Stream) -> float | None:
    """Slope of arrival time against media time, less one, in ppm: negative when the sender's clock runs fast.

    None where the longest stretch with a clock spans less than 10 s, where times of arrival are unknown, and where
    `floor_slope` gives none.
    """
    points = _delay_points(stream)
    slope = None if points is None else floor_slope(*points)
    return slope * 1e6 if slope is not None else None


def floor_slope(x: Doubles, y: Doubles) -> float | None:
    """How fast delays `y` (s) rise over time `x` (s, from 0, never falling) by the two clocks alone.

    The slope of the lower hull's edge under the middle of the points (Moon, Skelly, Towsley 1999): queueing only
    ever adds delay, so the least delayed packets show the clocks. None where the halves say something else than the
    whole: then the delay has changed its level (a new route, a queue that never emptied), which no slope tells from
    clocks.
    """
    middle = int(np.searchsorted(x, x[-1] / 2))
    halves = [lower_hull(x[:middle], y[:middle]), middle + lower_hull(x[middle:], y[middle:])]
    both = np.concatenate(halves)
    sums = [float(x[:middle].sum()), float(x[middle:].sum())]
    whole = _slope_at(both[lower_hull(x[both], y[both])], x, y, sum(sums) / len(x))
    for hull, half, total in zip(halves, (x[:middle], x[middle:]), sums, strict=True):
        if whole is None or len(half) < 2:
            return None
        part = _slope_at(hull, x, y, total / len(half))
        if part is not None and abs(part - whole) * float(half[-1] - half[0]) > MAX_BEND_S:
            return None
    return whole


@compiled("int64(int64[::1], float64[::1], int32[::1], boolean[::1], float64[::1], float64[::1])")
def _points_kernel(arrival_ns, media, stretch, auxiliary, x, y):  # type: ignore[no-untyped-def]
    """As `_delay_points` for a single stretch whose media time never falls: how many; -1 where it is not so."""
    n = first = uint64(0)
    for i in range(uint64(0), uint64(len(media))):
        if auxiliary[i] or not np.isfinite(media[i]):
            continue
        if n == 0:
            first = i
        if stretch[i] != stretch[first]:
            return -1
        x[n] = media[i] - media[first]
        if n > 0 and x[n] < x[n - uint64(1)]:
            return -1
        y[n] = (arrival_ns[i] - arrival_ns[first]) * 1e-9 - x[n]
        n += uint64(1)
    return int64(n)


def _delay_points(stream: Stream) -> tuple[Doubles, Doubles] | None:
    """Media time and delay of the longest stretch with a clock, ordered by media time, both from 0; seconds."""
    media = stream.media_s
    x, y = np.empty(len(media)), np.empty(len(media))
    n = _points_kernel(stream.arrival_ns, media, stream.stretch, stream.auxiliary, x, y) if stream.timed else 0
    if n >= 0:
        return (x[:n], y[:n]) if n > 0 and x[n - 1] >= MIN_SKEW_SPAN_S else None
    good = np.isfinite(media) & ~stream.auxiliary & stream.timed
    if not good.any():
        return None
    longest = np.bincount(stream.stretch[good]).argmax()
    good &= stream.stretch == longest
    order = np.argsort(media[good], kind="stable")
    x, arrival = media[good][order], stream.arrival_ns[good][order]
    y = (arrival - arrival[0]) * 1e-9
    if x[-1] - x[0] < MIN_SKEW_SPAN_S:
        return None
    x = x - x[0]
    return x, np.asarray(y - x, np.float64)  # the delay itself: slopes near zero keep their digits


def _slope_at(hull: NDArray[np.int64], x: Doubles, y: Doubles, middle: float) -> float | None:
    """Slope of the hull's edge under `middle`; `hull` are indices into `x` and `y`."""
    edge = min(max(int(np.searchsorted(x[hull], middle)), 1), len(hull) - 1)
    if edge < 1:
        return None
    before, after = hull[edge - 1], hull[edge]
    run = float(x[after] - x[before])
    return float(y[after] - y[before]) / run if run > 0 else None
