"""Time that a recording leaves out without a trace: it is shorter than a clock says.

What it finds
-------------
Recordings whose sound, with its known holes, is shorter than the time stamps of their container, the lengths in
their playlist (#EXTINF), or the time from their start to the closing of their room. Where the rest is missing can't
be told, so the finding covers the whole recording and its value is the time that lacks.

Why it matters
--------------
All that comes after the omission is out of step with packets, with other recordings and with what people remember.
Recorders are known that drop silent frames: half a minute of talk then lies in the first half of the file
(livekit/egress issue 142).

What fools it
-------------
A recorder that was stopped before its room closed; such a finding has a confidence of 0.5. Bare ADTS and MP3 have no
clock, and nothing is found in them without a playlist or a room.

Thresholds and their source
---------------------------
0.5 s and 0.1 % of the length: encoders' delay and padding (2112 samples in AAC) and rounded #EXTINF lengths stay
below the one, crystals (100 ppm) far below the other. A room is closed up to some seconds after the recorder stops:
5 s. Severity: from 1 s on major, from 10 s on critical.

What to do
----------
Look in the recorder's settings for the skipping of silence (DTX, drop-silent-frames) and switch it off. Until then
take times in this recording for a lower bound.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from aqa.detector import detector, setting
from aqa.model import Finding, evidence
from aqa.sound_model import Media


@dataclass(frozen=True)
class Settings:
    """How much shorter a recording may be."""

    min_lack_s: float = setting(0.5, "s", "less time than this is never called elided")
    min_lack_pct: float = setting(0.1, "per cent", "nor is less than this share of the length")
    room_lack_s: float = setting(5.0, "s", "as much may lack before the room closes")
    major_s: float = setting(1.0, "s", "major from this much on")
    critical_s: float = setting(10.0, "s", "critical from this much on")


@detector(Settings)
def elided_time(media: Media, settings: Settings) -> Iterator[Finding]:
    """At most one finding: the clock by which most lacks."""
    holes = (*media.missing, *media.damaged)
    if not media.samples or not media.claims:
        return
    decoded_s = media.samples / media.sample_rate_hz
    there_s = max(decoded_s + sum(h.end_s - h.start_s for h in media.missing), *(h.end_s for h in holes), decoded_s)
    claim = max(media.claims, key=lambda item: (item.sure, item.seconds))
    lack_s = claim.seconds - there_s
    least_s = max(settings.min_lack_s, settings.min_lack_pct / 100 * claim.seconds)
    if lack_s < max(least_s, 0.0 if claim.sure else settings.room_lack_s):
        return
    critical, major = lack_s >= settings.critical_s, lack_s >= settings.major_s
    yield Finding(
        start_s=0.0,
        end_s=there_s,
        scope="recorder",
        value=round(lack_s, 3),
        unit="s",
        severity="critical" if critical else "major" if major else "minor",
        confidence=0.9 if claim.sure else 0.5,
        evidence=evidence(clock=claim.clock, clock_s=round(claim.seconds, 3), recording_s=round(there_s, 3)),
    )
