"""Places where the wave breaks: clicks, splices and skipped samples, as candidates with features."""

import logging

import numpy as np

from aqa.measures import discontinuity_kernels as kernels
from aqa.measures.measure import Found
from aqa.measures.whitening import LAGS, Whitening
from aqa.model import Candidates, Doubles, Floats

COLUMNS = (
    *(f"{of}_{over}_db" for of in ("error", "match")
      for over in ("over_high", "over_median", "over_near", "isolation", "over_before", "over_after")),
    "sharpness", "match_sharpness", "impulse_share", "width_samples", "after_before_db", "after_before_wide_db",
    "level_change_db", "whiteness_db", "level_change_wide_db", "size_db", "predictor_db", "peak_dbfs", "around_dbfs",
    "top", "burst_db",
)  # fmt: skip

SIDE = 30  # blocks of 1 ms on each side
RATIO, ISOLATION = 4.0, 1.2
LEAST_RATE = 6_000  # below it a block of 1 ms holds too few samples
EDGE_S = 0.05  # at the ends of media the wave breaks by nature
MAXIMUM = 200_000
AROUND = 42  # blocks of 1 ms that features look at on each side

_log = logging.getLogger(__name__)


class Discontinuity:
    """The candidates while a channel goes by; it keeps nothing of the samples."""

    def __init__(self, rate: int, lsb: float) -> None:
        self.rate, self.lsb = rate, lsb
        self.ms = max(1, rate // 1000)
        self.white = Whitening(rate)
        self.scratch = np.zeros(4 * SIDE)
        reach = self.white.reach + self.white.hop + (AROUND + 4) * self.ms
        self.before = self.after = reach + 64 if rate >= LEAST_RATE else 0
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
        per = self.white.hop // self.ms
        begin, hops = (first - AROUND) // per, -(-(last + AROUND) // per) - (first - AROUND) // per
        at = begin * self.white.hop - base
        error, match, powers = self.white.of(x, at, hops)
        peaks, matched = np.empty(hops * per, np.float32), np.empty(hops * per, np.float32)
        kernels.block_peaks(error.view(np.int32), self.ms, peaks.view(np.int32))
        kernels.block_peaks(match.view(np.int32), self.ms, matched.view(np.int32))
        found = np.zeros(hops * per, np.bool_)
        for one in (peaks, matched):
            kernels.stand_out(one, SIDE, self.lsb, RATIO, ISOLATION, found)
        offset = begin * per
        for k in np.flatnonzero(found[first - offset : last - offset]) + first - offset:
            out = np.empty(len(COLUMNS))
            where = np.array([k, self.ms, SIDE, LAGS, self.white.hop, at])
            place = at + kernels.features(x, error, match, powers, peaks, matched, where, self.lsb, self.scratch, out)
            if base + place < self.start + EDGE_S * self.rate or len(self.kept) > MAXIMUM:
                continue
            if len(self.kept) == MAXIMUM:
                _log.warning("more than %d possible discontinuities in a channel: the later are left out", MAXIMUM)
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
