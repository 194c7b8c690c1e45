"""Candidates of clicks, skips and splices, judged: how sure it is that each is a fault, by a learnt model.

The model is in `clicks.npz`; `tests/accuracy/train_clicks.py` makes it. What it sees is relative to the sound beside
the place, to the channel's active speech level and to its noise floor: a change of gain changes nothing.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from aqa.measures.trees import Trees, load, scores
from aqa.model import Doubles, Flags, Floats
from aqa.sound_model import Track

MODEL = Path(__file__).with_name("clicks.npz")
MIN_SCORE = 2.8  # leaves 5 false alarms per hour of clean speech (PCM, 8 to 48 kHz) of the validation split
MEANING = "log odds of the model, at least; at 2.8 an hour of speech had 5 false alarms, at 44.1 and 48 kHz 3"
PLATT = (-3.075, 0.983)
FLOOR_DBFS = -120.0  # stands for a floor that was not measured: nothing sounds there
ABSOLUTE = ("peak_dbfs", "around_dbfs", "top")
AROUND_S = 0.25
FULL_SCALE, MASK_S = 0.98, 0.01  # beside clipped samples the wave breaks too
RATE_HZ = 48_000  # from here on sounds fill no more of the band


def rows(track: Track) -> Floats:
    """What the model sees of each candidate; shape (n, features). Every level is a difference of levels."""
    found = track.candidates["discontinuity"]
    column = {name: found.features[:, i] for i, name in enumerate(found.columns)}
    out = [column[name] for name in found.columns if name not in ABSOLUTE]
    speech, floor = track.levels.active_speech_dbfs or 0.0, track.levels.noise_floor_dbfs
    out.append(column["around_dbfs"] - speech)
    out.append(np.minimum(column["around_dbfs"] - (FLOOR_DBFS if floor is None else max(floor, FLOOR_DBFS)), 60.0))
    around = round(AROUND_S * track.sample_rate_hz)
    first = np.searchsorted(found.start_sample, found.start_sample - around)
    last = np.searchsorted(found.start_sample, found.start_sample + around, "right")
    out.append((last - first - 1).astype(np.float32))
    out.append(np.full(len(out[0]), min(track.sample_rate_hz, RATE_HZ) / 1000, np.float32))
    return np.stack(out, axis=1).astype(np.float32)


@dataclass(frozen=True)
class Limits:
    """What can be heard, and what is neither the begin nor the end of a sound."""

    min_peak_db: float = -30.0
    min_size_db: float = -24.0
    max_level_change_db: float = 30.0


def judged(track: Track) -> Doubles:
    """Log odds of each candidate of a discontinuity; shape (n,)."""
    return scores(_model(), rows(track)) if len(track.candidates["discontinuity"].start_sample) else np.zeros(0)


def heard(track: Track, limits: Limits) -> Flags:
    """Candidates that could be heard and that no other fault explains."""
    of = track.candidates["discontinuity"]
    column = {name: of.features[:, i] for i, name in enumerate(of.columns)}
    return np.asarray(
        (column["peak_dbfs"] >= (track.levels.active_speech_dbfs or 0.0) + limits.min_peak_db)
        & (column["size_db"] >= limits.min_size_db)
        & (np.abs(column["level_change_db"]) <= limits.max_level_change_db)
        & ~masked(track)
    )


def confidence(score: float) -> float:
    """How sure a score makes, 0 to 1: Platt's line on the validation split, see `train_clicks`."""
    return round(min(0.99, 1 / (1 + float(np.exp(-(PLATT[0] + PLATT[1] * score))))), 2)


@cache
def _model() -> Trees:
    return load(MODEL)[0]


def masked(track: Track) -> Flags:
    """Places beside clipped samples, or beside the edges of held values: another fault's."""
    of = track.candidates["discontinuity"]
    clipped = of.features[:, of.columns.index("top")] >= FULL_SCALE
    edges = np.sort(np.concatenate([track.runs.start_sample, track.runs.end_sample]))
    if not len(edges):
        return np.asarray(clipped)
    after = np.searchsorted(edges, of.start_sample)
    ahead = np.abs(edges[np.minimum(after, len(edges) - 1)] - of.start_sample)
    behind = np.abs(of.start_sample - edges[np.maximum(after - 1, 0)])
    return np.asarray(clipped | (np.minimum(ahead, behind) <= MASK_S * track.sample_rate_hz))
