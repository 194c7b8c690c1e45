"""The records: each table's columns, units and meanings, declared once; and what detectors look at.

A table is a frozen dataclass whose fields are its columns. `None` means not measured, never zero.
Times: samples (integers) inside a run; seconds since the event's start in a finding; UTC (nanoseconds since
1970 inside the program) on events, recordings and packet logs. The converters stand at the end.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
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


@dataclass(frozen=True, kw_only=True)
class StreamRow:
    """The packets of one SSRC in one packet log (table `streams`); how it counts stands in `measures/rtp.py`."""

    event_id: str = col("event", default="")
    log: str = col("path of the packet log inside the event")
    room: str | None = col("room, where known", default=None)
    participant: str | None = col("participant, where known", default=None)
    vantage: str | None = col("sender, sfu-in, sfu-out, receiver or recorder", default=None)
    ssrc: str = col("SSRC as 0x%08x")
    src: str = col("source address and port")
    dst: str = col("destination address and port")
    payload_type: int | None = col("most frequent RTP payload type; empty: stats do not say")
    codec: str | None = col("codec, where known", default=None)
    clock_rate_hz: int | None = col("RTP clock rate (of the last stretch, where it changes)", default=None)
    clock_rate_from: str = col("static, sdp, settings, inferred or unknown", default="unknown")
    clock_rates: str = col(
        "RTP clock rate of each stretch in order, changes only, in Hz; ? where unknown", default=""
    )
    stretches: int = col("stretches between resets of sequence or time and changes of clock", default=1)
    packets: int = col("all RTP packets, duplicates included")
    expected: int | None = col("span of extended sequence numbers, summed over resets; in stats received and lost")
    lost: int | None = col("expected less the unique ones received; in stats negative where copies outnumber losses")
    loss_pct: float | None = col("lost of expected; empty: stats do not say")
    duplicates: int | None = col("packets whose sequence number came before; empty: stats do not say")
    reordered: int | None = col(
        "packets below a sequence number already seen, duplicates not counted (RFC 4737); empty: stats do not say"
    )
    steps_back: int = col(
        "times the sequence number fell from one packet to the next, duplicates not counted", default=0
    )
    late: int | None = col("packets after their playout time; empty: no playout model was run", default=None)
    first_s: float = col("first packet, seconds since the event's (or log's) start")
    last_s: float = col("last packet, seconds since the event's (or log's) start")
    jitter_ms: float | None = col("RFC 3550 6.4.1 jitter at the end", default=None)
    jitter_mean_ms: float | None = col("mean of the jitter over packets", default=None)
    jitter_max_ms: float | None = col("largest jitter", default=None)
    delta_max_ms: float | None = col("longest pause between packets", default=None)
    pdv_p50_ms: float | None = col("packet delay variation, median", default=None)
    pdv_p95_ms: float | None = col("packet delay variation, 95th percentile", default=None)
    pdv_p99_ms: float | None = col("packet delay variation, 99th percentile", default=None)
    skew_ppm: float | None = col("slope of arrival time against media time, less one", default=None)
    loss_bursts: int | None = col("RFC 3611 bursts", default=None)
    burst_density_pct: float | None = col("RFC 3611 4.7.2 burst density", default=None)
    gap_density_pct: float | None = col("RFC 3611 4.7.2 gap density", default=None)
    burst_duration_mean_ms: float | None = col("mean burst duration", default=None)
    gap_duration_mean_ms: float | None = col("mean RFC 3611 gap duration", default=None)
    burst_r: float | None = col("mean loss run over that of random loss (BurstR)", default=None)
    loss_run_max: int | None = col("longest run of lost packets; empty: stats do not say", default=0)
    r_factor: float | None = col("E-model R; empty: not measured", default=None)
    mos_estimated: float | None = col("estimated MOS; empty: not measured", default=None)
    mos_model: str | None = col("name, version and row of the model behind the MOS; empty MOS: why not", default=None)
    playout_model: str | None = col("buffer that late and concealed are of; empty: none was run", default=None)
    recovered: int | None = col("lost or late packets that the buffer played from a copy", default=None)
    overflowed: int | None = col("packets thrown away because the buffer was full", default=None)
    played_s: float | None = col("sound of packets that the buffer played", default=None)
    concealed_s: float | None = col("sound that the buffer had to make up", default=None)
    concealed_pct: float | None = col(
        "sound made up by the receiver (stats) or the playout model, of all that was played", default=None
    )
    concealed_lost_s: float | None = col("made-up sound in place of lost packets", default=None)
    concealed_late_s: float | None = col("made-up sound in place of late packets", default=None)
    concealed_stall_s: float | None = col("made-up sound while nothing came for over 500 ms", default=None)
    interruptions: int | None = col("concealed intervals of 150 ms or longer", default=None)
    accelerated_pct: float | None = col("time saved by playing faster, of what was played", default=None)
    expanded_pct: float | None = col("time taken by playing slower, of what was played", default=None)
    playout_delay_mean_ms: float | None = col(
        "the buffer's delay, mean, over that of the fastest packets", default=None
    )
    playout_delay_p95_ms: float | None = col("the buffer's delay, 95th percentile", default=None)
    playout_wait_mean_ms: float | None = col("mean wait of packets in the buffer", default=None)
    concealed_seconds: int | None = col("seconds with any made-up sound (RFC 7294), speech or not", default=None)
    severely_concealed_seconds: int | None = col("seconds with more than 50 ms of it", default=None)
    sweep: str | None = col("late, dropouts, concealed_s by delay_ms of fixed buffers, JSON text", default=None)
    sweep_advice: str | None = col("what a longer fixed buffer would have saved", default=None)
    loss_histogram: str = col("loss runs by length, 1 to 9 and 10 or more, JSON list", default="[]")
    ge_p: float | None = col("Gilbert: chance of a loss after a received packet", default=None)
    ge_r: float | None = col("Gilbert: chance of a received packet after a loss", default=None)
    ie_eff: float | None = col("E-model effective equipment impairment of the codec and its losses", default=None)
    delay_impairment: float | None = col("E-model Id of the buffer's delay alone", default=None)
    worst_interval_mos: float | None = col("least estimated MOS of a 10 s interval", default=None)
    worst_interval_start_s: float | None = col("where it begins, seconds as first_s", default=None)
    ipdv_p50_ms: float | None = col("RFC 5481 4.1 delay variation of neighbours, magnitude, median", default=None)
    ipdv_p95_ms: float | None = col("the same, 95th percentile", default=None)
    ipdv_p99_ms: float | None = col("the same, 99th percentile", default=None)
    ipdv_p999_ms: float | None = col("the same, 99.9th percentile", default=None)
    pdv_p999_ms: float | None = col("packet delay variation, 99.9th percentile", default=None)
    reorder_extent_max: int = col("largest extent of reordering, packets (RFC 4737 4.2)", default=0)
    frame_ms: float | None = col("usual media in a packet", default=None)
    bitrate_kbps: float | None = col("payload over media time", default=None)
    resets: int = col("times the sequence numbers started anew", default=0)
    changes: str = col("changes of payload type, clock, frame length, bit rate; JSON list", default="[]")
    source: str = col("packets (counted in a packet log) or stats (counters of one end)", default="packets")
    direction: str | None = col("of a row from stats: received or sent", default=None)
    audible_concealed_pct: float | None = col("of samples played, made up and not silent", default=None)
    rtt_ms: float | None = col(
        "mean round trip: as an end measured it (stats), or from the log's place to the receiver (RTCP)", default=None
    )
    rtt_max_ms: float | None = col("largest of them, by RTCP", default=None)
    cname: str | None = col("name of its source, by RTCP or SDP", default=None)
    continues: str | None = col("SSRC of the stream of the same source that it goes on from", default=None)
    reported_lost: int | None = col("packets lost by the receiver's count (RTCP; less duplicates)", default=None)
    reported_loss_pct: float | None = col("mean of the shares lost that the receiver reports (RTCP)", default=None)
    reported_jitter_max_ms: float | None = col("largest jitter that the receiver reports (RTCP)", default=None)
    sender_utc: str | None = col("UTC of the first packet's media by the sender's clock (RTCP)", default=None)
    sender_skew_ppm: float | None = col("media clock of the sender against its own wall clock (RTCP)", default=None)
    bye_s: float | None = col("when it said good-bye (RTCP), seconds as first_s", default=None)
    rtcp_xr: str | None = col("RTCP XR, the last block of each type, JSON text", default=None)
    copies_pct: float | None = col("packets with a copy of earlier ones; empty: could not be seen", default=None)
    level_dbov: float | None = col("median of the audio levels in header extensions (RFC 6464)", default=None)


@dataclass(frozen=True, kw_only=True)
class RecordingRow:
    """One channel-independent recording (table `recordings`)."""

    event_id: str = col("event", default="")
    recording: str = col("path inside the event")
    room: str | None = col("room, where known", default=None)
    track: str = col("participant, or mix")
    recorder: str | None = col("recorder profile from settings", default=None)
    sha256: str = col("SHA-256 of the file")
    bytes: int = col("size of the file")
    container: str | None = col("container format", default=None)
    codec: str | None = col("audio codec", default=None)
    sample_rate_hz: int | None = col("sample rate", default=None)
    channels: int | None = col("channels", default=None)
    duration_s: float = col("samples decoded", default=0.0)
    container_duration_s: float | None = col("length that the container states", default=None)
    missing_s: float = col("media that presentation times say is missing", default=0.0)
    start_s: float = col("sample 0, seconds since the event's start", default=0.0)
    start_utc: str | None = col("UTC of sample 0; empty: unknown", default=None)
    start_from: str = col("settings, metadata, aligned or unknown", default="unknown")
    start_error_ms: float | None = col("stated error of the start; empty: not measured", default=None)
    loudness_lufs: float | None = col("BS.1770 integrated loudness", default=None)
    loudness_range_lu: float | None = col("EBU Tech 3342 loudness range", default=None)
    true_peak_dbtp: float | None = col("BS.1770 true peak", default=None)
    active_speech_level_dbfs: float | None = col("P.56 active level of the loudest channel", default=None)
    speech_activity_pct: float | None = col("share of time at the active level", default=None)
    noise_floor_dbfs: float | None = col("level that 95 % of the frames with sound exceed", default=None)
    dc_offset: float | None = col("mean sample value of the channel with the largest, full scale 1", default=None)
    bandwidth_hz: int | None = col("where speech ends as at a wall all along, widest channel", default=None)
    clipped_samples: int | None = col("samples in clipped runs", default=None)
    momentary_max_lufs: float | None = col("largest loudness of 400 ms (EBU Tech 3341)", default=None)
    short_term_max_lufs: float | None = col("largest loudness of 3 s (EBU Tech 3341)", default=None)
    speech_snr_db: float | None = col("active speech level over noise floor, of the best channel", default=None)
    loudness_by_track: str | None = col("integrated loudness of each participant, LUFS, JSON text", default=None)
    concealed_pct_estimated: float | None = col(
        "mean likelihood that sound was made up by a decoder; clean sound reads 2 to 3; empty: not looked for",
        default=None,
    )
    false_stereo: bool | None = col("whether the first two channels hold the same sound", default=None)
    plcmos: float | None = col("PLCMOS v2 of sampled windows, median; advisory; empty: not asked for", default=None)
    plcmos_lowest: float | None = col("PLCMOS v2 of the worst of the sampled windows", default=None)
    plcmos_lowest_at_s: float | None = col("where that window begins, in the recording", default=None)
    dnsmos_overall: float | None = col("DNSMOS P.835 overall of sampled windows, median; advisory", default=None)
    dnsmos_signal: float | None = col("DNSMOS P.835 signal, median", default=None)
    dnsmos_background: float | None = col("DNSMOS P.835 background, median", default=None)
    mos_windows: int | None = col("windows of 9.01 s of speech that were rated", default=None)
    notes: str = col("what a reader should know that is no fault: changes of format, joins; JSON text", default="[]")
    findings: int = col("findings on this recording", default=0)
    impaired_seconds: int | None = col("impaired seconds of active speech", default=None)
    severely_impaired_seconds: int | None = col("severely impaired seconds of active speech", default=None)


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


@dataclass(frozen=True, kw_only=True)
class SeriesRow:
    """10 ms of one channel (table `series`)."""

    recording: str = col("recording")
    channel: int = col("channel, from 0")
    second: int = col("second from sample 0")
    hop: int = col("10 ms within the second, 0 to 99")
    level_dbfs: float | None = col("RMS level; full-scale square wave reads 0; empty: no media", default=None)
    peak_dbfs: float | None = col("largest magnitude; empty: no media", default=None)


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A sample-exact run of one channel (table `runs`): a value held, a flat top, or a candidate of a fault."""

    recording: str = col("recording")
    channel: int = col("channel, from 0")
    kind: str = col("constant (digital zero included), clipped, or the kind of fault that it may be")
    start_sample: int = col("first sample")
    end_sample: int = col("one past the last sample")
    value: float | None = col("the held value, full scale 1", default=None)
    before_dbfs: float | None = col("RMS of the 10 ms before the run; -inf stands as -200", default=None)
    after_dbfs: float | None = col("RMS of the 10 ms after the run; -inf stands as -200", default=None)
    peak_before_dbfs: float | None = col("largest magnitude in the last 0.25 ms before the run", default=None)
    peak_after_dbfs: float | None = col("largest magnitude in the first 0.25 ms after the run", default=None)
    columns: str | None = col("of a likely candidate: names of its features", default=None)
    features: list[float] | None = col("of a likely candidate: what was measured of it", default=None)


