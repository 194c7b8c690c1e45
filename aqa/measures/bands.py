"""Power every 40 ms in two dozen bands: on both sides of the usual codecs' upper limits, and about half-octaves.

One real FFT of 21 ms (Hann) every 40 ms, centred on the middle of its hop; kept as bytes. Every 20 ms would see all
of the sound, but cost 5 MB for a track-hour on disk, which is all that there is for all series.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled
from aqa.measures.measure import Found
from aqa.model import Flags, Floats
from aqa.sound_model import Series, Track

HOPS = 25  # in a second
WINDOW_S = 1024 / 48_000  # 21 ms
WALLS_KHZ = (4, 6, 8, 12, 16, 20)
"""Audio ends there: telephone and Opus NB 4, MB 6, WB 8, SWB 12, FB 20 kHz (RFC 6716 2.1.3); AAC and MP3 at 16."""
BELOW, ABOVE = (0.8, 0.95), (1.1, 1.25)
"""Bands beside a wall as shares of it: 3.2 to 3.8 and 4.4 to 5.0 kHz for 4 kHz."""
EDGES_HZ = tuple(80.0 * 100.0 ** (i / 12) for i in range(13))  # 80 Hz to 8 kHz in twelve equal ratios
WALL_DB, ALL_ALONG = 16.0, 0.9
STEP_DB, LEAST_DB = 0.5, -127.5
NOT_MEASURED, FLOOR = 0, 1
"""Bytes that stand for no media (or a band above half the sample rate), and for -127 dBFS and below."""
_GROWTH = 1 << 14


def names() -> tuple[str, ...]:
    """The columns: `below_4_khz`, `above_4_khz` ... `above_20_khz`, then `from_80_hz` ... `from_5450_hz`."""
    walls = [f"{side}_{wall}_khz" for wall in WALLS_KHZ for side in ("below", "above")]
    return (*walls, *(f"from_{round(edge)}_hz" for edge in EDGES_HZ[:-1]))


def decibels(series: Series) -> Floats:
    """Power in dBFS (square wave of full scale: 0), shape (hops, bands); NaN where not measured."""
    codes = np.asarray(series.values, np.float32)
    return np.where(codes > NOT_MEASURED, codes * np.float32(STEP_DB) + np.float32(LEAST_DB), np.float32(np.nan))


def ranges(rate: int, length: int) -> NDArray[np.int64]:
    """First bin and end of each band, shape (bands, 2); empty where it reaches above half the rate."""
    hertz = [(side[0] * 1000 * w, side[1] * 1000 * w) for w in WALLS_KHZ for side in (BELOW, ABOVE)]
    hertz += [(EDGES_HZ[i], EDGES_HZ[i + 1]) for i in range(12)]
    out = np.zeros((len(hertz), 2), np.int64)
    for i, (low, high) in enumerate(hertz):
        first, end = (int(np.ceil(edge * length / rate)) for edge in (low, min(high, 0.499 * rate)))
        if low < 0.45 * rate and high < 0.53 * rate:
            out[i] = first, max(first + 1, end)
    return out


@compiled("void(float32[::1], int64, float32[::1], int64[::1], float32[:, ::1])")
def _frames_kernel(x, first, window, starts, out):  # type: ignore[no-untyped-def]
    """Windowed frames of `x`; `starts` are on the presentation clock, on which `x[0]` is `first`."""
    for k in range(len(starts)):
        at = starts[k] - first
        here, row = x[at : at + len(window)], out[k]  # slices: their indices can't be negative, which costs
        for i in range(len(window)):
            row[i] = here[i] * window[i]


@compiled("void(complex64[:, ::1], int64[:, ::1], float64, float64[::1], uint8[:, ::1])")
def _bands_kernel(spectra, ranges, scale, sums, out):  # type: ignore[no-untyped-def]
    """Power in each range of bins as a byte; `sums` is room for running sums, one more than bins."""
    for k in range(len(spectra)):
        total = 0.0
        for i in range(spectra.shape[1]):
            re, im = float(spectra[k, i].real), float(spectra[k, i].imag)
            total += re * re + im * im
            sums[i + 1] = total
        for b in range(len(ranges)):
            code = 0
            if ranges[b, 1] > ranges[b, 0]:
                power = (sums[ranges[b, 1]] - sums[ranges[b, 0]]) * scale
                code = 1
                if power > 1.6e-13:
                    code = min(255, max(1, int(np.floor((10.0 * np.log10(power) + 127.5) / 0.5 + 0.5))))
            out[k, b] = code


class Bands:
    """The series `bands` while a channel goes by."""

    def __init__(self, rate: int, _lsb: float) -> None:
        from scipy.fft import next_fast_len  # noqa: PLC0415 - 0.1 s, and judging again does not need it

        self.rate = rate
        self.length = int(next_fast_len(round(WINDOW_S * rate), real=True))
        self.before, self.after = self.length // 2 + 1, self.length
        self.out = np.zeros((_GROWTH, len(names())), np.uint8)
        self.sums = np.zeros(self.length // 2 + 2)

    @cached_property
    def _window(self) -> Floats:
        return (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(self.length) + 0.5) / self.length)).astype(np.float32)

    @cached_property
    def _ranges(self) -> NDArray[np.int64]:
        return ranges(self.rate, self.length)

    @cached_property
    def _scale(self) -> float:
        """From |X|^2 on one side to mean square: both sides, and the window's own power (Parseval)."""
        return 2.0 / (self.length * float(np.sum(self._window.astype(np.float64) ** 2)))

    def take(self, x: Floats, lo: int, hi: int, base: int) -> None:
        """The frames whose middle lies in `x[lo:hi]`."""
        first, end = (self._frame(base + at) for at in (lo, hi))
        if end > first:
            self._transform(x, base, first, end)

    def _frame(self, at: int) -> int:
        """Number of the first frame whose middle is at sample `at` or after it."""
        return max(0, -(-(2 * HOPS * (at - 1) // self.rate) // 2))

    def _transform(self, x: Floats, base: int, first: int, end: int) -> None:
        from scipy.fft import rfft  # noqa: PLC0415

        if end > len(self.out):
            self.out = np.concatenate([self.out, np.zeros((end + _GROWTH - len(self.out), len(names())), np.uint8)])
        middles = -((2 * np.arange(first, end) + 1) * -self.rate // (2 * HOPS))  # rounded up
        frames = np.empty((end - first, self.length), np.float32)
        _frames_kernel(x, base, self._window, middles - self.length // 2, frames)
        spectra = np.ascontiguousarray(rfft(frames, axis=1, overwrite_x=True))
        _bands_kernel(spectra, self._ranges, self._scale, self.sums, self.out[first:end])

    def close(self, x: Floats, at: int, base: int) -> None:
        """Frames go on after missing media."""

    def found(self, samples: int) -> Found:
        """The series, as long as the channel."""
        hops = -(-samples * HOPS // self.rate)
        out = np.zeros((hops, len(names())), np.uint8)
        out[: min(hops, len(self.out))] = self.out[:hops]
        return Found(series={"bands": Series(1 / HOPS, names(), out)})


def speech_of(track: Track) -> Flags:
    """Whether each frame lies in active speech (ITU-T P.56), shape (hops,)."""
    middles = (np.arange(len(track.series["bands"].values)) * 2 + 1) * 100 // (2 * HOPS)
    return np.asarray(track.levels.speech[np.minimum(middles, max(0, len(track.levels.speech) - 1))])


def bandwidth_hz(track: Track) -> int | None:
    """The lowest wall that the channel's speech ends at, in Hz; None where there is none, or no speech.

    As `detectors/bandwidth_drop.py` sees a wall, over all of the recording: nine of ten frames show 16 dB.
    """
    if "bands" not in track.series or track.levels.active_speech_dbfs is None:
        return None
    bands, speech = decibels(track.series["bands"]), speech_of(track)
    for i, khz in enumerate(WALLS_KHZ):
        below, above = bands[:, 2 * i], bands[:, 2 * i + 1]
        if not np.isfinite(above).any():
            return None
        lit = speech & (below > float(np.nanquantile(above, 0.02)) + WALL_DB)
        if lit.sum() >= HOPS and float((below[lit] - above[lit] >= WALL_DB).mean()) >= ALL_ALONG:
            return khz * 1000
    return None
