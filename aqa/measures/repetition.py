"""Sound that comes twice, bit for bit: stuck buffers and repeated frames, at any lag from 5 to 200 ms.

A rolling hash over the last 16 samples (the gear hash of Xia et al., FastCDC, USENIX ATC 2016, with a shift of 4 bits
a sample) marks about one place in 16 by its top bits, the same places in equal sound. Each mark is looked up in a
table of those just gone by; where one comes back, samples are compared one by one, back to where the repeat began
and on to its end. Noise of a microphone does not come twice; what does is a copy, or synthetic.
"""

import logging
from typing import Any

import numpy as np

from aqa.compiled import compiled, inlined
from aqa.measures.measure import Found
from aqa.model import Doubles, Floats, Ints
from aqa.sound_model import Candidates

COLUMNS = ("lag_samples", "level_dbfs", "before_dbfs", "changing_share", "own_period", "same_before")
"""Lag; level of what is repeated, and of what came before it; share of its samples that differ from the one
before; largest correlation of it with itself at a shorter lag, and its correlation with what came before it."""

LEAST_LAG_S, MOST_LAG_S = 0.005, 0.2
LEAST_SHARE = 0.9  # of the lag that must be repeated (ACCURACY.md (d))
LEAST_LENGTH_S = 0.01  # or as much at any lag
SLOTS = 4096
MAXIMUM = 200_000
_NEVER = -(1 << 60)
_PRIME = np.uint64(0x9E3779B97F4A7C15)  # Knuth, TAOCP 3, 6.4: multiplicative hashing by the golden ratio
_FOUR, _SLOT_BITS = np.uint64(4), np.uint64(52)
_NOTHING, _ALL = np.uint64(0), np.uint64((1 << 64) - 1)

_log = logging.getLogger(__name__)


@inlined
def _back(x, i, lag, most):  # type: ignore[no-untyped-def]
    """Where the samples that equal those `lag` before begin, `most` before `x[i]` at most."""
    start = i
    while start > i - most and x[start - 1] == x[start - 1 - lag]:
        start -= 1
    return start


