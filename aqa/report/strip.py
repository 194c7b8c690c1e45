"""Lanes of a timeline in a terminal: one character a column, time from left to right."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from aqa.audience import Audience
from aqa.event_model import Analysis
from aqa.incidents import Incidents
from aqa.model import Finding
from aqa.report import words
from aqa.report.event_lanes import lettered
from aqa.report.history import lines_of, node_series
from aqa.report.verdict import worst
from aqa.report.words import event_time, moment

LABEL = 14  # columns for names
LOWEST_DBFS = -60.0
MOST_TRACKS = 12
_BARS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Strip:
    """A stretch of event seconds over so many columns."""

    start_s: float
    end_s: float
    columns: int

    @property
    def span_s(self) -> float:
        """Seconds in a column."""
        return max(self.end_s - self.start_s, 1e-3) / self.columns

    def column(self, second: float) -> int:
        """Where a second is; inside the strip at any rate."""
        return min(max(int((second - self.start_s) / self.span_s), 0), self.columns - 1)

    def touches(self, start_s: float, end_s: float) -> bool:
        """Whether an interval lies in it, in part."""
        return start_s < self.end_s and end_s >= self.start_s

    def bars(self, points: Iterable[tuple[float, float]], top: float, low: float = 0.0, hold_s: float = 0.0) -> str:
        """Values as bars, the largest of each column; each holds for `hold_s`."""
        best: dict[int, float] = {}
        for at, value in points:
            if self.start_s - hold_s < at < self.end_s:
                for column in range(self.column(at), self.column(at + max(hold_s - self.span_s / 2, 0.0)) + 1):
                    best[column] = max(best.get(column, -math.inf), value)
        return "".join(_bar(best[i], top, low) if i in best else " " for i in range(self.columns))

    def letters(self, found: Sequence[Finding]) -> str:
        """Findings as their two letters and a line as long as they last; the worst where there is no room for all."""
        row = [" "] * self.columns
        for item in worst(found):
            first, last = self.column(item.start_s), self.column(max(item.end_s - 1e-9, item.start_s))
            mark = (words.LETTERS[item.kind] + "=" * self.columns)[: max(last - first + 1, 2)]
            place = min(first, self.columns - 2)
            if all(cell == " " for cell in row[place : place + len(mark)]):
                row[place : place + len(mark)] = list(mark)
        return "".join(row)


def _bar(value: float, top: float, low: float) -> str:
    share = (value - low) / (top - low) if top > low else 0.0
    return _BARS[min(max(math.ceil(share * 8), 0), 8)] if math.isfinite(share) else " "


def lanes(analysis: Analysis, found: Incidents, strip: Strip) -> list[str]:
    """All lanes that there is anything for, each with its name in front."""
    rows = [("", _axis(analysis, strip)), *_boxes(found, strip), *_rooms(analysis, strip)]
    rows += _series(analysis, strip) + _tracks(analysis, strip) + _people(analysis, strip)
    return [f"{_named(label)}{row}".rstrip() for label, row in rows]


def _named(label: str) -> str:
    shown = words.plain(label)
    return (shown if len(shown) < LABEL else shown[: LABEL - 2] + "…").ljust(LABEL)


def _axis(analysis: Analysis, strip: Strip) -> str:
    """Times at the left end, the middle and the right end."""
    middle = (strip.start_s + strip.end_s) / 2
    left, mid, right = (_time(analysis, at) for at in (strip.start_s, middle, strip.end_s))
    room = strip.columns - len(left) - len(mid) - len(right)
    return left + " " * (room // 2) + mid + " " * (room - room // 2) + right if room >= 2 else left


def _time(analysis: Analysis, second: float) -> str:
    inside = analysis.event.start_utc is not None and second >= 0
    return moment(analysis, second)[-8:] if inside else event_time(second)


def _boxes(found: Incidents, strip: Strip) -> list[tuple[str, str]]:
    """Incidents as their numbers, the worst in front; a second row for those that it hides."""
    rows = [[" "] * strip.columns, [" "] * strip.columns]
    for one in found.ranked:
        if not strip.touches(one.start_s, one.end_s):
            continue
        first, last = strip.column(one.start_s), strip.column(one.end_s)
        text = f"{one.rank}".ljust(last - first + 1, "-" if one.heard else ".")
        for row in rows:
            if all(cell == " " for cell in row[first : first + len(text)]):
                row[first : first + len(text)] = list(text[: strip.columns - first])
                break
    shown = ["".join(row) for row in rows if any(cell != " " for cell in row)]
    return [("" if place else "incidents", text) for place, text in enumerate(shown)]


def _rooms(analysis: Analysis, strip: Strip) -> list[tuple[str, str]]:
    row = [" "] * strip.columns
    for name, opened, closed in Audience.rooms_of(analysis):
        if strip.touches(opened, closed):
            first, last = strip.column(opened), strip.column(closed)
            text = words.plain(name)[: max(last - first, 0)].ljust(last - first, "-")
            row[first:last] = list(text)
    return [("rooms", "".join(row))] if any(cell != " " for cell in row) else []


def _series(analysis: Analysis, strip: Strip) -> list[tuple[str, str]]:
    rows = []
    audience = Audience.of(analysis)
    if audience.told:
        at = np.asarray(strip.start_s + (np.arange(strip.columns) + 0.5) * strip.span_s, np.float64)
        most = audience.most(0.0, analysis.event.duration_s) or 1.0
        rows.append(("listeners", strip.bars(zip(at.tolist(), audience.at(at).tolist(), strict=True), most)))
    for (node, metric), points in node_series(analysis)[:2]:
        told = [(row.time_s, row.value or 0.0) for row in points]
        top = 100.0 if metric.endswith("_pct") else max(value for _, value in told) or 1.0
        steps = sorted(b[0] - a[0] for a, b in pairwise(told))
        usual_s = steps[len(steps) // 2] if steps else 0.0
        rows.append((node or metric, strip.bars(told, top, hold_s=usual_s)))
    return rows


def _tracks(analysis: Analysis, strip: Strip) -> list[tuple[str, str]]:
    """Level and findings of each track, lost packets of each participant; the mix first."""
    here = [f for f in analysis.findings if f.cause != "intended" and strip.touches(f.start_s, f.end_s)]
    names: dict[str, None] = {}
    for name in [*("mix" for row in analysis.recordings if row.track == "mix"), *_others(analysis)]:
        names.setdefault(name)
    rows = []
    for name in list(names)[:MOST_TRACKS]:
        mine = [row for row in analysis.seconds if (row.track or row.stream) == name]
        level = [(row.second, row.level_dbfs) for row in mine if row.level_dbfs is not None]
        lost = [(row.second, float(row.lost)) for row in mine if row.lost]
        marks = strip.letters([f for f in here if (f.track or f.stream) == name])
        label = name
        sound = strip.bars(level, 0.0, LOWEST_DBFS, hold_s=1.0) if level else ""
        for row in (sound, marks, strip.bars(lost, 25.0, hold_s=1.0)):
            if row.strip():
                rows.append((label, row))
                label = ""
        if label:
            rows.append((label, ""))
    whole = strip.letters([f for f in here if f.source == "event"])
    return [("event", whole), *rows] if whole.strip() else rows


def _others(analysis: Analysis) -> list[str]:
    names = {row.track for row in analysis.recordings if row.track != "mix"}
    return sorted(names | {row.participant or row.ssrc for row in analysis.streams})


def _people(analysis: Analysis, strip: Strip) -> list[tuple[str, str]]:
    rows = []
    bins: dict[int, int] = {}
    for row in lines_of(analysis, "complaint"):
        if strip.start_s <= row.time_s < strip.end_s:
            bins[strip.column(row.time_s)] = bins.get(strip.column(row.time_s), 0) + 1
    if bins:
        told = [(strip.start_s + (at + 0.5) * strip.span_s, float(many)) for at, many in bins.items()]
        rows.append(("complaints", strip.bars(told, max(bins.values()))))
    cells = [" "] * strip.columns
    for letter, row in lettered(lines_of(analysis, "operator")):
        if strip.start_s <= row.time_s <= strip.end_s:
            cells[strip.column(row.time_s)] = letter[-1]
    return [*rows, ("operator", "".join(cells))] if any(cell != " " for cell in cells) else rows
