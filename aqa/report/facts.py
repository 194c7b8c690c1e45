"""The labelled facts under the verdict: how long and who, why and how sure, what to do first, what it cost."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aqa.detector import registry
from aqa.event_model import Analysis
from aqa.incidents import Incident, Incidents, incidents
from aqa.model import Finding
from aqa.report.coverage import open_seconds
from aqa.report.people import listening, reach
from aqa.report.phrases import how_long, name
from aqa.report.reasons import why
from aqa.report.remedies import do_first, remedy
from aqa.report.verdict import allowed_seconds, budget, faults, objective_pct, worst
from aqa.report.words import NBSP, count, length, significant

MOST_ALSO, MOST_RECORDING = 5, 3


@dataclass(frozen=True)
class Fact:
    """One line under the verdict: a label, its text, and where the evidence stands (an id on the page)."""

    label: str
    text: str
    link: str = ""
    link_text: str = ""
    strong: bool = False
    parts: tuple[tuple[str, str], ...] = ()  # text in pieces, each with an id to link to, or ""


def facts(analysis: Analysis) -> list[Fact]:
    """The labelled lines under the verdict."""
    found = incidents(analysis)
    felt = [one for one in found.heard if one.impaired_s > 0 and one.felt()]
    lines = [_how_long(analysis, felt[0]), _why(analysis, felt[0])] if felt else [_measured(analysis)]
    lines += [Fact("Do first", _do_first(analysis, felt), strong=True)]
    also = _also(found, felt[:1])
    lines += [also] if also else []
    lines.append(_budget(analysis))
    return lines


def _how_long(analysis: Analysis, one: Incident) -> Fact:
    """Of the first incident: its time and its parts, who was hit, how many listened."""
    quiet = one.of("outage")
    parts = []
    if quiet and len(one.felt()) > len(quiet):
        still = sum(item.duration_s for item in quiet)
        broken = max(min(item.start_s for item in quiet) - one.start_s, 0.0)
        parts = [f"{length(broken)} broken", f"{length(still)} of nothing"]
    inside = f" ({', '.join(parts)})" if parts else ""
    who = reach(one)
    event = analysis.event
    seconds = f"{count(event.impaired_seconds or 0, 'second')} of speech impaired in all"
    severe = f"{event.severely_impaired_seconds or 0} of them severely (more than 50{NBSP}ms)"
    listeners = listening(one)
    text = f"{how_long(one)}{inside}; {who}. {listeners[0].upper() + listeners[1:]}."
    return Fact("How long, who", f"{text} {seconds}, {severe}." if event.impaired_seconds is not None else text)


def _why(analysis: Analysis, one: Incident) -> Fact:
    return Fact("Why", why(analysis, one), f"incident-{one.rank}", "Evidence")


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
    looked = [
        item
        for item in registry().values()
        if item.kind not in json.loads(analysis.event.settings)["detectors"]["off"]
    ]
    parts.append(f"{len(looked)} kinds of fault were looked for")
    return Fact("Measured", "; ".join(parts) + ".")


def _do_first(analysis: Analysis, felt: Sequence[Incident]) -> str:
    """The remedy of the first incident; of faults that were not heard that of the worst, if it is not minor."""
    if felt:
        return do_first(felt[0])
    first: Finding | None = next(iter(worst(faults(analysis))), None)
    return remedy(first.kind) if first is not None and first.severity != "minor" else "Nothing."


def _also(found: Incidents, told: Sequence[Incident]) -> Fact | None:
    """The other incidents, worst first, each a link with how long; then those of the recording only."""
    heard = [one for one in found.heard if one not in told]
    parts: list[tuple[str, str]] = []
    for place, one in enumerate(heard[:MOST_ALSO]):
        parts += [(", " if place else "", ""), *_linked(one)]
    if len(heard) > MOST_ALSO:
        parts.append((f" and {len(heard) - MOST_ALSO} more", ""))
    parts += [(". ", "")] if heard and found.recording else []
    for place, one in enumerate(found.recording[:MOST_RECORDING]):
        parts += [(", " if place else "In the recording only: ", ""), *_linked(one)]
    if len(found.recording) > MOST_RECORDING:
        parts.append((f" and {len(found.recording) - MOST_RECORDING} more", ""))
    if found.small:
        kinds = count(len(found.small), "small thing")
        parts += [("; " if parts else "", ""), (kinds, "small")]
    if not parts:
        return None
    parts.append((".", ""))
    return Fact("Also", "".join(text for text, _ in parts), parts=tuple(parts))


def _linked(one: Incident) -> list[tuple[str, str]]:
    unheard = ", not heard" if one.heard and not one.impaired_s else ""
    return [(name(one), f"incident-{one.rank}"), (f"{NBSP}({how_long(one)}{unheard})", "")]


def _budget(analysis: Analysis) -> Fact:
    left = len(json.loads(analysis.event.not_measured))
    link = f"{count(left, 'thing')} not measured" if left else ""
    impaired, allowed = analysis.event.impaired_seconds, allowed_seconds(analysis)
    if impaired is None:
        return Fact("Budget", f"Not measured: there is no sound.{_waited(analysis)}", "not-measured", link)
    total, goal = open_seconds(analysis), 100 - objective_pct(analysis)
    text = (
        f"{count(impaired, 'second')} impaired of {total:,.0f}; {significant(allowed)} are allowed ({goal:g}{NBSP}%)"
    )
    times = f": {significant(impaired / allowed)} times the budget" if allowed > 0 and impaired else ""
    text = f"{text}{times}.{_waited(analysis)} Formula {analysis.event.formula}."
    return Fact("Budget", text, "not-measured", link)


def _waited(analysis: Analysis) -> str:
    """What was used of the objectives for the start and for outages, where anything was."""
    rows, text = budget(analysis), ""
    for objective, what in (("late_start_s", "Late start"), ("outage_s", "Outage")):
        row = rows.get(objective)
        if row is not None and row["used"]:
            text += f" {what} {length(row['used'])}; {length(row['allowed'])} are allowed."
    return text
