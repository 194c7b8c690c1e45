"""Places where the wave breaks: clicks, splices and skipped samples, as candidates with features.

Two steps. A screen over everything: the sixth difference, which takes away what sounds leave below an eighth of the
rate, and its peak in blocks of 1 ms against the 30 blocks on each side. Only where it stands out, linear
prediction (Kay, Modern Spectral Estimation, 6.5: autocorrelation and Levinson) around the place: order rate / 2000
(24 at 48 kHz), Hann windows of 21 ms every half window; the error of a sound that nobody cut has no lone peak.
On 48 kHz speech and music the screen keeps 98 % of what the detector's other features would take, and more.
"""

import logging

import numpy as np

from aqa.measures import discontinuity_kernels as kernels
from aqa.measures.measure import Found
from aqa.model import Candidates, Doubles, Floats

COLUMNS = (
    "ratio", "isolation", "sharpness", "after_before", "after_before_wide", "width_samples", "level_change_db",
    "peak_dbfs", "around_dbfs", "screen_ratio", "screen_isolation", "impulse_share", "top",
)  # fmt: skip
"""Error peak over the 93rd percentile of the 1-ms peaks within 30 ms, and over the largest; energy within 4 samples
over that within 24; RMS of the error after over before, 0.6 to 3 ms and 1 to 15 ms; samples above a quarter of the
peak; level of sound after less before; error peak; level around; the same two ratios in the screen; share of the
error that one wrong sample explains; largest magnitude within 10 ms."""

SIDE = 30  # blocks of 1 ms on each side
SCREEN_RATIO, SCREEN_ISOLATION = 4.0, 1.5
WINDOW_S = 1024 / 48_000
LEAST_RATE = 6_000  # below it a block of 1 ms holds too few samples
EDGE_S = 0.05  # at the ends of media the wave breaks by nature
MAXIMUM = 200_000
DIFFERENCE_NOISE = 8.8  # LSB: RMS of the sixth difference of rounding, sqrt(924 / 12)

_log = logging.getLogger(__name__)


class Discontinuity:
    """The candidates while a channel goes by; it keeps nothing of the samples."""

    def __init__(self, rate: int, lsb: float) -> None:
        self.rate, self.lsb = rate, lsb
        self.ms = max(1, rate // 1000)
        self.order = max(10, min(32, round(rate / 2000)))
        size = max(4, round(rate * WINDOW_S / 4) * 4)
        self.window = np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size))
        self.scratch = np.zeros((5, 4 * size))
        self.before = self.after = 3 * size + (SIDE + 4) * self.ms + self.order if rate >= LEAST_RATE else 0
        self.start = self.end = -1
        self.kept: list[tuple[int, Doubles]] = []
        self.ends: list[tuple[int, int]] = []

    def take(self, x: Floats, lo: int, hi: int, base: int) -> None:
        """The candidates whose block of 1 ms begins in `x[lo:hi]`."""
        if base + lo != self.end:
            self.start = base + lo
        self.end = base + hi
        first, last = -(-(base + lo) // self.ms), -(-(base + hi) // self.ms)
        if last <= first or self.rate < LEAST_RATE:
            return
        count = last - first + 2 * SIDE
        at = (first - SIDE) * self.ms - base
        difference = np.empty(count * self.ms, np.float32)
        kernels.sixth_difference(x[at - 6 : at + count * self.ms], difference)
        peaks = np.empty(count, np.float32)
        kernels.block_peaks(difference, self.ms, peaks)
        places, ratios = np.empty(count, np.int64), np.empty((count, 2))
        floor = DIFFERENCE_NOISE * self.lsb
        found = kernels.stand_out(peaks, SIDE, floor, SCREEN_RATIO, SCREEN_ISOLATION, places, ratios)
        for k in range(found):
            middle = at + int(places[k]) * self.ms + self.ms // 2
            if base + middle >= self.start + EDGE_S * self.rate:
                self._look(x, middle, base, ratios[k])

    def _look(self, x: Floats, at: int, base: int, ratios: Doubles) -> None:
        """What the prediction error says of the place; ratios as the screen found them."""
        out = np.empty(len(COLUMNS))
        place = kernels.features(x, at, self.ms, self.order, self.lsb, self.window, self.scratch, out)
        if place < 0 or len(self.kept) > MAXIMUM:
            return
        if len(self.kept) == MAXIMUM:
            _log.warning("more than %d possible discontinuities in a channel: the later ones are left out", MAXIMUM)
        out[9:11] = ratios
        self.kept.append((base + place, out))

    def close(self, x: Floats, at: int, base: int) -> None:
        """What lies close to the end of media is none."""
        edge = round(EDGE_S * self.rate)
        self.ends.append((base + at - edge, base + at + edge))

    def found(self, samples: int) -> Found:
        """Candidates of one sample each."""
        starts = np.array([place for place, _ in self.kept[:MAXIMUM]], np.int64)
        values = np.array([out for _, out in self.kept[:MAXIMUM]]).reshape(-1, len(COLUMNS))
        keep = np.ones(len(starts), np.bool_)
        for lo, hi in self.ends:
            keep &= (starts < lo) | (starts >= hi)
        keep[1:] &= starts[1:] > starts[:-1]  # two blocks may lead to one place
        runs = Candidates(starts[keep], starts[keep] + 1, COLUMNS, values[keep].astype(np.float32))
        return Found(runs={"discontinuity": runs})
