"""Read a packet log: tell its format, parse its frames, group RTP packets into streams."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from aqa import chunks, hints
from aqa.frames import Columns, Table
from aqa.measures import rtp
from aqa.model import InputError, Stream


@dataclass(frozen=True)
class PacketLog:
    """What one packet log holds."""

    name: str
    format: str
    start_ns: int | None  # UTC of its first packet of any kind
    end_ns: int | None  # of its last, on the clock of its packets: UTC only where start_ns is known
    packets: int  # frames seen
    skipped: dict[str, int]  # frames that are in no stream, by reason
    streams: tuple[Stream, ...]  # by first packet, then SSRC and flow
    warning: str | None  # why it was not read to its end
    note: str | None = None  # what the file does not say, so that it is not measured


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
    streams, skipped = _streams(table, name, {**hints.codecs(module, path), **codecs})
    note = hints.untimed(module, path)
    streams = hints.without_times(streams) if note else streams
    return PacketLog(
        name,
        _short(module),
        hints.utc(table.start_ns),
        table.end_ns,
        table.frames,
        skipped,
        tuple(streams),
        warning,
        note,
    )


def _fill(table: Table, module: ModuleType, path: Path, name: str) -> str | None:
    try:
        for records in module.read(path):
            table.add(records)
    except chunks.DamagedError as error:
        return f"{name}: {error}"
    return None


def _streams(table: Table, name: str, codecs: Mapping[int, str]) -> tuple[list[Stream], dict[str, int]]:
    columns = table.columns()
    skipped = table.skipped()
    found, used = [], 0
    for key, rows in _groups(columns):
        packets = _arrivals(columns, rows)
        if rtp.looks_like_rtp(packets):
            place = _place(table, key, name)
            found.append(rtp.make_stream(place, packets, codecs))
            used += len(found[-1].arrival_ns)
    if len(columns.key) > used:
        skipped["no stream of RTP"] = len(columns.key) - used
    found.sort(key=lambda stream: (int(stream.arrival_ns[0]), stream.ssrc, stream.src, stream.dst))
    return found, skipped


def _groups(columns: Columns) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """(Flow, SSRC) key and rows in file order, where there are enough to tell."""
    order = np.argsort(columns.key, kind="stable")
    starts = np.flatnonzero(np.diff(columns.key[order], prepend=-1))
    ends = np.append(starts[1:], len(order))
    enough = ends - starts >= rtp.MIN_PACKETS
    for start, end in zip(starts[enough].tolist(), ends[enough].tolist(), strict=True):
        yield int(columns.key[order[start]]), order[start:end]


def _arrivals(columns: Columns, rows: NDArray[np.int64]) -> rtp.Arrivals:
    return rtp.Arrivals(
        columns.arrival_ns[rows], columns.sequence[rows], columns.timestamp[rows], columns.payload_type[rows],
        columns.marker[rows], columns.payload_bytes[rows].astype(np.int64),
    )  # fmt: skip


def _place(table: Table, key: int, name: str) -> rtp.Place:
    src, dst, ssrc = table.ends(key)
    return rtp.Place(name, table.start_ns or 0, ssrc, src, dst)
