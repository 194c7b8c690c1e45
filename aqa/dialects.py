"""The dialects of getStats() reports: whose property is which counter, and what belongs to one stream.

Names: W3C webrtc-stats; Chrome's `goog*` of before 2021 (numbers as text, ms); the `inboundrtp` and `isRemote` of
2016; `track` objects, which held the concealment counters until Chrome 88. -1 is those dialects' "not known".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from aqa.jsontext import number

Report = Mapping[str, Any]
Direction = Literal["received", "sent", "playout"]

_STANDARD = {
    "packetsReceived": "packets_received", "packetsLost": "packets_lost", "packetsDiscarded": "packets_discarded",
    "packetsSent": "packets_sent", "jitter": "jitter_s", "jitterBufferDelay": "buffer_delay_s",
    "jitterBufferTargetDelay": "buffer_target_delay_s", "jitterBufferEmittedCount": "buffer_emitted",
    "totalSamplesReceived": "samples_received", "concealedSamples": "concealed_samples",
    "silentConcealedSamples": "silent_concealed_samples", "concealmentEvents": "concealment_events",
    "insertedSamplesForDeceleration": "inserted_samples", "removedSamplesForAcceleration": "removed_samples",
    "interruptionCount": "interruptions", "totalInterruptionDuration": "interruption_s",
    "audioLevel": "audio_level", "totalAudioEnergy": "audio_energy", "totalSamplesDuration": "samples_s",
}  # fmt: skip
_PLAYOUT = {
    "synthesizedSamplesDuration": "synthesized_s", "synthesizedSamplesEvents": "synthesized_events",
    "totalPlayoutDelay": "playout_delay_s", "totalSamplesCount": "playout_samples",
    "totalSamplesDuration": "samples_s",
}  # fmt: skip
_RETURNED = {"packetsLost": "packets_lost", "jitter": "jitter_s", "roundTripTime": "rtt_s"}
_LEGACY = {
    "packetsReceived": ("packets_received", 1.0), "packetsLost": ("packets_lost", 1.0),
    "packetsSent": ("packets_sent", 1.0), "googJitterReceived": ("jitter_s", 1e-3), "googRtt": ("rtt_s", 1e-3),
    "audioOutputLevel": ("audio_level", 1 / 32767), "totalAudioEnergy": ("audio_energy", 1.0),
    "totalSamplesDuration": ("samples_s", 1.0),
}  # fmt: skip
_OLD_TYPES = {
    "inboundrtp": "inbound-rtp", "outboundrtp": "outbound-rtp",
    "remoteinboundrtp": "remote-inbound-rtp", "remoteoutboundrtp": "remote-outbound-rtp",
}  # fmt: skip
_NEVER_NEGATIVE = frozenset(("jitter_s", "rtt_s", "audio_level"))
_AUDIO_ONLY = ("googDecodingCTN", "audioOutputLevel", "audioInputLevel")  # tell the kind before `mediaType` did
_PLAUSIBLE_MS = (1e12, 4e12)  # 2001 to 2096: an epoch in ms; anything else is not one


@dataclass(frozen=True)
class Poll:
    """The stats of one getStats() call, and what leads from one to another."""

    stats: Mapping[str, Report]

    def at(self, key: Any) -> Report:
        """The stat of this id; empty where there is none."""
        return self.stats.get(str(key), {})

    @cached_property
    def pair_in_use(self) -> Report:
        """The candidate pair that carries media; empty where the stats do not tell."""
        pairs = (r for r in self.stats.values() if r.get("type") == "candidate-pair")
        in_use = (r for r in pairs if r.get("selected") is True or (r.get("nominated") and r.get("writable")))
        return next(in_use, {})

    @cached_property
    def returned(self) -> Mapping[str | int, Report]:
        """What the other end reported back of sent streams, by their id and by SSRC."""
        found: dict[str | int, Report] = {}
        for report in self.stats.values():
            if type_of(report) == "remote-inbound-rtp" or (
                type_of(report) == "inbound-rtp" and report.get("isRemote") is True
            ):
                ssrc = ssrc_of(report)
                found.setdefault(str(report.get("localId")), report)
                found.setdefault(-1 if ssrc is None else ssrc, report)
        return found


def epoch_ns(value: Any) -> int | None:
    """Milliseconds since 1970 as nanoseconds; None where the value can't be that."""
    ms = number(value)
    return round(ms * 1e6) if _PLAUSIBLE_MS[0] <= ms <= _PLAUSIBLE_MS[1] else None


