"""Whose sound a finding is of, in words: a participant, a stream, the mix, or everybody."""

from collections.abc import Mapping

from aqa.incidents import Incident
from aqa.model import Finding
from aqa.report.words import listed, plain


def speaker(finding: Finding, known: Mapping[str, Finding]) -> str:
    """Who was cut off: the participant whose packets explain it, else the track; `known` are findings by id."""
    because = known.get(finding.cause_finding_id or "")
    named = (because.track if because else None) or finding.track
    if finding.source == "stats":  # of a receiver, who hears no mix but streams; of its device, all of them
        named = named or (f"stream {finding.stream}" if finding.stream else "everyone")
    if finding.source == "packets":  # of somebody, whose name nothing gives
        named = named or finding.stream
    return plain(named or "mix")


def reach(one: Incident) -> str:
    """Who was hit, as shown in the row of an incident."""
    if not one.heard:
        return "recording only"
    if one.everyone:
        return f"all {one.sending} speakers"
    if one.participants:
        of = f", {len(one.participants)} of {one.sending}" if one.sending > 1 else ""
        return listed([plain(name) for name in one.participants]) + of
    return "the whole room" if one.wide or one.of("late_start", "unexplained_complaints") else "in the mix"


def listening(one: Incident) -> str:
    """How many listened, at most."""
    if one.listeners_most is None:
        return "listeners not measured"
    return f"up to {one.listeners_most:,.0f} listeners"
