"""What a UDP payload or a frame of RTP over TCP is: RTP, RTCP, STUN, DTLS, SIP or something else (RFC 7983 7).

Names of offsets as in `headers.py`. TURN's two ways of wrapping are taken off (RFC 8656 12.4 and 11.6).
"""

from aqa.compiled import inlined, int64
from aqa.headers import CANDIDATE, CUT, DTLS, NOT_RTP, RTCP, SIP, STUN, Bytes, u8, u16, u32

COOKIE = 0x2112A442  # RFC 8489 5
_METHODS = (0x494E5649, 0x5349502F, 0x41434B20, 0x50524143, 0x55504441)  # "INVI" "SIP/" "ACK " "PRAC" "UPDA"


@inlined
def _turn_data(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """Payload of a Send or Data indication: where its DATA attribute's value begins and its size; 0, 0 if none."""
    message = u16(data, at)
    if at + 20 > end or u32(data, at + 4) != COOKIE or message not in (0x0016, 0x0017):
        return 0, 0
    last = min(end, at + 20 + u16(data, at + 2))
    at += 20
    while at + 4 <= last:
        size = u16(data, at + 2)
        if u16(data, at) == 0x0013:
            return at + 4, size
        at += 4 + (size + 3 & ~3)
    return 0, 0


@inlined
def classify(data: Bytes, at: int, end: int, stop: int) -> tuple[int, int, int]:
    """What the payload is (a code of `headers.REASONS`; CANDIDATE: perhaps RTP), and where it begins and ends."""
    for _ in range(2):  # a TURN wrapping at most
        if stop - at < 4 or at + 4 > end:
            return (NOT_RTP if stop - at < 4 else CUT), at, stop
        first = u8(data, at)
        if first >> 6 == 2:  # 128 to 191; RFC 5761 4: RTCP types are 192 to 223
            return (RTCP if 192 <= u8(data, at + 1) <= 223 else CANDIDATE), at, stop
        if 20 <= first <= 63:
            return DTLS, at, stop
        if u32(data, at) in _METHODS:
            return SIP, at, stop
        if 64 <= first <= 79:
            size, begin = u16(data, at + 2), at + 4
            if not size <= stop - begin <= size + 3:  # padded to four bytes over TCP
                return NOT_RTP, at, stop
        elif first <= 3:
            begin, size = _turn_data(data, at, end)
            if begin == 0:
                return STUN, at, stop
        else:
            return NOT_RTP, at, stop
        at, stop = begin, min(stop, begin + size)
    return NOT_RTP, at, stop


@inlined
def rtp_payload(data: Bytes, at: int, end: int, stop: int) -> tuple[int, int]:
    """Bytes of RTP payload by RFC 3550 5.1 and 5.3.1 and where it begins, or minus the reason why it can't be RTP.

    What a cut capture does not show (extension length, padding count) is taken as zero.
    """
    if stop - at < 12:
        return -NOT_RTP, at
    if at + 12 > end:
        return -CUT, at
    size = 12 + 4 * (u8(data, at) & 15)
    if u8(data, at) & 16:
        if at + size + 4 > stop:
            return -NOT_RTP, at
        size += 4 + (4 * u16(data, at + size + 2) if at + size + 4 <= end else 0)
    left = stop - at - size
    if left >= 0 and u8(data, at) & 32 and stop <= end:
        padding = u8(data, stop - 1)
        left = left - padding if padding else int64(-1)
    return (left if left >= 0 else -NOT_RTP), at + size


@inlined
def short_extensions(data, at, end):  # type: ignore[no-untyped-def]
    """The first two header extension elements with one byte of data (RFC 8285 4.2, 4.3): id << 8 | value; else 0.

    The audio level of RFC 6464 is such an element.
    """
    found, other = int64(0), int64(0)
    if not u8(data, at) & 16:
        return found, other
    at += 12 + 4 * (u8(data, at) & 15)
    if at + 4 > end:
        return found, other
    profile = u16(data, at)
    last = min(end, at + 4 + 4 * u16(data, at + 2))
    at += 4
    while at + 1 < last:
        if profile == 0xBEDE:
            name, size, head = u8(data, at) >> 4, (u8(data, at) & 15) + 1, 1
        elif profile & 0xFFF0 == 0x1000:
            name, size, head = u8(data, at), u8(data, at + 1), 2
        else:
            break
        if u8(data, at) == 0:  # padding between elements is a byte
            at += 1
            continue
        if size == 1 and at + head < last:
            if found:
                return found, (name << 8) | u8(data, at + head)
            found = (name << 8) | u8(data, at + head)
        at += head + size
    return found, other


@inlined
def redundancy(data, at, end, size):  # type: ignore[no-untyped-def]
    """Read as RED (RFC 2198 3): blocks of copies, and the payload type of the newest; 0, 0 if it can't be that."""
    copies, taken, last = int64(0), int64(0), min(end, at + size)
    while copies < 9 and at + 4 <= last and u8(data, at) & 0x80:
        taken += (u8(data, at + 2) & 3) << 8 | u8(data, at + 3)
        at += 4
        copies += 1
    if copies == 0 or at >= last or u8(data, at) & 0x80 or taken + 4 * copies >= size:
        return 0, 0
    return copies, u8(data, at)
