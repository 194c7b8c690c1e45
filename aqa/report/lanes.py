"""The timeline: one lane per track with its sound and its packets, one clock for all; static SVG, no script needed.

Everything is placed in per cent of the event's length inside a nested `svg` of class `view`; zooming is two
attributes of that element, so the same picture serves both.
"""

import dataclasses
import json
import math
from collections.abc import Sequence

from markupsafe import Markup

from aqa.event_model import Analysis
from aqa.incidents import incidents
from aqa.model import Finding
from aqa.report import words
from aqa.report.bars import LOSS_TOP_PCT, Box, loss_bars, made_up_bars
from aqa.report.coverage import utc_ns_of
from aqa.report.event_lanes import Lane, lanes_above, lanes_below, view
from aqa.report.marks import (
    COLUMNS,
    LETTER_PX,
    MARKS,
    PACKETS,
    STALLS,
    WAVE,
    marks,
    sign,
    stalls,
)
from aqa.report.svg import el, envelope, joined, percent
from aqa.report.verdict import faults
from aqa.stream_model import StreamRow

MOST_OPEN = 6  # tracks; of the rest those without a finding are folded
MOST_DRAWN = 40  # tracks
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200)
_DAY = 86_400


def axis_ticks(length_s: float, start_utc: str | None = None, most: int = 12) -> list[float]:
    """Event seconds of the axis' ticks: at round times of the clock that is shown, `most` steps at most."""
    days = math.ceil(length_s / _DAY / (most // 3)) * _DAY  # their labels, with the date, are long
    step = next((step for step in _STEPS if length_s / step <= most), days)
    first = -utc_ns_of(start_utc) / 1e9 % step if start_utc else 0.0
    return [first + at for at in range(0, int(length_s - first) + 1, step)] if first <= length_s else []


def timeline(analysis: Analysis) -> list[Lane]:
    """All lanes but the axis, in the order of the page."""
    length = max(analysis.event.duration_s, 1e-3)
    lanes = lanes_above(analysis, incidents(analysis), length, _rooms(analysis, length))
    found = faults(analysis)
    names = dict.fromkeys(row.track for row in sorted(analysis.recordings, key=lambda r: (r.track != "mix", r.track)))
    names.update(dict.fromkeys(sorted(_of(row) for row in analysis.streams)))
    hit = {item.track or item.stream for item in found}
    ordered = sorted(names, key=lambda name: (name != "mix", len(names) > MOST_OPEN and name not in hit))
    for place, name in enumerate(ordered[:MOST_DRAWN]):
        lane = _lane(analysis, name, found, length)
        lanes.append(dataclasses.replace(lane, folded=place >= MOST_OPEN and name not in hit))
    if not analysis.recordings:
        lanes.append(_not_measured("sound", "not measured: no recording"))
    if not analysis.packet_streams:
        lanes.append(_not_measured("packets", "not measured: no packet log"))
    return [*lanes, *lanes_below(analysis, length)]


def left_out(analysis: Analysis) -> int:
    """How many tracks have no lane: they stand in the tables alone."""
    names = {row.track for row in analysis.recordings} | {_of(row) for row in analysis.streams}
    return max(len(names) - MOST_DRAWN, 0)


def key(analysis: Analysis) -> list[tuple[Markup, str]]:
    """Sign and words of every mark that occurs, and of no other."""
    kinds = dict.fromkeys(item.kind for item in faults(analysis) if item.kind not in words.UNDRAWN)
    rows = [
        (sign(kind), f"{words.kind_words(kind)}: {words.MEANINGS.get(kind, words.kind_words(kind))}")
        for kind in kinds
    ]
    if analysis.packet_streams:
        late = any(row.late for row in analysis.seconds)
        bar = el(
            "svg",
            el("rect", class_="lost", x=2, y=4, width=4, height=8),
            el("rect", class_="lost", x=8, y=6, width=4, height=6),
            el("rect", class_="late", x=8.5, y=1.5, width=3, height=4) if late else "",
            width=16,
            height=12,
            aria_hidden="true",
        )
        and_late = "; hollow on them: late, after their playout" if late else ""
        rows.append((bar, f"lost packets per second (top = {LOSS_TOP_PCT:g} %){and_late}"))
    told = {row.log for row in analysis.streams if row.source == "stats"}
    if any(row.concealed_s for row in analysis.seconds if row.log in told):
        made_up = el(
            "svg", el("rect", class_="wave", x=4, y=5, width=6, height=7), width=16, height=12, aria_hidden="true"
        )
        rows.append((made_up, "grey bars: share of a second that a receiver made up (top = all of it)"))
    if analysis.peaks_dbfs:
        grey = el(
            "svg", el("rect", class_="wave", x=4, y=1, width=6, height=10), width=16, height=12, aria_hidden="true"
        )
        rows.append((grey, "grey: level of the sound"))
    return rows


def _rooms(analysis: Analysis, length: float) -> list[Lane]:
    rooms = [room for room in json.loads(analysis.event.rooms) if room["opened"]]
    if not rooms or analysis.event.start_utc is None:
        return []
    zero = utc_ns_of(analysis.event.start_utc)
    parts = []
    for room in rooms:
        start = (utc_ns_of(room["opened"]) - zero) / 1e9
        end = (utc_ns_of(room["closed"]) - zero) / 1e9 if room["closed"] else length
        parts.append(
            el(
                "rect",
                class_="room",
                x=percent(start / length),
                y=3,
                width=percent((end - start) / length),
                height=12,
            )
        )
        parts.append(el("text", room["id"], class_="small", x=percent(start / length), dx=5, y=13))
    named = ", ".join(room["id"] for room in rooms)
    return [Lane("Rooms", "", 18, view(*parts, height=18), f"rooms: {named}")]


def _lane(analysis: Analysis, name: str, found: Sequence[Finding], length: float) -> Lane:
    """Sound above, packets below, of one track or participant (or one stream nobody is named for)."""
    recordings = [row for row in analysis.recordings if row.track == name]
    streams = [row for row in analysis.packet_streams if _of(row) == name]
    mine = [item for item in found if (item.track or item.stream) == name]
    sound = [item for item in mine if item.source in ("audio", "container")]
    sound += [item for item in found if item.kind == "late_start" and name == "mix"]
    told = [item for item in mine if item.source == "stats"]
    packets = [item for item in mine if item.source == "packets"]
    parts: list[Markup] = []
    y = 0
    if recordings:
        for row in recordings:
            parts.append(_wave(analysis, row.recording, row.start_s, length))
        parts.append(joined(marks(sound, length, y=WAVE)))
        y = WAVE + MARKS + 2
    if streams:
        rows = [row for row in analysis.seconds if row.log is not None and (row.track or row.stream) == name]
        parts += [stalls(packets, length, y), loss_bars(rows, Box(length, y + STALLS, PACKETS, COLUMNS))]
        y += STALLS + PACKETS
    if any(row.source == "stats" and _of(row) == name for row in analysis.streams):
        seconds = [row for row in analysis.seconds if row.concealed_s and (row.track or row.stream) == name]
        parts += [made_up_bars(seconds, Box(length, y, PACKETS, COLUMNS)), joined(marks(told, length, y=y))]
        y += PACKETS
    parts.append(_outages(found, length, y + 2))
    label = f"{name} (recorded)" if name == "mix" else name
    return Lane(
        label, _under([*sound, *told], packets, streams), y + 2, view(*parts, height=y + 2), _spoken(name, mine)
    )


def _outages(found: Sequence[Finding], length: float, height: int) -> Markup:
    """A tinted box over the whole lane: nobody could be heard, whoever it was."""
    parts = []
    for item in found:
        if item.kind == "outage":
            title = el("title", f"outage, {words.length(item.duration_s)}")
            where = {"x": percent(item.start_s / length), "width": percent(item.duration_s / length)}
            parts.append(el("rect", title, class_="outage", y=0, height=height, **where))
            hidden = "hidden" if item.duration_s / length < LETTER_PX else None
            middle = percent((item.start_s + item.end_s) / 2 / length)
            parts.append(
                el("text", "Ou", class_="letters on-outline", x=middle, y=height / 2 + 4, text_anchor="middle",
                   data_s=item.duration_s, visibility=hidden)
            )  # fmt: skip
    return joined(parts)


def _of(row: StreamRow) -> str:
    """Whose lane a stream is drawn in."""
    return row.participant or row.ssrc or row.log


def _under(sound: Sequence[Finding], packets: Sequence[Finding], streams: Sequence[StreamRow]) -> str:
    counts: dict[str, int] = {}
    for item in [*sound, *packets]:
        counts[item.kind] = counts.get(item.kind, 0) + 1
    lost, expected = (sum(getattr(row, name) or 0 for row in streams) for name in ("lost", "expected"))
    marks = [f"{words.LETTERS[kind]} {many}" for kind, many in counts.items() if kind != "loss"]
    if streams:
        marks.append(f"Lo {100 * lost / expected:.1f} %" if expected else "Lo 0 %")
    return " ".join(marks)


def _spoken(name: str, mine: Sequence[Finding]) -> str:
    counts: dict[str, int] = {}
    for item in mine:
        counts[item.kind] = counts.get(item.kind, 0) + 1
    told = ", ".join(f"{many} {words.kind_words(kind)}" for kind, many in counts.items())
    return f"{name}: {told or 'no finding'}"


def _wave(analysis: Analysis, recording: str, start_s: float, length: float) -> Markup:
    peaks = analysis.peaks_dbfs.get(recording)
    if peaks is None or not len(peaks):
        return el("text", "not measured: no sound could be decoded", class_="small", x="1%", y=17)
    columns = min(COLUMNS, len(peaks))
    end = percent(start_s / length + len(peaks) / 100 / length)
    box = {"x": percent(start_s / length), "width": percent(len(peaks) / 100 / length), "y": 0, "height": WAVE}
    middle = el("line", class_="middle", x1=box["x"], x2=end, y1=WAVE / 2, y2=WAVE / 2)
    path = el("path", class_="wave", d=envelope(peaks, columns=columns, height=WAVE))
    return middle + el("svg", path, **box, viewBox=f"0 0 {columns} {WAVE}", preserveAspectRatio="none")


def _not_measured(label: str, why: str) -> Lane:
    box = el("rect", class_="hatch", x="0%", y=1, width="100%", height=14)
    text = el("text", why, class_="small words", x="50%", y=12, text_anchor="middle")
    return Lane(label, "", 17, el("svg", box, text, x="0%", y=0, width="100%", height=17), f"{label}: {why}")
