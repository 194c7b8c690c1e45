"""Bursts of noise over speech: 50 ms to 0.7 s of hiss or crackle as loud as nothing else.

What it finds
-------------
Stretches of 50 to 700 ms that are 8 dB and more over the level of speech, with a spectrum as flat as noise has.

Why it matters
--------------
They hurt with headphones on. A wrong decoder (encrypted media played as sound), a loose plug, a driver that plays
what is left in a buffer.

What fools it
-------------
Cymbals and drums: many loud stretches in ten seconds are taken for music and none is reported; nor is one amid
applause (12 onsets a second). Wind and blows on a microphone are low and are not found. Single hand claps close by
are flat and loud enough.

Thresholds and their source
---------------------------
8 dB over the active speech level (ITU-T P.56), or, where bursts themselves raise that, over what the median of the
loud 10 ms levels makes of it (2.5 dB less). Speech as loud for 40 ms is a vowel, which falls by 6 dB and more an
octave (glottal source 12 less radiation 6: Fant 1960), or a fricative, which rises. Between 350 Hz and 8 kHz noise
falls by 0 (white) to 3 dB (pink) an octave: -6 to +2.5 dB pass, within 3 dB (RMS) of a straight line, as one frame of
a few bins scatters by that much. The burst is a box: 10 ms levels of noise sway by 1 to 2 dB and begin and end at
once, where claps, drums and plosives decay. Chosen on the validation split: of bursts 15 and 25 dB over speech, one
every 2 s, 0.72 and 0.9 are found, of those of 10 dB (5 over such dense bursts) none; one false alarm in 94 minutes,
amid applause.

What to do
----------
Look for decryption faults and for restarts of that participant's sound device at that time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.detector import detector, setting
from aqa.dips import APPLAUSE_PER_S, onsets_per_s
from aqa.measures.bands import EDGES_HZ, HOPS, WALLS_KHZ, decibels
from aqa.model import Doubles, Finding, Floats, evidence
from aqa.picker import Rule, pick
from aqa.sound_model import Candidates, Track

LOWEST = 4  # of the half-octaves: from 371 Hz on; those below hold one or two bins
BRIDGE_HOPS = 1
ACTIVE_DB = 15.9  # margin of activity (ITU-T P.56)
OVER_MEDIAN_DB = 2.5  # mean power of speech over the median of its 10 ms levels


@dataclass(frozen=True)
class Settings:
    """When something loud is a burst of noise."""

    min_over_speech_db: float = setting(8.0, "dB", "level over that of speech")
    min_duration_ms: float = setting(50.0, "ms", "shortest burst")
    max_duration_ms: float = setting(700.0, "ms", "longest burst")
    min_slope_db: float = setting(-6.0, "dB", "fall per octave, at most")
    max_slope_db: float = setting(2.5, "dB", "rise per octave, at most")
    max_scatter_db: float = setting(3.0, "dB", "spectrum beside a straight line (RMS), at most")
    max_sway_db: float = setting(5.0, "dB", "largest less smallest 10 ms level inside, at most")
    min_edge_db: float = setting(6.0, "dB", "rise and fall within 20 ms, at least")
    alone_s: float = setting(5.0, "s", "bursts are counted so far on both sides")
    max_together: int = setting(8, "", "more loud stretches than that within it are music or applause")


@detector(Settings)
def noise_burst(track: Track, settings: Settings) -> Iterator[Finding]:
    """Short, loud and flat stretches, few at a time."""
    speech = _speech_level(track)
    if speech is None or "bands" not in track.series:
        return
    bands, level = decibels(track.series["bands"]), track.level_dbfs
    rule = Rule(speech + settings.min_over_speech_db, None, round(settings.min_duration_ms / 10), BRIDGE_HOPS)
    loud = pick(level, rule)
    for first, last in loud.tolist():
        near = np.abs(loud[:, 0] - first) <= settings.alone_s * 100
        if (last - first) * 10 > settings.max_duration_ms or near.sum() > settings.max_together:
            continue
        slope, scatter = _shape(bands, first, last)
        if not _box(level[max(0, first - 2) : last + 2], settings) or _amid_applause(track, (first, last)):
            continue
        if settings.min_slope_db <= slope <= settings.max_slope_db and scatter <= settings.max_scatter_db:
            over = float(np.median(level[first:last])) - speech
            yield _finding(track, (first, last), (over, slope, scatter))


def _speech_level(track: Track) -> float | None:
    """The active speech level, or what half of the loud hops make of it: many bursts raise the first."""
    speech, level = track.levels.active_speech_dbfs, track.level_dbfs
    if speech is None:
        return None
    sounding = level[level > speech - 20]
    sounding = sounding[sounding > np.median(sounding) - ACTIVE_DB] if len(sounding) else sounding
    return min(speech, float(np.median(sounding)) + OVER_MEDIAN_DB) if len(sounding) else speech


def _amid_applause(track: Track, hops: tuple[int, int]) -> bool:
    """Whether claps or other onsets come so densely that one more burst is one of them."""
    rate, none = track.sample_rate_hz, np.zeros((1, 0), np.float32)
    start, end = (np.array([hop * rate // 100], np.int64) for hop in hops)
    return "onsets" in track.series and bool(
        onsets_per_s(Candidates(start, end, (), none), track)[0] > APPLAUSE_PER_S
    )


def _box(level: Floats, settings: Settings) -> bool:
    """Whether the burst (with two hops on both sides) stands up at once, stays, and falls at once."""
    inside = level[3:-3]
    if len(inside) < 1:  # at the head or the tail of a recording
        return False
    steady = float(np.ptp(inside)) <= settings.max_sway_db
    least = float(np.median(level[2:-2])) - settings.min_edge_db
    return steady and bool(level[0] <= least and level[-1] <= least)


def _shape(bands: Floats, first: int, last: int) -> tuple[float, float]:
    """Slope in dB per octave and RMS around it of the mean spectrum's density; NaN where too little is measured."""
    rows = bands[_frames(first, last)][:, 2 * len(WALLS_KHZ) + LOWEST :].astype(np.float64)
    if not len(rows):
        return np.nan, np.nan
    edges = np.array(EDGES_HZ[LOWEST:])
    density: Doubles = 10 * np.log10(np.mean(10 ** (rows / 10), axis=0)) - 10 * np.log10(np.diff(edges))
    octaves = np.log2(np.sqrt(edges[1:] * edges[:-1]))
    known = np.isfinite(density)
    if known.sum() < 4:
        return np.nan, np.nan
    slope, base = np.polyfit(octaves[known], density[known], 1)
    return float(slope), float(np.sqrt(np.mean((density[known] - slope * octaves[known] - base) ** 2)))


def _frames(first: int, last: int) -> NDArray[np.int64]:
    """Frames whose middle lies in the 10 ms hops [first, last): in four hops there is one at least."""
    per = 100 // HOPS
    return np.arange((first + per // 2 - 1) // per, (last - per // 2 - 1) // per + 1)


def _finding(track: Track, hops: tuple[int, int], shape: tuple[float, float, float]) -> Finding:
    rate, (over, slope, scatter) = track.sample_rate_hz, shape
    start, end = hops[0] * rate // 100, min(hops[1] * rate // 100, track.samples)
    return Finding(
        channel=track.channel,
        start_s=start / rate,
        end_s=end / rate,
        value=round(over, 1),
        unit="dB",
        severity="major" if over >= 15 else "minor",
        confidence=round(float(np.clip(0.4 + (over - 8) / 20 + (3 - scatter) / 20, 0.3, 0.95)), 2),
        evidence=evidence(
            over_speech_db=round(over, 1), slope_db_per_octave=round(slope, 1), scatter_db=round(scatter, 1)
        ),
    )
