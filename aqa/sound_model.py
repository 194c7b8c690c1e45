"""What recordings hold: tables `recordings`, `series`, `runs` and `measures`, and what detectors of sound look at.

`None` means not measured, never zero. Times are samples inside a run.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.model import Doubles, Flags, Floats, Ints, col


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
