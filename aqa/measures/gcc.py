"""The delay between two windows of sound, and the moment at which it changes.

Generalised cross-correlation with phase transform (Knapp and Carter 1976), weakened to |C|^-0.8 so that bins without
speech weigh less, between 150 and 7000 Hz.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from aqa.model import Doubles, Floats

RATE_HZ = 16_000
SIZE = 1 << 14  # of the transform: a window of 0.5 s (8000 samples) and lags on both sides of it
SEARCH_S = 0.25  # half a window: what is further shares less than half of its sound
WHITE = 0.8
BAND_HZ = (150.0, 7000.0)  # below is hum, above it codecs differ most
STRONG = 9.0  # peak over RMS: the largest that unrelated sound gave was 6
QUIET = 1e-5  # RMS, -100 dBFS: digital silence and its dither
BACK_S = 6.0  # sound kept behind the present window
LOCAL_S = 0.02  # over which a level is evened out: a phone is longer
EVEN_HZ = 40.0  # a spectrum is evened out over: less than a voice's pitch, and smears time by 1/40 s at most
FLOOR = 0.1  # of the loudest, below which it is not: 20 dB
NEAR = 0.15  # of the range of a sum: what is so close to the largest may be it


class Pieces:
    """Sound that comes in pieces, and a view of its last seconds by position; outside it is silence."""

    def __init__(self, pieces: Iterable[Floats]) -> None:
        self._pieces = iter(pieces)
        self._kept = np.zeros(0, np.float32)
        self._start = 0  # position of _kept[0]
        self._over = False

    def has(self, end: int) -> bool:
        """Whether there is sound up to position `end`; reads on as far as that takes."""
        parts, length = [self._kept], len(self._kept)
        while not self._over and self._start + length < end:
            piece = next(self._pieces, None)
            self._over = piece is None
            parts += [] if piece is None else [piece]
            length += 0 if piece is None else len(piece)
        if len(parts) > 1:
            self._kept = np.concatenate(parts)
        return self._start + length >= end

    def view(self, start: int, length: int) -> Floats:
        """`length` samples from position `start`; zeros where there are none, or none any more."""
        self.has(start + length)
        out = np.zeros(length, np.float32)
        lo, hi = max(start, self._start), min(start + length, self._start + len(self._kept))
        if lo < hi:
            out[lo - start : hi - start] = self._kept[lo - self._start : hi - self._start]
        drop = min(start - round(BACK_S * RATE_HZ) - self._start, len(self._kept))
        if drop > RATE_HZ:
            self._kept, self._start = self._kept[drop:].copy(), self._start + drop
        return out


@dataclass(frozen=True)
class Found:
    """What one window told: its delay, how strongly, and whether it held sound at all."""

    delay_s: float
    strength: float
    sound: bool


def delay(a: Pieces, b: Pieces, start_s: float, expected_s: float, window_s: float) -> Found:
    """How much later than in `a` the window from `start_s` on is in `b`, within 0.25 s of `expected_s`."""
    length, shift = round(window_s * RATE_HZ), round(expected_s * RATE_HZ)
    start = round(start_s * RATE_HZ)
    x, y = a.view(start, length), b.view(start + shift, length)
    if min(float(np.mean(x * x)), float(np.mean(y * y))) < QUIET**2:
        return Found(expected_s, 0.0, False)
    lag, strength = _peak(x, y)
    return Found((shift + lag) / RATE_HZ, strength, True)


def _peak(x: Floats, y: Floats) -> tuple[float, float]:
    """Lag of `y` behind `x` in samples, to a fraction, and the correlation's peak over its RMS."""
    taper = np.hanning(len(x)).astype(np.float32)
    cross = np.fft.rfft(y * taper, SIZE) * np.conj(np.fft.rfft(x * taper, SIZE))
    low, high = (round(edge / RATE_HZ * SIZE) for edge in BAND_HZ)
    cross[:low] = cross[high:] = 0
    size = np.abs(cross)
    cross[low:high] /= np.maximum(size[low:high], 1e-12) ** WHITE
    reach = round(SEARCH_S * RATE_HZ)
    around = np.fft.irfft(cross)
    lags = np.concatenate([around[-reach:], around[: reach + 1]])
    top = int(np.argmax(lags))
    rms = float(np.sqrt(np.mean(lags**2)))
    bend = 0.0
    if 0 < top < len(lags) - 1:
        left, middle, right = (float(value) for value in lags[top - 1 : top + 2])
        bend = (left - right) / (2 * (left - 2 * middle + right)) if left - 2 * middle + right else 0.0
    return top - reach + bend, float(lags[top]) / rms if rms > 0 else 0.0


