"""What the detectors of holes in a container share: how much a hole weighs, and the finding that it makes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aqa.detector import setting
from aqa.model import Finding, evidence
from aqa.sound_model import Hole, Media


@dataclass(frozen=True)
class Settings:
    """When a hole weighs how much."""

    major_ms: float = setting(200.0, "ms", "major from this length on")
    critical_ms: float = setting(1000.0, "ms", "critical from this length on")


def findings_of(media: Media, holes: Sequence[Hole], settings: Settings) -> Iterator[Finding]:
    """One finding per hole of `media`, with what the decoder said."""
    for hole in holes:
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
