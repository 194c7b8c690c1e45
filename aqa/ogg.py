"""Pages of an Ogg file (RFC 3533): where its links begin, and whether it was written to its end.

A chained file is several files in one (RFC 3533 4): each link begins with pages marked as beginning of stream, behind
pages of the link before. Only headers are read, so an hour costs some thousand short reads.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import SEEK_SET, BufferedReader
from pathlib import Path

CONTINUED, BEGINS, ENDS = 1, 2, 4  # RFC 3533 6: header_type flag
HEADER = 27  # bytes before the segment table (RFC 3533 6)
UNKNOWN = 0xFFFFFFFFFFFFFFFF  # granule position of a page on which no packet ends
SEARCH = 1 << 16  # bytes looked through at once for the next page, behind damage


@dataclass(frozen=True)
class Page:
    """One page: where it lies in the file, in bytes, and what its header says."""

    start: int
    end: int
    flags: int
    serial: int
    sounds: bool  # whether a packet ends on it


@dataclass(frozen=True)
class Link:
    """One file of a chain, in bytes, and whether each of its streams has a last page."""

    start: int
    end: int
    finished: bool


def links(path: Path) -> list[Link]:
    """The links of an Ogg file, in order; empty for one without a page. OSError where it can't be read."""
    out: list[Link] = []
    start, streams, heads, end = 0, set[int](), True, 0
    size = path.stat().st_size
    for page in pages(path):
        if page.flags & BEGINS and not heads:
            out.append(Link(start, page.start, not streams))
            start, streams = page.start, set()
        heads = bool(page.flags & BEGINS)
        streams |= {page.serial} if heads else set()
        whole = page.end <= size
        streams -= {page.serial} if page.flags & ENDS and whole else set()
        end = page.end
    return [*out, Link(start, size, not streams and end <= size)] if end else out


def pages(path: Path) -> Iterator[Page]:
    """Each page; bytes between pages, which are damage, are passed over."""
    with path.open("rb") as file:
        at = _next(file, 0)
        while at is not None:
            file.seek(at)
            head = file.read(HEADER + 255)
            count = head[26] if len(head) >= HEADER else 0
            sizes = head[HEADER : HEADER + count]
            if len(head) < HEADER or len(sizes) < count:
                yield Page(at, at + HEADER + 255, 0, 0, False)  # cut off in its header: it ends behind the file
                return
            end = at + HEADER + count + sum(sizes)
            granule = int.from_bytes(head[6:14], "little")
            yield Page(at, end, head[5], int.from_bytes(head[14:18], "little"), granule != UNKNOWN)
            at = _next(file, end)


def _next(file: BufferedReader, at: int) -> int | None:
    """Where the next page begins, at `at` or behind it; None at the end of the file."""
    file.seek(at)
    data = file.read(5)
    while data:
        found = data.find(b"OggS\0")
        if found >= 0:
            return at + found
        at += max(len(data) - 4, 1)
        file.seek(at)
        data = file.read(SEARCH)
    return None


class Slice:
    """Bytes [start, end) of a file as a file of their own, for FFmpeg."""

    def __init__(self, path: Path, start: int, end: int) -> None:
        self.start, self.end = start, end
        self._file = path.open("rb")
        self._file.seek(start)

    def read(self, size: int = -1) -> bytes:
        """The next bytes; empty at the end."""
        left = max(self.end - self._file.tell(), 0)
        return self._file.read(left if size < 0 else min(size, left))

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Go to `offset` from the slice's start (0), from here (1) or from its end (2)."""
        base = {0: self.start, 1: self._file.tell(), 2: self.end}[whence]
        return self._file.seek(max(base + offset, self.start)) - self.start

    def tell(self) -> int:
        """Where it is, from the slice's start."""
        return self._file.tell() - self.start

    def close(self) -> None:
        """Close the file."""
        self._file.close()
