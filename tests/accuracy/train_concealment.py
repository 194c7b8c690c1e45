"""Learn the models of `aqa/measures/concealment.py` from clips of the train split: an hour on one core.

    PYTHONPATH=.:tests python -m accuracy.train_concealment [--clips 430] [--out FOLDER]

Clips of all domains, 32 dB apart in level (for CELT's model games' music and plucked strings too), go through real
libopus (PyAV's and the system's, where there is one) as CELT, hybrid and SILK at many rates, half of them with
losses; a part through MP3, AAC or Opus behind that; the rest is clean. Truth: hops inside lost packets in active
speech that FEC did not repair. The 40 ms after a loss, and losses that can't be heard, count neither way; nor do
losses of CELT for the model of SILK and hybrid, or the other way round. Trees: histogram gradient boosting
(scikit-learn).
"""

import argparse
import ctypes
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly
from sklearn.ensemble import HistGradientBoostingClassifier

import aqa.opus
from accuracy import material, opus
from accuracy.clicks_material import plucked
from accuracy.faults import Truth
from accuracy.faults_coded import _truths, coded_clean
from accuracy.made import faded
from accuracy.material import Clip, one_clip
from accuracy.opus import FRAME, Coder, gilbert_elliott, send
from accuracy.recorders import record
from accuracy.sources import RATE, packages_folder, stable
from aqa.measures.concealment import MODELS
from aqa.measures.concealment_context import AFTER, BEFORE, context
from aqa.measures.concealment_kernels import LEVEL, LOUD, QUIET_DB, SILENT_DB
from aqa.measures.concealment_rows import HOPS_A_SECOND, Features

CORPUS = {"narrow": 0.25, "synthetic": 0.13, "fullband": 0.15, "meeting": 0.2, "gated": 0.1, "music": 0.1,
          "applause": 0.04, "noise": 0.03}  # fmt: skip
PACKAGES = {"words": 0.26, "dialogue": 0.1, "prompts": 0.12, "narrow": 0.12, "synthetic": 0.1, "fullband": 0.06,
            "meeting": 0.1, "gated": 0.05, "music": 0.05, "applause": 0.02, "noise": 0.02}  # fmt: skip
"""Shares of domains: of what the corpus holds, and with what Debian's packages carry. Both are drawn from: there are
hours of the packages' speech, and minutes of everything else, which is to weigh as much all the same."""
TRACKS = {
    "train": ("wesnoth/*/data/core/music/*.ogg", "fillets-ng/music/*.ogg", "etr/music/*.ogg"),
    "validation": ("neverball/bgm/*.ogg", "supertux2/music/*/*.ogg"),
}
"""Music that Debian's games carry, below /usr/share/games (wesnoth-1.16-music, fillets-ng-data, extremetuxracer-data,
neverball-data, supertux-data)."""
MUSIC, PLUCKED = 6, 0.3  # to so many numbers one clip of music; share of those that are made
PIECE_S = 12.0
RECORDERS = ("mp3", "opus", "aac64", "aac96")
HOP = RATE // HOPS_A_SECOND
CLEAN, CELT, SILK, EITHER = range(4)
ROUNDS = {CELT: 90, SILK: 170}  # trees: what a copy is can be told by fewer
KEPT = 0.2  # of clean hops: there are ten times as many
_BUNDLED = aqa.opus.library


@cache
def _system() -> ctypes.CDLL:
    found = ctypes.CDLL("libopus.so.0")
    found.opus_encoder_create.restype = found.opus_decoder_create.restype = ctypes.c_void_p
    found.opus_get_version_string.restype = ctypes.c_char_p
    return found


def use_system(system: bool) -> None:
    """Encode and decode with the system's libopus from now on, or with PyAV's."""
    try:
        aqa.opus.library = _system if system and _system() else _BUNDLED
    except OSError:
        aqa.opus.library = _BUNDLED


def coder(rng: np.random.Generator) -> Coder:
    """CELT, hybrid or SILK with some rate and options."""
    family, fec, dtx = (
        rng.choice(["celt", "hybrid", "silk"], p=[0.3, 0.4, 0.3]),
        rng.random() < 0.2,
        rng.random() < 0.15,
    )
    if family == "celt":
        low = rng.random() < 0.3
        return Coder("lowdelay" if low else "audio", 64_000 if low else int(rng.choice([48, 64, 96])) * 1000)
    if family == "hybrid":
        width = str(rng.choice(["FB", "FB", "SWB"]))
        return Coder("voip", int(rng.choice([28, 32, 40])) * 1000, fec=bool(fec), dtx=bool(dtx), width=width)
    width = str(rng.choice(["WB", "WB", "MB"]))
    return Coder("voip", int(rng.choice([12, 16, 20])) * 1000, fec=bool(fec), dtx=bool(dtx), width=width)


