"""Learn to tell clicks, skips and splices from lips, plosives and strings: makes `aqa/clicks.npz`.

    cd tests && PYTHONPATH=..:. python -m accuracy.train_clicks --cache /tmp/clicks

Material: the train split of the generator at 8, 16, 44.1 and 48 kHz, PCM and Opus 32k, with the speech of Debian's
packages where they are installed; beside it strings and wood made here, which begin like clicks. Faults: clicks of 1
to 5 samples, 0.25 to 40 times the RMS around, alone or (crackle) 3 to 8 of them 30 to 250 ms apart; 2.5 to 510 ms
left out. Thresholds come from the validation split; the
test split is not touched. Same seeds, same model.
"""

import argparse
import itertools
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly
from sound import Sound

from accuracy.clicks_material import plucked, stands_out
from accuracy.faults import Spot, spots
from accuracy.material import MADE, Clip, one_clip
from accuracy.recorders import record
from accuracy.sources import RATE, stable, utterances
from accuracy.train_dips import exported
from aqa import clicks
from aqa.clicks import Limits
from aqa.measures import track as pass_
from aqa.measures.discontinuity import Discontinuity
from aqa.measures.trees import scores
from aqa.model import Floats

SPEECH = ("narrow", "fullband", "meeting", "synthetic", "words", "dialogue", "prompts")
QUIET = ("gated", "music", "applause", "noise")
SPEEDS = ((1, 1), (5, 6), (10, 11), (10, 9), (6, 5))  # of what is learnt from: other pitches, other resonances
MANY = {"noise": 2, "applause": 4, "fullband": 6, "gated": 6, "plucked": 6, "words": 24, "dialogue": 14}
"""Clean clips to learn from, by rate; others 8."""
RATES = (8_000, 16_000, 44_100, 48_000)
RECORDERS = ("pcm16", "opus")
CLICKS = [{"samples": n, "times": times} for n in (1, 2, 3, 5) for times in (0.25, 0.5, 0.5, 1.0, 4.0)]
LOUD = [{"samples": n, "times": times} for n in (1, 2) for times in (12.0, 40.0)]  # these too must be learnt
SKIPS = [{"skip_ms": ms} for ms in (2.5, 5, 5, 10, 20, 130, 510)]
CRACKLE_S = (0.03, 0.25)
NEAR_S, HIT_S, TOUCH_S, MERGE_S = 0.003, 0.01, 0.02, 0.02
TREES, LEAVES, STEP = 400, 16, 0.05
WEIGHT = {"crackle": 0.5, "skip": 2.0}  # of a crackle there are five to one of the others
RATIOS = 12  # features that say how far a place stands out: the farther, the surer, also beyond what was learnt from
LOWEST = -3.0  # scores below it are not looked at
PER_HOUR = (2, 5, 10, 20)


@dataclass(frozen=True)
class Job:
    """One clip at one rate, with faults or clean, through one recorder."""

    split: str
    domain: str
    fault: str  # "", "click", "crackle" or "skip"
    number: int
    rate: int
    recorder: str = "pcm16"


@dataclass(frozen=True)
class Seen:
    """The candidates of a clip: rows of features, places in s, what was masked; and the faults in it."""

    job: Job
    seconds: float
    rows: Floats
    at_s: np.ndarray
    heard: np.ndarray  # what the detector looks at
    peak_dbfs: np.ndarray
    truths: list[tuple[float, dict[str, Any]]]


