"""Chrome's own dump (chrome://webrtc-internals): one JSON document over all peer connections of the browser.

`PeerConnections.ID.stats` holds a series per "stats id-property": `values`, a JSON list as text, `startTime` and
`endTime`. Times of single values stand in "stats id-timestamp" (since Chrome 117; crbug.com/1462567); before it
they are spread evenly. In the form of 2016 (`peerConnections`) whole reports stand in a list of events.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aqa.dialects import epoch_ns
from aqa.jsontext import BOM, document, number, parse
from aqa.model import InputError, utc_ns
from aqa.reports import MOST_SAMPLES, Collector, TooMuchError
from aqa.statslog import Reading
from aqa.stream_model import StatsLog

_HEAD = re.compile(rb'\s*\{\s*"(PeerConnections|peerConnections|getUserMedia|UserAgent|UserAgentData)"\s*:')


def sniff(head: bytes) -> bool:
    """Whether a file begins like such a dump."""
    return _HEAD.match(head.removeprefix(BOM)) is not None


def read_stats(path: Path, name: str, collector: Collector) -> StatsLog:
    """The audio tracks of a dump; InputError when it is no whole document of this form."""
    dump = document(path, name)
    if not isinstance(dump, Mapping):
        raise InputError(f"{name}: no object of peer connections; export the dump again")
    reading = Reading(name, "webrtc_internals", collector)
    reading.good()
    try:
        for connection, content in _items(dump.get("PeerConnections")):
            if isinstance(content, Mapping):
                _series(connection, content.get("stats"), collector)
        for connection, events in _items(dump.get("peerConnections")):
            _events(connection, events, collector)
    except TooMuchError as error:
        reading.stop(str(error))
    return reading.log()


def _items(found: Any) -> list[tuple[str, Any]]:
    return [(str(key), value) for key, value in found.items()] if isinstance(found, Mapping) else []


def _events(connection: str, events: Any, collector: Collector) -> None:
    """The form of 2016: events with a time, a type and a value."""
    for event in events if isinstance(events, list) else ():
        if isinstance(event, Mapping) and str(event.get("type")).lower() == "getstats":
            value = event.get("value")
            if isinstance(value, Mapping):
                collector.add(connection, _utc_ns(event.get("time")), value)


def _series(connection: str, stats: Any, collector: Collector) -> None:
    """Series by stats id and property, as one report per poll."""
    by_id: dict[str, dict[str, Mapping[str, Any]]] = {}
    for key, series in _items(stats):
        stats_id, _, name = key.rpartition("-")
        if stats_id and "[" not in key and isinstance(series, Mapping):
            by_id.setdefault(stats_id, {})[name] = series
    polls: dict[int, dict[str, dict[str, Any]]] = {}
    held = 0
    for stats_id, properties in by_id.items():
        for when, report in _reports(properties):
            polls.setdefault(when, {})[stats_id] = report
            held += len(report)
            if held > MOST_SAMPLES:
                raise TooMuchError(f"{connection}: more than {MOST_SAMPLES} values; split the dump")
    current: dict[str, dict[str, Any]] = {}
    for when, reports in sorted(polls.items()):
        current.update(reports)
        collector.add(connection, when, current, reports)


def _reports(properties: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """UTC (ns) and content of each poll of one stats id."""
    columns = {name: _values(series) for name, series in properties.items()}
    kind = next((str(series["statsType"]) for series in properties.values() if series.get("statsType")), "")
    times = _times(properties, columns)
    for at, when in enumerate(times):
        report: dict[str, Any] = {"type": kind}
        for name, values in columns.items():
            late = len(times) - len(values) if _begins_later(properties, name) else 0
            if name != "timestamp" and 0 <= at - late < len(values):
                report[name] = values[at - late]
        if when is not None:
            yield when, report


def _begins_later(properties: Mapping[str, Mapping[str, Any]], name: str) -> bool:
    """Whether a property came up after the stats it belongs to: its series is short at the front."""
    first = min((start for s in properties.values() if (start := _utc_ns(s.get("startTime")))), default=None)
    own = _utc_ns(properties[name].get("startTime"))
    return first is not None and own is not None and own - first > 100_000_000


def _times(properties: Mapping[str, Mapping[str, Any]], columns: Mapping[str, list[Any]]) -> list[int | None]:
    if columns.get("timestamp"):
        return [epoch_ns(value) for value in columns["timestamp"]]
    longest = max(columns, key=lambda name: len(columns[name]))
    start, end = (_utc_ns(properties[longest].get(name)) for name in ("startTime", "endTime"))
    many = len(columns[longest])
    if start is None or end is None:
        return []
    return [start + (end - start) * at // max(many - 1, 1) for at in range(many)]


def _values(series: Mapping[str, Any]) -> list[Any]:
    values = series.get("values")
    if isinstance(values, str):
        try:
            values = parse(values.encode())
        except (ValueError, UnicodeEncodeError):
            return []
    return values if isinstance(values, list) else []


def _utc_ns(value: Any) -> int | None:
    """UTC of a time as ISO 8601 text or as ms since 1970."""
    if not isinstance(value, str) or math.isfinite(number(value)):
        return epoch_ns(value)
    try:
        moment = datetime.fromisoformat(value[:40])
        return utc_ns(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