@dataclass(frozen=True, kw_only=True)
class MeasureRow:
    """A column of a slower series of one channel, for ten minutes or more (table `measures`)."""

    recording: str = col("recording")
    channel: int = col("channel, from 0")
    name: str = col("name of the series")
    column: str = col("what the values are, with their unit")
    hop_s: float = col("seconds from value to value")
    row: int = col("index of the first value, which begins row hop_s after sample 0")
    values: list[float] = col("the values; NaN: no media, or not measured")


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
class Block:
    """A piece of a decoded recording, of any length: what the decoder hands over."""

    start: int  # sample index on the presentation clock
    samples: Floats  # shape (channels, n), full scale 1


@dataclass(frozen=True)
class Levels:
    """What a channel's own levels are: the yardstick of every relative threshold."""

    active_speech_dbfs: float | None  # ITU-T P.56 method B on the 10 ms series
    noise_floor_dbfs: float | None
    speech: Flags  # shape (hops,): inside active speech

    @property
    def speech_snr_db(self) -> float | None:
        """Active speech level over the noise floor; None where either is not known."""
        if self.active_speech_dbfs is None or self.noise_floor_dbfs is None:
            return None
        return round(self.active_speech_dbfs - self.noise_floor_dbfs, 2)


@dataclass(frozen=True)
class RunTable:
    """Runs of one channel as columns of equal length; see RunRow for meanings."""

    kind: NDArray[np.str_]
    start_sample: Ints
    end_sample: Ints
    value: Doubles
    before_dbfs: Doubles
    after_dbfs: Doubles
    peak_before_dbfs: Doubles
    peak_after_dbfs: Doubles

    def of(self, kind: str) -> "RunTable":
        """The runs of one kind."""
        return self.where(self.kind == kind)

    def where(self, keep: Flags) -> "RunTable":
        """The runs that are flagged."""
        return RunTable(*(getattr(self, item.name)[keep] for item in dataclasses.fields(self)))


