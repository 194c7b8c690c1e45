"""Silence between sounds, longer than a natural pause.

What it finds
-------------
Stretches in which a channel stays near its own noise floor, or is digital zero, between two sounds; in evidence
`class` says which of three: *digital* (exact zero or one step, 2 s and more), *below_noise_floor* (at least 6 dB
under the floor of the rest: the microphone's own noise is gone, 2 s and more), or *long_pause* (the noise goes on
and nobody speaks, 5 s and more).

Why it matters
--------------
Listeners of a live room take it for a failure: a speaker who lost the uplink, a dead microphone, a muted host.

What fools it
-------------
A pause for thought, a mute on purpose, a participant who listens: a long pause of one participant counts only where
nobody else of the event speaks meanwhile. Digital zero that sound fades into and out of is taken for a mute or gate
(cause `intended`); a mute without a fade is bit for bit the same as a failure. Silence before the first sound or
after the last one is none: who joins late loses nothing.

Thresholds and their source
---------------------------
2 s: pauses inside a turn are shorter (silencedetect's default too); natural pauses between turns of a meeting reach
5 s. The level is judged against the recording's own noise floor N and P.56 active speech level A: a stretch begins
below N + (A - N) / 4 and lasts below N + (A - N) / 2, and at least 15.9 dB (P.56's margin) and 10 dB below A, so that
far-field meetings at -37 dBFS are judged as full-scale speech is. Sounds of 50 ms or less (a click, a chair) do not
end it, as one click ends silencedetect's. The floor of the rest is the level that 95 % of its 10 ms exceed, outside
silences. Missing media is no silence. Major: digital zero of over 30 s (shorter holes are dropouts) cut hard, as a
dropout is, into active speech on one side; critical: on both.

What to do
----------
See who should have spoken; digital zero says that nothing was sent or mixed, noise says that a microphone was
open.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.edges import HARD_DB, hardness, longest
from aqa.model import HOP_S, Finding, Floats, Severity, evidence
from aqa.picker import Rule, Runs, pick, true_runs
from aqa.sound_model import Track

DIGITAL_DBFS = -190.0
DIGITAL_SHARE = 0.9  # of a stretch: a fade at its ends may be part of it
SOUND_DBFS = -110.0  # as in `measures/levels.py`: below it is digital silence
ACTIVE_DB = -15.9  # ITU-T P.56 6.1: its margin below the active speech level
SURE = {"digital": 1.0, "below_noise_floor": 0.6, "long_pause": 0.3}
"""How sure it is that something is wrong: gates lower the noise floor too, and most pauses are meant."""
BESIDE_DB = -40.0  # quieter sound beside a hole tells nothing of how it was cut
FLOOR_SHARE = 5.0  # per cent, as in `measures/levels.py`


@dataclass(frozen=True)
class Settings:
    """When quiet is a silence."""

    min_duration_s: float = setting(2.0, "s", "shortest silence")
    min_pause_s: float = setting(5.0, "s", "shortest long_pause")
    below_floor_db: float = setting(6.0, "dB", "this far under the noise floor of the rest is below_noise_floor")
    cut_off_s: float = setting(30.0, "s", "digital zero cut hard into speech is major from this length on")
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
    found = _quiet(level, enter, max(enter, leave), settings)
    rest = _floor_of_the_rest(level, found)
    for first, last in found.tolist():
        start, end = first * rate // 100, min(last * rate // 100, track.samples)
        what = _class(level[first:last], rest, settings)
        if end - start < (settings.min_pause_s if what == "long_pause" else settings.min_duration_s) * rate:
            continue
        edges, severity = _edges(track, start, end, settings) if what == "digital" else (None, "minor")
        yield Finding(
            channel=track.channel,
            start_s=start / rate,
            end_s=end / rate,
            value=round((end - start) / rate, 3),
            unit="s",
            severity=severity,
            confidence=SURE[what] if severity == "minor" else 0.6,  # a mute without a fade looks the same
            evidence=evidence(
                **{"class": what},
                digital=what == "digital",
                edges=edges,
                level_dbfs=float(np.median(level[first:last])),
                below_dbfs=leave,
                noise_floor_dbfs=floor,
                noise_floor_of_the_rest_dbfs=rest,
                active_speech_dbfs=speech,
            ),
        )


def _class(inside: Floats, rest_dbfs: float | None, settings: Settings) -> str:
    """Which of the three classes a stretch is of."""
    if np.mean(inside < DIGITAL_DBFS) >= DIGITAL_SHARE:
        return "digital"
    if rest_dbfs is not None and float(np.median(inside)) <= rest_dbfs - settings.below_floor_db:
        return "below_noise_floor"
    return "long_pause"


def _floor_of_the_rest(level: Floats, quiet: Runs) -> float | None:
    """The level that 95 % of the hops with sound outside `quiet` exceed; None where there is none."""
    outside = level > SOUND_DBFS
    for first, last in quiet:
        outside[first:last] = False
    return float(np.percentile(level[outside], FLOOR_SHARE)) if outside.any() else None


def _edges(track: Track, start: int, end: int, settings: Settings) -> tuple[str | None, Severity]:
    """How digital zero begins and ends, hard or soft, and what that makes of it."""
    hole = longest(track.runs.of("constant"), start, end)
    speech = track.levels.active_speech_dbfs
    if hole is None or speech is None:
        return None, "minor"
    if max(float(side[0]) for side in (hole.before_dbfs, hole.after_dbfs)) < speech + BESIDE_DB:
        return None, "minor"
    if hardness(hole, speech, track.sample_rate_hz)[0] < HARD_DB:
        return "soft", "minor"
    spoken = [float(side[0]) >= speech + ACTIVE_DB for side in (hole.before_dbfs, hole.after_dbfs)]
    if end - start < settings.cut_off_s * track.sample_rate_hz or not any(spoken):
        return "hard", "minor"
    return "hard", "critical" if all(spoken) else "major"


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
