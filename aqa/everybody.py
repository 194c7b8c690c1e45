"""Faults in packets that hit everybody at once are the server's, not of each one's network.

One rule is one function: it sees a group of packet faults that began together and says what the group shows, or
nothing. A single stream is never called everybody.
"""

import dataclasses
import json
from collections.abc import Sequence

import numpy as np

from aqa.known import EXPLAINING, PLAYOUT_S
from aqa.measures.together import together
from aqa.model import Finding, evidence
from aqa.on_the_way import adopted
from aqa.whole import Whole, is_again, within

BEGIN_S = 2.0  # faults of one origin begin this near each other (REPORT.md, incidents: room-wide)
AFTER_S = PLAYOUT_S  # a buffer that has run dry settles anew
PART_S = 0.5  # what hits only some of those who send must hit them sooner: a server's fault, or its node's, is one
# moment, and a loss shows by the next packet, a stall by what the buffer holds
LEAST_S = 0.1  # a few packets: starts are no more exact than that
SOME, MOST = 0.78, 0.95  # how sure faults at once on half of the senders, and on all, make it that the server did it;
# of 80 findings on half of them in eight nights of the re-enactment 80 were, but no two senders share an uplink there
MOST_P = 0.01  # odds by chance at which faults of all are called one
Linked = frozenset[tuple[str, str]]
"""Log and SSRC of the streams that another log holds as well."""


def with_shared_causes(findings: Sequence[Finding], whole: Whole) -> list[Finding]:
    """The findings; where packet faults hit everybody at once, with the server as their cause."""
    linked = frozenset((one.log, one.stream) for one in whole.sent if one.linked)
    faults = sorted((f for f in _told(findings) if not _proved(f)), key=lambda f: f.start_s)
    by_who = {who: [f for f in faults if _who(f, linked) == who] for who in {_who(f, linked) for f in faults}}
    changed: dict[str, Finding] = {}
    for group in _groups(faults):
        hit = {_who(f, linked) for f in group}
        sending = _sending(whole, group[0].start_s)
        if len(hit) < 2 or len(hit & sending) < max(2, len(sending) / 2):
            continue
        if not hit >= sending and not _at_once(group, hit, linked):
            continue
        found = _nobody(group, hit, sending, whole, linked) or _shared(group, hit, sending, whole, by_who)
        if found is not None:
            root = min(group, key=lambda f: (f.start_s, f.finding_id))
            for item in group:
                changed[item.finding_id] = _with(item, found, None if item is root else root)
    told = adopted([changed.get(item.finding_id, item) for item in findings])
    every = _told(told)
    return [item if item.finding_id in changed else _after(item, every) for item in told]


def _told(findings: Sequence[Finding]) -> list[Finding]:
    """Faults in packets that can explain others."""
    return [item for item in findings if item.kind in EXPLAINING and item.source == "packets"]


def _proved(item: Finding) -> bool:
    """Whether the log before has told where it arose, or that it is no new fault: it is nobody else's then."""
    path = json.loads(item.evidence).get("path", {})
    known = path.get("arose") == "between" and path.get("between") != "unknown"
    return known or path.get("arose") == "capture" or "same_as" in path


def _after(item: Finding, faults: Sequence[Finding]) -> Finding:
    """Packets that come too late right behind a loss or stall of their stream are late because of it."""
    if item.kind != "late" or is_again(item):
        return item
    before = [
        one
        for one in faults
        if one.kind != "late"
        and (one.log, one.stream) == (item.log, item.stream)
        and one.start_s <= item.start_s <= one.end_s + AFTER_S
    ]
    if not before:
        return item
    root = max(before, key=lambda one: one.end_s)
    known = json.loads(item.evidence)
    return dataclasses.replace(
        item,
        cause=root.cause,
        cause_confidence=root.cause_confidence,
        cause_finding_id=root.cause_finding_id or root.finding_id,
        evidence=evidence(**known | {"cause": {"alone": item.cause, "behind_s": item.start_s - root.end_s}}),
    )


@dataclasses.dataclass(frozen=True)
class _Shown:
    cause: str
    sure: float
    facts: dict[str, object]


def _who(finding: Finding, linked: Linked) -> str:
    """The participant; of a stream that nobody is named for its SSRC, which two logs may hold."""
    shared = (finding.log or "", finding.stream or "") in linked
    return finding.track or (finding.stream or "" if shared else f"{finding.log} {finding.stream}")