def jobs(split: str) -> list[Job]:
    """What to learn from, or to set thresholds with."""
    train = split == "train"
    out = []
    for rate in RATES:
        for recorder in RECORDERS if rate == RATE else RECORDERS[:1]:
            for domain in () if train and recorder != "pcm16" else (*SPEECH, "music"):  # what Opus leaves is no click
                for fault, many in (("click", 5), ("skip", 5), ("crackle", 2)):
                    out += [
                        Job(split, domain, fault, n, rate, recorder) for n in range(many if train else many // 2 + 1)
                    ]
            for domain in (*SPEECH, *QUIET, *(["plucked"] if train else [])):
                more = 9 if domain in ("words", "music", "fullband") else 6 if domain != "noise" else 3
                out += [
                    Job(split, domain, "", n, rate, recorder) for n in range(MANY.get(domain, 8) if train else more)
                ]
    return out


def clean(job: Job) -> Clip:
    """The clip of a job at 48 kHz; clean ones are others than those with faults."""
    number = (
        job.number + {"": 0, "click": 1000, "skip": 2000, "crackle": 3000}[job.fault] + RATES.index(job.rate) * 100
    )
    if job.domain == "plucked":
        return plucked(number)
    return one_clip(job.split, job.domain, number, seconds=(60, 90))


def faulty(x: Floats, job: Job, of: Sequence[Spot], rng: np.random.Generator) -> tuple[Floats, list[Any]]:
    """With faults at the spots; truths as seconds and parameters."""
    truths, parts, done, gone = [], [], 0, 0
    x = x.copy()
    for spot in of:
        at = round(spot.start * job.rate / RATE)
        if job.fault == "skip":
            parts.append(x[done:at])
            done = at + round(spot.params["skip_ms"] * job.rate / 1000)
        else:
            places = [at, *_after(at, len(x), job.rate, rng)] if job.fault == "crackle" else [at]
            around = x[at - job.rate // 100 : at + job.rate // 100]
            size = spot.params["times"] * float(np.sqrt(np.mean(around**2)))
            for place in places:
                x[place : place + spot.params["samples"]] += np.float32(size * rng.choice((-1, 1)))
            seen_ = dict(spot.params) | {"observable": spot.observable}
            truths += [(place / job.rate, seen_) for place in places[1:]]
        truths.append(((at - gone) / job.rate, dict(spot.params) | {"observable": spot.observable}))
        gone += done - at if job.fault == "skip" else 0
    return np.clip(np.concatenate([*parts, x[done:]]), -1, 1), truths


def _after(at: int, end: int, rate: int, rng: np.random.Generator) -> list[int]:
    """Places of the clicks that follow the first of a crackle."""
    steps = rng.uniform(*CRACKLE_S, int(rng.integers(2, 8)))
    places = at + np.cumsum(steps * rate).astype(int)
    return [int(place) for place in places if place < end - rate // 10]


def seen(job: Job, cache: Path) -> Seen:
    """The candidates in a clip."""
    path = cache / f"{job.split}-{job.domain}-{job.fault}-{job.number}-{job.rate}-{job.recorder}.pkl"
    if not path.exists():
        clip = clean(job)
        up, down = SPEEDS[stable(str(job)) % len(SPEEDS)] if job.split == "train" else (1, 1)
        if (up, down) != (1, 1):
            fast = resample_poly(clip.samples.astype(np.float64), up, down)
            clip = replace(clip, samples=np.asarray(fast, np.float32))
        x = clip.samples
        if job.rate != RATE:
            x = np.asarray(resample_poly(x.astype(np.float64), job.rate // 100, RATE // 100), np.float32)
        truths: list[Any] = []
        if job.fault:
            rng = np.random.default_rng(stable("clicks", *map(str, (job.split, job.domain, job.number, job.rate))))
            values = (CLICKS + LOUD * (job.split == "train")) if job.fault != "skip" else SKIPS
            values = [values[i] for i in rng.permutation(len(values))]
            x, truths = faulty(x, job, list(spots(clip, rng, values)), rng)
        lsb = clip.lsb or 2.0**-24
        if clip.lsb:
            x = np.asarray(np.clip(np.round(x / lsb), -32768, 32767) * lsb, np.float32)
        if job.recorder != "pcm16":
            whole, lsb = record(x[None], job.recorder, lsb)
            x = whole[0]
        path.write_bytes(pickle.dumps((x, lsb, truths)))
    x, lsb, truths = pickle.loads(path.read_bytes())
    if job.fault == "click":
        truths = [(at_s, of | {"stands_out": _stands_out(x, job.rate, at_s, of)}) for at_s, of in truths]
    pass_.MEASURES = (Discontinuity,)
    track = pass_.measure(Sound(x, job.rate, lsb=lsb))[0]
    found = track.candidates["discontinuity"]
    peak = found.features[:, found.columns.index("peak_dbfs")]
    at_s, heard = found.start_sample / job.rate, clicks.heard(track, Limits())
    return Seen(job, len(x) / job.rate, clicks.rows(track), at_s, heard, peak, truths)


def _stands_out(x: Floats, rate: int, at_s: float, of: dict[str, Any]) -> float:
    return stands_out(x, rate, round(at_s * rate), of["samples"], of["times"])


def labels(part: Seen) -> np.ndarray:
    """1 for the strongest candidate at an observable fault, 0 for what lies far from all, -1 for the rest."""
    out = np.zeros(len(part.at_s), np.int64)
    out[~part.heard] = -1
    for at_s, params in part.truths:
        apart = np.abs(part.at_s - at_s)
        out[apart <= TOUCH_S] = -1
        near = np.flatnonzero((apart <= NEAR_S) & part.heard)
        if len(near) and params["observable"]:
            out[near[int(np.argmax(part.peak_dbfs[near]))]] = 1
    return out


def gathered(split: str, cache: Path, workers: int) -> list[Seen]:
    """Everything of a split, in the same order every time."""
    made = ("plucked", *MADE)
    planned = [job for job in jobs(split) if job.domain in made or utterances(split, job.domain)]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(partial(seen, cache=cache), planned, chunksize=4))


def learnt(parts: Sequence[Seen]) -> Any:
    """Gradient-boosted trees (Friedman 2001) of scikit-learn."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    used = [(part, labels(part)) for part in parts if len(part.at_s)]
    x = np.concatenate([part.rows[label >= 0] for part, label in used])
    y = np.concatenate([label[label >= 0] for _, label in used])
    model = HistGradientBoostingClassifier(
        max_iter=TREES, max_leaf_nodes=LEAVES, learning_rate=STEP, min_samples_leaf=25, l2_regularization=2.0,
        max_bins=127, max_features=0.4, early_stopping=False, random_state=0,
        monotonic_cst=[int(i < RATIOS) for i in range(x.shape[1])],
    )  # fmt: skip
    weights = [WEIGHT.get(part.job.fault, 1.0) for part, _ in used]
    return model.fit(x, y, np.repeat(weights, [int((label >= 0).sum()) for _, label in used]))


@dataclass(frozen=True)
class Judged:
    """Scores of the findings of a clip that are far from all faults, and by observable fault the best score."""

    part: Seen
    wrong: np.ndarray
    hits: list[tuple[dict[str, Any], float]]


def judged(part: Seen) -> Judged:
    """Places within 20 ms are one finding, as the detector has it; a fault not found scores minus infinity."""
    score = scores(clicks._model(), part.rows) if len(part.at_s) else np.zeros(0)
    score = np.where(part.heard, score, -np.inf)
    apart = np.array([np.abs(part.at_s - at_s) for at_s, _ in part.truths]).reshape(len(part.truths), len(part.at_s))
    far = (apart > TOUCH_S).all(axis=0) & (score > LOWEST)
    groups = np.cumsum(np.diff(part.at_s[far], prepend=-1.0) > MERGE_S)
    wrong = np.array([score[far][groups == g].max() for g in np.unique(groups)])
    hits = [
        (params, float(score[near <= HIT_S].max(initial=-np.inf)))
        for near, (_, params) in zip(apart, part.truths, strict=True) if params["observable"]
    ]  # fmt: skip
    return Judged(part, wrong, hits)


def threshold(of: Sequence[Judged], per_hour: float) -> float:
    """The least score with at most so many false alarms an hour of clean sound."""
    clean = [one for one in of if not one.part.job.fault]
    wrong = np.sort(np.concatenate([one.wrong for one in clean]))[::-1]
    allowed = int(per_hour * sum(one.part.seconds for one in clean) / 3600)
    return float(wrong[allowed]) + 1e-3 if allowed < len(wrong) else LOWEST


GROUPS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "click 0.25": lambda of: of.get("times") == 0.25, "click 0.5": lambda of: of.get("times") == 0.5,
    "click 1 or 4": lambda of: of.get("times", 0) >= 1, "skip 5 ms": lambda of: of.get("skip_ms") == 5,
    "skip 10 or 20 ms": lambda of: of.get("skip_ms") in {10, 20}, "splice": lambda of: of.get("skip_ms", 0) > 100,
}  # fmt: skip


def told(parts: Sequence[Seen]) -> Iterator[str]:
    """Thresholds by false alarms per hour of speech, then recall and false alarms by rate, domain and fault."""
    all_ = [judged(part) for part in parts]
    speech = [o for o in all_ if o.part.job.domain in (*SPEECH, "gated") and o.part.job.recorder == "pcm16"]
    for per_hour in PER_HOUR:
        yield f"at {per_hour} false alarms per hour of speech: score {threshold(speech, per_hour):.2f}"
    for rate, recorder, domain in itertools.product(RATES, RECORDERS, (*SPEECH, *QUIET)):
        least = clicks.MIN_SCORE
        of = [
            o for o in all_ if (o.part.job.rate, o.part.job.recorder, o.part.job.domain) == (rate, recorder, domain)
        ]
        if of:
            yield f"{rate:6} {recorder:6}{domain:10} {_line(of, least)}"
    for rate, times in itertools.product(RATES, (0.25, 0.5, 1.0)):
        hits = [hit for o in speech if o.part.job.rate == rate and o.part.job.fault == "click" for hit in o.hits]
        yield f"{rate:6} clicks of {times:g} RMS " + _by_reach([hit for hit in hits if hit[0]["times"] == times])
    yield from _calibrated(speech)


REACH = (0, 5, 8, 12, 20, np.inf)  # times the noise


def _by_reach(hits: Sequence[tuple[dict[str, Any], float]]) -> str:
    """Recall by how far clicks stand out of the best filter there is, and what share of all that is."""
    out, score = np.array([params["stands_out"] for params, _ in hits]), np.array([score for _, score in hits])
    parts = []
    for low, high in itertools.pairwise(REACH):
        inside = (out >= low) & (out < high)
        recall = f"{np.mean(score[inside] >= clicks.MIN_SCORE):.2f}" if inside.any() else "n/m"
        parts.append(f"{low} to {high} times the noise: {inside.mean():.2f} of {len(out)}, recall {recall}")
    return "; ".join(parts)


def _line(of: Sequence[Judged], least: float) -> str:
    clean = [one for one in of if not one.part.job.fault]
    hours, wrong = sum(one.part.seconds for one in clean) / 3600, sum(int((o.wrong >= least).sum()) for o in clean)
    out = f"{wrong} in {hours * 60:.0f} min: {wrong / hours:.1f}/h"
    for name, takes in GROUPS.items():
        found = np.array([score >= least for one in of for params, score in one.hits if takes(params)])
        out += f"  {name} {found.mean():.2f} ({len(found)})" if len(found) else ""
    return out


def _calibrated(speech: Sequence[Judged]) -> Iterator[str]:
    """Platt's line from score to confidence, in a bad room with 60 faults an hour beside the false alarms."""
    from sklearn.linear_model import LogisticRegression

    clean = [one for one in speech if not one.part.job.fault]
    hours = sum(one.part.seconds for one in clean) / 3600
    hits = [score for one in speech for _, score in one.hits]
    right = np.array([score for score in hits if score > LOWEST])
    wrong = np.concatenate([one.wrong for one in clean])
    weight = np.r_[np.full(len(right), 60 / len(hits)), np.full(len(wrong), 1 / hours)]
    line = LogisticRegression(C=1e6).fit(np.r_[right, wrong][:, None], np.r_[right * 0 + 1, wrong * 0], weight)
    yield f"confidence: 1 / (1 + exp(-({line.intercept_[0]:.3f} + {line.coef_[0, 0]:.3f} score)))"


def main() -> None:
    """Make the material, learn, write, and say what it is worth."""
    parser = argparse.ArgumentParser(prog="train_clicks", description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for clips (12 GB)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=clicks.MODEL)
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    seen_ = {split: gathered(split, given.cache, given.jobs) for split in ("train", "validation")}
    np.savez_compressed(given.out, **exported(learnt(seen_["train"])))
    clicks.MODEL = given.out
    clicks._model.cache_clear()
    for line in told(seen_["validation"]):
        print(line)


if __name__ == "__main__":
    main()
