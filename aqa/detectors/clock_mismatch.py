"""A recording's start that its own sound and the packets contradict.

What it finds
-------------
A start of a recording, given in event.toml or by the file itself, at which its loud and quiet moments do not fall
together with those that the packets tell of, while they do fall together, surely, at another. Where the two differ
by whole quarter hours within 2 s it says that a time zone is likely.

Why it matters
--------------
Everything that joins sound with packets needs one clock: with a wrong one, each fault gets the wrong cause or none.
The start that was found is used instead, and its error is stated.

What fools it
-------------
It compares two clocks and can't tell which is wrong: it may be the packet log's (`clock_offset_s`). Where a log's
clock is wrong, all recordings seem to be. A recording that begins up to half a second later than its packets is
taken for one behind a jitter buffer. The same sound twice, as a jingle, has two places.

Thresholds and their source
---------------------------
Two clocks kept by NTP differ by up to 50 ms; the stated error is added. 0.5 s for a jitter buffer: NetEq keeps 200
packets at most and rarely that long. Confidence of 0.6: of 400 pairs of speech and packets that did not belong
together none was joined at all (tests/test_align.py). Above 1 s it is major: no fault could be joined by then.

What to do
----------
Correct `start` in event.toml, or `clock_offset_s` of the packet log; let both machines keep time by NTP. A time zone:
write times with their zone (`Z` or `+02:00`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from aqa.align import Aligned
from aqa.detector import detector, setting
from aqa.model import Finding, evidence, utc_text

QUARTER_S = 900.0  # all time zones in use are whole quarter hours from UTC (IANA tz database)


@dataclass(frozen=True)
class Settings:
    """How much a wrong start weighs."""

    major_s: float = setting(1.0, "s", "difference from which on it is major")
    zone_tolerance_s: float = setting(2.0, "s", "how near whole quarter hours a time zone is likely")


@detector(Settings)
def clock_mismatch(aligned: Aligned, settings: Settings) -> Iterator[Finding]:
    """One finding, over the whole recording."""
    if not aligned.contradicted:
        return
    found, later_s = aligned.found, aligned.later_s
    yield Finding(
        start_s=0.0,
        end_s=aligned.length_s,
        scope="recorder",
        value=round(later_s, 3),
        unit="s",
        severity="major" if abs(later_s) >= settings.major_s else "minor",
        confidence=found.confidence,
        evidence=evidence(
            given_utc=utc_text(aligned.given_ns),
            given_from=aligned.given_from,
            found_utc=utc_text(found.start_ns),
            error_ms=found.error_s * 1e3,
            drift_ppm=found.drift_ppm,
            time_zone=time_zone(later_s, settings.zone_tolerance_s),
            based_on=list(found.based_on),
            windows=f"{found.windows} of {found.windows_of} agree",
            peak=found.peak,
            next_best=found.next_best,
        ),
    )


def time_zone(later_s: float, tolerance_s: float) -> str | None:
    """The difference as a zone's, such as "+05:30"; None where it is no whole number of quarter hours."""
    quarters = round(later_s / QUARTER_S)
    if quarters == 0 or abs(later_s - quarters * QUARTER_S) > tolerance_s or abs(quarters) > 14 * 4:
        return None
    return f"{'+' if quarters > 0 else '-'}{abs(quarters) // 4:02d}:{abs(quarters) % 4 * 15:02d}"
