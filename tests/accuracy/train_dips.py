"""Learn to tell dips from plosives, pauses and gates: makes `aqa/dips.npz`.

    cd tests && PYTHONPATH=..:. python -m accuracy.train_dips --cache /tmp/dips

Material: the train split of the generator (AMI meetings, LibriSpeech, 48 kHz speech, espeak, gates that fade over 5
to 20 ms, single words, acted dialogue, announcements, music, applause, noise; clean also the artificial syllables of
the re-enactments; rooms, gain of 16 dB up and down) through 16-bit PCM, MP3 128k, Opus 32k and AAC 64k; dips of 10 to
500 ms by 20, 30 and 40 dB with ramps of 0 and 2.5 ms, and holes of zero. The scale of scores and the default
thresholds come from the validation split; the test split is not touched. Same seeds, same model.
"""

import argparse
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from reenactment.voices import VOICES, speech
from scipy.signal import resample_poly
from sound import Sound, quantised

from accuracy import faults, material
from accuracy.faults import Truth
from accuracy.material import Clip, one_clip
from accuracy.recorders import record
from accuracy.sources import RATE as RATE_HZ
from accuracy.sources import stable
from aqa import dips
from aqa.measures.track import measure
from aqa.model import Floats
from aqa.sound_model import Candidates

SPEECH = ("narrow", "fullband", "meeting", "synthetic", "gated", "words", "dialogue", "prompts")
FAULTY = {
    "train": {"narrow": 8, "fullband": 8, "meeting": 8, "synthetic": 8, "gated": 4, "music": 2,
              "words": 10, "dialogue": 8, "prompts": 4},
    "validation": {"narrow": 4, "fullband": 4, "meeting": 4, "synthetic": 4, "words": 4, "dialogue": 4, "prompts": 2},
}  # fmt: skip
CLEAN = {
    "train": {"narrow": 4, "fullband": 2, "meeting": 2, "synthetic": 8, "gated": 8, "music": 4, "applause": 2,
              "noise": 2, "words": 8, "dialogue": 6, "prompts": 4, "syllables": 12},
    "validation": {"narrow": 10, "fullband": 5, "meeting": 5, "synthetic": 8, "gated": 16, "music": 6,
                   "applause": 3, "noise": 4, "words": 26, "dialogue": 16, "prompts": 12, "syllables": 8},
}  # fmt: skip
"""Clips by split and domain; 4.1 recorded hours of clean speech set the thresholds. Meetings and full-band speech
have a minute or less of sources in validation: more clips would count the same alarm again."""
CODECS = ("mp3", "opus", "aac64")
TURN = ("opus", "mp3", "opus", "aac64")
RECORDERS = ("pcm16", *CODECS)
LENGTHS = (10, 20, 40, 60, 100, 200, 500)
VALUES = [{"ms": ms, "db": db, "ramp_ms": ramp} for ms in LENGTHS for db in (-20, -30, -40) for ramp in (0, 0, 2.5)]
VALUES += [{"ms": ms} for ms in LENGTHS for _ in range(3)]
STEP = 2.0**-15
SAME = 0.6  # intersection over union from which on a candidate is the fault
TREES, LEAVES, RATE = 480, 16, 0.045
HARD, WEIGHT = ("gated",), 3.0  # clean sound that is taken for dips most often weighs more
LOWEST = -3.0  # scores below it are not looked at
PER_HOUR = (2, 5, 20)


@dataclass(frozen=True)
class Job:
    """One clip, with faults or clean, through all recorders."""

    split: str
    domain: str
    faulty: bool
    number: int

    @property
    def recorders(self) -> tuple[str, ...]:
        """PCM, and codecs by turn: other clips say more than the same ones through another codec."""
        if self.faulty and self.split == "validation":
            return RECORDERS
        return ("pcm16", TURN[self.number % len(TURN)])

    def path(self, cache: Path, recorder: str) -> Path:
        kind = "faulty" if self.faulty else "clean"
        return cache / f"{self.split}-{self.domain}-{kind}-{self.number}-{recorder}.pkl"


@dataclass(frozen=True)
class Seen:
    """What the model may learn from one recorded clip."""

    job: Job
    recorder: str
    seconds: float
    rows: Floats
    spans: np.ndarray  # (n, 2) samples
    truths: tuple[Truth, ...]
    label: np.ndarray  # 1 a fault, 0 none, -1 part of one
    held: np.ndarray  # a digital hole
    free: np.ndarray  # no digital hole, deep enough, not amid dense transients: what detectors look at


