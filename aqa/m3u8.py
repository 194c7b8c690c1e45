"""The text of an HLS media playlist (RFC 8216): its segments, joined to parts, and what its own rules say of it."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from aqa.model import InputError, utc_ns

MAXIMUM_BYTES = 10_000_000
_MAP = re.compile(r'URI="([^"]*)"')
REFUSED = {
    "#EXT-X-KEY": "its segments are encrypted; decrypt them first",
    "#EXT-X-BYTERANGE": "it cuts segments out of larger files; split them first",
    "#EXT-X-STREAM-INF": "it names other playlists; put one of those, with its segments, in its place",
}


@dataclass
class Part:
    """Segments that follow each other, all there or all missing."""

    there: bool
    paths: list[Path] = field(default_factory=list)
    seconds: float = 0.0
    names: list[str] = field(default_factory=list)
    starts_s: list[float] = field(default_factory=list)  # of its segments, by the playlist
    date_ns: int | None = None  # UTC of its start, where the playlist gives it


@dataclass
class Playlist:
    """What one playlist says."""

    path: Path
    parts: list[Part] = field(default_factory=list)
    target_s: float | None = None  # EXT-X-TARGETDURATION
    discontinuities: int = 0
    ended: bool = False
    longest: tuple[float, str] = (0.0, "")
    too_long: int = 0  # segments longer than the target
    _head: Path | None = None
    _seconds: float = 0.0
    _fresh: bool = True
    _gap: bool = False
    _date_ns: int | None = None

    def tag(self, text: str, number: int) -> None:
        """Take one line that begins with #."""
        tag = text.split(":", 1)[0]
        if tag in REFUSED and "METHOD=NONE" not in text:
            raise InputError(f"{self.path}: line {number}: {REFUSED[tag]}")
        if tag == "#EXTINF":
            self._seconds = _seconds(text)
        elif tag == "#EXT-X-TARGETDURATION":
            self.target_s = _seconds(text) or None
        elif tag == "#EXT-X-MAP" and (found := _MAP.search(text)):
            self._head, self._fresh = _inside(self.path, found.group(1), number), True
        elif tag == "#EXT-X-DISCONTINUITY":
            self._fresh = True
            self.discontinuities += 1
        elif tag == "#EXT-X-PROGRAM-DATE-TIME":
            self._date_ns = _date_ns(text)
        self._gap |= tag == "#EXT-X-GAP"
        self.ended |= tag == "#EXT-X-ENDLIST"

    def segment(self, text: str, number: int) -> None:
        """Take one line that names a segment."""
        segment, head = _inside(self.path, text, number), self._head
        there = segment.is_file() and (head is None or head.is_file()) and not self._gap
        if self._fresh or not self.parts or self.parts[-1].there != there:
            start = [head] if head is not None and there else []
            self.parts.append(Part(there, start, date_ns=self._date_ns))
        part = self.parts[-1]
        part.paths += [segment] if there else []
        part.names.append(text[:200])
        part.starts_s.append(part.seconds)
        part.seconds += self._seconds
        self._hold(text)
        self._seconds, self._fresh, self._gap, self._date_ns = 0.0, False, False, None

    def _hold(self, text: str) -> None:
        """Hold a segment's length against the target: rounded, none may be longer (RFC 8216 4.3.3.1)."""
        if self.target_s is not None and int(self._seconds + 0.5) > self.target_s:
            self.too_long += 1
            self.longest = max(self.longest, (self._seconds, text[:200]))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the playlist's own rules say of it, in words."""
        lines = []
        if self.too_long:
            lines.append(
                f"{self.too_long} segments are longer than the target duration of {self.target_s:g} s, most of all "
                f"{self.longest[1]} with {self.longest[0]:g} s: players may have stalled there (RFC 8216 4.3.3.1)"
            )
        if self.discontinuities:
            lines.append(f"the playlist marks {self.discontinuities} discontinuities: its writer began anew there")
        if not self.ended:
            lines.append("the playlist has no end mark: its writer was still at work, or was stopped hard")
        return tuple(lines)


def read_playlist(path: Path) -> Playlist:
    """The playlist's segments, joined while they follow each other; InputError for a playlist that is refused."""
    if path.stat().st_size > MAXIMUM_BYTES:
        raise InputError(f"{path}: a playlist of more than {MAXIMUM_BYTES} bytes; split it")
    playlist = Playlist(path)
    for number, line in enumerate(path.read_text("utf-8-sig", errors="replace").splitlines(), 1):
        text = line.strip()
        if text.startswith("#"):
            playlist.tag(text, number)
        elif text:
            playlist.segment(text, number)
    return playlist


def _seconds(text: str) -> float:
    """The length of an `#EXTINF` line; 0 where it is no sensible number."""
    try:
        value = float(text.split(":", 1)[1].split(",", 1)[0])
    except (ValueError, IndexError):
        return 0.0
    return value if 0 <= value < 86_400 else 0.0


def _date_ns(text: str) -> int | None:
    """UTC of an `#EXT-X-PROGRAM-DATE-TIME` line (RFC 8216 4.3.2.6); None where it names no time or no zone."""
    try:
        moment = datetime.fromisoformat(text.split(":", 1)[1].strip())
    except (ValueError, IndexError):
        return None
    return utc_ns(moment) if moment.tzinfo and 1990 < moment.year < 2262 else None


def _inside(path: Path, name: str, number: int) -> Path:
    """The file `name` strictly inside the playlist's folder, links followed."""
    folder, plain = path.absolute().parent, unquote(name)
    inside = folder / plain
    bad = ":" in plain or "\\" in plain or "\0" in plain or plain.startswith("/") or ".." in Path(plain).parts
    if bad or not inside.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{path}: line {number}: {name[:200]!r} is not inside the playlist's folder; "
                         "put the segments beside the playlist and name them without a path")  # fmt: skip
    return inside
