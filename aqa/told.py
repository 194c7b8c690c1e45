"""The event's own series as rows of the table `history`: thinned, with what was smallest and largest kept."""

from collections.abc import Iterator, Sequence

import numpy as np

from aqa.event_model import HistoryRow
from aqa.model import Ints
from aqa.whole import Said, Values, Whole

MOST_POINTS = 2_000  # of one series: more than a page has columns
MOST_LINES = 20_000  # of complaints, and of the operator log


def history_rows(whole: Whole) -> tuple[HistoryRow, ...]:
    """All that was told of an event from outside, by series, place, metric and time."""
    rows = [*_listeners(whole), *_load(whole)]
    rows += _lines("complaint", whole.complaints) + _lines("operator", whole.operator)
    return tuple(rows)


def thinned(series: Values, most: int = MOST_POINTS) -> Ints:
    """Which points to keep, in order: all, or the smallest and the largest of each of `most` / 2 equal stretches.

    The first and the last point stay too, for the ends of a line are where it begins and ends; `most` is 4 at least.
    """
    many = len(series.value)
    if many <= most:
        return np.arange(many, dtype=np.int64)
    keep = {0, many - 1}
    for part in np.array_split(np.arange(many), most // 2 - 1):
        keep |= {int(part[np.argmin(series.value[part])]), int(part[np.argmax(series.value[part])])}
    return np.array(sorted(keep), np.int64)


def _listeners(whole: Whole) -> Iterator[HistoryRow]:
    for room, series in sorted((whole.listeners or {}).items()):
        yield from _points("listeners", room, None, series)


def _load(whole: Whole) -> Iterator[HistoryRow]:
    for (node, metric), series in sorted((whole.load or {}).items()):
        yield from _points("load", node, metric, series)


def _points(series: str, place: str, metric: str | None, values: Values) -> Iterator[HistoryRow]:
    for at in thinned(values).tolist():
        yield HistoryRow(
            series=series,
            place=place or None,
            metric=metric,
            time_s=round(float(values.time_s[at]), 6),
            value=float(values.value[at]),
        )


def _lines(series: str, lines: Sequence[Said] | None) -> list[HistoryRow]:
    return [
        HistoryRow(
            series=series,
            place=line.room or None,
            time_s=round(line.time_s, 6),
            who=line.who or None,
            kind=line.kind or None,
            text=line.text or None,
        )
        for line in (lines or ())[:MOST_LINES]
    ]
