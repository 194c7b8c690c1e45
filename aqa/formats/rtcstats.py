"""Dumps of rtcstats (rtcstats.com, 2025 on): `RTCStatsDump`, a line about the client, then lines of
[method, peer connection, data, ..., ms since the line before].

Methods, types and property names are numbers of fixed tables (`rtcstats-shared/compression.js`); those that
concern audio stand below. getStats() is delta-compressed: an id that is absent has not changed, null means gone,
and `t` is the time of every stat that has none of its own.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aqa.chunks import DamagedError
from aqa.dialects import epoch_ns
from aqa.jsontext import BOM, lines, number, parse
from aqa.reports import Collector, TooMuchError
from aqa.statslog import Reading
from aqa.stream_model import StatsLog

_MAGIC = b"RTCStatsDump"
_GET_STATS, _CREATE = ("g", "1", "getStats"), ("39", "create")
_TYPES = {
    1: "inbound-rtp", 2: "outbound-rtp", 3: "remote-inbound-rtp", 4: "remote-outbound-rtp", 5: "transport",
    6: "candidate-pair", 12: "media-source", 13: "media-playout", 14: "codec",
}  # fmt: skip
_NAMES = {
    "t": "timestamp", "4": "payloadType", "5": "transportId", "6": "mimeType", "7": "clockRate", "8": "channels",
    "10": "ssrc", "11": "kind", "12": "codecId", "14": "packetsReceived", "15": "packetsLost", "16": "jitter",
    "17": "trackIdentifier", "18": "mid", "19": "remoteId", "36": "packetsDiscarded", "47": "jitterBufferDelay",
    "48": "jitterBufferTargetDelay", "49": "jitterBufferEmittedCount", "51": "totalSamplesReceived",
    "52": "concealedSamples", "53": "silentConcealedSamples", "54": "concealmentEvents",
    "55": "insertedSamplesForDeceleration", "56": "removedSamplesForAcceleration", "57": "audioLevel",
    "58": "totalAudioEnergy", "59": "totalSamplesDuration", "62": "playoutId", "74": "localId",
    "75": "roundTripTime", "79": "packetsSent", "109": "synthesizedSamplesDuration",
    "110": "synthesizedSamplesEvents", "111": "totalPlayoutDelay", "112": "totalSamplesCount",
    "125": "selectedCandidatePairId", "150": "nominated", "152": "currentRoundTripTime",
}  # fmt: skip


def sniff(head: bytes) -> bool:
    """Whether a file begins with the magic line."""
    return head.removeprefix(BOM).startswith((_MAGIC + b"\n", _MAGIC + b"\r\n"))


def read_stats(path: Path, name: str, collector: Collector) -> StatsLog:
    """The audio tracks of a dump; InputError when no line of it can be read."""
    reading = Reading(name, "rtcstats", collector)
    base: dict[str, dict[str, Any]] = {}
    clock_ms = 0.0
    try:
        for line, raw in lines(path):
            if line == 1:
                continue
            try:
                entry = parse(raw)
            except ValueError as error:
                reading.bad(line, str(error))
                continue
            reading.good()
            if not isinstance(entry, list) or len(entry) < 3:
                continue  # about the client
            passed = number(entry[-1])
            clock_ms += passed if math.isfinite(passed) else 0.0
            _entry(entry, clock_ms, base, collector)
    except (DamagedError, TooMuchError) as error:
        reading.stop(str(error))
    return reading.log()


def _entry(entry: list[Any], clock_ms: float, base: dict[str, dict[str, Any]], collector: Collector) -> None:
    method, connection, data = str(entry[0]), str(entry[1]), entry[2]
    if method in _CREATE:
        base.pop(connection, None)
    elif method in _GET_STATS and isinstance(data, Mapping):
        stats = base.setdefault(connection, {})
        _merge(stats, data)
        collector.add(connection, epoch_ns(data.get("t", data.get("timestamp"))) or epoch_ns(clock_ms), stats)


def _merge(stats: dict[str, Any], delta: Mapping[str, Any]) -> None:
    for key, changed in delta.items():
        if changed is None:
            stats.pop(key, None)
        elif isinstance(changed, Mapping):
            named = {_NAMES.get(str(name), name): value for name, value in changed.items()}
            kind = named.get("type")
            if isinstance(kind, int) and not isinstance(kind, bool):
                named["type"] = _TYPES.get(kind, str(kind))
            old = stats.get(key, {})
            # the time of an earlier line is not this line's
            stats[key] = {**{name: value for name, value in old.items() if name != "timestamp"}, **named}
    for key in set(stats) - set(delta):
        stats[key].pop("timestamp", None)
