"""What made-up sound looks like, every 5 ms: how well it repeats, how it decays, how its spectrum stands still.

The sound comes in at a low rate, flattened by `z[n] = y[n] - 0.9 y[n - 1]`. A window is one hop and the one before.
`tests/measures/test_concealment.py` holds the naive twins.
"""

import math

import numpy as np

from aqa.compiled import compiled, inlined
from aqa.measures.concealment_peaks import peaks
from aqa.model import Doubles

COLUMNS = ("level_db", "high_db", "repeat_db", "lag_ms", "decay_db", "flux", "loud_db", "repeat_mean_db", "flux_mean",
           "lar1", "lar2", "lar3", "lar4", "lar5", "lar6",
           "whole_alike_db", "middle_alike_db", "top_alike_db", "fine_lag_ms", "middle_db", "top_db",
           "middle_mean_db")  # fmt: skip
"""What stands in a row, in order; from `whole_alike_db` on by `concealment_fine`."""
LEVEL, HIGH, REPEAT, LAG, DECAY, FLUX, LOUD, REPEAT_MEAN, FLUX_MEAN, LAR = range(10)
ALIKE, FINE_LAG, BAND, MIDDLE_MEAN = 15, 18, 19, 21
ORDER = 6  # of the linear prediction whose log area ratios (Viswanathan and Makhoul 1975) tell spectra apart
STATE = 3  # running loudness, mean repetition, mean flux
HISTORY = 2  # rows before the first: flux is against the last window that shares no sample
QUIET_DB = 40.0  # a hop that far below the running loudness is no sound that could be missed
SILENT_DB = -100.0  # below it there is no sound at all
FADE_DB = 0.02  # a hop: running loudness falls 4 dB a second
FLATTEN = 0.9
MEAN_HOPS = 100  # running means forget in half a second


def _sinc() -> Doubles:
    """Weights (6, 9) of nine values of a band-limited series, for its value a quarter to three quarters away."""
    apart = np.arange(-4, 5) - np.array([-3, -2, -1, 1, 2, 3])[:, None] / 4
    return np.asarray(np.sinc(apart) * (0.5 + 0.5 * np.cos(np.pi * apart / 5)))


SINC = _sinc()


@inlined
def _db(power, floor):  # type: ignore[no-untyped-def]
    """Power in dB, not below `floor`."""
    return max(10.0 * math.log10(power), floor) if power > 0.0 else floor


@inlined
def _products(z, start, end, far, count, acc):  # type: ignore[no-untyped-def]
    """`acc[m]` = sum over n of z[n] z[n - far + m], for m < count: four samples at a time, all lags side by side."""
    for m in range(count):
        acc[m] = np.float32(0.0)
    at = start
    while at + 4 <= end:
        a, b, c, d = z[at], z[at + 1], z[at + 2], z[at + 3]
        past = z[at - far : at - far + count + 3]
        for m in range(count):
            acc[m] += (a * past[m] + b * past[m + 1]) + (c * past[m + 2] + d * past[m + 3])
        at += 4
    while at < end:
        a = z[at]
        past = z[at - far : at - far + count]
        for m in range(count):
            acc[m] += a * past[m]
        at += 1


