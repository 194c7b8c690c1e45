"""What getStats() itself returns, written to a file: one report, a list of them, or a JSON line for each.

A report is an object by id, a list of stats, a list of [id, stats] or of {key, value} (a Map spread out). Around
it there may be an object with the time (`timestamp`, `time` or `t`, ms since 1970), the report (`stats`, `report`,
`reports`, `values` or `data`) and the connection (`pc`, `connection`, `peerConnection` or `connectionId`).
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aqa.chunks import DamagedError
from aqa.dialects import epoch_ns
from aqa.jsontext import BOM, document, lines, parse
from aqa.model import InputError
from aqa.reports import Collector, TooMuchError
from aqa.statslog import Reading
from aqa.stream_model import StatsLog

_TYPES = (
    rb"codec|inbound-?rtp|outbound-?rtp|remote-inbound-rtp|remote-outbound-rtp|media-source|media-playout|"
    rb"peer-connection|data-channel|track|stream|sender|receiver|transceiver|transport|candidate-pair|"
    rb"local-?candidate|remote-?candidate|certificate|ssrc|goog[A-Z]\w+|VideoBwe"
)
_TYPE = re.compile(rb'"type"\s*:\s*"(' + _TYPES + rb')"')
_OTHER = re.compile(
    rb'\s*(\{\s*"(PeerConnections|peerConnections|getUserMedia|UserAgent|UserAgentData|statsSessionId)"|\[\s*[^\s\[{])'
)
_INNER = ("stats", "report", "reports", "values", "data")
_TIMES = ("timestamp", "time", "t")
_CONNECTIONS = ("pc", "connection", "peerConnection", "connectionId")
DEEPEST = 4  # lists of lists of reports that are looked into


def sniff(head: bytes) -> bool:
    """Whether a file begins like a report: an object or list with a type and a time of stats in it."""
    head = head.removeprefix(BOM)
    return (
        head.lstrip()[:1] in (b"{", b"[")
        and _OTHER.match(head) is None
        and _TYPE.search(head) is not None
        and b'"timestamp"' in head
    )


def read_stats(path: Path, name: str, collector: Collector) -> StatsLog:
    """The audio tracks of the reports; InputError when nothing of it can be read."""
    reading = Reading(name, "getstats", collector)
    try:
        if _by_line(path):
            for number, raw in lines(path):
                try:
                    _add(parse(raw), collector)
                    reading.good()
                except ValueError as error:
                    reading.bad(number, str(error))
        else:
            _add(document(path, name), collector)
            reading.good()
    except (DamagedError, TooMuchError) as error:
        reading.stop(str(error))
    return reading.log()


def _by_line(path: Path) -> bool:
    """Whether the first line is a whole JSON value of its own."""
    try:
        for _, raw in lines(path):
            parse(raw)
            return True
    except (ValueError, DamagedError):
        return False
    raise InputError(f"{path}: it holds nothing; export it again")


def _add(value: Any, collector: Collector) -> None:
    for connection, time_ns, report in _reports(value, "", None, 0):
        collector.add(connection, time_ns, report)


def _reports(
    value: Any, connection: str, time_ns: int | None, depth: int
) -> Iterator[tuple[str, int | None, Mapping[str, Any]]]:
    """Connection, UTC and stats by id of each report in `value`."""
    if depth > DEEPEST:
        return
    if isinstance(value, Mapping):
        connection = next((str(value[name]) for name in _CONNECTIONS if isinstance(value.get(name), str)), connection)
        time_ns = next((found for name in _TIMES if (found := epoch_ns(value.get(name)))), time_ns)
        inner = next((value[name] for name in _INNER if isinstance(value.get(name), Mapping | list)), None)
        if inner is not None and not _is_stat(inner):
            yield from _reports(inner, connection, time_ns, depth + 1)
        else:
            yield connection, time_ns, {str(value.get("id", "")): value} if _is_stat(value) else value
    elif isinstance(value, list):
        yield from _listed(value, connection, time_ns, depth)


def _listed(
    items: list[Any], connection: str, time_ns: int | None, depth: int
) -> Iterator[tuple[str, int | None, Mapping[str, Any]]]:
    """Stats in a list are one report until an id comes again; anything else in it is a report of its own."""
    report: dict[str, Any] = {}
    for item in items:
        pair = _pair(item)
        if pair is None:
            yield from _reports(item, connection, time_ns, depth + 1)
            continue
        if pair[0] in report:
            yield connection, time_ns, report
            report = {}
        report[pair[0]] = pair[1]
    if report:
        yield connection, time_ns, report


def _pair(item: Any) -> tuple[str, Any] | None:
    """Id and content of one stat in a list; None for anything else."""
    if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], Mapping):
        return item[0], item[1]
    if isinstance(item, Mapping):
        if isinstance(item.get("key"), str) and isinstance(item.get("value"), Mapping):
            return item["key"], item["value"]
        if _is_stat(item):
            return str(item.get("id", "")), item
    return None


def _is_stat(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("type"), str)
