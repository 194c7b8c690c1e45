"""Short holes of digital zero, or of one held value, cut into sound without a fade; also such that a codec filled.

What it finds
-------------
Runs of 4 ms to 30 s of digital zero, or of one value held, that begin and end hard, with sound around them.
Starts and ends are exact to the sample, half-open. Two holes with a little sound between them are two findings.
Holes of 8 to 600 ms that a lossy codec or resampler has filled a little are found too, where they go down to the
noise floor: to 1 ms, and `coded` in their evidence. Shallower ones are attenuation.

Why it matters
--------------
This is how lost packets without concealment, underruns of a sound card and lost buffers of a recorder sound:
clicks, then missing syllables.

What fools it
-------------
A mute without any fade is bit for bit the same as a dropout; only other evidence can tell. Longer than 30 s it is
taken for a mute. Where a natural zero lies beside the hole the two are one run. After a lossy codec the closure of
a plosive may look like a filled hole; Opus at low rates fills holes beyond recognition. Holes at the head or tail
of a recording, or beside missing media, are none: nothing says that sound was cut there.

Thresholds and their source
---------------------------
At least 4 ms: natural 16-bit meetings hold exact zeros of up to 2.6 ms (AMI). Sound around: 10 ms on one side above
active speech level less 30 dB; and above -75 dBFS, 6 steps of 16 bits, below which single bits make edges. Hard
edges: the peak of the last or first 0.25 ms, less 1.5 steps of 16 bits (a fade ends in single bits too), over the RMS
of the 10 ms beside it; the harder side plus 0.7 times the softer is above -26.5 dB. A side 20 dB or more below the
active speech level counts -14 dB at most: in quiet any edge looks hard. In LibriSpeech, AMI and 48 kHz speech that
keeps 99.4 % of 2,604 hard holes; of 26,532 faded gates (5 to 20 ms, closed in pauses) it takes 5 for dropouts, of
2,604 fades of 5 ms amid active speech 0.4 %. Holes that a codec filled: score, confidence and guard against applause
as with attenuation (12 dB deep at least, and 1.5 more of score from 150 ms on), and no more than 3 dB over the
channel's noise floor in one of three bands; the score leaves 0.5 false alarms an hour of clean speech, in gates (and
a harpsichord's rests). Of zeros of 10 to 500 ms that went through a codec 0.89 are found as dropout or dip after MP3
128k and AAC 64k and 0.74 after Opus 32k, on the validation split. Of hard zeros of 5 ms and more in all its domains
0.996 of 1,239: the five that are missed break off near zero crossings, or in sound 30 dB under speech. Severity: from
60 ms (three frames of 20 ms) nearly all are heard; from 200 ms on it is a freeze (Agora's audio freeze).

What to do
----------
Look for packet loss, late packets and stalls at the same time; with none, look at the recorder's load and at the
sender's capture. Simultaneous holes in all tracks point to the recorder.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from aqa.detector import detector, setting
from aqa.dips import APPLAUSE_PER_S, MEANING, SURE_SCORE, TO_FLOOR_DB, confidence, dips
from aqa.edges import HARD_DB, hardness
from aqa.model import Finding, Flags, evidence
from aqa.sound_model import RunTable, Track

ZERO = 4 * 2.0**-15  # four steps of 16 bits: converters' idle pattern
FULL_SCALE = 0.98  # a value held there is clipping
APART_S = 0.001
CODED_MS = 8.0  # shorter ones a codec smears to nothing


@dataclass(frozen=True)
class Settings:
    """When a constant run is a dropout."""

    min_duration_ms: float = setting(4.0, "ms", "shortest hole")
    max_duration_s: float = setting(30.0, "s", "longest hole; longer ones are silence")
    min_context_db: float = setting(-30.0, "dB", "sound beside the hole, relative to the active speech level")
    min_context_dbfs: float = setting(-75.0, "dBFS", "sound beside the hole, at least")
    min_edges_db: float = setting(
        HARD_DB, "dB", "edge peak over the level beside: harder side plus 0.7 times the softer"
    )
    min_coded_score: float = setting(SURE_SCORE, "", f"holes that a codec filled: {MEANING}")


@detector(Settings)
def dropout(track: Track, settings: Settings) -> Iterator[Finding]:
    """Constant runs with hard edges and sound around; then holes that a codec filled."""
    exact = list(_exact(track, settings))
    yield from exact
    ends = np.array([found.end_s for found in exact])
    for found in _coded(track, settings):
        at = int(np.searchsorted(ends, found.start_s, "right"))  # runs don't overlap: the first that ends later
        if at == len(exact) or exact[at].start_s >= found.end_s:
            yield found


def _exact(track: Track, settings: Settings) -> Iterator[Finding]:
    """Constant runs with hard edges and sound around."""
    runs, rate = track.runs.of("constant"), track.sample_rate_hz
    if track.levels.active_speech_dbfs is None:
        return
    hard = hardness(runs, track.levels.active_speech_dbfs, rate)
    length = runs.end_sample - runs.start_sample
    kept = (
        (length >= settings.min_duration_ms * rate / 1000)
        & (length <= settings.max_duration_s * rate)
        & _in_sound(track, runs, settings)
        & (hard >= settings.min_edges_db)
        & ((np.abs(runs.value) <= ZERO) | _held(runs, rate))
    )
    for i in np.flatnonzero(kept):
        start, end = int(runs.start_sample[i]), int(runs.end_sample[i])
        length_ms = (end - start) / rate * 1000
        yield Finding(
            channel=track.channel,
            start_s=start / rate,
            end_s=end / rate,
            value=round(length_ms, 3),
            unit="ms",
            severity=_severity(length_ms),
            confidence=round(min(0.99, 0.7 + (hard[i] - settings.min_edges_db) / 60), 2),
            evidence=evidence(
                start_sample=start,
                end_sample=end,
                held="zero" if abs(runs.value[i]) <= ZERO else runs.value[i],
                before_dbfs=runs.before_dbfs[i],
                after_dbfs=runs.after_dbfs[i],
                edge_before_db=runs.peak_before_dbfs[i] - runs.before_dbfs[i],
                edge_after_db=runs.peak_after_dbfs[i] - runs.after_dbfs[i],
                active_speech_dbfs=track.levels.active_speech_dbfs,
            ),
        )


def _coded(track: Track, settings: Settings) -> Iterator[Finding]:
    """Dips down to the noise floor."""
    rate, found = track.sample_rate_hz, dips(track, settings.min_coded_score)
    length_ms = (found.end_sample - found.start_sample) * 1000 / rate
    kept = (length_ms >= CODED_MS) & (found.onsets_per_s <= APPLAUSE_PER_S) & (found.over_floor_db <= TO_FLOOR_DB)
    for i in np.flatnonzero(kept):
        yield Finding(
            channel=track.channel,
            start_s=int(found.start_sample[i]) / rate,
            end_s=int(found.end_sample[i]) / rate,
            value=round(float(length_ms[i]), 3),
            unit="ms",
            severity=_severity(float(length_ms[i])),
            confidence=confidence(float(found.score[i])),
            evidence=evidence(
                start_sample=found.start_sample[i],
                end_sample=found.end_sample[i],
                coded=True,
                to_floor=True,
                depth_db=found.depth_db[i],
                over_floor_db=found.over_floor_db[i],
                score=found.score[i],
                active_speech_dbfs=track.levels.active_speech_dbfs,
            ),
        )


def _in_sound(track: Track, runs: RunTable, settings: Settings) -> Flags:
    """Sound on one side at least, and something on both; no run at the recording's head or tail."""
    speech = track.levels.active_speech_dbfs or 0.0
    least = max(speech + settings.min_context_db, settings.min_context_dbfs)
    inside = (runs.start_sample > 0) & (runs.end_sample < track.samples)
    quieter = np.minimum(runs.before_dbfs, runs.after_dbfs)
    return np.asarray(inside & (np.maximum(runs.before_dbfs, runs.after_dbfs) >= least) & (quieter > -120))


def _held(runs: RunTable, rate: int) -> Flags:
    """A value held alone: beside another constant run it is a square wave or a step of a quantiser."""
    ends = np.concatenate(([-(1 << 62)], runs.end_sample[:-1]))
    starts = np.concatenate((runs.start_sample[1:], [1 << 62]))
    apart = APART_S * rate
    alone = (runs.start_sample - ends > apart) & (starts - runs.end_sample > apart)
    return np.asarray(alone & (np.abs(runs.value) < FULL_SCALE))


def _severity(length_ms: float) -> Literal["minor", "major", "critical"]:
    if length_ms < 60:
        return "minor"
    return "major" if length_ms < 200 else "critical"
