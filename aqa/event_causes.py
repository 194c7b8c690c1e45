"""What explains a finding of the event as a whole: the faults of its parts at the same time.

Nothing is claimed of people or of capacity: what coincides is said to coincide, and only packets name a cause.
"""

import dataclasses
import json
from collections import defaultdict

from aqa.agreement import combined
from aqa.known import Known, overlapping
from aqa.model import Finding, evidence
from aqa.whole import length_s, union, within

SERVERS = ("server_outage", "server_restart")
JUST_BEFORE_S = 10.0  # what ended a room did so at most this long before (REPORT.md, incidents: outage)
ENDED_S = 5.0  # an outage is heard when the last word is over, and a room closes when its streams have ended
TOGETHER_S = 2.0
SPOKEN_S = 3.0  # loud by packets while nothing was recorded: as much as a sustained start has


def explain_event(finding: Finding, known: Known | None, earlier: list[Finding]) -> Finding:
    """The finding with its cause; `earlier` are event findings that were explained before."""
    if finding.cause != "not_measurable":
        return finding
    if finding.kind == "unexplained_complaints":
        return _with(finding, "unexplained", why="that is what makes it one")
    if known is None:
        return _with(finding, "not_measurable", why="no packet log")
    if finding.kind == "late_start":
        return _late(finding, known)
    if finding.kind == "capacity":
        return _most_of(finding, known)
    return _of_the_time(finding, known, earlier)


def _of_the_time(finding: Finding, known: Known, earlier: list[Finding]) -> Finding:
    """An outage, or a room that ended: the server's faults of that time or just before, if there were any."""
    faults = [f for f in (*known.packet_faults, *earlier) if f.cause in SERVERS]
    near = overlapping(faults, finding.start_s - JUST_BEFORE_S, finding.end_s)
    ended = _ended_together(finding, known)
    if near:
        best = max(near, key=lambda f: (f.cause_confidence or 0.0, min(f.end_s, finding.end_s) - f.start_s))
        root = best.cause_finding_id or best.finding_id
        began = finding.start_s - best.start_s
        sure = combined(round(0.95 * (best.cause_confidence or 0.5), 2), _sure(ended))
        return _with(finding, best.cause, sure=sure, root=root, fault_began_before_s=began, faults=len(near))
    if ended is not None:
        return _with(finding, "server_outage", sure=_sure(ended), streams_ended=ended)
    return _with(finding, "unexplained", why="no fault of the server in the packets of that time")


def _sure(ended: list[str] | None) -> float:
    """How sure streams that ended together make it: one more is less of a coincidence."""
    return round(min(0.95, 0.65 + 0.07 * len(ended)), 2) if ended else 0.0


def _ended_together(finding: Finding, known: Known) -> list[str] | None:
    """The streams of two or more participants that ended together as it began, if nobody went on; else None."""
    ended = [one for one in known.whole.sent if abs(one.last_s - finding.start_s) <= ENDED_S]
    went_on = [one for one in known.whole.sent if one.first_s < finding.start_s < one.last_s - ENDED_S]
    last = [one.last_s for one in ended]
    if len({one.participant or one.stream for one in ended}) < 2 or went_on or max(last) - min(last) > TOGETHER_S:
        return None
    return [one.stream for one in ended]


def _late(finding: Finding, known: Known) -> Finding:
    """A start is late because nobody spoke, or because what was spoken was not recorded."""
    loud = union(*(one.loud for one in known.whole.sent if one.loud is not None))
    waited = union(known.whole.of_kind("late_start"))
    spoken = length_s(within(loud, waited)) if len(waited) else 0.0
    sending = union(*(one.sending for one in known.whole.sent))
    came = length_s(within(sending, waited)) if len(waited) else 0.0
    if spoken >= SPOKEN_S:
        return _with(finding, "recorder", sure=0.6, loud_in_packets_s=spoken)
    why = "nobody sent anything" if not came else "packets came, and nobody spoke in them"
    return _with(finding, "unexplained", why=why, packets_came_s=came)


def _most_of(finding: Finding, known: Known) -> Finding:
    """What most of the faults above the knee are explained by, by their length, if that is the server."""
    lengths: dict[str, float] = defaultdict(float)
    for item in overlapping(known.packet_faults, finding.start_s, finding.end_s):
        lengths[item.cause] += item.end_s - item.start_s
    total = sum(lengths.values())
    server = sum(lengths[cause] for cause in SERVERS)
    if total <= 0 or server < total / 2:
        return _with(finding, "unexplained", why="it coincides; packets do not show the server as cause")
    cause = max(SERVERS, key=lambda one: lengths[one])
    return _with(finding, cause, sure=round(0.5 + 0.3 * server / total, 2), server_faults_pct=100 * server / total)


def _with(
    finding: Finding, cause: str, *, sure: float | None = None, root: str | None = None, **facts: object
) -> Finding:
    known = json.loads(finding.evidence)
    return dataclasses.replace(
        finding, cause=cause, cause_confidence=sure, cause_finding_id=root, evidence=evidence(**known, cause=facts)
    )
