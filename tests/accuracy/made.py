"""Sound that is made here: noise, applause, rooms, fades."""

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from accuracy.sources import RATE
from aqa.model import Floats

FADE_S = 0.01


def white(length: int, rng: np.random.Generator) -> Floats:
    """White noise of RMS 1."""
    return rng.standard_normal(length, dtype=np.float32)


def noise_of(length: int, rng: np.random.Generator, slope: float | None = None) -> Floats:
    """Noise of RMS 1 whose power falls with frequency to the power `slope` (0 white, 1 pink, 2 brown; else drawn)."""
    slope = rng.uniform(0, 2) if slope is None else slope
    block = max(1 << 12, 1 << (length - 1).bit_length())  # transforms of odd lengths are slow
    spectrum = np.fft.rfft(rng.standard_normal(block, dtype=np.float32))
    hertz = np.fft.rfftfreq(2 * (len(spectrum) - 1), 1 / RATE)
    spectrum *= np.maximum(hertz, 30.0) ** (-slope / 2) * (hertz > 20)
    shaped = np.fft.irfft(spectrum)[:length]
    return np.asarray(shaped / np.sqrt(np.mean(shaped**2)), np.float32)


def faded(piece: Floats, seconds: float = FADE_S) -> Floats:
    """A copy that begins and ends in a raised cosine."""
    out, count = piece.copy(), min(len(piece) // 2, round(seconds * RATE))
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(count) + 0.5) / max(count, 1))).astype(np.float32)
    out[:count] *= ramp
    out[len(out) - count :] *= ramp[::-1]
    return out


def in_room(samples: Floats, rng: np.random.Generator) -> Floats:
    """With the exponentially decaying noise that a small room adds: RT60 0.15 to 0.6 s, 6 to 20 dB below direct."""
    rt60_s = rng.uniform(0.15, 0.6)
    times = np.arange(round(rt60_s * RATE)) / RATE
    tail = rng.normal(size=len(times)) * 10 ** (-3 * times / rt60_s)
    tail *= 10 ** (-rng.uniform(6, 20) / 20) / np.sqrt(np.sum(tail**2))
    tail[: round(0.003 * RATE)] = 0
    return np.asarray(samples + fftconvolve(samples, tail)[: len(samples)], np.float32)


def looped(piece: Floats, length: int, overlap_s: float = 0.5) -> Floats:
    """`piece` again and again with joins cross-faded, so that a loop leaves no step."""
    out, count = np.zeros(length + len(piece), np.float32), round(overlap_s * RATE)
    soft = faded(piece, overlap_s)
    for at in range(0, length, len(piece) - count):
        out[at : at + len(piece)] += soft
    return out[:length]


def applause(length: int, rng: np.random.Generator) -> Floats:
    """A Poisson process of claps (band-passed noise that decays in 2 to 8 ms), rate rising and falling to 600/s."""
    knots = rng.uniform(0, 1, length // (2 * RATE) + 3)
    share = np.interp(np.arange(length // 480 + 1) * 480, np.arange(len(knots)) * 2 * RATE, knots)
    counts = rng.poisson(600 * share**3 * 0.01)
    at = np.repeat(np.arange(len(counts)) * 480, counts) + rng.integers(0, 480, counts.sum())
    out = np.zeros(length + RATE, np.float32)
    claps = [_clap(rng) for _ in range(60)]
    for start, which, gain in zip(at, rng.integers(0, 60, len(at)), rng.lognormal(-1, 0.6, len(at)), strict=True):
        out[start : start + len(claps[which])] += claps[which] * np.float32(gain)
    return in_room(out[:length], rng) + noise_of(length, rng, 1.0) * np.float32(0.002)


def _clap(rng: np.random.Generator) -> Floats:
    """One hand clap: peaks at 0.6 to 2.5 kHz by the shape of the hands (Repp 1987), attack 0.3 ms."""
    times = np.arange(round(0.04 * RATE)) / RATE
    centre = rng.uniform(600, 2500)
    sos = butter(2, (centre * 0.6, min(centre * 3, 20_000)), "bandpass", fs=RATE, output="sos")
    shape = np.exp(-times / rng.uniform(0.002, 0.008)) * np.minimum(1, times / 0.0003)
    return faded(np.asarray(sosfilt(sos, rng.normal(size=len(times)) * shape) * 0.2, np.float32), 0.002)
