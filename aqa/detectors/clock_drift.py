"""Clocks that run apart: the sender's media clock against the clock of the log.

What it finds
-------------
Streams of a minute or more whose media time runs faster or slower than arrival by over 200 ppm.

Why it matters
--------------
The receiver's buffer fills or runs dry without any fault of the network: at 200 ppm, 20 ms have to be cut out or
made up every 100 s; a player that can't do that clicks or falls behind.

What fools it
-------------
It compares two clocks and can't tell which is wrong: a virtual machine's clock may be the one that drifts. Delay
that rises all the time, as a queue fills, looks like drift; where the halves of a stream disagree nothing is said.
A log with times written by hand has no clock at all.

Thresholds and their source
---------------------------
200 ppm: two crystals of 100 ppm, the usual tolerance of cheap ones, against each other. 1000 ppm, which no crystal
does, is major: a wrong sample rate or lost samples. 60 s: over that the lower hull's error was below 35 ppm in our
accuracy tables.

What to do
----------
Let the machine that took the log keep time by NTP and look again. Above 1000 ppm look at the sender's sample rates:
a device that captures at 44.1 kHz and says 48, samples dropped by a busy processor.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.measures.skew import skew_ppm
from aqa.model import Finding, evidence
from aqa.stream_model import Stream


@dataclass(frozen=True)
class Settings:
    """When a clock drifts."""

    min_ppm: float = setting(200.0, "ppm", "least drift, either way")
    major_ppm: float = setting(1000.0, "ppm", "drift from which on a finding is major")
    min_span_s: float = setting(60.0, "s", "shortest stretch that is judged")


@detector(Settings)
def clock_drift(stream: Stream, settings: Settings) -> Iterator[Finding]:
    """One finding per stream, over its longest stretch."""
    longest = int(np.bincount(stream.stretch).argmax())
    arrival_ns = stream.arrival_ns[stream.stretch == longest]
    span_s = float(arrival_ns.max() - arrival_ns.min()) * 1e-9
    if span_s < settings.min_span_s:
        return
    found = skew_ppm(stream)
    if found is None or abs(found) < settings.min_ppm:
        return
    yield Finding(
        start_s=float(arrival_ns.min() - stream.log_start_ns) * 1e-9,
        end_s=float(arrival_ns.max() - stream.log_start_ns) * 1e-9,
        scope="stream",
        log=stream.log,
        stream=f"0x{stream.ssrc:08x}",
        value=found,
        unit="ppm",
        severity="major" if abs(found) >= settings.major_ppm else "minor",
        evidence=evidence(
            sender="slow" if found > 0 else "fast",
            clock_rate_hz=stream.stretch_clock_hz[longest],
            apart_ms=abs(found) * span_s * 1e-3,
        ),
    )
