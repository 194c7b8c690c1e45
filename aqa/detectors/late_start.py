"""The event began later than it was announced for.

What it finds
-------------
The time from `scheduled_start` of event.toml to the first sustained speech that was meant to be heard, where that is
30 s or more. Hold music, tones and recordings with `intended_audio = false` are no start.

Why it matters
--------------
Who has come for an event and hears nothing leaves, and comes back to another one late.

What fools it
-------------
A recording that begins after the announced time may have missed speech before it; that is said, and the finding is
less sure. Music that was meant as the programme looks like hold music. A sound check in front of open microphones
counts as speech. Nothing is found where no schedule is given, or no recording has a known start.

Thresholds and their source
---------------------------
Sustained: 3 s of active speech (ITU-T P.56) within 10 s, so that a cough or a "hello?" is no start. From 30 s on, as
proposed in REPORT.md; 2 min are major and 5 min critical (ours: a broadcaster's minute, and five of them).

What to do
----------
See what the room's history and the operator log say of that time: who was missing, and what was tried first.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.model import Finding, evidence
from aqa.whole import Spans, Whole, length_s, union, within, without


@dataclass(frozen=True)
class Settings:
    """When a start is late."""

    min_late_s: float = setting(30.0, "s", "shortest delay that is told")
    major_s: float = setting(120.0, "s", "delay from which on it is major")
    critical_s: float = setting(300.0, "s", "delay from which on it is critical")
    window_s: float = setting(10.0, "s", "speech is sustained if such a window")
    speech_s: float = setting(3.0, "s", "holds that much of it")


@detector(Settings)
def late_start(whole: Whole, settings: Settings) -> Iterator[Finding]:
    """One finding at most: from the schedule to the first sustained speech."""
    if whole.scheduled_s is None:
        return
    told = [one for one in whole.heard if one.intended and one.clocked]
    speech = whole.speech()
    first = _sustained(speech, settings)
    if first is None or first - whole.scheduled_s < settings.min_late_s:
        return
    late = first - whole.scheduled_s
    recorded_from = min(one.start_s for one in told)
    waited = np.array([[whole.scheduled_s, first]])
    other = whole.of_kind("unintended_audio")
    yield Finding(
        scope="room",
        start_s=whole.scheduled_s,
        end_s=first,
        value=round(late, 3),
        unit="s",
        severity="critical" if late >= settings.critical_s else "major" if late >= settings.major_s else "minor",
        confidence=0.95 if recorded_from <= whole.scheduled_s + settings.min_late_s else 0.6,
        evidence=evidence(
            scheduled_s=whole.scheduled_s,
            first_speech_s=first,
            recorded_from_s=recorded_from,
            room_opened_s=min((room.opened_s for room in whole.rooms if room.opened_s is not None), default=None),
            first_packet_s=min((one.first_s for one in whole.sent), default=None),
            unintended_audio_s=length_s(within(waited, other)),
            some_speech_before_s=length_s(within(waited, without(speech, other))),
        ),
    )


def _sustained(speech: Spans, settings: Settings) -> float | None:
    """Where the first window with enough speech begins to speak; None where there is none."""
    for start, _ in speech.tolist():
        window = np.array([[start, start + settings.window_s]])
        if length_s(within(union(speech), window)) >= settings.speech_s:
            return float(start)
    return None
