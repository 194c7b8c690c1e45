"""Where on its way a fault in packets arose, by a log taken before: already there, between, or in no network.

One rule is one function: it sees a finding of the later log, and the way to it. A fault that the log before has as
well is that log's fault seen again: it is kept, names the first as its cause, and is not counted twice.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aqa.measures.delay import relative_delay_ms
from aqa.model import Finding, evidence
from aqa.timeline import Clock
from aqa.vantages import Key, Leg, Legs, View
from aqa.whole import is_again

HALF = 0.5
NOT_A_FAULT = 0.2  # confidence in a loss whose packets the next log has
AGAIN_S = 0.3  # between two sights of one fault: clocks of two machines, and the way
SURE = {"server": 0.85, "network": 0.93, "unknown": 0.8}
"""Of a fault that arose between two logs, by what lies between: more than what one log alone gives (0.8) where it is
known which part of the way lost it; a server's network card can't be told from its software."""
AROUND = 250  # packets on each side, 5 s: one of them was hardly delayed


def placed_on_the_way(findings: Sequence[Finding], legs: Legs, of: Mapping[str, Key], clock: Clock) -> list[Finding]:
    """The findings with what other logs say of them; `of` gives the stream of each by finding_id."""
    if not legs.legs:
        return list(findings)
    done: dict[str, Finding] = {}
    for item in sorted(findings, key=lambda f: _depth(legs, of.get(f.finding_id))):
        key = of.get(item.finding_id)
        leg = legs.to(key) if key else None
        found = None
        if leg is not None and key is not None:
            found = _judged(item, leg, clock)
            found = _same_as(found, leg, [f for f in done.values() if of[f.finding_id] == leg.first.key], clock)
        elif key is not None and legs.behind(key):
            found = _of_the_first(item, legs.behind(key), clock)
        if key is not None:
            done[item.finding_id] = found or item
    return [done.get(item.finding_id, item) for item in findings]


def adopted(findings: Sequence[Finding]) -> list[Finding]:
    """The findings; those that are another one seen again with the cause that the other has by now."""
    known = {item.finding_id: item for item in findings}
    return [_as_first(item, known) if is_again(item) else item for item in findings]


def _as_first(item: Finding, known: Mapping[str, Finding]) -> Finding:
    """The finding with the cause of the one that it is."""
    root = known.get(json.loads(item.evidence)["path"]["same_as"])
    while root is not None and is_again(root):  # ways have a beginning, so this ends
        root = known.get(json.loads(root.evidence)["path"]["same_as"])
    if root is None:
        return item
    return dataclasses.replace(
        item,
        cause=root.cause,
        cause_confidence=root.cause_confidence,
        cause_finding_id=root.cause_finding_id or root.finding_id,
    )


def _depth(legs: Legs, key: Key | None) -> int:
    """How many ways lead to a stream, one after the other."""
    deep, seen = 0, set()
    while key is not None and key not in seen and (leg := legs.to(key)) is not None:
        seen.add(key)
        key, deep = leg.first.key, deep + 1
    return deep


def _judged(item: Finding, leg: Leg, clock: Clock) -> Finding:
    rule = {"loss": _loss, "stall": _stall, "late": _late, "jitter": _late}.get(item.kind)
    facts = rule(item, leg, clock) if rule is not None else None
    if not facts:
        return item
    told = {"from": leg.first.log, "to": leg.then.log, "between": leg.place, **facts}
    cause, sure = _cause(item, leg, str(facts["arose"]))
    known = json.loads(item.evidence) | {"path": told}
    return dataclasses.replace(item, cause=cause, cause_confidence=sure, evidence=evidence(**known))


def _cause(item: Finding, leg: Leg, arose: str) -> tuple[str, float | None]:
    """What the way says of the cause; the finding's own where it says nothing."""
    if arose != "between" or item.kind == "jitter":
        return item.cause, item.cause_confidence
    if leg.place == "server":
        return "server_outage", SURE["server"]
    if item.kind == "loss":
        return "network_loss", SURE[leg.place]
    if item.kind == "stall":  # the sender went on: it is not the one who stopped
        unbroken = json.loads(item.evidence).get("sequence") == "unbroken"
        return "late_arrival" if unbroken else "network_loss", SURE[leg.place]
    return item.cause, max(item.cause_confidence or 0.0, SURE[leg.place])


def _runs(item: Finding, leg: Leg, clock: Clock) -> np.ndarray:
    """Which runs of lost packets of the later log begin inside a finding."""
    start = leg.lacking.runs.start_s + _zero(leg.then, clock)
    return (start >= item.start_s - 1e-6) & (start <= item.end_s + 1e-6)


def _zero(view: View, clock: Clock) -> float:
    """Event second of a stream's own second 0."""
    return clock.second(view.stream.log_start_ns + clock.log_shift_ns[view.log])


def _loss(item: Finding, leg: Leg, clock: Clock) -> dict[str, Any] | None:
    """Packets that the log before has were lost on the way; others were missing already."""
    runs = _runs(item, leg, clock)
    before, between, untold = (
        int(count[runs].sum()) for count in (leg.lacking.before, leg.lacking.between, leg.lacking.untold)
    )
    total = before + between + untold
    if not total or before + between < HALF * total:
        return None
    arose = "between" if between >= HALF * (before + between) else "before"
    return {"arose": arose, "missing_before": before, "lost_between": between, "not_told": untold}


