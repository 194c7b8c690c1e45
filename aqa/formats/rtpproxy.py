"""rtpproxy's own records (`*.a.rtp`, `*.o.rtp`), one side of a call a file, in the byte order of the host.

Per packet 30 bytes (rtpproxy, src/rtpp_record_adhoc.h, struct pkt_hdr_adhoc): address family (2), port (2, network
order), address (4 or 16, in a field of 16), arrival in seconds of UTC (a double), length (2); then the packet.
There is no magic: the file is told by records that follow each other and are all plausible.
"""

import ipaddress
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aqa.chunks import CHUNK_BYTES, cut, pieces
from aqa.compiled import compiled, inlined, int64
from aqa.frames import BARE, Records
from aqa.headers import u16
from aqa.model import InputError

HEADER = 30
MAX_PACKET = 8192  # rtpproxy's receive buffer (rtp_packet.h, RTP_PKT_BUF)
MAX_FLOWS = 4096  # addresses that one side of a call may have: a file that has more is none
_EARLIEST_S, _LATEST_S = 631_152_000.0, 4_102_444_800.0  # 1990 to 2100: RTP is younger, the format old
_STEP_S = 86_400.0  # records a day apart are no records


@inlined
def _u16(data, at, big):  # type: ignore[no-untyped-def]
    if big:
        return u16(data, at)
    return int(int64(data[at]) | (int64(data[at + 1]) << 8))


@inlined
def _family(data: NDArray[np.uint8], at: int, big: bool) -> int:
    """Address family: 4 or 6 for IPv4 (2) and IPv6 (10 on Linux, 28 on FreeBSD, 30 on macOS); 0 for no such."""
    value = _u16(data, at, big)
    if value == 2:
        return 4
    return 6 if value in (10, 28, 30) else 0


@inlined
def _seconds(data, at, big):  # type: ignore[no-untyped-def]
    """A double, put together from its bits (IEEE 754 3.4); 0 for a denormal, NaN for none."""
    bits = int64(0)
    for i in range(8):
        bits = (bits << 8) | int64(data[at + (i if big else 7 - i)])
    power = (bits >> 52) & 2047
    if power in (0, 2047):
        return 0.0 if power == 0 else np.nan
    value = float((bits & ((1 << 52) - 1)) | (1 << 52)) * 2.0 ** (power - 1075)
    return -value if bits < 0 else value


@inlined
def _plausible(data: NDArray[np.uint8], at: int, big: bool, before_s: float) -> float:
    """Arrival of the record at `at` in seconds; NaN where it can't be one."""
    size = _u16(data, at + 28, big)
    time_s = _seconds(data, at + 20, big)
    fine = _family(data, at, big) and 0 < size <= MAX_PACKET and _EARLIEST_S <= time_s <= _LATEST_S
    return time_s if fine and (before_s == 0 or abs(time_s - before_s) <= _STEP_S) else np.nan


@compiled("UniTuple(int64, 3)(uint8[::1], boolean, int64[:, ::1])")
def _walk_kernel(data, big, out):  # type: ignore[no-untyped-def]
    """Packets that lie whole in `data`: how many, where the next begins, and whether that one is a lie.

    Rows of `out`: offset, bytes, time.
    """
    at, n, before_s = 0, 0, 0.0
    while at + HEADER <= len(data) and n < out.shape[1]:
        time_s = _plausible(data, at, big, before_s)
        if np.isnan(time_s):
            return n, at, 1
        size = _u16(data, at + 28, big)
        if at + HEADER + size > len(data):
            break
        out[0, n] = at + HEADER
        out[1, n] = size
        whole = int(time_s)
        out[2, n] = whole * 1_000_000_000 + int((time_s - whole) * 1e9 + 0.5)
        before_s = time_s
        at += HEADER + size
        n += 1
    return n, at, 0


