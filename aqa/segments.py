"""What the segments of a playlist say of their own order: which is there twice, and where time goes back."""

import hashlib
from pathlib import Path

PTS_HZ = 90_000  # ISO/IEC 13818-1 2.4.3.7
WRAP = 1 << 33
BACK_S = 0.5  # frames are cut at segment borders: half a second is more than any PES holds
PACKET = 188
_HEADED = (b"ftyp", b"styp", b"moof", b"sidx")


class Order:
    """Looks at segments in the order of their playlist, up to a discontinuity."""

    def __init__(self) -> None:
        self._seen: dict[bytes, str] = {}
        self._named: set[Path] = set()
        self._last: int | None = None  # first PTS of the segment before

    def fault(self, path: Path, name: str) -> str | None:
        """What is wrong with the next segment; None where nothing is, or it carries no clock to tell by."""
        if path in self._named:
            return f"segment {name} is named twice"
        self._named.add(path)
        with path.open("rb") as file:
            head = file.read(1 << 16)
            if head[:1] != b"\x47" and head[4:8] not in _HEADED:
                return None  # frames without times: two silent ones may well be equal
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").digest()
        before, self._last = self._last, first_pts(head)
        if digest in self._seen:
            return f"segment {name} repeats {self._seen[digest]}"
        self._seen[digest] = name
        back_s = 0.0
        if before is not None and self._last is not None:
            ahead = (self._last - before) % WRAP
            back_s = (WRAP - ahead) / PTS_HZ if ahead > WRAP // 2 else 0.0
        return f"segment {name} is out of order: its times go back by {back_s:.3f} s" if back_s > BACK_S else None


def first_pts(data: bytes) -> int | None:
    """The first presentation time in MPEG-TS packets, in 90 kHz units (ISO/IEC 13818-1 2.4.3.6); None without one."""
    for at in range(0, len(data) - PACKET + 1, PACKET):
        packet = data[at : at + PACKET]
        if packet[0] != 0x47 or not packet[1] & 0x40 or not packet[3] & 0x10:
            continue
        pes = packet[5 + packet[4] :] if packet[3] & 0x20 else packet[4:]
        audio = pes[:3] == b"\0\0\1" and len(pes) >= 14 and (pes[3] & 0xE0 == 0xC0 or pes[3] == 0xBD)
        if audio and pes[7] & 0x80:
            b = pes[9:14]
            return (b[0] >> 1 & 7) << 30 | b[1] << 22 | b[2] >> 1 << 15 | b[3] << 7 | b[4] >> 1
    return None
