"""Captured frames in, RTP candidates out: link layer, IP and UDP taken off by compiled code, no object per packet.

A format hands over `Records` (where each frame lies in a buffer); `Table.add` parses them and keeps one row of 32
bytes for what may be RTP. Whether it is RTP is told later, over several packets (`measures/rtp.py`). RTCP and SIP
are few: their bytes are kept as they came, for `rtcp.py` and `sdp.py`.
"""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aqa.grouping import Grouped, Rows, grouped
from aqa.headers import CANDIDATE, REASONS
from aqa.model import Ints
from aqa.parse import BARE, MAX_KEYS, ROOM, ROW, SLOTS, TCP_FLOWS, adopt_kernel, parse_kernel, span_kernel

__all__ = ["BARE", "NEVER", "ROW", "Message", "Records", "Table"]

NEVER = np.iinfo(np.int64).min
"""Capture time of a frame that has none."""
_LAST = np.iinfo(np.int64).max
LANES = 2
"""Threads that parse one log, each into a table of its own; results do not depend on how fast each is."""
MAX_MESSAGES = 200_000  # RTCP and SIP packets kept: one a second of 50 streams for over an hour
_IPV4_MAPPED = bytes(10) + b"\xff\xff"  # RFC 4291 2.5.5.2
_SIDE_ROOM = 1 << 10
_DISCARD = (1 << 56).to_bytes(8, "big")  # RFC 6666: 100::/64 is no packet's address


@dataclass(frozen=True)
class Records:
    """Frames inside one buffer; the arrays have one value per frame. A reader keeps no hand on any of them."""

    buffer: NDArray[np.uint8]
    offset: Ints  # first byte of the frame in the buffer
    captured: Ints  # bytes of it that are there
    wire: Ints  # bytes that it had on the wire
    link: Ints  # link type (tcpdump.org/linktypes), or BARE and more
    time_ns: Ints  # UTC; NEVER where unknown
    flows: Sequence[tuple[str, str]] = ()  # source and destination of each flow of BARE records, as text
    lies: int = 0  # records before these ones whose lengths can't be true, passed over


@dataclass(frozen=True)
class Message:
    """A packet of RTCP, or of SIP, as it came."""

    kind: int  # RTCP or SIP of aqa.headers
    time_ns: int
    src: str
    dst: str
    data: bytes
    number: int = 0  # of the records that it was among


@dataclass
class Table:
    """What one thread has gathered of a log, or the whole of it, buffer by buffer."""

    tcp: NDArray[np.uint64] = field(default_factory=lambda: np.zeros((TCP_FLOWS, 2), np.uint64))  # threads share it
    rows: Rows = field(default_factory=Rows)
    reasons: Ints = field(default_factory=lambda: np.zeros(len(REASONS), np.int64))
    messages: list[Message] = field(default_factory=list)
    flows: Sequence[tuple[str, str]] = ()
    frames: int = 0
    lies: int = 0

    def __post_init__(self) -> None:
        self._span = np.array([0, _LAST, NEVER])  # frames cut, first time, last time
        self._keys = np.zeros((MAX_KEYS, 5), np.uint64)
        self._side = np.empty((_SIDE_ROOM + ROOM, 4), np.int64)
        self._side_keys = np.empty((len(self._side), 5), np.uint64)
        self._count = 0
        self._slots = np.zeros(SLOTS, np.int32)
        self._known = (self._keys[: MAX_KEYS // LANES], self._slots, self.tcp)
        self._work = (np.zeros(5, np.uint64), np.zeros((ROOM, 2), np.int64))
        self._others: list[tuple[Rows, Ints]] = []  # with where each of their keys stands here

    def add(self, records: Records, number: int = 0, wait: Callable[[], None] | None = None) -> None:
        """Parse the frames of one buffer, the `number`th of the log.

        Others may still be parsing what comes before it: `wait` waits for that. None: it is all done.
        """
        self.flows = records.flows or self.flows
        self.lies += records.lies
        self.frames += len(records.offset)
        span_kernel(records.captured, records.wire, records.time_ns, self._span)
        at, in_turn = 0, wait is None
        while at < len(records.offset):
            at, waits = self._parse(records, at, number, in_turn)
            if waits and wait is not None:
                wait()
                in_turn = True

    def _parse(self, records: Records, at: int, number: int, in_turn: bool) -> tuple[int, bool]:
        found, sides, self._count, at, waits = parse_kernel(
            (records.buffer, records.offset, records.captured, records.wire, records.link, records.time_ns), at,
            in_turn, self._count, self._known, self._work, self.reasons, self.rows.room(ROOM), self._side,
            self._side_keys,
        )  # fmt: skip
        self.rows.took(found, number)
        for side in range(sides):
            if len(self.messages) < MAX_MESSAGES:
                self.messages.append(self._message(records, side, number))
        return int(at), bool(waits)

    def absorb(self, other: "Table") -> None:
        """Add what another thread has gathered of the same log; neither takes anything more."""
        places = np.empty(other._count, np.int64)
        theirs, key = other._keys[: other._count], self._work[0]
        self._count = adopt_kernel(theirs, self._count, self._keys, self._slots, key, places)
        self._others.append((other.rows, places))
        self.messages = sorted(self.messages + other.messages, key=lambda message: message.number)[:MAX_MESSAGES]
        self.flows = max(self.flows, other.flows, key=len)
        self.reasons += other.reasons
        self.frames += other.frames
        self.lies += other.lies
        (cut, first, last), (more, theirs, later) = self._span.tolist(), other._span.tolist()
        self._span[:] = cut + more, min(first, theirs), max(last, later)

    def _message(self, records: Records, side: int, number: int) -> Message:
        kind, record, begin, end = self._side[side].tolist()
        src, dst, _ = self._ends(self._side_keys[side])
        return Message(kind, int(records.time_ns[record]), src, dst, records.buffer[begin:end].tobytes(), number)

    @property
    def cut_frames(self) -> int:
        """How many are shorter in the log than they were on the wire."""
        return int(self._span[0])

    @property
    def start_ns(self) -> int | None:
        """The first time of any frame; None where none has one."""
        return int(self._span[1]) if self._span[2] != NEVER else None

    @property
    def end_ns(self) -> int | None:
        """The last time of any frame."""
        return int(self._span[2]) if self._span[2] != NEVER else None

    def grouped(self) -> Grouped:
        """The rows of each key; nothing may be added afterwards."""
        return grouped([(self.rows, np.arange(self._count)), *self._others])

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
    if address.startswith(_IPV4_MAPPED):
        return f"{'.'.join(map(str, address[12:]))}:{port}"
    return f"[{ipaddress.IPv6Address(address)}]:{port}"
