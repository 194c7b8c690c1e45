"""Captured frames in, RTP candidates out: link layer, IP and UDP taken off by compiled code, no object per packet.

A format hands over `Records` (where each frame lies in a buffer); `Table.add` parses them and keeps the columns
of what may be RTP. Whether it is RTP is told later, over several packets (`measures/rtp.py`).
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numba import int64, njit
from numpy.typing import NDArray

from aqa.headers import CANDIDATE, FLOODED, NO_TIME, REASONS, rtp_payload, u16, u32, udp
from aqa.model import Flags, Ints

NEVER = np.iinfo(np.int64).min
"""Capture time of a frame that has none."""
KEY_BYTES = 40  # source and destination address 2 x 16, ports 2 x 2, SSRC 4
MAX_KEYS = 1 << 20  # distinct (flow, SSRC) pairs followed: bounds memory under a flood of made-up SSRCs
BARE = 1 << 20
"""Link type of a record that is an RTP or RTCP packet itself: BARE plus the index of its flow in Records.flows."""
_DISCARD = bytes.fromhex("0100000000000000")  # RFC 6666: 100::/64 is no packet's address
_SLOTS = 2 * MAX_KEYS  # power of two: open addressing at half load or less


@dataclass(frozen=True)
class Records:
    """Frames inside one buffer; the arrays have one value per frame."""

    buffer: NDArray[np.uint8]
    offset: Ints  # first byte of the frame in the buffer
    captured: Ints  # bytes of it that are there
    wire: Ints  # bytes that it had on the wire
    link: Ints  # link type (tcpdump.org/linktypes)
    time_ns: Ints  # UTC; NEVER where unknown
    flows: Sequence[tuple[str, str]] = ()  # source and destination of each flow of BARE records, as text


@dataclass(frozen=True)
class Columns:
    """RTP candidates in file order, one value per packet."""

    key: NDArray[np.int32]  # which (flow, SSRC): index into the table's keys
    arrival_ns: Ints
    sequence: NDArray[np.uint16]
    timestamp: NDArray[np.uint32]
    payload_type: NDArray[np.uint8]
    marker: Flags
    payload_bytes: NDArray[np.int32]  # by the UDP length, so that a capture that cuts packets changes nothing


@njit("void(uint8[::1], int64, int64, int64, uint8[::1])", cache=True)
def _fill_key(data: NDArray[np.uint8], ip: int, ports: int, ssrc: int, key: NDArray[np.uint8]) -> None:
    """Key of flow and SSRC; IPv4 addresses stand IPv4-mapped (RFC 4291 2.5.5.2)."""
    key[:] = 0
    if data[ip] >> 4 == 4:
        key[10:12] = 255
        key[12:16] = data[ip + 12 : ip + 16]
        key[26:28] = 255
        key[28:32] = data[ip + 16 : ip + 20]
    else:
        key[:32] = data[ip + 8 : ip + 40]
    key[32:36] = data[ports : ports + 4]
    key[36:40] = data[ssrc : ssrc + 4]


@njit("void(uint8[::1], int64, int64, uint8[::1])", cache=True)
def _fill_bare_key(data: NDArray[np.uint8], flow: int, ssrc: int, key: NDArray[np.uint8]) -> None:
    """Key of a flow without addresses: its index stands in an address of the discard prefix (RFC 6666)."""
    key[:] = 0
    key[0] = 1
    for i in range(4):
        key[12 + i] = (flow >> (24 - 8 * i)) & 255
    key[36:40] = data[ssrc : ssrc + 4]


@njit("boolean(uint8[::1], uint8[::1])", cache=True)
def _equal(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Byte by byte: an array comparison would allocate for every packet."""
    for i in range(KEY_BYTES):  # noqa: SIM110 - compiled
        if one[i] != other[i]:
            return False
    return True


@njit("int64(uint8[::1], uint8[:, ::1], int32[::1], int64)", cache=True)
def _intern(key: NDArray[np.uint8], keys: NDArray[np.uint8], slots: NDArray[np.int32], count: int) -> int:
    """Index of `key` in `keys`: `count` when it was added now, -1 when there is no room."""
    mixed = int64(-3750763034362895579)  # FNV-1a, 64 bits, folded
    for byte in key:
        mixed = (mixed ^ int64(byte)) * int64(1099511628211)
    slot = (mixed ^ (mixed >> 32)) & (len(slots) - 1)
    while slots[slot] >= 0:
        if _equal(keys[slots[slot]], key):
            return int(slots[slot])
        slot = (slot + 1) & (len(slots) - 1)
    if count >= len(keys):
        return -1
    slots[slot] = count
    keys[count] = key
    return count


_SIGNATURE = (
    "UniTuple(int64, 2)(Tuple((uint8[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])),"
    " uint8[:, ::1], int32[::1], int64, int64[::1],"
    " Tuple((int32[::1], int64[::1], uint16[::1], uint32[::1], uint8[::1], boolean[::1], int32[::1])))"
)


