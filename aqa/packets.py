"""Read a packet log: tell its format, parse its frames, group RTP packets into streams."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from aqa import chunks, hints
from aqa.frames import Table
from aqa.grouping import Grouped
from aqa.headers import CANDIDATE, RTCP, SIP
from aqa.inventory import format_of, formats, short
from aqa.lanes import fill
from aqa.measures import rtp
from aqa.measures.arrivals import Arrivals
from aqa.model import InputError
from aqa.packed_streams import PackedStreams
from aqa.rtcp import Arrived, read_rtcp
from aqa.sdp import Description, read_sdp
from aqa.shares import in_shares
from aqa.stream_model import Reported, Stream

READS = "read"
"""What a module that reads packet logs has."""
MANY_PACKETS = 500_000  # from which on a second core is worth the trouble
Made = TypeVar("Made")


@dataclass(frozen=True)
class PacketLog:
    """What one packet log holds."""

    name: str
    format: str
    start_ns: int | None  # UTC of its first packet of any kind
    end_ns: int | None  # of its last, on the clock of its packets: UTC only where start_ns is known
    packets: int  # frames seen
    skipped: dict[str, int]  # frames that are in no stream, by reason
    streams: Sequence[Stream]  # by first packet, then SSRC and flow
    warning: str | None  # why it was not read to its end
    cut_packets: int = 0  # frames of which the capture holds a part only: sizes are those of UDP
    note: str | None = None  # what the file does not say, so that it is not measured


def is_packet_log(head: bytes) -> bool:
    """Whether a file with these first bytes, plain or gzip, is a packet log. A few hundred bytes are enough."""
    return format_of(chunks.unpacked(head), READS) is not None


@dataclass(frozen=True)
class OpenLog:
    """A packet log that has been read; its streams are made when they are asked for, one at a time."""

    name: str
    format: str
    table: Table
    told: "_Told"
    warning: str | None
    note: str | None
    grouped: Grouped

    def streams(self, share: int = 0, shares: int = 1) -> Iterator[Stream]:
        """Every stream, or those of one of several shares of equal size; in no order."""
        for key in self.grouped.keys(rtp.MIN_PACKETS)[share::shares]:
            packets = Arrivals.of(*self.grouped.rows(key))
            if rtp.looks_like_rtp(packets):
                place = _place(self.table, key, self.name)
                stream = rtp.make_stream(place, packets, self.told.named(place))
                yield hints.without_times(stream) if self.note else stream

    def each(self, make: Callable[[Stream], Made], cores: int) -> tuple[list[Made], dict[str, int]]:
        """What `make` makes of each stream, many streams on several cores; and `skipped`."""

        def work(share: int, shares: int) -> tuple[list[Made], int]:
            made, used = [], 0
            for stream in self.streams(share, shares):
                made.append(make(stream))
                used += len(stream.arrival_ns)
            return made, used

        many = int(self.table.reasons[CANDIDATE]) >= MANY_PACKETS
        parts = in_shares(work, cores if many else 1)
        return [item for made, _ in parts for item in made], self.skipped(sum(used for _, used in parts))

    def skipped(self, used: int) -> dict[str, int]:
        """Frames that are in no stream, by reason, where the streams have `used` packets."""
        found, candidates = self.table.skipped(), int(self.table.reasons[CANDIDATE])
        return {**found, "no stream of RTP": candidates - used} if candidates > used else found


def open_log(path: Path, *, name: str, codecs: Mapping[int, str]) -> OpenLog:
    """Read a packet log; `codecs` gives "opus/48000/2" by payload type. InputError if nothing is read.

    `name` is what messages call the file.
    """
    try:
        head = chunks.head(path)
        if not head:
            raise InputError(f"{name}: byte 0: the file is empty or not readable as gzip; fetch or record it again")
        module = format_of(head, READS, name)
        if module is None:
            known = ", ".join(short(module) for module in formats(READS))
            raise InputError(f"{name}: byte 0: no known packet log ({known}); convert it, or leave it out")
        table = Table()
        warning = _fill(table, module, path, name)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}; check the file and its permissions") from error
    except InputError as error:  # a format knows the file by its path only
        raise InputError(str(error).replace(f"{path}: ", f"{name}: ", 1)) from error
    if warning and not table.frames:
        raise InputError(warning)
    told = _Told.of(table, codecs, hints.codecs(module, path))
    note = hints.untimed(module, path)
    return OpenLog(name, short(module), table, told, warning, note, table.grouped())


def read_log(path: Path, *, name: str, codecs: Mapping[int, str]) -> PacketLog:
    """Everything in one packet log at once; arguments and errors as for `open_log`."""
    log = open_log(path, name=name, codecs=codecs)
    streams, used = PackedStreams(), 0
    for stream in log.streams():
        streams.add(stream)
        used += len(stream.arrival_ns)
    return PacketLog(
        name,
        log.format,
        hints.utc(log.table.start_ns),
        log.table.end_ns,
        log.table.frames,
        log.skipped(used),
        streams.sorted(),
        log.warning,
        log.table.cut_frames,
        log.note,
    )


def _fill(table: Table, module: ModuleType, path: Path, name: str) -> str | None:
    try:
        fill(table, module.read(path))
    except chunks.DamagedError as error:
        return f"{name}: {error}"
    if table.lies:
        return f"{name}: {table.lies} records whose lengths can't be true were passed over; copy or capture it again"
    return None


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
