"""mjr: recordings of the Janus gateway, one medium of one participant a file (janus-gateway, src/record.c).

The file begins with "MJR00001" or "MJR00002", a length (2 bytes, big-endian) and JSON of that length: `t` a, v or d
(audio, video, data), `c` codec, `s` and `u` when it was created and its first packet written (UTC, microseconds),
`e` true where media is end-to-end encrypted. Before 2016 it began with "MEETECHO", the length 5 and "audio" or
"video"; janus-pp-rec takes the first for Opus, the second for VP8. A packet of RTP follows "MEET", its arrival in ms
since the first (4 bytes) and its length (2) in MJR00002, or "MEETECHO" and its length in the older ones.

The older ones do not say when a packet came: its time is made from RTP time, jitter is not measured (`untimed`).
Those that begin with "MEETECHO" hold no UTC either: their time counts from 1970.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from aqa import chunks
from aqa.chunks import CHUNK_BYTES, Piece, cut, pieces
from aqa.compiled import compiled
from aqa.frames import BARE, Records
from aqa.headers import u16, u32
from aqa.measures.clock import STATIC
from aqa.model import InputError, Ints

_OLD, _FIRST, _SECOND = b"MEETECHO", b"MJR00001", b"MJR00002"
_MEDIA = {b"audio": ("a", "opus"), b"video": ("v", "vp8")}
_NAMES = {
    "opus": "opus/48000/2", "multiopus": "multiopus/48000", "g711": "PCMU/8000", "pcmu": "PCMU/8000",
    "pcma": "PCMA/8000", "g722": "G722/8000", "l16": "L16/16000", "l16-48": "L16/48000",
    "vp8": "VP8/90000", "vp9": "VP9/90000", "h264": "H264/90000", "av1": "AV1/90000", "h265": "H265/90000",
}  # fmt: skip
_SOUND = frozenset({"opus", "g711", "pcmu", "pcma"})
_FAR_US = 2**62 // 1000  # a time beyond is a lie


class _Info(msgspec.Struct):
    """The JSON header, as far as it is used."""

    t: str
    c: str
    s: int = 0
    u: int = 0
    e: bool = False
    or_: int = msgspec.field(default=0, name="or")  # payload type of RED, where in use


@dataclass(frozen=True)
class _Head:
    """What the file says of itself."""

    info: _Info
    timed: bool  # arrival times stand before the packets
    size: int  # bytes up to the first packet


def sniff(head: bytes) -> bool:
    """Whether a file that begins with `head` is an mjr recording."""
    return head.startswith((_FIRST, _SECOND)) or (head.startswith(_OLD) and head[8:10] == b"\0\5")


def _head(data: bytes) -> _Head | None:
    """The header of a file; None if more bytes are needed. ValueError where it can't be one."""
    if len(data) < 10:
        return None
    size = 10 + int.from_bytes(data[8:10], "big")
    if len(data) < size:
        return None
    if data.startswith(_OLD):
        medium, codec = _MEDIA.get(data[10:size], ("", ""))
        if not medium:
            raise ValueError(f"a recording of {data[10:size].decode('ascii', 'replace')!r}")
        return _Head(_Info(medium, codec), False, size)
    try:
        info = msgspec.json.decode(data[10:size], type=_Info)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"header is no JSON of Janus ({error})") from error
    if abs(info.u or info.s) > _FAR_US:
        raise ValueError("a time that can't be true")
    return _Head(info, data.startswith(_SECOND), size)


@compiled("UniTuple(int64, 3)(uint8[::1], boolean, int64[:, ::1])")
def _walk_kernel(data, timed, out):  # type: ignore[no-untyped-def]
    """Packets that lie whole in `data`: how many, where the next begins, and whether that one is a lie.

    Rows of `out`: offset, bytes, arrival in ms (0 where the file has none).
    """
    at, n = 0, 0
    while at + 10 <= len(data) and n < out.shape[1]:
        if u32(data, at) != 0x4D454554:  # MEET
            return n, at, 1
        if not timed and u32(data, at + 4) != 0x4543484F:  # ECHO
            return n, at, 1
        size = u16(data, at + 8)
        if at + 10 + size > len(data):
            break
        out[0, n] = at + 10
        out[1, n] = size
        out[2, n] = u32(data, at + 4) if timed else 0
        at += 10 + size
        n += 1
    return n, at, 0


