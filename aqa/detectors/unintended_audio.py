"""Sound that nobody meant to send: a steady tone, or music on hold.

What it finds
-------------
A tone of one frequency between 100 Hz and 1.4 kHz, for 5 s and more, that is nearly all there is below 1.5 kHz; and
music for 12 s and more in a recording that is not mostly music. Edges of music are good to 10 s, where it is sparse
to 20 s.

Why it matters
--------------
A dial or test tone, a hold signal or a feedback whistle of one participant stops a room; so does music on hold when
one of them takes another call. Music before the first word is no late start by itself, and no speech either.

What fools it
-------------
A tone that was meant, such as a line-up tone before an event; one held note of an instrument; a song or a jingle
that belongs to the event, which only people can tell: where more than `max_music_share` of what sounds is music,
none is reported.

Thresholds and their source
---------------------------
5 s within 3 Hz (six bins of a 2 s spectrum): no voice holds a pitch so. 30 dB over its surroundings and 60 % of the
power below 1.5 kHz, where speech has lines of 12 to 25 dB with a fifth of the power at most.
Music by a learnt score of ten seconds (aqa/music.py, tests/accuracy/train_music.py): its default was reached by no
window of 2.3 hours of speech, meetings, applause and noise, and by nine tenths of those of songs on the validation
split, at 8, 16 and 48 kHz and behind Opus. Music that lasts as long as half of the sound is an event's own.

What to do
----------
Mute that stream; ask the participant to come back from hold, or to move microphone and loudspeaker apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aqa import music
from aqa.detector import detector, setting
from aqa.measures.tones import TONES
from aqa.model import Doubles, Finding, Flags, evidence
from aqa.music import MEANING, MIN_SCORE
from aqa.picker import Rule, pick
from aqa.sound_model import Track

SPECTRUM_S = 2  # what each second's row looks at: the last second of a run reaches one further
SOUND_DB = -45.0  # less than that under active speech is no sound
LEAVE = 1.5  # music goes on while the score is not this far under what it began with
MAJOR_S = 30.0  # of music


@dataclass(frozen=True)
class Settings:
    """When a tone is unintended."""

    min_tone_s: float = setting(5.0, "s", "shortest tone")
    min_prominence_db: float = setting(30.0, "dB", "tone over its surroundings")
    min_share: float = setting(0.6, "", "share of the power below 1.5 kHz that is the tone's")
    min_music_s: float = setting(12.0, "s", "shortest music")
    min_music_score: float = setting(MIN_SCORE, "", MEANING)
    max_music_share: float = setting(0.5, "", "where more of the sound than this is music, music is meant: none")


@detector(Settings)
def unintended_audio(track: Track, settings: Settings) -> Iterator[Finding]:
    """Seconds in a row with one tone and little else; music."""
    tones = list(_tones(track, settings))
    yield from tones
    for start_s, end_s, score in _music(track, settings):
        if not any(tone.start_s < end_s and start_s < tone.end_s for tone in tones):
            yield _finding(track, (start_s, end_s), round(music.chance(score), 2), {"what": "music", "score": score})


def _music(track: Track, settings: Settings) -> Iterator[tuple[float, float, float]]:
    """Start, end and score of each piece of music; none where most of what sounds is music."""
    score = music.by_step(track)
    rule = Rule(settings.min_music_score, leave=settings.min_music_score - LEAVE, merge=2)
    found = pick(score, replace(rule, minimum=round(settings.min_music_s / music.STEP_S)))
    length = float((found[:, 1] - found[:, 0]).sum())
    if length > settings.max_music_share * max(1, int(np.isfinite(score).sum())):
        return
    for first, last in found.tolist():
        end_s = min(last * music.STEP_S, track.samples / track.sample_rate_hz)
        yield float(first * music.STEP_S), end_s, round(float(np.median(score[first:last])), 1)


def _tones(track: Track, settings: Settings) -> Iterator[Finding]:
    speech = track.levels.active_speech_dbfs
    if "tones" not in track.series or speech is None:
        return
    tones = dict(zip(TONES, track.series["tones"].values.astype(np.float64).T, strict=True))
    tonal = _tonal(tones, speech, settings)
    for first, last in _steady(tonal, tones["hertz"], settings):
        end_s = min(float(last + SPECTRUM_S - 1), track.samples / track.sample_rate_hz)
        hertz = round(float(np.median(tones["hertz"][first:last])), 1)
        yield _finding(track, (float(first), end_s), 0.8, {"what": "tone", "hertz": hertz})


def _tonal(tones: dict[str, Doubles], speech_dbfs: float, settings: Settings) -> Flags:
    """Seconds that hold a tone and little else."""
    pure = (tones["prominence_db"] >= settings.min_prominence_db) & (tones["share"] >= settings.min_share)
    return np.asarray(pure & (tones["level_dbfs"] > speech_dbfs + SOUND_DB))


def _steady(tonal: Flags, hertz: Doubles, settings: Settings) -> Iterator[tuple[int, int]]:
    """Runs of seconds with a tone at one frequency."""
    first = 0
    while first < len(tonal):
        last = first
        while last < len(tonal) and tonal[last] and abs(hertz[last] - hertz[first]) <= 3.0:
            last += 1
        if last - first >= settings.min_tone_s:  # those at its ends hold only part of it
            yield first, last
        first = max(last, first + 1)


def _finding(track: Track, span_s: tuple[float, float], confidence: float, facts: dict[str, Any]) -> Finding:
    start_s, end_s = span_s
    return Finding(
        channel=track.channel,
        start_s=start_s,
        end_s=end_s,
        value=round(end_s - start_s, 3),
        unit="s",
        severity="major" if facts["what"] == "tone" or end_s - start_s >= MAJOR_S else "minor",
        confidence=confidence,
        evidence=evidence(**facts),
    )