@njit(_SIGNATURE, cache=True)
def _parse_kernel(records, keys, slots, count, reasons, out):  # type: ignore[no-untyped-def]
    """Parse every record; counts by reason are added to `reasons`. Gives candidates found and keys in use."""
    data, offset, captured, wire, link, time_ns = records
    out_key, out_arrival, out_sequence, out_timestamp, out_type, out_marker, out_payload = out
    found = 0
    key = np.zeros(KEY_BYTES, np.uint8)
    for i in range(len(offset)):
        if time_ns[i] == NEVER:
            reasons[NO_TIME] += 1
            continue
        end = offset[i] + captured[i]
        stop = offset[i] + max(wire[i], captured[i])
        ip, ports, at = -1, 0, offset[i]
        if link[i] < BARE:
            ip, ports, stop = udp(data, offset[i], end, stop, link[i])
            at = ports + 8
        payload = ip if ip < 0 and link[i] < BARE else rtp_payload(data, at, end, stop)
        if payload < 0:
            reasons[-payload] += 1
            continue
        if link[i] < BARE:
            _fill_key(data, ip, ports, at + 8, key)
        else:
            _fill_bare_key(data, link[i] - BARE, at + 8, key)
        which = _intern(key, keys, slots, count)
        if which < 0:
            reasons[FLOODED] += 1
            continue
        count = max(count, which + 1)
        out_key[found] = which
        out_arrival[found] = time_ns[i]
        out_sequence[found] = u16(data, at + 2)
        out_timestamp[found] = u32(data, at + 4)
        out_type[found] = data[at + 1] & 127
        out_marker[found] = data[at + 1] >= 128
        out_payload[found] = payload
        found += 1
    reasons[CANDIDATE] += found
    return found, count


def _columns(room: int) -> Columns:
    return Columns(
        np.empty(room, np.int32),
        np.empty(room, np.int64),
        np.empty(room, np.uint16),
        np.empty(room, np.uint32),
        np.empty(room, np.uint8),
        np.empty(room, np.bool_),
        np.empty(room, np.int32),
    )


def _tuple(record: Records | Columns) -> tuple[NDArray[np.generic], ...]:
    return tuple(getattr(record, item.name) for item in fields(record) if item.name != "flows")


@dataclass
class Table:
    """RTP candidates of one log, gathered buffer by buffer."""

    keys: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((MAX_KEYS, KEY_BYTES), np.uint8))
    reasons: Ints = field(default_factory=lambda: np.zeros(len(REASONS), np.int64))
    flows: Sequence[tuple[str, str]] = ()
    frames: int = 0
    start_ns: int | None = None
    end_ns: int | None = None
    _slots: NDArray[np.int32] = field(default_factory=lambda: np.full(_SLOTS, -1, np.int32))
    _count: int = 0
    _parts: list[tuple[NDArray[np.generic], ...]] = field(default_factory=list)

    def add(self, records: Records) -> None:
        """Parse the frames of one buffer."""
        out = _columns(len(records.offset))
        found, self._count = _parse_kernel(
            _tuple(records), self.keys, self._slots, self._count, self.reasons, _tuple(out)
        )
        self.flows = records.flows or self.flows
        self._parts.append(tuple(column[:found].copy() for column in _tuple(out)))
        self.frames += len(records.offset)
        self._span(records.time_ns)

    def _span(self, time_ns: Ints) -> None:
        known = time_ns[time_ns != NEVER]
        if len(known):
            first, last = int(known.min()), int(known.max())
            self.start_ns = first if self.start_ns is None else min(first, self.start_ns)
            self.end_ns = last if self.end_ns is None else max(last, self.end_ns)

    def columns(self) -> Columns:
        """All candidates so far, in file order."""
        parts = self._parts or [_tuple(_columns(0))]
        return Columns(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def ends(self, key: int) -> tuple[str, str, int]:
        """Source and destination of a key as text, and its SSRC."""
        raw = self.keys[key].tobytes()
        ssrc = int.from_bytes(raw[36:], "big")
        if raw[:8] == _DISCARD:
            return (*self.flows[int.from_bytes(raw[12:16], "big")], ssrc)
        ports = [int.from_bytes(raw[at : at + 2], "big") for at in (32, 34)]
        return _end(raw[:16], ports[0]), _end(raw[16:32], ports[1]), ssrc

    def skipped(self) -> dict[str, int]:
        """Frames that are no candidates, by reason."""
        return {REASONS[code]: int(n) for code, n in enumerate(self.reasons) if code != CANDIDATE and n}


def _end(address: bytes, port: int) -> str:
    """Address and port as text; IPv6 in brackets (RFC 3986 3.2.2)."""
    host = ipaddress.IPv6Address(address)
    return f"{host.ipv4_mapped}:{port}" if host.ipv4_mapped else f"[{host}]:{port}"
