"""What is known of one event: the tables `events` and `history`, and all of it together."""

from dataclasses import dataclass

from aqa.model import Finding, Floats, SecondRow, col
from aqa.sound_model import MeasureRow, RecordingRow, RunRow, SeriesRow
from aqa.stream_model import StreamRow


@dataclass(frozen=True, kw_only=True)
class EventRow:
    """One event (table `events`); its file is written last."""

    event_id: str = col("identity: folder or stem, or from event.toml")
    title: str = col("title")
    start_utc: str | None = col("UTC of second 0; empty: no clock known", default=None)
    duration_s: float = col("from second 0 to the last known media or packet")
    status: str = col("good, bad or not_measured")
    verdict: str = col("one sentence")
    recordings: int = col("recordings, unreadable ones included")
    streams: int = col("RTP streams")
    stats_tracks: int = col("received audio streams that stats of one end tell of", default=0)
    stats_kinds: str = col("kinds of finding that the counters in stats allow to look for: JSON list", default="[]")
    findings: int = col("findings that are no intended silence")
    critical: int = col("critical findings", default=0)
    audio_hours: float = col("decoded sound, per track")
    speaker_hours: float = col("active speech, over tracks")
    listener_hours: float | None = col("from listeners.csv; empty: not measured", default=None)
    impaired_seconds: int | None = col("seconds of active speech with any fault", default=None)
    severely_impaired_seconds: int | None = col("seconds with more than 50 ms of fault", default=None)
    speech_seconds: int | None = col("seconds that hold active speech: what the two are a share of", default=None)
    formula: str = col("name and version of the impaired-seconds formula", default="")
    fingerprint: str = col("inputs, settings and version that made this: unchanged, nothing is done again")
    inputs: str = col("path, bytes and SHA-256 of each input, JSON text", default="[]")
    settings: str = col("all settings in force, JSON text", default="{}")
    not_measured: str = col("what was not measured, why and what to bring: JSON text", default="[]")
    problems: str = col("inputs that could not be read, or not whole: JSON list of messages", default="[]")
    rooms: str = col("id, opened and closed (UTC) of each room, JSON text", default="[]")
    facts: str = col("budget, listeners hit, complaints, coincidence, imbalance: JSON text", default="{}")


@dataclass(frozen=True, kw_only=True)
class HistoryRow:
    """One point of the event's own series, or one line that somebody wrote (table `history`).

    A series of more than 2,000 points is thinned: the smallest and the largest of each stretch are kept.
    """

    event_id: str = col("event", default="")
    series: str = col("listeners, load, complaint or operator")
    place: str | None = col("room of listeners and complaints, node of load; empty: not told", default=None)
    metric: str | None = col("what of a node the value is", default=None)
    time_s: float = col("seconds since the event's start")
    value: float | None = col("listeners, or load in the metric's own unit; empty: a line of text", default=None)
    who: str | None = col("who complained, or wrote in the operator log", default=None)
    kind: str | None = col("kind of the line, as it was given", default=None)
    text: str | None = col("what was written", default=None)


TABLES: dict[str, type] = {
    "events": EventRow,
    "recordings": RecordingRow,
    "streams": StreamRow,
    "findings": Finding,
    "seconds": SecondRow,
    "history": HistoryRow,
    "series": SeriesRow,
    "runs": RunRow,
    "measures": MeasureRow,
}
"""Every table of the store by name."""


@dataclass(frozen=True)
class Analysis:
    """All that is known of one event: what the store holds and what reports are made of."""

    event: EventRow
    recordings: tuple[RecordingRow, ...]
    streams: tuple[StreamRow, ...]
    findings: tuple[Finding, ...]  # ordered by start; intended ones included
    seconds: tuple[SecondRow, ...]
    peaks_dbfs: dict[str, Floats]  # recording -> 10 ms peaks from its start_s on, loudest channel; NaN = no media
    history: tuple[HistoryRow, ...] = ()  # listeners, load, complaints, operator log: by series, place, metric, time

    @property
    def packet_streams(self) -> tuple[StreamRow, ...]:
        """The streams that were counted in packet logs: what is said of packets is said of these."""
        return tuple(row for row in self.streams if row.source == "packets")
