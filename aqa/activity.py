"""What the packets of a stream say of how loud its sender was: from headers and sizes alone, so of SRTP too.

Three kinds, the best there is: `level`, the audio level that the sender wrote into a header extension (RFC 6464);
`size`, the bytes that a codec of variable bit rate spent on a frame, more where there is more to say; `talkspurt`,
where a codec of constant bit rate has pauses (DTX, mute). A stream with none of them, such as G.711 without a
break, says nothing. Values lie on the stream's media clock; knots of the delay's floor carry them to the log's.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aqa.measures.slots import Slots, slots_of
from aqa.model import HOP_S, Doubles, Flags, Ints
from aqa.picker import merge, true_runs
from aqa.stream_model import NO_LEVEL, Stream
from aqa.whole import Spans

Kind = Literal["level", "size", "talkspurt"]
LOST, NOTHING = 127, 126
"""Instead of a value: a packet that never came; time for which nothing was sent."""
KNOT_S = 10.0  # a window that holds enough packets for one of least delay, and in which 200 ppm move 2 ms
STEP_S = 0.05  # of the delay's floor: 200 ppm move it by 2 ms in KNOT_S, and a route that changes by some 10 ms
LOOK_AHEAD_S = 0.0065  # of Opus's encoder for voip and audio: 4 ms delay compensation + 2.5 ms (opus_encoder.c)
SHARES_PCT = (1, 99.5)  # of levels: who speaks for 20 s in an hour has said something
SPREAD_DB = 3.0  # between them: less is no speech
SIZE_DB = 3.0  # of level for 1 dB of size: libopus's voip packets span 18 dB at 32 kb/s, speech and pauses 50
LOUD_DB = 15.9  # ITU-T P.56 6.2: margin of the threshold below the active level
HANG_S = 0.2  # ITU-T P.56 6.2: hangover
MIN_PAUSES = 3
MIN_PACKETS = 50  # a second
CONSTANT = 0.9  # share of packets of one size: constrained VBR (CELT at 32 kb/s) has up to 60 %, CBR 100 %
MAX_PIECES = 100  # resets of one stream that are followed; a stream with more is damaged
MAX_HOPS = 24 * 360_000  # a day: a clock that lies must not fill memory


@dataclass(frozen=True)
class Piece:
    """One stretch: 10 ms values from media time 0 on, and the delay's floor at some media times."""

    value: NDArray[np.int8]  # dB; LOST and NOTHING
    media_s: Doubles  # of the knots
    delay_s: Doubles  # log time (since log_start_ns) less media time at the knots

    def log_s(self, media_s: Doubles) -> Doubles:
        """Seconds since log_start_ns at which media with the least delay came."""
        return np.asarray(media_s + np.interp(media_s, self.media_s, self.delay_s), np.float64)


@dataclass(frozen=True)
class Activity:
    """How loud the sender of one stream was."""

    kind: Kind
    pieces: tuple[Piece, ...]
    first_s: float  # of the stream's packets, since log_start_ns
    last_s: float
    bias_s: float  # by how much sound that was decoded from the packets lies later than their values

    def add_to(self, power: Doubles, lost: Doubles, start_s: float) -> None:
        """Add mean power (full scale 1) to each 10 ms cell from `start_s` (since log_start_ns) on.

        A lost packet counts as the one before it, and its power goes to `lost` as well.
        """
        for piece in self.pieces:
            edges = piece.log_s(np.arange(len(piece.value) + 1, dtype=np.float64) * HOP_S) + self.bias_s
            edges = np.maximum.accumulate(edges)
            low = int(np.clip(np.floor((edges[0] - start_s) / HOP_S), 0, len(power)))
            high = int(np.clip(np.ceil((edges[-1] - start_s) / HOP_S), low, len(power)))
            if high == low:
                continue
            at = start_s + np.arange(low, high + 1) * HOP_S
            held, missing = _held(piece.value)
            for out, values in ((power, held), (lost, np.where(missing, held, 0.0))):
                if values.any():
                    total = np.concatenate(([0.0], np.cumsum(values)))
                    out[low:high] += np.diff(np.interp(at, edges, total))


