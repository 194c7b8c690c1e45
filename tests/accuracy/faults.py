"""Faults put into clean clips with exact truth: holes, dips, repetitions, clicks, skips and splices.

An injector takes a clip and a random generator and returns the faulty sound with one row of truth per fault. Faults
stand at least 1.5 s apart, inside P.56 activity of the clean clip where the class asks for it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import numpy as np

from accuracy.material import Clip
from aqa.measures.levels import levels
from aqa.model import Floats
from aqa.sound_model import Levels

APART_S = 1.5
AUDIBLE_DB = -30.0  # a fault in sound that is fainter than this under active speech is not counted as observable
NOTHING_ABOVE_DB = -45.0  # sound with less than this above a wall loses nothing by it
Edit = Callable[[Floats, int, int, Mapping[str, Any], np.random.Generator], None]
Values = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Truth:
    """One fault: half-open samples; `level_db` is the clean sound there relative to active speech."""

    kind: str
    start_sample: int
    end_sample: int
    params: dict[str, Any] = field(default_factory=dict)
    active: bool = True
    level_db: float = 0.0
    observable: bool = True


@dataclass(frozen=True)
class Faulty:
    """Sound with faults: `samples` (channels, n) float32."""

    samples: Floats
    rate: int
    lsb: float
    truths: tuple[Truth, ...]


@dataclass(frozen=True)
class Spot:
    """Where a fault goes."""

    start: int
    end: int
    params: Mapping[str, Any]
    active: bool
    level_db: float

    @property
    def observable(self) -> bool:
        return self.active and self.level_db > AUDIBLE_DB


def hop_levels(samples: Floats) -> tuple[Floats, Levels]:
    """10 ms levels in dBFS of sound at 48 kHz, and what P.56 makes of them."""
    hops = np.pad(samples, (0, -len(samples) % 480)).reshape(-1, 480)
    level = (10 * np.log10(np.mean(hops.astype(np.float64) ** 2, axis=1) + 1e-20)).astype(np.float32)
    return level, levels(level)


def spots(
    clip: Clip, rng: np.random.Generator, values: Values, *, active: bool = True, apart_s: float = APART_S
) -> Iterator[Spot]:
    """Places for faults of each of `values` in turn (a random one first); `ms` in them is the length.

    `active`: only where all of the fault lies in active speech; long ones (over 1 s) may begin anywhere.
    """
    level, measured = hop_levels(clip.samples)
    speech = measured.active_speech_dbfs if measured.active_speech_dbfs is not None else -26.0
    turn = cycle(np.roll(np.arange(len(values)), int(rng.integers(len(values)))).tolist())
    at, index = clip.rate, next(turn)
    while True:
        length = round(values[index].get("ms", 0) * clip.rate / 1000)
        at += int(rng.integers(1, clip.rate // 20))
        if at + length + clip.rate > len(clip.samples):
            return
        around = slice((at - 480) // 480, (at + length + 480) // 480 + 1)
        inside = bool(measured.speech[around].all())
        if active and not inside:
            continue
        power = float(10 * np.log10(np.mean(10 ** (level[around].astype(np.float64) / 10)) + 1e-20))
        yield Spot(at, at + length, values[index], inside, round(power - speech, 1))
        at, index = at + length + round(apart_s * clip.rate * rng.uniform(1, 1.5)), next(turn)


def edited(clip: Clip, rng: np.random.Generator, kind: str, values: Values, edit: Edit, **how: Any) -> Faulty:
    """The clip with `edit` applied at spots; the truth is where samples differ at most, and does at its ends."""
    out, truths = clip.samples.copy(), []
    for spot in spots(clip, rng, values, **how):
        start, end = spot.start, spot.end
        trial = out[max(0, start - 4 * clip.rate) : end + clip.rate].copy()
        offset = max(0, start - 4 * clip.rate)
        edit(trial, start - offset, end - offset, spot.params, rng)
        trial = quantised(trial, clip.lsb)
        changed = np.flatnonzero(trial != out[offset : offset + len(trial)])
        if not len(changed):
            continue
        out[offset : offset + len(trial)] = trial
        seen = spot.observable and bool(spot.params.get("observable", True))
        first, last = offset + int(changed[0]), offset + int(changed[-1]) + 1
        truths.append(Truth(kind, first, last, dict(spot.params), spot.active, spot.level_db, seen))
    return Faulty(out[None], clip.rate, clip.lsb, tuple(truths))


def quantised(samples: Floats, lsb: float) -> Floats:
    """On the clip's own steps again (0: float, as it is)."""
    return samples if not lsb else np.asarray(np.round(samples / lsb) * lsb, np.float32)


