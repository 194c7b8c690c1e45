"""The table `history` as reports read it: which series there are, and whose lines."""

import json
from itertools import groupby
from pathlib import PurePosixPath

from aqa.event_model import Analysis, HistoryRow

PRAISE = frozenset(("praise", "thanks", "ok", "good", "positive", "like"))
"""Kinds of feedback that are no complaint (as in `unexplained_complaints`)."""


def brought(analysis: Analysis, file: str) -> bool:
    """Whether a series' file is among the event's inputs."""
    return any(PurePosixPath(row["path"]).name.lower() == file for row in json.loads(analysis.event.inputs))


def lines_of(analysis: Analysis, series: str) -> list[HistoryRow]:
    """Complaints (without praise), or entries of the operator log, in order of time."""
    rows = [row for row in analysis.history if row.series == series and (row.kind or "").lower() not in PRAISE]
    return sorted(rows, key=lambda row: (row.time_s, row.who or "", row.text or ""))


def node_series(analysis: Analysis) -> list[tuple[tuple[str, str], list[HistoryRow]]]:
    """Load by node and metric; those that come nearest to their own limit first: shares by value, others after."""
    rows = [row for row in analysis.history if row.series == "load" and row.value is not None]
    ordered = sorted(rows, key=lambda row: (row.place or "", row.metric or "", row.time_s))
    groups = [
        (key, list(group)) for key, group in groupby(ordered, key=lambda row: (row.place or "", row.metric or ""))
    ]

    def rank(item: tuple[tuple[str, str], list[HistoryRow]]) -> tuple[bool, float, str, str]:
        (node, metric), mine = item
        return not metric.endswith("_pct"), -max(row.value or 0.0 for row in mine), node, metric

    return sorted(groups, key=rank)
