"""RTP packets of one SSRC made into a stream and counted; RTP told from what only looks like it.

Words: a stretch is what one clock and one count of time span; it ends at a reset of sequence or timestamp and
where the clock changes (`measures/sequence.py`). Counts are as INTERFACE.md states them: `expected` is the span of
extended sequence numbers, summed over resets; `lost` is expected less the unique ones received.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.measures.clock import FASTEST_HZ, STATIC, infer_clock, named_clock
from aqa.measures.sequence import extend, stretches, unwrap_time
from aqa.model import NO_LEVEL, Flags, Ints, Stream

MIN_PACKETS = 5  # fewer do not tell RTP from chance


@dataclass(frozen=True)
class Arrivals:
    """Packets of one (flow, SSRC) as they came; one value per packet in each array."""

    arrival_ns: Ints
    sequence: NDArray[np.uint16]
    timestamp: NDArray[np.uint32]
    payload_types: NDArray[np.uint8]
    marker: Flags
    payload_bytes: Ints

    def where(self, keep: Flags) -> "Arrivals":
        """The packets that `keep` marks."""
        return Arrivals(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))


def telephone_events(packets: Arrivals, codecs: Mapping[int, str]) -> Flags:
    """Which packets are telephone events (RFC 4733): named so, or a lesser dynamic type with 4-byte payloads."""
    types_seen, counts = np.unique(packets.payload_types, return_counts=True)
    out = np.zeros(len(packets.payload_types), np.bool_)
    if len(types_seen) < 2:
        return out
    for kind in types_seen[types_seen != types_seen[np.argmax(counts)]].tolist():
        mine = packets.payload_types == kind
        named = codecs.get(kind, "").lower().startswith(("telephone-event", "tone"))
        if named or (kind >= 96 and kind not in codecs and (packets.payload_bytes[mine] == 4).all()):
            out |= mine
    return out


def duplicates(extended: Ints) -> Flags:
    """Packets whose extended sequence number came before."""
    order = np.argsort(extended, kind="stable")
    out = np.zeros(len(extended), np.bool_)
    out[order[1:]] = extended[order[1:]] == extended[order[:-1]]
    return out


def reordered(stream: Stream) -> Flags:
    """RFC 4737 3.3: packets below a sequence number already seen; duplicates are not counted."""
    highest = np.maximum.accumulate(stream.sequence)
    return (stream.sequence < highest) & ~stream.duplicate


def reorder_extents(stream: Stream) -> Ints:
    """RFC 4737 4.2 extent of each reordered packet: arrivals since the first with a greater number; one each."""
    at = np.flatnonzero(reordered(stream))
    highest = np.maximum.accumulate(stream.sequence)
    return np.asarray(at - np.searchsorted(highest, stream.sequence[at], side="right"), np.int64)


def looks_like_rtp(packets: Arrivals) -> bool:
    """Whether packets with one SSRC behave as RTP: numbers go up by small steps, time moves with them.

    No port is asked. Random bytes keep an SSRC and step by at most 16 with odds of 1 in 4000 per packet; fewer
    than ten packets must be without fault.
    """
    if len(packets.sequence) < MIN_PACKETS or len(np.unique(packets.sequence)) < MIN_PACKETS:
        return False
    steps = np.diff(packets.sequence).view(np.int16).astype(np.int64)
    times = np.diff(packets.timestamp).view(np.int32).astype(np.int64)
    fine = (np.abs(steps) <= 64) & (np.abs(times) <= FASTEST_HZ * 30) & ((steps != 0) | (times == 0))
    strict = (np.abs(steps) <= 3) & (times >= 0)
    return bool(np.mean(fine) >= 0.8) if len(steps) >= 10 else bool((fine & strict).all())


@dataclass(frozen=True)
class Place:
    """Where a stream comes from: its log, flow and SSRC."""

    log: str
    log_start_ns: int
    ssrc: int
    src: str
    dst: str


def make_stream(place: Place, packets: Arrivals, codecs: Mapping[int, str]) -> Stream:
    """The stream of one (flow, SSRC); packets out of place are left out. At least one packet is needed."""
    extended, segment = extend(packets.sequence)
    kept = segment >= 0
    packets, extended, segment = packets.where(kept), extended[kept], segment[kept]
    timestamp = unwrap_time(packets.timestamp)
    events = telephone_events(packets, codecs)
    clock = _known_clocks(packets, events, codecs)
    stretch = stretches(packets.arrival_ns, extended, timestamp, segment, clock)
    unknown = clock == 0
    if unknown.any():
        inferred = infer_clock(packets.arrival_ns[unknown], timestamp[unknown], stretch[unknown])
        clock[unknown] = inferred or 0
        stretch = stretches(packets.arrival_ns, extended, timestamp, segment, clock)
    media = _last_media_type(packets.payload_types, events)
    clocks, resets = _per_stretch(stretch, clock, segment)
    codec = codecs.get(media, STATIC.get(media, (None, 0))[0])
    return Stream(
        place.log, place.ssrc, place.src, place.dst, int(np.bincount(packets.payload_types).argmax()), codec,
        clocks[-1], _origin(media, codecs, clocks[-1]), place.log_start_ns, packets.arrival_ns, extended,
        timestamp, packets.payload_types, packets.marker, packets.payload_bytes.astype(np.int64), stretch,
        clocks, resets, duplicates(extended), events, np.zeros(len(extended), np.uint8), False,
        np.full(len(extended), NO_LEVEL, np.int16), None,
    )  # fmt: skip


def _known_clocks(packets: Arrivals, events: Flags, codecs: Mapping[int, str]) -> Ints:
    table = np.zeros(256, np.int64)
    for kind in range(128):
        table[kind] = named_clock(codecs.get(kind)) or (STATIC[kind][1] if kind in STATIC else 0)
    table[19] = 8000  # reserved by RFC 3551 table 4: comfort noise of old senders
    clock = table[packets.payload_types]
    clock[events] = -1
    return clock


def _last_media_type(payload_types: NDArray[np.uint8], events: Flags) -> int:
    media = payload_types[~events & (payload_types != 13) & (payload_types != 19)]
    if not len(media):
        return int(payload_types[-1])
    return int(np.bincount(media[-50:]).argmax())


def _per_stretch(
    stretch: NDArray[np.integer], clock: Ints, segment: NDArray[np.int32]
) -> tuple[tuple[int | None, ...], tuple[bool, ...]]:
    """Clock rate of each stretch (None unknown), and whether sequence numbers start anew with it."""
    starts = np.flatnonzero(np.diff(stretch, prepend=-1))
    media = np.flatnonzero(clock >= 0)
    seen, at = np.unique(stretch[media], return_index=True)
    clocks = np.zeros(len(starts), np.int64)
    clocks[seen] = clock[media[at]]
    resets = np.diff(segment[starts], prepend=-1) != 0
    return tuple(int(hz) or None for hz in clocks), tuple(bool(reset) for reset in resets)


def _origin(media: int, codecs: Mapping[int, str], clock_hz: int | None) -> str:
    if clock_hz is None:
        return "unknown"
    if named_clock(codecs.get(media)):
        return "settings"
    return "static" if media in STATIC else "inferred"


def counts(stream: Stream) -> tuple[int, int]:
    """Packets expected (span of extended sequence numbers, summed over resets) and lost (RFC 3550 A.3)."""
    group = np.cumsum(stream.stretch_reset)[stream.stretch]
    low = np.full(int(group.max()) + 1, np.iinfo(np.int64).max)
    high = np.full(len(low), np.iinfo(np.int64).min)
    np.minimum.at(low, group, stream.sequence)
    np.maximum.at(high, group, stream.sequence)
    there = high >= low
    expected = int((high[there] - low[there] + 1).sum())
    return expected, expected - int((~stream.duplicate).sum())