class _MediaClock:
    """Time of packets by their RTP timestamps, where nothing says when they came; never steps back."""

    def __init__(self, clock_hz: int) -> None:
        self.clock_hz = clock_hz
        self.last = -1  # timestamp of the packet before
        self.ticks = 0  # of that packet since the first
        self.top = 0

    def of(self, data: NDArray[np.uint8], offset: Ints, size: Ints) -> Ints:
        """Nanoseconds since the first packet."""
        at = offset[:, None] + np.arange(4, 8)
        stamps = np.where(size[:, None] >= 8, data[np.minimum(at, len(data) - 1)], 0).astype(np.int64)
        stamp = stamps @ np.array([1 << 24, 1 << 16, 1 << 8, 1])
        if not len(stamp):
            return np.zeros(0, np.int64)
        before = stamp[0] if self.last < 0 else self.last
        steps = (np.diff(stamp, prepend=before) + 2**31) % 2**32 - 2**31
        ticks = self.ticks + np.cumsum(steps)
        self.last, self.ticks = int(stamp[-1]), int(ticks[-1])
        top = np.maximum.accumulate(np.maximum(ticks, self.top))
        self.top = int(top[-1])
        return np.asarray(top * 1_000_000_000 // self.clock_hz, np.int64)


def _begin(piece: Piece, path: Path) -> _Head | None:
    """The header of the file, taken off `piece`; None if more bytes are needed."""
    try:
        head = _head(bytes(piece.data[: 10 + 65_535]))
    except ValueError as error:
        raise InputError(f"{path}: byte 10: {error}; record it again, or leave it out") from error
    if head is None and piece.last:
        raise cut(len(piece.data), "the file ends inside its header")
    if head is not None and head.info.t not in ("a", "v"):
        raise InputError(f"{path}: byte 10: a recording of data channels, not of RTP; leave it out")
    piece.used = head.size if head else 0
    return head


def _clock(head: _Head, data: NDArray[np.uint8], offset: Ints) -> int:
    """RTP clock rate by the header's codec, or by the payload type of its first packet."""
    kind = int(data[offset[0] + 1]) & 127
    named = _NAMES.get(head.info.c.lower(), "")
    if kind in STATIC:
        return STATIC[kind][1]
    return int(named.split("/")[1]) if named else 90_000 if head.info.t == "v" else 48_000


def read(path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Records]:
    """The packets of a recording, a buffer at a time; `aqa.chunks.DamagedError` where it can't go on.

    InputError where the header can't be read, or the recording is of data channels.
    """
    head: _Head | None = None
    media: _MediaClock | None = None
    for piece in pieces(path, chunk_bytes=chunk_bytes):
        if head is None:
            head = _begin(piece, path)
        if head is None:
            continue
        at = piece.used
        data = piece.data[at:]
        out = np.empty((3, len(data) // 10 + 1), np.int64)
        n, used, lie = _walk_kernel(data, head.timed, out)
        offset, size, time_ns = out[0, :n], out[1, :n], out[2, :n] * 1_000_000
        if n and not head.timed:
            media = media or _MediaClock(_clock(head, data, offset))
            time_ns = media.of(data, offset, size)
        time_ns = time_ns + (head.info.u or head.info.s) * 1000
        yield Records(data, offset, size, size, np.full(n, BARE, np.int64), time_ns, (("", ""),))
        piece.used = at + int(used)
        if lie:
            raise cut(piece.position + piece.used, "no packet begins where one should")
        if piece.last and piece.used < len(piece.data):
            raise cut(piece.position + piece.used, "the file ends inside a packet")


def _said(path: Path) -> tuple[_Head | None, int]:
    """The header of a file, if it can be read, and the payload type of its first packet (-1: none)."""
    data = chunks.head(path, 10 + 65_535 + 12)
    try:
        head = _head(data)
    except ValueError:
        return None, -1
    if head is None or len(data) < head.size + 12:
        return head, -1
    return head, data[head.size + 11] & 127


def codecs(path: Path) -> dict[int, str]:
    """What the header says of payload types: "opus/48000/2" by type; empty where it says nothing."""
    head, kind = _said(path)
    if head is None or kind < 0:
        return {}
    named = _NAMES.get(head.info.c.lower())
    out = {kind: named} if named and _dynamic(kind) else {}
    return out | ({head.info.or_: "red/48000/2"} if _dynamic(head.info.or_) else {})


def _dynamic(kind: int) -> bool:
    """Whether a payload type means what a session says (RFC 3551 6; RFC 5761 4 for 35 to 63)."""
    return 35 <= kind < 64 or 96 <= kind < 128


def untimed(path: Path) -> str | None:
    """Why times of arrival are not in the file; None where they are."""
    head, _ = _said(path)
    if head is None or head.timed:
        return None
    return "this recording does not say when its packets came: jitter, stalls and clock drift are not measured"


def sounds(head: bytes) -> bool:
    """Whether a file that begins with `head` holds sound that can be decoded."""
    try:
        found = _head(head) if sniff(head) else None
    except ValueError:
        return False
    return found is not None and found.info.t == "a" and found.info.c.lower() in _SOUND and not found.info.e


def start_ns(path: Path) -> int | None:
    """UTC of the first packet in ns; None where the file does not say."""
    head, _ = _said(path)
    return (head.info.u or head.info.s) * 1000 or None if head else None
