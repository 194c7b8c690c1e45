"""What all records share: words, columns, the tables `findings` and `seconds`, and converters.

The other records stand in `stream_model`, `sound_model` and `event_model`: each table's columns, units and meanings,
declared once; and what detectors look at. A table is a frozen dataclass whose fields are its columns. `None` means
not measured, never zero. Times: samples (integers) inside a run; seconds since the event's start in a finding; UTC
(nanoseconds since 1970 inside the program) on events, recordings and packet logs.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

HOP_S = 0.01  # hop of every series: 10 ms
"""Seconds between two values of a series."""

Source = Literal["audio", "container", "packets", "stats", "event"]
Severity = Literal["minor", "major", "critical"]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

KINDS: dict[Source, tuple[str, ...]] = {
    "audio": (
        "dropout", "attenuation", "silence", "concealment", "repetition", "discontinuity", "clipping",
        "low_level", "bandwidth_drop", "noise_burst", "hum", "dc_offset", "channel_fault", "echo",
        "unintended_audio",
    ),
    "container": ("missing_media", "damaged_media", "elided_time", "clock_mismatch", "unreadable"),
    "packets": (
        "loss", "late", "jitter", "stall", "reordering", "duplication", "stream_reset", "clock_drift",
    ),
    "stats": ("concealed_audio", "interruption", "playout_fault"),
    "event": ("late_start", "room_restart", "outage", "capacity", "unexplained_complaints"),
}  # fmt: skip
"""Every kind of finding there can be, by source; the inventory of detectors says which are looked for."""

CAUSES = (
    "network_loss", "late_arrival", "sender_stall", "server_outage", "server_restart", "sender_capture",
    "recorder", "elided_time", "playout_device", "intended", "unexplained", "not_measurable",
)  # fmt: skip
"""The closed list of causes."""


class InputError(Exception):
    """An input that can't be used; the message names file, place and remedy."""


def col(meaning: str, unit: str = "", default: Any = dataclasses.MISSING) -> Any:
    """A column of a table: what it means and, where the name does not end in it, its unit."""
    return field(default=default, metadata={"meaning": meaning, "unit": unit})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """An interval of a track, stream or event in which something is wrong (table `findings`).

    A detector fills kind to evidence with times in seconds of its own subject; the pipeline places the finding
    on the event and gives it its identity.
    """

    event_id: str = col("event the finding belongs to", default="")
    finding_id: str = col("stable identity: same input and settings, same id", default="")
    kind: str = col("what is wrong; see KINDS", default="")
    source: str = col("audio, container, packets, stats or event", default="")
    scope: str = col("track, stream, room or recorder", default="track")
    room: str | None = col("room, where known", default=None)
    track: str | None = col("participant, or the mix", default=None)
    recording: str | None = col("path of the recording inside the event", default=None)
    stream: str | None = col("SSRC as 0x%08x", default=None)
    log: str | None = col("path of the packet log inside the event", default=None)
    channel: int | None = col("channel, from 0; empty: all channels", default=None)
    start_s: float = col("start, seconds since the event's start")
    end_s: float = col("end (half-open), seconds since the event's start")
    duration_s: float = col("end less start", default=0.0)
    start_utc: str | None = col("start in UTC, RFC 3339; empty: not known", default=None)
    value: float | None = col("the measured value that made the finding", default=None)
    unit: str = col("unit of value", default="")
    severity: Severity = col("minor, major or critical", default="minor")
    confidence: float = col("how sure it is that the fault is there, 0 to 1", default=1.0)
    cause: str = col("why; from the closed list", default="not_measurable")
    cause_confidence: float | None = col("how sure the cause is, 0 to 1", default=None)
    cause_finding_id: str | None = col("the finding that explains this one", default=None)
    evidence: str = col("measured facts behind finding and cause, JSON text", default="{}")


@dataclass(frozen=True, kw_only=True, slots=True)
class SecondRow:
    """One second of one track or stream (table `seconds`): what trends and plots need."""

    event_id: str = col("event", default="")
    second: int = col("second since the event's start")
    recording: str | None = col("recording, for a track", default=None)
    log: str | None = col("packet log, for a stream", default=None)
    track: str | None = col("participant, or mix", default=None)
    stream: str | None = col("SSRC, for a stream", default=None)
    peak_dbfs: float | None = col("largest sample peak", default=None)
    level_dbfs: float | None = col("RMS level", default=None)
    speech_s: float | None = col("active speech", default=None)
    fault_s: float | None = col("fault inside active speech", default=None)
    packets: int | None = col("packets received", default=None)
    expected: int | None = col("packets expected", default=None)
    lost: int | None = col("packets lost", default=None)
    late: int | None = col("packets that were due and not there; empty: no playout model was run", default=None)
    stalled_s: float | None = col("time without any packet, inside stalls", default=None)
    delay_max_ms: float | None = col("largest relative arrival delay", default=None)
    concealed_s: float | None = col("sound made up by the receiver or the playout model", default=None)


def evidence(**facts: Any) -> str:
    """Facts as compact JSON text with sorted keys; numbers rounded to six significant digits."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float):
            return float(f"{value:.6g}") if np.isfinite(value) else None
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        if isinstance(value, dict):
            return {str(key): plain(item) for key, item in value.items()}
        return value

    return json.dumps(plain(facts), sort_keys=True, ensure_ascii=False)


def utc_text(epoch_ns: int) -> str:
    """Nanoseconds since 1970 as RFC 3339 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(epoch_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{epoch_ns // 1_000_000 % 1000:03d}Z"


def utc_ns(moment: datetime) -> int:
    """A datetime with a zone as nanoseconds since 1970."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1000
