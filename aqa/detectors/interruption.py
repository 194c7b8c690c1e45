"""The receiver's own count of interruptions: sound that broke off for 150 ms or more.

What it finds
-------------
Polls in which a receiver's interruptionCount rose (libwebrtc counts one for each concealment of 150 ms or longer),
with the time lost by totalInterruptionDuration. Polls that follow each other make one finding.

Why it matters
--------------
150 ms is a syllable: what is concealed longer is not understood, and listeners ask to have it said again.

What fools it
-------------
A speaker's pause or mute without discontinuous transmission is none; one with a sender that stops sending at once
may count as one. When within the polling period it broke off is not known: the finding spans the whole period.
What does not count interruptions is not judged: browsers hide the count today, programs built on libwebrtc have it.

Thresholds and their source
---------------------------
One interruption, 150 ms: libwebrtc (neteq/statistics_calculator.cc, kInterruptionLenMs). From 2 s in all critical:
as a stall of that length.

What to do
----------
Compare with stalls and losses of the same stream in packet logs. Packets lost: the network on the way. None lost:
the sender stopped, or packets came too late for the jitter buffer.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.measures.counters import changes, elapsed_s
from aqa.model import Finding, evidence
from aqa.stream_model import StatsTrack

MEANING = "concealments of 150 ms or longer, and their time in s (libwebrtc)"
_SHOWN = ("interruptions", "interruption_s", "packets_received", "packets_lost")


@dataclass(frozen=True)
class Settings:
    """Which interruptions count."""

    min_count: int = setting(1, "interruptions", "fewest in a row of polls")
    critical_s: float = setting(2.0, "s", "time broken off from which on a finding is critical")


@detector(Settings)
def interruption(track: StatsTrack, settings: Settings) -> Iterator[Finding]:
    """One finding per row of polls in which the count rose."""
    if track.direction != "received":
        return
    counted = changes(track, "interruptions")
    hit = np.flatnonzero(counted > 0)
    for part in np.split(hit, np.flatnonzero(np.diff(hit) > 1) + 1):
        if len(part) and counted[part].sum() >= settings.min_count:
            yield _finding(track, int(part[0]), int(part[-1]), settings)


def _finding(track: StatsTrack, first: int, last: int, settings: Settings) -> Finding:
    inside = slice(first, last + 1)
    many = int(changes(track, "interruptions")[inside].sum())
    length_s = float(changes(track, "interruption_s")[inside].sum())  # NaN where it is not counted
    lost = changes(track, "packets_lost")[inside]
    cause, sure = ("network_loss", 0.7) if np.nansum(lost) > 0 else ("not_measurable", None)
    return Finding(
        start_s=float(track.time_ns[first - 1] - track.log_start_ns) * 1e-9,
        end_s=float(track.time_ns[last] - track.log_start_ns) * 1e-9,
        scope="stream",
        log=track.log,
        stream=None if track.ssrc is None else f"0x{track.ssrc:08x}",
        value=float(many),
        unit="interruptions",
        severity="critical" if length_s >= settings.critical_s else "major",
        cause=cause,
        cause_confidence=sure,
        evidence=evidence(
            interrupted_s=length_s,
            meaning=MEANING,
            before={name: track[name][first - 1] for name in _SHOWN},
            after={name: track[name][last] for name in _SHOWN},
            polling_period_s=float(np.median(elapsed_s(track)[inside])),
            listener=track.reporter,
        ),
    )
