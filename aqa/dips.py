"""Candidates of dips, judged: how sure it is that each is a fault, by a learnt model, and which one of several.

Two detectors look at them: a hole down to the noise floor is a dropout, any other an attenuation. The model is in
`dips.npz`; `tests/accuracy/train_dips.py` makes it. What it sees is relative to the sound beside the dip, to the
channel's active speech level and to its noise floors: a change of gain changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.measures.trees import Trees, load, scores
from aqa.model import Doubles, Flags, Floats, Ints
from aqa.sound_model import Candidates, Track

MODEL = Path(__file__).with_name("dips.npz")
FLOOR_DBFS = -120.0  # stands for a floor that was not measured: nothing sounds there
FARTHEST_DB = 60.0  # what lies farther from a floor says no more
AROUND_S = 1.0
APPLAUSE_PER_S = (
    12.0  # onsets of 10 dB a second from which on it is applause or rain (speech: 3 to 9): dips hide in it
)
TO_FLOOR_DB = 3.0  # as far over the noise floor as its own unrest carries a few ms
MIN_SCORE = 2.7  # 8 false alarms in 4.1 hours of recorded speech (validation), 6 of them in gates, 2 in espeak
SURE_SCORE = 4.1  # of a dropout: 0.5 false alarms an hour of it, gates alone; a harpsichord's rest gets there too
MIN_DEPTH_DB = 12.0  # of 1,800 found faults of 20 dB and more 2 % are shallower; so are joints of syllables
MEANING = "log odds of the model; false alarms per hour of clean speech: 2.7 leaves 2, 1.9 leaves 5, 0.3 leaves 20"
PLATT = (-2.293, 1.005)
LONG_MS, LONG_SCORE = 150.0, 1.5  # pauses between words begin there: gates and synthetic voices cut them out hard
EXACT_MS = 3.0  # blocks of 1 ms find each end of a hole to 1 ms; a codec smears more
_BANDS = ("all", "high", "top")


@dataclass(frozen=True)
class Dips:
    """The dips of one channel, none overlapping another, by start."""

    start_sample: Ints
    end_sample: Ints
    score: Doubles  # log odds
    depth_db: Doubles  # inside under the fainter side
    over_floor_db: Doubles  # inside over the noise floor, of the least of three bands
    onsets_per_s: Doubles  # within a second


def dips(track: Track, least: float) -> Dips:
    """Candidates that reach the score `least`; of those that overlap the best. None in a digital hole."""
    found = track.candidates.get("dip")
    if found is None or not len(found.start_sample) or track.levels.active_speech_dbfs is None:
        return _chosen(None, track, np.zeros(0), np.zeros(0, np.int64))
    score = judged(track)
    order = np.flatnonzero((score >= least) & ~held(found, track) & (_depth(found) >= MIN_DEPTH_DB))
    return _chosen(found, track, score, _best(found, score, order))


def judged(track: Track) -> Doubles:
    """Log odds of each candidate of a dip; shape (n,)."""
    return log_odds(rows(track)) if len(track.candidates["dip"].start_sample) else np.zeros(0)


def log_odds(seen: Floats) -> Doubles:
    """The model's, of `rows` (n, features); shape (n,). Less where a dip is as long as the pauses between words."""
    return np.asarray(scores(_model(), seen) - LONG_SCORE * (seen[:, 0] >= LONG_MS))


def confidence(score: float) -> float:
    """How sure a score makes, 0 to 1: Platt's line on the validation split, see `train_dips`."""
    return round(min(0.99, 1 / (1 + float(np.exp(-(PLATT[0] + PLATT[1] * score))))), 2)


@cache
def _model() -> Trees:
    return load(MODEL)[0]


def rows(track: Track) -> Floats:
    """What the model sees of each candidate; shape (n, features). Every level is a difference of levels."""
    found = track.candidates["dip"]
    column = {name: found.features[:, i] for i, name in enumerate(found.columns)}
    out: list[NDArray[Any]] = [column[name] for name in found.columns if not name.endswith("_dbfs")]
    for name in found.columns:
        if name.endswith("_dbfs"):
            out.append(column[name] - column[f"before_{_band(name)}_dbfs"])
    out += [column[f"after_{band}_dbfs"] - column[f"inside_{band}_dbfs"] for band in _BANDS]
    floors = _over_floors(found, track)
    out += list(floors.T)
    speech = track.levels.active_speech_dbfs or 0.0
    out += [column["before_all_dbfs"] - speech, column["after_all_dbfs"] - speech, onsets_per_s(found, track)]
    out += [*_together(column), floors.min(axis=1)]
    return np.stack(out, axis=1).astype(np.float32)


