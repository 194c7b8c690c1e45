"""Sound that nobody meant to send: a steady tone.

What it finds
-------------
A tone of one frequency between 100 Hz and 1.4 kHz, for 5 s and more, that is nearly all there is below 1.5 kHz.

Why it matters
--------------
A dial or test tone, a hold signal or a feedback whistle of one participant stops a room.

What fools it
-------------
A tone that was meant, such as a line-up tone before an event; one held note of an instrument. Music on hold is not
looked for: what tells it from synthetic voices and from an event with music is not measured well enough.

Thresholds and their source
---------------------------
5 s within 3 Hz (six bins of a 2 s spectrum): no voice holds a pitch so. 30 dB over its surroundings and 60 % of the
power below 1.5 kHz, where speech has lines of 12 to 25 dB with a fifth of the power at most.

What to do
----------
Mute that stream; ask the participant to come back from hold, or to move microphone and loudspeaker apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.measures.tones import TONES
from aqa.model import Doubles, Finding, Flags, Track, evidence

SPECTRUM_S = 2  # what each second's row looks at: the last second of a run reaches one further
SOUND_DB = -45.0  # less than that under active speech is no sound


@dataclass(frozen=True)
class Settings:
    """When a tone is unintended."""

    min_tone_s: float = setting(5.0, "s", "shortest tone")
    min_prominence_db: float = setting(30.0, "dB", "tone over its surroundings")
    min_share: float = setting(0.6, "", "share of the power below 1.5 kHz that is the tone's")


@detector(Settings)
def unintended_audio(track: Track, settings: Settings) -> Iterator[Finding]:
    """Seconds in a row with one tone and little else."""
    speech = track.levels.active_speech_dbfs
    if "tones" not in track.series or speech is None:
        return
    tones = dict(zip(TONES, track.series["tones"].values.astype(np.float64).T, strict=True))
    tonal = _tonal(tones, speech, settings)
    for first, last in _steady(tonal, tones["hertz"], settings):
        yield _finding(track, (first, last), float(np.median(tones["hertz"][first:last])))


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


def _finding(track: Track, rows: tuple[int, int], hertz: float) -> Finding:
    end_s = min(float(rows[1] + SPECTRUM_S - 1), track.samples / track.sample_rate_hz)
    return Finding(
        channel=track.channel,
        start_s=float(rows[0]),
        end_s=end_s,
        value=end_s - rows[0],
        unit="s",
        severity="major",
        confidence=0.8,
        evidence=evidence(what="tone", hertz=round(hertz, 1)),
    )
