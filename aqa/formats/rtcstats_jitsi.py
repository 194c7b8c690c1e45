"""Dumps of Jitsi's rtcstats-server: JSON lines of [method, peer connection, data, UTC in ms, ...].

getStats() is delta-compressed per connection: a line holds what changed, every id that is still there, and a
`timestamp` of 0 where it is the line's own (`getstats-deltacompression.js`; older writers leave out ids that have
not changed). Chrome (standard and goog* names), Firefox and Safari write the same form. A `create` under a name
used before is a new connection.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aqa.chunks import DamagedError
from aqa.dialects import epoch_ns, safe
from aqa.jsontext import BOM, lines, parse
from aqa.reports import MOST_STATS, Collector, TooMuchError
from aqa.statslog import Reading
from aqa.stream_model import StatsLog

_METHODS = (
    rb"connectionInfo|navigator\.\w+\.\w+|identity|create\w*|constraints|logs|getstats|getStats|close|on[a-z]+|"
    rb"add(Stream|Track|Transceiver|IceCandidate)\w*|set(Local|Remote)Description\w*|setVideoType|dominantSpeaker|"
    rb"conferenceStartTimestamp|e2eRtt|face\w+|facial\w+|remove(Stream|Track)|publish\w*"
)
_HEAD = re.compile(
    rb'\s*\[\s*"((' + _METHODS + rb')"\s*,\s*(null|"[^"\n]{0,100}")|[A-Za-z][\w.]{0,60}"\s*,\s*(null|"PC_\d+"))\s*,'
)


def sniff(head: bytes) -> bool:
    """Whether a file begins with a line of such a dump."""
    return _HEAD.match(head.removeprefix(BOM)) is not None


def read_stats(path: Path, name: str, collector: Collector) -> StatsLog:
    """The audio tracks of a dump; InputError when no line of it can be read."""
    reading = Reading(name, "rtcstats_jitsi", collector)
    base: dict[str, dict[str, Any]] = {}
    try:
        for number, raw in lines(path):
            try:
                entry = parse(raw)
            except ValueError as error:
                reading.bad(number, str(error))
                continue
            if not isinstance(entry, list) or len(entry) < 3 or not isinstance(entry[0], str):
                reading.bad(number, "no list of method, connection and data")
                continue
            reading.good()
            _entry(entry, base, collector)
    except (DamagedError, TooMuchError) as error:
        reading.stop(str(error))
    return reading.log()


def _entry(entry: list[Any], base: dict[str, dict[str, Any]], collector: Collector) -> None:
    method, connection, data = entry[0], str(entry[1]), entry[2]
    if method == "create":
        base.pop(connection, None)
    elif method == "identity" and isinstance(data, Mapping):
        named = data.get("displayName") or data.get("endpointId")
        collector.reporter = safe(named) if named else collector.reporter
    elif method.lower() == "getstats" and isinstance(data, Mapping):
        polled = epoch_ns(data.get("timestamp")) or epoch_ns(entry[3] if len(entry) > 3 else None)
        stats = base.setdefault(connection, {})
        fresh = _merge(stats, data)
        collector.add(connection, polled, stats, fresh)


def _merge(stats: dict[str, Any], delta: Mapping[str, Any]) -> list[str]:
    """Bring the stats up to date; the ids that the line holds."""
    fresh = []
    for key, changed in delta.items():
        if isinstance(changed, Mapping):
            # a time of 0 stands for the line's own and is left to it
            stats.setdefault(key, {}).update(changed)
            fresh.append(key)
    if len(stats) > MOST_STATS:  # what has not been seen of late may be gone, or only not have changed
        for gone in set(stats) - set(fresh):
            del stats[gone]
    return fresh
