"""Sound for the tests: arrays as sources, and files written packet by packet."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from aqa.decode import open_recording
from aqa.measures.track import measure
from aqa.sound_model import Block, Media, Track


class Sound:
    """An array (channels, n) or (n,) as a source of blocks; `cuts` are where blocks end."""

    def __init__(self, samples, rate=16_000, cuts=(), lsb=2.0**-15, holes=()):
        self.samples = np.atleast_2d(np.asarray(samples, np.float32))
        self.sample_rate_hz, self.channels, self.lsb = rate, len(self.samples), lsb
        self.cuts, self.holes = cuts, holes

    def blocks(self) -> Iterator[Block]:
        edges = sorted({0, *self.cuts, *(at for at, _ in self.holes), self.samples.shape[1]})
        shift, jumps = 0, dict(self.holes)
        for start, end in pairwise(edges):
            shift += jumps.get(start, 0)
            yield Block(start + shift, np.ascontiguousarray(self.samples[:, start:end]))


def track(samples, rate=16_000, **keywords) -> Track:
    return measure(Sound(samples, rate, **keywords))[0]


def quantised(samples) -> np.ndarray:
    return (np.clip(np.round(np.asarray(samples) * 32768), -32768, 32767) / 32768).astype(np.float32)


def noise(seconds, rate=16_000, level_db=-26.0, seed=0) -> np.ndarray:
    shape = np.random.default_rng(seed).normal(0, 10 ** (level_db / 20), round(seconds * rate))
    return quantised(shape)


def tone(seconds, rate=48_000, hertz=440.0, amplitude=0.3) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def encode(path: Path, codec: str, seconds=10.0, rate=48_000, drop: Callable[[int], bool] = lambda _: False) -> Path:
    """A tone through `codec` into the container that `path` names, without the packets that `drop` names."""
    whole = tone(seconds, rate)
    sample = {"libopus": "flt", "flac": "s16"}.get(codec, "fltp")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        packets = []
        for start in range(0, round(seconds * rate), 960):
            wave = whole[start : start + 960]
            data = (wave * 32767).astype(np.int16) if sample == "s16" else wave
            frame = av.AudioFrame.from_ndarray(data.reshape(1, -1), format=sample, layout="mono")
            frame.sample_rate, frame.pts = rate, start
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for index, packet in enumerate(packets):
            if not drop(index):
                container.mux(packet)
    return path


def decode(path: Path) -> tuple[np.ndarray, Media]:
    """All samples on the presentation clock (NaN where nothing was decoded), and what was learnt."""
    decoder = open_recording(path)
    blocks = list(decoder.blocks())
    end = max((block.start + block.samples.shape[1] for block in blocks), default=0)
    samples = np.full((decoder.channels, end), np.nan, np.float32)
    position = 0
    for block in blocks:
        assert block.start >= position, "the clock never moves back"
        assert block.samples.dtype == np.float32
        position = block.start + block.samples.shape[1]
        samples[:, block.start : position] = block.samples
    return samples, decoder.media