def losses(count: int, rng: np.random.Generator) -> np.ndarray:
    """Bursts of 1 to 10 packets well apart, or Gilbert's model at 2 to 20 %."""
    if rng.random() < 0.4:
        lost = gilbert_elliott(count, rng.uniform(0.02, 0.2), rng.uniform(1, 3), rng)
        lost[:30] = False
        return lost
    lost, at = np.zeros(count, np.bool_), 30 + int(rng.integers(30))
    while at < count - 20:
        burst = int(rng.choice([1, 2, 3, 4, 5, 7, 10], p=[0.35, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05]))
        lost[at : at + burst] = True
        at += burst + int(rng.integers(12, 45))
    return lost


Example = tuple[np.ndarray, tuple[Truth, ...], dict[str, object]]


def drawn(split: str, clips: int) -> Iterator[Example]:
    """Of each number a clip by either table of shares; where both say the same domain it is one clip."""
    for number in range(clips):
        rolls = [np.random.default_rng(stable(split, "conc", number)) for _ in (CORPUS, PACKAGES)]
        tables = zip(rolls, (CORPUS, PACKAGES), strict=True)
        domains = [str(rng.choice(list(shares), p=list(shares.values()))) for rng, shares in tables]
        for domain, rng in dict(zip(domains, rolls, strict=True)).items():
            yield example(split, number, domain, rng)


def music(split: str, clips: int) -> Iterator[Example]:
    """Clips of what repeats by nature: games' music and plucked strings."""
    for number in range(clips):
        rng = np.random.default_rng(stable(split, "conc music", number))
        clip = plucked(900_000 + number) if rng.random() < PLUCKED else tracks(split, number, rng)
        yield sent(clip, clip.domain, rng)


def tracks(split: str, number: int, rng: np.random.Generator) -> Clip:
    """Pieces from the middle of three tracks, one after the other."""
    found = [path for pattern in TRACKS[split] for path in sorted((packages_folder() / "games").glob(pattern))]
    pieces = []
    for path in rng.choice(np.array(found, object), 3, replace=False):
        with soundfile.SoundFile(path) as file:
            file.seek(int(rng.uniform(0, max(0, file.frames - PIECE_S * file.samplerate))))
            piece, rate = (
                file.read(round(PIECE_S * file.samplerate), dtype="float64", always_2d=True),
                file.samplerate,
            )
        pieces.append(faded(np.asarray(resample_poly(piece.mean(axis=1), RATE, rate), np.float32), 0.05))
    samples, lsb = material._stored(material._scaled(np.concatenate(pieces), rng), rng)
    return Clip(samples, RATE, "tracks", "games", number, lsb, split)


def example(split: str, number: int, domain: str, rng: np.random.Generator) -> Example:
    """A clip of a domain."""
    return sent(one_clip(split, domain, 900_000 + number, seconds=(30.0, 45.0)), domain, rng)


def sent(clip: Clip, domain: str, rng: np.random.Generator) -> Example:
    """The clip as it arrives and is recorded: sound (n,) at 48 kHz, its truth, and what it is."""
    use_system(rng.random() < 0.35)
    opus.CODERS["drawn"], sort = coder(rng), rng.random()
    truths: tuple[Truth, ...] = ()
    if sort < 0.62 and domain not in ("applause", "noise"):
        clip, truths, sort = *_lossy(clip, rng), 0.0
    elif sort < 0.75:
        clip = coded_clean(clip, "drawn")
    use_system(False)
    again = rng.random() < (0.5 if sort >= 0.75 else 0.12)
    recorder = str(rng.choice(RECORDERS)) if again else "pcm16"
    samples, _ = record(clip.samples[None], recorder, clip.lsb)
    about = {"domain": domain, "coder": opus.CODERS["drawn"], "recorder": recorder, "lossy": sort == 0.0}
    return np.ascontiguousarray(samples[0]), truths, about