@inlined
def _area_ratios(r, work, row):  # type: ignore[no-untyped-def]
    """Levinson and Durbin on autocorrelation `r[6..0]` (longest lag first); writes the log area ratios into `row`."""
    error = r[ORDER] * 1.001 + 1e-12  # 30 dB of white noise: else empty bands alone would make spectra differ
    for i in range(ORDER):
        acc = r[ORDER - i - 1]
        for j in range(i):
            acc -= work[j] * r[ORDER - i + j]
        k = min(max(acc / error, -0.995), 0.995)
        work[i] = k
        for j in range(i // 2):
            a, b = work[j], work[i - 1 - j]
            work[j], work[i - 1 - j] = a - k * b, b - k * a
        if i % 2:
            work[i // 2] -= k * work[i // 2]
        error *= 1.0 - k * k
        row[LAR + i] = math.log((1.0 + k) / (1.0 - k))


@inlined
def _best(acc, prefix, start, end, far, count):  # type: ignore[no-untyped-def]
    """Index of the lag at which the window repeats best, or -1 where it nowhere does."""
    best, found = 0.0, -1
    for m in range(count):
        if acc[m] > 0.0:
            shift = m - far
            square, energy = float(acc[m]) * float(acc[m]), prefix[end + shift] - prefix[start + shift] + 1e-12
            if square > best * energy:
                best, found = square / energy, m
    return found


@inlined
def _between(acc, m, count, sinc):  # type: ignore[no-untyped-def]
    """Largest value that the products take between lags `m - 1` and `m + 1`, at quarters: a decoder's pitch is of
    its own, higher rate. A band-limited correlation is known there (Shannon 1949); nine of its values are used.
    """
    largest = float(acc[m])
    if m < 4 or m + 5 > count:
        return largest
    for i in range(len(sinc)):
        total = 0.0
        for k in range(9):
            total += float(acc[m - 4 + k]) * sinc[i, k]
        largest = max(largest, total)
    return largest


@inlined
def _window(z, prefix, start, end, far, count, sums, row, last, work, sinc):  # type: ignore[no-untyped-def]
    """Repetition, decay and spectrum of the window `z[start:end]`; its products are `sums[2]`, `sums[3]`."""
    row[REPEAT], row[LAG], row[DECAY], row[FLUX] = 0.0, 0.0, 0.0, 0.0
    energy = prefix[end] - prefix[start]
    m = _best(sums[2], prefix, start, end, far, count)
    if m >= 0:
        before = prefix[end + m - far] - prefix[start + m - far] + 1e-12
        alike = min(_between(sums[2], m, count, sinc) ** 2 / (before * (energy + 1e-12)), 1.0)
        row[REPEAT] = -10.0 * math.log10(1.0 - alike + 1e-5)
        row[LAG] = far - m
        row[DECAY] = min(max(_db(energy, -200.0) - _db(before, -200.0), -20.0), 20.0)
    _area_ratios(sums[3], work, row)
    for i in range(LAR, LAR + ORDER):
        row[FLUX] += abs(row[i] - last[i])


@compiled("void(f4[::1], f4[::1], f8[::1])")
def _flatten(y, z, prefix):  # type: ignore[no-untyped-def]
    """`z` and the sums of its squares before each sample; `z[0]` is 0."""
    z[0], total, slope = np.float32(0.0), 0.0, np.float32(FLATTEN)
    past = y[1:]
    for n in range(len(past)):
        z[n + 1] = past[n] - slope * y[n]
    prefix[0] = 0.0
    for n in range(len(z)):
        total += float(z[n]) * float(z[n])
        prefix[n + 1] = total


@inlined
def _take_over(window, before, count):  # type: ignore[no-untyped-def]
    """`window`, a hop's products, becomes those of it and the hop `before`, which becomes the hop's."""
    for m in range(count):
        product = window[m]
        window[m] = product + before[m]
        before[m] = product


@inlined
def _mean_square(x, start, end):  # type: ignore[no-untyped-def]
    """Of `x[start:end]`; summed in four parts, which takes a quarter of the time."""
    part = x[start:end]
    a, b, c, d, size = np.float32(0), np.float32(0), np.float32(0), np.float32(0), len(part)
    for i in range(size // 4):
        a += part[4 * i] * part[4 * i]
        b += part[4 * i + 1] * part[4 * i + 1]
        c += part[4 * i + 2] * part[4 * i + 2]
        d += part[4 * i + 3] * part[4 * i + 3]
    for i in range(size // 4 * 4, size):
        a += part[i] * part[i]
    return (float(a) + float(b) + float(c) + float(d)) / max(size, 1)


@compiled(
    "void(f4[::1], f4[::1], f8[::1], i8[::1], i8, i8, f4[:, ::1], f8[::1], f8[::1], f4[:, ::1], f8[:, ::1],"
    " i8[:, ::1])"
)
def _rows(z, high, prefix, edges, far, count, sums, work, state, rows, sinc, lags):  # type: ignore[no-untyped-def]
    """A row for each hop [edges[i + 1], edges[i + 2]) of `z`; its window begins at edges[i].

    Lags are `far` down to `far - count + 1` samples. `sums[0]` and `sums[1]` are the products of the hop before, on
    entry and on exit; the other rows of `sums` are room. `rows[:2]` are those of the two hops before. `lags[i]` takes
    the best peaks of hop i.
    """
    for i in range(len(edges) - 2):
        start, at, end = edges[i], edges[i + 1], edges[i + 2]
        row = rows[i + HISTORY]
        row[LEVEL] = _db((prefix[end] - prefix[at]) / max(end - at, 1), SILENT_DB)
        row[HIGH] = _db(_mean_square(high, at, end), SILENT_DB)
        state[0] = max(state[0] - FADE_DB, row[LEVEL])
        row[LOUD] = state[0]
        if row[LEVEL] <= max(state[0] - QUIET_DB, SILENT_DB):
            row[REPEAT], row[LAG], row[DECAY], row[FLUX] = 0.0, 0.0, 0.0, 0.0
            row[LAR : LAR + ORDER] = 0.0
            sums[:2] = 0.0
            lags[i] = 0
        else:
            _products(z, at, end, far, count, sums[2])
            _products(z, at, end, ORDER, ORDER + 1, sums[3])
            _take_over(sums[2], sums[0], count)
            _take_over(sums[3], sums[1], ORDER + 1)
            _window(z, prefix, start, end, far, count, sums, row, rows[i], work, sinc)
            peaks(sums[2], prefix, start, end, far, count, lags[i])
            state[1] += (row[REPEAT] - state[1]) / MEAN_HOPS
            state[2] += (row[FLUX] - state[2]) / MEAN_HOPS
        row[REPEAT_MEAN], row[FLUX_MEAN] = state[1], state[2]
