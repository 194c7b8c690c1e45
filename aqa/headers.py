"""Link layer, IP, UDP and RTP headers, read by compiled code that never looks beyond what was captured.

In all functions `at` is where the header begins in the buffer, `end` where the captured bytes end and `stop` where
the frame or datagram ended on the wire (`stop` is beyond `end` in a capture that cuts packets).
"""

import numpy as np
from numba import int64, njit
from numpy.typing import NDArray

REASONS = (
    "candidate", "unknown link layer", "not IP", "not UDP", "IP fragment", "cut off before its headers end",
    "malformed", "not RTP", "RTCP", "no capture time", "more flows than are followed", "ICMP",
)  # fmt: skip
"""What becomes of a frame, by code; all but the first are counted as skipped."""

CANDIDATE, LINK, NOT_IP, NOT_UDP, FRAGMENT, CUT, MALFORMED, NOT_RTP, RTCP, NO_TIME, FLOODED, ICMP = range(
    len(REASONS)
)
_DEPTH = 16  # VLAN tags, IPv6 extension headers or tunnelled IP headers followed: bounds loops


@njit("int64(uint8[::1], int64)", cache=True)
def u16(data: NDArray[np.uint8], at: int) -> int:
    """Two bytes, network order."""
    return int((int64(data[at]) << 8) | int64(data[at + 1]))


@njit("int64(uint8[::1], int64)", cache=True)
def u32(data: NDArray[np.uint8], at: int) -> int:
    """Four bytes, network order."""
    return int((u16(data, at) << 16) | u16(data, at + 2))


@njit("int64(uint8[::1], int64, boolean)", cache=True)
def u32_of(data: NDArray[np.uint8], at: int, big: bool) -> int:
    """Four bytes, big- or little-endian."""
    if big:
        return u32(data, at)
    low, high = int64(data[at]) | (int64(data[at + 1]) << 8), int64(data[at + 2]) | (int64(data[at + 3]) << 8)
    return int(low | (high << 16))


@njit("int64(uint8[::1], int64, int64, int64)", cache=True)
def _network(  # noqa: PLR0911 - one reason each
    data: NDArray[np.uint8], at: int, end: int, link: int
) -> int:
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
    kind = u16(data, kind)
    for _ in range(_DEPTH):
        if kind in (0x0800, 0x86DD):
            return at
        if kind not in (0x8100, 0x88A8, 0x9100):  # IEEE 802.1Q, 802.1ad and its forerunner
            return -NOT_IP
        if at + 4 > end:
            return -CUT
        kind = u16(data, at + 2)
        at += 4
    return -MALFORMED


@njit("UniTuple(int64, 3)(uint8[::1], int64, int64, int64)", cache=True)
def _ipv4(data: NDArray[np.uint8], at: int, end: int, stop: int) -> tuple[int, int, int]:
    """RFC 791: protocol (or minus a reason), offset of what follows, and where the datagram ends on the wire."""
    if at + 20 > end:
        return -CUT, at, stop
    header = 4 * (int64(data[at]) & 15)
    total = u16(data, at + 2)
    if total == 0:  # left to the network card (segmentation offload): the frame itself says how long it is
        total = stop - at
    if header < 20 or total < header:
        return -MALFORMED, at, stop
    if u16(data, at + 6) & 0x1FFF:
        return -FRAGMENT, at, stop
    return int64(data[at + 9]), at + header, min(stop, at + total)


@njit("UniTuple(int64, 3)(uint8[::1], int64, int64, int64)", cache=True)
def _ipv6(data: NDArray[np.uint8], at: int, end: int, stop: int) -> tuple[int, int, int]:
    """RFC 8200 4: as `_ipv4`, with the chain of extension headers walked."""
    if at + 40 > end:
        return -CUT, at, stop
    length = u16(data, at + 4)
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
            if u16(data, at + 2) & 0xFFF8:
                return -FRAGMENT, at, stop
            size = 8
        elif following == 51:  # RFC 4302 2.2: counts in 4 bytes
            size = 4 * (int64(data[at + 1]) + 2)
        following = int64(data[at])
        at += size
    return -MALFORMED, at, stop


@njit("UniTuple(int64, 3)(uint8[::1], int64, int64, int64, int64)", cache=True)
def udp(  # noqa: PLR0911 - one reason each
    data: NDArray[np.uint8], at: int, end: int, stop: int, link: int
) -> tuple[int, int, int]:
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
        length = u16(data, after + 4)
        if length != 0 and length < 8:
            return -MALFORMED, 0, 0
        return at, after, (min(stop, after + length) if length else stop)
    return -MALFORMED, 0, 0


@njit("int64(uint8[::1], int64, int64, int64)", cache=True)
def rtp_payload(data: NDArray[np.uint8], at: int, end: int, stop: int) -> int:
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
        size += 4 + (4 * u16(data, at + size + 2) if at + size + 4 <= end else 0)
    left = stop - at - size
    if left >= 0 and data[at] & 32 and stop <= end:
        padding = int64(data[stop - 1])
        left = left - padding if padding else int64(-1)
    return left if left >= 0 else -NOT_RTP
