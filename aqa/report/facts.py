"""The labelled facts under the verdict: how long and who, why and how sure, what to do first, what it cost."""

import json
from dataclasses import dataclass

from aqa.detector import registry
from aqa.model import Analysis, Finding
from aqa.report import words
from aqa.report.coverage import open_seconds
from aqa.report.verdict import allowed_seconds, faults, heard, objective_pct, speaker, worst
from aqa.report.words import NBSP, count, length, listed, plain, significant

MOST_ALSO = 5


@dataclass(frozen=True)
class Fact:
    """One line under the verdict: a label, its text, and where the evidence stands (an id on the page)."""

    label: str
    text: str
    link: str = ""
    link_text: str = ""
    strong: bool = False


def facts(analysis: Analysis) -> list[Fact]:
    """The labelled lines under the verdict."""
    found = heard(analysis)
    lines = [_how_long(analysis, found), _why(analysis, found)] if found else [_measured(analysis)]
    lines += [Fact("Do first", _do_first(analysis, found), strong=True)]
    also = _also(analysis, found)
    if also:
        lines.append(Fact("Also", also, "findings", "All findings"))
    lines.append(_budget(analysis))
    return lines


def _how_long(analysis: Analysis, found: list[Finding]) -> Fact:
    event = analysis.event
    names = sorted({speaker(item, analysis) for item in found} - {"mix"})
    speakers = {row.participant for row in analysis.streams if row.participant}
    speakers |= {row.track for row in analysis.recordings if row.track != "mix"}
    parts = [f"{length(sum(item.duration_s for item in found))} in {count(len(found), 'place')}"]
    parts.append(f"{count(event.impaired_seconds or 0, 'second')} of speech impaired")
    parts[-1] += f", {event.severely_impaired_seconds or 0} of them severely (more than 50{NBSP}ms)"
    of = f"{len(names)} of {count(len(speakers), 'speaker')}" if speakers else count(len(names), "stream")
    reach = f"{listed(names)}: {of}" if names else "In the mix"
    return Fact("How long, who", f"{'; '.join(parts)}. {reach}. Listeners not measured.")


def _why(analysis: Analysis, found: list[Finding]) -> Fact:
    first = found[0]
    anchor = f"finding-{first.finding_id}"
    if first.cause_confidence is None or first.cause_confidence < 0.40:
        why = json.loads(first.evidence).get("cause", {}).get("why", "")
        cause = words.CAUSES[first.cause]
        return Fact(
            "Why",
            f"{cause[0].upper() + cause[1:]}: {why}." if why else f"{cause[0].upper()}{cause[1:]}.",
            anchor,
            "Evidence",
        )
    because = next((item for item in analysis.findings if item.finding_id == first.cause_finding_id), None)
    sure = words.certainty(first.cause_confidence)
    text = f"{sure[0].upper() + sure[1:]} {words.CAUSES[first.cause]}"
    known = json.loads(first.evidence).get("cause", {})
    if because is not None and "heard_after_s" in known:
        amount = (
            f" of {significant(because.value)}{NBSP}{because.unit}"
            if because.value is not None and because.unit != "s"
            else ""
        )
        name = plain(because.track or because.stream or "")
        text += f": a {because.kind}{amount} ({length(because.duration_s)}) in the packets of {name}"
        text += f", {length(max(known['heard_after_s'], 0.0))} before the hole; "
        text += f"it covers {known['covered_pct']:.0f}{NBSP}% of it"
    same, others = sum(item.cause == first.cause for item in found[1:]), len(found) - 1
    text += f". {same} of {others} other {'has' if same == 1 else 'have'} the same cause." if others else "."
    return Fact("Why", text, anchor, "Evidence")


def _measured(analysis: Analysis) -> Fact:
    parts = []
    if analysis.recordings:
        seconds = length(sum(row.duration_s for row in analysis.recordings))
        parts.append(f"{count(len(analysis.recordings), 'recording')}, {seconds} decoded")
    if analysis.packet_streams:
        packets = sum(row.packets for row in analysis.packet_streams)
        parts.append(f"{count(packets, 'packet')} of {count(len(analysis.packet_streams), 'stream')}")
    if analysis.event.stats_tracks:
        parts.append(f"stats of {count(analysis.event.stats_tracks, 'received stream')}")
    set_so = json.loads(analysis.event.settings)["detectors"]
    looked = [
        item
        for item in registry().values()
        if item.kind not in set_so["off"] and set_so.get(item.kind, {}).get("measure", True)
    ]
    parts.append(f"{len(looked)} kinds of fault were looked for")
    return Fact("Measured", "; ".join(parts) + ".")


def _do_first(analysis: Analysis, found: list[Finding]) -> str:
    """The first sentence of the remedy of the detector that holds the root finding."""
    first = next(iter(found or worst(faults(analysis))), None)
    if first is None or (not found and first.severity == "minor"):
        return "Nothing."
    root = next((item for item in analysis.findings if item.finding_id == first.cause_finding_id), first)
    remedy = " ".join(registry()[root.kind].section("What to do").split())
    return remedy.split(". ")[0].rstrip(".") + "."


def _also(analysis: Analysis, found: list[Finding]) -> str:
    """What else was found, by kind; what explains the headline is not told again."""
    told = {found[0].kind} if found else set()
    kinds: dict[str, list[Finding]] = {}
    for item in worst(faults(analysis)):
        if item.kind not in told:
            kinds.setdefault(item.kind, []).append(item)
    lines = [
        f"{words.kind_words(kind)} {len(of):,}{NBSP}\N{MULTIPLICATION SIGN} ({length(sum(i.duration_s for i in of))})"
        for kind, of in kinds.items()
    ]
    more = f" and {len(lines) - MOST_ALSO} more" if len(lines) > MOST_ALSO else ""
    return ", ".join(lines[:MOST_ALSO]) + more + "." if lines else ""


def _budget(analysis: Analysis) -> Fact:
    left = len(json.loads(analysis.event.not_measured))
    link = f"{count(left, 'thing')} not measured" if left else ""
    impaired, allowed = analysis.event.impaired_seconds, allowed_seconds(analysis)
    if impaired is None:
        return Fact("Budget", "Not measured: there is no sound.", "not-measured", link)
    total, goal = open_seconds(analysis), 100 - objective_pct(analysis)
    text = (
        f"{count(impaired, 'second')} impaired of {total:,.0f}; {significant(allowed)} are allowed ({goal:g}{NBSP}%)"
    )
    times = f": {significant(impaired / allowed)} times the budget" if allowed > 0 and impaired else ""
    return Fact("Budget", f"{text}{times}. Formula {analysis.event.formula}.", "not-measured", link)
