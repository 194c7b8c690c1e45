"""Captured frames in, RTP candidates out: link layer, IP and UDP taken off by compiled code, no object per packet.

A format hands over `Records` (where each frame lies in a buffer); `Table.add` parses them and keeps the columns
of what may be RTP. Whether it is RTP is told later, over several packets (`measures/rtp.py`).
"""

from dataclasses import dataclass, field

import numpy as np
from numba import boolean, int32, int64, njit, types, uint8, uint16, uint32
from numpy.typing import NDArray

from aqa.model import Flags, Ints

REASONS = (
    "candidate", "unknown link layer", "not IP", "not UDP", "IP fragment", "cut off before its headers end",
    "malformed", "not RTP", "RTCP", "no capture time", "more flows than are followed", "ICMP",
)  # fmt: skip
"""What becomes of a frame, by code; all but the first are counted as skipped."""

CANDIDATE, LINK, NOT_IP, NOT_UDP, FRAGMENT, CUT, MALFORMED, NOT_RTP, RTCP, NO_TIME, FLOODED, ICMP = range(
    len(REASONS)
)
NEVER = np.iinfo(np.int64).min
"""Capture time of a frame that has none."""
KEY_BYTES = 40  # source and destination address 2 x 16, ports 2 x 2, SSRC 4
MAX_KEYS = 1 << 20  # distinct (flow, SSRC) pairs followed: bounds memory under a flood of made-up SSRCs
_SLOTS = 2 * MAX_KEYS  # power of two: open addressing at half load or less
_DEPTH = 16  # VLAN tags, IPv6 extension headers or tunnelled IP headers followed: bounds loops

_BYTES = types.Array(uint8, 1, "C")
_HEADS = types.UniTuple(int64, 3)


@dataclass(frozen=True)
class Records:
    """Frames inside one buffer; the arrays have one value per frame."""

    buffer: NDArray[np.uint8]
    offset: Ints  # first byte of the frame in the buffer
    captured: Ints  # bytes of it that are there
    wire: Ints  # bytes that it had on the wire
    link: Ints  # link type (tcpdump.org/linktypes)
    time_ns: Ints  # UTC; NEVER where unknown


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


@njit(int64(_BYTES, int64), cache=True)
def _u16(data: NDArray[np.uint8], at: int) -> int:  # pragma: no cover - compiled
    return (int64(data[at]) << 8) | int64(data[at + 1])


@njit(int64(_BYTES, int64), cache=True)
def _u32(data: NDArray[np.uint8], at: int) -> int:  # pragma: no cover - compiled
    return (_u16(data, at) << 16) | _u16(data, at + 2)


@njit(int64(_BYTES, int64, int64, int64), cache=True)
def _network(data: NDArray[np.uint8], at: int, end: int, link: int) -> int:  # pragma: no cover - compiled
    """Offset of the IP header, or minus the reason there is none."""
    if link in (12, 14, 101, 228, 229):  # raw IP
        return at
    if link in (0, 108):  # BSD loopback: 4 bytes of address family, whose values differ by system
        return at + 4
    if link == 1:
        kind = at + 12
    elif link == 113:
        kind = at + 14
    elif link == 276:
        kind = at
    else:
        return -LINK
    after = 20 if link == 276 else kind + 2 - at
    if at + after > end:
        return -CUT
    at += after
    kind = _u16(data, kind)
    for _ in range(_DEPTH):
        if kind in (0x0800, 0x86DD):
            return at
        if kind not in (0x8100, 0x88A8, 0x9100):  # IEEE 802.1Q, 802.1ad and its forerunner
            return -NOT_IP
        if at + 4 > end:
            return -CUT
        kind = _u16(data, at + 2)
        at += 4
    return -MALFORMED


@njit(_HEADS(_BYTES, int64, int64, int64), cache=True)
def _ipv4(data: NDArray[np.uint8], at: int, end: int, stop: int) -> tuple[int, int, int]:  # pragma: no cover
    """RFC 791: protocol (or minus a reason), offset of what follows, and where the datagram ends on the wire."""
    if at + 20 > end:
        return -CUT, at, stop
    header = 4 * (int64(data[at]) & 15)
    total = _u16(data, at + 2)
    if total == 0:  # left to the network card (segmentation offload): the frame itself says how long it is
        total = stop - at
    if header < 20 or total < header:
        return -MALFORMED, at, stop
    if _u16(data, at + 6) & 0x1FFF:
        return -FRAGMENT, at, stop
    return int64(data[at + 9]), at + header, min(stop, at + total)


