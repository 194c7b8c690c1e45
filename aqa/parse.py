"""The kernel that reads frames: one row of 32 bytes for each RTP candidate, a place for each RTCP and SIP packet."""

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled, inlined, int64, uint64
from aqa.demux import COOKIE, classify, redundancy, rtp_payload, short_extensions
from aqa.headers import (
    CANDIDATE,
    CUT,
    DTLS,
    FLOODED,
    MALFORMED,
    NO_TIME,
    NOT_UDP,
    RTCP,
    SIP,
    STUN,
    Bytes,
    locate,
    u8,
    u16,
    u32,
)  # fmt: skip

ROW = np.dtype(
    [
        ("arrival_ns", "<i8"),
        ("timestamp", "<u4"),
        ("sequence", "<u2"),
        ("type", "u1"),
        ("copies", "u1"),  # type: with the marker bit
        ("payload_bytes", "<u2"),
        ("head", "<u2"),
        ("extension", "<u2"),
        ("extension_2", "<u2"),
        ("key", "<u4"),
        ("primary", "u1"),
        ("unused", "V3"),
    ]
)
"""One RTP candidate: `head` its first two payload bytes, `copies` and `primary` as RED (`demux.redundancy`)."""
BARE = 1 << 20
"""Link type of a record that is an RTP or RTCP packet itself: BARE plus the index of its flow in Records.flows."""
MAX_KEYS = 1 << 20  # distinct (flow, SSRC) pairs followed: bounds memory under a flood of made-up SSRCs
SLOTS = 1 << 21  # power of two: open addressing at half load or less
TCP_FLOWS = 1 << 12  # connections in which frames of RTP that cross segments are followed
ROOM = 512
"""Packets that one frame holds at most: a TCP segment has room for more only when it lies."""
_NEVER = np.iinfo(np.int64).min
WAITS = -1000
"""No reason: a TCP segment can't be read before all that came before it."""


@inlined
def _fill_flow(data: Bytes, ip: int, ports: int, key: NDArray[np.uint64]) -> None:
    """Addresses and ports as five words; IPv4 addresses stand IPv4-mapped (RFC 4291 2.5.5.2)."""
    if u8(data, ip) >> 4 == 4:
        key[0], key[2] = uint64(0), uint64(0)
        key[1] = uint64(0xFFFF00000000 | u32(data, ip + 12))
        key[3] = uint64(0xFFFF00000000 | u32(data, ip + 16))
    else:
        for i in range(4):
            at = ip + 8 + 8 * i
            key[i] = (uint64(u32(data, at)) << uint64(32)) | uint64(u32(data, at + 4))
    key[4] = uint64(u32(data, ports)) << uint64(32)


@inlined
def _mixed(key):  # type: ignore[no-untyped-def]
    """A hash of five words (multiplications by odd constants side by side, folded before and after)."""
    mixed = (
        key[0] * uint64(0x9E3779B97F4A7C15) + key[1] * uint64(0xC2B2AE3D27D4EB4F)
        + key[2] * uint64(0x165667B19E3779F9)
        + (key[3] ^ key[3] >> uint64(32)) * uint64(0xD6E8FEB86659FD93) + (key[4] ^ key[4] >> uint64(32))
    )  # fmt: skip
    mixed = (mixed ^ mixed >> uint64(32)) * uint64(0x9E3779B97F4A7C15)
    return mixed ^ mixed >> uint64(29)


@inlined
def _intern(key, keys, slots, count):  # type: ignore[no-untyped-def]
    """Index of `key` in `keys`: `count` when it was added now, -1 when there is no room."""
    mask = uint64(len(slots) - 1)
    slot = _mixed(key) & mask
    while slots[slot]:  # one more than the index; 0 is free
        at = uint64(slots[slot] - 1)
        if (
            keys[at, 4] == key[4] and keys[at, 3] == key[3] and keys[at, 1] == key[1] and keys[at, 2] == key[2]
            and keys[at, 0] == key[0]
        ):  # fmt: skip
            return int64(at)
        slot = (slot + uint64(1)) & mask
    if count >= len(keys):
        return int64(-1)
    slots[slot] = count + 1
    for i in range(5):
        keys[count, i] = key[i]
    return int64(count)


