"""An event in the terminal: verdict, lanes and incidents, worst first; and a window of it with every figure."""

import dataclasses
import textwrap
from collections.abc import Sequence
from typing import Any

from aqa.event_model import Analysis, HistoryRow
from aqa.incidents import Incidents, incidents
from aqa.model import SecondRow
from aqa.report import words
from aqa.report.data import incident_rows
from aqa.report.event_lanes import lettered
from aqa.report.evidence import Told, told
from aqa.report.facts import facts
from aqa.report.history import lines_of
from aqa.report.strip import LABEL, Strip, lanes
from aqa.report.terminal import finding_row, number_cell, table, whole_cell
from aqa.report.verdict import sign
from aqa.report.words import DASH, NBSP, event_time, moment

LEAST_WIDTH = 40
MOST_INCIDENTS = 12
Window = tuple[float, float]


def event_text(analysis: Analysis, width: int) -> str:
    """The whole event in `width` columns."""
    event, found = analysis.event, incidents(analysis)
    width = max(width, LEAST_WIDTH)
    lines = [f"{event.title}  ({event.event_id})", *_wrapped(f"{sign(event.status)}: {event.verdict}", width), ""]
    for fact in facts(analysis):
        lines += _wrapped(fact.text, width, f"{fact.label}: ", "    ")
    if event.duration_s > 0:
        strip = Strip(0.0, event.duration_s, width - LABEL)
        lines += ["", *lanes(analysis, found, strip), *_log(analysis, width, (0.0, event.duration_s))]
    lines += ["", *_incidents(analysis, found, width)]
    return "\n".join(lines)


def _wrapped(text: str, width: int, first: str = "", later: str = "") -> list[str]:
    plain = text.replace(NBSP, "\0")  # a number stays with its unit
    lines = textwrap.wrap(plain, width, initial_indent=first, subsequent_indent=later)
    return [line.replace("\0", " ") for line in lines] or [first.rstrip()]


def _incidents(analysis: Analysis, found: Incidents, width: int) -> list[str]:
    if not found.ranked:
        small = f"; {words.count(len(found.small), 'small thing')}, see --json" if found.small else ""
        return [f"no incident{small}"]
    lines = [f"Incidents, worst first ({len(found.ranked)})"]
    for one in found.ranked[:MOST_INCIDENTS]:
        lines += _incident(told(analysis, one, found), width)
    left = len(found.ranked) - MOST_INCIDENTS
    lines += [f"and {left} more, in report.json"] if left > 0 else []
    lines += [f"{words.count(len(found.small), 'small thing')} of less than a second"] if found.small else []
    return lines


def _incident(it: Told, width: int) -> list[str]:
    head = f"{it.one.rank:>2}  "
    when = f"{it.when}, {it.how_long}; {it.who}"
    heard = "" if it.one.heard else "(recording only) "
    parts = [(heard + it.what, head), (when, "    "), (it.why, "    "), (it.kinds, "    ")]
    return [line for text, first in parts for line in _wrapped(text, width, first, "    ")]


def _log(analysis: Analysis, width: int, window: Window) -> list[str]:
    """The entries of the operator log in words."""
    lines = []
    for letter, row in lettered(lines_of(analysis, "operator")):
        if window[0] <= row.time_s <= window[1]:
            lines += _wrapped(f"{letter}  {moment(analysis, row.time_s)} {_said(row)}", width, "", "    ")
    return lines


def _said(row: HistoryRow) -> str:
    who = f" ({row.who})" if row.who else ""
    kind = f"{row.kind}: " if row.kind else ""
    return f"{kind}{row.text or ''}{who}"


def close_text(analysis: Analysis, window: Window, width: int) -> str:
    """A window: its lanes, and every finding, figure and line in it."""
    width, found = max(width, LEAST_WIDTH), incidents(analysis)
    start, end = window
    low, high = (event_time(at, milliseconds=True) for at in window)
    utc = (
        f" ({moment(analysis, max(start, 0.0))} {DASH} {moment(analysis, end)} UTC)"
        if analysis.event.start_utc
        else ""
    )
    lines = [f"{analysis.event.title}  ({analysis.event.event_id})", f"{low} to {high}, event time{utc}", ""]
    lines += lanes(analysis, found, Strip(start, end, width - LABEL))
    here = _inside(analysis, window)
    lines += ["", *_findings(analysis, window)]
    for one in found.ranked:
        if one.start_s < end and one.end_s >= start:
            lines += _wrapped(f"in incident {one.rank}: {told(analysis, one, found).what}", width, "", "    ")
    lines += ["", *_sound(here), "", *_packets(here)]
    lines += _told_rows(analysis, window, width)
    return "\n".join(lines)