@dataclass(frozen=True)
class Series:
    """A measure's values over time: row k is of the time from k hop_s on; NaN where there is no media."""

    hop_s: float
    columns: tuple[str, ...]  # names with units
    values: NDArray[Any]  # shape (rows, columns)


@dataclass(frozen=True)
class Candidates:
    """Runs of one channel that may be a fault, with what was measured of each; a detector decides."""

    start_sample: Ints
    end_sample: Ints
    columns: tuple[str, ...]  # names of the features with units
    features: Floats  # shape (runs, columns)


@dataclass(frozen=True)
class Track:
    """One channel of one recording, measured: what an audio detector looks at."""

    sample_rate_hz: int
    samples: int  # length on the presentation clock, missing media included
    level_dbfs: Floats  # shape (hops,), hop HOP_S; NaN where there is no media
    peak_dbfs: Floats  # shape (hops,)
    runs: RunTable
    levels: Levels
    channel: int = 0
    series: Mapping[str, Series] = field(default_factory=dict)  # by name
    candidates: Mapping[str, Candidates] = field(default_factory=dict)  # by kind
    facts: Mapping[str, float | None] = field(default_factory=dict)  # single numbers of the whole channel


@dataclass(frozen=True)
class Hole:
    """A stretch of a recording without media, or with damaged media, on its presentation clock."""

    start_s: float
    end_s: float
    reason: str


