"""What explains a finding: sound and packets joined on one clock, with the evidence a sceptic would ask for.

One rule is one function: it sees a finding in sound and what the packet logs say around it, and gives a cause or
nothing. The first rule that gives one wins. Where recording and packet log have no common clock, nothing is
joined and the cause is `not_measurable`, with the reason.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aqa.model import Finding, evidence

PLAYOUT_S = 0.5
"""A fault in packets is heard up to this much later: jitter buffer (NetEq keeps 200 packets at most, and rarely
more than 0.5 s) plus mixing. It is never heard earlier, clock error apart."""
CLOCK_ERROR_S = 0.05  # what two machines with NTP may differ by; clocks that were set by hand are no better
EXPLAINED = frozenset(("dropout", "silence", "attenuation", "concealment", "repetition", "discontinuity"))
"""Kinds in sound that missing packets can explain."""
EXPLAINING = frozenset(("loss", "stall", "late"))
"""Kinds in packets that can explain a hole in sound."""


@dataclass(frozen=True)
class Packets:
    """What the packet logs say that a finding in sound may be held against."""

    findings: tuple[Finding, ...]  # of kinds EXPLAINING, on the event's clock
    span_s: float  # how long the logs last, all together
    clocked: frozenset[str]  # recordings whose start in UTC is known
    clock_from: dict[str, str]  # recording -> settings, metadata, aligned

    def near(self, finding: Finding) -> list[Finding]:
        """Packet findings that could be heard as `finding`: of its participant (of anyone, for a mix), in time."""
        return [
            item
            for item in self.findings
            if item.start_s - CLOCK_ERROR_S < finding.end_s
            and item.end_s + PLAYOUT_S + CLOCK_ERROR_S > finding.start_s
            and (finding.track in (None, "mix", item.track) or item.track is None)
        ]

    def chance(self) -> float:
        """Share of the time in which some packet fault would be near anyway: how often chance alone would join."""
        widened = sorted((f.start_s - CLOCK_ERROR_S, f.end_s + PLAYOUT_S + CLOCK_ERROR_S) for f in self.findings)
        covered, until = 0.0, float("-inf")
        for start, end in widened:
            covered += max(end - max(start, until), 0.0)
            until = max(until, end)
        return min(covered / self.span_s, 1.0) if self.span_s > 0 else 1.0


Rule = Callable[[Finding, Packets], Finding | None]


def explain(findings: Sequence[Finding], packets: Packets | None) -> list[Finding]:
    """The findings with cause, confidence and evidence; `packets` is None where there is no packet log."""
    return [_explained(finding, packets) for finding in findings]


def _explained(finding: Finding, packets: Packets | None) -> Finding:
    if finding.cause != "not_measurable":  # its own detector proved it
        return finding
    if finding.source == "packets":
        return _with(finding, "unexplained")
    if finding.source == "stats":  # a receiver's counters are held against themselves, not against other clocks
        return _with(finding, "not_measurable", why="the stream's own counters show no loss and no lateness")
    found = _from_packets(finding, packets)
    return (faded(found) or found) if found.cause in ("unexplained", "not_measurable") else found


def _from_packets(finding: Finding, packets: Packets | None) -> Finding:
    """What the packets say, or why they say nothing."""
    if packets is None:
        return _with(finding, "not_measurable", why="no packet log")
    for rule in RULES:
        found = rule(finding, packets)
        if found is not None:
            return found
    return _with(finding, "unexplained", why=f"no lost packet and no stall up to {PLAYOUT_S:g} s before it")


def faded(finding: Finding) -> Finding | None:
    """Digital silence that sound fades into and out of: mutes, gates and DTX do so, failures cut.

    Confidence 0.6: of faded gates 0.02 % are hard-edged, and of failures after which a codec's decoder fades out
    some are soft; what packets show comes first.
    """
    if finding.kind != "silence" or json.loads(finding.evidence).get("edges") != "soft":
        return None
    return _with(finding, "intended", sure=0.6, why="sound fades out and in, as with a mute, gate or DTX")


def no_common_clock(finding: Finding, packets: Packets) -> Finding | None:
    """Sound without a known start can't be held against packets."""
    if finding.recording in packets.clocked:
        return None
    return _with(finding, "not_measurable", why="the recording's start in UTC is not known")


def not_of_packets(finding: Finding, packets: Packets) -> Finding | None:
    """Kinds that missing packets don't make are not held against them."""
    return None if finding.kind in EXPLAINED else _with(finding, "unexplained", why="missing packets don't make it")


def missing_packets(finding: Finding, packets: Packets) -> Finding | None:
    """A hole in sound that coincides with packets that never came.

    Confidence = (0.5 + 0.45 x share of the hole that the packet fault covers at its best delay up to PLAYOUT_S)
    x (1 - chance), chance being the share of time in which a packet fault would be near anyway, up to one half.
    """
    near = packets.near(finding)
    if not near:
        return None
    shares = [(_share(finding, item), item) for item in near]
    share, best = max(shares, key=lambda pair: (round(pair[0], 3), -abs(pair[1].start_s - finding.start_s)))
    chance = packets.chance()
    cause = best.cause if best.cause != "not_measurable" else "network_loss"
    return _with(
        finding,
        cause,
        sure=round((0.5 + 0.45 * share) * (1 - min(chance, 0.5)), 3),
        because=best,
        packet_fault={
            "kind": best.kind,
            "start_s": best.start_s,
            "end_s": best.end_s,
            "stream": best.stream,
            "participant": best.track,
            "value": best.value,
            "unit": best.unit,
        },
        heard_after_s=finding.start_s - best.start_s,
        covered_pct=100 * share,
        chance_pct=100 * chance,
        clock_from=packets.clock_from.get(finding.recording or "", "unknown"),
    )


RULES: tuple[Rule, ...] = (no_common_clock, not_of_packets, missing_packets)
"""In this order; each stands alone and is tested alone."""


def _share(finding: Finding, item: Finding) -> float:
    """Share of the hole that the packet fault covers, at the delay of 0 to PLAYOUT_S that suits it best."""
    delay = min(max(finding.start_s - item.start_s, 0.0), PLAYOUT_S)
    overlap = min(finding.end_s, item.end_s + delay) - max(finding.start_s, item.start_s + delay)
    return min(max(overlap / max(finding.end_s - finding.start_s, 1e-9), 0.0), 1.0)


def _with(
    finding: Finding, cause: str, *, sure: float | None = None, because: Finding | None = None, **facts: object
) -> Finding:
    known = json.loads(finding.evidence)
    return dataclasses.replace(
        finding,
        cause=cause,
        cause_confidence=sure,
        cause_finding_id=because.finding_id if because else None,
        evidence=evidence(**(known | ({"cause": facts} if facts else {}))),
    )
