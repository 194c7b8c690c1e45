"""Steady tones, mains hum and echo of one channel, from 2 s spectra below 1.5 kHz.

`tones` each second: the most prominent line, and how many lines stand out. `hum` each 30 s: see `mains`. `echo` each
10 s: the highest peak of the mean log spectrum's cepstrum between 60 and 520 ms.
"""

import numpy as np

from aqa.compiled import compiled
from aqa.measures.lowband import Lowband
from aqa.measures.mains import HUM, HUM_S, Mains
from aqa.measures.measure import Found
from aqa.model import Doubles, Floats
from aqa.sound_model import Series

TONES = ("hertz", "prominence_db", "level_dbfs", "share", "lines")
ECHO = ("lag_ms", "height", "noise", "frames", "next_height")
ECHO_S = 10
LINE_DB = 15.0
TONE_HZ = (100.0, 1400.0)
ECHO_HZ = (150.0, 1400.0)
ECHO_MS = (60.0, 520.0)
QUIET_DB = 30.0  # frames so far below the loudest of their 10 s say nothing of an echo of speech
SILENT_DBFS = -120.0
MIN_ECHO_FRAMES = 5


class Tones:
    """The three series while a channel goes by."""

    def __init__(self, rate: int, _lsb: float) -> None:
        self.low = Lowband(rate)
        self.mains = Mains(rate, self.low.factor)
        self.before = self.after = self.low.factor
        self.bin_hz = self.low.hertz / self.low.length
        self.seconds: dict[int, tuple[float, ...]] = {}
        self.echo: dict[int, tuple[float, ...]] = {}
        self.echo_frames: list[Floats] = []
        self.last = -1
        self.tone_bins = slice(*(round(hz / self.bin_hz) for hz in TONE_HZ))

    def take(self, x: Floats, lo: int, hi: int, base: int) -> None:
        """The frames that end in `x[lo:hi]`."""
        first, new = self.low.decimated(x, lo, hi, base)
        self.mains.take(first, new)
        for second, spectrum in self.low.frames(first, new):
            self._flush(second)
            self.last = second
            self.seconds[second] = line(spectrum, self.bin_hz)
            self.echo_frames.append(spectrum)

    def _flush(self, second: int) -> None:
        """Sum up the 10 s that end before `second`."""
        if self.last // ECHO_S != second // ECHO_S and self.echo_frames:
            self.echo[self.last // ECHO_S] = echo(np.stack(self.echo_frames), self.low.hertz, self.low.length)
            self.echo_frames = []

    def close(self, x: Floats, at: int, base: int) -> None:
        """No frame reaches over missing media."""
        self.low.restart()
        self.mains.restart()

    def found(self, samples: int) -> Found:
        """The series, as long as the channel; NaN where not measured."""
        self._flush(1 << 40)
        self.mains.flush()
        seconds = -(-samples // self.low.rate)
        return Found(
            series={
                "tones": _table(self.seconds, seconds, 1, TONES),
                "hum": _table(self.mains.half_minutes, seconds, HUM_S, HUM),
                "echo": _table(self.echo, seconds, ECHO_S, ECHO),
            }
        )


def _table(rows: dict[int, tuple[float, ...]], seconds: int, hop_s: int, columns: tuple[str, ...]) -> Series:
    out = np.full((-(-seconds // hop_s), len(columns)), np.nan, np.float32)
    for at, row in rows.items():
        out[at] = row
    return Series(float(hop_s), columns, out)


@compiled("void(float32[::1], int64, int64, float64[::1], float64[::1])")
def _prominence_kernel(spectrum, reach, spare, sums, out):  # type: ignore[no-untyped-def]
    n = len(spectrum)
    for i in range(n):
        sums[i + 1] = sums[i] + spectrum[i]
    for i in range(n):
        first, end = max(i - reach, 0), min(i + reach + 1, n)
        skip, go_on = max(i - spare, 0), min(i + spare + 1, n)
        total = sums[end] - sums[first] - (sums[go_on] - sums[skip])
        out[i] = spectrum[i] - total / max(1, end - first - (go_on - skip))


def prominence(spectrum: Floats, reach: int, spare: int) -> Doubles:
    """dB of each bin over the mean of those more than `spare` and up to `reach` bins away on both sides."""
    out = np.empty(len(spectrum))
    _prominence_kernel(np.ascontiguousarray(spectrum), reach, spare, np.zeros(len(spectrum) + 1), out)
    return out


def line(spectrum: Floats, bin_hz: float) -> tuple[float, ...]:
    """A row of TONES. `share`: of the power below 1.5 kHz; `lines`: maxima that stand out by LINE_DB."""
    first, end = (round(hz / bin_hz) for hz in TONE_HZ)
    over = prominence(spectrum, round(30 / bin_hz), round(4 / bin_hz))
    peaks = over[1:-1] * ((spectrum[1:-1] >= spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:]))
    inside = peaks[first - 1 : end - 1]
    best = first + int(inside.argmax())
    power = np.exp(spectrum * np.float32(np.log(10) / 10))
    own = power[max(0, best - 4) : best + 5].sum()  # the window's main lobe: four bins on each side
    if spectrum[best] <= SILENT_DBFS:
        return np.nan, 0.0, SILENT_DBFS, 0.0, 0.0
    lines = float((inside >= LINE_DB).sum())
    return best * bin_hz, float(over[best]), float(spectrum[best]), float(own / power.sum()), lines


def echo(frames: Floats, rate_hz: float, length: int) -> tuple[float, ...]:
    """A row of ECHO from spectra (frames, bins) in dB.

    A copy of gain g at lag T ripples the log power spectrum by 2 g cos(2 pi f T), which the mean over frames keeps
    and speech does not: the cepstrum's peak at T is about g (Bogert, Healy, Tukey 1963). `noise` is the RMS of what
    lies around; `next_height` the highest peak at another lag.
    """
    level = frames.max(axis=1)
    active = frames[level > max(float(level.max()) - QUIET_DB, SILENT_DBFS)]
    if len(active) < MIN_ECHO_FRAMES:
        return (np.nan,) * len(ECHO)
    height = np.abs(cepstrum(active.mean(axis=0), rate_hz, length))
    first, end = (round(ms * rate_hz / 1000) for ms in ECHO_MS)
    best = first + int(height[first:end].argmax())
    around = np.delete(height[first:end], np.arange(max(0, best - first - 6), min(end, best + 7) - first))
    noise = float(np.sqrt(np.median(around**2) / np.log(2)))  # of the magnitude of complex noise
    return best / rate_hz * 1000, float(height[best]), noise, float(len(active)), float(around.max())


def cepstrum(spectrum: Floats, rate_hz: float, length: int) -> Doubles:
    """Complex cepstrum of the band ECHO_HZ under a Hann window, scaled so that a ripple 2 g cos reads g."""
    from scipy.fft import ifft  # noqa: PLC0415 - only when sound is measured

    first, end = (round(hz * length / rate_hz) for hz in ECHO_HZ)
    nepers = spectrum[first:end].astype(np.float64) * (np.log(10) / 10)
    taper = np.hanning(len(nepers))
    nepers -= np.average(nepers, weights=taper)
    padded = np.zeros(length)
    padded[first : first + len(nepers)] = nepers * taper / taper.sum()
    return np.asarray(ifft(padded) * length)
