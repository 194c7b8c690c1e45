"""Features of sound that a decoder may have made up, every 5 ms of one channel while it goes by."""

from dataclasses import dataclass

import numpy as np

from aqa.measures import concealment_fine
from aqa.measures.concealment_fine import BANDS, fine, split, taps
from aqa.measures.concealment_kernels import COLUMNS, HISTORY, ORDER, SILENT_DB, SINC, _flatten, _rows
from aqa.measures.concealment_peaks import CANDIDATES
from aqa.measures.halve import SIDE, halve
from aqa.model import Floats, Ints

HOPS_A_SECOND = 200
LEAST_RATE = 22_050  # sound is brought to half its rate while that is at least 11 kHz: content that calls have
LAG_S = (0.002, 0.015)  # libopus celt_decoder.c: pitch lags of 100 to 720 samples at 48 kHz
ROOM = max(ORDER + 1, 8)
FINE_HALVINGS = 2  # repetition is looked at closely at four times the low rate at most


def halvings(rate: int) -> int:
    """How often sound of `rate` Hz is brought to half its rate."""
    count = 0
    while rate >> count >= LEAST_RATE:
        count += 1
    return count


@dataclass
class Rows:
    """The rows of one stretch of hops: `values[i]` is of hop `first + i`."""

    first: int
    values: Floats


class Features:
    """Rows of features while one channel goes by."""

    def __init__(self, rate: int) -> None:
        self.rate, self.halvings = rate, halvings(rate)
        low = rate / (1 << self.halvings)
        self.far = round(LAG_S[1] * low)
        self.lags = self.far - round(LAG_S[0] * low) + 1
        self.finer = min(FINE_HALVINGS, self.halvings)
        self.taps = taps(low * (1 << self.finer))
        margin = SIDE * ((1 << self.halvings) - 1) + (1 << self.halvings)
        self.before = self.after = max(margin, concealment_fine.SIDE + (1 << self.finer))
        self.keep = self.far + 4 + 2 * (int(low / HOPS_A_SECOND) + 2)
        self._restart(0)

    def _restart(self, at: int) -> None:
        """Nothing is known before sample `at` of the low rate."""
        self.y = np.zeros(self.keep, np.float32)
        self.high = np.zeros(self.keep, np.float32)
        self.bands = np.zeros((BANDS, self.keep << self.finer), np.float32)
        self.base = at - self.keep  # index of y[0], in samples of the low rate
        self.hop = self._hop_from(at)
        self.sums = np.zeros((4, max(self.lags, ROOM)), np.float32)
        self.state = np.array([SILENT_DB, 0.0, 0.0, 0.0])
        self.last = np.zeros((HISTORY, len(COLUMNS)), np.float32)
        self.open = False

    def _hop_from(self, at: int) -> int:
        """The first hop that begins at sample `at` of the low rate or later."""
        return -(-(at << self.halvings) * HOPS_A_SECOND // self.rate)

    def _edges(self, first: int, last: int) -> Ints:
        """First sample of the low rate of hops `first` to `last`."""
        whole = HOPS_A_SECOND << self.halvings
        return -(-np.arange(first, last + 1, dtype=np.int64) * self.rate // whole)

    def take(self, x: Floats, lo: int, hi: int, base: int) -> Rows:
        """The rows of the hops that end in `x[lo:hi]`."""
        whole = 1 << self.halvings
        first, last = -(-(base + lo) // whole), -(-(base + hi) // whole)
        if not self.open:
            self._restart(first)
            self.open = True
        low, high, bands = self._low(x, first, last, base)
        self.y, self.high = np.concatenate((self.y, low)), np.concatenate((self.high, high))
        self.bands = np.concatenate((self.bands, bands), axis=1)
        return self._measure(last)

    def _low(self, x: Floats, first: int, last: int, base: int) -> tuple[Floats, Floats, Floats]:
        """Samples [first, last) of the low rate, what the last halving left out, and the bands of the finer rate."""
        low, high = x[first - base : last - base], np.zeros(max(last - first, 0), np.float32)
        at, source = base, x  # index of source[0] at its rate
        bands = self._bands(x, first, last, base) if self.finer == self.halvings else np.zeros((BANDS, 0), np.float32)
        for left in range(self.halvings - 1, -1, -1):
            margin = SIDE * ((1 << left) - 1)
            start, end = (first << left) - margin, ((last - 1) << left) + margin + 1
            low, high = halve(source, 2 * start - at, end - start)
            at, source = start, low
            if left == self.finer:
                bands = self._bands(source, first, last, at)
        return low, high, bands

    def _bands(self, source: Floats, first: int, last: int, base: int) -> Floats:
        """The bands of samples [first, last) of the low rate; `source[0]` is number `base` of the finer one."""
        side = concealment_fine.SIDE
        return split(source[(first << self.finer) - base - side : (last << self.finer) - base + side], self.taps)

    def _measure(self, until: int) -> Rows:
        """The rows of the hops that end at sample `until` of the low rate or before."""
        first = self.hop
        last = max(first, until * (HOPS_A_SECOND << self.halvings) // self.rate)
        edges = self._edges(first - 1, last) - self.base
        rows = np.zeros((last - first + HISTORY, len(COLUMNS)), np.float32)
        rows[:HISTORY] = self.last
        if last > first:
            z, prefix = np.empty(len(self.y), np.float32), np.empty(len(self.y) + 1)
            lags = np.zeros((last - first, CANDIDATES), np.int64)
            _flatten(self.y, z, prefix)
            _rows(
                z,
                self.high,
                prefix,
                edges,
                self.far,
                self.lags,
                self.sums,
                np.zeros(ORDER),
                self.state,
                rows,
                SINC,
                lags,
            )
            whole = 1 << self.finer
            rate = (self.rate >> self.halvings) * whole
            fine(self.bands, edges << self.finer, lags, whole=whole, rate=rate, state=self.state, rows=rows)
            self.last, self.hop = rows[-HISTORY:].copy(), last
            drop = max(0, int(edges[-1]) - self.keep)
            self.y, self.high, self.base = self.y[drop:], self.high[drop:], self.base + drop
            self.bands = np.ascontiguousarray(self.bands[:, drop << self.finer :])
        return Rows(first, rows[HISTORY:])

    def close(self) -> None:
        """The media ends: what comes next has nothing to do with what was."""
        self.open = False
