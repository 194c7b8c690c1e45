"""Silence between sounds, longer than a natural pause.

What it finds
-------------
Stretches of at least 2 s in which a channel stays near its own noise floor, or is digital zero, between two
sounds.

Why it matters
--------------
Listeners of a live room take it for a failure: a speaker who lost the uplink, a dead microphone, a muted host.

What fools it
-------------
A pause for thought, a mute on purpose, a participant who listens: on one participant's track silence is normal,
in the mix it is not. Silence before the first sound or after the last one is none: who joins late loses nothing.

Thresholds and their source
---------------------------
2 s: pauses inside a turn are shorter (silencedetect's default too). The level is judged against the recording's
own noise floor N and P.56 active speech level A: a stretch begins below N + (A - N) / 4 and lasts below N + (A -
N) / 2, and at least 15.9 dB (P.56's margin) and 10 dB below A, so that far-field meetings at -37 dBFS are judged
as full-scale speech is. Sounds of 50 ms or less (a click, a chair) do not end it, as one click ends
silencedetect's. Missing media is no silence.

What to do
----------
See who should have spoken; digital zero says that nothing was sent or mixed, noise says that a microphone was
open.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.model import HOP_S, Finding, Floats, Track, evidence
from aqa.picker import Rule, Runs, pick, true_runs

DIGITAL_DBFS = -190.0


@dataclass(frozen=True)
class Settings:
    """When quiet is a silence."""

    min_duration_s: float = setting(2.0, "s", "shortest silence")
    enter: float = setting(0.25, "", "begins below this share of the way from noise floor to speech level (dB)")
    leave: float = setting(0.5, "", "lasts below this share of the way from noise floor to speech level (dB)")
    enter_db: float = setting(-15.9, "dB", "begins this far below the active speech level at least")
    leave_db: float = setting(-10.0, "dB", "lasts this far below the active speech level at least")
    bridge_ms: float = setting(50.0, "ms", "sounds up to this length do not end a silence")


@detector(Settings)
def silence(track: Track, settings: Settings) -> Iterator[Finding]:
    """Stretches between sounds near the channel's noise floor."""
    speech, floor = track.levels.active_speech_dbfs, track.levels.noise_floor_dbfs
    if speech is None or floor is None:
        return
    enter = min(floor + settings.enter * (speech - floor), speech + settings.enter_db)
    leave = min(floor + settings.leave * (speech - floor), speech + settings.leave_db)
    rate, level = track.sample_rate_hz, track.level_dbfs
    for first, last in _quiet(level, enter, max(enter, leave), settings).tolist():
        start, end = first * rate // 100, min(last * rate // 100, track.samples)
        if end - start < settings.min_duration_s * rate:
            continue
        inside = level[first:last]
        yield Finding(
            channel=track.channel,
            start_s=start / rate,
            end_s=end / rate,
            value=round((end - start) / rate, 3),
            unit="s",
            evidence=evidence(
                digital=bool(np.max(inside) < DIGITAL_DBFS),
                level_dbfs=float(np.median(inside)),
                below_dbfs=leave,
                noise_floor_dbfs=floor,
                active_speech_dbfs=speech,
            ),
        )


def _quiet(level: Floats, enter: float, leave: float, settings: Settings) -> Runs:
    """Hop intervals between sounds, without missing media, of at least the shortest length less a hop."""
    rule = Rule(enter=-enter, leave=-leave, merge=round(settings.bridge_ms / 1000 / HOP_S))
    sounds = level > leave
    if not sounds.any():
        return np.zeros((0, 2), np.int64)
    first, last = int(sounds.argmax()), len(sounds) - 1 - int(sounds[::-1].argmax())
    quiet = np.zeros(len(level), np.bool_)
    for start, end in pick(-level, rule):
        quiet[start:end] = start > first and end <= last
    runs = true_runs(quiet & ~np.isnan(level))
    return runs[(runs[:, 1] - runs[:, 0] + 1) * HOP_S >= settings.min_duration_s]