@compiled("i8(u4[::1], i8, i8, i8, i8[::1], u8[::1], i8[::1], i8[:, ::1])")
def repeats(x: Any, lo: int, hi: int, base: int, state: Any, hashes: Any, places: Any, spans: Any) -> int:
    """Repeats that grow long enough in `x[lo:hi]`, as rows (start, lag, end or 0 while it goes on); their number.

    `x` are samples as bits. `state` = (start of the open repeat, its lag or 0, least lag, most lag, bits of a mark,
    1 once it is long enough, end of the one that an earlier chunk left open or 0, least length). `hashes` = the hash,
    then that of each slot; `places` = the slots' samples.
    """
    count, lag, row, most = 0, state[1], -1, state[3]
    value, limit = hashes[0], _ALL >> np.uint64(state[4])
    state[6] = 0
    for i in range(lo, hi):
        value = (value << _FOUR) + np.uint64(x[np.uint64(i)]) * _PRIME  # a place is never negative
        if lag > 0:
            if x[i] != x[i - lag]:
                if state[5] == 1 and row >= 0:
                    spans[row, 2] = base + i
                elif state[5] == 1:
                    state[6] = base + i
                lag, row, state[5] = 0, -1, 0
            elif state[5] == 0 and base + i + 1 - state[0] >= min(state[7], (9 * lag + 9) // 10):
                spans[count, 0], spans[count, 1], spans[count, 2] = state[0], lag, 0
                row, state[5] = count, 1
                count += 1
        if value <= limit and value != _NOTHING:  # zero: digital silence
            slot = np.int64((value * _PRIME) >> _SLOT_BITS)
            far = base + i - places[slot]
            if lag == 0 and hashes[1 + slot] == value and state[2] <= far <= most and x[i] == x[i - far]:
                lag, state[0] = far, base + _back(x, i, far, most)
            hashes[1 + slot], places[slot] = value, base + i
    hashes[0], state[1] = value, lag
    return count


class Repetition:
    """The repeats while a channel goes by; `before` holds the sound that is repeated and as much before it."""

    def __init__(self, rate: int, lsb: float) -> None:
        self.rate = rate
        self.least, self.most = max(64, round(rate * LEAST_LAG_S)), round(rate * MOST_LAG_S)
        self.before, self.after = 3 * self.most + 1, 0
        marks = 2 if rate < 12_000 else 3 if rate < 24_000 else 4 if rate < 40_000 else 5 if rate < 128_000 else 6
        length = max(64, round(rate * LEAST_LENGTH_S))
        self.state = np.array([0, 0, self.least, self.most, marks, 0, 0, length], np.int64)
        self.hashes, self.places = np.zeros(1 + SLOTS, np.uint64), np.full(SLOTS, _NEVER, np.int64)
        self.spans, self.clean = np.zeros((0, 3), np.int64), np.zeros(0, np.float32)
        self.kept: list[tuple[int, int, Doubles]] = []
        self.ends: list[int] = []

    def take(self, x: Floats, lo: int, hi: int, base: int) -> None:
        """The repeats that grow long enough in `x[lo:hi]`."""
        if self.least >= self.most:
            return  # no rate that sound is sampled at
        most = (hi - lo) // (self.least * 9 // 10) + 2
        if len(self.spans) < most:
            self.spans = np.zeros((most, 3), np.int64)
        if len(self.clean) != len(x):
            self.clean = np.empty(len(x), np.float32)
        np.add(x, np.float32(0), out=self.clean)  # of -0 makes 0: equal numbers, unequal bits
        bits = self.clean.view(np.uint32)
        count = repeats(bits, lo, hi, base, self.state, self.hashes, self.places, self.spans)
        if self.state[6] and len(self.ends) < len(self.kept):
            self.ends.append(int(self.state[6]))
        for start, lag, end in self.spans[:count].tolist():
            self._keep(x, start - base, lag, base)
            if end and len(self.ends) < len(self.kept):
                self.ends.append(end)

    def _keep(self, x: Floats, at: int, lag: int, base: int) -> None:
        if len(self.kept) == MAXIMUM:
            return
        self.kept.append((base + at, lag, _features(x, at, lag)))
        if len(self.kept) == MAXIMUM:
            _log.warning("more than %d repeats in a channel: the later ones are left out", MAXIMUM)

    def close(self, x: Floats, at: int, base: int) -> None:
        """The media ends before `x[at]`: what is repeated ends there, and nothing is repeated across."""
        if len(self.ends) < len(self.kept):
            self.ends.append(base + at)
        self.state[[1, 5, 6]] = 0
        self.hashes[:] = 0
        self.places[:] = _NEVER

    def found(self, samples: int) -> Found:
        """Candidates from the first repeated sample to the last."""
        starts = np.array([start for start, _, _ in self.kept], np.int64)
        ends: Ints = np.array(self.ends, np.int64)
        values = np.array([out for _, _, out in self.kept]).reshape(-1, len(COLUMNS))
        return Found(runs={"repetition": Candidates(starts, ends, COLUMNS, values.astype(np.float32))})


def _features(x: Floats, at: int, lag: int) -> Doubles:
    """The features of a repeat that begins at `x[at]`, of shape (columns,)."""
    once, before = x[at - lag : at].astype(np.float64), x[at - 2 * lag : at - lag].astype(np.float64)
    changing = float(np.mean(np.diff(once) != 0))
    own = _correlations(once)
    energy = float(np.sqrt(np.sum(once**2) * np.sum(before**2)))
    same = float(np.sum(once * before)) / energy if energy > 0 else 0.0
    return np.array([lag, _dbfs(once), _dbfs(before), changing, own, same])


def _correlations(x: Doubles) -> float:
    """Largest normalised correlation of `x` with itself at a lag from an eighth to three quarters of its length."""
    size = len(x)
    spectrum = np.fft.rfft(x, 2 * size)
    raw = np.fft.irfft(spectrum * spectrum.conj())[:size]
    total = np.concatenate(([0.0], np.cumsum(x * x)))
    lags = np.arange(max(1, size // 8), 3 * size // 4)
    energy = np.sqrt(total[size - lags] * (total[size] - total[lags]))
    return float(np.max(raw[lags] / np.maximum(energy, 1e-20), initial=0.0))


def _dbfs(x: Doubles) -> float:
    return max(-200.0, 10 * float(np.log10(np.mean(x * x) + 1e-20)))
