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

    Without their sign these are in the order of the numbers (IEEE 754), and whole numbers are compared side by side.
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


@inlined
def _form(error, match, p, m, ms, lags, out):  # type: ignore[no-untyped-def]
    """Sharpness of error and match, the share of the error that one wrong sample explains, and the width."""
    around = min(24, 2 * ms)
    out[0] = _energy(error, p - 4, p + 5) / (_energy(error, p - around, p + around + 1) + 1e-20)
    out[1] = _energy(match, m - 4, m + 5) / (_energy(match, m - around, m + around + 1) + 1e-20)
    out[2] = float(match[m]) * float(match[m]) / (_energy(error, m, m + lags) + 1e-20)
    out[3] = _width(error, p)


@inlined
def _sides(e, p, near, far):  # type: ignore[no-untyped-def]
    """Power after `e[p]` and before it, between `near` and `far` samples."""
    return _energy(e, p + near, p + far), _energy(e, p - far + 1, p - near + 1)


@inlined
def _levels(x, error, p, q, ms, out):  # type: ignore[no-untyped-def]
    """Changes of level and error over the place, whiteness beside it; returns the mean square of sound beside it."""
    after, before = _sides(error, p, max(1, ms * 6 // 10), 3 * ms)
    out[0] = _db(after, before)
    after, before = _sides(error, p, ms, 15 * ms)
    out[1], error_beside = _db(after, before), after + before
    after, before = _sides(x, q, ms, 15 * ms)
    out[2], out[3], beside = _db(after, before), _db(error_beside, after + before), after + before
    after, before = _sides(x, q, ms, 40 * ms)
    out[4] = _db(after, before)
    around = min(24, 2 * ms)
    out[5] = _db(_energy(error, p - around, p + around + 1), error_beside / (28 * ms) * (2 * around + 1))
    return beside / (28 * ms)


@compiled(
    "void(f4[::1], i8, f4[::1], f4[::1], f4[::1], f4[::1], f4[::1], i8[::1], UniTuple(i8, 4), f8, f8[::1],"
    " f8[:, ::1])"
)
def features(
    x: Any, begin: Any, error: Any, match: Any, powers: Any, peaks: Any, matched: Any, found: Any, sizes: Any,
    lsb: Any, t: Any, rows: Any,
) -> None:  # fmt: skip
    """What stands around each block of `found` (columns of the measure), which then become places in `error`.

    The error begins at `x[begin]`; `peaks` and `matched` are of their blocks. `sizes`: samples in a block, blocks on
    each side, lags, samples in a hop. `t` has room for two sides.
    """
    ms, side, lags, hop = sizes
    for n in range(len(found)):
        k, out = found[n], rows[n]
        p, m = _largest(error, (k - 1) * ms, (k + 2) * ms), _largest(match, (k - 1) * ms, (k + 2) * ms)
        peak, best, power = abs(error[p]), abs(match[m]), powers[m // hop]
        _stands(peak, peaks, k, side, lsb, t, out[0:6])
        _stands(best, matched, k, side, lsb, t, out[6:12])
        _form(error, match, p, m, ms, lags, out[12:16])
        beside = _levels(x, error, p, begin + p, ms, out[16:22])
        out[22], out[23] = _db(best * best / power, beside), _db(power, 1.0)
        out[24], out[25] = _db(max(peak, best) ** 2, 1.0), _db(beside, 1.0)
        out[26] = abs(float(x[_largest(x, begin + p - 10 * ms, begin + p + 10 * ms)]))
        found[n] = m if best >= peak else p