def _groups(faults: Sequence[Finding]) -> list[list[Finding]]:
    """Faults that begin within BEGIN_S of the first of each group, and PART_S of the one before."""
    groups: list[list[Finding]] = []
    for item in faults:
        last = groups[-1] if groups else [item]
        if groups and item.start_s - last[0].start_s <= BEGIN_S and item.start_s - last[-1].start_s <= PART_S:
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups


def _at_once(group: Sequence[Finding], hit: set[str], linked: Linked) -> bool:
    """Whether the first faults of each that was hit lie within PART_S."""
    first = [min(f.start_s for f in group if _who(f, linked) == who) for who in sorted(hit)]
    return max(first) - min(first) <= PART_S


def _sending(whole: Whole, second: float) -> set[str]:
    """Who was sending just before."""
    before = np.array([[second - 2.0, second + 0.1]])
    return {
        one.participant or (one.stream if one.linked else f"{one.log} {one.stream}")
        for one in whole.sent
        if len(within(one.sending, before))
    }


def _nobody(
    group: Sequence[Finding], hit: set[str], sending: set[str], whole: Whole, linked: Linked
) -> _Shown | None:
    """No packets of anybody, for as long as all stalls overlap."""
    stalls = [item for item in group if item.kind == "stall"]
    start, end = max((f.start_s for f in stalls), default=0.0), min((f.end_s for f in stalls), default=0.0)
    if {_who(f, linked) for f in stalls} != hit or not hit >= sending or end <= start:
        return None
    restart = [f for f in whole.findings if f.kind == "room_restart" and f.start_s < end and f.end_s > start]
    return _Shown(
        "server_restart" if restart else "server_outage",
        round(min(0.95, 0.7 + 0.07 * len(hit)), 2),
        {"nobody_s": end - start, "streams_stalled": len(stalls), "participants_sending": len(sending)},
    )


def _shared(
    group: Sequence[Finding], hit: set[str], sending: set[str], whole: Whole, by_who: dict[str, list[Finding]]
) -> _Shown | None:
    """Loss or lateness that began on most streams together, more often than chance would have it."""
    span = (min(one.first_s for one in whole.sent), max(one.last_s for one in whole.sent))
    found = together([np.array([f.start_s for f in mine]) for _, mine in sorted(by_who.items())], span)
    if found is None or found.p > MOST_P:
        return None
    of_all = found.by_chance / max(found.together, 1)
    within_s = group[-1].start_s - group[0].start_s
    shown = 1 - min(of_all, _by_chance(hit, by_who, span, within_s))
    own_link = {one.vantage for one in whole.sent} <= {"recorder", "receiver"}
    return _Shown(
        "server_outage",
        round((min(SOME + 0.15 * (hit >= sending) + 0.1 * (len(hit) > 2), MOST) - 0.15 * own_link) * shown, 2),
        {
            "began_together": len(hit),
            "participants_sending": len(sending),
            "first": min(group, key=lambda f: f.start_s).track or min(group, key=lambda f: f.start_s).stream,
            "within_s": within_s,
            **_in_common(hit, whole),
            "p_chance": found.p,
            "together_by_chance": found.by_chance,
            **(
                {"against": "the log was taken behind the server: its own link can look the same"} if own_link else {}
            ),
        },
    )


def _in_common(hit: set[str], whole: Whole) -> dict[str, str]:
    """The node and the region of all who were hit, where others have another one."""
    found = {}
    for what in ("node", "region"):
        of = {one.participant: getattr(one, what) for one in whole.sent if getattr(one, what)}
        mine = {of.get(who) for who in hit}
        if len(mine) == 1 and None not in mine and set(of.values()) != mine:
            found[f"shared_{what}"] = str(mine.pop())
    return found


def _by_chance(hit: set[str], by_who: dict[str, list[Finding]], span: tuple[float, float], within_s: float) -> float:
    """Odds that faults of their own of all others that were hit begin so near the one that has fewest.

    Poisson arrivals at each one's mean rate over the whole event; those of the server's faults are in it too, so it
    is too high rather than too low.
    """
    length = max(span[1] - span[0], 1.0)
    odds = sorted(1 - np.exp(-len(by_who[who]) / length * 2 * max(within_s, LEAST_S)) for who in hit)
    return float(np.prod(odds[1:]))


def _with(item: Finding, shown: _Shown, root: Finding | None) -> Finding:
    known = json.loads(item.evidence)
    facts = {"alone": item.cause, **shown.facts}
    return dataclasses.replace(
        item,
        cause=shown.cause,
        cause_confidence=shown.sure,
        cause_finding_id=root.finding_id if root else None,
        evidence=evidence(**known | {"cause": facts}),
    )
