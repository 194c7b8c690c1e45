"""Open a recording, whatever it is, as blocks of float32 on its presentation clock."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from aqa.decode_av import AvDecoder
from aqa.decode_chain import ChainDecoder
from aqa.decode_pcm import PcmDecoder
from aqa.decode_rtp import RtpDecoder, is_sound
from aqa.model import InputError
from aqa.playlist import PlaylistDecoder
from aqa.sound_model import Block, Media

MEDIA_SUFFIXES = frozenset(
    {
        ".wav",
        ".w64",
        ".rf64",
        ".aif",
        ".aiff",
        ".flac",
        ".ogg",
        ".oga",
        ".opus",
        ".mp3",
        ".m4a",
        ".m4b",
        ".aac",
        ".webm",
        ".mka",
        ".mkv",
        ".mp4",
        ".mov",
        ".ts",
        ".m3u8",
        ".caf",
        ".au",
        ".amr",
        ".wma",
        ".ac3",
    }
)
"""Names by which a file is meant as a recording, whatever is in it."""
BOM = b"\xef\xbb\xbf"
HEAD_BYTES = 1024
"""What the tests by content look at."""
_MAGIC = (b"fLaC", b"OggS", b"ID3", b"\x1aE\xdf\xa3", b"caff", b"#!AMR", b".snd", b"\x0bw", b"riff.\x91\xcf\x11")
_PCM = (b"RIFF", b"RF64", b"BW64", b"FORM", b"riff", b"fLaC")


class Decoder(Protocol):
    """A recording that can be read once: format first, then blocks, then what was learnt on the way."""

    sample_rate_hz: int
    channels: int
    lsb: float

    def blocks(self) -> Iterator[Block]:
        """Sound in order of presentation, float32 at full scale 1, shape (channels, n)."""
        ...

    @property
    def media(self) -> Media:
        """What decoding said about the container; whole once `blocks()` has ended."""
        ...


def looks_like_media(path: Path, head: bytes) -> bool:
    """Whether content says that `path` is sound: its first `HEAD_BYTES` bytes (and, for a playlist, its name)."""
    return is_media(head) or (path.suffix.lower() == ".m3u8" and head.lstrip(BOM).startswith(b"#EXTM3U"))


def is_media(head: bytes) -> bool:
    """Whether the first `HEAD_BYTES` bytes of a file are those of a sound or film container."""
    if head.startswith((b"RIFF", b"RF64", b"BW64")):
        return head[8:12] in (b"WAVE", b"AVI ")
    if head.startswith(b"FORM"):
        return head[8:12] in (b"AIFF", b"AIFC")
    if head.startswith(_MAGIC) or head[4:8] in (b"ftyp", b"styp", b"moov"):
        return True
    return _is_transport(head) or _is_mpeg_audio(head)


def _is_transport(head: bytes) -> bool:
    """MPEG-TS: 0x47 at each of the first packets of 188 bytes (ISO/IEC 13818-1 2.4.3.2)."""
    return len(head) > 376 and head[0] == head[188] == head[376] == 0x47


def _is_mpeg_audio(head: bytes) -> bool:
    """A plausible MPEG audio (ISO/IEC 11172-3 2.4.2.3) or ADTS (ISO/IEC 14496-3 1.A.2) frame header."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if layer == 0:
        return head[1] & 0xF0 == 0xF0 and head[2] >> 2 & 15 < 13
    return version != 1 and head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3


def open_recording(path: Path) -> Decoder:
    """The decoder of `path`: libsndfile for PCM and FLAC, FFmpeg for the rest and where that fails; ours for packets.

    Raises InputError naming file, fault and remedy. Of several audio tracks in one file the first is decoded.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(f"{path}: can't be opened: {error.strerror}; check its permissions") from error
    if not head:
        raise InputError(f"{path}: the file is empty; fetch it again from the recorder")
    if is_sound(head):
        return RtpDecoder(path)
    if not looks_like_media(path, head):
        raise InputError(f"{path}: this is no sound file (its content is not that of any known container); "
                         "fetch it again from the recorder or take it out of the folder")  # fmt: skip
    if head.lstrip(BOM).startswith(b"#EXTM3U"):
        return PlaylistDecoder(path)
    if head.startswith(b"OggS"):
        return ChainDecoder(path)
    if head.startswith(_PCM):
        try:
            decoder = PcmDecoder(path)
        except InputError as error:
            if "convert it first" in str(error) or "split it first" in str(error):
                raise
        else:
            if decoder.stated or _nothing_follows(path):
                return decoder
    return AvDecoder(path)


def _nothing_follows(path: Path) -> bool:
    """Whether a file that states no sound is too short to hold any beside its header."""
    return path.stat().st_size <= 256
