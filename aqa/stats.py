"""Read a stats dump: tell its format by content, read the tracks in it."""

import zlib
from collections.abc import Iterable
from pathlib import Path

from aqa import chunks
from aqa.inventory import format_of, formats, short
from aqa.model import InputError
from aqa.reports import Collector
from aqa.stream_model import StatsLog

READS = "read_stats"
"""What a module that reads stats dumps has."""
HEAD_BYTES = 4096
"""What telling a format looks at: reports may begin with a certificate of some hundred bytes."""


def is_stats(head: bytes) -> bool:
    """Whether a file with these first bytes (some 4 kB), plain or gzip, is a stats dump."""
    if head[:2] == b"\x1f\x8b":
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
        except zlib.error:
            return False
    return format_of(head, READS) is not None


def holds_stats(path: Path) -> bool:
    """Whether a file is a stats dump, by content; false where it can't be read."""
    try:
        return format_of(chunks.head(path, HEAD_BYTES), READS, str(path)) is not None
    except OSError:
        return False


def read_stats_log(path: Path, *, name: str, kinds: Iterable[str] = ("audio",)) -> StatsLog:
    """Every audio track in one stats dump. InputError if nothing is read; `name` is what messages call the file."""
    try:
        head = chunks.head(path, HEAD_BYTES)
        if not head:
            raise InputError(f"{name}: byte 0: the file is empty or not readable as gzip; fetch or export it again")
        module = format_of(head, READS, name)
        if module is None:
            known = ", ".join(short(item) for item in formats(READS))
            raise InputError(f"{name}: byte 0: no known stats dump ({known}); export it again, or leave it out")
        found: StatsLog = module.read_stats(path, name, Collector(kinds))
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}; check the file and its permissions") from error
    return found
