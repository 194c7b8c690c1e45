"""The section "The event as a whole": budget, listeners, complaints, coincidence, imbalance, together, beats, path.

What is missing is said with what to bring. Nothing here says "because": series coincide, they do not cause.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aqa.event_model import Analysis
from aqa.report.second_words import seconds
from aqa.report.way_words import ways
from aqa.report.words import NBSP, NOT_MEASURED, count, length, number, plain, significant


@dataclass(frozen=True)
class Part:
    """A titled table with a note under it; without rows the note says why, and what to bring."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


_OBJECTIVES = {
    "late_start_s": "late start",
    "outage_s": "outage",
    "impaired_seconds": "impaired seconds",
    "severely_impaired_seconds": "severely impaired seconds",
}


def whole_event(analysis: Analysis) -> list[Part]:
    """All parts in the order of the page."""
    known = json.loads(analysis.event.facts)
    return [make(known.get(name)) for name, make in _PARTS.items()]


def _budget(rows: Sequence[Mapping[str, Any]] | None) -> Part:
    told = tuple(
        (
            _OBJECTIVES.get(row["objective"], row["objective"]),
            _amount(row["objective"], row["allowed"]),
            _amount(row["objective"], row["used"]),
            NOT_MEASURED if row["used_pct"] is None else f"{number(row['used_pct'], 0)}{NBSP}%",
        )
        for row in rows or ()
    )
    return Part("Budget", ("objective", "allowed", "used", "of the budget"), told, "Set in [objectives] of aqa.toml.")


def _amount(objective: str, value: float | None) -> str:
    if value is None:
        return NOT_MEASURED
    return "0 s" if value == 0 else length(value) if objective.endswith("_s") else f"{significant(value)}{NBSP}s"


def _listeners(row: Mapping[str, Any] | None) -> Part:
    head = ("listeners", "value")
    if not row:
        return Part("Who was hit", head, (), "Not measured: no listeners. To measure: bring listeners.csv.")
    total = row["listener_seconds"] or 1.0
    shares = (
        ("in impaired seconds", row["impaired_listener_seconds"]),
        ("in severely impaired seconds", row["severely_impaired_listener_seconds"]),
        ("waiting in a late start or an outage", row["waiting_listener_seconds"]),
    )
    hours = (f"{_hours(row['listener_seconds'])} in all",)
    rows = (("most at a time", f"{row['most']:,.0f}"), ("listening", *hours))
    return Part(
        "Who was hit", head, (*rows, *((what, f"{_hours(v)}, {_pct(100 * v / total)}") for what, v in shares))
    )


def _hours(listener_seconds: float) -> str:
    return f"{significant(listener_seconds / 3600)}{NBSP}listener-hours"


def _pct(value: float) -> str:
    return f"{significant(value, 2)}{NBSP}%"


def _feedback(row: Mapping[str, Any] | None) -> Part:
    head = ("complaints", "value")
    if not row:
        return Part("Complaints", head, (), "Not measured: no complaint was told. To measure: bring feedback.csv.")
    low, high = row["reaction_s"]
    of = row["findings_complained_of_pct"]
    rows = (
        ("complaints", f"{row['complaints']:,} of {count(row['people'], 'person', 'people')}"),
        ("explained by a finding", f"{row['explained_pct']:g}{NBSP}%"),
        ("would be by chance", f"{row['explained_by_chance_pct']:g}{NBSP}%"),
        ("findings that were complained of", NOT_MEASURED if of is None else f"{of:g}{NBSP}%"),
    )
    return Part("Complaints", head, rows, f"Explained: a fault {low:g} to {high:g}{NBSP}s before it.")


def _coincides(rows: Sequence[Mapping[str, Any]] | None) -> Part:
    head = ("faults coincide with", "rho", "p by chance", "steps", "faults begin near", "95 % interval")
    if not rows:
        why = "Not measured: no series. To measure: bring listeners.csv or load.csv."
        return Part("What faults coincide with", head, (), why)
    told = tuple(
        (
            plain(row["with"]),
            NOT_MEASURED if row["rho"] is None else number(row["rho"], 2),
            NOT_MEASURED if row["p_chance"] is None else f"{row['p_chance']:.2g}",
            f"{row['steps']} of {length(row['step_s'])}",
            "no knee found" if row["knee"] is None else significant(row["knee"]),
            "–" if row["knee"] is None else f"{_known(row['knee_low'])} to {_known(row['knee_high'])}",
        )
        for row in rows
    )
    note = (
        "Spearman's rank correlation of seconds of faults per minute with each series. It says coincides, not causes."
    )
    return Part("What faults coincide with", head, told, note)


def _known(value: float | None) -> str:
    return NOT_MEASURED if value is None else significant(value)


def _imbalance(rows: Sequence[Mapping[str, Any]] | None) -> Part:
    head = ("by", "worst", "against the mean", "seconds of packet faults per hour of sending")
    if not rows:
        bring = "[participants.NAME] with node = ... and region = ... in event.toml"
        return Part("Nodes and regions", head, (), f"Not measured: fewer than two are told. To measure: {bring}.")
    told = tuple(
        (
            row["by"],
            plain(row["worst"]),
            "–" if row["times_the_mean"] is None else f"{row['times_the_mean']:g} times",
            ", ".join(f"{plain(name)} {significant(rate)}" for name, rate in row["fault_s_per_hour"].items()),
        )
        for row in rows
    )
    return Part("Nodes and regions", head, told)


def _together(rows: Mapping[str, Mapping[str, Any]] | None) -> Part:
    head = ("faults in", "participants", "faults", "begin together", "by chance", "p by chance")
    if not rows:
        return Part("Together", head, (), "Not measured: faults of fewer than two participants.")
    told = tuple(
        (
            source if source != "audio" else "sound",
            f"{row['participants']}",
            f"{row['faults']:,}",
            f"{row['together']:,}",
            f"{row['by_chance']:g}",
            f"{row['p_chance']:.2g}",
        )
        for source, row in rows.items()
    )
    return Part("Together", head, told, "Faults of several participants that begin at once are of what they share.")


def _beats(rows: Sequence[Mapping[str, Any]] | None) -> Part:
    head = ("kind", "where", "every", "faults", "p by chance")
    told = tuple(
        (
            row["kind"].replace("_", " "),
            plain(row["where"]),
            length(row["every_s"]),
            f"{row['faults']}",
            f"{row['p_chance']:.2g}",
        )
        for row in rows or ()
    )
    note = "Timers, not networks, do that." if told else "No faults at a steady beat were found."
    return Part("At a beat", head, told, note)


_PARTS: dict[str, Callable[[Any], Part]] = {
    "budget": _budget,
    "listeners": _listeners,
    "feedback": _feedback,
    "coincides": _coincides,
    "imbalance": _imbalance,
    "together": _together,
    "beats": _beats,
    "path": lambda rows: Part(*ways(rows)),
    "second_recordings": lambda rows: Part(*seconds(rows)),
}