@dataclass(frozen=True)
class Claim:
    """How long a recording should be, as one clock says: what it is held against to see time that was left out."""

    clock: str  # which clock, in words
    seconds: float
    sure: bool = True  # whether the recording had to run all that time


@dataclass(frozen=True)
class Media:
    """What decoding a recording said about its container: what a container detector looks at."""

    path: str
    container: str | None = None
    codec: str | None = None
    sample_rate_hz: int = 0
    channels: int = 0
    samples: int = 0  # decoded, per channel
    container_duration_s: float | None = None
    start_ns: int | None = None  # UTC of sample 0 by the file's own metadata
    missing: tuple[Hole, ...] = ()
    damaged: tuple[Hole, ...] = ()
    error: str | None = None  # why it could not be read at all, or was left early
    participants: tuple[tuple[str, int], ...] = ()  # name and SSRC of each channel, where a channel is a participant
    claims: tuple[Claim, ...] = ()
    concealed: tuple[Hole, ...] = ()  # media made up for packets that never came, of any channel
    layout: str = ""  # of the channels, as FFmpeg names it (stereo, 5.1); empty: not known
    notes: tuple[str, ...] = ()  # what a reader should know of it that is no fault: changes of format, joins


@dataclass(frozen=True)
class Reported:
    """What RTCP says of one stream: its sender of its clock, its receivers of what reached them."""

    cname: str | None = None
    reports: int = 0  # report blocks about it
    lost: int | None = None  # packets, by the last report (RFC 3550 6.4.1: duplicates count against it)
    loss_pct: float | None = None  # mean of the shares that the reports give for the time since the one before
    jitter: int | None = None  # largest, in RTP clock units
    rtt_ms: tuple[float, ...] = ()  # from where the log was taken to the receiver and back
    sender_times: tuple[tuple[int, int], ...] = ()  # sender reports: UTC in ns by the sender's clock, RTP time
    bye_ns: int | None = None  # when it said that it leaves
    extended: str | None = None  # RTCP XR, the last block of each type, JSON text


