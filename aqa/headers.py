"""Link layers, tunnels and IP, read by compiled code that never looks beyond what was captured.

In all functions `at` is where the header begins in the buffer, `end` where the captured bytes end and `stop` where
the frame or datagram ended on the wire (`stop` is beyond `end` in a capture that cuts packets). A negative kind is
minus the reason why there is nothing to read.
"""

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import inlined, int64, uint64

REASONS = (
    "candidate", "unknown link layer", "not IP", "neither UDP nor RTP over TCP", "later IP fragment",
    "cut off before its headers end", "malformed", "not RTP", "RTCP", "no capture time",
    "more flows than are followed", "ICMP", "STUN", "DTLS", "SIP",
)  # fmt: skip
"""What becomes of a frame, by code; all but the first are counted as skipped."""

(
    CANDIDATE, LINK, NOT_IP, NOT_UDP, FRAGMENT, CUT, MALFORMED, NOT_RTP, RTCP, NO_TIME, FLOODED, ICMP, STUN, DTLS,
    SIP,
) = range(len(REASONS))  # fmt: skip
_DEPTH = 16  # headers of one sort followed, tunnels included: bounds loops
_IP, _ETHERNET, _PPP, _PPPOE = 0x0800, 0x6558, 0x880B, 0x8864  # EtherTypes; 0x6558 and 0x880B are GRE's for the two
_LONGEST = 65_535  # a UDP datagram

Bytes = NDArray[np.uint8]


@inlined
def u8(data: Bytes, at: int) -> int:
    """One byte."""
    return int(int64(data[uint64(at)]))


@inlined
def u16(data: Bytes, at: int) -> int:
    """Two bytes, network order."""
    first = uint64(at)  # no place counts from the end: so the compiler makes one load of the two
    return int((int64(data[first]) << 8) | int64(data[first + uint64(1)]))


@inlined
def u32(data: Bytes, at: int) -> int:
    """Four bytes, network order."""
    first = uint64(at)
    return int(
        (int64(data[first]) << 24)
        | (int64(data[first + uint64(1)]) << 16)
        | (int64(data[first + uint64(2)]) << 8)
        | int64(data[first + uint64(3)])
    )


@inlined
def u32_of(data: Bytes, at: int, big: bool) -> int:
    """Four bytes, big- or little-endian."""
    if big:
        return u32(data, at)
    first = uint64(at)
    return int(
        int64(data[first])
        | (int64(data[first + uint64(1)]) << 8)
        | (int64(data[first + uint64(2)]) << 16)
        | (int64(data[first + uint64(3)]) << 24)
    )


@inlined
def _link(data: Bytes, at: int, end: int, link: int) -> tuple[int, int]:
    """EtherType of what a link layer (tcpdump.org/linktypes) carries, and where that begins."""
    if link == 1:
        return _ETHERNET, at
    if link in (12, 14, 101, 228, 229):  # raw IP
        return _IP, at
    if link in (0, 108):  # BSD loopback: 4 bytes of address family, whose values differ by system
        return _IP, at + 4
    if link in (9, 50):
        return _PPP, at
    if link == 51:
        return _PPPOE, at
    if link not in (113, 276):  # Linux cooked captures
        return -LINK, at
    size, kind = (16, at + 14) if link == 113 else (20, at)
    if at + size > end:
        return -CUT, at
    return u16(data, kind), at + size


