"""Status, the one sentence, and the labelled facts under it: what the paged engineer reads first.

A finding counts as heard when it is in the recorded sound; what packets say only arrived, or did not. No cause
stands in the sentence, it is in *Why*; no certainty without its number.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from aqa.event_model import Analysis
from aqa.incidents import incidents
from aqa.model import Finding
from aqa.report import words
from aqa.report.coverage import open_seconds, recorded_seconds, recorded_share
from aqa.report.phrases import headline
from aqa.report.words import count, length, listed, moment, plain
from aqa.scores import breaks_speech

LEAST_MEASURED = 0.95  # of the time rooms were open: less can't be called good
_CONDITIONS = frozenset(("jitter", "clock_drift", "low_level", "hum", "dc_offset", "bandwidth_drop", "channel_fault"))
_SEVERITY = {"critical": 0, "major": 1, "minor": 2}
_SIGN = {
    "bad": "\N{MULTIPLICATION X} BAD",
    "good": "\N{BLACK CIRCLE} GOOD",
    "not_measured": "\N{WHITE DIAMOND} NOT MEASURED",
}


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


def budget(analysis: Analysis) -> dict[str, dict[str, Any]]:
    """What each objective allows and what was used of it, by its name; a value of None is not measured."""
    return {row["objective"]: row for row in json.loads(analysis.event.facts).get("budget", [])}


def over_budget(analysis: Analysis) -> bool:
    """Whether people waited longer, at the start or in outages, than the objectives allow."""
    rows = (budget(analysis).get(name) for name in ("late_start_s", "outage_s"))
    return any(row is not None and row["used"] is not None and row["used"] > row["allowed"] for row in rows)


def status(analysis: Analysis) -> str:
    """good, bad or not_measured."""
    impaired = analysis.event.impaired_seconds
    if impaired is not None and impaired > allowed_seconds(analysis):
        return "bad"
    if any(item.severity == "critical" for item in heard(analysis)) or over_budget(analysis):
        return "bad"
    return "good" if impaired is not None and recorded_share(analysis) >= LEAST_MEASURED else "not_measured"


def sentence(analysis: Analysis) -> str:
    """One sentence in the past tense: what was heard, whose, when."""
    text = _sentence(analysis)
    if analysis.event.start_utc is None and re.search(r"\d\d:\d\d:\d\d", text):
        return text.removesuffix(".") + " (event time)."
    return text


def _sentence(analysis: Analysis) -> str:
    told = headline(analysis, incidents(analysis))
    if told is not None:
        return told
    if analysis.event.impaired_seconds is None:
        unreadable = [item for item in analysis.findings if item.kind == "unreadable"]
        said = _nothing_readable(len(unreadable)) if analysis.recordings else "Nothing was recorded."
        return " ".join(filter(None, (said, _arrival_sentence(analysis), _played_sentence(analysis))))
    return _clean_sentence(analysis)


def _nothing_readable(many: int) -> str:
    what = "the only recording is unreadable" if many == 1 else f"all {many} recordings are unreadable"
    return f"Nothing can be said about the sound: {what if many else 'there is no sound in the recordings'}."


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


def _played_sentence(analysis: Analysis) -> str:
    """That receivers tell of no fault; nothing where they do not count what they made up."""
    if not analysis.event.stats_tracks or "concealed_audio" not in json.loads(analysis.event.stats_kinds):
        return ""
    return f"Stats of {count(analysis.event.stats_tracks, 'received stream')} tell of no fault that was heard."


ARRIVED = {
    "late": "came too late to be played",
    "jitter": "came at uneven times",
    "reordering": "overtook each other",
    "duplication": "came twice",
    "clock_drift": "show that the sender's clock runs fast or slow",
    "stream_reset": "began anew in the middle",
}
"""Kind in packets -> what packets did."""


def _arrival_sentence(analysis: Analysis) -> str:
    found = worst([item for item in faults(analysis) if item.source == "packets"])
    if not analysis.packet_streams:
        return ""
    if not found:
        many = len(analysis.packet_streams)
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
    return f"Packets of {name} {ARRIVED.get(first.kind, f'show {words.kind_words(first.kind)}')}."