def change(
    a: Pieces, b: Pieces, between_s: tuple[float, float], delays_s: tuple[float, float]
) -> tuple[float, float]:
    """When, inside `between_s` of `a`, the delay went from one value to the other, and how uncertain that is.

    Up to there `a` goes with `b` at the first delay. What follows goes with it at the second: at once, or, where the
    delay fell, after the sound that `b` lacks. So the sum of their products, first the one, then the other, is
    largest there: the change point of greatest likelihood for noise of one level.
    """
    start, length = round(between_s[0] * RATE_HZ), round((between_s[1] - between_s[0]) * RATE_HZ)
    step = round((delays_s[1] - delays_s[0]) * RATE_HZ)
    x = _flat(a.view(start, length))
    before, after = (_flat(b.view(start + round(by * RATE_HZ), length)) for by in delays_s)
    first, second = np.cumsum(x * before), np.cumsum(x * after)
    lacks = np.minimum(np.arange(length) + max(-step, 0), length - 1)
    gain = first - second[lacks]
    at = _repeated(gain, step) if step > 0 else int(np.argmax(gain))
    close = np.flatnonzero(gain >= gain.max() - NEAR * np.ptp(gain))
    return between_s[0] + at / RATE_HZ, (int(close[-1]) - int(close[0])) / 2 / RATE_HZ


def _repeated(gain: Doubles, step: int) -> int:
    """Where the added time begins: sound played twice goes with both delays, and its second time is the one added."""
    top = int(np.argmax(gain))
    first, last = max(top - step + 1, 0), min(top + step, len(gain))  # plateaus that hold the top
    sums = np.concatenate([[0.0], np.cumsum(gain[first:last])])
    means = (sums[step:] - sums[:-step]) / step
    rise = max(float(gain[top] - gain[0]) / max(top, 1), 0.0)
    if len(means) and means.max() >= gain[top] - rise * step / 8:  # a peak between such sides loses a quarter of it
        return first + int(np.argmax(means)) + step - 1
    return top


def _flat(x: Floats) -> Doubles:
    """`x` with a flat spectrum and of one level: else loud vowels drown what tells, and repeat each pitch period."""
    spectrum = np.fft.rfft(x, 1 << len(x).bit_length())
    low, high = (round(edge / RATE_HZ * 2 * (len(spectrum) - 1)) for edge in BAND_HZ)
    spectrum[:low] = spectrum[high:] = 0
    size = np.sqrt(_smooth(np.abs(spectrum) ** 2, round(EVEN_HZ / RATE_HZ * 2 * len(spectrum))))
    flat = np.fft.irfft(spectrum / np.maximum(size, 1e-12) ** WHITE)[: len(x)]
    level = np.sqrt(_smooth(flat * flat, round(LOCAL_S * RATE_HZ)))
    return np.asarray(flat / np.maximum(level, FLOOR * float(level.max()) + 1e-12), np.float64)


def _smooth(x: Doubles, width: int) -> Doubles:
    """The mean over `width` values around each; of fewer at both ends."""
    sums = np.concatenate([[0.0], np.cumsum(x)])
    at = np.arange(len(x))
    lo, hi = np.maximum(at - width // 2, 0), np.minimum(at + width // 2 + 1, len(x))
    return np.asarray(np.maximum(sums[hi] - sums[lo], 0.0) / (hi - lo), np.float64)
