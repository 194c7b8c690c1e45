"""Read a stats dump: tell its format by content, read the tracks in it."""

import importlib
import pkgutil
import zlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType

from aqa import chunks
from aqa.model import InputError, StatsLog
from aqa.reports import Collector

HEAD_BYTES = 4096
"""What telling a format looks at: reports may begin with a certificate of some hundred bytes."""


@cache
def formats() -> tuple[ModuleType, ...]:
    """Every module of the inventory that tells (`sniff`) and reads (`read_stats`) a stats dump."""
    folder = importlib.import_module("aqa.formats")
    found = (importlib.import_module(f"aqa.formats.{item.name}") for item in pkgutil.iter_modules(folder.__path__))
    return tuple(module for module in found if hasattr(module, "sniff") and hasattr(module, "read_stats"))


def _format_of(head: bytes, name: str = "") -> ModuleType | None:
    says_yes = [module for module in formats() if module.sniff(head)]
    if len(says_yes) > 1:
        names = ", ".join(_short(module) for module in says_yes)
        raise InputError(f"{name}: byte 0: more than one format claims it ({names}); this is a bug, report it")
    return says_yes[0] if says_yes else None


def _short(module: ModuleType) -> str:
    return module.__name__.rsplit(".", 1)[-1]


def is_stats(head: bytes) -> bool:
    """Whether a file with these first bytes (some 4 kB), plain or gzip, is a stats dump."""
    if head[:2] == b"\x1f\x8b":
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
        except zlib.error:
            return False
    return _format_of(head) is not None


def holds_stats(path: Path) -> bool:
    """Whether a file is a stats dump, by content; false where it can't be read."""
    try:
        return _format_of(chunks.head(path, HEAD_BYTES), str(path)) is not None
    except OSError:
        return False


def read_stats_log(path: Path, *, name: str, kinds: Iterable[str] = ("audio",)) -> StatsLog:
    """Every audio track in one stats dump. InputError if nothing is read; `name` is what messages call the file."""
    try:
        head = chunks.head(path, HEAD_BYTES)
        if not head:
            raise InputError(f"{name}: byte 0: the file is empty or not readable as gzip; fetch or export it again")
        module = _format_of(head, name)
        if module is None:
            known = ", ".join(_short(item) for item in formats())
            raise InputError(f"{name}: byte 0: no known stats dump ({known}); export it again, or leave it out")
        found: StatsLog = module.read_stats(path, name, Collector(kinds))
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}; check the file and its permissions") from error
    return found
