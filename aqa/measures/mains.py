"""Mains hum of one channel: how much of what lies at 50 and 60 Hz and their multiples keeps its phase for 30 s.

Every quarter second one complex amplitude (Hann window of 0.5 s, 3 Hz of noise bandwidth) at each of the first six
multiples of 50 and 60 Hz. Over half a minute they are added up as a line of every frequency within the tolerance of
mains would have them in phase, each weighted by one over the power around it, so that pauses count and speech does
not: the filter that is best for a line in noise which comes and goes (Kay, Fundamentals of Statistical Signal
Processing II, 5.4). Voices and music never keep a phase that long; mains drift by 0.01 Hz or so in that time.
"""

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled
from aqa.measures.lowband import decimated
from aqa.model import Doubles, Floats, Ints

MAINS_HZ = (50, 60)
HARMONICS = 6
HUM = tuple(
    f"{what}_{mains}" for mains in MAINS_HZ
    for what in (*(f"prominence_{n}_db" for n in range(1, HARMONICS + 1)), "level_dbfs", "base_hz")
)  # fmt: skip
"""Power of each harmonic's line over the noise in the bandwidth of half a minute (1/30 Hz); all lines; the base."""

HUM_S = 30
LEAST_HZ = 1000.0  # what folds to 360 Hz from 640 Hz on is 15 dB down and more, and speech is fainter there
AT_ONCE_S = 8  # fewer calls cost less
PER_S = 4  # amplitudes a second
WINDOW_S = 0.5
TOLERANCE = 0.004  # mains stay within 0.2 Hz in normal operation (ENTSO-E, synchronous area continental Europe)
QUARTERS = HUM_S * PER_S
MIN_QUARTERS = QUARTERS // 2
LENGTH = 2048  # of the transform over half a minute: the base to 0.004 Hz
AROUND = (0.25, 0.75, 1.0, 0.75, 0.25)  # half a second on both sides tells how loud it is around
NOTHING = 1e-14  # -140 dBFS
SHOWN = 6.0  # times the noise: harmonics whose levels are added up

_HERTZ = tuple(dict.fromkeys(mains * n for mains in MAINS_HZ for n in range(1, HARMONICS + 1)))


@compiled("void(f4[::1], i8[::1], f4[:, ::1], f4[:, ::1])")
def amplitudes(x, starts, table, out):  # type: ignore[no-untyped-def]
    """`out[k]`: sum of `x` from `starts[k]` on times each column of `table` (samples, columns)."""
    for k in range(len(starts)):
        here, row = x[starts[k] : starts[k] + len(table)], out[k]
        row[:] = 0
        for i in range(len(here)):
            value, weights = here[i], table[i]
            for j in range(len(row)):
                row[j] += value * weights[j]


