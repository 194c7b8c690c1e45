"""A channel's own levels: active speech level, noise floor, and where speech is.

The yardstick of every relative threshold: meetings at -37 dBFS are judged as full-scale speech is.
"""

import math

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled, inlined
from aqa.model import HOP_S, Floats
from aqa.sound_model import Levels

MARGIN_DB = 15.9  # ITU-T P.56 6.1: margin between threshold and active level
HANGOVER_HOPS = round(0.2 / HOP_S)  # ITU-T P.56 table 1: hangover time 0.2 s
SMOOTHING = math.exp(-HOP_S / 0.03)  # ITU-T P.56 table 1: time constant of smoothing 0.03 s
SOUND_DBFS = -110.0  # below it is digital silence: one bit of 16 once in a hop gives more
FLOOR_SHARE = 0.05  # the noise floor is exceeded by 95 % of the frames with sound
_BINS = 2100  # 0.1 dB from -200 dBFS on
"""Resolution of the histograms: memory does not grow with the series."""


@inlined
def _envelope(level, smoothing, state):  # type: ignore[no-untyped-def]
    """The next value of the two-pole envelope in dBFS; missing media (NaN) lets it fall."""
    power = 10.0 ** (level / 10.0) if level > -199.0 else 0.0
    state[0] = smoothing * state[0] + (1.0 - smoothing) * math.sqrt(power)
    state[1] = smoothing * state[1] + (1.0 - smoothing) * state[0]
    return -200.0 if state[1] <= 1e-10 else 20.0 * math.log10(state[1])


@compiled("float64(float32[::1], float64, float64[::1], float64[::1], int64[::1], int64[::1])")
def _activity(level, smoothing, state, recent, histogram, active):  # type: ignore[no-untyped-def]
    """One pass: histograms (0.1 dB) of level and of the held envelope; returns the sum of power.

    A hop is active at threshold c exactly if the envelope reached c in it or in the `hangover` hops before: if the
    largest of those, the held envelope, did. `recent` has room for them, -200 at first.
    """
    total = 0.0
    for i in range(len(level)):
        recent[i % len(recent)] = _envelope(level[i], smoothing, state)
        if not math.isnan(level[i]):
            held = -200.0
            for k in range(len(recent)):
                held = max(held, recent[k])
            total += 10.0 ** (level[i] / 10.0) if level[i] > -199.0 else 0.0
            histogram[min(2099, max(0, int((level[i] + 200.0) * 10.0)))] += 1
            active[min(2099, max(0, int((held + 200.0) * 10.0)))] += 1
    return total


@compiled("void(float32[::1], float64, int64, float64, float64[::1], boolean[::1])")
def _mark(level, smoothing, hangover, threshold, state, speech):  # type: ignore[no-untyped-def]
    """A second pass instead of a kept envelope, which would be as large as the series: where speech is active."""
    left = 0
    for i in range(len(level)):
        left = hangover + 1 if _envelope(level[i], smoothing, state) >= threshold else left - 1
        speech[i] = left > 0


def levels(level_dbfs: Floats) -> Levels:
    """Active speech level by ITU-T P.56 method B on the 10 ms series, noise floor, and mask of active speech.

    `level_dbfs` has shape (hops,), NaN where there is no media. Method B's envelope (two one-pole filters of
    30 ms) runs on 10 ms RMS instead of rectified samples: within 0.5 dB on speech.
    """
    series = np.ascontiguousarray(level_dbfs)
    histogram, active = np.zeros(_BINS, np.int64), np.zeros(_BINS, np.int64)
    power = _activity(series, SMOOTHING, np.zeros(2), np.full(HANGOVER_HOPS + 1, -200.0), histogram, active)
    speech_level = _active_level(active, power)
    speech = np.zeros(len(series), np.bool_)
    if speech_level is not None:
        _mark(series, SMOOTHING, HANGOVER_HOPS, speech_level - MARGIN_DB, np.zeros(2), speech)
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