@inlined
def _framing(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Bytes before a packet in a TCP stream, and its size: RFC 4571 2, RFC 7826 14 ($), RFC 8656 12.5; or -1.

    A STUN message has no length before it: its own header tells (RFC 8489 6.2.2), known by its cookie.
    """
    if at + 4 > end:
        return -1, 0
    if u8(data, at) <= 3 and at + 8 <= end and u32(data, at + 4) == COOKIE:
        return 0, 20 + u16(data, at + 2)
    if u8(data, at) == 0x24:
        return 4, u16(data, at + 2)
    if 64 <= u8(data, at) <= 79:
        return 0, 4 + (u16(data, at + 2) + 3 & ~3)
    size = u16(data, at)
    return (2 if size >= 8 else -1), size


@inlined
def _segment(data, tcp, end, stop, key, flows, parts):  # type: ignore[no-untyped-def]
    """Where packets begin and end in a TCP segment, and how many; one that began in an earlier one is passed over."""
    begin = tcp + 4 * (u8(data, tcp + 12) >> 4)
    at, sequence, found = begin, u32(data, tcp + 4), 0
    connection = _mixed(key)
    slot = int64(connection & uint64(len(flows) - 1))
    if flows[slot, 0] == connection:
        ahead = (int64(flows[slot, 1]) - sequence) & 0xFFFFFFFF
        at += ahead if ahead < 65536 else 0
    elif at + 4 <= end and classify(data, at, end, stop)[0] == SIP:
        parts[0, 0], parts[0, 1] = at, stop
        return 1
    while at < stop and found < len(parts):
        frame, size = _framing(data, at, end)
        whole = at + frame + size
        if frame < 0 or classify(data, at + frame, min(end, whole), whole)[0] not in (CANDIDATE, RTCP, STUN, DTLS):
            flows[slot, 0] = uint64(0)
            break
        parts[found, 0], parts[found, 1] = at + frame, whole
        found += 1
        at = whole
        flows[slot, 0], flows[slot, 1] = connection, uint64((sequence + at - begin) & 0xFFFFFFFF)
    return found


@inlined
def _parts(data, at, end, stop, link, key, flows, in_turn, parts):  # type: ignore[no-untyped-def]
    """Packets of media in one frame: their number, places and (in `key`) flow; or minus a reason; or WAITS."""
    if link >= BARE:
        key[0], key[1], key[2], key[3], key[4] = uint64(1) << uint64(56), uint64(link - BARE), 0, 0, 0
        parts[0, 0], parts[0, 1] = at, stop
        return 1
    protocol, ip, at, stop = locate(data, at, end, stop, link)
    if protocol < 0:
        return protocol
    if at + (8 if protocol == 17 else 20) > end:
        return int64(-CUT)
    _fill_flow(data, ip, at, key)
    if protocol == 6:
        if not in_turn:
            return WAITS
        return _segment(data, at, end, stop, key, flows, parts) or int64(-NOT_UDP)
    length = u16(data, at + 4)
    if 0 < length < 8:
        return int64(-MALFORMED)
    parts[0, 0], parts[0, 1] = at + 8, (min(stop, at + length) if length else stop)
    return 1


@compiled("int64(uint64[:, ::1], int64, uint64[:, ::1], int32[::1], uint64[::1], int64[::1])")
def adopt_kernel(theirs, count, keys, slots, key, out):  # type: ignore[no-untyped-def]
    """Add other keys to those of `parse_kernel`: where each stands now; how many there are now."""
    for i in range(len(theirs)):
        for word in range(5):
            key[word] = theirs[i, word]
        out[i] = _intern(key, keys, slots, count)
        count = max(count, out[i] + 1)
    return count


@inlined
def _plain_rtp(data: Bytes, at: int, end: int, stop: int) -> bool:
    """Whether an Ethernet frame is whole and holds RTP without extension, padding or CSRCs in IPv4 and UDP.

    Nearly all packets of media are, and are read at once: the same as the layers one by one say.
    """
    if at + 54 > end or u32(data, at + 12) >> 8 != 0x080045 or u16(data, at + 20) & 0x3FFF:
        return False
    if u8(data, at + 23) != 17 or u8(data, at + 42) != 0x80 or u8(data, at + 43) >> 5 == 6:
        return False
    size = u16(data, at + 38)
    if size < 20 or u16(data, at + 16) != size + 20 or at + 34 + size > min(end, stop):
        return False
    source, target = u16(data, at + 34), u16(data, at + 36)
    return source != 2152 and target != 2152 and target != 4789  # noqa: PLR1714 - tunnels


@inlined
def _write(out, data, at, body, last, payload, time_ns, which, one, two):  # type: ignore[no-untyped-def]
    """A row of `ROW`."""
    copies, primary = int64(0), int64(0)
    if payload > 0 and body < last and u8(data, body) & 0x80:
        copies, primary = redundancy(data, body, last, payload)
    head = u16(data, body) if payload >= 2 and body + 2 <= last else int64(0)
    out[0] = uint64(time_ns)
    out[1] = uint64(u32(data, at + 4) | u16(data, at + 2) << 32 | u8(data, at + 1) << 48 | copies << 56)
    out[2] = uint64(min(payload, 65535) | head << 16 | one << 32 | two << 48)
    out[3] = uint64(which | primary << 32)


@compiled("void(int64[::1], int64[::1], int64[::1], int64[::1])")
def span_kernel(captured, wire, time_ns, span):  # type: ignore[no-untyped-def]
    """Add to records that are shorter than they were on the wire, and extend the first and last time of any."""
    for i in range(len(time_ns)):
        span[0] += captured[i] < wire[i]
        if time_ns[i] != _NEVER:
            span[1] = min(span[1], time_ns[i])
            span[2] = max(span[2], time_ns[i])


_SIGNATURE = (
    "UniTuple(int64, 5)(Tuple((uint8[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])), int64,"
    " boolean, int64, Tuple((uint64[:, ::1], int32[::1], uint64[:, ::1])), Tuple((uint64[::1],"
    " int64[:, ::1])), int64[::1], uint64[:, ::1], int64[:, ::1], uint64[:, ::1])"
)


@compiled(_SIGNATURE)
def parse_kernel(records, first, in_turn, count, known, work, reasons, out, side, side_keys):  # type: ignore[no-untyped-def]
    """Parse records from `first` on, until all are done or there may be no room left for what the next one holds.

    Unless they are `in_turn`, all before them parsed, it goes to the first TCP segment only. Gives rows found, RTCP
    and SIP packets found, keys in use, the record to go on with, and whether that waits for its turn. Counts by
    reason are added to `reasons`. Columns of `side`: kind, record, first byte, end. `work` has room for the flow and
    SSRC at hand and for the packets of one frame.
    """
    data, offset, captured, wire, link, time_ns = records
    keys, slots, flows = known
    key, parts = work
    found, sides, i = 0, 0, first
    while i < len(offset) and found + ROOM <= len(out) and sides + ROOM <= len(side):
        end, reason = offset[i] + captured[i], int64(-NO_TIME)
        if time_ns[i] != _NEVER:
            stop = offset[i] + max(wire[i], captured[i])
            if link[i] == 1 and _plain_rtp(data, offset[i], end, stop):
                at = offset[i] + 42
                key[0], key[1] = uint64(0), uint64(0xFFFF00000000 | u32(data, at - 16))
                key[2], key[3] = uint64(0), uint64(0xFFFF00000000 | u32(data, at - 12))
                key[4] = uint64(u32(data, at - 8)) << uint64(32) | uint64(u32(data, at + 8))
                which = _intern(key, keys, slots, count)
                if which >= 0:
                    count = max(count, which + 1)
                    size = u16(data, at - 4) - 20
                    _write(out[found], data, at, at + 12, at + 12 + size, size, time_ns[i], which, 0, 0)
                    found += 1
                reasons[CANDIDATE if which >= 0 else FLOODED] += 1
                i += 1
                continue
            reason = _parts(data, offset[i], end, stop, link[i], key, flows, in_turn, parts)
            if reason == WAITS:
                return found, sides, count, i, 1
        for part in range(reason):
            stop = parts[part, 1]
            kind, at, stop = classify(data, parts[part, 0], min(end, stop), stop)
            last = min(end, stop)
            payload, body = rtp_payload(data, at, last, stop) if kind == CANDIDATE else (-kind, at)
            reason = int64(min(payload, 0))
            if kind in (RTCP, SIP):
                side[sides, 0], side[sides, 1], side[sides, 2], side[sides, 3] = kind, i, at, last
                for word in range(5):
                    side_keys[sides, word] = key[word]
                sides += 1
            if payload < 0:
                continue
            key[4] = (key[4] & uint64(0xFFFFFFFF00000000)) | uint64(u32(data, at + 8))
            which = _intern(key, keys, slots, count)
            if which < 0:
                reason = int64(-FLOODED)
                continue
            count = max(count, which + 1)
            one, two = short_extensions(data, at, last)
            _write(out[found], data, at, body, last, payload, time_ns[i], which, one, two)
            found += 1
        reasons[max(-reason, 0)] += 1
        i += 1
    return found, sides, count, i, 0
