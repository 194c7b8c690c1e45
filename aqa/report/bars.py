"""Bars per column of time: packets lost and late, and sound made up; the worst second of each column is drawn.

The worst, for a minute of loss in an hour must not vanish. Bars are paths in a stretched box: sharp at any width.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from aqa.model import SecondRow
from aqa.report.svg import el, percent

LOSS_TOP_PCT = 40.0  # top of the packet bars, square root, the same in all reports
_LEAST_PX = 1.5  # the smallest share is still seen


@dataclass(frozen=True)
class Box:
    """Where bars are drawn: the event's length in seconds, and a strip of px in at most `columns` columns."""

    length_s: float
    y: float
    height: float
    columns: int

    @property
    def span_s(self) -> float:
        """Seconds in a column: one, where the event is short enough."""
        return max(1.0, self.length_s / self.columns)

    @property
    def many(self) -> int:
        """Columns in use."""
        return max(math.ceil(self.length_s / self.span_s), 1)

    def base(self) -> Markup:
        """The line that the bars stand on."""
        y = self.y + self.height
        return el("line", class_="middle", x1="0%", x2="100%", y1=y, y2=y)

    def stretched(self, *parts: Markup) -> Markup:
        """Shapes in units of columns and px, over the event."""
        box = {
            "x": "0%",
            "width": percent(self.many * self.span_s / self.length_s),
            "y": self.y,
            "height": self.height,
        }
        return el("svg", *parts, **box, viewBox=f"0 0 {self.many} {self.height:g}", preserveAspectRatio="none")


def loss_bars(rows: Sequence[SecondRow], box: Box) -> Markup:
    """Lost packets as filled bars, late ones as hollow bars stacked on them: both missed their playout."""
    worst: dict[int, tuple[float, float]] = {}
    for second, (lost, late, expected) in _counts(rows).items():
        if lost > 0 or late > 0:
            column, due = int(second / box.span_s), max(expected, lost + late)
            share = (100 * (lost + late) / due, 100 * lost / due)
            worst[column] = max(worst.get(column, (0.0, 0.0)), share)
    filled = {column: _root(lost_pct, box) for column, (_, lost_pct) in worst.items() if lost_pct > 0}
    stacked = {}
    for column, (both, lost_pct) in worst.items():
        if both > lost_pct:
            foot = filled.get(column, 0.0)
            stacked[column] = (foot, max(_root(both, box), foot + _LEAST_PX))
    parts = [*_filled(filled, box, "lost"), *_hollow(stacked, box)]
    return box.base() + (box.stretched(*parts) if parts else "")


def _counts(rows: Iterable[SecondRow]) -> dict[int, tuple[int, int, int]]:
    """Lost, late and expected packets of each second, over all streams in `rows`."""
    counts: dict[int, tuple[int, int, int]] = {}
    for row in rows:
        lost, late, expected = counts.get(row.second, (0, 0, 0))
        counts[row.second] = (lost + (row.lost or 0), late + (row.late or 0), expected + (row.expected or 0))
    return counts


def made_up_bars(rows: Iterable[SecondRow], box: Box) -> Markup:
    """The share of a second that was made up; top = all of it."""
    heights = _made_up(rows, box)
    return box.base() + (box.stretched(*_filled(heights, box, "wave")) if heights else "")


def made_up_hatch(rows: Iterable[SecondRow], box: Box) -> Markup:
    """As `made_up_bars`, hatched: the whole strip is, and what is above the bars is covered by the page's colour.

    A hatch inside the stretched box would be stretched with it.
    """
    heights = _made_up(rows, box)
    if not heights:
        return box.base()
    below = f"{box.height + 2:g}"  # out of sight: where nothing was made up there is no edge
    path = "M-2 -2"
    for run in runs(heights):
        tops = "".join(f"V{box.height - heights[column]:.1f}h1" for column in run)
        path += f"V{below}H{run[0]}{tops}"
    cover = f"{path}V{below}H{box.many + 2}V-2z"
    hatch = el("rect", class_="made-up", x="0%", y=box.y, width="100%", height=box.height)
    return hatch + box.stretched(el("path", class_="cover", d=cover)) + box.base()


def _made_up(rows: Iterable[SecondRow], box: Box) -> dict[int, float]:
    shares = columns_of(rows, box, lambda row: row.concealed_s or None)
    return {column: max(box.height * min(share, 1.0), _LEAST_PX) for column, share in shares.items()}


def columns_of(rows: Iterable[SecondRow], box: Box, value: Callable[[SecondRow], float | None]) -> dict[int, float]:
    """The largest value in each column that has any."""
    out: dict[int, float] = {}
    for row in rows:
        found = value(row)
        if found is not None:
            column = int(row.second / box.span_s)
            out[column] = max(out.get(column, found), found)
    return out


def runs(columns: Iterable[int]) -> list[list[int]]:
    """Columns in order, those that touch together."""
    out: list[list[int]] = []
    for column in sorted(columns):
        if out and out[-1][-1] == column - 1:
            out[-1].append(column)
        else:
            out.append([column])
    return out


def _root(share_pct: float, box: Box) -> float:
    return max(box.height * math.sqrt(min(share_pct, LOSS_TOP_PCT) / LOSS_TOP_PCT), _LEAST_PX)


def _filled(heights: Mapping[int, float], box: Box, look: str) -> list[Markup]:
    path = [f"M{column} {box.height:g}v-{height:.1f}h1v{height:.1f}z" for column, height in sorted(heights.items())]
    return [el("path", class_=look, d="".join(path))] if path else []


def _hollow(spans: Mapping[int, tuple[float, float]], box: Box) -> list[Markup]:
    """One outline around bars that touch: at a column a px no bar of its own would be hollow."""
    path = []
    for run in runs(spans):
        up = "".join(f"V{box.height - spans[column][1]:.1f}h1" for column in run)
        down = "".join(f"V{box.height - spans[column][0]:.1f}h-1" for column in reversed(run))
        path.append(f"M{run[0]} {box.height - spans[run[0]][0]:.1f}{up}{down}z")
    return [el("path", class_="late", d="".join(path))] if path else []
