"""One recording in many segments: an HLS media playlist (RFC 8216), read by ourselves.

FFmpeg would follow any address in a playlist. Here an entry is a plain file inside the playlist's own folder, or
the playlist is refused; nothing is ever fetched.
"""

import io
from collections.abc import Iterator
from pathlib import Path

from aqa.clock import Clock
from aqa.decode_av import AvDecoder
from aqa.m3u8 import Part, read_playlist
from aqa.model import InputError
from aqa.segments import Order
from aqa.sound_model import Block, Claim, Media

APART_S = 0.5
"""Dates that differ from what was decoded by less are the same: encoders' delay, #EXTINF rounded to 0.1 s."""


class PlaylistDecoder:
    """Blocks of all segments in order, as one recording; a segment that is not there is missing media."""

    def __init__(self, path: Path) -> None:
        self.path = path
        playlist = read_playlist(path)
        self.parts, self._notes = playlist.parts, playlist.notes
        first = next((part for part in self.parts if part.there), None)
        if first is None:
            raise InputError(f"{path}: none of its segments is in its folder; put them beside the playlist")
        decoder = self._decoder(first)
        self.sample_rate_hz, self.channels, self.lsb = decoder.sample_rate_hz, decoder.channels, decoder.lsb
        self.codec = decoder.codec
        self.start_ns = self.parts[0].date_ns or decoder.start_ns
        self.clock = Clock(self.sample_rate_hz, self.channels)

    def _decoder(self, part: Part) -> AvDecoder:
        return AvDecoder(self.path, lambda: _Chain(part.paths))

    def blocks(self) -> Iterator[Block]:
        """Sound in order of presentation."""
        dated: tuple[int, int] | None = None  # UTC and position of the last part with a date
        for part in self.parts:
            dated = self._dated(part, dated)
            length = round(part.seconds * self.sample_rate_hz)
            if not part.there:
                self.clock.miss(length, f"{_listed(part.names)}: named by the playlist, not in its folder")
                continue
            try:
                decoder = self._decoder(part)
            except InputError as error:
                self.clock.lose(length, str(error))
                continue
            if (decoder.sample_rate_hz, decoder.channels) != (self.sample_rate_hz, self.channels):
                self.clock.lose(length, "segments in another sample rate or number of channels")
                continue
            base = self.clock.position
            self._audit(part, base)
            for block in decoder.blocks():
                yield Block(base + block.start, block.samples)
            self.clock.append(decoder.clock)

    def _dated(self, part: Part, before: tuple[int, int] | None) -> tuple[int, int] | None:
        """What the dates say was left out before `part`: over a discontinuity no segment's own times tell it."""
        if part.date_ns is None:
            return before
        if before is not None:
            apart_s = (part.date_ns - before[0]) / 1e9
            ahead = round(apart_s * self.sample_rate_hz) - (self.clock.position - before[1])
            if ahead > APART_S * self.sample_rate_hz:
                self.clock.miss(ahead, "the dates in the playlist say that nothing was recorded")
        return part.date_ns, self.clock.position

    def _audit(self, part: Part, base: int) -> None:
        """What the segments themselves say of their order; `base` is where the part begins, in samples."""
        ends = [*part.starts_s[1:], part.seconds]
        segments = part.paths[len(part.paths) - len(part.names) :]  # before them is the head, if there is one
        order, rate = Order(), self.sample_rate_hz
        for path, name, start_s, end_s in zip(segments, part.names, part.starts_s, ends, strict=True):
            why = order.fault(path, name)
            if why is not None:
                self.clock.wrong(base + round(start_s * rate), base + round(end_s * rate), why)

    @property
    def media(self) -> Media:
        """What decoding said about the playlist and its segments."""
        return Media(
            str(self.path),
            "hls",
            self.codec,
            self.sample_rate_hz,
            self.channels,
            self.clock.decoded,
            sum(part.seconds for part in self.parts),
            self.start_ns,
            self.clock.missing,
            self.clock.damaged,
            claims=(Claim("the lengths in the playlist (#EXTINF)", sum(part.seconds for part in self.parts)),),
            notes=self._notes,
        )


class _Chain:
    """The bytes of some files, one after the other: what FFmpeg reads, and all it can read."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = iter(paths)
        self._file: io.BufferedReader | None = None

    def read(self, size: int) -> bytes:
        """The next bytes; empty at the end of the last file."""
        while True:
            if self._file is None:
                path = next(self._paths, None)
                if path is None:
                    return b""
                self._file = path.open("rb")
            data = self._file.read(size)
            if data:
                return data
            self.close()

    def close(self) -> None:
        """Close the file that is open."""
        if self._file is not None:
            self._file.close()
            self._file = None


def segments(path: Path) -> list[Path]:
    """The files that a playlist is made of, as far as they are there; InputError for a playlist that is refused."""
    return [file for part in read_playlist(path).parts for file in part.paths]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
