"""Fine spectra of what is below 1.5 kHz: the channel decimated to 3 kHz or a little more, and 2 s of it every second.

Decimation by a triangle of two steps: it has double zeros at all multiples of the new rate, so what folds to below
400 Hz is 33 dB down or more, and steady tones near such a multiple (which could pass for hum) 70 dB.
"""

from collections.abc import Iterator

import numpy as np

from aqa.compiled import compiled
from aqa.model import Doubles, Floats

RATE_HZ = 3000.0  # at least; the sample rate divided by a whole number
WINDOW_S = 2.048  # 4096 samples at 2 kHz, 0.49 Hz a bin
BLACKMAN_HARRIS = (0.35875, -0.48829, 0.14128, -0.01168)  # Harris 1978, table 1: four terms, sidelobes -92 dB

_DB = np.float32(10 / np.log(10))  # numpy's log is four times as fast as its log10


@compiled("void(float32[::1], int64, int64, float32[::1])")
def _decimate_kernel(x, first, factor, out):  # type: ignore[no-untyped-def]
    """`out[k]`: mean of `x` around `first + k factor`, weights falling to zero a factor away on both sides."""
    scale = 1.0 / (factor * factor)
    rising = 0.0  # of the step before: the first half of the next triangle
    for k in range(-1, len(out)):
        at = first + k * factor
        here = x[at : at + factor]
        total, falling = 0.0, 0.0
        for i in range(factor):
            total += float(here[i])
            falling += total  # adds up to weights of factor, factor - 1 ... 1
        if k >= 0:
            out[k] = (rising + falling) * scale
        rising = factor * total - falling  # weights of 0, 1 ... factor - 1


def decimated(x: Floats, first: int, factor: int, count: int) -> Floats:
    """`count` samples of `x`, from index `first` on, each `factor`; needs `factor` samples on both sides."""
    out = np.empty(count, np.float32)
    _decimate_kernel(x, first, factor, out)
    return out


class Lowband:
    """Cuts a channel into decimated frames; what has no whole frame (2 s) of media is not measured."""

    def __init__(self, rate: int) -> None:
        from scipy.fft import next_fast_len  # noqa: PLC0415 - only when sound is measured

        self.factor = max(1, int(rate // RATE_HZ))
        self.rate = rate
        self.hertz = rate / self.factor
        self.length = int(next_fast_len(round(WINDOW_S * self.hertz), real=True))
        self.window = _window(self.length)
        self.kept = np.zeros(0, np.float32)
        self.at: int | None = None  # decimated index of kept[0]; None: media begins anew

    def decimated(self, x: Floats, lo: int, hi: int, base: int) -> tuple[int, Floats]:
        """The decimated channel in `x[lo:hi]`, and the decimated index of its first sample."""
        first, end = (-(-(base + at) // self.factor) for at in (lo, hi))
        return first, decimated(x, first * self.factor - base, self.factor, end - first)

    def frames(self, first: int, new: Floats) -> Iterator[tuple[int, Floats]]:
        """Second and power spectrum (dBFS of a sine at a bin, shape (bins,)) of each frame that `new` ends.

        `new` is more of the decimated channel, from index `first` on.
        """
        if self.at is None:
            self.kept, self.at = self.kept[:0], first
        self.kept = np.concatenate([self.kept, new])
        end = first + len(new)
        second = -(-self.at * self.factor // self.rate)
        while True:
            start = -(-second * self.rate // self.factor)  # its first sample at or after the second
            if start + self.length > end:
                break
            yield second, self._spectrum(self.kept[start - self.at :][: self.length])
            second += 1
        drop = max(0, min(start, end) - self.at)
        self.kept, self.at = self.kept[drop:], self.at + drop

    def restart(self) -> None:
        """The media ends here: no frame reaches over it."""
        self.at = None

    def _spectrum(self, frame: Floats) -> Floats:
        from scipy.fft import rfft  # noqa: PLC0415

        bins = rfft(frame * self.window)
        power = bins.real**2 + bins.imag**2
        return np.asarray(_DB * np.log(np.maximum(power, np.float32(1e-20))), np.float32)


def _window(length: int) -> Floats:
    """Periodic Blackman-Harris, scaled so that a sine of RMS 1 (full-scale square: 0 dBFS) reads 0 dB at its bin."""
    angle = 2 * np.pi * np.arange(length) / length
    shape: Doubles = np.sum([a * np.cos(i * angle) for i, a in enumerate(BLACKMAN_HARRIS)], axis=0)
    return np.asarray(shape * np.sqrt(2) / shape.sum(), np.float32)
