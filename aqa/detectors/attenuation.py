"""Dips: sound that falls well below both of its sides for 10 to 500 ms, and comes back, without falling silent.

What it finds
-------------
Stretches of 6 to 600 ms that begin and end within a few ms and lie 12 dB or more below what is beside them, and that
a learnt model takes for a fault. Holes down to the noise floor that it is sure of are dropouts and stand there. Start
and end are good to 1 ms (2 ms where sound was faded in and out, more after a codec).

Why it matters
--------------
A ducker, an echo canceller or a limiter that clamps down, concealment that fades out, or a packet that was played
at the wrong gain: listeners lose syllables though nothing is silent.

What fools it
-------------
The closure of a plosive before a loud vowel is a dip with a hard end by nature; one by 20 dB with fades of some ms
can't be told from it. Dips of more than 150 ms look like pauses: they have to score 1.5 more. Less than 12 dB deep
nothing is told: joints of syllables are, and 2 % of faults. After Opus at low rates the codec fills the dip. What is
left of false alarms is gates, artificial voices and rests of a harpsichord. Amid applause and other dense transients
nothing is looked for.

Thresholds and their source
---------------------------
The score is the log odds of boosted trees, which see the level inside and beside in three bands, the steps at both
ends, the unrest inside, and how far it lies over the channel's noise floors; no absolute level
(tests/accuracy/train_dips.py says what they learnt from). Its default left 2 false alarms an hour in 4.1 recorded
hours of clean speech of the validation split (PCM and codecs; meetings, LibriSpeech, 48 kHz speech, espeak, gates,
single words of amateurs, acted dialogue, announcements), all of them in gates and espeak. There it finds, of dips of
20 to 60 ms with hard edges, in PCM 0.93 of those by 40 dB, 0.95 by 30 dB and 0.73 by 20 dB; with ramps of 2.5 ms
0.79, 0.85 and 0.72; through Opus 32k, hard, 0.68, 0.57 and 0.56 (24 to 59 each). Amid more than 12 onsets of 10 dB a
second nothing is looked for: speech has 3 to 9, applause 10 to 20. Confidence is Platt's line through the score on
the same split, for a room with 60 faults an hour. Severity: from 60 ms (three frames of 20 ms) on nearly all are
heard, from 200 ms on a syllable is gone; less than 20 dB deep it is one step milder.

What to do
----------
Look at the echo canceller and noise suppression of that participant, then for lost packets at the same time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from aqa.detector import detector, setting
from aqa.dips import APPLAUSE_PER_S, MEANING, MIN_SCORE, SURE_SCORE, TO_FLOOR_DB, confidence, dips
from aqa.model import Finding, evidence
from aqa.sound_model import Track

SHALLOW_DB = 20.0


@dataclass(frozen=True)
class Settings:
    """When a dip is a fault."""

    min_score: float = setting(MIN_SCORE, "", MEANING)
    min_duration_ms: float = setting(8.0, "ms", "shortest dip")
    max_onsets_per_s: float = setting(APPLAUSE_PER_S, "1/s", "amid more onsets nothing is looked for: applause")


@detector(Settings)
def attenuation(track: Track, settings: Settings) -> Iterator[Finding]:
    """Dips that do not reach the noise floor."""
    rate, found = track.sample_rate_hz, dips(track, settings.min_score)
    length_ms = (found.end_sample - found.start_sample) * 1000 / rate
    kept = (
        (length_ms >= settings.min_duration_ms)
        & (found.onsets_per_s <= settings.max_onsets_per_s)
        & ((found.over_floor_db > TO_FLOOR_DB) | (found.score < SURE_SCORE))  # a sure hole is a dropout
    )
    for i in np.flatnonzero(kept):
        yield Finding(
            channel=track.channel,
            start_s=int(found.start_sample[i]) / rate,
            end_s=int(found.end_sample[i]) / rate,
            value=round(float(found.depth_db[i]), 1),
            unit="dB",
            severity=_severity(float(length_ms[i]), float(found.depth_db[i])),
            confidence=confidence(float(found.score[i])),
            evidence=evidence(
                start_sample=found.start_sample[i],
                end_sample=found.end_sample[i],
                length_ms=length_ms[i],
                depth_db=found.depth_db[i],
                over_floor_db=found.over_floor_db[i],
                onsets_per_s=found.onsets_per_s[i],
                score=found.score[i],
            ),
        )


def _severity(length_ms: float, depth_db: float) -> Literal["minor", "major", "critical"]:
    steps = int(length_ms >= 60) + int(length_ms >= 200) - int(depth_db < SHALLOW_DB)
    return ("minor", "major", "critical")[max(0, steps)]
