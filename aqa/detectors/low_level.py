"""A speaker who is far too quiet, all along.

What it finds
-------------
Tracks whose active speech level is below -48 dBFS, or below -33 dBFS and 18 dB or more below the usual level of the
other tracks of the event. The finding runs from the first active speech to the last.

Why it matters
--------------
Listeners turn the volume up for one speaker and are shouted at by the next, or give up.

What fools it
-------------
Noise alone (a listener's open microphone) is not speech and gives none: the level must rise 12 dB above the
channel's own noise floor for 3 s at least. A mix of loud and quiet speakers is judged by the loud ones. Recorders
that write at a low level on purpose make all tracks low: the setting says from where on it counts.

Thresholds and their source
---------------------------
The level is ITU-T P.56's active speech level. Real far-field meetings that listeners follow are at -37 dBFS (AMI),
and -26 dBov is the usual level of speech (ITU-T G.191, P.56): -48 is 22 dB below it, under the 16 dB that gain varies
by among recordings nobody complains of. 18 dB between speakers is more
than twice as quiet twice over (10 dB is twice as quiet, ISO 532-1); below -33 only, for a loud neighbour does not
make a speaker at the usual level too quiet.

What to do
----------
Raise the capture gain or switch automatic gain control on for that participant; see whether the microphone in use
is the one that was meant.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.model import HOP_S, Finding, evidence
from aqa.sound_model import Track

OTHERS = "others_speech_dbfs"
"""Fact of a track: the median active speech level of the other tracks of its event, where there are any."""


@dataclass(frozen=True)
class Settings:
    """When speech is too quiet."""

    level_dbfs: float = setting(-48.0, "dBFS", "too quiet below this active speech level")
    beside_dbfs: float = setting(-33.0, "dBFS", "below this one, too quiet if others are much louder")
    below_others_db: float = setting(18.0, "dB", "how much louder the others are then, at least")
    min_snr_db: float = setting(12.0, "dB", "active speech level over noise floor, at least; else it is noise")
    min_speech_s: float = setting(3.0, "s", "active speech, at least")
    major_dbfs: float = setting(-55.0, "dBFS", "major below this active speech level")


@detector(Settings)
def low_level(track: Track, settings: Settings) -> Iterator[Finding]:
    """The whole of the active speech of a track, if it is too quiet."""
    level, snr, others = track.levels.active_speech_dbfs, track.levels.speech_snr_db, track.facts.get(OTHERS)
    if level is None or snr is None or snr < settings.min_snr_db:
        return
    beside = others is not None and level < settings.beside_dbfs and others - level >= settings.below_others_db
    spoken = np.flatnonzero(track.levels.speech)
    if not (level < settings.level_dbfs or beside) or len(spoken) * HOP_S < settings.min_speech_s:
        return
    limit = settings.level_dbfs if level < settings.level_dbfs else (others or 0.0) - settings.below_others_db
    yield Finding(
        channel=track.channel,
        start_s=int(spoken[0]) * HOP_S,
        end_s=min((int(spoken[-1]) + 1) * HOP_S, track.samples / track.sample_rate_hz),
        value=level,
        unit="dBFS",
        severity="major" if level < settings.major_dbfs else "minor",
        confidence=round(min(0.95, 0.6 + (limit - level) / 20), 2),
        evidence=evidence(
            active_speech_dbfs=level,
            noise_floor_dbfs=track.levels.noise_floor_dbfs,
            snr_db=snr,
            active_speech_s=len(spoken) * HOP_S,
            others_speech_dbfs=others,
            below_dbfs=limit,
        ),
    )
