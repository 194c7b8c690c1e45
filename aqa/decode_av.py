"""Decode with FFmpeg's libraries (PyAV): everything compressed, and whatever libsndfile gives up on.

Only local files of sound and film containers are opened: a playlist or session description could name addresses.
Of several audio tracks in one file the first is decoded.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np

from aqa.clock import LEAST_S, Clock, check_format
from aqa.ends import cut_short
from aqa.frame_times import Damage, jitter_s, steady
from aqa.model import Floats, InputError, utc_ns
from aqa.sound_model import Block, Claim, Media

FORMATS = (
    "aac,ac3,aiff,alaw,amr,amrnb,amrwb,ape,asf,au,avi,caf,eac3,flac,flv,g722,gsm,matroska,webm,mka,mov,mp4,m4a,3gp,"
    "3g2,mj2,mp3,mpeg,mpegts,mulaw,nut,ogg,oma,rm,sox,tta,voc,w64,wav,wv"
)
OPTIONS = {"protocol_whitelist": "file,pipe", "format_whitelist": FORMATS}
STATES_LENGTH = ("flac", "wav", "w64", "aiff", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "caf")
"""Containers whose stated length is counted, not estimated from a bit rate."""
STAMPED = ("ogg", "mpegts", "asf", "nut")
"""Containers whose length FFmpeg takes from their first and last time stamps."""
BITS = {"u8": 8, "u8p": 8, "s16": 16, "s16p": 16, "s32": 24, "s32p": 24, "s64": 24, "s64p": 24}
PLANES = 8  # of more planes PyAV 18 reads behind the end of the frame's list (a crash): those go packed
MANY_ERRORS = 10_000  # packets in a row that don't decode: not a damaged file but another format
LEARNT = 100  # frames, two seconds, that tell how exact a file's presentation times are
VORBIS_STEP = 450  # samples: where a long block (2048) meets a short one (256) times are off by a quarter of both
_Frame = av.AudioFrame


class AvDecoder:
    """Blocks of the first audio stream of `path`; `.media` after `.blocks()` has ended."""

    def __init__(
        self, path: Path, source: Callable[[], Any] | None = None, *, like: "AvDecoder | None" = None
    ) -> None:
        """`like`: a decoder in whose rate and channels the sound is given, in place of those of its own."""
        self.path = path
        self._alone = source is None
        self._source = source or (lambda: str(path.absolute()))  # what is opened: the file, or joined segments
        self.container = ""
        self.codec: str | None = None
        self.container_duration_s: float | None = None
        self.start_ns: int | None = None
        self.error: str | None = None
        self._samplers: dict[tuple[str, str, int], av.AudioResampler] = {}
        self._layout = ""
        first = self._first_frame()
        self.own_rate_hz, self.own_layout = first.sample_rate, first.layout.name
        self.sample_rate_hz: int = like.sample_rate_hz if like else first.sample_rate
        self.channels: int = like.channels if like else first.layout.nb_channels
        self._layout = like.own_layout if like else first.layout.name
        self.lsb = 2.0 ** (1 - BITS.get(first.format.name, 16))
        check_format(path.name, self.sample_rate_hz, self.channels)
        least_s = VORBIS_STEP / self.sample_rate_hz if self.codec == "vorbis" else LEAST_S
        self.clock = Clock(self.sample_rate_hz, self.channels, jitter_s=self._jitter_s, least_s=least_s)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        """The container; its errors name the file, what is wrong and what to do."""
        with ExitStack() as stack:
            source = self._source()
            if not isinstance(source, str):
                stack.callback(source.close)
            try:
                container = av.open(source, options=OPTIONS, metadata_errors="replace")
            except (av.FFmpegError, OSError, ValueError) as error:
                raise InputError(_no_sound(self.path, _plain(error))) from error
            yield stack.enter_context(closing(container))

    def _first_frame(self) -> _Frame:
        """The first frame that decodes: only it tells the true rate (HE-AAC doubles the container's)."""
        with self._open() as container:
            if not container.streams.audio:
                raise InputError(_no_sound(self.path, "it holds no audio stream"))
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise InputError(_no_sound(self.path, "its codec is not known"))
            self.container = container.format.name
            self.codec = stream.codec_context.name
            self.container_duration_s = _stated(container, stream)
            self.start_ns = _created(container.metadata) or _created(stream.metadata)
            frames = (item for item in _frames(container, stream) if isinstance(item, _Frame) and item.samples)
            for item in frames:
                self._jitter_s = jitter_s([item, *islice(frames, LEARNT)])
                return item
        raise InputError(_no_sound(self.path, f"none of its {self.codec} sound can be decoded"))

    def blocks(self, skip: int = 0) -> Iterator[Block]:
        """Sound in order of presentation, without the first `skip` samples (another decoder gave those)."""
        with self._open() as container:
            streams = container.streams.audio
            stream = streams[0] if streams else None
            for item, at in steady(_frames(container, stream), self.container) if stream else ():
                if isinstance(item, _Frame):
                    yield from self._blocks(item, at, skip)
                else:
                    self.clock.damage(round(item.seconds * self.sample_rate_hz), item.reason)
        for sampler in self._samplers.values():
            yield from self._place([sampler.resample(None)], None, skip)
        self._end()

    def _end(self) -> None:
        """Say what the file's end says of what lacks behind it."""
        why = cut_short(self.path, self.container) if self._alone else None
        if why is not None:
            self.clock.wrong(self.clock.position, self.clock.position, f"{why}; {FETCH}")
        stated = self.container_duration_s
        if stated is not None and (self.container in STATES_LENGTH or self._counts_frames()):
            rate = self.sample_rate_hz
            if stated * rate > self.clock.position + 0.5 * rate or self.container == "flac":
                self.clock.shorter(round(stated * rate), CUT_SHORT)

    def _counts_frames(self) -> bool:
        """Whether an MP3 has a Xing or Info header, so that its stated length is counted and not guessed."""
        if self.container != "mp3":
            return False
        with self.path.open("rb") as file:
            head = file.read(1 << 18)
        return b"Xing" in head or b"Info" in head

    def _blocks(self, frame: _Frame, at_s: float | None, skip: int) -> Iterator[Block]:
        """One frame, presented at `at_s`, as float32 in the first frame's rate and layout."""
        presented = None if at_s is None else round(at_s * self.sample_rate_hz)
        if frame.is_corrupt:
            self.clock.damage(0, "the decoder calls a packet corrupt")
        same = frame.sample_rate == self.sample_rate_hz and frame.layout.name == self._layout
        if same and frame.format.name == "fltp" and self.channels <= PLANES:
            yield from self._place([[frame]], presented, skip)
            return
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        outputs = []
        if key not in self._samplers:
            outputs += [sampler.resample(None) for sampler in self._samplers.values()]
            self._samplers = {
                key: av.AudioResampler(
                    "fltp" if self.channels <= PLANES else "flt", _between(frame, self._layout), self.sample_rate_hz
                )
            }
        frame.pts = None
        outputs.append(self._samplers[key].resample(frame))
        yield from self._place(outputs, presented, skip)

    def _place(self, outputs: list[list[_Frame]], presented: int | None, skip: int) -> Iterator[Block]:
        """Frames on the presentation clock; the first one at `presented`."""
        for frame in (frame for frames in outputs for frame in frames):
            samples = frame.to_ndarray()
            if not frame.format.is_planar:
                samples = samples.reshape(-1, frame.layout.nb_channels).T
            samples = np.ascontiguousarray(samples, dtype=np.float32)
            start = self.clock.place(presented, samples.shape[1])
            presented = None
            drop = max(0, skip - start)
            if drop < samples.shape[1]:
                yield Block(start + drop, self.clock.clean(start + drop, _channels(samples, self.channels)[:, drop:]))

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
            self.container_duration_s,
            self.start_ns,
            self.clock.missing,
            self.clock.damaged,
            self.error,
            claims=self._claims(),
            layout=self._layout,
        )

    def _claims(self) -> tuple[Claim, ...]:
        """The length by the container's own time stamps, where it is neither counted nor a guess from a bit rate."""
        if self.container not in STAMPED or self.container_duration_s is None:
            return ()
        return (Claim("the time stamps of the container", self.container_duration_s),)


