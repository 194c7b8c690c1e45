"""Whether a file of bare frames or packets ends inside one: MPEG-TS, MP3 and ADTS have no length that could say so.

A cut exactly between two frames leaves no trace, and none is claimed.
"""

from collections.abc import Callable
from pathlib import Path

TAIL = 1 << 14  # bytes of bare frames looked at: some ten of the largest
TS_TAIL = 188 << 14  # 3 MB: more than the largest PES (64 KB) of sound amid video
PACKET = 188  # ISO/IEC 13818-1 2.4.3.2
CHAIN = 3  # frames in a row that make a sync word believable
ID3V1 = 128  # bytes of the tag at the end of an MP3
_KBPS = {  # ISO/IEC 11172-3 2.4.2.3 and 13818-3 2.4.2.3: by version (1, 2) and layer, from index 1 on
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HZ = (44_100, 48_000, 32_000)
_HALVES = {3: 1, 2: 2, 0: 4}  # MPEG 1, 2 and 2.5 by their two bits: what the rate is divided by


def cut_short(path: Path, container: str) -> str | None:
    """What says that the file ends inside a frame or packet, `container` by FFmpeg's name; None: nothing does."""
    size = path.stat().st_size
    if container == "mpegts":
        start = max(size - TS_TAIL, 0) // PACKET * PACKET
        return _transport(_tail(path, start), size)
    if container in ("mp3", "aac"):
        data = _tail(path, max(size - TAIL, 0))
        data = data[:-ID3V1] if data[-ID3V1:].startswith(b"TAG") else data
        return _frames(data, mpeg_bytes if container == "mp3" else adts_bytes)
    return None


def _tail(path: Path, start: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read()


def _frames(data: bytes, length: Callable[[bytes, int], int]) -> str | None:
    """Follow the chain of frames to the end of `data`; `length` gives that of a frame, 0 where none begins."""
    at = next((at for at in range(len(data)) if _chain(data, at, length)), None)
    while at is not None and at < len(data):
        size = length(data, at)
        if size == 0:
            return None  # a tag, or damage that the decoder says
        if at + size > len(data):
            return f"the file ends inside a frame: {len(data) - at} of its {size} bytes are there"
        at += size
    return None


def _chain(data: bytes, at: int, length: Callable[[bytes, int], int]) -> bool:
    for _ in range(CHAIN):
        size = length(data, at)
        if size == 0:
            return False
        at += size
    return True


def mpeg_bytes(data: bytes, at: int) -> int:
    """Length in bytes of the MPEG audio frame at `at` (ISO/IEC 11172-3 2.4.3.1); 0 where none begins."""
    head = data[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer, rate = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3), head[2] >> 2 & 3
    index = head[2] >> 4
    if version == 1 or layer == 4 or rate == 3 or index in (0, 15):
        return 0
    halves, padding = _HALVES[version], head[2] >> 1 & 1
    bits = _KBPS[min(halves, 2), layer][index - 1] * 1000
    hertz = _HZ[rate] // halves
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    return (72 if layer == 3 and halves > 1 else 144) * bits // hertz + padding


def adts_bytes(data: bytes, at: int) -> int:
    """Length in bytes of the ADTS frame at `at` (ISO/IEC 14496-3 1.A.2.2); 0 where none begins."""
    head = data[at : at + 6]
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return size if size > 7 else 0


def _transport(data: bytes, size: int) -> str | None:
    """Whether a transport stream ends inside a packet, or inside a PES of sound that states its length."""
    if size % PACKET and data[:1] == b"\x47":
        return f"the file ends inside a transport packet: {size % PACKET} of its {PACKET} bytes are there"
    stated: dict[int, int] = {}  # bytes of sound's last PES that are still to come, by PID
    for at in range(0, len(data) - PACKET + 1, PACKET):
        packet = data[at : at + PACKET]
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        if packet[0] != 0x47 or not packet[3] & 0x10:
            continue
        pes = packet[5 + packet[4] :] if packet[3] & 0x20 else packet[4:]
        if packet[1] & 0x40:
            stated.pop(pid, None)
            length = int.from_bytes(pes[4:6], "big")
            if pes[:3] == b"\0\0\1" and (pes[3] & 0xE0 == 0xC0 or pes[3] == 0xBD) and length:
                stated[pid] = length + 6
        if pid in stated:
            stated[pid] -= len(pes)
    left = max(stated.values(), default=0)
    return f"the file ends inside a packet of sound (PES): {left} of its bytes lack" if left > 0 else None