NO_LEVEL = 1
"""Stands for an audio level that is not known: levels are -127 to 0 dBov."""


@dataclass(frozen=True)
class Stream:
    """The packets of one SSRC of one flow in one log, in arrival order: what a packet detector looks at."""

    log: str
    ssrc: int
    src: str
    dst: str
    payload_type: int  # the most frequent
    codec: str | None
    clock_rate_hz: int | None  # of the last stretch
    clock_rate_from: str
    log_start_ns: int  # UTC of the log's first packet: second 0 of this stream's findings
    arrival_ns: Ints  # UTC
    sequence: Ints  # extended; goes on over a clock change, jumps to a new cycle at a reset
    timestamp: Ints  # extended RTP timestamp
    payload_types: NDArray[np.uint8]
    marker: Flags
    payload_bytes: Ints
    stretch: NDArray[np.int32]  # index of the stretch (between resets and clock changes) of each packet
    stretch_clock_hz: tuple[int | None, ...]  # clock rate of each stretch
    stretch_reset: tuple[bool, ...]  # whether sequence numbers start anew with the stretch (of the first: true)
    duplicate: Flags  # the sequence number came before
    auxiliary: Flags  # telephone-event (RFC 4733): shares sequence numbers, is no media on the media clock
    copies: NDArray[np.uint8]  # how many packets before it each one carries a copy of (RED, Opus in-band FEC)
    copies_known: bool  # whether the payload could be looked into: false for SRTP, where copies are not measured
    level_dbov: NDArray[np.int16]  # audio level from the header extension of RFC 6464; NO_LEVEL where there is none
    reported: "Reported | None" = None  # what RTCP in the same log says of it
    timed: bool = True  # whether arrival_ns are times of arrival; else media time, and nothing is said of delay

    @cached_property
    def media_s(self) -> Doubles:
        """Media time of each packet in seconds, from an arbitrary zero per stretch; NaN where the clock is unknown.

        Read-only, as it is made once.
        """
        if len(self.stretch_clock_hz) == 1 and len(self.timestamp):  # nearly all: no look-up per packet
            out = (self.timestamp - self.timestamp[0]) / (self.clock_rate_hz or np.nan)
        else:
            hz = np.array([np.nan if rate is None else float(rate) for rate in self.stretch_clock_hz])
            starts = np.flatnonzero(np.diff(self.stretch, prepend=-1))
            out = (self.timestamp - self.timestamp[starts][self.stretch]) / hz[self.stretch]
        out.flags.writeable = False
        return np.asarray(out, np.float64)