def _together(column: dict[str, NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """What one level or step says of another: trees alone look at one at a time.

    Of each band the softer edge and the lesser depth (a closure opens harder than it shuts); whether all bands fell
    alike, as by a gain; unrest inside; how far apart inside and beside are at the nearest.
    """
    fall: dict[str, NDArray[Any]] = {}
    rise: dict[str, NDArray[Any]] = {}
    for band in _BANDS:
        fall[band] = column[f"before_{band}_dbfs"] - column[f"inside_{band}_dbfs"]
        rise[band] = column[f"after_{band}_dbfs"] - column[f"inside_{band}_dbfs"]
        yield np.minimum(column[f"fall_2_ms_{band}_db"], column[f"rise_2_ms_{band}_db"])
        yield np.minimum(column[f"fall_4_ms_{band}_db"], column[f"rise_4_ms_{band}_db"])
        yield np.minimum(fall[band], rise[band])
    yield from (side[band] - side["all"] for side in (fall, rise) for band in _BANDS[1:])
    yield from (column[f"{edge}_2_ms_high_db"] - column[f"{edge}_2_ms_all_db"] for edge in ("fall", "rise"))
    yield column["most_inside_all_dbfs"] - column["least_inside_all_dbfs"]
    yield np.minimum(column["least_before_dbfs"], column["least_after_dbfs"]) - column["most_inside_all_dbfs"]
    yield from (column[f"{end}_inside_dbfs"] - column["inside_all_dbfs"] for end in ("first", "last"))
    yield column["first_inside_dbfs"] - column["last_inside_dbfs"]


def _band(name: str) -> str:
    return next((band for band in _BANDS if f"_{band}_" in name), "all")


def _depth(found: Candidates) -> Doubles:
    """Level inside under the fainter side in dB; shape (n,)."""
    before, inside, after = (
        found.features[:, found.columns.index(f"{place}_all_dbfs")] for place in ("before", "inside", "after")
    )
    return np.asarray(np.minimum(before, after) - inside, np.float64)


def _over_floors(found: Candidates, track: Track) -> Doubles:
    """Level inside over the channel's noise floor, by band; shape (n, 3)."""
    facts = track.facts
    floors = (track.levels.noise_floor_dbfs, facts.get("high_floor_dbfs"), facts.get("top_floor_dbfs"))
    out = []
    for band, floor in zip(_BANDS, floors, strict=True):
        inside = found.features[:, found.columns.index(f"inside_{band}_dbfs")]
        over = inside - (FLOOR_DBFS if floor is None else max(floor, FLOOR_DBFS))
        out.append(np.clip(over, -FARTHEST_DB, FARTHEST_DB))
    return np.stack(out, axis=1).astype(np.float64)


def onsets_per_s(found: Candidates, track: Track) -> Doubles:
    """Onsets a second within a second of each candidate's middle."""
    series = track.series["onsets"]
    total = np.concatenate([[0], np.cumsum(series.values[:, 0].astype(np.int64))])
    middle = (found.start_sample + found.end_sample) / 2 / track.sample_rate_hz
    around = AROUND_S / series.hop_s
    first = np.clip(np.floor(middle / series.hop_s - around).astype(np.int64), 0, len(total) - 1)
    last = np.clip(np.floor(middle / series.hop_s + around).astype(np.int64) + 1, first, len(total) - 1)
    return np.asarray((total[last] - total[first]) / np.maximum((last - first) * series.hop_s, series.hop_s))


def held(found: Candidates, track: Track) -> Flags:
    """Whether a candidate with held values in half of it (digital zero included) is to be judged as a run.

    What lies beside them tells: nothing beside a cut; a codec smears more.
    """
    runs = track.runs.of("constant")
    if not len(runs.start_sample):
        return np.zeros(len(found.start_sample), np.bool_)
    total = np.concatenate([[0], np.cumsum(runs.end_sample - runs.start_sample)])

    def held_before(at: Ints) -> Ints:
        """Samples before `at` that lie in runs, which do not overlap."""
        n = np.searchsorted(runs.start_sample, at, "right")
        last = np.maximum(n - 1, 0)
        over = np.where(n > 0, np.maximum(runs.end_sample[last] - at, 0), 0)
        return np.asarray(total[n] - over)

    inside = held_before(found.end_sample) - held_before(found.start_sample)
    length = found.end_sample - found.start_sample
    return np.asarray((2 * inside >= length) & (length - inside <= EXACT_MS * track.sample_rate_hz / 1000))


def _best(found: Candidates, score: Doubles, order: Ints) -> Ints:
    """Of candidates that overlap the one with the highest score; indices by start."""
    kept: list[int] = []
    order = order[np.argsort(-score[order], kind="stable")]
    for i in order.tolist():
        start, end = found.start_sample[i], found.end_sample[i]
        if all(end <= found.start_sample[j] or start >= found.end_sample[j] for j in kept):
            kept.append(i)
    return np.array(sorted(kept), np.int64)


def _chosen(found: Candidates | None, track: Track, score: Doubles, kept: Ints) -> Dips:
    """The candidates `kept`, with what detectors and people want to know."""
    if found is None:
        none = np.zeros(0)
        return Dips(kept, kept, none, none, none, none)
    some = Candidates(found.start_sample[kept], found.end_sample[kept], found.columns, found.features[kept])
    return Dips(
        some.start_sample,
        some.end_sample,
        score[kept],
        _depth(some),
        _over_floors(some, track).min(axis=1),
        onsets_per_s(some, track),
    )