def _lossy(clip: Clip, rng: np.random.Generator) -> tuple[Clip, tuple[Truth, ...]]:
    lost = losses(len(clip.samples) // FRAME + 2, rng)
    faulty = _truths(clip, send(clip.samples, opus.CODERS["drawn"], lost), lost, "drawn")
    return Clip(
        faulty.samples[0], clip.rate, clip.domain, clip.source, clip.seed, faulty.lsb, clip.split
    ), faulty.truths


def rows_of(samples: np.ndarray) -> np.ndarray:
    """The features of all hops of a clip, in one piece."""
    features = Features(RATE)
    edge = features.before
    return features.take(np.pad(samples, edge).astype(np.float32), edge, edge + len(samples), -edge).values


def labels(hops: int, truths: tuple[Truth, ...]) -> np.ndarray:
    """CLEAN, CELT, SILK (and hybrid) or EITHER per hop."""
    out = np.full(hops, CLEAN, np.int8)
    for truth in truths:
        start, end = truth.start_sample / HOP, truth.end_sample / HOP
        out[max(0, int(start) - 1) : int(np.ceil(end)) + 8] = EITHER
        if truth.observable:
            out[int(np.ceil(start)) : int(end)] = CELT if truth.params["mode"] == "celt" else SILK
    return out


def examples(given: Iterable[Example]) -> tuple[np.ndarray, np.ndarray]:
    """What a model sees of hops of clips, and what each hop is."""
    rng, rows, truth = np.random.default_rng(0), [], []
    for samples, truths, _ in given:
        found = rows_of(samples)
        label = labels(len(found), truths)[BEFORE : len(found) - AFTER]
        judged = found[BEFORE : len(found) - AFTER]
        sound = judged[:, LEVEL] > np.maximum(judged[:, LOUD] - QUIET_DB, SILENT_DB)
        keep = sound & (label != EITHER) & ((label != CLEAN) | (rng.random(len(label)) < KEPT))
        rows.append(context(found)[keep])
        truth.append(label[keep])
    return np.concatenate(rows), np.concatenate(truth)


def learn(x: np.ndarray, truth: np.ndarray, lost: int) -> HistGradientBoostingClassifier:
    """The model that tells hops of the kind `lost` from clean ones."""
    mine = (truth == CLEAN) | (truth == lost)
    y = truth[mine] == lost
    trees = HistGradientBoostingClassifier(
        max_iter=ROUNDS[lost], learning_rate=0.1, max_leaf_nodes=24, min_samples_leaf=60, l2_regularization=5.0,
        early_stopping=False, max_bins=127, random_state=0,
    )  # fmt: skip
    return trees.fit(x[mine], y, np.where(y, 1.0, 1 / KEPT))


def export(model: HistGradientBoostingClassifier, path: Path) -> None:
    """The model as `aqa.measures.trees` reads it; learning rate and leaves' values are one there already."""
    roots, parts, at = [], [], 0
    for (tree,) in model._predictors:
        nodes = tree.nodes
        leaf = nodes["is_leaf"].astype(np.bool_)
        roots.append(at)
        parts.append([
            np.where(leaf, 0, nodes["feature_idx"]).astype(np.int32),
            np.where(leaf, 0, nodes["num_threshold"]).astype(np.float32),
            np.where(leaf, 0, nodes["left"] + at).astype(np.int32),
            np.where(leaf, 0, nodes["right"] + at).astype(np.int32),
            np.where(leaf, nodes["value"], 0).astype(np.float32),
        ])  # fmt: skip
        at += len(nodes)
    names = ("feature", "threshold", "left", "right", "value")
    columns = {name: np.concatenate(column) for name, column in zip(names, zip(*parts, strict=True), strict=True)}
    baseline = float(np.ravel(model._baseline_prediction)[0])
    np.savez_compressed(path, roots=np.array(roots, np.int32), baseline=baseline, **columns)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--clips", type=int, default=430)
    arguments.add_argument("--out", type=Path, default=MODELS[0].parent)
    given = arguments.parse_args()
    x, truth = examples(drawn("train", given.clips))
    print(f"{len(x)} hops, lost by kind: {np.bincount(truth)[1:3].tolist()}; {opus.version()}")
    export(learn(x, truth, SILK), given.out / MODELS[1].name)
    tones, of_tones = examples(music("train", given.clips // MUSIC))  # SILK's way errs in no music
    export(learn(np.concatenate((x, tones)), np.concatenate((truth, of_tones)), CELT), given.out / MODELS[0].name)
