"""Captured frames in, RTP candidates out: link layer, IP and UDP taken off by compiled code, no object per packet.

A format hands over `Records` (where each frame lies in a buffer); `Table.add` parses them and keeps one row of 32
bytes for what may be RTP. Whether it is RTP is told later, over several packets (`measures/rtp.py`). RTCP and SIP
are few: their bytes are kept as they came, for `rtcp.py` and `sdp.py`.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from aqa.grouping import Grouped, Rows
from aqa.headers import CANDIDATE, REASONS
from aqa.model import Ints
from aqa.parse import BARE, ROOM, ROW, SLOTS, TCP_FLOWS, parse_kernel

__all__ = ["BARE", "NEVER", "ROW", "Message", "Records", "Table"]

NEVER = np.iinfo(np.int64).min
"""Capture time of a frame that has none."""
MAX_KEYS = 1 << 20  # distinct (flow, SSRC) pairs followed: bounds memory under a flood of made-up SSRCs
MAX_MESSAGES = 200_000  # RTCP and SIP packets kept: one a second of 50 streams for over an hour
_SIDE_ROOM = 1 << 10
_DISCARD = (1 << 56).to_bytes(8, "big")  # RFC 6666: 100::/64 is no packet's address


@dataclass(frozen=True)
class Records:
    """Frames inside one buffer; the arrays have one value per frame. Valid until the next ones are asked for."""

    buffer: NDArray[np.uint8]
    offset: Ints  # first byte of the frame in the buffer
    captured: Ints  # bytes of it that are there
    wire: Ints  # bytes that it had on the wire
    link: Ints  # link type (tcpdump.org/linktypes), or BARE and more
    time_ns: Ints  # UTC; NEVER where unknown
    flows: Sequence[tuple[str, str]] = ()  # source and destination of each flow of BARE records, as text
    lies: int = 0  # records before these ones whose lengths can't be true, passed over

    def held(self) -> "Records":
        """The same, good while the next ones are asked for: formats use arrays again, but the buffer not yet."""
        names = ("offset", "captured", "wire", "link", "time_ns")
        return replace(self, **{name: getattr(self, name).copy() for name in names})


@dataclass(frozen=True)
class Message:
    """A packet of RTCP, or of SIP, as it came."""

    kind: int  # RTCP or SIP of aqa.headers
    time_ns: int
    src: str
    dst: str
    data: bytes


@dataclass
class Table:
    """What one log holds, gathered buffer by buffer."""

    rows: Rows = field(default_factory=Rows)
    reasons: Ints = field(default_factory=lambda: np.zeros(len(REASONS), np.int64))
    messages: list[Message] = field(default_factory=list)
    flows: Sequence[tuple[str, str]] = ()
    frames: int = 0
    cut_frames: int = 0  # shorter in the log than on the wire
    lies: int = 0
    start_ns: int | None = None
    end_ns: int | None = None

    def __post_init__(self) -> None:
        self._keys = np.zeros((MAX_KEYS, 5), np.uint64)
        self._side = np.empty((_SIDE_ROOM + ROOM, 4), np.int64)
        self._side_keys = np.empty((len(self._side), 5), np.uint64)
        self._count = 0
        slots, tcp = np.zeros(SLOTS, np.int32), np.zeros((TCP_FLOWS, 2), np.uint64)
        self._known = (self._keys, slots, tcp)
        self._work = (np.zeros(5, np.uint64), np.zeros((ROOM, 2), np.int64))

    def add(self, records: Records) -> None:
        """Parse the frames of one buffer."""
        self.flows = records.flows or self.flows
        self.lies += records.lies
        self.frames += len(records.offset)
        self._span(records)
        at = 0
        while at < len(records.offset):
            at = self._parse(records, at)

    def _parse(self, records: Records, at: int) -> int:
        found, sides, self._count, at = parse_kernel(
            (records.buffer, records.offset, records.captured, records.wire, records.link, records.time_ns), at,
            self._count, self._known, self._work, self.reasons, self.rows.room(ROOM), self._side, self._side_keys,
        )  # fmt: skip
        self.rows.took(found)
        for side in range(sides):
            if len(self.messages) < MAX_MESSAGES:
                self.messages.append(self._message(records, side))
        return int(at)

    def _message(self, records: Records, side: int) -> Message:
        kind, record, begin, end = self._side[side].tolist()
        src, dst, _ = self._ends(self._side_keys[side])
        return Message(kind, int(records.time_ns[record]), src, dst, records.buffer[begin:end].tobytes())

    def _span(self, records: Records) -> None:
        self.cut_frames += int((records.captured < records.wire).sum())
        known = records.time_ns[records.time_ns != NEVER]
        if len(known):
            first, last = int(known.min()), int(known.max())
            self.start_ns = first if self.start_ns is None else min(first, self.start_ns)
            self.end_ns = last if self.end_ns is None else max(last, self.end_ns)

    def grouped(self) -> Grouped:
        """The rows of each key; nothing may be added afterwards."""
        return self.rows.grouped(self._count)

    def ends(self, key: int) -> tuple[str, str, int]:
        """Source and destination of a key as text, and its SSRC."""
        return self._ends(self._keys[key])

    def _ends(self, key: NDArray[np.uint64]) -> tuple[str, str, int]:
        raw = key.astype(">u8").tobytes()
        ssrc = int.from_bytes(raw[36:], "big")
        if raw[:8] == _DISCARD:
            return (*self.flows[int.from_bytes(raw[8:16], "big")], ssrc)
        ports = [int.from_bytes(raw[at : at + 2], "big") for at in (32, 34)]
        return _end(raw[:16], ports[0]), _end(raw[16:32], ports[1]), ssrc

    def skipped(self) -> dict[str, int]:
        """Frames that are no candidates, by reason."""
        return {REASONS[code]: int(n) for code, n in enumerate(self.reasons) if code != CANDIDATE and n}


def _end(address: bytes, port: int) -> str:
    """Address and port as text; IPv6 in brackets (RFC 3986 3.2.2)."""
    host = ipaddress.IPv6Address(address)
    return f"{host.ipv4_mapped}:{port}" if host.ipv4_mapped else f"[{host}]:{port}"
