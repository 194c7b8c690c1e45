"""Where music plays, by our own model: from series that the pass keeps anyway.

Speech falls silent and rises again with each syllable, about four times a second (Houtgast & Steeneken 1985; Scheirer
& Slaney 1997 tell music by it), its pitch glides, and its bands rise and fall together. Music holds its lines, keeps
its level, and beats in time. Boosted trees (`music.npz`, learnt by tests/accuracy/train_music.py) look at ten seconds
of the half-octave bands, of the steadiest line and of onsets; all relative, so gain does not matter.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from aqa.measures import trees
from aqa.measures.bands import HOPS as FRAMES_PER_S
from aqa.measures.bands import decibels
from aqa.measures.tones import TONES
from aqa.model import Doubles, Floats
from aqa.sound_model import Track

MODEL = Path(__file__).with_name("music.npz")
FIRST_BAND, LAST_BAND = 12, 19  # columns of the bands from 80 Hz to 900 Hz: what every channel has
WINDOW_S, STEP_S = 10, 2
PIECE = 300  # windows looked at together (10 minutes): memory stays small
NOTHING_DB = -127.0  # stands for bands that are not there
MIN_SCORE = 3.0
MEANING = "log odds that ten seconds are music; 3 leaves no window of 2.3 h of speech, and 0.9 of songs (validation)"
QUIET_DB = 35.0  # windows so far under the channel's speech hold nothing


def odds(track: Track) -> Floats:
    """Log odds of music in each window of `WINDOW_S`, one every `STEP_S`; NaN where there is nothing to hear."""
    if not {"bands", "tones", "onsets"} <= set(track.series) or track.levels.active_speech_dbfs is None:
        return np.zeros(0, np.float32)
    out = np.full(windows(track), np.nan, np.float32)
    for first in range(0, len(out), PIECE):
        rows, level = features(track, first, min(PIECE, len(out) - first))
        loud = np.flatnonzero(level > track.levels.active_speech_dbfs - QUIET_DB)
        if len(loud):
            out[first + loud] = trees.scores(_model(), np.ascontiguousarray(rows[loud]))
    return out


def by_step(track: Track) -> Floats:
    """Log odds of music in each `STEP_S`: the mean over the windows that reach over it; NaN where none is known."""
    known = odds(track)
    per = WINDOW_S // STEP_S
    view = (
        sliding_window_view(np.pad(known, per - 1, constant_values=np.nan), per) if len(known) else np.zeros((0, 1))
    )
    count = np.isfinite(view).sum(axis=1)
    return np.asarray(np.where(count > 0, np.nansum(view, axis=1) / np.maximum(count, 1), np.nan), np.float32)


def chance(score: float) -> float:
    """How sure a score makes, 0 to 1."""
    return min(0.95, 1 / (1 + float(np.exp(-score))))


@cache
def _model() -> trees.Trees:
    return trees.load(MODEL)[0]


def windows(track: Track) -> int:
    """How many windows a channel has."""
    return max(0, (len(track.series["bands"].values) - WINDOW_S * FRAMES_PER_S) // (STEP_S * FRAMES_PER_S) + 1)


def features(track: Track, first: int, count: int) -> tuple[Floats, Doubles]:
    """What the model looks at, a row for each of `count` windows from the `first` on, and their levels in dBFS."""
    size, step = WINDOW_S * FRAMES_PER_S, STEP_S * FRAMES_PER_S
    series = track.series["bands"]
    part = replace(series, values=series.values[first * step : (first + count - 1) * step + size])
    bands = np.nan_to_num(decibels(part)[:, FIRST_BAND:].astype(np.float64), nan=NOTHING_DB)
    total = 10 * np.log10(np.sum(10 ** (bands / 10), axis=1) + 1e-13)
    level = sliding_window_view(total, size)[::step]  # (windows, frames)
    over = sliding_window_view(bands, size, axis=0)[::step]  # (windows, bands, frames)
    columns = [
        *_envelope(level),
        *_bands(over, level).T,
        *_lines(track, first, count).T,
        _onsets(track, first, count),
    ]
    loudness = 10 * np.log10(np.mean(10 ** (level / 10), axis=1))
    return np.ascontiguousarray(np.stack(columns, axis=1), np.float32), loudness


def _envelope(level: Doubles) -> list[Doubles]:
    """How the level of a window moves: range, pauses, syllables, beat; each of shape (windows,)."""
    low, middle, high = np.quantile(level, (0.1, 0.5, 0.9), axis=1)
    centred = level - level.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(centred, axis=1)) ** 2
    hertz = np.fft.rfftfreq(level.shape[1], 1 / FRAMES_PER_S)
    whole = power.sum(axis=1) + 1e-9
    rates = [power[:, (hertz >= a) & (hertz < b)].sum(axis=1) / whole for a, b in ((0, 1), (1, 3), (3, 7), (7, 13))]
    beat = np.fft.irfft(power, axis=1)
    lag = beat[:, FRAMES_PER_S // 4 : 2 * FRAMES_PER_S] / (beat[:, :1] + 1e-9)
    pauses = (level < high[:, None] - 25).mean(axis=1)
    return [high - low, high - middle, level.std(axis=1), pauses, *rates, lag.max(axis=1)]


def _bands(bands: Doubles, level: Doubles) -> Doubles:
    """Unrest, steps and shape of each low band, and how much they move together; shape (windows, columns)."""
    low = bands[:, : LAST_BAND - FIRST_BAND]
    steps = np.abs(np.diff(low, axis=2)).mean(axis=2)
    still = (np.abs(np.diff(low, axis=2)) < 1.0).mean(axis=2)
    shape = low.mean(axis=2) - level.mean(axis=1, keepdims=True)
    moving = low - low.mean(axis=2, keepdims=True)
    spread = moving.std(axis=2)
    together = np.var(moving.mean(axis=1), axis=1) / (np.mean(spread**2, axis=1) + 1e-9)
    return np.concatenate([steps, still, spread, shape, together[:, None]], axis=1)


def _lines(track: Track, first: int, count: int) -> Doubles:
    """Of the steadiest line below 1.5 kHz, a spectrum a second: how it stands out, stays, and how many there are."""
    seconds = (count - 1) * STEP_S + WINDOW_S
    rows = np.nan_to_num(track.series["tones"].values[first * STEP_S :][:seconds].astype(np.float64))
    rows = np.pad(rows, ((0, seconds - len(rows)), (0, 0)), "edge")
    view = sliding_window_view(rows, WINDOW_S, axis=0)[::STEP_S][:count]  # (windows, columns, seconds)
    of = {name: view[:, i] for i, name in enumerate(TONES)}
    cents = np.abs(np.diff(np.log2(np.maximum(of["hertz"], 50.0)), axis=1)) * 12
    return np.stack(
        [
            np.median(of["prominence_db"], axis=1), of["prominence_db"].min(axis=1), of["share"].mean(axis=1),
            of["lines"].mean(axis=1), of["lines"].max(axis=1), (cents < 0.25).mean(axis=1),
            np.abs(cents - np.round(cents)).mean(axis=1),
        ],
        axis=1,
    )  # fmt: skip


def _onsets(track: Track, first: int, count: int) -> Doubles:
    """Onsets a second."""
    series = track.series["onsets"]
    total = np.concatenate([[0.0], np.cumsum(series.values[:, 0].astype(np.float64))])
    begin = np.minimum(((first + np.arange(count)) * STEP_S / series.hop_s).astype(np.int64), len(total) - 1)
    end = np.minimum(begin + round(WINDOW_S / series.hop_s), len(total) - 1)
    return np.asarray((total[end] - total[begin]) / WINDOW_S)
