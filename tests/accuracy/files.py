"""Faults of files and of pairs of recordings, with exact truth: the classes that no array of samples can hold.

Containers: packets left out (`missing_media`), bits changed in FLAC (`damaged_media`), playlists that state more than
their segments hold (`elided_time`). Second vantage: another recording of the room with skips and inserted time.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from sound import decode

from accuracy.evaluate import Heard, evaluate, intervals, matched
from accuracy.material import one_clip
from accuracy.sources import RATE, stable
from aqa.detector import registry
from aqa.measures import coarse, gcc
from aqa.measures.vantage import delays
from aqa.model import Floats

SECONDS = (60.0, 60.0)
CODECS = {"ogg": ("libopus", 960), "webm": ("libopus", 960), "mp4": ("aac", 1024), "ts": ("aac", 1024)}
SKIPPED = {"ogg": 312, "webm": 312, "mp4": 1024, "ts": 0}
"""Samples before the first that is presented: libopus's look-ahead, AAC's first frame; TS has no way to say it."""
PAGE_S = 1.0  # FFmpeg writes pages of a second: which packet inside one is missing, no reader can tell
HOLES_MS = (20, 60, 200, 1000)  # 20 ms and more are the goal; in AAC whole frames of 21.3 ms
FLAC_BLOCK = 4096
STEPS_MS = (-60, -20, -5, 5, 20, 60)
STEP_WITHIN_S, SIZE_WITHIN_S = 0.1, 0.001


def packed(path: Path, samples: Floats, drop: set[int]) -> None:
    """`samples` through the codec that the name asks for, without the packets whose numbers are in `drop`."""
    codec, size = CODECS[path.suffix[1:]]
    kept, number = "flt" if codec == "libopus" else "fltp", 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        for at in [*range(0, len(samples) // size * size, size), None]:
            frame = None
            if at is not None:
                frame = av.AudioFrame.from_ndarray(samples[None, at : at + size], format=kept, layout="mono")
                frame.sample_rate, frame.pts = RATE, at
            for packet in stream.encode(frame):
                if number not in drop:
                    container.mux(packet)
                number += 1


def left_out(folder: Path, suffix: str, seed: int, *, clean: bool) -> Heard:
    """A file with one hole of each length, found as missing or damaged media."""
    rng = np.random.default_rng(stable("files", suffix, seed))
    clip = one_clip("validation", "narrow", seed, seconds=SECONDS)
    size = CODECS[suffix][1]
    drop, rows, params = set[int](), [], []
    for place, ms in enumerate(() if clean else rng.permutation(HOLES_MS).tolist()):
        count = round(ms * RATE / 1000 / size) or 1
        first = round((8 + 12 * place + rng.uniform(0, 4)) * RATE / size)
        drop |= set(range(first, first + count))
        start = first * size - SKIPPED[suffix]
        rows.append((start / RATE, (start + count * size) / RATE))
        params.append({"ms": ms})
    path = folder / f"{seed}.{suffix}"
    packed(path, clip.samples, drop)
    return _judged(path, rows, params, ("missing_media", "damaged_media"), clip.seconds)


def changed_bits(folder: Path, seed: int, *, clean: bool) -> Heard:
    """A FLAC file with three bits changed, each somewhere in another frame."""
    rng = np.random.default_rng(stable("flac", seed))
    clip = one_clip("validation", "narrow", seed, seconds=SECONDS)
    path = folder / f"{seed}.flac"
    soundfile.write(path, clip.samples, RATE)
    rows: list[tuple[float, float]] = []
    if not clean:
        from aqa.flac import damaged_frames

        data = bytearray(path.read_bytes())
        for share in rng.uniform(0.1, 0.9, 3):
            data[round(share * len(data))] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        whole, (kept, _) = clip.samples, decode(path)
        wrong = np.flatnonzero(np.abs(np.nan_to_num(kept[0][: len(whole)]) - whole[: kept.shape[1]]) > 2**-14)
        blocks = sorted(
            {int(at) // FLAC_BLOCK for at in wrong} | {p.start // FLAC_BLOCK for p in damaged_frames(path)}
        )
        rows = [(b * FLAC_BLOCK / RATE, (b + 1) * FLAC_BLOCK / RATE) for b in blocks]
    return _judged(path, rows, [{"ms": 85} for _ in rows], ("damaged_media",), clip.seconds)


def stated_longer(folder: Path, seed: int, *, clean: bool) -> Heard:
    """A playlist whose segments of 10 s hold less than it says: the recorder dropped frames."""
    rng = np.random.default_rng(stable("hls", seed))
    clip = one_clip("validation", "narrow", seed, seconds=SECONDS)
    lacks_s = 0.0 if clean else float(rng.uniform(0.2, 1.0))
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:10"]
    for part in range(6):
        inside = clip.samples[round(part * 10 * RATE) : round(((part + 1) * 10 - lacks_s) * RATE)]
        packed(folder / f"{seed}-{part}.ts", inside, set())
        lines += ["#EXT-X-DISCONTINUITY", "#EXTINF:10.0,", f"{seed}-{part}.ts"]
    path = folder / f"{seed}.m3u8"
    path.write_text("\n".join([*lines, "#EXT-X-ENDLIST"]))
    rows = [] if clean else [(0.0, 60.0 - 6 * lacks_s)]
    return _judged(path, rows, [{"ms": round(6000 * lacks_s)} for _ in rows], ("elided_time",), 61.0)


def _judged(
    path: Path,
    rows: list[tuple[float, float]],
    params: list[dict[str, float]],
    kinds: tuple[str, ...],
    seconds: float,
) -> Heard:
    media = decode(path)[1]
    found = [(f.start_s, f.end_s, f.confidence) for kind in kinds for f in registry()[kind](media)]
    found = [(a, b, c) for a, b, c in found if b <= seconds + 0.1]
    return Heard(
        intervals(rows), intervals([(a, b) for a, b, _ in found]), np.array([c for *_, c in found]),
        np.ones(len(rows), np.bool_), seconds, params=list(params),
    )  # fmt: skip


def second_vantage(folder: Path, seed: int, *, clean: bool) -> Heard:
    """Another recording of the room, 50 dB of noise below it, with a skip or an insertion every 8 s."""
    del folder
    rng = np.random.default_rng(stable("vantage", seed))
    clip = one_clip("validation", "narrow", seed, seconds=SECONDS)
    a = np.asarray(soxr.resample(clip.samples, RATE, gcc.RATE_HZ), np.float32)
    b, rows, params, at = [], [], [], 0
    for place, ms in enumerate(() if clean else rng.permutation(STEPS_MS).tolist()):
        cut = round((8 + 8 * place + rng.uniform(0, 2)) * gcc.RATE_HZ)
        count = round(abs(ms) * gcc.RATE_HZ / 1000)
        b += [a[at:cut]] if ms < 0 else [a[at:cut], a[cut - count : cut]]
        at = cut + (count if ms < 0 else 0)
        rows.append((cut / gcc.RATE_HZ, cut / gcc.RATE_HZ + 0.001))
        params.append({"ms": ms})
    other = np.concatenate([*b, a[at:]])
    other = (other + rng.normal(0, np.std(other) * 10 ** (-50 / 20), len(other))).astype(np.float32)
    where = coarse.offsets(_levels(a), _levels(other))
    steps = () if isinstance(where, str) else delays(_pieces(a), _pieces(other), where, coarse.PART_S).steps
    sizes = {row: ms / 1000 for row, ms in zip(rows, [p["ms"] for p in params], strict=True)}
    found = [_step(one.time_s, one.size_s, sizes) for one in steps]
    return Heard(
        intervals(rows), intervals(found), np.ones(len(found)), np.ones(len(rows), np.bool_), clip.seconds,
        params=params,
    )  # fmt: skip


def _step(time_s: float, size_s: float, sizes: dict[tuple[float, float], float]) -> tuple[float, float]:
    """Where a step was found; one of the wrong size is put where no truth is, so that it counts as false."""
    near = [row for row in sizes if abs(row[0] - time_s) <= STEP_WITHIN_S]
    right = any(abs(sizes[row] - size_s) <= SIZE_WITHIN_S for row in near)
    at = time_s if right or not near else 0.0
    return at, at + 0.001


def _levels(x: Floats) -> Floats:
    power = np.mean(x[: len(x) // 160 * 160].reshape(-1, 160).astype(np.float64) ** 2, axis=1)
    return np.asarray(10 * np.log10(power + 1e-12), np.float32)


def _pieces(x: Floats) -> Iterator[Floats]:
    return (x[at : at + 65_536] for at in range(0, len(x), 65_536))


def _suffix(suffix: str) -> Callable[..., Heard]:
    return lambda folder, seed, *, clean: left_out(folder, suffix, seed, clean=clean)


SUBJECTS: dict[str, tuple[Callable[..., Heard], float | None]] = {
    **{f"missing_media {suffix}": (_suffix(suffix), PAGE_S if suffix == "ogg" else None) for suffix in CODECS},
    "damaged_media flac": (changed_bits, None),
    "elided_time hls": (stated_longer, None),
    "second vantage": (second_vantage, STEP_WITHIN_S),
}


def evaluated(count: int) -> dict[str, dict[str, object]]:
    """The figures of every subject over `count` faulty and as many clean files."""
    out = {}
    with tempfile.TemporaryDirectory() as name:
        for subject, (make, onset_s) in SUBJECTS.items():
            faulty = [matched(make(Path(name), seed, clean=False), onset_s) for seed in range(count)]
            clean = [matched(make(Path(name), count + seed, clean=True), onset_s) for seed in range(count)]
            out[subject] = evaluate(faulty, clean)
    return out
