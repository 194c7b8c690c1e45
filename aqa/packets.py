"""Read a packet log: tell its format, parse its frames, group RTP packets into streams."""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from aqa import chunks
from aqa.frames import Table
from aqa.headers import CANDIDATE
from aqa.measures import rtp
from aqa.model import InputError, Stream


@dataclass(frozen=True)
class PacketLog:
    """What one packet log holds."""

    name: str
    format: str
    start_ns: int | None  # UTC of its first packet of any kind
    end_ns: int | None
    packets: int  # frames seen
    skipped: dict[str, int]  # frames that are in no stream, by reason
    streams: tuple[Stream, ...]  # by first packet, then SSRC and flow
    warning: str | None  # why it was not read to its end


@cache
def _formats() -> tuple[ModuleType, ...]:
    """Every module of the inventory that tells (`sniff`) and reads (`read`) a packet log."""
    folder = importlib.import_module("aqa.formats")
    found = (importlib.import_module(f"aqa.formats.{item.name}") for item in pkgutil.iter_modules(folder.__path__))
    return tuple(module for module in found if hasattr(module, "sniff") and hasattr(module, "read"))


def _format_of(head: bytes, name: str = "") -> ModuleType | None:
    says_yes = [module for module in _formats() if module.sniff(head)]
    if len(says_yes) > 1:
        names = ", ".join(_short(module) for module in says_yes)
        raise InputError(f"{name}: byte 0: more than one format claims it ({names}); this is a bug, report it")
    return says_yes[0] if says_yes else None


def _short(module: ModuleType) -> str:
    return module.__name__.rsplit(".", 1)[-1]


def is_packet_log(head: bytes) -> bool:
    """Whether a file with these first bytes, plain or gzip, is a packet log. A few hundred bytes are enough."""
    return _format_of(chunks.unpacked(head)) is not None


def read_log(path: Path, *, name: str, codecs: Mapping[int, str]) -> PacketLog:
    """Everything in one packet log; `codecs` gives "opus/48000/2" by payload type. InputError if nothing is read.

    `name` is what messages call the file.
    """
    try:
        head = chunks.head(path)
        if not head:
            raise InputError(f"{name}: byte 0: the file is empty or not readable as gzip; fetch or record it again")
        module = _format_of(head, name)
        if module is None:
            known = ", ".join(_short(module) for module in _formats())
            raise InputError(f"{name}: byte 0: no known packet log ({known}); convert it, or leave it out")
        table = Table()
        warning = _fill(table, module, path, name)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}; check the file and its permissions") from error
    if warning and not table.frames:
        raise InputError(warning)
    streams, skipped = _streams(table, name, codecs)
    return PacketLog(
        name, _short(module), table.start_ns, table.end_ns, table.frames, skipped, tuple(streams), warning
    )


def _fill(table: Table, module: ModuleType, path: Path, name: str) -> str | None:
    try:
        for records in module.read(path):
            table.add(records)
    except chunks.DamagedError as error:
        return f"{name}: {error}"
    if table.lies:
        return f"{name}: {table.lies} records whose lengths can't be true were passed over; copy or capture it again"
    return None


def _streams(table: Table, name: str, codecs: Mapping[int, str]) -> tuple[list[Stream], dict[str, int]]:
    skipped = table.skipped()
    found, used = [], 0
    for key, rows in table.groups(rtp.MIN_PACKETS):
        packets = rtp.Arrivals.of(rows)
        if rtp.looks_like_rtp(packets):
            found.append(rtp.make_stream(_place(table, key, name), packets, codecs))
            used += len(found[-1].arrival_ns)
    candidates = int(table.reasons[CANDIDATE])
    if candidates > used:
        skipped["no stream of RTP"] = candidates - used
    found.sort(key=lambda stream: (int(stream.arrival_ns[0]), stream.ssrc, stream.src, stream.dst))
    return found, skipped


def _place(table: Table, key: int, name: str) -> rtp.Place:
    src, dst, ssrc = table.ends(key)
    return rtp.Place(name, table.start_ns or 0, ssrc, src, dst)