@inlined
def _ppp(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """RFC 1661 2, RFC 1662 3.1: address and control may be left out, the protocol be one byte."""
    if at + 4 > end:
        return -CUT, at
    if u8(data, at) == 0xFF and u8(data, at + 1) == 3:
        at += 2
    short = u8(data, at) & 1
    protocol = u8(data, at) if short else u16(data, at)
    return (_IP if protocol in (0x21, 0x57) else -NOT_IP), at + (1 if short else 2)


@inlined
def _mpls(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """RFC 3032 2.1: labels to the bottom of the stack; then IP, or Ethernet after a control word (RFC 4385 3)."""
    for _ in range(_DEPTH):
        if at + 5 > end:
            return -CUT, at
        at += 4
        if u8(data, at - 2) & 1:
            return (_IP, at) if u8(data, at) >> 4 in (4, 6) else (_ETHERNET, at + 4)
    return -MALFORMED, at


@inlined
def _unwrap(data: Bytes, at: int, end: int, kind: int) -> tuple[int, int]:
    """What the layer of this EtherType carries, and where that begins."""
    if kind == _PPP:
        return _ppp(data, at, end)
    if kind == 0x8847 or kind == 0x8848:  # noqa: PLR1714
        return _mpls(data, at, end)
    if kind == _ETHERNET:
        size, type_at = 14, at + 12
    elif kind in (0x8100, 0x88A8, 0x9100):  # IEEE 802.1Q, 802.1ad and its forerunner
        size, type_at = 4, at + 2
    elif kind <= 1500 and at < end and u8(data, at) == 0xAA:  # IEEE 802.3: a length; IEEE 802.2 with SNAP follows
        size, type_at = 8, at + 6
    elif kind == _PPPOE:  # RFC 2516 4
        return _PPP, at + 6
    else:
        return -NOT_IP, at
    if at + size > end:
        return -CUT, at
    return u16(data, type_at), at + size


@inlined
def _gre(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """RFC 2784 2, RFC 2890 2, RFC 2637 4.1 (version 1), and ERSPAN's own headers inside."""
    if at + 4 > end:
        return -CUT, at
    flags, kind = u16(data, at), u16(data, at + 2)
    size = 4
    for bit in (0x8000, 0x2000, 0x1000, 0x0080):  # checksum, key, sequence number; acknowledgement in version 1
        if flags & bit:
            size += 4
    if kind == 0x88BE:  # ERSPAN: type II has a header of its own, and is known by the sequence number
        return _ETHERNET, at + size + (8 if flags & 0x1000 else 0)
    if kind == 0x22EB:
        return _ETHERNET, at + size + 12
    return (_IP if kind in (0x0800, 0x86DD) else kind), at + size


@inlined
def _ipv4(data: Bytes, at: int, end: int, stop: int) -> tuple[int, int, int]:
    """RFC 791: protocol (or minus a reason), offset of what follows, and where the datagram ends on the wire."""
    if at + 20 > end:
        return -CUT, at, stop
    header = 4 * (u8(data, at) & 15)
    total = u16(data, at + 2)
    if total == 0:  # left to the network card (segmentation offload): the frame itself says how long it is
        total = stop - at
    if header < 20 or total < header:
        return -MALFORMED, at, stop
    fragment = u16(data, at + 6)
    if fragment & 0x1FFF:
        return -FRAGMENT, at, stop
    if fragment & 0x2000:  # the first of several: the datagram is longer than this frame, UDP says how long
        return u8(data, at + 9), at + header, at + _LONGEST
    return u8(data, at + 9), at + header, min(stop, at + total)


@inlined
def _ipv6(data: Bytes, at: int, end: int, stop: int) -> tuple[int, int, int]:
    """RFC 8200 4: as `_ipv4`, with the chain of extension headers walked."""
    if at + 40 > end:
        return -CUT, at, stop
    length = u16(data, at + 4)
    if length:
        stop = min(stop, at + 40 + length)
    following = u8(data, at + 6)
    at += 40
    for _ in range(_DEPTH):
        if following not in (0, 43, 44, 51, 60, 135):
            return following, at, stop
        if at + 8 > end:
            return -CUT, at, stop
        size = 8 * (u8(data, at + 1) + 1)
        if following == 44:
            fragment = u16(data, at + 2)
            if fragment & 0xFFF8:
                return -FRAGMENT, at, stop
            if fragment & 1:
                stop = at + _LONGEST
            size = 8
        elif following == 51:  # RFC 4302 2.2: counts in 4 bytes
            size = 4 * (u8(data, at + 1) + 2)
        following = u8(data, at)
        at += size
    return -MALFORMED, at, stop


@inlined
def _in_udp(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """What a tunnel in UDP at `at` carries, and where: GTP-U (3GPP TS 29.281 5.1), VXLAN (RFC 7348 5); else 0."""
    if at + 16 > end:
        return 0, at
    source, target = u16(data, at), u16(data, at + 2)
    at += 8
    if (source == 2152 or target == 2152) and u8(data, at) >> 4 == 3 and u8(data, at + 1) == 255:
        return _IP, at + (12 if u8(data, at) & 7 else 8)
    if target == 4789 and u8(data, at) == 8:
        return _ETHERNET, at + 8
    return 0, at


@inlined
def _carried(data: Bytes, at: int, end: int, protocol: int) -> tuple[int, int]:
    """What an IP protocol other than UDP and TCP carries, and where."""
    if protocol < 0:
        return protocol, at
    if protocol in (4, 41):  # RFC 2003, RFC 2473: IP in IP
        return _IP, at
    if protocol == 47:
        return _gre(data, at, end)
    if protocol in (1, 58):  # an ICMP error quotes the packet that it is about: not one more packet
        return -ICMP, at
    return -NOT_UDP, at


@inlined
def locate(data: Bytes, at: int, end: int, stop: int, link: int) -> tuple[int, int, int, int]:
    """The innermost UDP or TCP: protocol (or minus a reason), IP header, UDP or TCP header, end on the wire."""
    kind, at = _link(data, at, end, link)
    for _ in range(_DEPTH):
        if kind < 0:
            return kind, 0, 0, 0
        if kind != _IP and kind != 0x86DD:  # noqa: PLR1714 - a tuple is slow here
            kind, at = _unwrap(data, at, end, kind)
            continue
        if at >= end:
            return -CUT, 0, 0, 0
        version, ip = u8(data, at) >> 4, at
        if version != 4 and version != 6:  # noqa: PLR1714
            return -NOT_IP, 0, 0, 0
        protocol, at, stop = _ipv4(data, ip, end, stop) if version == 4 else _ipv6(data, ip, end, stop)
        if protocol == 6:
            return protocol, ip, at, stop
        if protocol == 17:
            kind, after = _in_udp(data, at, end)
            if kind == 0:
                return protocol, ip, at, stop
            at = after
        else:
            kind, at = _carried(data, at, end, protocol)
    return -MALFORMED, 0, 0, 0
