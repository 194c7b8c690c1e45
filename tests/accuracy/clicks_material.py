"""For `train_clicks`: sound that the generator does not have (strings and wood), and what of a click can be seen."""

from typing import Any

import numpy as np
from scipy.signal import lfilter, welch

from accuracy import material
from accuracy.material import Clip
from accuracy.sources import RATE, stable
from aqa.model import Floats


def note(rng: np.random.Generator) -> Floats:
    """A string plucked (Karplus and Strong 1983) or wood struck (damped resonances); both begin at once."""
    times = np.arange(RATE // 2) / RATE
    if rng.random() < 0.4:
        parts = [(rng.uniform(400, 9_000), rng.uniform(0.002, 0.03), rng.uniform(0.2, 1)) for _ in range(4)]
        out = sum(w * np.sin(2 * np.pi * hz * times) * np.exp(-times / tau) for hz, tau, w in parts)
    else:
        period, burst = int(rng.uniform(40, 500)), np.zeros(len(times))
        length = int(rng.uniform(2, period))
        burst[:length] = rng.normal(size=length)
        feedback = np.zeros(period + 2)
        feedback[0], feedback[period:] = 1.0, -0.5 * rng.uniform(0.97, 0.999)
        bright = rng.uniform(0, 0.8)
        out = lfilter([1.0], feedback, lfilter([1 - bright], [1, -bright], burst))
    return faded_out(out / np.sqrt(np.mean(np.square(out))))


def faded_out(x: Any) -> Floats:
    """With a tail that ends in nothing; it still begins at once."""
    x[-2_000:] *= np.linspace(1, 0, 2_000)
    return np.asarray(x, np.float32)


def plucked(number: int) -> Clip:
    """A clip of plucked strings and struck wood: what begins like a click, and goes on."""
    rng = np.random.default_rng(stable("plucked", number))
    length = round(rng.uniform(60, 90) * RATE)
    notes, samples, at = [note(rng) for _ in range(30)], np.zeros(length + RATE, np.float32), RATE // 2
    while at < length:
        one = notes[int(rng.integers(len(notes)))]
        samples[at : at + len(one)] += one * np.float32(rng.lognormal(-1, 0.7))
        at += int(rng.exponential(0.25) * RATE) + 200
    samples = samples[:length]
    if rng.random() < 0.5:
        samples = material.in_room(samples, rng)
    samples = samples + material.noise_of(length, rng) * np.float32(10 ** (-rng.uniform(20, 60) / 20))
    samples, lsb = material._stored(material._scaled(samples, rng), rng)
    return Clip(samples, RATE, "plucked", "made", number, lsb, "train")


def stands_out(x: Floats, rate: int, at: int, samples: int, times: float) -> float:
    """How many times its noise a click stands out of a matched filter that knows the spectrum of the sound beside it.

    `samples` of them from `at` on are raised by `times` the RMS of the 20 ms around. No linear detector does better
    (Kay, Fundamentals of Statistical Signal Processing II, 4.4): below 5, noise alone does as much often.
    """
    far, near = rate // 50, rate // 1000
    sides = x[at - far : at - near], x[at + samples + near : at + far]
    size = min(256, len(sides[1]) // 2)
    density = sum(welch(side, nperseg=size, detrend=False, return_onesided=False)[1] for side in sides) / 2
    pulse = np.abs(np.fft.fft(np.ones(samples), size)) ** 2
    around = x[at - rate // 100 : at + rate // 100].astype(np.float64)
    return float(times * np.sqrt(np.mean(around**2) * np.mean(pulse / (density + 1e-20))))
