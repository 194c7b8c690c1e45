"""A channel's own levels: active speech level, noise floor, and where speech is.

The yardstick of every relative threshold: meetings at -37 dBFS are judged as full-scale speech is.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aqa.model import HOP_S, Flags, Floats, Levels

MARGIN_DB = 15.9  # ITU-T P.56 6.1: margin between threshold and active level
HANGOVER_HOPS = round(0.2 / HOP_S)  # ITU-T P.56 table 1: hangover time 0.2 s
SMOOTHING = math.exp(-HOP_S / 0.03)  # ITU-T P.56 table 1: time constant of smoothing 0.03 s
SOUND_DBFS = -110.0  # below it is digital silence: one bit of 16 once in a hop gives more
FLOOR_SHARE = 0.05  # the noise floor is exceeded by 95 % of the frames with sound
_BINS = 2100  # 0.1 dB from -200 dBFS on
"""Resolution of the histograms: memory does not grow with the series."""


@njit("void(f4[::1], f8, i8, i8[::1], i8[::1], f8[::1], f4[::1])", cache=True)
def _activity(level, smoothing, hangover, histogram, active, sums, held):  # type: ignore[no-untyped-def]
    """One pass: histograms of level and of held envelope (0.1 dB), sum of power, and the held envelope itself.

    A hop is active at threshold c exactly if the envelope reached c in it or in the `hangover` hops before: its
    held envelope, the largest of those, is at least c. Missing media (NaN) lets the envelope fall.
    """
    first = second = 0.0
    for i in range(len(level)):
        measured = not math.isnan(level[i])
        power = 10.0 ** (level[i] / 10.0) if measured and level[i] > -199.0 else 0.0
        first = smoothing * first + (1.0 - smoothing) * math.sqrt(power)
        second = smoothing * second + (1.0 - smoothing) * first
        held[i] = -200.0 if second <= 1e-10 else 20.0 * math.log10(second)
        if measured:
            sums[0] += power
            histogram[min(2099, max(0, int((level[i] + 200.0) * 10.0)))] += 1
    # Backwards and in place: held[i] becomes the largest of the hops i - hangover to i.
    for i in range(len(level) - 1, -1, -1):
        for j in range(max(0, i - hangover), i):
            held[i] = max(held[i], held[j])
        if not math.isnan(level[i]):
            active[min(2099, max(0, int((held[i] + 200.0) * 10.0)))] += 1


def levels(level_dbfs: Floats, peak_dbfs: Floats | None = None) -> Levels:
    """Active speech level by ITU-T P.56 method B on the 10 ms series, noise floor, and mask of active speech.

    `level_dbfs` has shape (hops,), NaN where there is no media. Method B's envelope (two one-pole filters of
    30 ms) runs on 10 ms RMS instead of rectified samples: within 0.5 dB on speech.
    """
    histogram, active = np.zeros(_BINS, np.int64), np.zeros(_BINS, np.int64)
    sums, held = np.zeros(1), np.zeros(len(level_dbfs), np.float32)
    _activity(np.ascontiguousarray(level_dbfs), SMOOTHING, HANGOVER_HOPS, histogram, active, sums, held)
    speech_level = _active_level(active, float(sums[0]))
    threshold = math.inf if speech_level is None else speech_level - MARGIN_DB
    speech: Flags = held >= np.float32(threshold)
    return Levels(speech_level, _noise_floor(histogram), speech)


def _active_level(active: NDArray[np.int64], power: float) -> float | None:
    """The level A(c) = power over the time active at threshold c, where A(c) - c = 15.9 dB (ITU-T P.56 6.1)."""
    reached = np.cumsum(active[::-1])[::-1]  # hops active at each threshold
    sound = (reached > 0) & (np.arange(_BINS) >= round((SOUND_DBFS + 200) * 10))
    if power <= 0 or not sound.any():
        return None
    thresholds = -200 + np.flatnonzero(sound) * 0.1
    over = 10 * np.log10(power / reached[sound]) - thresholds - MARGIN_DB
    below = np.flatnonzero(over <= 0)
    if not len(below):
        return None
    at = int(below[0])
    if at == 0:
        return round(float(over[0] + thresholds[0] + MARGIN_DB), 2)
    part = over[at - 1] / (over[at - 1] - over[at])
    threshold = thresholds[at - 1] + part * (thresholds[at] - thresholds[at - 1])
    return round(float(threshold + MARGIN_DB), 2)


def _noise_floor(histogram: NDArray[np.int64]) -> float | None:
    """The level in dBFS that 95 % of the hops with sound exceed; digital silence is no sound."""
    counts = histogram[round((SOUND_DBFS + 200) * 10) :]
    total = int(counts.sum())
    if not total:
        return None
    at = int(np.searchsorted(np.cumsum(counts), FLOOR_SHARE * total))
    return round(SOUND_DBFS + at * 0.1, 2)