def type_of(report: Report) -> str:
    """The type in the spelling of today."""
    kind = report.get("type")
    return _OLD_TYPES.get(kind, kind) if isinstance(kind, str) else ""


def direction_of(key: str, report: Report) -> Direction | None:
    """Which way a stream goes; None for stats that are no stream."""
    kind = type_of(report)
    if kind == "inbound-rtp" and report.get("isRemote") is not True:
        return "received"
    if kind == "outbound-rtp" and report.get("isRemote") is not True:
        return "sent"
    if kind == "media-playout":
        return "playout"
    if kind == "ssrc":
        return "sent" if key.endswith("_send") or "packetsSent" in report else "received"
    return None


def ssrc_of(report: Report) -> int | None:
    """The SSRC, where it is one."""
    value = number(report.get("ssrc"))
    return int(value) if 0 <= value <= 0xFFFFFFFF and value == int(value) else None


def kind_of(report: Report, poll: Poll) -> str:
    """The kind of media: audio, video, or nothing where the stats do not tell."""
    kind = report.get("kind") or report.get("mediaType")
    if not kind and any(name in report for name in _AUDIO_ONLY):
        return "audio"
    return str(kind or str(poll.at(report.get("codecId")).get("mimeType", "")).split("/")[0].lower())


def values_of(key: str, report: Report, poll: Poll, direction: Direction) -> dict[str, float]:
    """Every counter that the stats say of one stream."""
    if direction == "playout":
        return _named(report, _PLAYOUT)
    if report.get("type") == "ssrc":
        return _legacy(report)
    values = _named(report, _STANDARD)
    track = poll.at(report.get("trackId"))
    values = {**_named(track, _STANDARD), **values} if direction == "received" else values
    returned = _returned(key, report, poll) if direction == "sent" else {}
    if direction == "sent":
        values = {name: value for name, value in values.items() if name not in ("packets_lost", "jitter_s")}
    rtt = _pair_rtt(report, poll)
    return {**({} if rtt is None else {"rtt_s": rtt}), **values, **_named(returned, _RETURNED)}


def _named(report: Report, names: Mapping[str, str]) -> dict[str, float]:
    """The counters in a report that are numbers; -1 only where it can be one."""
    found: dict[str, float] = {}
    for theirs, ours in names.items():
        if theirs not in report:
            continue
        value = number(report[theirs])
        if math.isfinite(value) and (value >= 0 or ours not in _NEVER_NEGATIVE):
            found[ours] = value
    if found.get("packets_lost", 0.0) < 0 and "-rtp" not in str(report.get("type", "-rtp")):
        del found["packets_lost"]  # 2016
    return found


def _legacy(report: Report) -> dict[str, float]:
    values = {ours: number(report[theirs]) * scale for theirs, (ours, scale) in _LEGACY.items() if theirs in report}
    return {name: value for name, value in values.items() if value >= 0}


def _returned(key: str, report: Report, poll: Poll) -> Report:
    """What the other end reported back of a sent stream."""
    named = poll.at(report.get("remoteId", report.get("associateStatsId")))
    ssrc = ssrc_of(report)
    return named or poll.returned.get(key) or (poll.returned.get(ssrc) if ssrc is not None else None) or {}


def _pair_rtt(report: Report, poll: Poll) -> float | None:
    """Round-trip time of the candidate pair that carries a stream, seconds."""
    pair = poll.at(poll.at(report.get("transportId")).get("selectedCandidatePairId")) or poll.pair_in_use
    rtt = number(pair.get("currentRoundTripTime"))
    return rtt if rtt >= 0 else None


def safe(value: Any) -> str:
    """A name from a dump as tables can hold it: short, no control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value)[:100])


def about_of(report: Report, poll: Poll) -> dict[str, str]:
    """Names that go with a stream."""
    codec = poll.at(report.get("codecId"))
    track = poll.at(report.get("trackId", report.get("mediaTrackId")))
    names = {
        "mid": report.get("mid"),
        "track_id": report.get("trackIdentifier") or track.get("trackIdentifier") or report.get("googTrackId"),
        "codec": _codec(codec) or report.get("googCodecName"),
    }
    return {name: safe(value) for name, value in names.items() if value}


def _codec(report: Report) -> str | None:
    name = str(report.get("mimeType", "")).split("/")[-1].lower()
    rate, channels = number(report.get("clockRate")), number(report.get("channels"))
    parts = [f"{part:.0f}" for part in (rate, channels) if math.isfinite(part)]
    return "/".join([name, *parts]) if name else None
