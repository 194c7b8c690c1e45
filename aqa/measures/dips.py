"""Stretches of 6 to 600 ms well below both of their sides: candidates of dips, and of holes that a codec filled.

A fall and a rise of 6 dB between 8 ms on their two sides, with a level between them 8 dB or more below both: a 1-ms
envelope sees them to 1 ms. Most are the closures of plosives and pauses: what tells them apart is measured here in
three bands (all; high, about 4 kHz; top, about 12 kHz), and judged by detectors.
"""

import logging

import numpy as np

from aqa.measures import dips_kernels as kernels
from aqa.measures.measure import Found
from aqa.model import Floats, Ints
from aqa.sound_model import Candidates, Series

_BANDS = ("all", "high", "top")
COLUMNS = (
    "length_ms",
    *(
        f"{place}_{band}_dbfs" for band in _BANDS
        for place in ("inside", "before", "after", "far_before", "far_after")
    ),
    *(
        f"{what}_{band}_db" for band in _BANDS
        for what in ("fall_2_ms", "rise_2_ms", "fall_4_ms", "rise_4_ms", "click_start", "click_end")
    ),
    "least_inside_all_dbfs", "most_inside_all_dbfs", "least_inside_high_dbfs", "most_inside_high_dbfs",
    "first_inside_dbfs", "last_inside_dbfs",
    "least_before_dbfs", "most_before_dbfs", "least_after_dbfs", "most_after_dbfs",
)  # fmt: skip
"""Levels in dBFS by band, inside (2 ms off its ends), 1 to 15 ms and 15 to 40 ms beside; steps at the ends over 2
and 4 ms; the loudest ms at an end over the loudest of the 10 ms outside; least and most of 2 ms inside and beside;
the first and last 8 ms inside."""

MAXIMUM = 200_000
KEPT_MS = kernels.LONGEST_MS + kernels.FAR_MS + 2 * kernels.EDGE_MS
COMING_MS = kernels.FAR_MS + 4
ONSETS_S = 0.5
FLOOR_SHARE = 0.05  # as the noise floor of `levels`: 95 % of what sounds is above
FLOOR_EVERY_MS = 8
_BINS, _LOWEST = 280, -120.0  # 0.5 dB from -120 dBFS on

_log = logging.getLogger(__name__)


class Dips:
    """The candidates while a channel goes by; it keeps 0.7 s of the envelope."""

    def __init__(self, rate: int, lsb: float) -> None:
        self.rate = rate
        self.high, self.top = max(1, round(rate / 8000)), max(1, round(rate / 24_000))
        self.before = rate // 1000 + 2 * self.high + 2 if rate >= kernels.BANDS * 1000 else 0
        self.after = 0
        self.env = np.zeros((kernels.BANDS, 0), np.float32)
        self.first = self.judged = -1  # blocks: the first of `env`; up to which rises were looked for
        self.end = -1
        self.spans: list[Ints] = []
        self.rows: list[Floats] = []
        self.count = 0
        self.onsets: list[Ints] = []
        self.floors = np.zeros((2, _BINS), np.int64)

    def take(self, x: Floats, lo: int, hi: int, base: int) -> None:
        """The dips that are over, with what comes after them, in `x[lo:hi]`."""
        if not self.before:
            return
        if base + lo != self.end:
            self._begin(base + lo)
        self.end = base + hi
        have = self.first + self.env.shape[1]
        count = max(0, (1000 * (base + hi)) // self.rate - have)
        while (have + count) * self.rate // 1000 > base + hi:
            count -= 1
        if count > 0:
            self._extend(x, base, have, count)
        self._judge()

    def _begin(self, at: int) -> None:
        """Media begins at sample `at`: nothing is known before."""
        self.first = self.judged = -(-1000 * at // self.rate)
        self.env = np.zeros((kernels.BANDS, 0), np.float32)

    def _extend(self, x: Floats, base: int, first: int, count: int) -> None:
        """`count` more blocks of the envelope, from block `first` on; and count levels of both upper bands."""
        new = np.empty((kernels.BANDS, count), np.float32)
        kernels.powers(x, base, self.rate, first, new[0])
        start, end = first * self.rate // 1000 - base, (first + count) * self.rate // 1000 - base
        part = np.empty(end - start, np.float32)
        for band, lag in ((1, self.high), (2, self.top)):
            kernels.curve(x[start:end], x[start - lag : end - lag], x[start - 2 * lag : end - 2 * lag], part)
            kernels.powers(part, start + base, self.rate, first, new[band])
            kernels.count_levels(new[band], -first % FLOOR_EVERY_MS, _LOWEST, self.floors[band - 1])
        self.env = np.concatenate([self.env, new], axis=1)

    def _judge(self) -> None:
        """Look for rises in what has enough after it, then forget what no dip can reach back to."""
        lo, hi = self.judged - self.first, self.env.shape[1] - COMING_MS
        if hi <= lo:
            return
        step = np.empty(self.env.shape[1])
        kernels.steps(self.env[0], np.empty_like(step), step)
        spans = np.empty((kernels.PAIRS * (hi - lo), 2), np.int64)
        rises = np.zeros(self.env.shape[1], np.int64)
        self._keep(spans[: kernels.boxes(self.env, step, lo, hi, spans, rises)])
        self.onsets.append((np.flatnonzero(rises) + self.first).astype(np.int64))
        self.judged = self.first + hi
        drop = max(0, hi - KEPT_MS)
        self.env = np.ascontiguousarray(self.env[:, drop:])
        self.first += drop

    def _keep(self, spans: Ints) -> None:
        """Measure and keep; up to the most."""
        room = min(len(spans), MAXIMUM - self.count)
        if room < len(spans) and self.count < MAXIMUM:
            _log.warning("more than %d possible dips in a channel: the later ones are left out", MAXIMUM)
        if room <= 0:
            return
        rows = np.empty((room, len(COLUMNS)), np.float32)
        kernels.features(self.env, spans, room, rows)
        self.spans.append(spans[:room] + self.first)
        self.rows.append(rows)
        self.count += room

    def close(self, x: Floats, at: int, base: int) -> None:
        """What is open at the end of media is no dip: nothing says that sound came back."""
        self.end = -1

    def found(self, samples: int) -> Found:
        """Candidates by start, floors of both upper bands, and how many onsets there were in each half second."""
        spans = np.concatenate([np.zeros((0, 2), np.int64), *self.spans])
        rows = np.concatenate([np.zeros((0, len(COLUMNS)), np.float32), *self.rows])
        order = np.lexsort((spans[:, 1], spans[:, 0]))
        starts, ends = (spans[order] * self.rate // 1000).T
        runs = Candidates(starts.copy(), ends.copy(), COLUMNS, rows[order])
        onsets = np.concatenate([np.zeros(0, np.int64), *self.onsets])
        bins = np.zeros(-(-samples * 2 // self.rate), np.int64)
        np.add.at(bins, onsets // round(1000 * ONSETS_S), 1)
        counted = Series(ONSETS_S, ("onsets",), np.minimum(bins, 255).astype(np.uint8)[:, None])
        facts = {f"{name}_floor_dbfs": _floor(hits) for name, hits in zip(_BANDS[1:], self.floors, strict=True)}
        return Found({"onsets": counted}, {"dip": runs}, facts)


def _floor(counts: Ints) -> float | None:
    """The level that 95 % of what sounds exceeds; None where nothing does."""
    total = int(counts.sum())
    if not total:
        return None
    return float(_LOWEST + 0.5 * np.searchsorted(np.cumsum(counts), FLOOR_SHARE * total))