class Mains:
    """The rows of HUM by half minute, from a channel decimated by `factor`, which it decimates once more."""

    def __init__(self, rate: int, factor: int) -> None:
        self.rate, self.again = rate, max(1, int(rate / factor // LEAST_HZ))
        self.factor = factor * self.again
        self.table = _table(rate / factor, self.again)
        self.coming, self.kept = np.zeros(0, np.float32), np.zeros(0, np.float32)
        self.next: int | None = None  # index of coming[0], decimated once; None: media begins anew
        self.at = 0  # index of kept[0], decimated twice
        self.quarters: list[int] = []
        self.values: list[Floats] = []
        self.half_minutes: dict[int, tuple[float, ...]] = {}

    def take(self, first: int, new: Floats) -> None:
        """More of the channel as it was decimated once, from index `first` on."""
        if self.next is None:
            self.coming, self.next = self.coming[:0], first
            self.kept, self.at = self.kept[:0], -(-first // self.again) + 1
        self.coming = np.concatenate([self.coming, new])
        if len(self.coming) * self.factor >= AT_ONCE_S * self.rate * self.again:
            self._see()

    def _see(self) -> None:
        """Decimate and measure what has come."""
        if self.next is None:
            return
        begin = self.at + len(self.kept)
        count = (self.next + len(self.coming)) // self.again - begin
        if count <= 0:
            return
        more = decimated(self.coming, begin * self.again - self.next, self.again, count)
        self.kept = np.concatenate([self.kept, more])
        drop = (begin + count - 1) * self.again - self.next
        self.coming, self.next = self.coming[drop:], self.next + drop
        self._windows()

    def _windows(self) -> None:
        """Measure the windows that are whole."""
        step, end = PER_S * self.factor, self.at + len(self.kept)
        quarter = -(-self.at * step // self.rate)
        last = ((end - self.table.shape[0]) * step) // self.rate  # the last that is whole
        if last >= quarter:
            starts = -(-np.arange(quarter, last + 2) * self.rate // step)  # its first sample at or after it
            self._measure(quarter, starts[:-1])
            drop = min(end, int(starts[-1])) - self.at
            self.kept, self.at = self.kept[drop:], self.at + drop

    def _measure(self, quarter: int, starts: Ints) -> None:
        out = np.empty((len(starts), self.table.shape[1]), np.float32)
        amplitudes(self.kept, starts - self.at, self.table, out)
        for number, row in enumerate(out, quarter):
            if self.quarters and self.quarters[-1] // QUARTERS != number // QUARTERS:
                self.flush()
            self.quarters.append(number)
            self.values.append(row)

    def restart(self) -> None:
        """The media ends here: no window reaches over it."""
        self._see()
        self.next = None

    def flush(self) -> None:
        """Sum up the half minute that is over."""
        if len(self.quarters) >= MIN_QUARTERS:
            at = np.array(self.quarters)
            pairs = np.stack(self.values).astype(np.float64)
            start_s = -(-at * self.rate // (PER_S * self.factor)) * (self.factor / self.rate)
            turns = np.exp(-2j * np.pi * np.outer(start_s, _HERTZ))
            found = np.zeros((QUARTERS, len(_HERTZ)), np.complex128)
            found[at % QUARTERS] = (pairs[:, 0::2] + 1j * pairs[:, 1::2]) * turns
            self.half_minutes[self.quarters[0] // QUARTERS] = hum(found, len(at))
        self.quarters, self.values = [], []


def _table(hertz: float, again: int) -> Floats:
    """Windowed cosines and sines, shape (samples, 2 frequencies); a sine of RMS 1 reads 1.

    The channel has `hertz` samples a second before it is decimated again; what that takes off is given back.
    """
    length = round(WINDOW_S * hertz / again)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(length) + 0.5) / length)
    turn = np.array(_HERTZ) / hertz
    waves = (
        np.exp(-2j * np.pi * np.outer(np.arange(length), turn * again))
        * (window * np.sqrt(2) / window.sum())[:, None]
    )
    waves *= (again * np.sin(np.pi * turn) / np.sin(np.pi * turn * again)) ** 2
    return np.ascontiguousarray(np.stack([waves.real, waves.imag], axis=2).reshape(length, -1), np.float32)


def hum(found: NDArray[np.complex128], count: int) -> tuple[float, ...]:
    """A row of HUM from complex amplitudes (QUARTERS, frequencies), 0 where one of them (`count` are) is missing."""
    from scipy.fft import fft  # noqa: PLC0415 - only when sound is measured

    power = np.abs(found) ** 2
    padded = np.pad(power, ((2, 2), (0, 0)), "edge")
    around = sum(w * padded[k : k + QUARTERS] for k, w in enumerate(AROUND)) / sum(AROUND)
    weights = np.where(power > 0, 1 / (around + NOTHING), 0.0)
    weighted = weights * found
    energy = np.sum(np.abs(weighted) ** 2, axis=0) + NOTHING
    sums = np.abs(fft(weighted, LENGTH, axis=0)) ** 2
    row: list[float] = []
    for mains in MAINS_HZ:
        row += _family(mains, sums, energy, weights.sum(axis=0), count)
    return tuple(row)


def _family(mains: int, sums: Doubles, energy: Doubles, weight: Doubles, count: int) -> list[float]:
    """The base whose multiples are in phase most; how far each line stands out there, and their level together."""
    most = round(TOLERANCE * mains * LENGTH / PER_S)
    steps = np.arange(-most, most + 1)
    columns = [_HERTZ.index(mains * n) for n in range(1, HARMONICS + 1)]
    scores = np.stack([sums[n * steps % LENGTH, at] / energy[at] for n, at in enumerate(columns, 1)])
    best = int(scores.sum(axis=0).argmax())
    own = np.minimum(scores[:, best], 0.9999 * count)  # a line alone: `count`
    heights = own / (1 - own / count)
    level = [
        sums[n * steps[best] % LENGTH, at] / weight[at] ** 2
        for n, at in enumerate(columns, 1) if heights[n - 1] > SHOWN
    ]  # fmt: skip
    prominence = 10 * np.log10(np.maximum(heights, 1.0))
    base_hz = mains + float(steps[best]) * PER_S / LENGTH
    return [*prominence.tolist(), 10 * np.log10(sum(level)) if level else np.nan, base_hz]
