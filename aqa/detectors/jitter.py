"""Stretches of time in which packets came unevenly: interarrival jitter above what is called good.

What it finds
-------------
Intervals in which the interarrival jitter of an RTP stream is above 30 ms.

Why it matters
--------------
A receiver's buffer has to grow to ride it out, which adds delay, or packets come too late to be played.

What fools it
-------------
A wrong clock rate makes jitter out of nothing; where the rate is unknown the stream is not judged. A stall leaves
jitter behind for some packets: look for one at the same time. Some senders pack unevenly on purpose (video
frames, changing packet lengths). The first packet after a pause in speech (marker bit) adds nothing.

Thresholds and their source
---------------------------
RFC 3550 6.4.1 jitter. It begins at 30 ms (poor by Microsoft's Call Quality Dashboard; Twilio warns there) and ends
below 20 ms; from 60 ms (a usual fixed buffer) major, from 200 ms critical (ObserveRTC's jitter-buffer stress).

What to do
----------
Compare with a log nearer to the sender: jitter that is already there comes from its machine or uplink. Else look
for queues: Wi-Fi, a full uplink, an overloaded media server.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.measures.delay import jitter_ms
from aqa.model import Doubles, Finding, Severity, evidence
from aqa.picker import Rule, pick
from aqa.stream_model import Stream


@dataclass(frozen=True)
class Settings:
    """When jitter counts."""

    enter_ms: float = setting(30.0, "ms", "jitter from which on an interval begins")
    leave_ms: float = setting(20.0, "ms", "jitter below which it ends")
    min_packets: int = setting(8, "packets", "shortest interval")
    merge_packets: int = setting(50, "packets", "intervals with at most so many packets between them are one")
    major_ms: float = setting(60.0, "ms", "largest jitter from which on a finding is major")
    critical_ms: float = setting(200.0, "ms", "largest jitter from which on a finding is critical")


@detector(Settings)
def jitter(stream: Stream, settings: Settings) -> Iterator[Finding]:
    """One finding per interval of high jitter, from its first packet to its last."""
    series = jitter_ms(stream, talkspurts=False)
    judged = np.flatnonzero(np.isfinite(series))
    values = series[judged]
    rule = Rule(settings.enter_ms, settings.leave_ms, settings.min_packets, settings.merge_packets)
    for start, end in pick(values, rule).tolist():
        yield _finding(stream, judged[start:end], values[start:end], settings)


def _finding(stream: Stream, packets: np.ndarray, values: Doubles, settings: Settings) -> Finding:
    arrival_s = (stream.arrival_ns[packets] - stream.log_start_ns) * 1e-9
    largest = float(values.max())
    return Finding(
        start_s=float(arrival_s.min()),
        end_s=float(arrival_s.max()),
        scope="stream",
        log=stream.log,
        stream=f"0x{stream.ssrc:08x}",
        value=largest,
        unit="ms",
        severity=_severity(largest, settings),
        evidence=evidence(
            clock_rate_hz=stream.stretch_clock_hz[int(stream.stretch[packets[0]])],
            mean_ms=float(values.mean()),
            packets=len(packets),
        ),
    )


def _severity(largest_ms: float, settings: Settings) -> Severity:
    if largest_ms >= settings.critical_ms:
        return "critical"
    return "major" if largest_ms >= settings.major_ms else "minor"
