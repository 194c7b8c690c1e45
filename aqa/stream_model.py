"""What packet logs and stats dumps hold: the table `streams`, and what detectors of packets and stats look at.

`None` means not measured, never zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aqa.model import Doubles, Flags, Ints, col


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
