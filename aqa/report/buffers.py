"""What fixed buffers of other lengths would have made of a stream: concealed seconds over delay, as a curve."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from aqa.event_model import Analysis
from aqa.report import words
from aqa.report.svg import el, percent
from aqa.stream_model import StreamRow

HEIGHT, _TOP, _BOTTOM = 162, 36, 32  # px: of the picture, above and below the curve
_REACH = 1.5  # the axis is made longer than the sweep by at most this, for the modelled buffer
_ROOM = 0.11  # share of the curve that a number needs
_LEFT, _RIGHT = 0.12, 0.05  # shares of the width


@dataclass(frozen=True)
class Choice:
    """One fixed buffer: its delay, packets that would have been late, dropouts and concealed seconds."""

    delay_ms: float
    late: int
    dropouts: int
    concealed_s: float


def choices(row: StreamRow) -> list[Choice]:
    """The sweep as stored; empty where none was made."""
    return [Choice(**item) for item in json.loads(row.sweep or "[]")]


def current_delay_ms(analysis: Analysis) -> float:
    """The delay in the settings: what the advice compares with."""
    settings: dict[str, Any] = json.loads(analysis.event.settings)
    return float(settings["playout"]["delay_ms"])


def sweep_picture(row: StreamRow, current_ms: float) -> Markup | None:
    """The curve with dropouts as numbers, the buffer of the settings as a dashed line and the modelled one as a mark.

    None where there is no sweep.
    """
    found = choices(row)
    if not found:
        return None
    modelled_ms = row.playout_delay_mean_ms or 0.0
    longest_ms = max(found[-1].delay_ms, current_ms)
    right = max(longest_ms, modelled_ms if modelled_ms <= _REACH * longest_ms else 0.0)
    most = max([item.concealed_s for item in found] + [row.concealed_s or 0.0]) or 1.0

    def x(delay_ms: float) -> str:
        return percent(_LEFT + (1 - _LEFT - _RIGHT) * delay_ms / right)

    def y(concealed_s: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * concealed_s / most

    parts = [*_axes(x, y, right, most), _now(x, current_ms), _line(found, x, y), *_points(found, x, y)]
    parts.append(_modelled(row, x, y, right))
    spoken = f"concealed seconds by buffer: {'; '.join(f'{c.delay_ms:g} ms {c.concealed_s:.3g} s' for c in found)}"
    return el("svg", *parts, class_="plot", height=HEIGHT, role="img", aria_label=spoken)


def _axes(x: Any, y: Any, right: float, most: float) -> list[Markup]:
    parts = [el("line", class_="grid", x1=x(0), x2="100%", y1=y(at), y2=y(at)) for at in (0.0, most)]
    parts += [
        el("text", f"{words.significant(at, 2)}{words.NBSP}s", x=x(0), dx=-4, y=y(at) + 4, text_anchor="end")
        for at in (0.0, most)
    ]
    step = next((step for step in (50, 100, 200, 500) if right / step <= 10), 1000)
    for place, at in enumerate(range(0, int(right) + 1, step)):
        some = "some" if place % 2 else None
        parts.append(el("text", f"{at}", class_=some, x=x(at), y=HEIGHT - _BOTTOM + 14, text_anchor="middle"))
    parts.append(el("text", "delay of a fixed buffer, ms", x="100%", y=HEIGHT - 4, text_anchor="end"))
    parts.append(el("text", "concealed sound; at the points: dropouts", x="0%", y=10))
    return parts


def _now(x: Any, current_ms: float) -> Markup:
    line = el("line", class_="playout", x1=x(current_ms), x2=x(current_ms), y1=_TOP - 8, y2=HEIGHT - _BOTTOM)
    text = f"settings: {current_ms:g}{words.NBSP}ms"
    return line + el("text", text, class_="words", x=x(current_ms), dx=4, y=HEIGHT - _BOTTOM - 4)


def _line(found: Sequence[Choice], x: Any, y: Any) -> Markup:
    """Straight lines between the points that were tried: what is between them was not."""
    return Markup("").join(
        el("line", class_="thin", x1=x(a.delay_ms), y1=y(a.concealed_s), x2=x(b.delay_ms), y2=y(b.concealed_s))
        for a, b in pairwise(found)
    )


def _points(found: Sequence[Choice], x: Any, y: Any) -> list[Markup]:
    """Every buffer that was tried; dropouts where the numbers have room (the table below has all)."""
    parts, labelled = [], -math.inf
    for item in found:
        told = f"{item.delay_ms:g} ms: {item.concealed_s:.3g} s concealed, {item.dropouts} dropouts, {item.late} late"
        where = x(item.delay_ms)
        parts.append(el("circle", el("title", told), class_="point", r=2.5, cx=where, cy=y(item.concealed_s)))
        if item.delay_ms - labelled >= _ROOM * found[-1].delay_ms:
            labelled, above = item.delay_ms, y(item.concealed_s) - 6
            parts.append(el("text", f"{item.dropouts:,}", class_="words", x=where, y=above, text_anchor="middle"))
    return parts


def _modelled(row: StreamRow, x: Any, y: Any, right: float) -> Markup:
    """What the modelled buffer did: its mean delay and its concealed seconds."""
    if row.playout_delay_mean_ms is None or row.concealed_s is None or row.playout_delay_mean_ms > right:
        return Markup("")
    told = f"{row.playout_model}: {row.playout_delay_mean_ms:.0f} ms in the mean, {row.concealed_s:.3g} s concealed"
    mark = el("path", el("title", told), class_="modelled", d="M0 -5l5 5l-5 5l-5 -5Z")
    at, height = x(row.playout_delay_mean_ms), y(row.concealed_s)
    anchor = "end" if row.playout_delay_mean_ms > 0.8 * right else "start"
    label = el("text", "modelled", class_="words", x=at, y=height - 17, text_anchor=anchor)
    return label + el("svg", mark, x=at, y=height, width=1, height=1, overflow="visible")
