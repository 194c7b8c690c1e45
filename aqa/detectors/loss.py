"""Packets that never came: one finding per burst, one per isolated loss.

What it finds
-------------
Sequence numbers of an RTP stream that are missing from the log. Losses with fewer than 16 received packets
between them are one burst; a single loss with 16 received packets on each side is an isolated one.

Why it matters
--------------
The receiver has to make up the sound. One lost packet of 20 ms in speech is weakly audible, three in a row nearly
always are.

What fools it
-------------
A capture that dropped packets itself looks like loss, as does a log taken before a retransmission. Forward error
correction may have repaired what is counted here. A call that switches to fax (T.38) goes on counting while no
RTP is sent. Pauses of DTX, comfort noise and telephone events are no loss: their sequence numbers are unbroken.
Where the clock rate is unknown the time is that of the neighbours' arrival.

Thresholds and their source
---------------------------
Bursts by RFC 3611 4.7.2 with its recommended Gmin of 16. Severity by lost media: below 60 ms (three frames of
20 ms, from which on nearly all losses in speech were audible in our listening proxies) minor, below 500 ms major,
from there critical (libwebrtc's 500 ms "RTP gap": choppy audio is unavoidable).

What to do
----------
Compare with a log from the other side: packets that left and did not arrive were lost between the two. Look at
the path's load at that time; turn on forward error correction or redundancy (RED) for single losses.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from aqa.detector import detector, setting
from aqa.measures.loss import LossRuns, burst_groups, loss_runs
from aqa.model import Finding, Severity, evidence
from aqa.stream_model import Stream


@dataclass(frozen=True)
class Settings:
    """From how much lost media on a finding is severe."""

    major_ms: float = setting(60.0, "ms", "lost media from which on a finding is major")
    critical_ms: float = setting(500.0, "ms", "lost media from which on a finding is critical")
    cause_confidence: float = setting(0.8, "0 to 1", "how sure missing packets were lost by the network")


@detector(Settings)
def loss(stream: Stream, settings: Settings) -> Iterator[Finding]:
    """One finding per RFC 3611 burst and per isolated loss."""
    runs = loss_runs(stream)
    for group in burst_groups(runs):
        yield _finding(stream, runs, group, settings)


def _finding(stream: Stream, runs: LossRuns, group: slice, settings: Settings) -> Finding:
    lost = int(runs.count[group].sum())
    lost_ms = float((runs.count[group] * runs.frame_s[group]).sum() * 1e3)
    last = int(runs.first[group][-1] + runs.count[group][-1] - 1)
    return Finding(
        start_s=float(runs.start_s[group][0]),
        end_s=float(max(runs.end_s[group][-1], runs.start_s[group][0])),
        scope="stream",
        log=stream.log,
        stream=f"0x{stream.ssrc:08x}",
        value=float(lost),
        unit="packets",
        severity=_severity(lost_ms, settings),
        cause="network_loss",
        cause_confidence=settings.cause_confidence,
        evidence=evidence(
            first_sequence=int(runs.first[group][0]) & 0xFFFF,
            last_sequence=last & 0xFFFF,
            pattern="burst" if lost > 1 else "isolated",
            frame_ms=float(runs.frame_s[group][0] * 1e3),
            lost_ms=lost_ms,
            longest_run=int(runs.count[group].max()),
            received_inside=last + 1 - int(runs.first[group][0]) - lost,
            placed_by="RTP time" if runs.timed[group].all() else "arrival of the neighbours",
        ),
    )


def _severity(lost_ms: float, settings: Settings) -> Severity:
    if lost_ms >= settings.critical_ms:
        return "critical"
    return "major" if lost_ms >= settings.major_ms - 0.5 else "minor"