@njit(_HEADS(_BYTES, int64, int64, int64), cache=True)
def _ipv6(data: NDArray[np.uint8], at: int, end: int, stop: int) -> tuple[int, int, int]:  # pragma: no cover
    """RFC 8200 4: as `_ipv4`, with the chain of extension headers walked."""
    if at + 40 > end:
        return -CUT, at, stop
    length = _u16(data, at + 4)
    if length:
        stop = min(stop, at + 40 + length)
    following = int64(data[at + 6])
    at += 40
    for _ in range(_DEPTH):
        if following not in (0, 43, 44, 51, 60, 135):
            return following, at, stop
        if at + 8 > end:
            return -CUT, at, stop
        size = 8 * (int64(data[at + 1]) + 1)
        if following == 44:
            if _u16(data, at + 2) & 0xFFF8:
                return -FRAGMENT, at, stop
            size = 8
        elif following == 51:  # RFC 4302 2.2: counts in 4 bytes
            size = 4 * (int64(data[at + 1]) + 2)
        following = int64(data[at])
        at += size
    return -MALFORMED, at, stop


@njit(_HEADS(_BYTES, int64, int64, int64, int64), cache=True)
def _udp(
    data: NDArray[np.uint8], at: int, end: int, stop: int, link: int
) -> tuple[int, int, int]:  # pragma: no cover - compiled
    """Offset of the innermost IP header (or minus a reason), of the UDP header, and end of the UDP payload."""
    at = _network(data, at, end, link)
    for _ in range(_DEPTH):
        if at < 0:
            return at, 0, 0
        if at >= end:
            return -CUT, 0, 0
        version = data[at] >> 4
        if version not in (4, 6):
            return -NOT_IP, 0, 0
        protocol, after, stop = _ipv4(data, at, end, stop) if version == 4 else _ipv6(data, at, end, stop)
        if protocol < 0:
            return protocol, 0, 0
        if protocol in (4, 41):  # RFC 2003, RFC 2473: IP in IP
            at = after
            continue
        if protocol in (1, 58):  # an ICMP error quotes the packet that it is about: not one more packet
            return -ICMP, 0, 0
        if protocol != 17:
            return -NOT_UDP, 0, 0
        if after + 8 > end:
            return -CUT, 0, 0
        length = _u16(data, after + 4)
        if length != 0 and length < 8:
            return -MALFORMED, 0, 0
        return at, after, (min(stop, after + length) if length else stop)
    return -MALFORMED, 0, 0


@njit(int64(_BYTES, int64, int64, int64), cache=True)
def _rtp_payload(data: NDArray[np.uint8], at: int, end: int, stop: int) -> int:  # pragma: no cover - compiled
    """Bytes of RTP payload by RFC 3550 5.1 and 5.3.1, or minus the reason why it can't be RTP.

    What a cut capture does not show (extension length, padding count) is taken as zero.
    """
    if stop - at < 12:
        return -NOT_RTP
    if at + 12 > end:
        return -CUT
    if data[at] >> 6 != 2:  # RFC 7983 7: 128 to 191 is RTP or RTCP; STUN, DTLS, TURN channels lie elsewhere
        return -NOT_RTP
    if 64 <= data[at + 1] & 127 <= 95:  # RFC 5761 4: RTCP types 192 to 223
        return -RTCP
    size = 12 + 4 * (int64(data[at]) & 15)
    if data[at] & 16:
        if at + size + 4 > stop:
            return -NOT_RTP
        size += 4 + (4 * _u16(data, at + size + 2) if at + size + 4 <= end else 0)
    left = stop - at - size
    if left >= 0 and data[at] & 32 and stop <= end:
        padding = int64(data[stop - 1])
        left = left - padding if padding else int64(-1)
    return left if left >= 0 else -NOT_RTP


@njit(types.void(_BYTES, int64, int64, int64, _BYTES), cache=True)
def _fill_key(
    data: NDArray[np.uint8], ip: int, udp: int, ssrc: int, key: NDArray[np.uint8]
) -> None:  # pragma: no cover - compiled
    """Key of flow and SSRC; IPv4 addresses stand IPv4-mapped (RFC 4291 2.5.5.2)."""
    key[:] = 0
    if data[ip] >> 4 == 4:
        key[10:12] = 255
        key[12:16] = data[ip + 12 : ip + 16]
        key[26:28] = 255
        key[28:32] = data[ip + 16 : ip + 20]
    else:
        key[:32] = data[ip + 8 : ip + 40]
    key[32:36] = data[udp : udp + 4]
    key[36:40] = data[ssrc : ssrc + 4]


@njit(int64(_BYTES, types.Array(uint8, 2, "C"), types.Array(int32, 1, "C"), int64), cache=True)
def _intern(
    key: NDArray[np.uint8], keys: NDArray[np.uint8], slots: NDArray[np.int32], count: int
) -> int:  # pragma: no cover - compiled
    """Index of `key` in `keys`: `count` when it was added now, -1 when there is no room."""
    mixed = int64(-3750763034362895579)  # FNV-1a, 64 bits, folded
    for byte in key:
        mixed = (mixed ^ int64(byte)) * int64(1099511628211)
    slot = (mixed ^ (mixed >> 32)) & (len(slots) - 1)
    while slots[slot] >= 0:
        found = slots[slot]
        if (keys[found] == key).all():
            return int64(found)
        slot = (slot + 1) & (len(slots) - 1)
    if count >= len(keys):
        return -1
    slots[slot] = count
    keys[count] = key
    return count


