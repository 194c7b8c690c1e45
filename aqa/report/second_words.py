"""Recordings of one room held against each other, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from aqa.report.words import NBSP, count, length, number, plain

Table = tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...], str]
HEAD = ("recording", "against", "behind by", "clock", "agreement", "time left out or put in")


def seconds(rows: Sequence[Mapping[str, Any]] | None) -> Table:
    """Title, head, rows and note of the table of second recordings."""
    told = [row for row in rows or () if not row["why"]]
    refused = "; ".join(f"{plain(row['second'])}: {row['why']}" for row in rows or () if row["why"])
    title = "Second recordings"
    if not told:
        why = f"not joined: {refused}" if refused else "no two recordings hold the same sound at the same time"
        return (
            title,
            HEAD,
            (),
            f"Not measured: {why}. To measure: record the room twice, for example at another server.",
        )
    return title, HEAD, tuple(_row(row) for row in told), f"Not joined: {refused}." if refused else ""


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    sizes = [size for _, size in row["steps"]]
    total = sum(abs(size) for size in sizes)
    return (
        plain(row["second"]),
        plain(row["first"]),
        f"{number(row['offset_s'], 4)}{NBSP}s",
        f"{number(row['drift_ppm'], 1)}{NBSP}ppm",
        f"{number(100 * row['confidence'], 0)}{NBSP}%",
        f"{count(len(sizes), 'step')}, {length(total)}" if sizes else "none",
    )