def _held(value: NDArray[np.int8]) -> tuple[Doubles, Flags]:
    """Power of each value, a lost packet's being that of the last before it; and which are lost."""
    missing = value == LOST
    last = np.maximum.accumulate(np.where(missing, 0, np.arange(len(value))))
    held = value[last]
    return np.where(held > 0, 0.0, 10.0 ** (np.minimum(held, 0) / 10.0)), missing


def activity(stream: Stream) -> Activity | None:
    """What the packets of `stream` say of loudness; None where they say nothing, or where its clock is unknown."""
    slots = slots_of(stream)
    if slots is None or len(slots.bounds) - 1 > MAX_PIECES:
        return None
    kind, values = _said(stream, slots)
    if values is None:
        return None
    pieces = tuple(
        _piece(slots, values, int(a), int(b)) for a, b in zip(slots.bounds[:-1], slots.bounds[1:], strict=True)
    )
    base = stream.arrival_ns - stream.log_start_ns
    late = kind == "level" and (stream.codec or "").lower().startswith("opus")
    bias_s = LOOK_AHEAD_S if late else 0.0
    return Activity(kind, pieces, float(base.min()) * 1e-9, float(base.max()) * 1e-9, bias_s)


def _said(stream: Stream, slots: Slots) -> tuple[Kind, NDArray[np.int8] | None]:
    """The best kind that there is, and a value for each slot."""
    if (levels := _levels(stream, slots)) is not None:
        return "level", levels
    if (sizes := _sizes(stream, slots)) is not None:
        return "size", sizes
    return "talkspurt", _full(slots)


def _levels(stream: Stream, slots: Slots) -> NDArray[np.int8] | None:
    """RFC 6464 levels, where most packets have one and they are not all the same."""
    level = stream.level_dbov[slots.packet]
    known = level != NO_LEVEL
    if known.mean() < 0.5 or np.ptp(np.percentile(level[known], SHARES_PCT)) < SPREAD_DB:
        return None
    return np.where(known, np.clip(level, -127, 0), LOST).astype(np.int8)


def _sizes(stream: Stream, slots: Slots) -> NDArray[np.int8] | None:
    """Bytes per time in dB, stretched to the range that levels of speech have; None for a constant bit rate."""
    size = np.maximum(stream.payload_bytes[slots.packet], 1)
    full = size[size > np.median(size) / 2]
    if len(full) < MIN_PACKETS or np.bincount(full).max() > CONSTANT * len(full):
        return None
    rate_db = 20 * np.log10(size / np.maximum(slots.frame_ns * 1e-9, 0.0025))
    value = np.clip(SIZE_DB * (rate_db - np.percentile(rate_db, 99)), -100, 0)
    return np.asarray(value, np.int8)


def _full(slots: Slots) -> NDArray[np.int8] | None:
    """The same value for every packet, where there are pauses between them."""
    step = np.diff(slots.media_ns) - slots.frame_ns[:-1] * (1 + slots.lost[1:])
    step[slots.bounds[1:-1] - 1] = 0
    if np.count_nonzero(step > HANG_S * 1e9) < MIN_PAUSES:
        return None
    return np.full(len(slots), -20, np.int8)


def _piece(slots: Slots, values: NDArray[np.int8], a: int, b: int) -> Piece:
    media = slots.media_ns[a:b] - slots.media_ns[a:b].min()
    hop_ns = HOP_S * 1e9
    first = np.rint(media / hop_ns).astype(np.int64)
    last = np.maximum(np.rint((media + slots.frame_ns[a:b]) / hop_ns).astype(np.int64), first + 1)
    keep = last <= MAX_HOPS
    first, last = first[keep], last[keep]
    value = np.full(int(last.max(initial=1)), NOTHING, np.int8)
    _mark_lost(value, first, slots.lost[a:b][keep], slots.frame_ns[a:b][keep] / hop_ns)
    count = last - first
    inside = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    value[np.repeat(first, count) + inside] = np.repeat(values[a:b][keep], count)
    return Piece(value, *_knots(np.asarray(media * 1e-9, np.float64), slots.arrival_ns[a:b] * 1e-9))


