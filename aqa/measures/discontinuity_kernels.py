"""The compiled kernels of `aqa.measures.discontinuity`; `tests/measures/test_broken_waves.py` holds naive twins.

No reduction is left to the compiler's order, so that where chunks are cut can't change a bit.
"""

import math
from typing import Any

import numpy as np

from aqa.compiled import compiled, inlined


@compiled("void(f4[::1], f4[::1])")
def sixth_difference(x: Any, out: Any) -> None:
    """|sixth difference| of `x`, six samples shorter: binomial weights 1, 6, 15, 20, 15, 6, 1, signs in turn."""
    for i in range(len(out)):  # from 0 on alone: else each index is asked whether it counts from the end
        outer, inner = (x[i] + x[i + 6]) - 6 * (x[i + 1] + x[i + 5]), 15 * (x[i + 2] + x[i + 4]) - 20 * x[i + 3]
        out[i] = abs(outer + inner)


@compiled("void(f4[::1], i8, f4[::1])")
def block_peaks(x: Any, size: int, out: Any) -> None:
    """Largest value, none below 0, of each block of `size` samples of `x`."""
    at = 0
    for k in range(len(out)):
        a = b = c = d = np.float32(0.0)  # four at a time: one maximum waits for the one before
        for i in range(at, at + size - 3, 4):
            a, b = max(a, x[i]), max(b, x[i + 1])
            c, d = max(c, x[i + 2]), max(d, x[i + 3])
        for i in range(at + size // 4 * 4, at + size):
            a = max(a, x[i])
        out[k] = max(a, b, c, d)
        at += size


@compiled("i8(f4[::1], i8, f8, f8, f8, i8[::1], f8[:, ::1])")
def stand_out(peak: Any, side: int, floor: float, least: float, isolation: float, found: Any, ratios: Any) -> int:
    """Blocks whose peak stands out of the `side` blocks on each side, next neighbours left out; returns how many.

    `ratios` gets the peak over the mean of the others, and over their largest. The running sum of float32 in
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
                found[count], ratios[count, 0], ratios[count, 1] = k, peak[k] / mean, peak[k] / largest
                count += 1
        total -= peak[k - side]
    return count


@inlined
def _predictor(x, at, window, order, r, a, t, buffer):  # type: ignore[no-untyped-def]
    """Linear predictor around `x[at]`: autocorrelation of the window, Levinson's recursion."""
    size = len(window)
    for i in range(size):
        buffer[i] = x[at - size // 2 + i] * window[i]
    for k in range(order + 1):
        r[k] = 0.0
    for i in range(size):
        value = buffer[i]
        for k in range(order + 1):
            r[k] += value * buffer[i + k]
    for k in range(order + 1):
        a[k] = 0.0
    a[0], error = 1.0, r[0] * (1.0 + 1e-9) + 1e-12
    for i in range(1, order + 1):
        total = r[i]
        for j in range(1, i):
            total += a[j] * r[i - j]
        k = -total / error
        for j in range(1, i):
            t[j] = a[j] + k * a[i - j]
        for j in range(1, i):
            a[j] = t[j]
        a[i] = k
        error *= 1.0 - k * k


@inlined
def _filter(x, lo, size, order, a, e, at):  # type: ignore[no-untyped-def]
    """Prediction error of `x[lo:lo + size]` into `e[at:]`."""
    for i in range(size):
        e[at + i] = x[lo + i]
    for k in range(1, order + 1):
        weight = a[k]
        for i in range(size):
            e[at + i] += weight * x[lo + i - k]


@inlined
def _energy(e, lo, hi):  # type: ignore[no-untyped-def]
    """Sum of squares of `e[lo:hi]`."""
    total = 0.0
    for i in range(lo, hi):
        total += float(e[i]) * float(e[i])
    return total


@inlined
def _explained(e, p, order, a):  # type: ignore[no-untyped-def]
    """Share of the error's energy from `e[p]` on that one wrong sample leaves: its error is the predictor itself."""
    along, norm, total = 0.0, 0.0, 1e-20
    for k in range(order + 1):
        along += e[p + k] * a[k]
        norm += a[k] * a[k]
        total += e[p + k] * e[p + k]
    return along * along / norm / total


@inlined
def _others(e, p, ms, sides, blocks):  # type: ignore[no-untyped-def]
    """Peaks of the 1-ms blocks on both sides of `e[p]`, next neighbours left out, in order of size."""
    count = 0
    for j in range(1, sides + 1):
        for lo in (p + ms * j, p - ms * (j + 1)):
            largest = 0.0
            for i in range(lo, lo + ms):
                largest = max(largest, abs(e[i]))
            at = count
            while at > 0 and blocks[at - 1] > largest:
                blocks[at] = blocks[at - 1]
                at -= 1
            blocks[at] = largest
            count += 1
    return count


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
def _sides(e, p, near, far):  # type: ignore[no-untyped-def]
    """RMS of the error after `e[p]` over that before it, between `near` and `far` samples."""
    after, before = _energy(e, p + near, p + far), _energy(e, p - far + 1, p - near + 1)
    return math.sqrt((after + 1e-12) / (before + 1e-12))


@compiled("i8(f4[::1], i8, i8, i8, f8, f8[::1], f8[:, ::1], f8[::1])")
def features(x: Any, c: int, ms: int, order: int, lsb: float, window: Any, scratch: Any, out: Any) -> int:
    """What the prediction error around `x[c]` says (columns of the measure); its place in `x`, or -1: none.

    Predictors every half window, seven of them. `scratch` is (5, 4 windows): error, window, and three short ones.
    """
    e, buffer, r, a, t = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    hop = len(window) // 2
    start, middle = c - hop // 2 - 3 * hop, hop // 2 + 3 * hop
    _predictor(x, c, window, order, r, a, t, buffer)
    _filter(x, start + 3 * hop, hop, order, a, e, 3 * hop)
    p = middle - 2 * ms
    for i in range(middle - 2 * ms, middle + ms + 1):
        if abs(e[i]) > abs(e[p]):
            p = i
    around = min(24, 2 * ms)
    out[2] = _energy(e, p - 4, p + 5) / (_energy(e, p - around, p + around + 1) + 1e-20)
    out[11] = _explained(e, p, order, a)
    if out[2] < 0.5:
        return -1
    for k in (-3, -2, -1, 1, 2, 3):
        _predictor(x, c + k * hop, window, order, r, a, t, buffer)
        _filter(x, start + (k + 3) * hop, hop, order, a, e, (k + 3) * hop)
    count = _others(e, p, ms, 30, t)
    peak, q = abs(e[p]), start + p
    out[0], out[1] = peak / (t[count * 93 // 100] + lsb), peak / (t[count - 1] + lsb)
    out[3], out[4], out[5] = _sides(e, p, max(1, ms * 6 // 10), 3 * ms), _sides(e, p, ms, 15 * ms), _width(e, p)
    after, before = _energy(x, q + ms, q + 15 * ms), _energy(x, q - 15 * ms + 1, q - ms + 1)
    out[6] = 10.0 * math.log10((after + 1e-12) / (before + 1e-12))
    out[7] = 20.0 * math.log10(peak + 1e-10)
    out[8] = 10.0 * math.log10((after + before) / (28 * ms) + 1e-20)
    top = 0.0
    for i in range(q - 10 * ms, q + 10 * ms):
        top = max(top, abs(float(x[i])))
    out[12] = top
    return q
