"""The compiled kernels of `aqa.measures.whitening`; `tests/measures/test_whitening.py` holds naive twins.

Where sums may be taken in any order, each is of one length in one hop, so that where chunks are cut can't change a
bit.
"""

from typing import Any

import numpy as np

from aqa.compiled import compiled, inlined

EMPHASIS = 0.95
NOISE = 1e-6  # of the power: float32's own errors must not be predicted
SILENT = 1e-14  # mean square: below half a step of 24 bits nothing is predicted


@compiled("void(f4[::1], f4[::1])")
def emphasised(x: Any, out: Any) -> None:
    """`x[n] - 0.95 x[n - 1]`, one sample shorter."""
    weight = np.float32(EMPHASIS)
    for i in range(len(out)):
        out[i] = x[i + 1] - weight * x[i]


@compiled("void(f4[::1], i8, i8, f4[::1], f4[::1], f8[:, ::1])", any_order=True)
def correlations(y: Any, first: Any, hop: Any, window: Any, buffer: Any, out: Any) -> None:
    """Autocorrelation `out[k, h]` of the windows that begin at `y[first + h hop]`; lags in fours.

    `buffer` holds a window and as many zeros as there are lags.
    """
    size, lags, hops = len(window), out.shape[0], out.shape[1]
    for h in range(hops):
        source = y[first + h * hop : first + h * hop + size]
        for i in range(size):
            buffer[i] = source[i] * window[i]
        for k in range(0, lags, 4):
            a = b = c = d = np.float32(0.0)
            ahead = buffer[k : k + size + 3]
            for i in range(size):
                a += buffer[i] * ahead[i]
                b += buffer[i] * ahead[i + 1]
                c += buffer[i] * ahead[i + 2]
                d += buffer[i] * ahead[i + 3]
            out[k, h], out[k + 1, h], out[k + 2, h], out[k + 3, h] = a, b, c, d


@inlined
def _squares(a, out):  # type: ignore[no-untyped-def]
    """Adds to `out[h]` the squares of `a[1:, h]`."""
    for k in range(1, len(a)):
        for h in range(len(out)):
            out[h] += a[k, h] * a[k, h]


@compiled("void(f8[:, ::1], f8, f8[:, ::1], f8[:, ::1], f8[:, ::1])")
def predictors(r: Any, least: float, a: Any, t: Any, work: Any) -> None:
    """Predictors `a[:, h]` of autocorrelations `r[:, h]`, all hops side by side; power up to `least`: none.

    `work` is (3, hops): error of prediction, reflection, and at the end the sum of the squares of `a`.
    """
    lags, hops = r.shape
    for h in range(hops):
        a[0, h], work[0, h], work[2, h] = 1.0, max(r[0, h], least) * (1.0 + NOISE), 1.0
    for i in range(1, lags):
        for h in range(hops):
            work[1, h] = r[i, h]
        for j in range(1, i):
            for h in range(hops):
                work[1, h] += a[j, h] * r[i - j, h]
        for h in range(hops):
            work[1, h] = -work[1, h] / work[0, h] if r[0, h] > least else 0.0
            work[0, h] *= 1.0 - work[1, h] * work[1, h]
        for j in range(1, i):
            for h in range(hops):
                t[j, h] = a[j, h] + work[1, h] * a[i - j, h]
        for j in range(1, i):
            for h in range(hops):
                a[j, h] = t[j, h]
        for h in range(hops):
            a[i, h] = work[1, h]
    _squares(a, work[2])


@inlined
def _weighted(y, at, step, count, weights, out):  # type: ignore[no-untyped-def]
    """`out[i]` = sum over k of weights[k] y[at + i + step k]; eight weights at a time: one store for all."""
    for i in range(count):
        out[i] = np.float32(0.0)
    for k in range(0, len(weights), 8):
        n = at + step * k
        a, b, c, d = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        e, f, g, h = weights[k + 4], weights[k + 5], weights[k + 6], weights[k + 7]
        y0, y1, y2, y3 = y[n:], y[n + step :], y[n + 2 * step :], y[n + 3 * step :]
        n += 4 * step
        y4, y5, y6, y7 = y[n:], y[n + step :], y[n + 2 * step :], y[n + 3 * step :]
        for i in range(count):
            half = (a * y0[i] + b * y1[i]) + (c * y2[i] + d * y3[i])
            out[i] += half + ((e * y4[i] + f * y5[i]) + (g * y6[i] + h * y7[i]))


@compiled("void(f4[::1], i8, i8, f8[:, ::1], f8[:, ::1], f4[:, ::1], f4[::1], f4[::1])", any_order=True)
def filtered(y: Any, first: Any, hop: Any, a: Any, work: Any, scratch: Any, error: Any, match: Any) -> None:
    """Error of prediction of each hop, and the error run backwards through the same filter, weights of power 1.

    `y[first]` is where the first hop begins; lags in eights; `scratch` is (2, hop + lags).
    """
    lags, hops = a.shape
    ahead, weights = scratch[0], scratch[1][:lags]
    for h in range(hops):
        start, scale = h * hop, np.float32(1.0 / np.sqrt(work[2, h]))
        for k in range(lags):
            weights[k] = np.float32(a[k, h])
        _weighted(y, first + start, -1, hop + lags, weights, ahead)
        for i in range(hop):
            error[start + i] = ahead[i]
        for k in range(lags):
            weights[k] *= scale
        _weighted(ahead, 0, 1, hop, weights, match[start : start + hop])