def zero(x: Floats, start: int, end: int, params: Mapping[str, Any], rng: np.random.Generator) -> None:
    x[start:end] = 0


def held(x: Floats, start: int, end: int, params: Mapping[str, Any], rng: np.random.Generator) -> None:
    """The last value before it, held."""
    x[start:end] = x[start - 1]


def attenuated(x: Floats, start: int, end: int, params: Mapping[str, Any], rng: np.random.Generator) -> None:
    """Down by `db`, in and out over ramps of `ramp_ms`."""
    ramp = round(params.get("ramp_ms", 0) * 48)
    depth = np.full(end - start, 10 ** (params["db"] / 20))
    if ramp:
        fall = np.linspace(1, depth[0], ramp)
        depth[:ramp], depth[-ramp:] = np.maximum(depth[:ramp], fall), np.maximum(depth[-ramp:], fall[::-1])
    x[start:end] *= depth.astype(np.float32)


def repeated(x: Floats, start: int, end: int, params: Mapping[str, Any], rng: np.random.Generator) -> None:
    """The frame before it again and again, sample for sample: a buffer that nobody fills."""
    frame = round(params["frame_ms"] * 48)
    x[start:end] = np.resize(x[start - frame : start], end - start)


def clicked(x: Floats, start: int, end: int, params: Mapping[str, Any], rng: np.random.Generator) -> None:
    """`samples` samples raised by `times` the RMS of the 20 ms around."""
    size = params["times"] * float(np.sqrt(np.mean(x[start - 480 : start + 480] ** 2)))
    x[start : start + params["samples"]] += np.float32(size * rng.choice((-1, 1)))
    np.clip(x, -1, 1, out=x)


def skipped(clip: Clip, rng: np.random.Generator, values: Values) -> Faulty:
    """Samples taken out: `skip_ms` of them, hard or with a cross-fade of `fade_ms`; the truth is the joint.

    A cross-fade of a pitch period, as NetEq's accelerate makes it, leaves nothing to find: not observable.
    """
    parts, truths, done, gone = [], [], 0, 0
    for spot in spots(clip, rng, values):
        skip, fade = round(spot.params["skip_ms"] * 48), round(spot.params.get("fade_ms", 0) * 48)
        parts.append(clip.samples[done : spot.start])
        if fade:
            up = np.linspace(0, 1, fade, dtype=np.float32)
            before, after = (clip.samples[at : at + fade] for at in (spot.start, spot.start + skip))
            parts.append(before * (1 - up) + after * up)
        at = spot.start - gone
        seen = spot.observable and not fade
        first, last = (at, at + fade) if fade else (at - 1, at + 1)
        truths.append(Truth("discontinuity", first, last, dict(spot.params), spot.active, spot.level_db, seen))
        done, gone = spot.start + skip + fade, gone + skip
    whole = np.concatenate([*parts, clip.samples[done:]])
    return Faulty(quantised(whole, clip.lsb)[None], clip.rate, clip.lsb, tuple(truths))


def share_above(x: Floats, hertz: float) -> float:
    """Power above `hertz` in dB of all."""
    power = np.abs(np.fft.rfft(x.astype(np.float64) * np.hanning(len(x)))) ** 2
    above = power[np.fft.rfftfreq(len(x), 1 / 48_000) > hertz].sum()
    return float(10 * np.log10(above / max(power.sum(), 1e-30) + 1e-30))
