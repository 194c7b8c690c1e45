"""Media that is there but can't be decoded.

What it finds
-------------
Packets that the decoder rejects, files that end before the length that they state, and samples that are no numbers.

Why it matters
--------------
That sound is lost from the recording, though perhaps not from what listeners heard.

What fools it
-------------
A file that is still being written looks cut off.

Thresholds and their source
---------------------------
None for the finding: the decoder's own word, with its length. Severity: from 200 ms on major (Agora's audio freeze),
from 1 s on critical.

What to do
----------
Fetch the file again from the recorder and compare sizes; if it is the same there, look at the recorder's disk and
whether it was stopped hard.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from aqa.detector import detector, setting
from aqa.model import Finding, Media, evidence


@dataclass(frozen=True)
class Settings:
    """When damaged media weighs how much."""

    major_ms: float = setting(200.0, "ms", "major from this length on")
    critical_ms: float = setting(1000.0, "ms", "critical from this length on")


@detector(Settings)
def damaged_media(media: Media, settings: Settings) -> Iterator[Finding]:
    """One finding per hole."""
    for hole in media.damaged:
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
