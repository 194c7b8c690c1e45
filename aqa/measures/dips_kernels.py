"""Compiled kernels of `dips`; `tests/measures/test_dips.py` holds their naive twins.

Envelopes are mean squares of blocks of 1 ms in three bands: all, high and top. Windows are half-open and in blocks.
"""

import math

import numpy as np

from aqa.compiled import compiled, inlined

BANDS = 3
EDGE_MS = 8  # window on each side of an edge: a pitch period of most voices
RIVAL_MS = 3  # an edge is the steepest place within it
EDGE_RATIO = 4.0  # 6 dB
MOST_RATIO = 10**2.5  # 25 dB
ONSET_RATIO = 10.0  # 10 dB: a rise that is heard as an onset
QUIET = 1e-11  # -110 dBFS: below it there is no sound to dip
SHORTEST_MS, LONGEST_MS = 6, 600
NEAR_MS, FAR_MS = 15, 40  # levels beside a dip are taken 1 to 15 and 15 to 40 ms away
DEPTH = 10**0.7  # 7 dB: mean inside under both sides
HEADROOM = 1.4  # 1.5 dB: loudest 3 ms inside under both sides
PAIRS = 8  # falls tried for one rise


@compiled("void(f4[::1], f4[::1], f4[::1], f4[::1])")
def curve(x, once, twice, out):  # type: ignore[no-untyped-def]
    """The second difference of `x`, given `x` one and two lags earlier."""
    for i in range(len(out)):
        out[i] = (x[i] - once[i]) - (once[i] - twice[i])


