"""Places where the wave breaks: clicks, splices and skipped samples, as candidates with features."""

import logging

import numpy as np

from aqa.measures import discontinuity_kernels as kernels
from aqa.measures.measure import Found
from aqa.measures.whitening import Whitening
from aqa.model import Doubles, Floats, Ints
from aqa.sound_model import Candidates

COLUMNS = (
    *(f"{of}_{over}_db" for of in ("error", "match")
      for over in ("over_high", "over_median", "over_near", "isolation", "over_before", "over_after")),
    "sharpness", "match_sharpness", "impulse_share", "width_samples",
    "after_before_db", "after_before_wide_db", "level_change_db", "whiteness_db", "level_change_wide_db", "burst_db",
    "size_db", "predictor_db", "peak_dbfs", "around_dbfs", "top",
)  # fmt: skip
"""Peak of error and match over the 93rd percentile and the median of the 1-ms peaks within 30 ms, over the largest
within 10 ms and 30 ms, before and after; share of the energy within 24 samples that lies within 4, of error and
match; share of the error that one wrong sample explains; samples above a quarter of the peak; error after over
before, 0.6 to 3 ms and 1 to 15 ms; sound after over before, 1 to 15 ms; error over sound there; sound after over
before, 1 to 40 ms; error within 24 samples over that beside it; the wrong sample and the power of the predictor;
peak; level of the sound beside; largest magnitude within 10 ms."""

SIDE = 30  # blocks of 1 ms on each side
RATIO, ISOLATION = 2.5, 1.1
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
        self.kept: list[tuple[Ints, Floats]] = []
        self.count = 0
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
        peaks, matched = self._peaks(error, hops * per), self._peaks(match, hops * per)
        found = np.zeros(hops * per, np.bool_)
        for one in (peaks, matched):
            kernels.stand_out(one, SIDE, self.lsb, RATIO, ISOLATION, found)
        blocks = np.flatnonzero(found[first - begin * per : last - begin * per]) + (first - begin * per)
        rows, sizes = np.empty((len(blocks), len(COLUMNS))), (self.ms, SIDE, self.white.lags, self.white.hop)
        kernels.features(x, at, error, match, powers, peaks, matched, blocks, sizes, self.lsb, self.scratch, rows)
        self._keep(blocks + at + base, rows)

    def _peaks(self, x: Floats, count: int) -> Floats:
        """Peaks of the first `count` blocks of 1 ms."""
        out = np.empty(count, np.float32)
        kernels.block_peaks(x.view(np.int32), self.ms, out.view(np.int32))
        return out

    def _keep(self, places: Ints, rows: Doubles) -> None:
        """Those that lie far enough from where media begins, while there is room."""
        keep = places >= self.start + EDGE_S * self.rate
        places, kept = places[keep], rows[keep].astype(np.float32)
        room = max(0, MAXIMUM - self.count)
        if self.count <= MAXIMUM < self.count + len(places):
            _log.warning("more than %d possible discontinuities in a channel: the later ones are left out", MAXIMUM)
        self.kept.append((places[:room], kept[:room]))
        self.count += len(places)

    def close(self, x: Floats, at: int, base: int) -> None:
        """What lies close to the end of media is none."""
        edge = round(EDGE_S * self.rate)
        self.ends.append((base + at - edge, base + at + edge))

    def found(self, samples: int) -> Found:
        """Candidates of one sample each."""
        starts = np.concatenate([np.zeros(0, np.int64), *(places for places, _ in self.kept)])
        values = np.concatenate([np.zeros((0, len(COLUMNS)), np.float32), *(rows for _, rows in self.kept)])
        keep = np.ones(len(starts), np.bool_)
        for lo, hi in self.ends:
            keep &= (starts < lo) | (starts >= hi)
        keep[1:] &= starts[1:] > np.maximum.accumulate(starts)[:-1]  # two blocks may lead to one place
        runs = Candidates(starts[keep], starts[keep] + 1, COLUMNS, values[keep])
        return Found(runs={"discontinuity": runs})
