"""Decode recordings that are packets (Janus' mjr, Jitsi's multitrack JSON): each SSRC is a channel.

RTP time is the presentation clock. What packets lost took with them is concealed as a receiver would, for up to a
second (libopus, with in-band FEC where the packet that follows carries it; the last pitch period for G.711); a
pause of DTX is comfort noise of the decoder; other pauses, and the time before a participant came, are silence.
Opus is decoded as mono, G.711 as it is; the packets are read twice, decoded once, and never held for longer than
the participant furthest behind asks for.
"""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from aqa import g711, opus, sound_packets
from aqa.chunks import DamagedError
from aqa.clock import CHANNELS, JUMP_LIMIT_S, check_format
from aqa.formats import jitsi_multitrack, mjr
from aqa.frames import Records
from aqa.model import InputError
from aqa.rtp_track import RtpTrack, Voice
from aqa.sound_model import Block, Hole, Media
from aqa.sound_packets import RATES_HZ, RED, Part, primary

WINDOW_S = 1.0  # length of a block
_FORMATS: tuple[ModuleType, ...] = (jitsi_multitrack, mjr)
NEAR_S = 0.06  # damage closer than this is one, as on other recordings


def is_sound(head: bytes) -> bool:
    """Whether a file that begins with `head` is packets that can be decoded to sound."""
    return any(module.sounds(head) for module in _FORMATS)


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
        self._tracks = [RtpTrack(plan, _voice(plan.codec), self.sample_rate_hz) for plan in plans]
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
            damaged=self._holes("a packet that can't be decoded", [one.damaged for one in self._tracks], NEAR_S),
            error=self._error,
            participants=tuple((self._flows[track.plan.flow], track.plan.ssrc) for track in self._tracks),
            concealed=self._holes("lost packets", [one.concealed for one in self._tracks], 0.0),
        )

    def _holes(self, reason: str, spans: list[list[tuple[int, int]]], near_s: float) -> tuple[Hole, ...]:
        """Spans of all channels, ordered, those of one channel that are no further apart than `near_s` as one."""
        out: list[tuple[int, int]] = []
        for channel in spans:
            joined: list[tuple[int, int]] = []
            for start, end in channel:
                near = joined and start - joined[-1][1] <= near_s * self.sample_rate_hz
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
