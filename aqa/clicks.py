"""Candidates of clicks, skips and splices, judged: how sure it is that each is a fault, by a learnt model.

The model is in `clicks.npz`; `tests/accuracy/train_clicks.py` makes it. What it sees is relative to the sound beside
the place, to the channel's active speech level and to its noise floor: a change of gain changes nothing.
"""

from functools import cache
from pathlib import Path

import numpy as np

from aqa.measures.trees import Trees, load, scores
from aqa.model import Doubles, Flags, Floats, Track

MODEL = Path(__file__).with_name("clicks.npz")
FLOOR_DBFS = -120.0  # stands for a floor that was not measured: nothing sounds there
ABSOLUTE = ("peak_dbfs", "around_dbfs", "top")
AROUND_S = 0.25
FULL_SCALE = 0.98
MASK_S = 0.01


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
    return np.stack(out, axis=1).astype(np.float32)


def judged(track: Track) -> Doubles:
    """Log odds of each candidate of a discontinuity; minus infinity beside clipped and held samples."""
    if not len(track.candidates["discontinuity"].start_sample):
        return np.zeros(0)
    return np.where(masked(track), -np.inf, scores(_model(), rows(track)))


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
