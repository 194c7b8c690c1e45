"""Tables and text for the terminal: plain text that fits 100 columns, worst first."""

from collections.abc import Sequence
from typing import Any

from aqa.model import Finding
from aqa.report.words import event_time

NOT_MEASURED = "n/m"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Aligned columns; the first `left` are text, the rest numbers."""
    widths = [max(len(str(row[i])) for row in (head, *rows)) for i in range(len(head))]
    lines = []
    for row in (head, *rows):
        cells = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def trends_table(rows: Sequence[dict[str, Any]]) -> str:
    """The main columns of the trend table; all of them are in reports/trends.csv."""
    if not rows:
        return "no event in the store yet: run aqa analyze first"
    columns = (
        "period", "events", "audio_hours", "speaker_hours", "findings", "impaired_seconds_pct",
        "severely_impaired_seconds_pct", "loss_pct", "jitter_p95_ms", "signal",
    )  # fmt: skip
    head = [name.replace("_seconds_pct", " %").replace("_", " ") for name in columns]
    return table(head, [[whole_cell(row[name]) for name in columns] for row in rows])


def finding_row(item: Finding) -> tuple[str, ...]:
    """A finding as a row of a table: when, kind, who, length, value, severity, sure, cause, cause sure."""
    return (
        event_time(item.start_s, milliseconds=True),
        item.kind,
        item.track or item.stream or item.recording or "",
        f"{item.duration_s:.3f} s",
        f"{number_cell(item.value, 3)} {item.unit}".strip(),
        item.severity,
        f"{item.confidence:.2f}",
        item.cause,
        number_cell(item.cause_confidence, 2),
    )


def number_cell(value: float | None, digits: int) -> str:
    """A number of a table; a hyphen where it is not measured."""
    return "-" if value is None else f"{value:.{digits}f}"


def whole_cell(value: Any) -> str:
    """A count of a table."""
    return NOT_MEASURED if value is None else str(value)
