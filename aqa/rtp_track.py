"""One participant's packets, decoded in the order of their media: sound, and what stands in where there is none."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from aqa.model import Floats
from aqa.sound_packets import Channel

CONCEALED_S = 1.0  # libopus has faded to nothing long before
COMFORT_S = 1.0  # a sender in DTX sends a packet each 400 ms (RFC 6716 2.1.9): twice that, and some
DTX_BYTES = 2  # an Opus packet up to here holds no sound (RFC 6716 2.1.9; libwebrtc, audio_decoder_opus.cc)
EMPTY = np.zeros(0, np.float32)


class Voice(Protocol):
    """A decoder of one channel."""

    def decode(self, packet: bytes) -> Floats:
        """The samples of one packet."""
        ...

    def conceal(self, samples: int, successor: bytes | None = None) -> Floats:
        """Samples in place of lost packets."""
        ...


@dataclass
class RtpTrack:
    """One channel while it is decoded."""

    plan: Channel
    voice: Voice
    rate: int
    payloads: dict[int, bytes] = field(default_factory=dict)  # by rank, read and not yet decoded
    seen: int = 0  # packets of it met in the file
    next: int = 0  # rank to be decoded
    waits: int = 0  # first rank not yet read
    filled: int = 0  # rank up to which gaps were filled; nothing is before the first
    end: int = 0  # of what was decoded
    frame: int = 0  # samples of the last packet
    dtx: bool = False  # whether that held no sound
    concealed: list[tuple[int, int]] = field(default_factory=list)
    damaged: list[tuple[int, int]] = field(default_factory=list)
    _parts: list[tuple[int, Floats]] = field(default_factory=list)

    def take(self, payloads: list[bytes]) -> None:
        """Its next packets in file order."""
        ranks = self.plan.rank[self.seen : self.seen + len(payloads)]
        self.seen += len(payloads)
        self.payloads.update((r, raw) for r, raw in zip(ranks.tolist(), payloads, strict=True) if r >= 0)
        while self.waits in self.payloads:
            self.waits += 1

    def ready(self) -> float:
        """Sample up to which nothing is missing any more: what fills a gap is known with the packet behind it."""
        if self.waits == len(self.plan.position):
            return np.inf
        return float(self.plan.position[max(self.waits - 1, 0)])

    def render(self, until: int) -> list[tuple[int, Floats]]:
        """Sound that begins before `until`, with where it begins; what goes beyond is kept for the next time."""
        while self.next < self.waits and self.plan.position[self.next] < until:
            self._fill()
            self._decode(self.payloads.pop(self.next), int(self.plan.position[self.next]))
            self.next += 1
        if self.next < self.waits:
            self._fill()
        out = [(at, wave[: until - at]) for at, wave in self._parts if at < until]
        self._parts = [(max(at, until), wave[max(until - at, 0) :]) for at, wave in self._parts]
        self._parts = [(at, wave) for at, wave in self._parts if len(wave)]
        return out

    def _decode(self, payload: bytes, position: int) -> None:
        at = max(position, self.end)
        try:
            wave = self.voice.decode(payload) if payload else EMPTY
        except ValueError:
            wave = EMPTY
        if not len(wave):
            wave = self.voice.conceal(self.frame or self.rate // 50)
            self.damaged.append((at, at + len(wave)))
        self._put(at, wave)
        self.frame, self.dtx = len(wave), self.plan.codec == "opus" and len(payload) <= DTX_BYTES

    def _fill(self) -> None:
        """What stands in a gap before the next packet: made up where packets were lost or DTX is on, else silence."""
        gap, lost = int(self.plan.position[self.next]) - self.end, int(self.plan.lost[self.next])
        if self.next <= self.filled or gap <= 0 or not (lost or self.dtx):
            return
        self.filled = self.next
        span = min(gap, lost * self.frame) if lost else gap  # beyond what was lost, the sender paused
        if lost:
            self.concealed.append((self.end, self.end + span))
        step = self.rate // 400  # 2.5 ms: what libopus counts in
        size = min(span, round((CONCEALED_S if lost else COMFORT_S) * self.rate)) // step * step
        last = size == gap and lost > 0  # the packet that follows knows only of the frame right before it
        frame = min(max(self.frame, step), size)
        while size > 0:
            part = frame if size >= 2 * frame else size
            size -= part
            successor = self.payloads[self.next] if last and size == 0 else None
            self._put(self.end, self.voice.conceal(part, successor))

    def _put(self, at: int, wave: Floats) -> None:
        self._parts.append((at, wave))
        self.end = at + len(wave)
