"""Loudness by ITU-R BS.1770-5 and EBU Tech 3341 and 3342: K-weighted power per 100 ms, and what follows from it.

The pass keeps the power of each channel alone; integrated, momentary and short-term loudness and the range are
computed from it over all channels of a recording, so that channels and gates need no second look at the sound.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aqa.compiled import compiled
from aqa.measures.measure import Found
from aqa.model import Doubles, Floats
from aqa.sound_model import Series

HOP_S = 0.1  # BS.1770-5 annex 1: gating blocks of 400 ms overlap by 75 %; Tech 3342 2.2: windows at 10 Hz
OFFSET_LU = -0.691  # BS.1770-5 annex 1, equation 2: a 997 Hz sine at 0 dBFS in one channel reads -3.01
MOMENTARY, SHORT_TERM = 4, 30  # hops: 400 ms and 3 s, Tech 3341 2.2
ABSOLUTE_LUFS = -70.0  # BS.1770-5 annex 1, equation 6; Tech 3342 2.3
RELATIVE_LU, RANGE_RELATIVE_LU = -10.0, -20.0  # BS.1770-5 annex 1, equation 7; Tech 3342 2.3
RANGE_LOW, RANGE_HIGH = 0.10, 0.95  # Tech 3342 2.4
SURROUND = 1.41  # BS.1770-5 annex 1, table 3; an LFE channel does not count
WEIGHTS = {
    "5.1": (1, 1, 1, 0, SURROUND, SURROUND), "5.1(side)": (1, 1, 1, 0, SURROUND, SURROUND),
    "5.0": (1, 1, 1, SURROUND, SURROUND), "5.0(side)": (1, 1, 1, SURROUND, SURROUND),
}  # fmt: skip
"""Channel weights by FFmpeg's name of the layout; any other layout has 1 everywhere."""
SETTLED = 1e-30  # filter memory below it is set to 0: subnormal numbers take a hundred times as long
LEAST_SHARE = 0.5  # of a hop's samples: with less, media is missing, and it has no power (`20 * n >= rate` below)


def coefficients(rate: int) -> Doubles:
    """K-weighting as two sections (b0, b1, b2, a1, a2) for any rate; shape (2, 5).

    The bilinear transform of the analogue prototypes that give BS.1770-5's tables 1 and 2 at 48 kHz: a high shelf
    (1682 Hz, +4 dB, Q 0.707) and a high pass (38 Hz, Q 0.5). Constants as in libebur128 (`ebur128_init_filter`).
    """
    out = np.zeros((2, 5))
    shelf_hz = min(1681.974450955533, 0.45 * rate)  # the whole shelf lies above the band of rates below 4 kHz
    k, q, gain = math.tan(math.pi * shelf_hz / rate), 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle, a0 = gain**0.4996667741545416, 1 + k / q + k * k
    out[0, :3] = (gain + middle * k / q + k * k) / a0, 2 * (k * k - gain) / a0, (gain - middle * k / q + k * k) / a0
    out[0, 3:] = 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    a0 = 1 + k / q + k * k
    out[1] = 1, -2, 1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0
    return out


