"""What a recorder does with the sound afterwards: 16-bit PCM, or a lossy codec through PyAV, in memory.

The codec's delay is taken off again by cross-correlation, so that truth stays aligned (to the sample where the codec
keeps the waveform).
"""

from fractions import Fraction
from io import BytesIO

import av
import numpy as np
from scipy.signal import fftconvolve

from aqa.model import Floats

MOST_DELAY = 9600  # samples: 200 ms, far above any encoder's priming
PROBE = 480_000  # samples that the delay is measured on: 10 s
STEP = 2.0**-15
_LOSSY = {
    "mp3": ("libmp3lame", "mp3", 128_000), "opus": ("libopus", "ogg", 32_000),
    "aac64": ("aac", "adts", 64_000), "aac96": ("aac", "adts", 96_000),
}  # fmt: skip
RECORDERS = ("pcm16", *_LOSSY)


def record(samples: Floats, recorder: str, lsb: float = STEP) -> tuple[Floats, float]:
    """Sound (channels, n) at 48 kHz as the recorder keeps it, the same shape, and its step.

    `pcm16` leaves float sound float (lsb 0), as a PCM recorder of float does; the truth is in the clip's own steps.
    """
    if recorder == "pcm16":
        return samples, lsb or 2.0**-24
    coded = [_aligned(one, _through(one, *_LOSSY[recorder])) for one in samples]
    return np.asarray(np.clip(np.round(np.stack(coded) / STEP) * STEP, -1, 1 - STEP), np.float32), STEP


def _through(samples: Floats, codec: str, container: str, bitrate: int) -> Floats:
    """Encoded into `container` in memory and decoded again."""
    memory = BytesIO()
    with av.open(memory, "w", format=container) as out:
        stream = out.add_stream(codec, rate=48_000, layout="mono")
        stream.bit_rate = bitrate
        size, form = stream.codec_context.frame_size or 960, stream.codec_context.format.name
        for start in range(0, len(samples), size):
            out.mux(stream.encode(_frame(samples[start : start + size], start, form)))
        out.mux(stream.encode(None))
    memory.seek(0)
    with av.open(memory) as coded:
        mono = av.AudioResampler(format="fltp", layout="mono", rate=48_000)
        frames = (part for frame in coded.decode(audio=0) for part in mono.resample(frame))
        return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def _frame(samples: Floats, start: int, form: str) -> av.AudioFrame:
    kind = {"s16": np.int16, "s32": np.int32}.get(form.rstrip("p"), np.float32)
    data = samples if kind is np.float32 else np.asarray(samples.astype(np.float64) * np.iinfo(kind).max, kind)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data, kind).reshape(1, -1), format=form, layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
    return frame


def delay(before: Floats, after: Floats) -> int:
    """By how many samples `after` comes late, -9600 to 9600, measured on the loudest 10 s."""
    blocks = [float(np.sum(before[at : at + PROBE] ** 2)) for at in range(0, max(1, len(before) - PROBE), PROBE)]
    at = int(np.argmax(blocks)) * PROBE
    one = before[at : at + PROBE].astype(np.float64)
    low = max(0, at - MOST_DELAY)
    two = after[low : at + PROBE + MOST_DELAY].astype(np.float64)
    match = fftconvolve(two, one[::-1])
    lags = np.arange(len(match)) - (len(one) - 1) + low - at
    match[np.abs(lags) > MOST_DELAY] = -np.inf
    return int(lags[int(np.argmax(match))])


def _aligned(before: Floats, after: Floats) -> Floats:
    late = delay(before, after)
    moved = after[late:] if late >= 0 else np.pad(after, (-late, 0))
    return np.pad(moved, (0, max(0, len(before) - len(moved))))[: len(before)]
