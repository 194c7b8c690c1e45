"""Nobody who was meant to be heard could be heard, and not because nobody spoke.

What it finds
-------------
Stretches of 5 s or more inside the event in which no recording holds speech that was meant to be heard, and
something shows that more than a pause is behind it: no room was open, no packets came from anybody who had been
sending, or the recordings hold nothing but digital silence or nothing at all.

Why it matters
--------------
This is downtime as listeners hear it, whatever the servers say of themselves.

What fools it
-------------
A planned break in which everybody is muted holds no packets and digital silence, too: event.toml has no word for it.
A single recording with a fault of its own is no outage while packets flow: where packets are known, they decide.
Pauses of speakers whose microphones are open are none, for noise goes on. Hold music is not heard as intended.

Thresholds and their source
---------------------------
5 s where packets or the rooms' history show it; 10 s on digital silence alone, for a pause of muted speakers looks
the same (both ours: pauses between speakers in live rooms are shorter). Half of the stretch has to be shown. From
30 s on critical, else major.

What to do
----------
Look at what stopped first, room, server or packets, and at the operator log for what brought it back.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.model import Finding, evidence
from aqa.whole import Spans, Whole, length_s, union, within, without


@dataclass(frozen=True)
class Settings:
    """When quiet is an outage."""

    min_duration_s: float = setting(5.0, "s", "shortest outage that packets or the rooms' history show")
    min_digital_s: float = setting(10.0, "s", "shortest outage that digital silence alone shows")
    shown_share: float = setting(0.5, "0 to 1", "share of the quiet that has to be shown to be more than a pause")
    critical_s: float = setting(30.0, "s", "length from which on it is critical")


@detector(Settings)
def outage(whole: Whole, settings: Settings) -> Iterator[Finding]:
    """Quiet between the first and the last intended speech that no pause explains."""
    speech = whole.speech()
    if len(speech) < 2:
        return
    quiet = np.stack((speech[:-1, 1], speech[1:, 0]), axis=1)
    closed, stopped, digital = whole.closed(), whole.nobody_sends(), whole.nothing_recorded()
    for start, end in quiet[quiet[:, 1] - quiet[:, 0] >= settings.min_duration_s].tolist():
        here = np.array([[start, end]])
        shares = [length_s(within(here, part)) / (end - start) for part in (closed, stopped, digital)]
        strong = length_s(within(here, union(closed, stopped))) / (end - start)
        long = end - start >= settings.min_digital_s
        weak = long and not whole.sent and shares[2] >= settings.shown_share
        if strong < settings.shown_share and not weak:
            continue
        yield _finding(whole, start, end, shares, settings)


def _finding(whole: Whole, start: float, end: float, shares: list[float], settings: Settings) -> Finding:
    closed, stopped, digital = shares
    here: Spans = np.array([[start, end]])
    heard = whole.of_kind("unintended_audio")
    return Finding(
        scope="room",
        room=whole.room_at(start),
        start_s=start,
        end_s=end,
        value=round(end - start, 3),
        unit="s",
        severity="critical" if end - start >= settings.critical_s else "major",
        confidence=round(min(0.99, 0.6 + 0.3 * max(closed, stopped) + 0.1 * digital), 2),
        evidence=evidence(
            no_room_open_pct=100 * closed if whole.rooms else None,
            nobody_sends_pct=100 * stopped if whole.sent else None,
            nothing_recorded_pct=100 * digital,
            unintended_audio_s=length_s(within(here, heard)),
            not_recorded_s=length_s(without(here, whole.recorded())),
            listeners_before=_listeners(whole, start),
            listeners_after=_listeners(whole, end),
        ),
    )


def _listeners(whole: Whole, second: float) -> float | None:
    value = float(whole.listeners_at(np.array(second)))
    return None if np.isnan(value) else value
