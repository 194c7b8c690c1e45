"""A stream's delay over time as characters: braille dots, one for each packet, as wide as the terminal.

Rows of letters beneath tell where packets were lost (L) or late (T) and where sound was made up (M).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aqa.measures.delay import relative_delay_ms
from aqa.measures.loss import loss_runs
from aqa.model import Doubles, Flags
from aqa.playout import Played
from aqa.report.words import event_time

ROWS = 13  # of the plot: labels at the top, the middle and the bottom
MARGIN = 9  # columns left of the plot, for labels
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # Unicode 2800: row and column of a dot
_LINE = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
_EDGE = "\N{BOX DRAWINGS LIGHT VERTICAL}"


def delay_plot(played: Played, width: int) -> list[str]:
    """Lines of the plot, `width` characters wide; one line saying why where delay was not measured."""
    delay_ms = relative_delay_ms(played.stream)
    known = np.isfinite(delay_ms)
    if not known.any():
        why = "the clock rate is not known" if played.stream.timed else "the log holds no times of arrival"
        return [f"no plot of delay: {why}"]
    at_s = np.asarray((played.stream.arrival_ns - played.stream.log_start_ns) * 1e-9, np.float64)
    axis = _Axis(float(at_s.min()), max(float(at_s.max()), float(at_s.min()) + 1e-3), width - MARGIN - 1)
    line_ms = _playout_ms(played, delay_ms, at_s, axis)
    played_ms = line_ms[np.isfinite(line_ms)]
    usual = float(np.median(played_ms)) if len(played_ms) else 0.0  # a buffer that ran full must not flatten delays
    top = _ceiling(max(float(np.nanmax(delay_ms)), usual))
    cells = _cells(axis.place(at_s[known], 2), delay_ms[known], axis.columns, top)
    line = "; line: when the buffer played them" if len(played_ms) else ""
    line += ", at the top or later" if (played_ms > top).any() else ""
    return [
        f"delay over the least of the last 2 s, ms (dots: packets{line})",
        *_drawn(cells, line_ms, top),
        *_marks(played, at_s, axis),
        _times(axis),
    ]


class _Axis:
    """Seconds as columns."""

    def __init__(self, start_s: float, end_s: float, columns: int) -> None:
        self.start_s, self.end_s, self.columns = start_s, end_s, max(columns, 10)

    def place(self, at_s: Doubles, parts: int = 1) -> NDArray[np.int64]:
        """The column (in `parts` of one) of each time; what lies outside goes to the edge."""
        share = (at_s - self.start_s) / (self.end_s - self.start_s)
        last = self.columns * parts - 1
        return np.clip(np.floor(share * (last + 1)), 0, last).astype(np.int64)


def _ceiling(value: float) -> float:
    """The next of 1, 2, 3, 4, 6, 8 times a power of ten, and no less than 10 ms: labels of quarters stay short."""
    value = max(value, 10.0)
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 3, 4, 6, 8, 10) if step * power >= value - 1e-9)


def _playout_ms(played: Played, delay_ms: Doubles, at_s: Doubles, axis: _Axis) -> Doubles:
    """Per column, the mean delay at which packets were played, on the scale of their own delay; NaN: none was."""
    out = np.full(axis.columns, np.nan)
    if played.playout is None:
        return out
    line = (played.playout.heard_s - at_s) * 1e3 + delay_ms
    known = np.isfinite(line)
    where = axis.place(at_s[known])
    many = np.bincount(where, minlength=axis.columns)
    total = np.bincount(where, weights=line[known], minlength=axis.columns)
    out[many > 0] = np.maximum(total[many > 0] / many[many > 0], 0.0)
    return out


def _cells(x: NDArray[np.int64], delay_ms: Doubles, columns: int, top: float) -> NDArray[np.int64]:
    """Braille patterns, shape (ROWS, columns), of dots at half columns `x`."""
    y = np.clip(np.floor((1 - delay_ms / top) * (4 * ROWS - 1) + 0.5), 0, 4 * ROWS - 1).astype(np.int64)
    cells = np.zeros((ROWS, columns), np.int64)
    np.bitwise_or.at(cells, (y // 4, x // 2), _DOTS[y % 4, x % 2])
    return cells


def _drawn(cells: NDArray[np.int64], line_ms: Doubles, top: float) -> list[str]:
    level = np.full(len(line_ms), -1)
    known = np.isfinite(line_ms)
    level[known] = np.clip(np.floor((1 - line_ms[known] / top) * (ROWS - 1) + 0.5), 0, ROWS - 1)
    lines = []
    for row in range(ROWS):
        text = "".join(
            chr(0x2800 + dots) if dots else _LINE if at == row else " "
            for dots, at in zip(cells[row].tolist(), level.tolist(), strict=True)
        )
        label = f"{top * (1 - row / (ROWS - 1)):.0f}" if row in (0, ROWS // 2, ROWS - 1) else ""
        lines.append(f"{label:>{MARGIN - 1}} {_EDGE}{text}".rstrip())
    return lines


def _marks(played: Played, at_s: Doubles, axis: _Axis) -> list[str]:
    runs, found = loss_runs(played.stream), played.playout
    rows = [("lost", "L", _spans(runs.start_s, runs.end_s, axis))]
    if found is not None:
        late_s = at_s[found.late]
        rows.append(("late", "T", _spans(late_s, late_s, axis)))
        rows.append(("made up", "M", _spans(found.start_s, found.end_s, axis)))
    return [
        f"{name:>{MARGIN - 1}} {_EDGE}{''.join(letter if on else ' ' for on in marks.tolist())}".rstrip()
        for name, letter, marks in rows
    ]


def _spans(start_s: Doubles, end_s: Doubles, axis: _Axis) -> Flags:
    """The columns that any of the intervals touches."""
    marks = np.zeros(axis.columns, np.bool_)
    for first, last in zip(axis.place(start_s).tolist(), axis.place(end_s).tolist(), strict=True):
        marks[first : last + 1] = True
    return marks


def _times(axis: _Axis) -> str:
    """Labels of time: the first packet's, the middle and the last's, as long as there is room."""
    milliseconds = axis.end_s - axis.start_s < 10
    times: Sequence[float] = (axis.start_s, (axis.start_s + axis.end_s) / 2, axis.end_s)
    texts = [event_time(at, milliseconds=milliseconds) for at in times]
    room = axis.columns + 1
    if room < sum(map(len, texts)) + 2:
        return " " * MARGIN + texts[0] + texts[-1].rjust(max(room - len(texts[0]), len(texts[-1]) + 1))
    blank = room - len(texts[0]) - len(texts[2])
    return " " * MARGIN + texts[0] + texts[1].center(blank) + texts[2]
