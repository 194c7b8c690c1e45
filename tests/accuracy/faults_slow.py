"""Faults that last: clipping, level, DC, hum, noise, bandwidth, channels, echo, what nobody meant to send."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.signal import butter, sosfiltfilt

from accuracy.faults import NOTHING_ABOVE_DB, Faulty, Truth, edited, hop_levels, quantised, share_above
from accuracy.made import faded, noise_of, white
from accuracy.material import Clip, one_clip
from accuracy.sources import utterances
from aqa.model import Floats

PEAK_AFTER = 0.35  # ACCURACY of the prototypes: clipped, then turned down to this peak
HARMONICS = (1, 2, 3, 4)


def _whole(clip: Clip, kind: str, samples: Floats, *, observable: bool = True, **params: Any) -> Faulty:
    """The fault is on all of the clip."""
    stored = quantised(np.atleast_2d(np.asarray(samples, np.float32)), clip.lsb)
    truth = Truth(kind, 0, stored.shape[1], params, observable=observable)
    return Faulty(stored, clip.rate, clip.lsb, (truth,))


def clipping(clip: Clip, rng: np.random.Generator, pct: float, *, soft: bool = False) -> Faulty:
    """`pct` of the samples beyond the ceiling, cut there (soft: bent by tanh); then the peak brought to 0.35."""
    x = clip.samples.astype(np.float64)
    ceiling = float(np.quantile(np.abs(x), 1 - pct / 100))
    cut = ceiling * np.tanh(x / ceiling) if soft else np.clip(x, -ceiling, ceiling)
    cut *= PEAK_AFTER / np.abs(cut).max()
    return _whole(clip, "clipping", cut, pct=pct, soft=soft)


def low_level(clip: Clip, rng: np.random.Generator, dbfs: float) -> Faulty:
    """Active speech at `dbfs`."""
    speech = hop_levels(clip.samples)[1].active_speech_dbfs or 0.0
    return _whole(clip, "low_level", clip.samples * 10 ** ((dbfs - speech) / 20), dbfs=dbfs)


def dc_offset(clip: Clip, rng: np.random.Generator, pct: float) -> Faulty:
    """A constant of `pct` of full scale added; from 1 % it costs headroom and clicks at cuts."""
    room = 0.99 - pct / 100
    gain = min(1.0, room / float(np.abs(clip.samples).max()))
    return _whole(clip, "dc_offset", clip.samples * gain + rng.choice((-1, 1)) * pct / 100, pct=pct)


def hum(clip: Clip, rng: np.random.Generator, dbfs: float, mains_hz: float) -> Faulty:
    """Mains and its harmonics at random phases, falling by 6 dB each, `dbfs` together (RMS)."""
    hertz = mains_hz + rng.uniform(-0.03, 0.03)
    times = np.arange(len(clip.samples)) / clip.rate
    waves = [0.5 ** (n - 1) * np.sin(2 * np.pi * (n * hertz * times + rng.random())) for n in HARMONICS]
    wave = np.sum(waves, axis=0)
    wave *= 10 ** (dbfs / 20) / np.sqrt(np.mean(wave**2))
    floor = hop_levels(clip.samples)[1].noise_floor_dbfs or -120.0
    return _whole(clip, "hum", clip.samples + wave, dbfs=dbfs, mains_hz=mains_hz, floor_db=round(floor, 1))


def echo(clip: Clip, rng: np.random.Generator, delay_ms: float, db: float) -> Faulty:
    """The sound itself again after `delay_ms`, `db` fainter."""
    count = round(delay_ms * clip.rate / 1000)
    late = np.pad(clip.samples, (count, 0))[: len(clip.samples)] * np.float32(10 ** (db / 20))
    both = clip.samples + late
    return _whole(clip, "echo", both * min(1.0, 0.97 / float(np.abs(both).max())), delay_ms=delay_ms, db=db)


def channel_fault(clip: Clip, rng: np.random.Generator, fault: str) -> Faulty:
    """Two channels of one room of which one is dead, 25 dB down, or of the wrong polarity."""
    side = 10 ** (-35 / 20) * float(np.sqrt(np.mean(clip.samples**2)))
    left, right = (clip.samples + white(len(clip.samples), rng) * np.float32(side) for _ in range(2))
    right = {"dead": right * 0, "one_sided": right * np.float32(10 ** (-25 / 20)), "polarity": -right}[fault]
    return _whole(clip, "channel_fault", np.clip(np.stack((left, right)), -1, 1), fault=fault)


def noise_burst(clip: Clip, rng: np.random.Generator) -> Faulty:
    """Bursts of white or pink noise over the active speech level; where that would clip, by less."""
    speech = hop_levels(clip.samples)[1].active_speech_dbfs or -26.0
    values = [{"ms": ms, "over_db": db, "slope": slope} for ms in (50, 100, 200, 500)
              for db in (10, 15, 25) for slope in (0, 1)]  # fmt: skip

    def burst(x: Floats, start: int, end: int, params: Mapping[str, Any], rng: np.random.Generator) -> None:
        noise = noise_of(end - start, rng, params["slope"]) * np.float32(10 ** ((speech + params["over_db"]) / 20))
        x[start:end] = np.clip(x[start:end] + noise, -0.99, 0.99)

    room = min(1.0, 10 ** ((-12 - speech - 25) / 20))
    quiet = replace(clip, samples=quantised(clip.samples * np.float32(room), clip.lsb))
    speech += 20 * float(np.log10(room))
    return edited(quiet, rng, "noise_burst", values, burst)


def brick_wall(clip: Clip, rng: np.random.Generator) -> Faulty:
    """Stretches of 2 to 20 s without what is above 3.4 to 12 kHz; observable where something was."""
    values = [{"hz": hz, "ms": ms} for hz in (3400, 4000, 7000, 8000, 12_000) for ms in (2000, 5000, 20_000)]
    values = [values[i] for i in rng.permutation(len(values))]

    def narrowed(x: Floats, start: int, end: int, params: Mapping[str, Any], rng: np.random.Generator) -> None:
        sos = butter(12, params["hz"], fs=48_000, output="sos")
        x[start:end] = sosfiltfilt(sos, x[start - 4800 : end + 4800])[4800 : 4800 + end - start]

    whole = edited(clip, rng, "bandwidth_drop", values, narrowed, active=False)
    truths = []
    for t in whole.truths:
        lost = share_above(clip.samples[t.start_sample : t.end_sample], t.params["hz"])
        truths.append(replace(t, observable=lost > NOTHING_ABOVE_DB))
    return Faulty(whole.samples, whole.rate, whole.lsb, tuple(truths))


def unintended(clip: Clip, rng: np.random.Generator, what: str) -> Faulty:
    """35 s of it in the middle: a steady tone (440 Hz), 10 s of an instrument over and over as on hold, or a song."""
    if what == "song" and not utterances(clip.split, "songs"):
        return Faulty(quantised(clip.samples, clip.lsb)[None], clip.rate, clip.lsb, ())  # not measured here
    length, start = 35 * clip.rate, (len(clip.samples) - 35 * clip.rate) // 2
    if what == "tone":
        wave = 0.1 * np.sin(2 * np.pi * 440 * np.arange(length) / clip.rate)
    elif what == "song":
        wave = one_clip(clip.split, "songs", clip.seed, seconds=(36.0, 36.0)).samples[:length]
        wave = wave * (0.05 / max(1e-6, float(np.sqrt(np.mean(wave**2)))))
    else:
        music = one_clip(clip.split, "music", clip.seed, seconds=(20.0, 20.0)).samples
        wave = np.resize(faded(music[5 * clip.rate : 15 * clip.rate], 0.05), length)
        wave = wave * (0.05 / max(1e-6, float(np.sqrt(np.mean(wave**2)))))
    out = clip.samples.copy()
    out[start : start + length] = faded(np.clip(wave, -0.97, 0.97).astype(np.float32), 0.05)
    truth = Truth("unintended_audio", start, start + length, {"what": what})
    return Faulty(quantised(out, clip.lsb)[None], clip.rate, clip.lsb, (truth,))


def silence(clip: Clip, rng: np.random.Generator, what: str) -> Faulty:
    """Stretches of 2.5 to 10 s: digital, 20 dB below the noise floor, or a pause: the noise floor alone.

    One sort in a clip: stretches below the floor would be the floor that its pauses are judged against.
    """
    floor = hop_levels(clip.samples)[1].noise_floor_dbfs or -80.0
    values = [{"what": what, "ms": ms} for ms in (2500, 5000, 10_000)]
    level = {"digital": 0.0, "below_floor": 10 ** ((floor - 20) / 20), "pause": 10 ** (floor / 20)}

    def quiet(x: Floats, start: int, end: int, params: Mapping[str, Any], rng: np.random.Generator) -> None:
        fade = 0.5 - 0.5 * np.cos(np.pi * np.arange(480) / 480)
        gain = np.concatenate((1 - fade, np.zeros(end - start - 960), fade))
        noise = white(end - start, rng) * level[params["what"]]
        x[start:end] = x[start:end] * gain + noise * (1 - gain)

    whole = edited(clip, rng, "silence", values, quiet, active=False, apart_s=4.0)
    seen = [replace(t, active=True, observable=True) for t in whole.truths]
    return Faulty(whole.samples, whole.rate, whole.lsb, tuple(seen))
