"""Clean material by domain and split: long clips with pauses, rooms, background noise and gain.

Nothing here is a fault: joins are faded, gain stays below clipping, gates fade. What a source itself holds (a lip
click, a plosive) stays in, since a listener would not complain about it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from accuracy import sources
from accuracy.made import FADE_S, applause, faded, in_room, looped, noise_of
from accuracy.sources import DOMAINS, PACKAGES, RATE, SPLITS, Utterance, load, speakers, stable, utterances
from aqa.measures.levels import levels
from aqa.model import Floats

MADE = ("applause", "noise")  # made here: they need no source
SPEECH_DBFS = -26.0  # ITU-T P.56's usual level of speech material; gain goes 16 dB up and down from it
GAIN_DB = 16.0
PEAK = 0.97  # clean is below clipping


@dataclass(frozen=True)
class Clip:
    """Clean sound: `samples` mono float32 at `rate`; `lsb` is the step it was quantised with (0: float)."""

    samples: Floats
    rate: int
    domain: str
    source: str
    seed: int
    lsb: float
    split: str = "validation"

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def minutes_available(split: str, domain: str) -> float:
    """Minutes of distinct sources; infinite where sound is made here, 0 where the domain is not measured."""
    total = sum(sources.seconds(one) for one in utterances(split, domain)) / 60
    return float("inf") if domain in MADE else total


def clips(
    split: str, domain: str, minutes: float, seed: int = 0, *, seconds: tuple[float, float] = (60.0, 120.0)
) -> Iterator[Clip]:
    """Clips of together at least `minutes`; none where the domain's sources are absent.

    The same arguments give the same samples. Sources are taken in a shuffled round, so each comes as often; beyond
    `minutes_available` they come again with another gain, room and noise.
    """
    if split not in SPLITS or domain not in DOMAINS:
        raise ValueError(f"no split {split!r} or domain {domain!r}: {SPLITS}, {DOMAINS}")
    if domain not in MADE and not utterances(split, domain):
        return
    made, number = 0.0, 0
    while made < minutes * 60 - 1e-6:
        clip = one_clip(split, domain, seed * 10_000 + number, seconds=seconds)
        made, number = made + clip.seconds, number + 1
        yield clip


def one_clip(split: str, domain: str, seed: int, *, seconds: tuple[float, float] = (60.0, 120.0)) -> Clip:
    """The clip of one seed."""
    rng = np.random.default_rng(stable(split, domain, seed))
    length = round(rng.uniform(*seconds) * RATE)
    samples, source = _CONTENT.get(domain, _speech)(split, domain, length, rng)
    samples = _scaled(samples, rng)
    if domain == "gated":
        samples = gated(samples, rng)
    samples, lsb = _stored(samples, rng)
    return Clip(samples, RATE, domain, source, seed, lsb, split)


def _speech(split: str, domain: str, length: int, rng: np.random.Generator) -> tuple[Floats, str]:
    """Utterances with pauses of 0.2 to 3 s; a room in a third; noise 15 to 40 dB below speech.

    Three of ten synthetic clips keep espeak's own digital zero; real ones have noise always, as microphones do.
    """
    pool, pause_s = utterances(split, domain), (0.2, 3.0)
    if domain in PACKAGES:  # a speaker's single words and sentences
        who = speakers(split, domain)
        pool, pause_s = who[int(rng.integers(len(who)))], (0.0, 0.6)
    out, source = _chained(pool, length, rng, pause_s=pause_s)
    if rng.random() < 1 / 3:
        out = in_room(out, rng)
    if domain != "synthetic" or rng.random() < 0.7:
        out = out + noise_of(length, rng) * np.float32(0.05 * 10 ** (-rng.uniform(15, 40) / 20))
    return out, source


def _as_it_is(split: str, domain: str, length: int, rng: np.random.Generator) -> tuple[Floats, str]:
    """Meetings and music bring their rooms and pauses along: one piece after the other, cross-faded over 0.5 s."""
    return _chained(utterances(split, domain), length, rng, pause_s=(-0.5, -0.5), fade_s=0.5)


def _chained(
    pool: Sequence[Utterance],
    length: int,
    rng: np.random.Generator,
    *,
    pause_s: tuple[float, float],
    fade_s: float = FADE_S,
) -> tuple[Floats, str]:
    """Sources in a shuffled round, each at one level so that no speaker hides behind another."""
    order, names = list[int](), list[str]()
    out, at = np.zeros(length, np.float32), 0
    while at < length:
        order = order or [int(i) for i in rng.permutation(len(pool))]
        one = pool[order.pop()]
        piece = faded(load(one), fade_s)
        piece = piece * np.float32(0.05 / max(1e-4, float(np.sqrt(np.mean(piece**2)))))
        out[at : at + len(piece)] += piece[: length - at]
        names.append(one.name)
        at += len(piece) + round(rng.uniform(*pause_s) * RATE)
    return out, "+".join(names)


def _noise(split: str, domain: str, length: int, rng: np.random.Generator) -> tuple[Floats, str]:
    """Noise that swells and falls by 6 dB over seconds; every second one from a file where the split has any."""
    pool = utterances(split, domain)
    knots = rng.uniform(-6, 6, length // RATE + 2)
    slow = np.interp(np.arange(length), np.arange(len(knots)) * RATE, knots)
    if pool and rng.random() < 0.5:
        one = pool[int(rng.integers(len(pool)))]
        base, name = looped(load(one), length), one.name
    else:
        base, name = noise_of(length, rng), "made:noise"
    return np.asarray(base * 10 ** (slow / 20) * 0.05, np.float32), name


def _applause(split: str, domain: str, length: int, rng: np.random.Generator) -> tuple[Floats, str]:
    return applause(length, rng), f"made:applause:{split}"


_CONTENT: dict[str, Callable[..., tuple[Floats, str]]] = {
    "noise": _noise, "applause": _applause, "meeting": _as_it_is, "music": _as_it_is, "songs": _as_it_is,
}  # fmt: skip


def gated(samples: Floats, rng: np.random.Generator) -> Floats:
    """Through a noise gate that closes in pauses with a fade of 5 to 20 ms to zero; a third expand by 20 to 40 dB."""
    hops = np.pad(samples, (0, -len(samples) % 480)).reshape(-1, 480)
    level = 10 * np.log10(np.mean(hops.astype(np.float64) ** 2, axis=1) + 1e-20)
    measured = levels(level.astype(np.float32))
    opening = level > (measured.active_speech_dbfs or -26.0) - rng.uniform(18, 25)
    hold = round(rng.uniform(0.05, 0.25) / 0.01)
    open_hops = np.convolve(opening, np.ones(hold), "full")[: len(level)] > 0
    open_hops |= np.roll(open_hops, -1)  # look-ahead of a hop, as gates have
    closed = 10 ** (-rng.uniform(20, 40) / 20) if rng.random() < 1 / 3 else 0.0
    target = np.repeat(np.where(open_hops, 1.0, closed), 480)[: len(samples)]
    fade = round(rng.uniform(0.005, 0.02) * RATE)
    gain = np.convolve(np.pad(target, (fade // 2, fade - fade // 2 - 1), "edge"), np.ones(fade) / fade, "valid")
    gain[gain < 1e-9] = 0  # the running sum's rounding is no sound
    return np.asarray(samples * gain, np.float32)


def _scaled(samples: Floats, rng: np.random.Generator) -> Floats:
    """At -26 dBFS RMS of what sounds, plus or minus 16 dB, and below clipping."""
    loud = samples[np.abs(samples) > 0.05 * np.abs(samples).max()]
    target = 10 ** ((SPEECH_DBFS + rng.uniform(-GAIN_DB, GAIN_DB)) / 20)
    gain = target / max(1e-9, float(np.sqrt(np.mean(loud.astype(np.float64) ** 2))))
    return samples * np.float32(min(gain, PEAK / max(1e-9, float(np.abs(samples).max()))))


def _stored(samples: Floats, rng: np.random.Generator) -> tuple[Floats, float]:
    """As kept: 16 bits in six of ten, 16 bits dithered (triangular, 1 LSB) in two, float in two."""
    kind = rng.random()
    if kind < 0.2:
        return samples, 0.0
    step = 2.0**-15
    dither = rng.uniform(-0.5, 0.5, len(samples)) + rng.uniform(-0.5, 0.5, len(samples)) if kind < 0.4 else 0.0
    return np.asarray(np.clip(np.round(samples / step + dither), -32768, 32767) * step, np.float32), step