FETCH = "fetch it again from the recorder"
CUT_SHORT = f"the file ends before the length that it states; {FETCH}"


def _frames(container: Any, stream: Any) -> Iterator[_Frame | Damage]:
    """Frames, and damage in their place: an error costs a packet, not the file."""
    packets, errors = container.demux(stream), 0
    while True:
        packet = None
        try:
            packet = next(packets)
            frames = packet.decode()
        except StopIteration:
            return
        except (av.EOFError, av.BlockingIOError):
            continue
        except (av.FFmpegError, ValueError, LookupError) as error:  # PyAV looks up streams that appear late
            errors += 1
            if packet is None or errors > MANY_ERRORS:
                yield Damage(0.0, f"reading stops: {_plain(error)}")
                return
            # The flush at the end reports a cut last frame once more; it has no length of its own.
            seconds = float(packet.duration * packet.time_base) if packet.duration and packet.time_base else 0.0
            yield Damage(seconds, f"packets that can't be decoded: {_plain(error)}")
            continue
        errors = 0
        yield from frames


def _between(frame: _Frame, layout: str) -> str:
    """The layout to resample to: one channel is copied or made by ourselves, without FFmpeg's 3 dB."""
    return frame.layout.name if "mono" in (frame.layout.name, layout) else layout


def _channels(samples: Floats, channels: int) -> Floats:
    """`samples` with exactly `channels` rows."""
    if len(samples) == channels:
        return samples
    if channels == 1:
        return np.asarray(samples.mean(axis=0, keepdims=True), np.float32)
    return np.resize(samples, (channels, samples.shape[1]))


def _stated(container: Any, stream: Any) -> float | None:
    """Length in seconds that the container states for the stream, or for itself."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def _created(metadata: dict[str, str]) -> int | None:
    """`creation_time` in ns; None where it names no zone, or a year in which nobody set the clock."""
    try:
        moment = datetime.fromisoformat(metadata.get("creation_time", ""))
    except ValueError:
        return None
    return utc_ns(moment.astimezone(UTC)) if moment.tzinfo and moment.year > 1990 else None


def _plain(error: BaseException) -> str:
    """A library's message in one line, without its own file name and number."""
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split())


def _no_sound(path: Path, why: str) -> str:
    return f"{path}: no sound can be read: {why}; fetch it again from the recorder or take it out of the folder"
