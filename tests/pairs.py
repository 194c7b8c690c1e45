"""Pairs of a recording and packets that belong together: sound through libopus, a network, a recorder.

Media second 0 of every stream leaves at log second 0; the log's clock is UTC. A recording made of the decoded
packets begins at log second `start_s` and runs `drift_ppm` fast against it.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aqa.measures import rtp
from aqa.measures.dips import Dips
from aqa.model import Doubles, Floats, Ints
from aqa.opus import VOIP, Decoder, Encoder
from aqa.stream_model import NO_LEVEL, Stream

RATE = 16_000
FRAME = RATE // 50
START_NS = 1_700_000_000_000_000_000


def speech(seed: int, seconds: float, *, talk_s: float = 4.0, pause_s: float = 1.2) -> Floats:
    """Noise and a buzz in the rhythm of speech: syllables of 120 to 300 ms, phrases, pauses; room noise."""
    random = np.random.default_rng(seed)
    n = round(seconds * RATE)
    envelope = np.zeros(n + RATE)
    at = random.exponential(pause_s)
    while at < seconds:
        phrase_end = at + 0.5 + random.exponential(talk_s)
        while at < min(phrase_end, seconds):
            length = random.uniform(0.12, 0.3)
            a, b = round(at * RATE), min(round((at + length) * RATE), n)
            shape = np.hanning(max(b - a, 1) * 5 // 4)[: b - a] ** random.uniform(0.5, 1.5)
            envelope[a:b] = np.maximum(envelope[a:b], shape[: b - a] * 10 ** (random.normal(0, 5) / 20))
            at += length * random.uniform(0.8, 1.0) + 0.03
        at += 0.2 + random.exponential(pause_s)
    pitch = 110 + 30 * np.sin(np.arange(n) / RATE * 2.1 + seed)
    buzz = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / RATE)) * 0.5 + random.normal(0, 0.4, n)
    return (0.08 * envelope[:n] * buzz + random.normal(0, 10 ** (-62 / 20), n)).astype(np.float32)


@dataclass(frozen=True)
class Spoken:
    """One participant's sound, and its packets."""

    sound: Floats
    packets: tuple[bytes, ...]

    @property
    def sizes(self) -> Ints:
        return np.array([len(packet) for packet in self.packets])

    @property
    def levels(self) -> Ints:
        """RFC 6464: of each frame's own samples, as a sender measures them before it encodes."""
        frames = self.sound[: len(self.packets) * FRAME].reshape(-1, FRAME)
        rms = np.sqrt((frames.astype(np.float64) ** 2).mean(axis=1))
        return np.clip(np.round(20 * np.log10(np.maximum(rms, 1e-7))), -127, 0).astype(np.int64)


def spoken(sound: Floats, application: int = VOIP, **options: int) -> Spoken:
    encoder = Encoder(RATE, application, **{"bitrate": 32_000, "complexity": 0, **options})
    whole = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
    return Spoken(sound, tuple(encoder.encode(frame) for frame in whole))


def lost(count: int, share: float, seed: int = 7) -> np.ndarray:
    """Which packets are lost: singly and in bursts."""
    random = np.random.default_rng(seed)
    gone, bad = np.zeros(count, np.bool_), False
    for i in range(1, count):
        bad = random.random() < (0.6 if bad else share * 0.4)
        gone[i] = bad
    return gone


def decoded(one: Spoken, gone: np.ndarray, *, zeros: bool = False) -> Floats:
    """What a recorder makes of the packets: concealed by libopus, or zeros in place of lost ones; DTX concealed."""
    decoder, out = Decoder(RATE), []
    for i, packet in enumerate(one.packets):
        if gone[i] and zeros:
            out.append(np.zeros(FRAME, np.float32))
        elif gone[i] or len(packet) <= 2:
            out.append(decoder.conceal(FRAME))
        else:
            out.append(decoder.decode(packet))
    return np.concatenate(out)


def stream(
    one: Spoken,
    gone: np.ndarray,
    *,
    levels: bool = False,
    dtx: bool = False,
    skew_ppm: float = 0.0,
    jitter_s: float = 0.003,
    ssrc: int = 0x1234,
    seed: int = 3,
) -> Stream:
    """The packets as a log has them."""
    random = np.random.default_rng(seed)
    number = np.flatnonzero(~gone)
    if dtx:
        kept = np.flatnonzero(one.sizes > 2)
        sequence = np.searchsorted(kept, np.arange(len(one.packets)))
        number = np.array([i for i in kept.tolist() if not gone[i]])
    else:
        sequence = np.arange(len(one.packets))
    at = number * 0.02 * (1 + skew_ppm * 1e-6) + random.exponential(jitter_s, len(number))
    order = np.argsort(at, kind="stable")
    number, at = number[order], at[order]
    zeros8, zeros16 = np.zeros(len(number), np.uint8), np.zeros(len(number), np.uint16)
    arrivals = rtp.Arrivals(
        START_NS + np.round(at * 1e9).astype(np.int64),
        (sequence[number] & 0xFFFF).astype(np.uint16),
        (number * 960 & 0xFFFFFFFF).astype(np.uint32),
        np.full(len(number), 111, np.uint8),
        np.zeros(len(number), np.bool_),
        one.sizes[number],
        zeros16,
        zeros8,
        zeros8,
        zeros16,
        zeros16,
    )
    place = rtp.Place("a.pcap", START_NS, ssrc, "10.0.0.1:5004", "10.0.0.2:6004")
    made = rtp.make_stream(place, arrivals, rtp.Named({111: "opus/48000/2"}))

    level = one.levels[number] if levels else np.full(len(number), NO_LEVEL)
    return dataclasses.replace(made, level_dbov=level.astype(np.int16))


def recording(
    parts: Sequence[Floats],
    *,
    start_s: float,
    drift_ppm: float = 0.0,
    seconds: float | None = None,
    noise_db: float = -65.0,
    seed: int = 11,
) -> Floats:
    """Mixed and recorded from log second `start_s` on by a clock that runs `drift_ppm` fast; samples."""
    mix = np.sum(np.stack([part[: min(map(len, parts))] for part in parts]), axis=0)
    length = seconds if seconds is not None else len(mix) / RATE - max(start_s, 0.0)
    at = start_s + np.arange(round(length * RATE)) / RATE / (1 + drift_ppm * 1e-6)
    sound = np.interp(at * RATE, np.arange(len(mix)), mix, left=0.0, right=0.0)
    return (sound + np.random.default_rng(seed).normal(0, 10 ** (noise_db / 20), len(at))).astype(np.float32)


def level_dbfs(samples: Floats) -> Floats:
    """The 10 ms series of a track."""
    hops = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    return (10 * np.log10(np.maximum((hops**2).mean(axis=1), 1e-20))).astype(np.float32)


def dip_ends_s(samples: Floats) -> Doubles:
    """Where the dips of a track end."""
    dips, ahead = Dips(RATE, 2.0**-15), 64  # samples before the first that its filters look at
    padded = np.concatenate([np.zeros(ahead, np.float32), samples])
    dips.take(padded, ahead, len(padded), -ahead)
    return np.sort(dips.found(len(samples)).runs["dip"].end_sample) / RATE
