"""Dumps that Jitsi's own servers send to rtcstats: JSON lines with `statsSessionId`, `type` and `data`.

The video bridge (JVB) counts what came in from each endpoint (RFC 3550 A.3: received, expected, lost; jitter in
ms), which says what arrived at the server and nothing of what listeners were played. Jicofo (focus) and Jigasi
(telephone gateway) have no counters of audio. Entries after the first hold what changed.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aqa.chunks import DamagedError
from aqa.dialects import epoch_ns, safe
from aqa.jsontext import BOM, lines, number, parse
from aqa.reports import Collector, Sample, TooMuchError
from aqa.statslog import Reading
from aqa.stream_model import StatsLog

_HEAD = re.compile(rb'\s*\{\s*"statsSessionId"\s*:')
_TRACKER = "Node Incoming statistics tracker"
SERVER_SIDE = "it was written by a server: no receiver's audio in it, only what arrived at the server, if that"


def sniff(head: bytes) -> bool:
    """Whether a file begins with a line of such a dump."""
    return _HEAD.match(head.removeprefix(BOM)) is not None


def read_stats(path: Path, name: str, collector: Collector) -> StatsLog:
    """The audio streams that reached a bridge; InputError when no line can be read."""
    reading = Reading(name, "jitsi_server", collector, notes=[SERVER_SIDE])
    names: dict[str, str] = {}
    try:
        for line, raw in lines(path):
            try:
                entry = parse(raw)
                data = entry.get("data") if isinstance(entry, Mapping) else None
                data = parse(data.encode("utf-8", "replace")) if isinstance(data, str) else data
            except ValueError as error:
                reading.bad(line, str(error))
                continue
            reading.good()
            if isinstance(data, Mapping):
                _entry(data, names, collector)
    except (DamagedError, TooMuchError) as error:
        reading.stop(str(error))
    return reading.log()


def _entry(data: Mapping[str, Any], names: dict[str, str], collector: Collector) -> None:
    if isinstance(data.get("applicationName"), str):
        collector.reporter = safe(data.get("displayName") or data["applicationName"])
    time_ns = epoch_ns(data.get("timestamp"))
    for endpoint, content in _objects(data.get("endpoints")):
        named = content.get("statsId")
        if isinstance(named, str):
            names[endpoint] = safe(named)
        transceiver = content.get("transceiver")
        for _, receiver in _objects(transceiver):
            for key, tracker in _objects(receiver):
                if key.startswith(_TRACKER) and time_ns is not None:
                    _sample(endpoint, names.get(endpoint, endpoint), tracker, time_ns, collector)


def _sample(endpoint: str, who: str, tracker: Mapping[str, Any], time_ns: int, collector: Collector) -> None:
    for key, counted in _objects(tracker):
        ssrc = number(key)
        if counted.get("media_type") not in collector.kinds or not 0 <= ssrc <= 0xFFFFFFFF:
            continue
        values = {
            "packets_received": number(counted.get("num_received_packets")),
            "packets_lost": number(counted.get("cumulative_packets_lost")),
            "jitter_s": number(counted.get("jitter")) / 1000,
        }
        about = {"endpoint": who}
        collector.sample(Sample(endpoint, "received", key, int(ssrc), time_ns, values, about, "sfu-in"))


def _objects(found: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The entries of an object that are objects themselves."""
    if isinstance(found, Mapping):
        yield from ((str(key), value) for key, value in found.items() if isinstance(value, Mapping))
