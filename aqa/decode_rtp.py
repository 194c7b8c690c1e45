"""Decode recordings that are packets (Janus' mjr, Jitsi's multitrack JSON): each SSRC is a channel.

RTP time is the presentation clock. What packets lost took with them is concealed as a receiver would (libopus with
in-band FEC where the packet that follows carries it; the last pitch period for G.711), for up to `CONCEALED_S`; a
pause of DTX is comfort noise of the decoder; other pauses, and the time before a participant came, are silence.
Opus is decoded as mono, G.711 as it is; the packets are read twice, decoded once, and never held for longer than
the participant furthest behind asks for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Protocol

import numpy as np

from aqa import g711, opus, sound_packets
from aqa.chunks import DamagedError
from aqa.clock import CHANNELS, JUMP_LIMIT_S, check_format
from aqa.formats import jitsi_multitrack, mjr
from aqa.frames import Records
from aqa.model import Block, Floats, Hole, InputError, Media
from aqa.sound_packets import RATES_HZ, RED, Channel, Part, primary

CONCEALED_S = 1.0  # libopus has faded to nothing long before
COMFORT_S = 1.0  # a sender in DTX sends a packet each 400 ms (RFC 6716 2.1.9): twice that, and some
DTX_BYTES = 2  # an Opus packet up to here holds no sound (RFC 6716 2.1.9; libwebrtc, audio_decoder_opus.cc)
WINDOW_S = 1.0  # length of a block
EMPTY = np.zeros(0, np.float32)
_FORMATS: tuple[ModuleType, ...] = (jitsi_multitrack, mjr)
_NEAR_S = 0.06  # damage closer than this is one


class Voice(Protocol):
    """A decoder of one channel."""

    def decode(self, packet: bytes) -> Floats:
        """The samples of one packet."""
        ...

    def conceal(self, samples: int, successor: bytes | None = None) -> Floats:
        """Samples in place of lost packets."""
        ...


def is_sound(head: bytes) -> bool:
    """Whether a file that begins with `head` is packets that can be decoded to sound."""
    return any(module.sounds(head) for module in _FORMATS)


@dataclass
class _Track:
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
        if lost:
            self.concealed.append((self.end, self.end + gap))
        step = self.rate // 400  # 2.5 ms: what libopus counts in
        size = min(gap, round((CONCEALED_S if lost else COMFORT_S) * self.rate)) // step * step
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


class RtpDecoder:
    """Blocks of one recording of packets; `.media` after `.blocks()` has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._module = _module_of(path)
        self._flows: list[str] = []
        self._error: str | None = None
        parts = (sound_packets.part(records) for records in self._records())
        codecs = self._module.codecs(path)
        self._red = {kind for kind, name in codecs.items() if name.startswith(RED)}
        plans = sound_packets.channels(parts, codecs, most_s=JUMP_LIMIT_S)
        if not plans:
            known = ", ".join(RATES_HZ)
            why = self._error or f"{path}: no packet of sound that can be decoded ({known})"
            raise InputError(f"{why}; leave it out, or bring a recording of the mix")
        self.sample_rate_hz = RATES_HZ[plans[0].codec]
        self.channels = len(plans)
        self.lsb = 2.0**-15
        check_format(path.name, self.sample_rate_hz, min(self.channels, CHANNELS + 1))
        self._tracks = [_Track(plan, _voice(plan.codec), self.sample_rate_hz) for plan in plans]
        for track in self._tracks:
            track.end = int(track.plan.position[0])

    def _records(self) -> Iterator[Records]:
        """The file's records up to where it is damaged."""
        try:
            for records in self._module.read(self.path):
                self._flows = [flow[0] for flow in records.flows]
                yield records
        except DamagedError as error:
            self._error = f"{self.path}: {error}"

    def blocks(self) -> Iterator[Block]:
        """Sound in order of presentation, from the first packet of any channel on."""
        window, at = round(WINDOW_S * self.sample_rate_hz), 0
        for records in self._records():
            self._feed(records.buffer, sound_packets.part(records))
            ready = min(track.ready() for track in self._tracks)
            while ready != np.inf and at + window <= ready:
                yield self._block(at, window)
                at += window
        while any(track.next < track.waits or track.end > at for track in self._tracks):
            block = self._block(at, window)
            if all(track.next == track.waits for track in self._tracks):  # the last: as long as its sound
                end = max(track.end for track in self._tracks)
                block = Block(at, block.samples[:, : max(end - at, 0)])
            yield block
            at += window

    def _feed(self, buffer: np.ndarray, part: Part) -> None:
        by_key = {(track.plan.flow, track.plan.ssrc): track for track in self._tracks}
        for key, mine in sound_packets.keys(part):
            if key in by_key:
                rows = zip(part.start[mine].tolist(), part.size[mine].tolist(), part.kind[mine].tolist(), strict=True)
                raw = [(buffer[start : start + size].tobytes(), kind) for start, size, kind in rows]
                by_key[key].take([primary(one) if kind in self._red else one for one, kind in raw])

    def _block(self, at: int, size: int) -> Block:
        samples = np.zeros((self.channels, size), np.float32)
        for index, track in enumerate(self._tracks):
            for start, wave in track.render(at + size):
                samples[index, start - at : start - at + len(wave)] = wave
        return Block(at, samples)

    @property
    def media(self) -> Media:
        """What decoding said: channels are participants where the recording has several flows or names them."""
        return Media(
            str(self.path),
            self._module.__name__.rsplit(".", 1)[-1],
            self._tracks[0].plan.codec,
            self.sample_rate_hz,
            self.channels,
            max(track.end for track in self._tracks),
            start_ns=self._module.start_ns(self.path),
            damaged=self._holes("a packet that can't be decoded", [track.damaged for track in self._tracks]),
            error=self._error,
            participants=tuple((self._flows[track.plan.flow], track.plan.ssrc) for track in self._tracks),
            concealed=self._holes("lost packets", [track.concealed for track in self._tracks]),
        )

    def _holes(self, reason: str, spans: list[list[tuple[int, int]]]) -> tuple[Hole, ...]:
        """Spans of all channels, ordered, those of one channel that nearly touch as one."""
        out: list[tuple[int, int]] = []
        for channel in spans:
            joined: list[tuple[int, int]] = []
            for start, end in channel:
                near = joined and start - joined[-1][1] <= _NEAR_S * self.sample_rate_hz
                joined.append((joined.pop()[0], end) if near else (start, end))
            out += joined
        rate = self.sample_rate_hz
        return tuple(Hole(start / rate, end / rate, reason) for start, end in sorted(out))


def _module_of(path: Path) -> ModuleType:
    with path.open("rb") as file:
        head = file.read(4096)
    return next(module for module in _FORMATS if module.sounds(head))


def _voice(codec: str) -> Voice:
    return opus.Decoder(RATES_HZ[codec]) if codec == "opus" else g711.Decoder(codec)
