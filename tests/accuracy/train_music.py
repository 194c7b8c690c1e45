"""Learn to tell music from speech, noise and applause: makes `aqa/music.npz`, and prints what it is worth.

    PYTHONPATH=.:tests python -m accuracy.train_music --out aqa/music.npz

Material: the train split's songs and instruments, and all its speech, at 8, 16 and 48 kHz and behind Opus. A window
of ten seconds is a row. The table is of the validation split; the test split is not touched. Same seeds, same model.
"""

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly
from sound import Sound, quantised

from accuracy.material import minutes_available, one_clip
from accuracy.recorders import record
from accuracy.sources import DOMAINS
from accuracy.train_dips import exported
from aqa import music
from aqa.measures.track import measure
from aqa.measures.trees import scores

MUSIC = ("songs", "music")
CLIPS = {"songs": 5, "words": 1.5, "dialogue": 1.5, "applause": 0.3, "noise": 0.5}  # times as many as of others
WAYS = ("pcm16", "opus", "16 kHz", "8 kHz")
SECONDS = (60.0, 90.0)
LEAST = (0.0, 1.0, 2.0, 3.0, 4.0)

Told = tuple[str, str, np.ndarray]
"""Domain, way, and rows of features of the windows that hold sound."""


def rows(split: str, domain: str, seed: int) -> Told:
    """The windows of one clip, by one of the ways in turn."""
    way = WAYS[seed % len(WAYS)]
    clip = one_clip(split, domain, seed, seconds=SECONDS)
    if "kHz" in way:
        down = 48 // int(way.split()[0])
        sound = Sound(quantised(resample_poly(clip.samples.astype(np.float64), 1, down))[None], 48_000 // down)
    else:
        samples, lsb = record(clip.samples[None], way, clip.lsb)
        sound = Sound(samples, clip.rate, lsb=lsb)
    (track,) = measure(sound)
    found, level = music.features(track, 0, music.windows(track))
    return domain, way, found[level > (track.levels.active_speech_dbfs or -26.0) - music.QUIET_DB]


def _all(split: str, clips: int, jobs: int) -> list[Told]:
    here = [domain for domain in DOMAINS if minutes_available(split, domain) > 0]
    tasks = [(split, domain, seed) for domain in here for seed in range(round(clips * CLIPS.get(domain, 1)))]
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(rows, *zip(*tasks, strict=True)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Learn, write, tell."""
    parser = argparse.ArgumentParser(prog="train_music", description=__doc__)
    parser.add_argument("--out", type=Path, help="without it nothing is learnt: the table only")
    parser.add_argument("--clips", type=int, default=24, help="per domain")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    if given.out:
        _learn(given.out, _all("train", given.clips, given.jobs))
    _table(_all("validation", given.clips // 2, given.jobs))


def _learn(out: Path, clips: list[Told]) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=120, max_depth=4, learning_rate=0.1, min_samples_leaf=20, l2_regularization=1.0, random_state=0
    )
    told = np.concatenate([np.full(len(found), domain in MUSIC) for domain, _, found in clips])
    model.fit(np.concatenate([found for _, _, found in clips]), told)
    np.savez_compressed(out, **exported(model))


def _table(clips: list[Told]) -> None:
    """Share of windows that score as much, by domain and way."""
    music._model.cache_clear()
    print(f"{'':24}{'windows':>8}" + "".join(f"{least:8.1f}" for least in LEAST))
    for domain in dict.fromkeys(clip[0] for clip in clips):
        for way in WAYS:
            parts = [found for d, w, found in clips if (d, w) == (domain, way) and len(found)]
            if not parts:
                continue
            score = scores(music._model(), np.ascontiguousarray(np.concatenate(parts)))
            shares = "".join(f"{np.mean(score >= least):8.3f}" for least in LEAST)
            print(f"{domain:14}{way:10}{len(score):8}{shares}")


if __name__ == "__main__":
    main()