COUNTERS = (
    "packets_received", "packets_lost", "packets_discarded", "packets_sent", "jitter_s", "rtt_s",
    "buffer_delay_s", "buffer_target_delay_s", "buffer_emitted",
    "samples_received", "concealed_samples", "silent_concealed_samples", "concealment_events",
    "inserted_samples", "removed_samples", "interruptions", "interruption_s", "audio_level", "audio_energy",
    "samples_s", "synthesized_s", "synthesized_events", "playout_delay_s", "playout_samples",
)  # fmt: skip
"""The columns of a StatsTrack, of W3C webrtc-stats: running totals, but for jitter_s, rtt_s and audio_level.

buffer_* are jitterBufferDelay, jitterBufferTargetDelay (sums over samples, s) and jitterBufferEmittedCount;
inserted and removed are insertedSamplesForDeceleration and removedSamplesForAcceleration; samples_s is
totalSamplesDuration (of a playout: of what was rendered); the last five but samples_s are of media-playout.
packets_lost of a sent stream is what the other end reported back (remote-inbound-rtp).
"""


@dataclass(frozen=True)
class StatsTrack:
    """One audio stream as one end's own counters tell of it, in order of time: what a stats detector looks at."""

    log: str
    connection: str  # the peer connection, as the dump names it
    direction: Literal["received", "sent", "playout"]  # playout: what the device was fed, of no one stream
    vantage: str  # receiver, sender or sfu-in
    ssrc: int | None
    name: str  # the id of its stats in the dump
    mid: str | None
    track_id: str | None
    codec: str | None  # "opus/48000/2"
    endpoint: str | None  # whose sound it is, where the dump names it
    reporter: str | None  # whose device or server counted, where the dump names it
    log_start_ns: int  # UTC of the log's first sample: second 0 of this track's findings
    time_ns: Ints  # UTC of each sample, never falling
    columns: Mapping[str, Doubles]  # by the names in COUNTERS, as they came; NaN where absent

    def __getitem__(self, counter: str) -> Doubles:
        """The values of one counter, shape (samples,); all NaN where the dump never had it."""
        if counter not in COUNTERS:
            raise KeyError(counter)
        found = self.columns.get(counter)
        return np.full(len(self.time_ns), np.nan) if found is None else found


@dataclass(frozen=True)
class StatsLog:
    """What one stats dump holds."""

    name: str
    format: str
    start_ns: int | None  # UTC of its first sample
    end_ns: int | None
    tracks: tuple[StatsTrack, ...]  # by first sample, then connection, direction and SSRC
    warning: str | None  # what of it could not be read
    notes: tuple[str, ...] = ()  # what it does not hold, in words for people


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
