"""Packets that came too late to be played: sound made up in their place, in the buffer that the settings name.

What it finds
-------------
Moments at which the listener's buffer had to make up sound because a packet that did come was not there when it
was due. Moments with fewer than 16 packets in time between them are one finding. It runs from the moment the
hole is heard to its end, on the clock of arrival plus the buffer.

Why it matters
--------------
A packet that is too late is as good as lost, and a longer buffer would have saved it.

What fools it
-------------
The buffer is a model: each listener has another path and another device, and the log was not taken in their ear.
Holes in which nothing came for over 500 ms belong to `stall`, those mostly of lost packets to `loss`. Nothing is
said where the clock rate is unknown.

Thresholds and their source
---------------------------
The buffer of [playout]: by default after NetEq, whose start of 60 ms grows with what it sees. Severity as for
`loss`, by made-up sound: below 60 ms (three frames of 20 ms) minor, below 500 ms major, from there critical
(libwebrtc's "RTP gap"). 16 packets: RFC 3611 4.7.2, whose bursts count discarded packets with lost ones.

What to do
----------
Look at the evidence for the delay that would have saved them, and at the stream's curve of buffers for what it costs.
Else look for what held packets up: Wi-Fi, a full uplink, an overloaded media server.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from aqa.detector import detector, setting
from aqa.measures.delay import relative_delay_ms
from aqa.measures.fixed import LATE
from aqa.measures.loss import GMIN
from aqa.model import Doubles, Finding, Ints, Severity, evidence
from aqa.playout import Played, Playout

_STEP_MS = 10.0  # buffers are told in whole tens


@dataclass(frozen=True)
class Settings:
    """From how much made-up sound on a finding is severe."""

    major_ms: float = setting(60.0, "ms", "made-up sound from which on a finding is major")
    critical_ms: float = setting(500.0, "ms", "made-up sound from which on a finding is critical")
    cause_confidence: float = setting(0.7, "0 to 1", "how sure lateness is the cause, the buffer being a model")


@detector(Settings)
def late(played: Played, settings: Settings) -> Iterator[Finding]:
    """One finding per group of concealed intervals of late packets."""
    found = played.playout
    if found is None:
        return
    at = np.flatnonzero(found.cause == LATE)
    if not len(at):
        return
    delay_ms = relative_delay_ms(played.stream)
    apart = found.first_slot[at[1:]] - found.last_slot[at[:-1]] - 1 >= GMIN
    edges = [0, *(np.flatnonzero(apart) + 1).tolist(), len(at)]
    for a, b in pairwise(edges):
        finding = _finding(played, found, at[a:b], delay_ms, settings)
        if finding is not None:
            yield finding


def _finding(played: Played, found: Playout, group: Ints, delay_ms: Doubles, settings: Settings) -> Finding | None:
    slots = found.slots.packet[found.first_slot[group[0]] : found.last_slot[group[-1]] + 1]
    packets = slots[found.late[slots]]
    if not len(packets):
        return None
    arrival_s = (played.stream.arrival_ns[packets] - played.stream.log_start_ns) * 1e-9
    hole = group[np.clip(np.searchsorted(found.first_slot[group], _slots_of(found, packets), "right") - 1, 0, None)]
    behind_ms = (arrival_s - found.start_s[hole]) * 1e3
    made_up_ms = float(found.lengths_s[group].sum() * 1e3)
    return Finding(
        start_s=float(found.start_s[group].min()),
        end_s=float(found.end_s[group].max()),
        scope="stream",
        log=played.stream.log,
        stream=f"0x{played.stream.ssrc:08x}",
        value=float(len(packets)),
        unit="packets",
        severity=_severity(made_up_ms, settings),
        cause="late_arrival",
        cause_confidence=settings.cause_confidence,
        evidence=evidence(
            playout_model=found.buffer.name,
            buffer_delay_ms=found.delay_mean_ms,
            made_up_ms=made_up_ms,
            concealed_intervals=len(group),
            late_by_max_ms=max(float(behind_ms.max()), 0.0),
            saved_by_fixed_ms=float(np.ceil(np.nanmax(delay_ms[packets]) / _STEP_MS) * _STEP_MS),
            first_sequence=int(played.stream.sequence[packets].min()) & 0xFFFF,
            last_sequence=int(played.stream.sequence[packets].max()) & 0xFFFF,
        ),
    )


def _slots_of(found: Playout, packets: Ints) -> Ints:
    """The slot of each packet."""
    where = np.zeros(len(found.late), np.int64)
    where[found.slots.packet] = np.arange(len(found.slots))
    return np.asarray(where[packets], np.int64)


def _severity(made_up_ms: float, settings: Settings) -> Severity:
    if made_up_ms >= settings.critical_ms:
        return "critical"
    return "major" if made_up_ms >= settings.major_ms - 0.5 else "minor"
