"""One recording in many segments: an HLS media playlist (RFC 8216), read by ourselves.

FFmpeg would follow any address in a playlist. Here an entry is a plain file inside the playlist's own folder, or
the playlist is refused; nothing is ever fetched.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from aqa.clock import Clock
from aqa.decode_av import AvDecoder
from aqa.model import Block, Claim, InputError, Media
from aqa.segments import Order

MAXIMUM_BYTES = 10_000_000
_MAP = re.compile(r'URI="([^"]*)"')
REFUSED = {
    "#EXT-X-KEY": "its segments are encrypted; decrypt them first",
    "#EXT-X-BYTERANGE": "it cuts segments out of larger files; split them first",
    "#EXT-X-STREAM-INF": "it names other playlists; put one of those, with its segments, in its place",
}


@dataclass
class _Part:
    """Segments that follow each other, all there or all missing."""

    there: bool
    paths: list[Path] = field(default_factory=list)
    seconds: float = 0.0
    names: list[str] = field(default_factory=list)
    starts_s: list[float] = field(default_factory=list)  # of its segments, by the playlist


class PlaylistDecoder:
    """Blocks of all segments in order, as one recording; a segment that is not there is missing media."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parts = _parts(path)
        first = next((part for part in self.parts if part.there), None)
        if first is None:
            raise InputError(f"{path}: none of its segments is in its folder; put them beside the playlist")
        decoder = self._decoder(first)
        self.sample_rate_hz, self.channels, self.lsb = decoder.sample_rate_hz, decoder.channels, decoder.lsb
        self.codec, self.start_ns = decoder.codec, decoder.start_ns
        self.clock = Clock(self.sample_rate_hz, self.channels)

    def _decoder(self, part: _Part) -> AvDecoder:
        return AvDecoder(self.path, lambda: _Chain(part.paths))

    def blocks(self) -> Iterator[Block]:
        """Sound in order of presentation."""
        for part in self.parts:
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

    def _audit(self, part: _Part, base: int) -> None:
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
    return [file for part in _parts(path) for file in part.paths]


def _parts(path: Path) -> list[_Part]:
    """The playlist's segments, joined while they follow each other without a discontinuity."""
    if path.stat().st_size > MAXIMUM_BYTES:
        raise InputError(f"{path}: a playlist of more than {MAXIMUM_BYTES} bytes; split it")
    parts: list[_Part] = []
    head, seconds, fresh = None, 0.0, True
    for number, line in enumerate(path.read_text("utf-8-sig", errors="replace").splitlines(), 1):
        text = line.strip()
        tag = text.split(":", 1)[0]
        if tag in REFUSED and "METHOD=NONE" not in text:
            raise InputError(f"{path}: line {number}: {REFUSED[tag]}")
        if tag == "#EXTINF":
            seconds = _seconds(text)
        elif tag == "#EXT-X-MAP" and (found := _MAP.search(text)):
            head, fresh = _inside(path, found.group(1), number), True
        elif tag == "#EXT-X-DISCONTINUITY":
            fresh = True
        elif text and not text.startswith("#"):
            segment = _inside(path, text, number)
            there = segment.is_file() and (head is None or head.is_file())
            if fresh or not parts or parts[-1].there != there:
                parts.append(_Part(there, [head] if head is not None and there else []))
            parts[-1].paths += [segment] if there else []
            parts[-1].names.append(text[:200])
            parts[-1].starts_s.append(parts[-1].seconds)
            parts[-1].seconds += seconds
            seconds, fresh = 0.0, False
    return parts


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _seconds(text: str) -> float:
    """The length of an `#EXTINF` line; 0 where it is no sensible number."""
    try:
        value = float(text.split(":", 1)[1].split(",", 1)[0])
    except ValueError:
        return 0.0
    return value if 0 <= value < 86_400 else 0.0


def _inside(path: Path, name: str, number: int) -> Path:
    """The file `name` strictly inside the playlist's folder, links followed."""
    folder, plain = path.absolute().parent, unquote(name)
    inside = folder / plain
    bad = ":" in plain or "\\" in plain or "\0" in plain or plain.startswith("/") or ".." in Path(plain).parts
    if bad or not inside.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{path}: line {number}: {name[:200]!r} is not inside the playlist's folder; "
                         "put the segments beside the playlist and name them without a path")  # fmt: skip
    return inside
