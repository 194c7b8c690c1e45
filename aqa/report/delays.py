"""The delay of a stream's packets over the event, with what was lost, late, made up and stalled below it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from aqa.event_model import Analysis
from aqa.model import Finding, SecondRow
from aqa.report import words
from aqa.report.bars import Box, columns_of, loss_bars, made_up_hatch, runs
from aqa.report.marks import STALLS, stalls
from aqa.report.svg import el, percent
from aqa.stream_model import StreamRow

COLUMNS = 600  # of a picture: twenty streams of an hour stay small
DELAY, PACKETS, MADE_UP = 72, 26, 13  # heights in px; made-up sound has half the height of lost packets
_TOPS_MS = (50.0, 100.0, 200.0, 400.0, 1000.0, 2000.0, 5000.0, 10_000.0, 30_000.0, 60_000.0)
_ALMOST_ALL = 0.99  # of the columns; a few far above them would press the others flat, and are cut off and told


@dataclass(frozen=True)
class DelayPicture:
    """The picture, the words beside each of its three strips, and a note; without a picture the note says why."""

    picture: Markup | None
    height: int
    scale: str
    spoken: str
    note: str


def delay_picture(analysis: Analysis, row: StreamRow) -> DelayPicture:
    """Largest relative delay per second, the buffer's delay, and the strips of packets and of made-up sound."""
    length = max(analysis.event.duration_s, 1e-3)
    mine = [one for one in analysis.seconds if (one.log, one.stream) == (row.log, row.ssrc)]
    whole = Box(length, 0, DELAY, COLUMNS)
    delays = columns_of(mine, whole, lambda one: one.delay_max_ms if one.packets else None)
    top = _top(delays.values(), row.playout_delay_mean_ms)
    strip = Box(length, DELAY + 4 + STALLS, PACKETS, COLUMNS)
    below = Box(length, strip.y + PACKETS + 2, MADE_UP, COLUMNS)
    height = int(below.y + MADE_UP + 1)
    stalled = [
        item for item in analysis.findings if item.kind == "stall" and (item.log, item.stream) == (row.log, row.ssrc)
    ]
    parts = [_curve(delays, whole, top) if delays else _unknown(row), _buffer(row, top) if delays else Markup("")]
    parts += [_idle(mine, whole), stalls(stalled, length, DELAY + 4), loss_bars(mine, strip), _concealed(mine, below)]
    several = sum((one.log, one.ssrc) == (row.log, row.ssrc) for one in analysis.packet_streams)
    return DelayPicture(
        picture=el("svg", *parts, class_="view", x="0%", y=0, width="100%", height=height),
        height=height,
        scale=f"0 – {top:,g}{words.NBSP}ms" if delays else "",
        spoken=_spoken(delays, mine, stalled),
        note=_note(delays, top, several),
    )


def _top(delays: Iterable[float], buffer_ms: float | None) -> float:
    """The end of the scale: holds nearly all of the columns, and the buffer's delay where that is near."""
    ranked = sorted(delays)
    most = ranked[int(_ALMOST_ALL * (len(ranked) - 1))] if ranked else 0.0
    wanted = max(most, min(buffer_ms or 0.0, 3 * max(most, 50.0)))
    return next((top for top in _TOPS_MS if top >= wanted), float(wanted))


def _curve(delays: dict[int, float], box: Box, top: float) -> Markup:
    """One area for columns that touch; where no packet came there is none."""
    line, area = [], []
    for run in runs(delays):
        heights = [box.height - box.height * min(delays[column], top) / top for column in run]
        steps = "".join(f"V{height:.1f}h1" for height in heights)
        area.append(f"M{run[0]} {box.height:g}{steps}V{box.height:g}z")
        line.append(f"M{run[0]} {heights[0]:.1f}{steps[len(f'V{heights[0]:.1f}') :]}")
    shapes = (el("path", class_="area", d="".join(area)), el("path", class_="curve", d="".join(line)))
    return box.base() + box.stretched(*shapes)


def _unknown(row: StreamRow) -> Markup:
    """The hatch, with the reason in words."""
    box = el("rect", class_="hatch", x="0%", y=1, width="100%", height=DELAY - 2)
    text = f"{words.NOT_MEASURED}: {no_delay_reason(row)}"
    return box + el("text", text, class_="words", x="50%", y=DELAY / 2 + 4, text_anchor="middle")


def no_delay_reason(row: StreamRow) -> str:
    """Why a stream has no delay."""
    if row.clock_rate_hz is None:
        return "the clock rate is not known"
    return "the log has no times of arrival" if row.delta_max_ms is None else "too few packets"


def _buffer(row: StreamRow, top: float) -> Markup:
    """The buffer's mean delay as a dashed line, labelled; at the upper edge where it is beyond it."""
    if row.playout_delay_mean_ms is None:
        return Markup("")
    beyond = row.playout_delay_mean_ms > top
    y = 1.0 if beyond else DELAY - DELAY * row.playout_delay_mean_ms / top
    text = (
        f"buffer {words.significant(row.playout_delay_mean_ms)}{words.NBSP}ms{', above the scale' if beyond else ''}"
    )
    line = el("line", class_="playout", x1="0%", x2="100%", y1=y, y2=y)
    return line + el("text", text, class_="words", x="100%", dx=-4, y=y + 12 if y < 14 else y - 3, text_anchor="end")


def _idle(mine: Sequence[SecondRow], box: Box) -> Markup:
    """Before the first and after the last packet there is no stream: the base line alone says less than a box."""
    if not mine:
        return Markup("")
    start, end = min(row.second for row in mine), max(row.second for row in mine) + 1
    spans = [(0.0, max(start, 0) / box.length_s), (min(end / box.length_s, 1.0), 1.0)]
    height = DELAY + 4 + STALLS + PACKETS + 2 + MADE_UP
    return Markup("").join(
        el("rect", el("title", "no stream"), class_="idle", x=percent(a), y=0, width=percent(b - a), height=height)
        for a, b in spans
        if b - a > 0.002
    )


def _concealed(mine: Sequence[SecondRow], box: Box) -> Markup:
    if any(row.concealed_s is not None for row in mine):
        return made_up_hatch(mine, box)
    text = f"made-up sound {words.NOT_MEASURED}: no playout model was run"
    return box.base() + el("text", text, class_="words", x="50%", y=box.y + 11, text_anchor="middle")


def _spoken(delays: dict[int, float], mine: Sequence[SecondRow], stalled: Sequence[Finding]) -> str:
    lost, late = (sum(getattr(row, name) or 0 for row in mine) for name in ("lost", "late"))
    most = f"delay up to {words.significant(max(delays.values()))} ms" if delays else "delay not measured"
    return f"{most}, {lost} packets lost, {late} late, {len(stalled)} stalls"


def _note(delays: dict[int, float], top: float, several: int) -> str:
    most = max(delays.values(), default=0.0)
    parts = []
    if most > top:
        largest = f"{words.significant(most)}{words.NBSP}ms"
        parts.append(f"Delays above {top:,g}{words.NBSP}ms are cut off; the largest is {largest}.")
    if several > 1:
        parts.append(f"{several} flows in this log have the same SSRC; the picture is of all of them together.")
    return " ".join(parts)
