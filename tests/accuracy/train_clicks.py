"""Learn to tell clicks, skips and splices from lips, plosives and strings: makes `aqa/clicks.npz`.

    cd tests && PYTHONPATH=..:. python -m accuracy.train_clicks --cache /tmp/clicks

Material: the train split of the generator at 8, 16, 44.1 and 48 kHz, PCM and Opus 32k; beside it, since it holds but
seconds of full-band speech, spoken letters and syllables of Debian's package klettres-data (`--letters`, a folder
with one of languages in it; without it that domain is left out). Faults: clicks of 1 to 5 samples, 0.25 to 4 times
the RMS around; 2.5 to 510 ms left out. Thresholds come from the validation split; the test split is not touched.
"""

import argparse
import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from scipy.signal import resample_poly
from sound import Sound

from accuracy import material
from accuracy.faults import Spot, spots
from accuracy.material import Clip, one_clip
from accuracy.recorders import record
from accuracy.sources import RATE, stable
from accuracy.train_dips import exported
from aqa import clicks
from aqa.measures import track as pass_
from aqa.measures.discontinuity import Discontinuity
from aqa.measures.trees import scores
from aqa.model import Floats

LETTERS = {"train": ("nds", "en_GB", "it", "he", "hu", "lt"), "validation": ("de", "en", "pt_BR", "ar")}
"""Languages of klettres-data with sound above 10 kHz and few clipped files; those are left out."""
SPEECH = ("narrow", "fullband", "letters", "meeting", "synthetic")
QUIET = ("gated", "music", "applause", "noise")
RATES = (8_000, 16_000, 44_100, 48_000)
RECORDERS = ("pcm16", "opus")
CLICKS = [{"samples": n, "times": times} for n in (1, 2, 3, 5) for times in (0.25, 0.5, 0.5, 1.0, 4.0)]
SKIPS = [{"skip_ms": ms} for ms in (2.5, 5, 5, 10, 20, 130, 510)]
LEVELS = {"narrow", "fullband", "letters", "meeting", "synthetic", "gated"}
NEAR_S, TOUCH_S, MERGE_S = 0.003, 0.02, 0.02


@dataclass(frozen=True)
class Job:
    """One clip at one rate, with faults or clean, through one recorder."""

    split: str
    domain: str
    fault: str  # "", "click" or "skip"
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
    masked: np.ndarray
    truths: list[tuple[float, dict[str, Any]]]
    peak_db: np.ndarray


def jobs(split: str) -> list[Job]:
    """What to learn from, or to set thresholds with."""
    train = split == "train"
    out = []
    for rate in RATES:
        for recorder in RECORDERS if rate == RATE else RECORDERS[:1]:
            for domain in (*SPEECH, "music"):
                for fault in ("click", "skip"):
                    out += [Job(split, domain, fault, n, rate, recorder) for n in range(3 if train else 2)]
            for domain in (*SPEECH, *QUIET):
                more = 3 if domain in ("letters", "music", "fullband") else 2 if domain != "noise" else 1
                out += [Job(split, domain, "", n, rate, recorder) for n in range(2 * more if train else 3 * more)]
    return out


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


def clean(job: Job, folder: Path) -> Clip:
    """The clip of a job at 48 kHz; clean ones are others than those with faults."""
    number = job.number + {"": 0, "click": 1000, "skip": 2000}[job.fault] + RATES.index(job.rate) * 100
    if job.domain == "letters":
        return spoken(folder, job.split, number)
    return one_clip(job.split, job.domain, number, seconds=(60, 90))


def faulty(x: Floats, job: Job, of: Sequence[Spot], rng: np.random.Generator) -> tuple[Floats, list[Any]]:
    """With faults at the spots; truths as seconds and parameters."""
    truths, parts, done, gone = [], [], 0, 0
    x = x.copy()
    for spot in of:
        at = round(spot.start * job.rate / RATE)
        if job.fault == "click":
            around = x[at - job.rate // 100 : at + job.rate // 100]
            size = spot.params["times"] * float(np.sqrt(np.mean(around**2)))
            x[at : at + spot.params["samples"]] += np.float32(size * rng.choice((-1, 1)))
        else:
            parts.append(x[done:at])
            done = at + round(spot.params["skip_ms"] * job.rate / 1000)
        truths.append(((at - gone) / job.rate, dict(spot.params) | {"observable": spot.observable}))
        gone += done - at if job.fault == "skip" else 0
    return np.clip(np.concatenate([*parts, x[done:]]), -1, 1), truths


def seen(job: Job, folder: Path, cache: Path) -> Seen:
    """The candidates in a clip."""
    path = cache / f"{job.split}-{job.domain}-{job.fault}-{job.number}-{job.rate}-{job.recorder}.pkl"
    if not path.exists():
        clip = clean(job, folder)
        x = clip.samples
        if job.rate != RATE:
            x = np.asarray(resample_poly(x.astype(np.float64), job.rate // 100, RATE // 100), np.float32)
        truths: list[Any] = []
        if job.fault:
            rng = np.random.default_rng(stable("clicks", *map(str, (job.split, job.domain, job.number, job.rate))))
            values = CLICKS if job.fault == "click" else SKIPS
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
    pass_.MEASURES = (Discontinuity,)
    track = pass_.measure(Sound(x, job.rate, lsb=lsb))[0]
    found = track.candidates["discontinuity"]
    peak = found.features[:, found.columns.index("peak_dbfs")] - (track.levels.active_speech_dbfs or 0.0)
    return Seen(job, len(x) / job.rate, clicks.rows(track), found.start_sample / job.rate, clicks.masked(track), truths, peak)


def labels(part: Seen) -> np.ndarray:
    """1 for the strongest candidate at an observable fault, 0 for what lies far from all, -1 for the rest."""
    out = np.zeros(len(part.at_s), np.int64)
    out[part.masked] = -1
    for at_s, params in part.truths:
        apart = np.abs(part.at_s - at_s)
        out[apart <= TOUCH_S] = -1
        near = np.flatnonzero((apart <= NEAR_S) & ~part.masked)
        if len(near) and params["observable"]:
            out[near[int(np.argmax(part.peak_db[near]))]] = 1
    return out


def gathered(split: str, folder: Path, cache: Path, workers: int) -> list[Seen]:
    """Everything of a split, in the same order every time."""
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(partial(seen, folder=folder, cache=cache), jobs(split), chunksize=4))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--letters", type=Path, default=Path("/usr/share/klettres"))
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    for split in ("train", "validation"):
        (given.cache / f"{split}.all").write_bytes(pickle.dumps(gathered(split, given.letters, given.cache, given.jobs)))
