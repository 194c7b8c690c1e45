"""Jitsi's multitrack recordings as JSON (jitsi-multitrack-recorder, MediaJson): one event a line, all participants.

A line with "event": "start" names a track (`tag`, endpoint and SSRC) and its codec; one with "event": "media" holds a
packet: `tag`, `chunk` (RTP sequence number), `timestamp` (RTP time that the bridge has put on one clock for the room)
and `payload` in base64. Each tag becomes a flow whose source is the tag; the RTP header is made again.

The file does not say when packets came, nor any UTC: time is the room's media time, counted from 1970.
"""

import binascii
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from aqa.chunks import CHUNK_BYTES, DamagedError, cut, pieces
from aqa.frames import BARE, Records

MAX_LINE = 1 << 20  # a packet of 64 kB takes 88 kB of base64
MAX_TRACKS = 10_000
_OPUS, _OTHER = 111, 96  # payload types of the headers made here
_TOP = 2**53  # a number beyond is no sequence number and no time


class _Format(msgspec.Struct):
    encoding: str = "opus"
    sample_rate: int = msgspec.field(default=48_000, name="sampleRate")


class _Start(msgspec.Struct):
    tag: str
    media_format: _Format = msgspec.field(default_factory=_Format, name="mediaFormat")


class _Media(msgspec.Struct):
    tag: str
    chunk: int | str
    timestamp: int | str
    payload: str


class _Line(msgspec.Struct):
    event: str
    start: _Start | None = None
    media: _Media | None = None


_decoder = msgspec.json.Decoder(_Line)


def sniff(head: bytes) -> bool:
    """Whether a file that begins with `head` is such a recording: its first line names event, number and tag."""
    line = head.lstrip().split(b"\n", 1)[0]
    has = all(name in line for name in (b'"event"', b'"sequenceNumber"', b'"tag"'))
    return line.startswith(b"{") and has and (b'"start"' in line or b'"media"' in line)


def sounds(head: bytes) -> bool:
    """Whether a file that begins with `head` holds sound that can be decoded."""
    return sniff(head)


@dataclass
class _Room:
    """Tracks seen so far."""

    flows: list[tuple[str, str]] = field(default_factory=list)
    index: dict[str, int] = field(default_factory=dict)
    formats: dict[str, _Format] = field(default_factory=dict)

    def track(self, tag: str) -> int:
        """Index of a track, added if new; ValueError if there are too many."""
        if tag not in self.index:
            if len(self.flows) >= MAX_TRACKS:
                raise ValueError(f"more than {MAX_TRACKS} tracks")
            self.index[tag] = len(self.flows)
            self.flows.append((tag, ""))
        return self.index[tag]

    def packet(self, media: _Media) -> tuple[bytes, int, int]:
        """The RTP packet of a media event, its flow and its time in ns. ValueError where it can't be one."""
        form = self.formats.get(media.tag, _Format())
        number, stamp = int(media.chunk), int(media.timestamp)
        if not (0 <= number < _TOP and 0 <= stamp < _TOP and form.sample_rate > 0):
            raise ValueError("a number out of range")
        kind = _OPUS if form.encoding.lower() == "opus" else _OTHER
        head = bytes((0x80, kind)) + (number & 0xFFFF).to_bytes(2, "big")
        head += (stamp & 0xFFFFFFFF).to_bytes(4, "big") + ssrc(media.tag).to_bytes(4, "big")
        payload = binascii.a2b_base64(media.payload, strict_mode=True)
        return head + payload, self.track(media.tag), stamp * 1_000_000_000 // form.sample_rate


def ssrc(tag: str) -> int:
    """The SSRC that a tag ends in ("endpoint-ssrc"); else a number made of the tag."""
    last = tag.rpartition("-")[2]
    number = int(last) if last.isascii() and last.isdigit() and len(last) <= 10 else -1
    return number if 0 <= number < 2**32 else zlib.crc32(tag.encode())


def _take(room: _Room, line: bytes, packets: list[tuple[bytes, int, int]]) -> None:
    """One line into the room or the packets; ValueError where it is no event."""
    try:
        event = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if event.event == "start" and event.start:
        room.formats.setdefault(event.start.tag, event.start.media_format)
    elif event.event == "media" and event.media:
        packets.append(room.packet(event.media))


def _records(room: _Room, packets: list[tuple[bytes, int, int]]) -> Records:
    sizes = np.array([len(raw) for raw, _, _ in packets], np.int64)
    buffer = np.frombuffer(bytearray().join(raw for raw, _, _ in packets), np.uint8)
    which = np.array([track for _, track, _ in packets], np.int64)
    time_ns = np.array([time for _, _, time in packets], np.int64)
    return Records(buffer, np.cumsum(sizes) - sizes, sizes, sizes, BARE + which, time_ns, tuple(room.flows))


def read(path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Records]:
    """The packets of a recording, a buffer at a time; `aqa.chunks.DamagedError` where it can't go on."""
    room, number = _Room(), 0
    for piece in pieces(path, chunk_bytes=chunk_bytes, longest=MAX_LINE):
        raw = piece.data.tobytes()
        whole = raw if piece.last else raw[: raw.rfind(b"\n") + 1]
        packets: list[tuple[bytes, int, int]] = []
        trouble: DamagedError | None = None
        at = 0
        for line in whole.splitlines(keepends=True):
            number += 1
            try:
                if line.strip():
                    _take(room, line, packets)
            except ValueError as error:
                trouble = cut(piece.position + at, f"line {number} is no event of the recorder ({error})")
                break
            at += len(line)
        if packets:
            yield _records(room, packets)
        if trouble:
            raise trouble
        piece.used = len(whole)


def codecs(path: Path) -> dict[int, str]:
    """What the payload types of the packets made here stand for."""
    del path
    return {_OPUS: "opus/48000/2"}


def untimed(path: Path) -> str | None:
    """Why times of arrival are not in the file."""
    del path
    return "this recording does not say when its packets came: jitter, stalls and clock drift are not measured"


def start_ns(path: Path) -> int | None:
    """UTC of its first packet: the file does not say."""
    del path
    return None