@inlined
def energy(x):  # type: ignore[no-untyped-def]
    """Sum of squares, in eight sums: one would wait for each addition."""
    zero = np.float32(0)
    a, b, c, d, e, f, g, h = zero, zero, zero, zero, zero, zero, zero, zero
    for j in range(len(x) // 8):
        i = 8 * j
        a, b, c, d = a + x[i] ** 2, b + x[i + 1] ** 2, c + x[i + 2] ** 2, d + x[i + 3] ** 2
        e, f, g, h = e + x[i + 4] ** 2, f + x[i + 5] ** 2, g + x[i + 6] ** 2, h + x[i + 7] ** 2
    for i in range(len(x) // 8 * 8, len(x)):
        a += x[i] ** 2
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@compiled("void(f4[::1], i8, i8, i8, f4[::1])")
def powers(x, base, rate, first, out):  # type: ignore[no-untyped-def]
    """Mean square of blocks of 1 ms from `first` on; block k begins at sample floor(k rate / 1000), at any rate."""
    for k in range(len(out)):
        start, end = (first + k) * rate // 1000 - base, (first + k + 1) * rate // 1000 - base
        out[k] = energy(x[start:end]) / np.float32(end - start)


@compiled("void(f4[::1], i8, f8, i8[::1])")
def count_levels(power, offset, lowest, counts):  # type: ignore[no-untyped-def]
    """Count each eighth level of 0.5 dB from `lowest` on, from index `offset`."""
    for k in range(offset, len(power), 8):
        if power[k] > 10 ** (lowest / 10):
            counts[min(len(counts) - 1, int((10 * math.log10(power[k]) - lowest) * 2))] += 1


@inlined
def mean(env, band, start, end):  # type: ignore[no-untyped-def]
    """Mean power of blocks [start, end)."""
    total = 0.0
    for k in range(start, end):
        total += env[band, k]
    return total / (end - start)


@inlined
def decibels(power):  # type: ignore[no-untyped-def]
    """Power in dB, to a quarter: what is stored compresses well, and no threshold needs more."""
    return math.floor(40.0 * math.log10(power + 1e-13) + 0.5) / 4.0


@inlined
def level(env, band, start, end):  # type: ignore[no-untyped-def]
    """Mean power of blocks [start, end) in dB."""
    return decibels(mean(env, band, start, end))


@inlined
def extremes(env, band, start, end, width):  # type: ignore[no-untyped-def]
    """Least and largest mean power of `width` blocks in a row inside [start, end)."""
    least, largest = 1e30, 0.0
    for k in range(start, end - width + 1):
        power = mean(env, band, k, k + width)
        least, largest = min(least, power), max(largest, power)
    return least, largest


@compiled("void(f4[::1], f8[::1], f8[::1])")
def steps(power, sums, out):  # type: ignore[no-untyped-def]
    """Mean power of the 8 blocks from each block on over that of the 8 before it; 1 where either is incomplete.

    More than 25 dB counts as 25: else the edge would be where what is faint dies away, not where sound breaks off.
    """
    for k in range(len(power)):
        out[k], sums[k] = 1.0, QUIET * EDGE_MS
        for j in range(k, min(k + EDGE_MS, len(power))):
            sums[k] += power[j]
    for k in range(EDGE_MS, len(power) - EDGE_MS + 1):
        out[k] = min(MOST_RATIO, max(1.0 / MOST_RATIO, sums[k] / sums[k - EDGE_MS]))


@inlined
def is_rise(step, k):  # type: ignore[no-untyped-def]
    """Whether the level rises by 6 dB at block `k`, and by no more within 3 blocks (the last of equals)."""
    if step[k] < EDGE_RATIO:
        return False
    for j in range(k - RIVAL_MS, k + RIVAL_MS + 1):  # noqa: SIM110 - a kernel has no generators
        if step[j] > step[k] or (step[j] == step[k] and j > k):
            return False
    return True


@inlined
def is_fall(step, k):  # type: ignore[no-untyped-def]
    """Whether the level falls by 6 dB at block `k`, and by no more within 3 blocks (the first of equals)."""
    if step[k] * EDGE_RATIO > 1.0:
        return False
    for j in range(k - RIVAL_MS, k + RIVAL_MS + 1):  # noqa: SIM110 - a kernel has no generators
        if step[j] < step[k] or (step[j] == step[k] and j < k):
            return False
    return True


@compiled("i8(f4[:, ::1], f8[::1], i8, i8, i8[:, ::1], i8[::1])")
def boxes(env, step, lo, hi, spans, rises):  # type: ignore[no-untyped-def]
    """Pairs of a fall and a rise [lo, hi) with a dip between; rows (start, end) into `spans`; returns how many.

    `rises` takes 1 where a block is an onset. Blocks from `lo` - 644 to `hi` + 44 must be there, or none before the
    first of `env`, where media begins.
    """
    count = 0
    for end in range(max(lo, FAR_MS), hi):
        rises[end] = 0
        if not is_rise(step, end):
            continue
        rises[end] = step[end] >= ONSET_RATIO
        count = pair(env, step, end, spans, count)
    return count


@inlined
def pair(env, step, end, spans, count):  # type: ignore[no-untyped-def]
    """The falls that make a dip with the rise at `end`, nearest first; returns the new count."""
    after, most, tried = mean(env, 0, end + 1, end + 1 + NEAR_MS), 0.0, 0
    total = 0.0
    for start in range(end - 3, max(end - LONGEST_MS, FAR_MS + RIVAL_MS + 1) - 1, -1):
        total += env[0, start + 1]
        if start + 3 < end:
            most = max(most, mean(env, 0, start + 1, start + 4))
        if most * HEADROOM > after or tried == PAIRS or count == len(spans):
            return count
        if end - start < SHORTEST_MS or not is_fall(step, start):
            continue
        before, inside = mean(env, 0, start - NEAR_MS - 1, start - 1), total / (end - 2 - start)
        if before >= most * HEADROOM and before >= inside * DEPTH and after >= inside * DEPTH:
            spans[count, 0], spans[count, 1] = start, end
            count, tried = count + 1, tried + 1
    return count


@compiled("void(f4[:, ::1], i8[:, ::1], i8, f4[:, ::1])")
def features(env, spans, count, out):  # type: ignore[no-untyped-def]
    """What `dips.COLUMNS` names, of each box."""
    for i in range(count):
        start, end = spans[i, 0], spans[i, 1]
        out[i, 0] = end - start
        at = bands(env, start, end, out[i], 1)
        at = edges(env, start, end, out[i], at)
        shape(env, start, end, out[i], at)


@inlined
def bands(env, start, end, row, at):  # type: ignore[no-untyped-def]
    """Levels of each band inside, near before and after, and far before and after."""
    for band in range(BANDS):
        row[at] = level(env, band, start + 2, end - 2)
        row[at + 1] = level(env, band, start - NEAR_MS - 1, start - 1)
        row[at + 2] = level(env, band, end + 1, end + NEAR_MS + 1)
        row[at + 3] = level(env, band, start - FAR_MS - 1, start - NEAR_MS - 1)
        row[at + 4] = level(env, band, end + NEAR_MS + 1, end + FAR_MS + 1)
        at += 5
    return at


@inlined
def edges(env, start, end, row, at):  # type: ignore[no-untyped-def]
    """Of each band: steps over 2 and 4 ms at both ends, and the loudest ms at each end over those of its outside."""
    for band in range(BANDS):
        row[at] = level(env, band, start - 3, start - 1) - level(env, band, start + 1, start + 3)
        row[at + 1] = level(env, band, end + 1, end + 3) - level(env, band, end - 3, end - 1)
        row[at + 2] = level(env, band, start - 5, start - 1) - level(env, band, start + 1, start + 5)
        row[at + 3] = level(env, band, end + 1, end + 5) - level(env, band, end - 5, end - 1)
        _, click = extremes(env, band, start - 1, start + 2, 1)
        _, other = extremes(env, band, start - 12, start - 1, 1)
        row[at + 4] = decibels(click) - decibels(other)
        _, click = extremes(env, band, end - 1, end + 2, 1)
        _, other = extremes(env, band, end + 2, end + 13, 1)
        row[at + 5] = decibels(click) - decibels(other)
        at += 6
    return at


@inlined
def shape(env, start, end, row, at):  # type: ignore[no-untyped-def]
    """How level runs inside and beside: extremes of 2 ms inside (all and high), its two ends, and unrest beside."""
    for band in range(2):
        least, largest = extremes(env, band, start + 2, end - 2, 2)
        row[at], row[at + 1] = decibels(least), decibels(largest)
        at += 2
    ends = min(8, end - start - 4)
    row[at] = level(env, 0, start + 2, start + 2 + ends)
    row[at + 1] = level(env, 0, end - 2 - ends, end - 2)
    least, largest = extremes(env, 0, start - NEAR_MS - 1, start - 1, 2)
    row[at + 2], row[at + 3] = decibels(least), decibels(largest)
    least, largest = extremes(env, 0, end + 1, end + NEAR_MS + 1, 2)
    row[at + 4], row[at + 5] = decibels(least), decibels(largest)
