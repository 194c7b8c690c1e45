"""Voices and music made from a seed: speech rhythm, pitch and formants, without any file or program."""

import numpy as np
from scipy.signal import lfilter

RATE = 48_000
VOICES = {"alice": (205.0, 1.12), "bob": (112.0, 0.95), "carol": (178.0, 1.05)}
"""Pitch in Hz, and the length of the vocal tract against a standard one (formants go up with it)."""
_VOWELS = np.array([(730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410)])
"""First three formants in Hz (Peterson and Barney 1952)."""


def speech(seconds: float, name: str, random: np.random.Generator) -> np.ndarray:
    """Phrases of 1.2 to 3.5 s with pauses of 0.25 to 0.7 s; peak about 0.5; shape (samples,)."""
    out = np.zeros(round(seconds * RATE))
    at = 0
    while at < len(out) - RATE // 2:
        said = _phrase(random.uniform(1.2, 3.5), name, random)
        part = said[: len(out) - at]
        out[at : at + len(part)] = part
        at += len(part) + round(random.uniform(0.25, 0.7) * RATE)
    return 0.5 * out / np.abs(out).max()


def _phrase(seconds: float, name: str, random: np.random.Generator) -> np.ndarray:
    pitch, tract = VOICES[name]
    syllables = [_syllable(random.uniform(0.14, 0.28), pitch, tract, random) for _ in range(round(seconds * 4.5))]
    return np.concatenate(syllables)


def _syllable(seconds: float, pitch: float, tract: float, random: np.random.Generator) -> np.ndarray:
    """A consonant of noise, then a vowel of pulses through three resonances."""
    size = round(seconds * RATE)
    hertz = pitch * (1 + random.normal(0, 0.06)) * np.linspace(1.05, 0.93, size)
    phase = np.cumsum(hertz / RATE)
    pulses = np.diff(np.floor(phase), prepend=0.0)
    sound = lfilter([1.0], [1.0, -0.96], pulses)
    sound = sound - sound.mean()
    for formant, wide in zip(random.choice(_VOWELS) * tract, (80, 110, 160), strict=True):
        pole = np.exp(-np.pi * wide / RATE)
        turn = 2 * np.pi * formant / RATE
        sound = lfilter([1 - pole], [1, -2 * pole * np.cos(turn), pole * pole], sound)
    sound /= np.abs(sound).max() + 1e-9
    rise = np.minimum(1, np.arange(size) / (0.02 * RATE)) * np.minimum(1, np.arange(size)[::-1] / (0.05 * RATE))
    hiss = lfilter([1, -0.9], [1.0], random.normal(0, 0.12, size)) * (np.arange(size) < 0.05 * RATE)
    return sound * rise * random.uniform(0.5, 1.0) + hiss * random.uniform(0, 1)


def music(seconds: float, random: np.random.Generator) -> np.ndarray:
    """Hold music: chords of four notes, half a second each, with decaying overtones; shape (samples,)."""
    out = []
    for _ in range(round(seconds * 2)):
        time = np.arange(RATE // 2) / RATE
        roots = 220.0 * 2.0 ** (random.choice([0, 3, 5, 7, 10, 12], 4) / 12)
        chord = sum(np.sin(2 * np.pi * root * part * time) / part**1.5 for root in roots for part in range(1, 6))
        out.append(chord * np.exp(-3.0 * time) * np.minimum(1, time / 0.01) * np.minimum(1, (0.5 - time) / 0.05))
    whole = np.concatenate(out)[: round(seconds * RATE)]
    return 0.25 * whole / np.abs(whole).max()
