"""How exactly sound repeats at the full rate, in the whole and by bands: what tells a decoder's copy from a voice.

libopus (celt/celt_decoder.c, celt_decode_lost) fills a lost frame with copies of the last pitch period of the
excitation: what is above 3 kHz then repeats as well as what is below. A voice's does not: its breath is new in each
period. SILK (silk/PLC.c) predicts over one tap, whose gain is the same at all frequencies, and fresh noise.
"""

import math

import numpy as np

from aqa.compiled import compiled, inlined
from aqa.measures.concealment_kernels import (
    ALIKE,
    BAND,
    FINE_LAG,
    HISTORY,
    MEAN_HOPS,
    MIDDLE_MEAN,
    SILENT_DB,
    _db,
    _products,
)  # fmt: skip
from aqa.model import Doubles, Floats, Ints

BANDS = 3  # whole, middle, top
SIDE = 10
"""Samples that the filters read on either side."""
SLOPE = 0.95  # of the first, which flattens speech
CENTRES_HZ = (5500.0, 11_000.0)  # a Hann window over 0.44 ms halves power 1.7 kHz to either side
SPAN_S = SIDE / 48_000  # of a filter to either side
TRIES = 8  # lags around each candidate: it is known to a sample of a quarter of the rate
EXACT = 1e-4  # what correlation lacks to 1 at least, for a logarithm: 40 dB
WINDOW_S = 0.01


def taps(rate: float) -> Floats:
    """Weights (2, 2 SIDE + 1) of the band-passes; zeros for a band that `rate` does not hold."""
    out = np.zeros((len(CENTRES_HZ), 2 * SIDE + 1))
    reach = min(SIDE, round(SPAN_S * rate))
    n = np.arange(-reach, reach + 1)
    window = 0.5 + 0.5 * np.cos(np.pi * n / (reach + 1))
    for band, centre in zip(out, CENTRES_HZ, strict=True):
        if rate > 2.1 * centre:
            wave = window * np.cos(2 * np.pi * centre / rate * n)
            wave -= window * (wave.sum() / window.sum())  # nothing of what stands still
            band[SIDE - reach : SIDE + reach + 1] = wave * 2 / window.sum()
    return np.asarray(out, np.float32)


@compiled("void(f4[::1], f4[:, ::1], f4[:, ::1])")
def _split(x, weights, out):  # type: ignore[no-untyped-def]
    """The bands of `x[SIDE:-SIDE]`."""
    count, slope = out.shape[1], np.float32(SLOPE)
    whole, here, past = out[0], x[SIDE:], x[SIDE - 1 :]
    for n in range(count):
        whole[n] = here[n] - slope * past[n]
    for b in range(1, BANDS):
        band = out[b]
        band[:] = np.float32(0)
        for k in range(2 * SIDE + 1):
            weight, moved = weights[b - 1, k], x[k:]
            for n in range(count):
                band[n] += weight * moved[n]


def split(x: Floats, weights: Floats) -> Floats:
    """The bands (3, n) of `x` (n + 2 SIDE,): flattened, around 5.5 kHz, around 11 kHz."""
    out = np.empty((BANDS, max(0, len(x) - 2 * SIDE)), np.float32)
    if out.shape[1]:
        _split(np.ascontiguousarray(x, np.float32), weights, out)
    return out


@compiled("void(f4[:, ::1], f8[:, ::1])")
def _sum_squares(bands, prefix):  # type: ignore[no-untyped-def]
    """The sums of the squares before each sample."""
    for b in range(BANDS):
        band, sums, total = bands[b], prefix[b], 0.0
        sums[0] = 0.0
        for n in range(len(band)):
            total += float(band[n]) * float(band[n])
            sums[n + 1] = total


@inlined
def _finest(y, prefix, start, end, lags, whole, acc):  # type: ignore[no-untyped-def]
    """The lag of `y[start:end]`, near `whole` times one of `lags`, at which it repeats best; 0 where it doesn't."""
    best, found = 0.0, 0
    for lag in lags:
        if lag == 0:
            break
        first = min(lag * whole + TRIES // 2, start)
        _products(y, start, end, first, TRIES, acc)
        for m in range(TRIES):
            if acc[m] > 0.0:
                shift = m - first
                square, energy = float(acc[m]) * float(acc[m]), prefix[end + shift] - prefix[start + shift] + 1e-20
                if square > best * energy:
                    best, found = square / energy, first - m
    return found


@inlined
def _alike_db(y, prefix, start, end, lag):  # type: ignore[no-untyped-def]
    """How well `y[start:end]` repeats at `lag`: 0 (not at all) to 40 dB."""
    a = b = c = d = np.float32(0)
    here, past = y[start:end], y[start - lag : end - lag]
    quarter = len(here) // 4
    for i in range(quarter):
        a += here[4 * i] * past[4 * i]
        b += here[4 * i + 1] * past[4 * i + 1]
        c += here[4 * i + 2] * past[4 * i + 2]
        d += here[4 * i + 3] * past[4 * i + 3]
    for i in range(4 * quarter, len(here)):
        a += here[i] * past[i]
    product = float(a) + float(b) + float(c) + float(d)
    if product <= 0.0:
        return 0.0
    energy = (prefix[end] - prefix[start]) * (prefix[end - lag] - prefix[start - lag])
    return -10.0 * math.log10(max(1.0 - product * product / (energy + 1e-30), 0.0) + EXACT)


@compiled("void(f4[:, ::1], f8[:, ::1], i8[::1], i8[:, ::1], i8, f8, f4[::1], f8[::1], f4[:, ::1])")
def _fine(bands, prefix, edges, lags, whole, rate, acc, state, rows):  # type: ignore[no-untyped-def]
    """The fine columns of the row of each hop [edges[i + 1], edges[i + 2]); its window begins at edges[i].

    `lags[i]` are candidates in samples of a rate `whole` times lower; `state[3]` is the running mean.
    """
    for i in range(len(edges) - 2):
        start, at, end = edges[i], edges[i + 1], edges[i + 2]
        row = rows[i + HISTORY]
        for b in range(1, BANDS):
            row[BAND + b - 1] = _db((prefix[b, end] - prefix[b, at]) / max(end - at, 1), SILENT_DB)
        row[ALIKE : ALIKE + BANDS + 1] = np.float32(0)
        if lags[i, 0] > 0:
            lag = _finest(bands[1], prefix[1], start, end, lags[i], whole, acc)
            if lag > 0:
                row[FINE_LAG] = 1000 * lag / rate
                for b in range(BANDS):
                    row[ALIKE + b] = _alike_db(bands[b], prefix[b], start, end, lag)
            state[3] += (row[ALIKE + 1] - state[3]) / MEAN_HOPS
        row[MIDDLE_MEAN] = state[3]


def fine(bands: Floats, edges: Ints, lags: Ints, *, whole: int, rate: float, state: Doubles, rows: Floats) -> None:
    """Fill in the fine columns of `rows`."""
    prefix = np.empty((BANDS, bands.shape[1] + 1))
    _sum_squares(bands, prefix)
    _fine(bands, prefix, edges, lags, whole, float(rate), np.zeros(TRIES, np.float32), state, rows)
