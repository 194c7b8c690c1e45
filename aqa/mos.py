"""Learned MOS of sampled windows (extra `[mos]`), for those who ask for it: PLCMOS v2 and DNSMOS P.835 of speechmos.

Advisory: no finding, verdict or score of ours reads it. What the models were made for (their papers: PLCMOS,
arXiv 2305.15127, rates packet-loss concealment; DNSMOS P.835, ICASSP 2022, rates noise suppressors) stands in
`DOMAIN` and beside the figures in reports. The weights come inside the package `speechmos`; nothing is fetched.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from aqa.model import HOP_S, Doubles, Flags, Floats
from aqa.sound_model import Block, Track
from aqa.talk import talk

RATE = 16_000  # of both models: what is above 8 kHz they do not hear
WINDOW = 144_160  # samples of DNSMOS's window: 9.01 s (speechmos, dnsmos.INPUT_LENGTH)
WINDOW_S = WINDOW / RATE
LEAST_SPEECH = 0.5  # of a window that is rated: both models were made with clips of talk
RATERS = 15  # PLCMOS is asked as by so many raters and the mean taken (speechmos, plcmos.embed_rounds)
FRAME, STEP = 512, 256  # of PLCMOS's spectra (speechmos, plcmos.stft_transform)
FITS = {  # speechmos, dnsmos.get_polyfit_val: from the model's scale to that of ITU-T P.835
    "dnsmos_signal": (-0.08397278, 1.22083953, 0.0052439),
    "dnsmos_background": (-0.13166888, 1.60915514, -0.39604546),
    "dnsmos_overall": (-0.06766283, 1.11546468, 0.04602535),
}
DOMAIN = (
    "advisory; made for one talker's speech up to 8 kHz after packet loss (PLCMOS) or noise suppression (DNSMOS), "
    "rated by listeners of short clips; not for music, applause, several talkers at once or comparison between "
    "languages; no verdict of this report reads it"
)


def windows(speech: Flags, most: int) -> list[float]:
    """Where up to `most` windows begin, in seconds: of as many equal parts, the place in each with most speech.

    `speech` has shape (hops,). The same recording gives the same windows. None where less than half is speech.
    """
    length = math.ceil(WINDOW_S / HOP_S)
    if len(speech) < length or most < 1:
        return []
    spoken = np.concatenate(([0], np.cumsum(speech)))
    share = (spoken[length:] - spoken[:-length]) / length
    count = min(most, max(len(speech) // length, 1))
    out, free = [], 0
    for part in np.array_split(np.arange(len(share)), count):
        here = part[part >= free]
        if len(here) and share[here].max() >= LEAST_SPEECH:
            best = int(here[np.argmax(share[here])])
            out.append(best * HOP_S)
            free = best + length  # no sound is rated twice
    return out


def cut_out(blocks: Iterable[Block], starts_s: list[float], rate: int, channel: int) -> list[Floats]:
    """The samples of one channel's windows; what is missing in between is zeros. Holds the windows and no more."""
    size = round(WINDOW_S * rate)
    first = [round(start * rate) for start in starts_s]
    out = [np.zeros(size, np.float32) for _ in first]
    for block in blocks:
        end = block.start + block.samples.shape[1]
        for window, start in zip(out, first, strict=True):
            a, b = max(start, block.start), min(start + size, end)
            if a < b:
                window[a - start : b - start] = block.samples[channel, a - block.start : b - block.start]
    return out


@dataclass(frozen=True)
class Scores:
    """What the models say of one window, 1 (bad) to 5 (excellent)."""

    plcmos: float
    dnsmos_overall: float
    dnsmos_signal: float
    dnsmos_background: float


def rated(window: Floats, rate: int) -> Scores:
    """The scores of a window of 9.01 s at `rate` Hz."""
    import soxr  # noqa: PLC0415 - only those who ask for it wait for it

    sound = np.asarray(soxr.resample(window, rate, RATE), np.float32)[:WINDOW]
    sound = np.pad(sound, (0, WINDOW - len(sound))).clip(-1, 1)
    (raw,) = _session("dnsmos_models/sig_bak_ovr.onnx").run(None, {"input_1": sound[None]})
    fitted = {
        name: float(np.polyval(fit, value)) for (name, fit), value in zip(FITS.items(), raw[0].tolist(), strict=True)
    }
    return Scores(plcmos=plcmos(sound), **fitted)


def plcmos(sound: Floats) -> float:
    """PLCMOS v2 of sound at 16 kHz; raters drawn by a fixed seed, so that the same sound has the same score."""
    session, features = _session("plcmos_models/plcmos_v2.onnx"), spectra(sound)[None, None].astype(np.float32)
    raters = np.random.default_rng(0).normal(size=(RATERS, 1, 64)).astype(np.float32)
    scores = [session.run(None, {"degraded_audio": features, "rater_embed": one})[0] for one in raters]
    return float(np.mean([float(np.asarray(one).ravel()[0]) for one in scores]))


def spectra(sound: Floats) -> Doubles:
    """PLCMOS's features: log power of half-overlapping Hamming windows, shape (frames, 257)."""
    count = math.ceil((len(sound) + STEP) / STEP)
    padded = np.zeros((count - 1) * STEP + FRAME, np.float64)
    padded[STEP : STEP + len(sound)] = sound
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::STEP]
    power = np.abs(np.fft.rfft(frames * np.hamming(FRAME + 1)[:-1])) ** 2
    least = power[power > 0].min() * 1e-12 if power.any() else 1e-8  # floor of -120 dB; -80 dB of nothing at all
    return np.asarray(np.log(np.where(power > 0, power, least)) / 20, np.float64)


@cache
def _session(name: str) -> Any:
    """One model, on one thread: as many workers run as there are cores, and sums keep their order."""
    import onnxruntime  # noqa: PLC0415

    spec = find_spec("speechmos")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("speechmos is not installed; pip install 'aqa[mos]'")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = Path(spec.origin).parent / name
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def with_mos(tracks: list[Track], blocks: Iterable[Block], most: int) -> list[Track]:
    """The tracks, the one with the loudest speech with the models' median scores among its facts.

    `blocks` is the recording decoded once more: where speech is was not known before.
    """
    spoken = [track.levels.active_speech_dbfs for track in tracks]
    if all(level is None for level in spoken):
        return tracks
    loudest = int(np.argmax([-np.inf if level is None else level for level in spoken]))
    track = tracks[loudest]
    found = talk(track)  # neither music nor noise is in the models' domain
    starts_s = windows(track.levels.speech if found is None else found, most)
    if not starts_s:
        return tracks
    scores = [rated(one, track.sample_rate_hz) for one in cut_out(blocks, starts_s, track.sample_rate_hz, loudest)]
    facts: dict[str, float | None] = {"mos_windows": len(scores), "plcmos_lowest": min(s.plcmos for s in scores)}
    for name in ("plcmos", *FITS):
        facts[name] = float(np.median([getattr(score, name) for score in scores]))
    rounded = {name: None if value is None else round(value, 2) for name, value in facts.items()}
    lowest = starts_s[int(np.argmin([score.plcmos for score in scores]))]
    both = {**track.facts, **rounded, "plcmos_lowest_at_s": round(lowest, 2)}
    return [replace(one, facts=both) if one is track else one for one in tracks]