@compiled(
    "void(float32[::1], int64, int64, int64, int64, float64[:, ::1], int64[::1], float64[::1], float32[::1])",
    unrounded=True,
)
def _power_kernel(x, lo, hi, base, rate, filters, ints, reals, power):  # type: ignore[no-untyped-def]
    """Mean square of the K-weighted samples per 100 ms; hop k starts at sample ceil(k rate / 10).

    `ints` = (open hop, its samples), `reals` = (its sum, filter memories). Both sections in direct form I, in
    which one sample waits least for the one before; in one order: where chunks are cut can't change a bit.
    """
    b0, b1, b2, a1, a2 = filters[0, 0], filters[0, 1], filters[0, 2], filters[0, 3], filters[0, 4]
    c1, c2 = filters[1, 3], filters[1, 4]
    x1, x2, y1, y2, z1, z2 = reals[1], reals[2], reals[3], reals[4], reals[5], reals[6]
    at = lo
    while at < hi:
        hop = 10 * (base + at) // rate
        if hop != ints[0]:
            if 20 * ints[1] >= rate:
                power[ints[0]] = reals[0] / ints[1]
            ints[0], ints[1], reals[0] = hop, 0, 0.0
            if abs(y1) + abs(y2) + abs(z1) + abs(z2) < 1e-30:
                y1, y2, z1, z2 = 0.0, 0.0, 0.0, 0.0
        end = min(hi, (rate * (hop + 1) + 9) // 10 - base)
        total = reals[0]
        for i in range(at, end):
            value = float(x[i])
            y = (b0 * value + b1 * x1 + b2 * x2 - a2 * y2) - a1 * y1
            z = ((y - y1) - (y1 - y2) - c2 * z2) - c1 * z1
            x2, x1, y2, y1, z2, z1 = x1, value, y1, y, z1, z
            total += z * z
        reals[0] = total
        ints[1] += end - at
        at = end
    reals[1], reals[2], reals[3], reals[4], reals[5], reals[6] = x1, x2, y1, y2, z1, z2


class Loudness:
    """K-weighted power of one channel while it goes by; 4 bytes per 100 ms."""

    before = after = 0

    def __init__(self, rate: int, lsb: float) -> None:
        self.rate = rate
        self.filters = coefficients(rate)
        self.power = np.full(3600, np.nan, np.float32)
        self.ints, self.reals = np.array([-1, 0], np.int64), np.zeros(7)

    def take(self, x: Floats, lo: int, hi: int, base: int) -> None:
        """The hops of `x[lo:hi]`; the last may stay open."""
        hops = 10 * (base + hi) // self.rate + 2
        if hops > len(self.power):
            old = len(self.power)
            self.power.resize(hops + 3600, refcheck=False)
            self.power[old:] = np.nan
        _power_kernel(x, lo, hi, base, self.rate, self.filters, self.ints, self.reals, self.power)

    def close(self, x: Floats, at: int, base: int) -> None:
        """After missing media the filter starts from rest; a hop may go on."""
        self.reals[1:] = 0

    def found(self, samples: int) -> Found:
        """Series `loudness`: power (full scale 1) of whole hops; one that the channel's end cuts is left out."""
        first, count = (int(value) for value in self.ints)
        if count >= LEAST_SHARE * self.rate * HOP_S:
            self.power[first] = self.reals[0] / count
        values = self.power[: 10 * samples // self.rate].reshape(-1, 1).copy()
        return Found(series={"loudness": Series(HOP_S, ("k_power",), values)})


@dataclass(frozen=True)
class Heard:
    """How loud a recording is; None where no hop of it is above the gates, or it is too short."""

    integrated_lufs: float | None
    range_lu: float | None
    momentary_max_lufs: float | None
    short_term_max_lufs: float | None


def together(powers: Sequence[Floats], layout: str = "") -> Doubles:
    """Weighted sum of the channels' series; shape (hops,), NaN where no channel has media."""
    hops = max((len(power) for power in powers), default=0)
    weights = WEIGHTS.get(layout, ())
    weights = weights if len(weights) == len(powers) else (1,) * len(powers)
    total, known = np.zeros(hops), np.zeros(hops, np.bool_)
    for power, weight in zip(powers, weights, strict=True):
        here = np.isfinite(power)
        known[: len(power)] |= here
        total[: len(power)] += weight * np.where(here, power, 0.0)
    return np.where(known, total, np.nan)


def heard(power: Doubles) -> Heard:
    """Loudness of the K-weighted power per 100 ms, all channels summed; shape (hops,), NaN = no media.

    A window counts where all of its hops are known: missing media is not silence.
    """
    momentary, short = _windows(power, MOMENTARY), _windows(power, SHORT_TERM)
    gated = _gated(momentary, RELATIVE_LU)
    return Heard(
        _lufs(float(gated.mean())) if len(gated) else None,
        _range(short),
        _lufs(float(momentary.max(initial=0.0))),
        _lufs(float(short.max(initial=0.0))),
    )


def _windows(power: Doubles, length: int) -> Doubles:
    """Mean power of every window of `length` hops that is known from end to end."""
    if len(power) < length:
        return np.zeros(0)
    means = np.lib.stride_tricks.sliding_window_view(power, length).mean(axis=1)
    return np.asarray(means[np.isfinite(means)], np.float64)


def _gated(windows: Doubles, relative_lu: float) -> Doubles:
    """Windows above the absolute gate and above the relative one, which is set by those above the absolute."""
    loud = windows[windows > _power_of(ABSOLUTE_LUFS)]
    return loud[loud > loud.mean() * 10 ** (relative_lu / 10)] if len(loud) else loud


def _range(short: Doubles) -> float | None:
    """Loudness range of the short-term loudness, Tech 3342: 10th to 95th percentile (nearest rank) after gating."""
    kept = np.sort(_gated(short, RANGE_RELATIVE_LU))
    if not len(kept):
        return None
    low, high = (kept[round((len(kept) - 1) * share)] for share in (RANGE_LOW, RANGE_HIGH))
    return float(10 * np.log10(high / low))


def _power_of(lufs: float) -> float:
    return float(10 ** ((lufs - OFFSET_LU) / 10))


def _lufs(power: float) -> float | None:
    return 10 * math.log10(power) + OFFSET_LU if 0 < power < math.inf else None
