"""Packets that overtook each other, often or far.

What it finds
-------------
Stretches of time in which packets of an RTP stream came out of the order of their sequence numbers: at least three
of them with less than a second between two, or one that three or more packets overtook.

Why it matters
--------------
A buffer has to wait for what was overtaken, or goes without it: `late` says whether it did.

What fools it
-------------
A retransmission is a packet out of order on purpose. Captures from several interfaces or queues reorder what the
network did not. Duplicates are not counted.

Thresholds and their source
---------------------------
Reordered by RFC 4737 3.3; extent by 4.2. Three: its section 5 (n-reordering) has three packets behind as what TCP
takes for a loss, and one swap of neighbours is within any buffer. 60 ms behind is major: a usual fixed buffer.

What to do
----------
Look for load balancing over paths of different length, several queues of one network card, or a tunnel on the way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from aqa.detector import detector, setting
from aqa.measures.rtp import reorder_extents, reordered
from aqa.model import Doubles, Finding, Ints, evidence
from aqa.stream_model import Stream


@dataclass(frozen=True)
class Settings:
    """When packets out of order count."""

    min_packets: int = setting(3, "packets", "least packets out of order in a finding")
    min_extent: int = setting(3, "packets", "a single one counts from this extent on")
    apart_s: float = setting(1.0, "s", "packets out of order this far apart are two findings")
    major_ms: float = setting(60.0, "ms", "time behind from which on a finding is major")


@detector(Settings)
def reordering(stream: Stream, settings: Settings) -> Iterator[Finding]:
    """One finding per group, from the first packet that overtook to the last that was overtaken."""
    at = np.flatnonzero(reordered(stream))
    if not len(at):
        return
    extents = reorder_extents(stream)
    behind_ms = (stream.arrival_ns[at] - stream.arrival_ns[at - extents]) * 1e-6
    arrival_s = np.asarray((stream.arrival_ns - stream.log_start_ns) * 1e-9, np.float64)
    edges = [0, *(np.flatnonzero(np.diff(arrival_s[at]) > settings.apart_s) + 1).tolist(), len(at)]
    for a, b in pairwise(edges):
        if b - a >= settings.min_packets or extents[a:b].max() >= settings.min_extent:
            yield _finding(stream, arrival_s, at[a:b], extents[a:b], behind_ms[a:b], settings)


def _finding(
    stream: Stream, arrival_s: Doubles, at: Ints, extents: Ints, behind_ms: Doubles, settings: Settings
) -> Finding:
    first = int((at - extents).min())
    worst_ms = float(behind_ms.max())
    return Finding(
        start_s=float(arrival_s[first]),
        end_s=float(arrival_s[first : int(at[-1]) + 1].max()),
        scope="stream",
        log=stream.log,
        stream=f"0x{stream.ssrc:08x}",
        value=float(len(at)),
        unit="packets",
        severity="major" if worst_ms >= settings.major_ms else "minor",
        evidence=evidence(
            extent_max=int(extents.max()),
            behind_max_ms=worst_ms,
            behind_mean_ms=float(behind_ms.mean()),
            share_pct=100 * len(at) / (int(at[-1]) - first + 1),
        ),
    )
