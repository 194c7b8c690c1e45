"""RTP packets of one SSRC made into a stream and counted; RTP told from what only looks like it.

Words: a stretch is what one clock and one count of time span; it ends at a reset of sequence or timestamp and
where the clock changes (`measures/sequence.py`). Counts are as INTERFACE.md states them: `expected` is the span of
extended sequence numbers, summed over resets; `lost` is expected less the unique ones received.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aqa.measures.arrivals import Arrivals
from aqa.measures.clock import STATIC, infer_clock, named_clock
from aqa.measures.payload import OPUS_HZ, is_opus, levels_dbov, opus_copies, red_type
from aqa.measures.sequence import MAX_DROPOUT, extend, seen_before, small_steps, stretches, unwrap_time
from aqa.model import Flags, Ints
from aqa.stream_model import Reported, Stream

MIN_PACKETS = 5  # fewer do not tell RTP from chance
_STATIC_HZ = np.array([STATIC[kind][1] if kind in STATIC else 0 for kind in range(256)], np.int64)
_STATIC_HZ[19] = 8000  # reserved by RFC 3551 table 4: comfort noise of old senders


def telephone_events(packets: Arrivals, codecs: Mapping[int, str]) -> Flags:
    """Which packets are telephone events (RFC 4733): named so, or a lesser dynamic type with 4-byte payloads."""
    out = np.zeros(len(packets.payload_types), np.bool_)
    if packets.one_type:
        return out
    counts = np.bincount(packets.payload_types)
    types_seen = np.flatnonzero(counts)
    if len(types_seen) < 2:
        return out
    for kind in types_seen[types_seen != np.argmax(counts)].tolist():
        mine = packets.payload_types == kind
        named = codecs.get(kind, "").lower().startswith(("telephone-event", "tone"))
        if named or (kind >= 96 and kind not in codecs and (packets.payload_bytes[mine] == 4).all()):
            out |= mine
    return out


def _usual_type(packets: Arrivals) -> int:
    return int(packets.payload_types[0] if packets.one_type else np.bincount(packets.payload_types).argmax())


def duplicates(extended: Ints) -> Flags:
    """Packets whose extended sequence number came before."""
    if not len(extended):
        return np.zeros(0, np.bool_)
    low, high = int(extended.min()), int(extended.max())
    if high - low < 4 * len(extended) + MAX_DROPOUT:
        return seen_before(extended, low, high)
    order = np.argsort(extended, kind="stable")  # resets leave numbers unused by the 65536
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
    if not len(at):
        return at
    highest = np.maximum.accumulate(stream.sequence)
    return np.asarray(at - np.searchsorted(highest, stream.sequence[at], side="right"), np.int64)


def looks_like_rtp(packets: Arrivals) -> bool:
    """Whether packets with one SSRC behave as RTP: numbers go up by small steps, time moves with them.

    No port is asked. Random bytes keep an SSRC and step by at most 16 with odds of 1 in 4000 per packet; fewer
    than ten packets must be without fault.
    """
    if len(packets.sequence) < MIN_PACKETS:
        return False
    fine, strict, moved = small_steps(packets.sequence, packets.timestamp)
    steps = len(packets.sequence) - 1
    few = all(len({*packets.sequence[:first].tolist()}) < MIN_PACKETS for first in (2 * MIN_PACKETS, 1000))
    if moved < MIN_PACKETS - 1 or few:
        return False
    return fine >= 0.8 * steps if steps >= 10 else fine == strict == steps


@dataclass(frozen=True)
class Place:
    """Where a stream comes from: its log, flow and SSRC."""

    log: str
    log_start_ns: int
    ssrc: int
    src: str
    dst: str


@dataclass(frozen=True)
class Named:
    """What settings, a description in the log, and RTCP say of a stream."""

    settings: Mapping[int, str] = field(default_factory=dict)  # payload type -> "opus/48000/2"
    described: Mapping[int, str] = field(default_factory=dict)  # likewise, from SDP or the log's own header
    level_id: int | None = None  # header extension of the audio level
    reported: Reported | None = None

    @property
    def codecs(self) -> dict[int, str]:
        """By payload type; settings know better than a description."""
        return {**self.described, **self.settings}

    def origin(self, kind: int) -> str:
        """Where the name of a payload type is from."""
        return "settings" if kind in self.settings else "sdp"


def make_stream(place: Place, packets: Arrivals, named: Named) -> Stream:
    """The stream of one (flow, SSRC); packets out of place are left out. At least one packet is needed."""
    codecs = named.codecs
    extended, segment = extend(packets.sequence)
    kept = segment >= 0
    if not kept.all():
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
    media = _last_media_type(packets, events)
    clocks, resets = _per_stretch(stretch, clock, segment)
    codec = codecs.get(media, STATIC.get(media, (None, 0))[0])
    copies, copies_known, opus = _copies(packets, extended, timestamp, OPUS_HZ in clocks, codecs)
    return Stream(
        place.log, place.ssrc, place.src, place.dst, _usual_type(packets),
        codec or ("opus" if opus else None),
        clocks[-1], _origin(media, named, clocks[-1]), place.log_start_ns, packets.arrival_ns, extended,
        timestamp, packets.payload_types, packets.marker, packets.payload_bytes, stretch,
        clocks, resets, duplicates(extended), events, copies, copies_known,
        levels_dbov(packets.extension, packets.extension_2, named.level_id), named.reported,
    )  # fmt: skip


def _known_clocks(packets: Arrivals, events: Flags, codecs: Mapping[int, str]) -> Ints:
    table = _STATIC_HZ.copy()
    for kind, name in codecs.items():
        table[kind] = named_clock(name) or table[kind]
    if packets.one_type:  # which is then no telephone event: nothing to look up
        return np.full(len(events), table[packets.payload_types[0]])
    clock = table[packets.payload_types]
    clock[events] = -1
    return clock


def _last_media_type(packets: Arrivals, events: Flags) -> int:
    payload_types = packets.payload_types
    if packets.one_type:
        return int(payload_types[0])
    media = payload_types[~events & (payload_types != 13) & (payload_types != 19)]
    if not len(media):
        return int(payload_types[-1])
    return int(np.bincount(media[-50:]).argmax())


def _per_stretch(
    stretch: NDArray[np.integer], clock: Ints, segment: NDArray[np.int32]
) -> tuple[tuple[int | None, ...], tuple[bool, ...]]:
    """Clock rate of each stretch (None unknown), and whether sequence numbers start anew with it."""
    if stretch[-1] == 0:  # one stretch: that of the first packet
        of_first = int(clock[np.argmax(clock >= 0)])
        return (max(of_first, 0) or None,), (True,)
    starts = np.flatnonzero(np.diff(stretch, prepend=-1))
    media = np.flatnonzero(clock >= 0)
    first = np.flatnonzero(np.diff(stretch[media], prepend=-1))  # of media, in each stretch that has any
    clocks = np.zeros(len(starts), np.int64)
    clocks[stretch[media[first]]] = clock[media[first]]
    resets = np.diff(segment[starts], prepend=-1) != 0
    return tuple(int(hz) or None for hz in clocks), tuple(bool(reset) for reset in resets)


def _copies(
    packets: Arrivals, extended: Ints, timestamp: Ints, opus_clock: bool, codecs: Mapping[int, str]
) -> tuple[NDArray[np.uint8], bool, bool]:
    """How many earlier packets each one carries copies of, whether that could be seen, and whether it is Opus."""
    red = next((kind for kind, name in codecs.items() if name.lower().startswith("red/")), None)
    if red is None and packets.copies.any():
        red = red_type(packets.payload_types, packets.copies, packets.primary)
    if red is not None:
        return np.where(packets.payload_types == red, packets.copies, 0).astype(np.uint8), True, False
    opus = opus_clock and is_opus(packets.head, extended, timestamp)
    if opus:
        return opus_copies(packets.head), True, True
    clear = bool(packets.payload_types.min() < 96)  # RFC 3551's codecs carry no copies
    return np.zeros(len(extended), np.uint8), clear, False


def _origin(media: int, named: Named, clock_hz: int | None) -> str:
    if clock_hz is None:
        return "unknown"
    if named_clock(named.codecs.get(media)):
        return named.origin(media)
    return "static" if media in STATIC else "inferred"


def counts(stream: Stream) -> tuple[int, int]:
    """Packets expected (span of extended sequence numbers, summed over resets) and lost (RFC 3550 A.3)."""
    unique = len(stream.sequence) - int(np.count_nonzero(stream.duplicate))
    if sum(stream.stretch_reset) == 1:
        expected = int(stream.sequence.max() - stream.sequence.min()) + 1
        return expected, expected - unique
    group = np.cumsum(stream.stretch_reset)[stream.stretch]
    low = np.full(int(group.max()) + 1, np.iinfo(np.int64).max)
    high = np.full(len(low), np.iinfo(np.int64).min)
    np.minimum.at(low, group, stream.sequence)
    np.maximum.at(high, group, stream.sequence)
    there = high >= low
    expected = int((high[there] - low[there] + 1).sum())
    return expected, expected - unique
