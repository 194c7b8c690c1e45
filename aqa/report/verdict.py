"""Status, the one sentence, and the labelled facts under it: what the paged engineer reads first.

A finding counts as heard when it is in the recorded sound; what packets say only arrived, or did not. No cause
stands in the sentence, it is in *Why*; no certainty without its number.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from aqa.detector import registry
from aqa.model import Analysis, Finding
from aqa.report import words
from aqa.report.coverage import open_seconds, recorded_seconds, recorded_share
from aqa.report.words import NBSP, count, length, listed, moment, plain, significant
from aqa.scores import breaks_speech

LEAST_MEASURED = 0.95  # of the time rooms were open: less can't be called good
MOST_ALSO = 5
_CONDITIONS = frozenset(("jitter", "clock_drift", "low_level", "hum", "dc_offset", "bandwidth_drop"))
_SEVERITY = {"critical": 0, "major": 1, "minor": 2}
_SIGN = {
    "bad": "\N{MULTIPLICATION X} BAD",
    "good": "\N{BLACK CIRCLE} GOOD",
    "not_measured": "\N{WHITE DIAMOND} NOT MEASURED",
}


@dataclass(frozen=True)
class Fact:
    """One line under the verdict: a label, its text, and where the evidence stands (an id on the page)."""

    label: str
    text: str
    link: str = ""
    link_text: str = ""
    strong: bool = False


def sign(status: str) -> str:
    """The status as sign and word."""
    return _SIGN[status]


def faults(analysis: Analysis) -> list[Finding]:
    """All findings but the intended ones."""
    return [item for item in analysis.findings if item.cause != "intended"]


def heard(analysis: Analysis) -> list[Finding]:
    """What broke up the sound as it was recorded, worst first."""
    return worst([item for item in faults(analysis) if breaks_speech(item)])


def worst(findings: Sequence[Finding]) -> list[Finding]:
    """Findings by severity, then length, faults before lasting conditions; ties by start."""
    rank = [(_SEVERITY[f.severity], f.kind in _CONDITIONS, -f.duration_s, f.start_s, f.finding_id) for f in findings]
    return [findings[i] for i in sorted(range(len(findings)), key=rank.__getitem__)]


def objective_pct(analysis: Analysis) -> float:
    """Impaired seconds that are allowed, in per cent of open seconds."""
    return float(json.loads(analysis.event.settings)["objectives"]["impaired_seconds_pct"])


def allowed_seconds(analysis: Analysis) -> float:
    """Impaired seconds that the objective allows."""
    return open_seconds(analysis) * objective_pct(analysis) / 100


def status(analysis: Analysis) -> str:
    """good, bad or not_measured."""
    impaired = analysis.event.impaired_seconds
    if impaired is not None and impaired > allowed_seconds(analysis):
        return "bad"
    if any(item.severity == "critical" for item in heard(analysis)):
        return "bad"
    return "good" if impaired is not None and recorded_share(analysis) >= LEAST_MEASURED else "not_measured"


def sentence(analysis: Analysis) -> str:
    """One sentence in the past tense: what was heard, whose, when."""
    text = _sentence(analysis)
    if analysis.event.start_utc is None and re.search(r"\d\d:\d\d:\d\d", text):
        return text.removesuffix(".") + " (event time)."
    return text


def _sentence(analysis: Analysis) -> str:
    found = heard(analysis)
    if found:
        return _heard_sentence(analysis, found)
    if analysis.event.impaired_seconds is None:
        unreadable = [item for item in analysis.findings if item.kind == "unreadable"]
        said = _nothing_readable(len(unreadable)) if analysis.recordings else "Nothing was recorded."
        return f"{said} {_arrival_sentence(analysis)}".strip()
    return _clean_sentence(analysis)


def _nothing_readable(many: int) -> str:
    what = "the only recording is unreadable" if many == 1 else f"all {many} recordings are unreadable"
    return f"Nothing can be said about the sound: {what if many else 'there is no sound in the recordings'}."


def _heard_sentence(analysis: Analysis, found: list[Finding]) -> str:
    kind = found[0].kind
    same = sorted((item for item in found if item.kind == kind), key=lambda item: item.start_s)
    names = sorted({_speaker(item, analysis) for item in same})
    subject = words.possessive(names[0]) if len(names) == 1 else f"Speech of {listed(names)}"
    happened = words.HEARD.get(kind, (f"had {words.kind_words(kind)}", ""))[0]
    unsure = "may have been affected: it " if max(item.confidence for item in same) < 0.60 else ""
    total = length(sum(item.duration_s for item in same))
    if len(same) == 1:
        when = f"for {total} at {moment(analysis, same[0].start_s)}"
    else:
        first, last = moment(analysis, same[0].start_s), moment(analysis, same[-1].end_s)
        when = f"{len(same):,} times, {total} in all, between {first} and {last}"
    text = f"{subject} {unsure}{happened} {when}."
    return text if names[0] != "mix" and len(names) == 1 else text[0].upper() + text[1:]  # names stay as they are


def _speaker(finding: Finding, analysis: Analysis) -> str:
    """Who was cut off: the participant whose packets explain it, else the track."""
    because = next((item for item in analysis.findings if item.finding_id == finding.cause_finding_id), None)
    return plain((because.track if because else None) or finding.track or "mix")


def _clean_sentence(analysis: Analysis) -> str:
    rooms = sorted({row.room for row in analysis.recordings if row.room})
    where = f" of {listed([plain(room) for room in rooms])}" if rooms else ""
    recorded = recorded_seconds(analysis)
    missing = [item for item in analysis.findings if item.kind in ("missing_media", "damaged_media")]
    if missing:
        lacking = length(sum(item.duration_s for item in missing))
        at = f" at {moment(analysis, missing[0].start_s)}" if len(missing) == 1 else f" in {len(missing)} places"
        return f"Nothing wrong was heard; the recording lacks {lacking}{at}."
    if recorded_share(analysis) < LEAST_MEASURED:
        whole = length(open_seconds(analysis))
        part = f"{length(recorded)} of {whole}"
        return f"Nothing wrong was found in the {part} that were recorded; the rest was not measured."
    return f"Nothing wrong was heard in {length(recorded)}{where}{_but_silent(analysis)}."


def _but_silent(analysis: Analysis) -> str:
    """Silence that nothing explains is no fault, and is said all the same."""
    silent = [item for item in faults(analysis) if item.kind == "silence"]
    if not silent:
        return ""
    first = max(silent, key=lambda item: item.duration_s)
    who = "the mix" if first.track in (None, "mix") else plain(first.track)
    at = f"silent for {length(first.duration_s)} at {moment(analysis, first.start_s)}"
    return f", but {who} was {at}, which nothing explains"


def _arrival_sentence(analysis: Analysis) -> str:
    found = worst([item for item in faults(analysis) if item.source == "packets"])
    if not analysis.streams:
        return ""
    if not found:
        many = analysis.event.streams
        which = "the only stream" if many == 1 else f"{many} of {many} streams"
        return f"Packets of {which} arrived without a fault."
    first = found[0]
    name = plain(first.track or f"stream {first.stream}")
    if first.kind == "stall":
        at = moment(analysis, first.start_s)
        return f"Packets of {name} stopped arriving for {length(first.duration_s)} at {at}."
    if first.kind == "loss":
        lost = round(sum(f.value or 0 for f in found if f.kind == "loss" and f.stream == first.stream))
        return f"{count(lost, 'packet')} of {name} did not arrive."
    return f"Packets of {name} arrived with {words.kind_words(first.kind)}."


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
    names = sorted({_speaker(item, analysis) for item in found} - {"mix"})
    speakers = {row.participant for row in analysis.streams if row.participant}
    speakers |= {row.track for row in analysis.recordings if row.track != "mix"}
    parts = [f"{length(sum(item.duration_s for item in found))} in {count(len(found), 'place')}"]
    parts.append(f"{count(event.impaired_seconds or 0, 'second')} of speech impaired")
    parts[-1] += f", {event.severely_impaired_seconds or 0} of them severely (more than 50{NBSP}ms)"
    reach = f"{listed(names)}: {len(names)} of {count(len(speakers), 'speaker')}" if names else "In the mix"
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
    if because is not None:
        known = json.loads(first.evidence)["cause"]
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
    if analysis.streams:
        packets = sum(row.packets for row in analysis.streams)
        parts.append(f"{count(packets, 'packet')} of {count(len(analysis.streams), 'stream')}")
    looked = [
        item
        for item in registry().values()
        if item.kind not in json.loads(analysis.event.settings)["detectors"]["off"]
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
