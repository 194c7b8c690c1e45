"""How much of the time rooms were open was recorded and decoded: what the word *good* needs."""

import json
from collections.abc import Iterable
from datetime import datetime

from aqa.event_model import Analysis
from aqa.model import utc_ns
from aqa.sound_model import RecordingRow

Span = tuple[float, float]


def utc_ns_of(text: str) -> int:
    """RFC 3339 text as nanoseconds since 1970."""
    return utc_ns(datetime.fromisoformat(text))


def open_seconds(analysis: Analysis) -> float:
    """How long rooms were open; the event's whole length where no room is known."""
    return _length(_open_spans(analysis))


def recorded_share(analysis: Analysis) -> float:
    """Share of the open time for which at least one recording was decoded."""
    total = open_seconds(analysis)
    return min(recorded_seconds(analysis) / total, 1.0) if total > 0 else 0.0


def recorded_seconds(analysis: Analysis) -> float:
    """Open time for which at least one recording was decoded; time shared by recordings counts once."""
    decoded = _union(span for row in analysis.recordings for span in _decoded(analysis, row))
    inside = [
        (max(start, opened), min(end, closed)) for start, end in decoded for opened, closed in _open_spans(analysis)
    ]
    return _length(inside)


def _open_spans(analysis: Analysis) -> list[Span]:
    event = analysis.event
    whole = [(0.0, event.duration_s)]
    rooms = [room for room in json.loads(event.rooms) if room["opened"] and room["closed"]]
    if not rooms or event.start_utc is None:
        return whole
    zero = utc_ns_of(event.start_utc)
    return _union(((utc_ns_of(r["opened"]) - zero) / 1e9, (utc_ns_of(r["closed"]) - zero) / 1e9) for r in rooms)


def _decoded(analysis: Analysis, row: RecordingRow) -> list[Span]:
    """The stretches of a recording that hold sound: its length on the presentation clock less its holes."""
    if row.duration_s <= 0:
        return []
    holes = _union(
        (item.start_s, item.end_s)
        for item in analysis.findings
        if item.kind == "missing_media" and item.recording == row.recording
    )
    end = row.start_s + row.duration_s + (row.missing_s if holes else 0.0)
    edges = [row.start_s, *(edge for hole in holes for edge in hole), end]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]


def _union(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[1] > span[0]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _length(spans: Iterable[Span]) -> float:
    return sum(max(end - start, 0.0) for start, end in spans)
