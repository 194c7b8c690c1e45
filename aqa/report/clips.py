"""Evidence to hear and see: a short clip around a finding, and its spectrogram.

Only what is needed is decoded, by seeking; memory is bounded by the longest clip.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from aqa.decode_rtp import RtpDecoder, is_sound
from aqa.event_model import Analysis
from aqa.incidents import incidents
from aqa.model import Finding, Floats, InputError
from aqa.report.verdict import faults, worst

CONTEXT_S = 2.0  # sound either side of a finding
LONGEST_S = 8.0  # of a long finding only its beginning is kept
MOST_CLIPS = 8
RATE = 48_000
WIDTH, MELS = 360, 64  # pixels of a spectrogram
_PREROLL_S = 0.3  # a lossy decoder needs a few packets before its output is right
_FORMATS = "wav,w64,aiff,flac,ogg,matroska,webm,mov,mp4,m4a,mp3,aac,mpegts,ape,caf,amr,au"


@dataclass(frozen=True)
class Clip:
    """The clip of one finding; `problem` says why there is none."""

    finding_id: str
    start_s: float  # of the clip, event seconds
    end_s: float
    m4a: bytes = b""
    png: bytes = b""
    problem: str = ""

    @property
    def name(self) -> str:
        """File name inside clips/."""
        return f"{self.finding_id}.m4a"


def make_clips(analysis: Analysis, root: Path, most: int = MOST_CLIPS) -> list[Clip]:
    """Clips of the worst findings in sound that could be decoded: of each incident its worst, then the others."""
    starts = {row.recording: row.start_s for row in analysis.recordings if row.duration_s > 0}
    found = [item for item in worst(faults(analysis)) if item.source == "audio" and item.recording in starts]
    rank = {item.finding_id: one.rank for one in incidents(analysis).ranked for item in one.findings}
    first: dict[int, Finding] = {}
    for item in found:
        first.setdefault(rank.get(item.finding_id, 0), item)
    each = [first[one] for one in sorted(first) if one]
    wanted = [*each, *(item for item in found if item not in each)]
    return [_clip(item, root / str(item.recording), starts[str(item.recording)]) for item in wanted[:most]]


def _clip(item: Finding, path: Path, recording_start_s: float) -> Clip:
    start = max(item.start_s - CONTEXT_S, recording_start_s)
    end = min(item.end_s, item.start_s + LONGEST_S) + CONTEXT_S
    try:
        sound = read_span(path, start - recording_start_s, end - recording_start_s, channel=item.channel)
        if len(sound) == 0:
            return Clip(item.finding_id, start, end, problem="No sound could be decoded there.")
        return Clip(
            item.finding_id, start, start + len(sound) / RATE, m4a=encode_aac(sound), png=spectrogram_png(sound)
        )
    except (av.FFmpegError, InputError, OSError, ValueError, IndexError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__  # the error's own text names a path
        return Clip(item.finding_id, start, end, problem=f"The clip could not be made: {why}.")


def _span_of_packets(path: Path, start_s: float, end_s: float, channel: int | None) -> Floats:
    """The stretch of a recording that is packets: of one participant, or of all together."""
    decoder = RtpDecoder(path)
    rate, parts = decoder.sample_rate_hz, [np.zeros(0, np.float32)]
    first, last = round(start_s * rate), round(end_s * rate)
    for block in decoder.blocks():
        if block.start >= last:
            break
        sound = block.samples.sum(axis=0) if channel is None else block.samples[channel]
        parts.append(sound[max(first - block.start, 0) : last - block.start])
    return np.repeat(np.concatenate(parts), RATE // rate).astype(np.float32)


def read_span(path: Path, start_s: float, end_s: float, *, channel: int | None = None) -> Floats:
    """Mono samples at RATE of a stretch of a recording, from its presentation times; shape (samples,).

    Of a recording that is packets, `channel` is the participant to hear (None: all).
    """
    with path.open("rb") as file:
        if is_sound(file.read(4096)):
            return _span_of_packets(path, start_s, end_s, channel)
    options = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
    parts: list[Floats] = []
    with av.open(str(path), options=options) as container:
        stream = container.streams.audio[0]
        base = float(stream.time_base or 1) * (stream.start_time or 0)
        wanted = max(start_s - _PREROLL_S, 0.0)
        container.seek(int((wanted + base) * av.time_base))
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        first: float | None = None
        held = 0.0
        for frame in container.decode(stream):
            at = (frame.time if frame.time is not None else wanted + base) - base
            if at > end_s:
                break
            if at + frame.samples / frame.sample_rate < wanted:
                continue  # the seek landed early
            held += frame.samples / frame.sample_rate
            if held > end_s - wanted + 1.0:
                break  # presentation times that stand still
            first = at if first is None else first
            parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    if first is None:
        return np.zeros(0, np.float32)
    sound = np.concatenate([*parts, np.zeros(0, np.float32)])
    return sound[max(round((start_s - first) * RATE), 0) : max(round((end_s - first) * RATE), 0)]


def encode_aac(sound: Floats) -> bytes:
    """Mono samples at RATE as AAC in MP4, which every browser plays."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono", options={"flags": "+bitexact"})
        stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(sound.astype(np.float32)[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def spectrogram_png(sound: Floats) -> bytes:
    """Mel spectrogram, 0 to 12 kHz, 80 dB from white (quiet) to black, as an 8-bit grey PNG of WIDTH x MELS."""
    import librosa  # noqa: PLC0415 - takes a second, and an event without a clip does not need it

    hop = max(len(sound) // WIDTH, 1)
    power = librosa.feature.melspectrogram(y=sound, sr=RATE, n_fft=2048, hop_length=hop, n_mels=MELS, fmax=12_000)
    level = librosa.power_to_db(power, ref=np.max, top_db=80)[::-1, :WIDTH]
    grey = np.ascontiguousarray(np.round(-level / 80 * 255).astype(np.uint8))
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = grey.shape[1], grey.shape[0], "gray"
    encoder.time_base = Fraction(1)
    picture = av.VideoFrame.from_ndarray(grey, format="gray")
    packets = [*encoder.encode(picture), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets)


def by_finding(clips: Sequence[Clip]) -> dict[str, Clip]:
    """Clips by the finding they belong to."""
    return {clip.finding_id: clip for clip in clips}
