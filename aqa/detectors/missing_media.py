"""Media that a recording's own presentation times say is not there.

What it finds
-------------
Jumps of the presentation time of more than 60 ms beyond the sound decoded so far, and segments that a playlist
names but that are not in the folder.

Why it matters
--------------
The recorder wrote nothing for that time. Players jump over it or play silence; and all that comes later is out of
step with the packets if it is not counted.

What fools it
-------------
Recorders that leave out silence on purpose (DTX written without filling) look the same. Clocks that drift do not:
only a jump counts.

Thresholds and their source
---------------------------
60 ms, on a cumulative clock: checks of single frames gave 6,776 false holes in ten minutes of Vorbis. Severity: from
200 ms on major (Agora's audio freeze), from 1 s on critical.

What to do
----------
Look at the recorder's log and load at that time, and for packet loss on its way in.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from aqa.detector import detector, setting
from aqa.model import Finding, Media, evidence


@dataclass(frozen=True)
class Settings:
    """When missing media weighs how much."""

    major_ms: float = setting(200.0, "ms", "major from this length on")
    critical_ms: float = setting(1000.0, "ms", "critical from this length on")


@detector(Settings)
def missing_media(media: Media, settings: Settings) -> Iterator[Finding]:
    """One finding per hole."""
    for hole in media.missing:
        length_ms = (hole.end_s - hole.start_s) * 1000
        critical, major = length_ms >= settings.critical_ms, length_ms >= settings.major_ms
        yield Finding(
            start_s=hole.start_s,
            end_s=hole.end_s,
            scope="recorder",
            value=round(length_ms, 3),
            unit="ms",
            severity="critical" if critical else "major" if major else "minor",
            evidence=evidence(reason=hole.reason, container=media.container, codec=media.codec),
        )
