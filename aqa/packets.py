"""Read a packet log: tell its format, parse its frames, group RTP packets into streams."""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType

from aqa import chunks, hints
from aqa.frames import Table
from aqa.headers import CANDIDATE, RTCP, SIP
from aqa.measures import rtp
from aqa.model import InputError, Reported, Stream
from aqa.rtcp import Arrived, read_rtcp
from aqa.sdp import Description, read_sdp


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
    cut_packets: int = 0  # frames of which the capture holds a part only: sizes are those of UDP
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
    streams, skipped = _streams(table, name, _Told.of(table, codecs, hints.codecs(module, path)))
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
        table.cut_frames,
        note,
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


def _streams(table: Table, name: str, told: "_Told") -> tuple[list[Stream], dict[str, int]]:
    skipped = table.skipped()
    found, used = [], 0
    for key, rows in table.groups(rtp.MIN_PACKETS):
        packets = rtp.Arrivals.of(rows)
        if rtp.looks_like_rtp(packets):
            place = _place(table, key, name)
            found.append(rtp.make_stream(place, packets, told.named(place)))
            used += len(found[-1].arrival_ns)
    candidates = int(table.reasons[CANDIDATE])
    if candidates > used:
        skipped["no stream of RTP"] = candidates - used
    found.sort(key=lambda stream: (int(stream.arrival_ns[0]), stream.ssrc, stream.src, stream.dst))
    return found, skipped


def _place(table: Table, key: int, name: str) -> rtp.Place:
    src, dst, ssrc = table.ends(key)
    return rtp.Place(name, table.start_ns or 0, ssrc, src, dst)


@dataclass(frozen=True)
class _Told:
    """What the log itself says of its streams, by its header, RTCP and SDP, and what the settings say."""

    codecs: Mapping[int, str]
    header: Mapping[int, str]
    reported: Mapping[int, Reported]
    described: Mapping[str, Description]

    @classmethod
    def of(cls, table: Table, codecs: Mapping[int, str], header: Mapping[int, str]) -> "_Told":
        reports = read_rtcp(Arrived(item.time_ns, item.data) for item in table.messages if item.kind == RTCP)
        return cls(codecs, header, reports, read_sdp(item.data for item in table.messages if item.kind == SIP))

    def named(self, place: rtp.Place) -> rtp.Named:
        """By where the stream goes to, else where it comes from: the answer names the types of the offer."""
        description = self.described.get(place.dst) or self.described.get(place.src) or Description("")
        reported = self.reported.get(place.ssrc)
        cname = description.cnames.get(place.ssrc)
        if cname and (reported is None or reported.cname is None):
            reported = replace(reported or Reported(), cname=cname)
        return rtp.Named(self.codecs, {**self.header, **description.codecs}, description.level_id, reported)
