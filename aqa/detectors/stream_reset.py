"""A stream that begins anew in its middle: sequence numbers or media time jump, the SSRC stays.

What it finds
-------------
Places at which the sequence numbers of an RTP stream go on from somewhere else, or its media time jumps by more
than elapsed time explains.

Why it matters
--------------
A receiver empties its buffer and begins again, or throws packets away until it believes the new count; some stay
silent until the call ends.

What fools it
-------------
A change of payload type that brings another clock rate is none. A capture that pauses or whose clock was set back
by 10 s or more, or two senders that use one SSRC by accident, look like it. Pauses of DTX, mute or hold in which
RTP time runs on are none.

Thresholds and their source
---------------------------
RFC 3550 A.1: a step of 3000 or more forward or 100 or more back that the next packets confirm. libwebrtc (alerts.cc):
media time 10 s beyond elapsed time. With a pause of 500 ms (libwebrtc's "RTP gap") it is major.

What to do
----------
Look at what the sender or media server did then: a restarted encoder, a moved call (re-INVITE, ICE restart), a
switch between sources that forgot to go on with the count.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.model import Finding, evidence
from aqa.stream_model import Stream


@dataclass(frozen=True)
class Settings:
    """When a reset is severe."""

    major_s: float = setting(0.5, "s", "pause at the reset from which on a finding is major")


@detector(Settings)
def stream_reset(stream: Stream, settings: Settings) -> Iterator[Finding]:
    """One finding per reset, from the last packet before it to the first after it."""
    for at in np.flatnonzero(np.diff(stream.stretch) != 0).tolist():
        before, after = int(stream.stretch[at]), int(stream.stretch[at + 1])
        counted_anew = any(stream.stretch_reset[before + 1 : after + 1])
        same_clock = stream.stretch_clock_hz[before] == stream.stretch_clock_hz[after]
        if counted_anew or same_clock:
            yield _finding(stream, at, counted_anew, settings)


def _finding(stream: Stream, at: int, counted_anew: bool, settings: Settings) -> Finding:
    start_s, end_s = ((stream.arrival_ns[at : at + 2] - stream.log_start_ns) * 1e-9).tolist()
    hz = stream.stretch_clock_hz[int(stream.stretch[at + 1])]
    jump = int(stream.timestamp[at + 1] - stream.timestamp[at])
    return Finding(
        start_s=min(start_s, end_s),
        end_s=max(start_s, end_s),
        scope="stream",
        log=stream.log,
        stream=f"0x{stream.ssrc:08x}",
        value=abs(end_s - start_s),
        unit="s",
        severity="major" if end_s - start_s >= settings.major_s else "minor",
        evidence=evidence(
            anew="sequence numbers" if counted_anew else "media time",
            sequence_before=int(stream.sequence[at]) & 0xFFFF,
            sequence_after=int(stream.sequence[at + 1]) & 0xFFFF,
            media_jump_s=jump / hz - (end_s - start_s) if hz else None,
        ),
    )