def _stall(item: Finding, leg: Leg, clock: Clock) -> dict[str, Any] | None:
    """Whether packets passed the log before while none came here."""
    if leg.way is None:
        return None
    zero = _zero(leg.then, clock)
    here = leg.first.stream.arrival_ns - leg.then.stream.log_start_ns
    at = here * 1e-9 + zero + _least_s(leg, item.start_s - zero)
    length = item.end_s - item.start_s
    usual = float(np.median(np.diff(np.sort(at)))) if len(at) > 1 else np.inf
    if not at.min() < item.start_s < item.end_s < at.max() or not 0 < usual < length:
        return None
    passed = int(np.count_nonzero((at > item.start_s + usual) & (at < item.end_s - usual)))
    share = passed * usual / length
    if HALF / 2 < share < HALF:
        return None
    return {"arose": "between" if share >= HALF else "before", "passed_before": passed, "passed_pct": 100 * share}


def _late(item: Finding, leg: Leg, clock: Clock) -> dict[str, Any] | None:
    """Of the most delayed packet: what of its delay it had already, and what the way added."""
    if leg.way is None:
        return None
    then = leg.then.stream
    at = (then.arrival_ns[leg.pair.b] - then.log_start_ns) * 1e-9 + _zero(leg.then, clock)
    inside = np.flatnonzero((at >= item.start_s - 1e-6) & (at <= item.end_s + AGAIN_S))
    total = relative_delay_ms(then)[leg.pair.b][inside]
    if not np.isfinite(total).any():
        return None
    worst = inside[int(np.nanargmax(total))]
    added = float(leg.way.over_ms[worst])
    had = float(relative_delay_ms(leg.first.stream)[leg.pair.a][worst])
    if not np.isfinite(had) or max(added, had) <= 0:
        return None
    return {"arose": "between" if added >= had else "before", "delay_before_ms": had, "delay_between_ms": added}


def _same_as(item: Finding, leg: Leg, before: Sequence[Finding], clock: Clock) -> Finding:
    """The finding named after the fault of the log before that it is, where it was there already."""
    known = json.loads(item.evidence)
    if known.get("path", {}).get("arose") != "before":
        return item
    behind_s = _behind_s(leg, clock, item.start_s)
    near = [
        f
        for f in before
        if f.start_s + behind_s <= item.end_s + AGAIN_S and f.end_s + behind_s >= item.start_s - AGAIN_S
    ]
    same = [f for f in near if f.kind == item.kind]
    if not same:
        return item
    one = min(same, key=lambda f: (abs(f.start_s + behind_s - item.start_s), f.finding_id))
    known["path"]["same_as"] = one.finding_id
    return dataclasses.replace(item, cause_finding_id=one.finding_id, evidence=evidence(**known))


def _behind_s(leg: Leg, clock: Clock, at_s: float) -> float:
    """How much later a packet has its time in the later log, on the event's clock."""
    offsets_ns = clock.log_shift_ns[leg.then.log] - clock.log_shift_ns[leg.first.log]
    return _least_s(leg, at_s - _zero(leg.then, clock)) + offsets_ns * 1e-9


def _least_s(leg: Leg, at_s: float) -> float:
    """Arrival in the later log less that in the first, the least of the packets around a second of the later one.

    Around it, because the two clocks drift and are set.
    """
    came = (leg.then.stream.arrival_ns[leg.pair.b] - leg.then.stream.log_start_ns) * 1e-9
    middle = int(np.argmin(np.abs(came - at_s)))
    some = slice(max(middle - AROUND, 0), middle + AROUND)
    between = leg.then.stream.arrival_ns[leg.pair.b[some]] - leg.first.stream.arrival_ns[leg.pair.a[some]]
    return float(between.min()) * 1e-9


def _of_the_first(item: Finding, behind: Sequence[Leg], clock: Clock) -> Finding:
    """A fault of the first log of all: whether the next one confirms it, and what lies before."""
    told: dict[str, Any] = {"first_log": item.log, "vantage": behind[0].first.vantage}
    if item.kind == "loss" and any(leg.dropped for leg in behind):
        came = max(_came_after_all(item, leg, clock) for leg in behind)
        if came >= HALF * (item.value or 0.0) > 0:
            return _dropped(item, told | {"in_next_log": came, "next_log": behind[0].then.log})
    known = json.loads(item.evidence) | {"path": told | {"arose": "before"}}
    sure = item.cause_confidence
    if told["vantage"] == "sender" and item.cause == "sender_stall":
        sure = max(sure or 0.0, 0.95)  # its own log, not only what came of it, has no packets
    return dataclasses.replace(item, cause_confidence=sure, evidence=evidence(**known))


def _came_after_all(item: Finding, leg: Leg, clock: Clock) -> int:
    """Packets that the first log lacks inside a finding, and the next one has."""
    first, then = json.loads(item.evidence).get("first_sequence"), leg.then.stream
    last = json.loads(item.evidence).get("last_sequence")
    if first is None or last is None:
        return 0
    zero = _zero(leg.then, clock) - _behind_s(leg, clock, item.start_s)
    at = (then.arrival_ns - then.log_start_ns) * 1e-9 + zero
    near = (at > item.start_s - 1.0) & (at < item.end_s + 1.0)
    inside = ((then.sequence - first) & 0xFFFF) <= ((last - first) & 0xFFFF)
    extra = np.ones(len(at), np.bool_)
    extra[leg.pair.b] = False
    return int(np.count_nonzero(near & inside & extra & ~then.duplicate))


def _dropped(item: Finding, told: dict[str, Any]) -> Finding:
    why = "the next log has these packets: the capture before it dropped them, nobody else"
    known = json.loads(item.evidence) | {"path": told | {"arose": "capture"}, "cause": {"why": why}}
    return dataclasses.replace(
        item,
        cause="unexplained",
        cause_confidence=None,
        confidence=NOT_A_FAULT,
        severity="minor",
        evidence=evidence(**known),
    )