def _inside(analysis: Analysis, window: Window) -> list[SecondRow]:
    rows = [row for row in analysis.seconds if window[0] - 1 < row.second <= window[1]]
    return sorted(rows, key=lambda row: (row.recording or "~", row.log or "", row.stream or "", row.second))


def _findings(analysis: Analysis, window: Window) -> list[str]:
    found = [f for f in analysis.findings if f.start_s <= window[1] and f.end_s >= window[0]]
    if not found:
        return ["no finding"]
    head = ("when", "kind", "who", "length", "value", "severity", "sure", "cause", "cause sure")
    return table(head, [finding_row(item) for item in found], left=3).split("\n")


def _sound(rows: Sequence[SecondRow]) -> list[str]:
    """Level, speech and faults of every second of every recording."""
    mine = [row for row in rows if row.recording is not None]
    if not mine:
        return ["sound: not measured"]
    head = ("second", "track", "recording", "level dBFS", "speech s", "fault s")
    cells = [
        (event_time(row.second), row.track or "", row.recording or "", number_cell(row.level_dbfs, 1),
         number_cell(row.speech_s, 2), number_cell(row.fault_s, 3))
        for row in mine
    ]  # fmt: skip
    return table(head, cells, left=3).split("\n")


def _packets(rows: Sequence[SecondRow]) -> list[str]:
    """Every second of every stream."""
    mine = [row for row in rows if row.log is not None]
    if not mine:
        return ["packets: not measured"]
    head = ("second", "who", "stream", "packets", "expected", "lost", "late", "stalled s", "delay ms", "made up s")
    cells = [
        (event_time(row.second), row.track or "", row.stream or "", *(whole_cell(value) for value in _counts(row)),
         number_cell(row.stalled_s, 2), number_cell(row.delay_max_ms, 1), number_cell(row.concealed_s, 3))
        for row in mine
    ]  # fmt: skip
    return table(head, cells, left=3).split("\n")


def _counts(row: SecondRow) -> tuple[int | None, ...]:
    return row.packets, row.expected, row.lost, row.late


def _told_rows(analysis: Analysis, window: Window, width: int) -> list[str]:
    """Listeners and load as they were told, complaints with their text, the operator log."""
    rows = [row for row in analysis.history if window[0] <= row.time_s <= window[1]]
    values = [row for row in rows if row.value is not None]
    lines = []
    if values:
        head = ("when", "series", "of", "value")
        cells = [
            (event_time(row.time_s, milliseconds=True), row.metric or row.series, row.place or "",
             words.significant(row.value or 0.0, 6))
            for row in sorted(values, key=lambda row: (row.series, row.place or "", row.metric or "", row.time_s))
        ]  # fmt: skip
        lines += ["", *table(head, cells, left=3).split("\n")]
    complaints = [row for row in rows if row.series == "complaint"]
    if complaints:
        lines += ["", "complaints"]
        for row in complaints:
            lines += _wrapped(f"{event_time(row.time_s, milliseconds=True)}  {_said(row)}", width, "", "    ")
    log = _log(analysis, width, window)
    return [*lines, "", "operator log", *log] if log else lines


def close_json(analysis: Analysis, window: Window) -> dict[str, Any]:
    """The same window for programs: rows with the columns of the tables."""
    start, end = window
    findings = [f for f in analysis.findings if f.start_s <= end and f.end_s >= start]
    return {
        "window": {"start_s": start, "end_s": end},
        "incidents": [row for row in incident_rows(analysis) if row["start_s"] < end and row["end_s"] >= start],
        "findings": [dataclasses.asdict(item) for item in findings],
        "seconds": [dataclasses.asdict(row) for row in _inside(analysis, window)],
        "history": [dataclasses.asdict(row) for row in analysis.history if start <= row.time_s <= end],
    }