def _mark_lost(value: NDArray[np.int8], first: Ints, lost: Ints, frame: Doubles) -> None:
    """The frames before a packet in whose place packets are missing."""
    for at in np.flatnonzero(lost).tolist():
        start = first[at] - round(lost[at] * float(frame[at]))
        value[max(int(start), 0) : first[at]] = LOST


def _knots(media_s: NDArray[np.floating], arrival_s: NDArray[np.floating]) -> tuple[Doubles, Doubles]:
    """The least delayed packet of each KNOT_S of media: its media time and delay."""
    delay = arrival_s - media_s
    window = (media_s / KNOT_S).astype(np.int64)
    order = np.lexsort((delay, window))
    best = order[np.flatnonzero(np.diff(window[order], prepend=-1))]
    steps = np.array(_steps(media_s, delay, best), np.float64).reshape(-1, 2)
    knots = np.concatenate((np.stack((media_s[best], delay[best]), axis=1), steps))
    knots = knots[np.argsort(knots[:, 0], kind="stable")]
    return np.asarray(knots[:, 0], np.float64), np.asarray(knots[:, 1], np.float64)


def _steps(media_s: NDArray[np.floating], delay_s: NDArray[np.floating], best: Ints) -> list[tuple[float, float]]:
    """Knots beside each change of the delay that stays, such as a sender's stall: no clock drifts so far at once."""
    found = []
    for one, other in pairwise(best.tolist()):
        rise = float(delay_s[other] - delay_s[one])
        between = np.diff(delay_s[one : other + 1]) * np.sign(rise)
        if abs(rise) < STEP_S or not len(between) or between.max() < STEP_S:
            continue
        at = one + int(np.argmax(between))
        found += [(float(media_s[at]), float(delay_s[one])), (float(media_s[at + 1]), float(delay_s[other]))]
    return found


@dataclass(frozen=True)
class Loud:
    """When a stream's sender spoke, was silent, or sent nothing, in seconds since log_start_ns; lost is neither."""

    speaking: Spans
    silent: Spans
    nothing: Spans
    based_on: Kind


def loud(found: Activity) -> Loud:
    """When the sender spoke: above P.56's margin below the mean power of what is not far below it, with hangover."""
    values = np.concatenate([piece.value[piece.value <= 0] for piece in found.pieces])
    least_db = _threshold_db(values)
    spans: dict[str, list[Spans]] = {"speaking": [], "silent": [], "nothing": []}
    for piece in found.pieces:
        runs = merge(true_runs((piece.value <= 0) & (piece.value >= least_db)), round(HANG_S / HOP_S))
        speaking = np.zeros(len(piece.value), np.bool_)
        for start, end in runs.tolist():
            speaking[start:end] = True
        nothing = (piece.value == NOTHING) & ~speaking
        silent = (piece.value <= 0) & ~speaking
        for name, mask in (("speaking", speaking), ("silent", silent), ("nothing", nothing)):
            at = piece.log_s(np.asarray(true_runs(mask) * HOP_S, np.float64)) + found.bias_s
            spans[name].append(at.reshape(-1, 2))
    whole = {name: np.concatenate(parts) for name, parts in spans.items()}
    return Loud(whole["speaking"], whole["silent"], whole["nothing"], found.kind)


def _threshold_db(values: NDArray[np.int8]) -> float:
    """P.56's idea in two steps: mean power of all, then of what is above its margin; the margin below that."""
    power = 10.0 ** (values / 10.0)
    mean = 0.0
    for _ in range(2):
        mean = float(power[power > mean * 10 ** (-LOUD_DB / 10)].mean()) if len(power) else 1.0
    return float(10 * np.log10(max(mean, 1e-12)) - LOUD_DB)
