"""Tables and text for the terminal: plain text that fits 100 columns, worst first."""

from collections.abc import Sequence
from typing import Any

from aqa.model import Analysis, Finding
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
    return table(head, [[_cell(row[name]) for name in columns] for row in rows])


def event_text(analysis: Analysis, window: tuple[float, float] | None) -> str:
    """Verdict, findings (those of the window, or the worst 40) and streams of an event."""
    event = analysis.event
    lines = [
        f"{event.title}  ({event.event_id})",
        f"{event.status.replace('_', ' ').upper()}: {event.verdict}",
        "",
    ]
    found = [item for item in analysis.findings if item.cause != "intended"]
    if window is not None:
        found = [item for item in found if item.start_s <= window[1] and item.end_s >= window[0]]
        lines.append(
            f"{event_time(window[0], milliseconds=True)} to {event_time(window[1], milliseconds=True)}, event time"
        )
    elif len(found) > 40:
        order = {"critical": 0, "major": 1, "minor": 2}
        found = sorted(found, key=lambda item: (order[item.severity], -item.duration_s, item.start_s))[:40]
        found.sort(key=lambda item: item.start_s)
        lines.append(f"the worst 40 of {event.findings} findings; all of them are in findings.csv")
    head = ("when", "kind", "who", "length", "value", "severity", "sure", "cause", "cause sure")
    lines.append(table(head, [_finding(item) for item in found], left=3) if found else "no finding")
    if window is not None:
        lines += ["", _window_seconds(analysis, window)]
    return "\n".join(lines)


def _finding(item: Finding) -> tuple[str, ...]:
    return (
        event_time(item.start_s, milliseconds=True),
        item.kind,
        item.track or item.stream or item.recording or "",
        f"{item.duration_s:.3f} s",
        f"{_number(item.value, 3)} {item.unit}".strip(),
        item.severity,
        f"{item.confidence:.2f}",
        item.cause,
        _number(item.cause_confidence, 2),
    )


def _window_seconds(analysis: Analysis, window: tuple[float, float]) -> str:
    """Every second of the window of every track and stream."""
    rows = [row for row in analysis.seconds if window[0] - 1 < row.second <= window[1]]
    head = (
        "second",
        "track",
        "source",
        "level dBFS",
        "speech s",
        "fault s",
        "packets",
        "lost",
        "stalled s",
        "delay ms",
    )
    lines = [
        (
            event_time(row.second, milliseconds=True),
            row.track or "",
            row.recording or f"{row.log} {row.stream}",
            _number(row.level_dbfs, 1),
            _number(row.speech_s, 2),
            _number(row.fault_s, 3),
            _cell(row.packets),
            _cell(row.lost),
            _number(row.stalled_s, 2),
            _number(row.delay_max_ms, 1),
        )
        for row in sorted(rows, key=lambda row: (row.second, row.recording or "~", row.stream or ""))
    ]
    return table(head, lines, left=3)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _cell(value: Any) -> str:
    return NOT_MEASURED if value is None else str(value)
