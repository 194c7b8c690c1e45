"""Decode PCM (WAV, RF64, W64, AIFF) and FLAC with libsndfile, in bounded blocks.

Where libsndfile gives up (a damaged FLAC, a WAV whose header was never finished) FFmpeg goes on from there.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from aqa.clock import Clock, check_format
from aqa.decode_av import CUT_SHORT, AvDecoder
from aqa.flac import CHECKSUM, damaged_frames
from aqa.model import Floats, InputError, utc_ns
from aqa.sound_model import Block, Media

BLOCK = 1 << 16
"""Frames read at once."""
STEPS = {"PCM_S8": 7, "PCM_U8": 7, "PCM_24": 23, "PCM_32": 23}  # 32 bit: float32 carries 24
UNKNOWN_SIZE = (0, 0xFFFFFFFF)  # of a WAV that was streamed, or whose recorder died


class PcmDecoder:
    """Blocks of one PCM or FLAC file; `.media` after `.blocks()` has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            info = soundfile.info(str(path))
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise InputError(f"{path}: {error}") from error
        check_format(path.name, info.samplerate, info.channels)
        self.sample_rate_hz: int = info.samplerate
        self.channels: int = info.channels
        self.lsb = 2.0 ** -STEPS.get(info.subtype, 15)
        self.kind = "int16" if info.subtype == "PCM_16" else "float32"  # its own floats take long
        self.container = info.format.lower()
        self.codec = info.subtype.lower()
        self.stated, self.start_ns = _stated(path, info)
        self.clock = Clock(self.sample_rate_hz, self.channels)

    def blocks(self) -> Iterator[Block]:
        """Sound in order; what libsndfile can't read is left to FFmpeg from that sample on."""
        clean = False
        with soundfile.SoundFile(str(self.path)) as file:
            while not clean:
                try:
                    read = file.read(BLOCK, dtype=self.kind, always_2d=True)
                except (soundfile.LibsndfileError, RuntimeError):
                    break
                clean = not len(read)
                if not clean:
                    start = self.clock.place(None, len(read))
                    yield Block(start, self.clock.clean(start, _full_scale(read)))
        if not clean or (self.container == "flac" and self.clock.position < (self.stated or 0)):
            yield from self._rest()
        if self.stated is not None:
            self.clock.shorter(self.stated, CUT_SHORT)
        if self.container == "flac":
            self._checksums()

    def _checksums(self) -> None:
        """Say which frames of a FLAC file were changed, beside what could not be decoded at all."""
        known, rate = self.clock.damaged, self.sample_rate_hz
        for part in damaged_frames(self.path):
            start, end = part.start, min(part.end, self.clock.position)
            if start < end and not any(hole.start_s < end / rate and start / rate < hole.end_s for hole in known):
                self.clock.wrong(start, end, CHECKSUM)

    def _rest(self) -> Iterator[Block]:
        """What FFmpeg reads behind the point where libsndfile gave up."""
        done = self.clock.position
        try:
            other = AvDecoder(self.path)
        except InputError:
            return
        if (other.sample_rate_hz, other.channels) != (self.sample_rate_hz, self.channels):
            return
        other.clock.gapless = True
        yield from other.blocks(done)
        if other.clock.position >= done:
            self.clock = other.clock

    @property
    def media(self) -> Media:
        """What decoding said about the container."""
        return Media(
            str(self.path),
            self.container,
            self.codec,
            self.sample_rate_hz,
            self.channels,
            self.clock.decoded,
            None if self.stated is None else self.stated / self.sample_rate_hz,
            self.start_ns,
            self.clock.missing,
            self.clock.damaged,
        )


def _full_scale(read: NDArray[np.int16] | Floats) -> Floats:
    """Frames (n, channels) as samples (channels, n), full scale 1."""
    out = np.empty(read.shape[::-1], np.float32)
    return np.multiply(read.T, np.float32(2.0**-15 if read.dtype == np.int16 else 1.0), out=out)


def _stated(path: Path, info: "soundfile._SoundFileInfo") -> tuple[int | None, int | None]:
    """Samples that the header states, and start in ns; libsndfile itself trims a WAV's length to the file."""
    if info.format not in ("WAV", "WAVEX"):
        return info.frames, None
    chunks = _chunks(path)
    size, frame = (
        chunks.get(b"data", (0, b""))[0],
        struct.unpack_from("<H", chunks.get(b"fmt ", (0, b""))[1], 12)[0],
    )
    counted = info.subtype.startswith(("PCM", "FLOAT", "DOUBLE", "ULAW", "ALAW"))  # a block of ADPCM holds many
    stated = size // frame if counted and frame and size not in UNKNOWN_SIZE else info.frames
    return stated, _bext_ns(chunks.get(b"bext", (0, b""))[1], info.samplerate)


def _chunks(path: Path) -> dict[bytes, tuple[int, bytes]]:
    """Size and first 400 bytes of each RIFF chunk up to `data` (Microsoft RIFF, EBU Tech 3285)."""
    chunks: dict[bytes, tuple[int, bytes]] = {b"fmt ": (0, bytes(16))}
    with path.open("rb") as file:
        file.seek(12)
        for _ in range(100):
            head = file.read(8)
            if len(head) < 8:
                break
            name, size = head[:4], int.from_bytes(head[4:], "little")
            at = file.tell()
            chunks[name] = (size, file.read(min(size, 400)).ljust(16, b"\0"))
            if name == b"data":
                break
            file.seek(at + size + size % 2)
    return chunks


def _bext_ns(bext: bytes, rate: int) -> int | None:
    """Start by the broadcast extension (EBU Tech 3285 2.3): its date, and TimeReference in samples since midnight.

    The standard names no zone; recorders in machine rooms run on UTC, so it is taken as UTC.
    """
    if len(bext) < 346:
        return None
    try:
        midnight = datetime.strptime(bext[320:330].decode("ascii").replace(":", "-"), "%Y-%m-%d").replace(tzinfo=UTC)
        return utc_ns(midnight + timedelta(seconds=struct.unpack_from("<Q", bext, 338)[0] / rate))
    except (ValueError, OverflowError):
        return None
