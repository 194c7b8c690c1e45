"""Loss against listeners, a point per step of time: the figure that could refute that faults follow the load."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from aqa.audience import Audience
from aqa.event_model import Analysis
from aqa.incidents import Incident
from aqa.model import Doubles
from aqa.report.svg import el, percent
from aqa.report.words import significant

HEIGHT, _TOP, _BOTTOM = 150, 14, 18
_LEFT, _RIGHT = 0.11, 0.02  # shares of the width
STEPS = (60, 10)  # at most so many steps, of at least so many seconds


@dataclass(frozen=True)
class Points:
    """Listeners and lost packets in per cent, one each a step; steps without packets are left out."""

    step_s: int
    listeners: Doubles
    lost_pct: Doubles


def points(analysis: Analysis) -> Points | None:
    """Shapes (steps,); None where listeners or packets were not measured."""
    audience = Audience.of(analysis)
    rows = [row for row in analysis.seconds if row.log is not None and row.expected]
    if not audience.told or not rows:
        return None
    step_s = max(int(np.ceil(analysis.event.duration_s / STEPS[0])), STEPS[1])
    step = np.array([row.second // step_s for row in rows])
    step -= int(step.min())
    expected = np.bincount(step, [row.expected or 0 for row in rows])
    lost = np.bincount(step, [max(row.lost or 0, 0) for row in rows])
    known = np.flatnonzero(expected > 0)
    told = audience.at(np.array([row.second + 0.5 for row in rows]))  # while packets came: a room may close in a step
    listeners = np.bincount(step, told)[known] / np.bincount(step)[known]
    return Points(step_s, listeners, 100 * lost[known] / expected[known])


def scatter(analysis: Analysis, one: Incident) -> Markup | None:
    """The figure of an incident that coincides with listeners; None for any other."""
    knee = next((item.value for item in one.of("capacity") if item.unit == "listeners"), None)
    found = points(analysis) if knee is not None else None
    if found is None or knee is None:
        return None
    right = max(float(found.listeners.max()), knee) * 1.03 or 1.0
    most = float(found.lost_pct.max()) or 1.0

    def x(listeners: float) -> str:
        return percent(_LEFT + (1 - _LEFT - _RIGHT) * listeners / right)

    def y(share_pct: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share_pct / most

    dots = [
        el("circle", class_="dot-of", r=2.5, cx=x(a), cy=y(b))
        for a, b in zip(found.listeners.tolist(), found.lost_pct.tolist(), strict=True)
    ]
    line = el("line", class_="limit", x1=x(knee), x2=x(knee), y1=_TOP, y2=y(0))
    note = el(
        "text", f"faults begin near {significant(knee)}", class_="words", x=x(knee), dx=-4, y=9, text_anchor="end"
    )
    axes = [el("line", class_="grid", x1=x(0), x2="100%", y1=y(at), y2=y(at)) for at in (0.0, most)]
    labels = [
        el("text", f"{significant(at, 2)} %", x=x(0), dx=-4, y=y(at) + 4, text_anchor="end") for at in (0.0, most)
    ]
    below = el("text", f"listeners, 0 to {right / 1.03:,.0f}", x="100%", y=HEIGHT - 4, text_anchor="end")
    spoken = f"lost packets against listeners, {len(dots)} points of {found.step_s} s"
    return el(
        "svg", *axes, *labels, line, note, *dots, below, class_="plot", height=HEIGHT, role="img", aria_label=spoken
    )