def jobs(split: str) -> list[Job]:
    """Clips to learn from, or to set thresholds with."""
    return [
        Job(split, domain, is_faulty, number)
        for is_faulty, counts in ((True, FAULTY[split]), (False, CLEAN[split]))
        for domain, count in counts.items() for number in range(count)
    ]  # fmt: skip


def edit(x: Floats, start: int, end: int, params: Any, rng: np.random.Generator) -> None:
    """A dip, or without `db` a hole."""
    (faults.attenuated if "db" in params else faults.zero)(x, start, end, params, rng)


def make(job: Job, cache: Path) -> None:
    """The clip through all recorders, kept in `cache`."""
    if all(job.path(cache, recorder).exists() for recorder in job.recorders):
        return
    clip = (syllables if job.domain == "syllables" else one_clip)(
        job.split, job.domain, job.number + 1000 * job.faulty, seconds=(60, 90)
    )
    samples, truths = clip.samples[None], ()
    if job.faulty:
        rng = np.random.default_rng(stable("dips", job.split, job.domain, job.number))
        values = [VALUES[i] for i in rng.permutation(len(VALUES))]
        faulty = faults.edited(clip, rng, "attenuation", values, edit)
        samples, truths = faulty.samples, faulty.truths
    for recorder in job.recorders:
        data, lsb = record(samples, recorder, clip.lsb)
        kept = np.round(data / STEP).astype(np.int16) if lsb == STEP else data
        job.path(cache, recorder).write_bytes(pickle.dumps((kept, lsb, truths)))


def syllables(split: str, domain: str, number: int, *, seconds: tuple[float, float]) -> Clip:
    """The artificial voices of the re-enactments, as `one_clip`: they cut syllables off as a fault does."""
    rng = np.random.default_rng(stable(split, domain, number))
    length = round(rng.uniform(*seconds) * RATE_HZ)
    samples = np.asarray(speech(length / RATE_HZ, sorted(VOICES)[number % len(VOICES)], rng), np.float32)
    if rng.random() < 1 / 3:
        samples = material.in_room(samples, rng)
    if rng.random() < 0.5:
        samples = samples + material.noise_of(length, rng) * np.float32(0.05 * 10 ** (-rng.uniform(15, 40) / 20))
    samples, lsb = material._stored(material._scaled(samples[:length], rng), rng)
    return Clip(samples, RATE_HZ, domain, "reenactment", number, lsb, split)