def _order(head: bytes) -> bool | None:
    """Whether a file that begins with `head` is big-endian; None if it is no file of rtpproxy's."""
    data = np.frombuffer(head, np.uint8).copy()
    for big in (False, True):
        out = np.empty((3, len(data) // HEADER + 1), np.int64)
        n, at, lie = _walk_kernel(data, big, out)
        begun = len(data) - at >= HEADER and not lie  # a header that is plausible, its packet cut by the head
        if (
            not lie
            and n + begun
            and _packet_like(data, HEADER)
            and _packet_like(data, int(out[0, n - 1]) if n else 0)
        ):
            return big
    return None


def _packet_like(data: NDArray[np.uint8], at: int) -> bool:
    """RTP, RTCP, STUN, DTLS or ZRTP by the first byte (RFC 7983 7): what comes to a port for media."""
    return at < len(data) and (data[at] < 4 or 16 <= data[at] < 64 or 128 <= data[at] < 192)


def sniff(head: bytes) -> bool:
    """Whether a file that begins with `head` is a record of rtpproxy's."""
    return _order(head[:512]) is not None  # a few records tell; one that lies behind them is a matter of reading


class _Flows:
    """Addresses seen so far, by the bytes of their field."""

    def __init__(self, big: bool) -> None:
        self.big = big
        self.ends: list[tuple[str, str]] = []
        self._index: dict[bytes, int] = {}

    def of(self, data: NDArray[np.uint8], offset: NDArray[np.int64]) -> NDArray[np.int64]:
        """The flow of each packet, -1 once there are too many; its address stands before it."""
        fields = data[(offset - HEADER)[:, None] + np.arange(20)]
        fields[_is_ipv4(fields, self.big), 8:] = 0  # left as it was by the writer
        unique, inverse = np.unique(fields, axis=0, return_inverse=True)
        return np.array([self._add(row.tobytes()) for row in unique], np.int64)[inverse.reshape(-1)]

    def _add(self, raw: bytes) -> int:
        if raw not in self._index and len(self.ends) < MAX_FLOWS:
            self._index[raw] = len(self.ends)
            port = int.from_bytes(raw[2:4], "big")
            four = _is_ipv4(np.frombuffer(raw, np.uint8)[None, :], self.big)[0]
            host = str(ipaddress.IPv4Address(raw[4:8])) if four else f"[{ipaddress.IPv6Address(raw[4:20])}]"
            self.ends.append((f"{host}:{port}", ""))
        return self._index.get(raw, -1)


def _is_ipv4(fields: NDArray[np.uint8], big: bool) -> NDArray[np.bool_]:
    return np.asarray(fields[:, 1 if big else 0] == 2)


def read(path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Records]:
    """The packets of a record, a buffer at a time; `aqa.chunks.DamagedError` where it can't go on.

    A flow's source is the sender's address; the proxy's own is not in the file. InputError if it is no record.
    """
    flows: _Flows | None = None
    for piece in pieces(path, chunk_bytes=chunk_bytes):
        if flows is None:
            if len(piece.data) < HEADER + 1 and not piece.last:
                continue
            big = _order(bytes(piece.data[:512]))
            if big is None:
                raise InputError(f"{path}: byte 0: no record of rtpproxy; copy the file again")
            flows = _Flows(big)
        out = np.empty((3, len(piece.data) // HEADER + 1), np.int64)
        n, used, lie = _walk_kernel(piece.data, flows.big, out)
        offset, size, time_ns = (row[:n] for row in out)
        which = flows.of(piece.data, offset)
        known = which >= 0
        yield Records(
            piece.data, offset[known], size[known], size[known], BARE + which[known], time_ns[known], flows.ends
        )
        piece.used = int(used)
        if lie:
            raise cut(piece.position + piece.used, "a record whose address, time or length can't be true")
        if piece.last and piece.used < len(piece.data):
            raise cut(piece.position + piece.used, "the file ends inside a record")
