"""The compiled kernels of `aqa.measures.discontinuity`; `tests/measures/test_broken_waves.py` holds naive twins.

No reduction is left to the compiler's order, so that where chunks are cut can't change a bit.
"""

import math
from typing import Any

import numpy as np

from aqa.compiled import compiled, inlined


@compiled("void(i4[::1], i8, i4[::1])")
def block_peaks(bits: Any, size: int, out: Any) -> None:
    """Largest magnitude of each block of `size` samples, all as the bits of float32.

    Without their sign these are in the order of the numbers (IEEE 754), and whole numbers may be compared side by side.
    """
    for k in range(len(out)):
        block, most = bits[k * size : (k + 1) * size], np.int32(0)
        for i in range(size):
            most = max(most, block[i] & np.int32(0x7FFFFFFF))
        out[k] = most


@compiled("i8(f4[::1], i8, f8, f8, f8, b1[::1])")
def stand_out(peak: Any, side: int, floor: float, least: float, isolation: float, found: Any) -> int:
    """Blocks whose peak stands out of the `side` blocks on each side, next neighbours left out; returns how many.

    Out of their mean `least` times, and `isolation` times out of their largest. The running sum of float32 in
    float64 is exact while peaks lie within 2^29 of each other, so it does not matter where it began.
    """
    count, total = 0, 0.0
    for k in range(2 * side):
        total += peak[k]
    for k in range(side, len(peak) - side):
        total += peak[k + side]
        mean = (total - peak[k - 1] - peak[k] - peak[k + 1]) / (2 * side - 2) + floor
        if peak[k] > least * mean and peak[k] > peak[k - 1] and peak[k] >= peak[k + 1]:
            largest = floor
            for j in range(2, side + 1):
                largest = max(largest, peak[k - j], peak[k + j])
            if peak[k] > isolation * largest:
                found[k] = True
                count += 1
        total -= peak[k - side]
    return count


@inlined
def _energy(e, lo, hi):  # type: ignore[no-untyped-def]
    """Sum of squares of `e[lo:hi]`."""
    total = 0.0
    for i in range(lo, hi):
        total += float(e[i]) * float(e[i])
    return total


@inlined
def _db(power, of):  # type: ignore[no-untyped-def]
    """Ratio of powers in dB, kept from infinity by what 32 bits can't tell from nothing."""
    return 10.0 * math.log10((power + 1e-20) / (of + 1e-20))


@inlined
def _largest(e, lo, hi):  # type: ignore[no-untyped-def]
    """Index of the largest magnitude of `e[lo:hi]`."""
    p = lo
    for i in range(lo, hi):
        if abs(e[i]) > abs(e[p]):
            p = i
    return p


@inlined
def _width(e, p):  # type: ignore[no-untyped-def]
    """Samples around `e[p]` that stay above a quarter of it, 40 a side at most."""
    first = last = p
    while first > p - 40 and abs(e[first - 1]) > 0.25 * abs(e[p]):
        first -= 1
    while last < p + 40 and abs(e[last + 1]) > 0.25 * abs(e[p]):
        last += 1
    return last - first + 1


@inlined
def _stands(value, peaks, k, side, floor, t, out):  # type: ignore[no-untyped-def]
    """How far `value` stands out of the peaks of blocks around block `k`, in dB, six figures.

    Of the 93rd percentile, the median, the largest within a third of `side`, of all, of those before and after.
    """
    count, near, before, after = 0, floor, floor, floor
    for j in range(2, side + 1):
        for n in (k - j, k + j):
            one = peaks[n]
            if 3 * j <= side:
                near = max(near, one)
            if n < k:
                before = max(before, one)
            else:
                after = max(after, one)
            at = count
            while at > 0 and t[at - 1] > one:
                t[at] = t[at - 1]
                at -= 1
            t[at] = one
            count += 1
    out[0] = _db(value * value, (t[count * 93 // 100] + floor) ** 2)
    out[1] = _db(value * value, (t[count // 2] + floor) ** 2)
    out[2], out[3] = _db(value * value, near * near), _db(value * value, max(before, after) ** 2)
    out[4], out[5] = _db(value * value, before * before), _db(value * value, after * after)


@compiled("i8(f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], i8[::1], f8, f8[::1], f8[::1])")
def features(
    x: Any, error: Any, match: Any, powers: Any, peaks: Any, matched: Any, at: Any, lsb: float, t: Any, out: Any
) -> int:
    """What stands around one block (columns of the measure); its place in `error`.

    `at`: the block, samples in one, blocks on each side, lags, samples in a hop, and where in `x` the error begins.
    `peaks` and `matched` are those of blocks of the error and the match; `t` has room for two sides.
    """
    k, ms, side, lags, hop, begin = at[0], at[1], at[2], at[3], at[4], at[5]
    p = _largest(error, (k - 1) * ms, (k + 2) * ms)
    m = _largest(match, (k - 1) * ms, (k + 2) * ms)
    peak, best = abs(error[p]), abs(match[m])
    _stands(peak, peaks, k, side, lsb, t, out[0:6])
    _stands(best, matched, k, side, lsb, t, out[6:12])
    around = min(24, 2 * ms)
    burst, short = _energy(error, p - 4, p + 5), _energy(error, p - around, p + around + 1)
    out[12] = burst / (short + 1e-20)
    out[13] = _energy(match, m - 4, m + 5) / (_energy(match, m - around, m + around + 1) + 1e-20)
    out[14] = best * best / (_energy(error, m, m + lags) + 1e-20)
    out[15] = _width(error, p)
    after, before = _energy(error, p + max(1, ms * 6 // 10), p + 3 * ms), _energy(error, p - 3 * ms + 1, p - max(1, ms * 6 // 10) + 1)
    out[16] = _db(after, before)
    after, before = _energy(error, p + ms, p + 15 * ms), _energy(error, p - 15 * ms + 1, p - ms + 1)
    out[17] = _db(after, before)
    wide = after + before
    q = begin + p
    after, before = _energy(x, q + ms, q + 15 * ms), _energy(x, q - 15 * ms + 1, q - ms + 1)
    out[18] = _db(after, before)
    out[19] = _db(wide, after + before)
    out[20] = _db(_energy(x, q + ms, q + 40 * ms), _energy(x, q - 40 * ms + 1, q - ms + 1))
    out[21] = _db(best * best / powers[m // hop], (after + before) / (28 * ms))
    out[22] = _db(powers[m // hop], 1.0)
    out[23] = _db(max(peak, best) ** 2, 1.0)
    out[24] = _db((after + before) / (28 * ms), 1.0)
    out[25] = abs(float(x[begin + _largest(x[begin:], p - 10 * ms, p + 10 * ms)]))
    out[26] = _db(short, wide / (28 * ms) * (2 * around + 1))
    return m if best >= peak else p
