"""How sure a cause is where independent pieces of evidence say the same.

One rule, used wherever two looks at one fault agree: the chance that both err is the chance that the surer one errs
times the chance that the other does, if they err independently. They do so in part only (one clock, one model of
the buffer), so the less sure ones count half: sure = 1 - (1 - a) (1 - b / 2) (1 - c / 2)... with a the largest.
It never falls below the largest, and never passes 0.97: in the re-enactment's seeds 1 to 3 each cause of some 350
was right, which says no more than 0.99 (rule of three), and there are no faults in it that nobody thought of.
"""

import dataclasses
import json
from collections import defaultdict
from collections.abc import Sequence

from aqa.model import Finding, evidence

MOST = 0.97
HALF = 0.5
COVERED_PCT = 50.0  # of a hole that a packet fault has to cover to be heard in it


def combined(*sure: float) -> float:
    """The certainty of evidence that agrees, each piece 0 to 1."""
    first, *others = sorted(sure, reverse=True)
    doubt = 1 - first
    for one in others:
        doubt *= 1 - HALF * one
    return round(max(first, min(1 - doubt, MOST)), 3)


def agreeing(findings: Sequence[Finding]) -> list[Finding]:
    """The findings; where packets and sound show one fault of one cause, both are surer of it."""
    known = {item.finding_id: item for item in findings}
    heard: dict[str, list[Finding]] = defaultdict(list)
    for item in findings:
        root = known.get(item.cause_finding_id or "")
        if item.source == "audio" and root is not None and _shows(item, root):
            heard[root.finding_id].append(item)
    return [_surer(item, known, heard) for item in findings]


def _shows(item: Finding, root: Finding) -> bool:
    """Whether a hole in sound lies over a fault in packets, and both have one cause."""
    facts = json.loads(item.evidence).get("cause", {})
    covered = facts.get("covered_pct", 0.0) >= COVERED_PCT and facts.get("fits_recorder", True)
    return root.source == "packets" and root.cause == item.cause and covered


def _surer(item: Finding, known: dict[str, Finding], heard: dict[str, list[Finding]]) -> Finding:
    own = item.cause_confidence
    root = known.get(item.cause_finding_id or "")
    if own is None:
        return item
    if item.source == "audio" and root is not None and item in heard.get(root.finding_id, []):
        return _with(item, combined(own, root.cause_confidence or 0.0), "packets")
    of = item if item.finding_id in heard else root
    if item.source != "packets" or of is None or of.cause != item.cause:
        return item
    looks = [one.cause_confidence or 0.0 for one in heard.get(of.finding_id, []) if _together(item, one)]
    return _with(item, combined(own, max(looks)), "sound") if looks else item


def _together(item: Finding, hole: Finding) -> bool:
    """Whether a hole in sound is of the time of a packet fault, up to the buffer's wait."""
    return item.start_s - 0.1 <= hole.end_s and hole.start_s <= item.end_s + 0.6


def _with(item: Finding, sure: float, by: str) -> Finding:
    facts = json.loads(item.evidence)
    cause = facts.get("cause")
    told = {"agrees": by, "alone_sure": item.cause_confidence}
    facts["cause"] = (cause if isinstance(cause, dict) else {}) | told
    return dataclasses.replace(item, cause_confidence=sure, evidence=evidence(**facts))
