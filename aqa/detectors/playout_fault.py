"""A listener's device ran dry: sound was there and did not get to the loudspeaker in time.

What it finds
-------------
Stretches in which a browser had to make up sound at the very end, when the device asked for it:
synthesizedSamplesDuration of totalSamplesDuration (media-playout of W3C webrtc-stats).

Why it matters
--------------
It clicks or stutters for this one listener, in everything at once, and no network log shows it.

What fools it
-------------
What is made up before the first sound, while the device starts, stands in the first poll, which is not judged. A
computer that slept counts the gap as dry. Several connections on one device each report the same device.

Thresholds and their source
---------------------------
50 ms in a stretch: what makes a second "severely concealed" (Webex's grade of RFC 7294 seconds); 8 s clean ends a
stretch (as for made-up sound). From 5 % of the time major (ObserveRTC, Webex), from 20 % critical.

What to do
----------
Look at the listener's device: processor load, Bluetooth, other programs that hold the sound device, a browser in the
background. Packets lost or late are not the reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.measures.bucket import episodes
from aqa.measures.counters import changes, elapsed_s, played_s, synthesized_share
from aqa.model import Finding, evidence
from aqa.stream_model import StatsTrack

MEANING = "time made up because the device ran dry, of all time played, in s (W3C webrtc-stats media-playout)"
_SHOWN = ("synthesized_s", "synthesized_events", "samples_s")


@dataclass(frozen=True)
class Settings:
    """When a device ran dry."""

    min_ms: float = setting(50.0, "ms", "made-up sound in a stretch from which on it is a finding")
    closes_s: float = setting(8.0, "s", "clean time that ends a stretch")
    major_pct: float = setting(5.0, "%", "share from which on a finding is major")
    critical_pct: float = setting(20.0, "%", "share from which on a finding is critical")


@detector(Settings)
def playout_fault(track: StatsTrack, settings: Settings) -> Iterator[Finding]:
    """One finding per stretch, from the poll before its first dry interval to the end of its last."""
    if track.direction != "playout":
        return
    share, played, passed = synthesized_share(track), played_s(track), elapsed_s(track)
    limits = {"allowed": 0.0, "opens_s": settings.min_ms / 1000, "closes_s": settings.closes_s}
    for found in episodes(share, played, passed, **limits):
        yield _finding(track, found.first, found.last, settings)


def _finding(track: StatsTrack, first: int, last: int, settings: Settings) -> Finding:
    inside = slice(first, last + 1)
    dry_s = float(np.nansum(changes(track, "synthesized_s")[inside]))
    value = 100 * dry_s / float(np.nansum(changes(track, "samples_s")[inside]))
    return Finding(
        start_s=float(track.time_ns[first - 1] - track.log_start_ns) * 1e-9,
        end_s=float(track.time_ns[last] - track.log_start_ns) * 1e-9,
        scope="track",
        log=track.log,
        value=1000 * dry_s,
        unit="ms",
        severity=(
            "critical" if value >= settings.critical_pct else "major" if value >= settings.major_pct else "minor"
        ),
        cause="playout_device",
        cause_confidence=0.85,
        evidence=evidence(
            dry_pct=value,
            meaning=MEANING,
            before={name: track[name][first - 1] for name in _SHOWN},
            after={name: track[name][last] for name in _SHOWN},
            polling_period_s=float(np.median(elapsed_s(track)[inside])),
            listener=track.reporter,
        ),
    )