def seen(job: Job, cache: Path) -> list[Seen]:
    """The candidates of a clip through each recorder, labelled; to learn from also at 16 kHz, as wideband is."""
    out = []
    for recorder in job.recorders:
        data, lsb, truths, *_ = pickle.loads(job.path(cache, recorder).read_bytes())
        samples = np.asarray(data * STEP, np.float32) if data.dtype == np.int16 else data
        out.append(labelled(job, recorder, Sound(samples, 48_000, lsb=lsb), truths))
        if job.split == "train" and recorder in ("pcm16", "opus"):
            slow = resample_poly(samples.astype(np.float64), 1, 3, axis=1)
            scaled = tuple(replace(t, start_sample=t.start_sample // 3, end_sample=t.end_sample // 3) for t in truths)
            out.append(labelled(job, recorder, Sound(quantised(slow), 16_000), scaled))
    return out


def labelled(job: Job, recorder: str, sound: Sound, truths: tuple[Truth, ...]) -> Seen:
    """The candidates in a sound, and whether each is a fault."""
    track = measure(sound)[0]
    found = track.candidates["dip"]
    spans = np.stack([found.start_sample, found.end_sample], axis=1)
    held = dips.held(found, track)
    rows = dips.rows(track) if len(spans) else np.zeros((0, 0), np.float32)
    free = (
        ~held & (dips._depth(found) >= dips.MIN_DEPTH_DB) & (dips.onsets_per_s(found, track) <= dips.APPLAUSE_PER_S)
    )
    seconds = track.samples / track.sample_rate_hz
    return Seen(job, recorder, seconds, rows, spans, truths, labels(spans, truths), held, free)


def labels(spans: np.ndarray, truths: Sequence[Truth]) -> np.ndarray:
    """1 for the candidate that is nearest to an observable fault, 0 for what touches none, -1 for the rest."""
    out = np.zeros(len(spans), np.int64)
    for truth in truths:
        inside = np.minimum(spans[:, 1], truth.end_sample) - np.maximum(spans[:, 0], truth.start_sample)
        union = np.maximum(spans[:, 1], truth.end_sample) - np.minimum(spans[:, 0], truth.start_sample)
        out[inside > 0] = -1
        same = inside / union
        if len(spans) and truth.observable and same.max() > SAME:
            out[int(np.argmax(same))] = 1
    return out


def learnt(parts: Sequence[Seen]) -> Any:
    """Gradient-boosted trees (Friedman 2001) of scikit-learn."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    used = [part for part in parts if len(part.spans)]
    x = np.concatenate([part.rows[part.label >= 0] for part in used])
    y = np.concatenate([part.label[part.label >= 0] for part in used])
    model = HistGradientBoostingClassifier(
        max_iter=TREES, max_leaf_nodes=LEAVES, learning_rate=RATE, min_samples_leaf=25, l2_regularization=2.0,
        max_bins=127, max_features=0.4, early_stopping=False, random_state=0,
    )  # fmt: skip
    weights = [WEIGHT if part.job.domain in HARD and not part.job.faulty else 1.0 for part in used]
    counts = [int((part.label >= 0).sum()) for part in used]
    return model.fit(x, y, np.repeat(weights, counts))


def exported(model: Any) -> dict[str, np.ndarray]:
    """The model as `aqa.measures.trees` reads it: all trees one after the other."""
    columns: dict[str, list[Any]] = {name: [] for name in ("roots", "feature", "threshold", "left", "right", "value")}
    at = 0
    for (tree,) in model._predictors:
        nodes = tree.nodes
        leaf = nodes["is_leaf"].astype(bool)
        columns["roots"].append([at])
        columns["feature"].append(nodes["feature_idx"])
        columns["threshold"].append(nodes["num_threshold"])
        columns["left"].append(np.where(leaf, 0, nodes["left"] + at))
        columns["right"].append(np.where(leaf, 0, nodes["right"] + at))
        columns["value"].append(nodes["value"])
        at += len(nodes)
    kinds = {"roots": np.int32, "feature": np.uint8, "threshold": np.float32, "left": np.int32, "right": np.int32,
             "value": np.float32}  # fmt: skip
    arrays = {name: np.concatenate(parts).astype(kinds[name]) for name, parts in columns.items()}
    return arrays | {"baseline": np.float64(model._baseline_prediction.item())}


def gathered(split: str, cache: Path, workers: int) -> list[Seen]:
    """Everything of a split, in the same order every time."""
    planned = jobs(split)
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(partial(make, cache=cache), planned))
        return [part for parts in pool.map(partial(seen, cache=cache), planned) for part in parts]


@dataclass(frozen=True)
class Judged:
    """The dips found in a recorded clip: scores of those that touch no fault, and by observable fault the score."""

    part: Seen
    wrong: np.ndarray
    to_floor: np.ndarray  # of `wrong`: those that go down to the noise floor
    hits: list[tuple[Truth, float]]


def judged(part: Seen) -> Judged:
    """Best of those that overlap, as detectors have it; a fault that is not found scores minus infinity."""
    if not len(part.spans):
        return Judged(part, np.zeros(0), np.zeros(0), [(truth, -np.inf) for truth in part.truths if truth.observable])
    score = dips.log_odds(part.rows)
    found = Candidates(part.spans[:, 0], part.spans[:, 1], (), part.rows)
    kept = dips._best(found, score, np.flatnonzero(part.free & (score > LOWEST)))
    spans, score = part.spans[kept], score[kept]
    touched, hits = np.zeros(len(kept), np.bool_), []
    for truth in part.truths:
        near = (spans[:, 0] < truth.end_sample) & (spans[:, 1] > truth.start_sample)
        touched |= near
        if truth.observable and not (part.recorder == "pcm16" and "db" not in truth.params):
            exact = part.held & (part.spans[:, 0] < truth.end_sample) & (part.spans[:, 1] > truth.start_sample)
            if not exact.any():  # else it went down to digital zero: a dropout, found as such
                hits.append((truth, float(score[near].max(initial=-np.inf))))
    deep = part.rows[kept, -1] <= dips.TO_FLOOR_DB  # the last column is the least of the levels over the floors
    return Judged(part, score[~touched], score[~touched & deep], hits)


def threshold(clean: Sequence[Judged], per_hour: float, *, to_floor: bool = False) -> float:
    """The least score with at most so many false alarms an hour."""
    hours = sum(one.part.seconds for one in clean) / 3600
    wrong = np.sort(np.concatenate([one.to_floor if to_floor else one.wrong for one in clean]))[::-1]
    allowed = int(per_hour * hours)
    return float(wrong[allowed]) + 1e-3 if allowed < len(wrong) else LOWEST


def told(parts: Sequence[Seen]) -> Iterator[str]:
    """Thresholds by false alarms per hour of speech, then recall and false alarms by class, recorder and domain."""
    all_ = [judged(part) for part in parts]
    clean = [one for one in all_ if not one.part.job.faulty]
    speech = [one for one in clean if one.part.job.domain in SPEECH]
    hits = [(one, truth, score) for one in all_ for truth, score in one.hits]
    yield f"{sum(one.part.seconds for one in speech) / 60:.0f} minutes of clean speech, {len(hits)} faults"
    yield f"at 0.5 an hour to the noise floor: score {threshold(speech, 0.5, to_floor=True):.2f}"
    for per_hour in PER_HOUR:
        least = threshold(speech, per_hour)
        yield f"at {per_hour} false alarms per hour of speech: score {least:.2f}"
        yield "  false alarms per hour " + ", ".join(_alarms(clean, least))
        for name, of in GROUPS.items():
            keys = sorted({of(one, truth) for one, truth, _ in hits}, key=str)
            cells = {key: [score for one, truth, score in hits if of(one, truth) == key] for key in keys}
            text = "  ".join(
                f"{key}: {np.mean(np.array(cell) >= least):.2f} ({len(cell)})" for key, cell in cells.items()
            )
            yield f"  recall by {name}  {text}"
    yield from _calibrated(speech, hits)


def _alarms(clean: Sequence[Judged], least: float) -> Iterator[str]:
    for domain in sorted({one.part.job.domain for one in clean}):
        for recorder in RECORDERS:
            of = [o for o in clean if o.part.job.domain == domain and o.part.recorder == recorder]
            hours = sum(one.part.seconds for one in of) / 3600 or np.nan
            wrong = sum(int((one.wrong >= least).sum()) for one in of)
            yield f"{domain} {recorder} {wrong / hours:.1f} ({hours * 60:.0f} min)"


def _db(truth: Truth) -> str:
    if "db" not in truth.params:
        return "zero"
    return f"{truth.params['db']}{' ramp' if truth.params['ramp_ms'] else ''}"


GROUPS: dict[str, Callable[[Judged, Truth], Any]] = {
    "depth": lambda one, truth: _db(truth),
    "depth and length": lambda one, truth: (_db(truth), truth.params["ms"]),
    "recorder, 20 to 60 ms": lambda one, truth: (
        one.part.recorder, _db(truth), "20-60" if 20 <= truth.params["ms"] <= 60 else "other"),
    "domain": lambda one, truth: one.part.job.domain,
}  # fmt: skip


def _calibrated(speech: Sequence[Judged], hits: Sequence[tuple[Judged, Truth, float]]) -> Iterator[str]:
    """Platt's line from score to confidence, in a bad room with 60 faults an hour beside the false alarms."""
    from sklearn.linear_model import LogisticRegression

    hours = sum(one.part.seconds for one in speech) / 3600
    right = np.array([score for _, _, score in hits if score > LOWEST])
    wrong = np.concatenate([one.wrong for one in speech])
    weight = np.r_[np.full(len(right), 60 / len(hits)), np.full(len(wrong), 1 / hours)]
    line = LogisticRegression(C=1e6).fit(np.r_[right, wrong][:, None], np.r_[right * 0 + 1, wrong * 0], weight)
    yield f"confidence: 1 / (1 + exp(-({line.intercept_[0]:.3f} + {line.coef_[0, 0]:.3f} score)))"


def main() -> None:
    """Make the material, learn, write, and say what it is worth."""
    parser = argparse.ArgumentParser(prog="train_dips", description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for recorded clips (4 GB)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=dips.MODEL)
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    model = learnt(gathered("train", given.cache, given.jobs))
    np.savez_compressed(given.out, **exported(model))
    dips.MODEL = given.out
    dips._model.cache_clear()
    for line in told(gathered("validation", given.cache, given.jobs)):
        print(line)


if __name__ == "__main__":
    main()
