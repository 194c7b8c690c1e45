"""Lanes of the event as a whole: incidents, listeners, load, complaints, the operator log.

A series is drawn as it was told: the largest value of each column, for what is short must not vanish.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from markupsafe import Markup

from aqa.audience import Audience
from aqa.event_model import Analysis, HistoryRow
from aqa.incidents import Incident, Incidents
from aqa.report import words
from aqa.report.history import brought, lines_of, node_series
from aqa.report.phrases import how_long, name
from aqa.report.svg import el, percent
from aqa.report.words import count

COLUMNS = 600
LISTENERS, LOAD, COMPLAINTS = 48, 24, 22
HEADROOM = 1.3  # of the largest number of listeners (REPORT.md, lanes)
BIN_S = 30.0  # complaints per half minute
MOST_NODES = 2
MOST_ROWS = 4  # of incidents
_LETTER_PX = 7.0


@dataclass(frozen=True)
class Lane:
    """One row of the timeline: its label, what stands under it, its picture and how high that is."""

    label: str
    under: str
    height: int
    picture: Markup
    name: str  # spoken name of the picture
    folded: bool = False  # behind "n more tracks, no finding"
    links: bool = False  # holds links: no image to a screen reader


def view(*parts: Markup | str, height: float) -> Markup:
    """What zooms."""
    return el("svg", *parts, class_="view", x="0%", y=0, width="100%", height=height)


def incident_lane(found: Incidents, length: float) -> list[Lane]:
    """Numbered boxes, each a link; those that come back, and those that overlap, in a row below."""
    if not found.ranked:
        return []
    rows, ends = {}, [0.0] * MOST_ROWS
    least_s = 0.02 * length  # a box takes as much as its number
    for one in sorted(found.ranked, key=lambda one: (one.start_s, one.rank)):
        start = max(one.start_s, 0.0)
        free = [row for row in range(int(not one.throughout), MOST_ROWS) if ends[row] <= start]
        rows[one.rank] = free[0] if free else MOST_ROWS - 1
        ends[rows[one.rank]] = max(one.end_s, start + least_s)
    parts = [_box(one, length, 1 + 16 * rows[one.rank]) for one in found.ranked]
    height = 17 + 16 * max(rows.values())
    spoken = "; ".join(f"{one.rank} {name(one)}, {how_long(one)}" for one in found.ranked[:9])
    return [Lane("Incidents", "", height, view(*parts, height=height), f"incidents: {spoken}", links=True)]


def _box(one: Incident, length: float, y: int) -> Markup:
    start, end = max(one.start_s, 0.0), max(min(one.end_s, length), 0.0)
    share = max(end - start, 0.0) / length
    text = f"{one.rank} {name(one)}"
    fits = share * 1100 >= _LETTER_PX * len(text)
    look = "incident" if one.heard else "incident unheard"
    box = el("rect", class_=look, x=percent(start / length), y=y, width=percent(share), height=13)
    title = el("title", f"{text}: {how_long(one)}")
    if fits:  # clipped to its box, which is narrower on a phone
        inner = el("text", text, class_="words strong", x=4, y=y + 10)
        label = el("svg", inner, x=percent(start / length), y=0, width=percent(share), height=y + 15)
    else:
        last = start / length > 0.97
        where = {"x": percent(start / length), "dx": -3 if last else 4, "y": y + 10}
        label = el("text", f"{one.rank}", class_="words strong", text_anchor="end" if last else None, **where)
    return el("a", title, box, label, href=f"#incident-{one.rank}", aria_label=f"incident {text}, {how_long(one)}")


def listeners_lane(analysis: Analysis, found: Incidents, length: float) -> Lane | None:
    """How many listened, all rooms together; the most of each room as a number; where faults begin, dashed."""
    audience = Audience.of(analysis)
    if not audience.told:
        return None
    points = _of_all(audience)
    most = max((value for _, value in points), default=0.0)
    top = HEADROOM * most or 1.0
    parts = [_area(points, length, LISTENERS, top), *_numbers(audience, length, top)]
    knee = next((item for one in found.ranked for item in one.of("capacity") if item.unit == "listeners"), None)
    if knee is not None and knee.value:
        y = LISTENERS * (1 - knee.value / top)
        parts.append(el("line", class_="limit", x1="0%", x2="100%", y1=y, y2=y))
        text = f"faults begin near {words.significant(knee.value)}"
        parts.append(el("text", text, class_="words", x="0.3%", y=max(y - 3, 9)))
    picture = view(*parts, height=LISTENERS)
    spoken = f"listeners: at most {most:,.0f}"
    return Lane("Listeners", f"0{words.DASH}{most:,.0f}", LISTENERS, picture, spoken)


def _of_all(audience: Audience) -> list[tuple[float, float]]:
    ends = [closed for _, _, closed in audience.rooms]
    times = np.unique(np.concatenate([*(series.time_s for _, series in audience.series), ends]))
    return list(zip(times.tolist(), audience.at(times).tolist(), strict=True))


def _area(points: Sequence[tuple[float, float]], length: float, height: float, top: float) -> Markup:
    """A series as steps, filled; in a stretched box of COLUMNS x `height`, the largest of each column."""
    columns: dict[int, float] = {}
    for at, value in points:
        column = min(max(int(at / length * COLUMNS), 0), COLUMNS)
        columns[column] = max(columns.get(column, 0.0), value)
    if not columns:
        return Markup("")
    ys = {column: height * (1 - min(value / top, 1.0)) for column, value in sorted(columns.items())}
    first = next(iter(ys))
    path = f"M{first} {height:g}" + "".join(f"H{column}V{y:.1f}" for column, y in ys.items())
    edge = f"M{first} {ys[first]:.1f}" + "".join(f"H{column}V{y:.1f}" for column, y in ys.items()) + f"H{COLUMNS}"
    return el(
        "svg", el("path", class_="area told", d=f"{path}H{COLUMNS}V{height:g}Z"), el("path", class_="curve", d=edge),
        x="0%", y=0, width="100%", height=height, viewBox=f"0 0 {COLUMNS} {height:g}", preserveAspectRatio="none",
    )  # fmt: skip


def _numbers(audience: Audience, length: float, top: float) -> list[Markup]:
    parts = []
    for room, series in audience.series:
        if not len(series.value):
            continue
        best = int(series.value.argmax())
        value, at = float(series.value[best]), float(series.time_s[best])
        y = max(LISTENERS * (1 - value / top) - 3, 9)
        anchor = "end" if at / length > 0.5 else "start"
        text = el("title", room or "listeners") + el("tspan", f"{value:,.0f}")
        parts.append(el("text", text, class_="words strong", x=percent(at / length), y=y, text_anchor=anchor))
    return parts


def load_lanes(analysis: Analysis, length: float) -> list[Lane]:
    """Load of the nodes, at most two, worst first; 0 to 100 % where it is a share, else 0 to the most."""
    lanes = []
    for (node, metric), rows in node_series(analysis)[:MOST_NODES]:
        share = metric.endswith("_pct")
        most = max(row.value or 0.0 for row in rows)
        top = 100.0 if share and most <= 100 else (most or 1.0)
        label = f"{node or 'load'} {metric.removesuffix('_pct')}"
        scale = (
            f"0{words.DASH}100{words.NBSP}%" if top == 100.0 and share else f"0{words.DASH}{words.significant(top)}"
        )
        parts = [_area([(row.time_s, row.value or 0.0) for row in rows], length, LOAD, 1.05 * top)]
        lanes.append(
            Lane(label, scale, LOAD, view(*parts, height=LOAD), f"{label}: at most {words.significant(most)}")
        )
    return lanes


def complaint_lane(analysis: Analysis, length: float) -> Lane | None:
    """Complaints per half minute; none is said in words, for a file without complaints is a measurement."""
    if not brought(analysis, "feedback.csv"):
        return None
    rows = lines_of(analysis, "complaint")
    if not rows:
        text = el("text", "0 complaints in feedback.csv", class_="small", x="1%", y=12)
        return Lane("Complaints", "", 16, view(text, height=16), "complaints: 0 in feedback.csv")
    bins: dict[int, int] = {}
    for row in rows:
        bins[int(row.time_s // BIN_S)] = bins.get(int(row.time_s // BIN_S), 0) + 1
    most = max(bins.values())
    parts = [
        el(
            "rect", el("title", count(many, "complaint")), class_="wave", x=percent(at * BIN_S / length),
            width=percent(0.9 * BIN_S / length), y=COMPLAINTS * (1 - many / most) + 1,
            height=COMPLAINTS * many / most,
        )
        for at, many in sorted(bins.items())
    ]  # fmt: skip
    height = COMPLAINTS + 2
    under = f"0{words.DASH}{most} per 30{words.NBSP}s"
    return Lane("Complaints", under, height, view(*parts, height=height), f"complaints: {len(rows)}")


def operator_lane(analysis: Analysis, length: float) -> Lane | None:
    """A letter for each entry; the words stand below the timeline."""
    rows = lines_of(analysis, "operator")
    if not rows:
        return None
    parts = []
    for _, group in groupby(lettered(rows), key=lambda pair: round(pair[1].time_s / length * 100)):
        here = list(group)
        x = percent(min(max(here[0][1].time_s / length, 0.0), 1.0))
        text = "".join(letter for letter, _ in here) if len(here) < 4 else f"{here[0][0]}{words.DASH}{here[-1][0]}"
        parts.append(el("line", class_="tick", x1=x, x2=x, y1=0, y2=4))
        at = (
            "start" if here[0][1].time_s < 0.01 * length else "end" if here[0][1].time_s > 0.99 * length else "middle"
        )
        parts.append(el("text", text, class_="strong", x=x, y=15, text_anchor=at))
    return Lane(
        "Operator log", "", 18, view(*parts, height=18), f"operator log: {count(len(rows), 'entry', 'entries')}"
    )


def lettered(rows: Sequence[HistoryRow]) -> list[tuple[str, HistoryRow]]:
    """Entries with their letters: a to z, then aa, ab ..."""
    return [(_letter(place), row) for place, row in enumerate(rows)]


def _letter(place: int) -> str:
    first, second = divmod(place, 26)
    return ("" if first == 0 else chr(96 + min(first, 26))) + chr(97 + second)


def lanes_above(analysis: Analysis, found: Incidents, length: float, rooms: Sequence[Lane]) -> list[Lane]:
    """Incidents, rooms, listeners, load: above the tracks."""
    listeners = listeners_lane(analysis, found, length)
    return [*incident_lane(found, length), *rooms, *([listeners] if listeners else []), *load_lanes(analysis, length)]


def lanes_below(analysis: Analysis, length: float) -> list[Lane]:
    """Complaints and the operator log: below the tracks."""
    both = (complaint_lane(analysis, length), operator_lane(analysis, length))
    return [lane for lane in both if lane is not None]