_I64 = types.Array(int64, 1, "C")


@njit(
    types.UniTuple(int64, 2)(
        _BYTES, _I64, _I64, _I64, _I64, _I64, types.Array(uint8, 2, "C"), types.Array(int32, 1, "C"), int64, _I64,
        types.Array(int32, 1, "C"), _I64, types.Array(uint16, 1, "C"), types.Array(uint32, 1, "C"), _BYTES,
        types.Array(boolean, 1, "C"), types.Array(int32, 1, "C"),
    ),
    cache=True,
)  # fmt: skip
def _parse_kernel(  # type: ignore[no-untyped-def]
    data, offset, captured, wire, link, time_ns, keys, slots, count, reasons,
    out_key, out_arrival, out_sequence, out_timestamp, out_type, out_marker, out_payload,
):  # fmt: skip
    """Parse every record; counts by reason are added to `reasons`. Gives candidates found and keys in use."""
    found = 0
    key = np.zeros(KEY_BYTES, np.uint8)
    for i in range(len(offset)):
        end = offset[i] + captured[i]
        if time_ns[i] == NEVER:
            reasons[NO_TIME] += 1
            continue
        ip, udp, stop = _udp(data, offset[i], end, offset[i] + max(wire[i], captured[i]), link[i])
        at = udp + 8
        payload = ip if ip < 0 else _rtp_payload(data, at, end, stop)
        if payload < 0:
            reasons[-payload] += 1
            continue
        _fill_key(data, ip, udp, at + 8, key)
        which = _intern(key, keys, slots, count)
        if which < 0:
            reasons[FLOODED] += 1
            continue
        count = max(count, which + 1)
        out_key[found] = which
        out_arrival[found] = time_ns[i]
        out_sequence[found] = _u16(data, at + 2)
        out_timestamp[found] = _u32(data, at + 4)
        out_type[found] = data[at + 1] & 127
        out_marker[found] = data[at + 1] >= 128
        out_payload[found] = payload
        found += 1
    reasons[CANDIDATE] += found
    return found, count


@dataclass
class Table:
    """RTP candidates of one log, gathered buffer by buffer."""

    keys: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((MAX_KEYS, KEY_BYTES), np.uint8))
    reasons: Ints = field(default_factory=lambda: np.zeros(len(REASONS), np.int64))
    frames: int = 0
    start_ns: int | None = None
    end_ns: int | None = None
    _slots: NDArray[np.int32] = field(default_factory=lambda: np.full(_SLOTS, -1, np.int32))
    _count: int = 0
    _parts: list[Columns] = field(default_factory=list)

    def add(self, records: Records) -> None:
        """Parse the frames of one buffer."""
        n = len(records.offset)
        out = Columns(
            np.empty(n, np.int32), np.empty(n, np.int64), np.empty(n, np.uint16), np.empty(n, np.uint32),
            np.empty(n, np.uint8), np.empty(n, np.bool_), np.empty(n, np.int32),
        )  # fmt: skip
        columns = (out.key, out.arrival_ns, out.sequence, out.timestamp, out.payload_type, out.marker,
                   out.payload_bytes)  # fmt: skip
        found, self._count = _parse_kernel(
            records.buffer, records.offset, records.captured, records.wire, records.link, records.time_ns,
            self.keys, self._slots, self._count, self.reasons, *columns,
        )  # fmt: skip
        self._parts.append(Columns(*(column[:found].copy() for column in columns)))
        self.frames += n
        self._span(records.time_ns)

    def _span(self, time_ns: Ints) -> None:
        known = time_ns[time_ns != NEVER]
        if len(known):
            first, last = int(known.min()), int(known.max())
            self.start_ns = first if self.start_ns is None else min(first, self.start_ns)
            self.end_ns = last if self.end_ns is None else max(last, self.end_ns)

    def columns(self) -> Columns:
        """All candidates so far, in file order."""
        names = Columns.__dataclass_fields__
        if not self._parts:
            self.add(Records(np.zeros(1, np.uint8), *(np.zeros(0, np.int64) for _ in range(5))))
        return Columns(*(np.concatenate([getattr(part, name) for part in self._parts]) for name in names))

    def skipped(self) -> dict[str, int]:
        """Frames that are no candidates, by reason."""
        return {REASONS[code]: int(n) for code, n in enumerate(self.reasons) if code != CANDIDATE and n}
