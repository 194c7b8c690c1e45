"""Packets that came more than once, in numbers.

What it finds
-------------
Stretches of time with at least ten packets whose sequence number had come before, with fewer than 50 others
between two of them.

Why it matters
--------------
Listeners hear nothing of it, but it loads the network, and a count that takes them for news is wrong.

What fools it
-------------
A capture on "any" interface, or on both sides of a bridge, holds each packet twice although it was sent once: then
nearly all are double and come within a millisecond. Retransmissions of packets that did come are duplicates too.
Redundancy inside packets (RED, in-band FEC) is none.

Thresholds and their source
---------------------------
RFC 5560 counts packets that arrive again; by number, as the payload may be encrypted anew. Ten: a fifth of a second
of 20 ms packets, as a few single ones are ordinary (mediastreamer2's clean test call has four). 50: a second.

What to do
----------
Nearly all double within a millisecond: take the capture on one interface. Else look for a loop in the network, or
for a sender that repeats packets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from aqa.detector import detector, setting
from aqa.model import Finding, Ints, evidence
from aqa.stream_model import Stream


@dataclass(frozen=True)
class Settings:
    """When duplicates count."""

    min_packets: int = setting(10, "packets", "least duplicates in a finding")
    between_packets: int = setting(50, "packets", "duplicates with so many others between them are two findings")


@detector(Settings)
def duplication(stream: Stream, settings: Settings) -> Iterator[Finding]:
    """One finding per group, from its first duplicate to its last."""
    at = np.flatnonzero(stream.duplicate)
    if len(at) < settings.min_packets:
        return
    order = np.argsort(stream.sequence, kind="stable")
    apart = np.diff(at) - 1 >= settings.between_packets
    edges = [0, *(np.flatnonzero(apart) + 1).tolist(), len(at)]
    for a, b in pairwise(edges):
        if b - a >= settings.min_packets:
            yield _finding(stream, at[a:b], order)


def _finding(stream: Stream, at: Ints, order: Ints) -> Finding:
    arrival_s = (stream.arrival_ns - stream.log_start_ns) * 1e-9
    first = order[np.searchsorted(stream.sequence[order], stream.sequence[at])]
    behind_ms = (arrival_s[at] - arrival_s[first]) * 1e3
    others = int(at[-1]) - int(at[0]) + 1 - len(at)
    return Finding(
        start_s=float(arrival_s[at].min()),
        end_s=float(arrival_s[at].max()),
        scope="stream",
        log=stream.log,
        stream=f"0x{stream.ssrc:08x}",
        value=float(len(at)),
        unit="packets",
        severity="minor",
        evidence=evidence(
            behind_median_ms=float(np.median(behind_ms)),
            others_between=others,
            share_pct=100 * len(at) / (others + len(at)),
        ),
    )
