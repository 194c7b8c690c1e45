"""Sound for `train_clicks` that the generator does not have: letters spoken into a microphone, strings and wood."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from scipy.signal import lfilter, resample_poly

from accuracy import material
from accuracy.material import Clip
from accuracy.sources import RATE, stable
from aqa.model import Floats

LETTERS = {"train": ("nds", "en_GB", "it", "he", "hu", "lt"), "validation": ("de", "pt_BR", "ar", "ru")}
"""Languages of klettres-data (4:22.12.3, 44.1 kHz) with sound above 10 kHz; clipped files are left out. English is
too: 45 of its files hold real breaks."""


@cache
def letters(folder: Path, split: str) -> list[Floats]:
    """Spoken letters of a split's languages at 48 kHz, unclipped."""
    out = []
    for language in LETTERS[split]:
        for path in sorted((folder / language).glob("*/*.ogg")):
            x, rate = soundfile.read(path, dtype="float32", always_2d=True)
            if rate in (44_100, 48_000) and 0.02 < np.abs(x[:, 0]).max() < 0.97 and len(x) > rate // 5:
                out.append(np.asarray(resample_poly(x[:, 0].astype(np.float64), RATE, rate), np.float32))
    return out


def spoken(folder: Path, split: str, number: int) -> Clip:
    """A clip of letters, in the manner of the generator's speech."""
    rng = np.random.default_rng(stable("letters", split, number))
    length, pool = round(rng.uniform(60, 90) * RATE), letters(folder, split)
    samples, at = np.zeros(length, np.float32), 0
    while at < length:
        piece = material.faded(pool[int(rng.integers(len(pool)))], material.FADE_S)
        piece = piece * np.float32(0.05 / max(1e-4, float(np.sqrt(np.mean(piece**2)))))
        samples[at : at + len(piece)] += piece[: length - at]
        at += len(piece) + round(rng.uniform(0, 0.6) * RATE)
    if rng.random() < 1 / 3:
        samples = material.in_room(samples, rng)
    if rng.random() < 0.5:
        samples = samples + material.noise_of(length, rng) * np.float32(0.05 * 10 ** (-rng.uniform(15, 40) / 20))
    samples, lsb = material._stored(material._scaled(samples, rng), rng)
    return Clip(samples, RATE, "letters", "klettres", number, lsb, split)


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
