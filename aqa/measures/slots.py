"""A stream as its listener's buffer sees it: media packets in order of sequence, each with the time it fills.

A slot is the media of one packet: when it begins on the media clock, how long it lasts, when its packet came and
how many packets are missing before it. Duplicates and telephone events have none. Nothing here knows a buffer.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled
from aqa.measures.loss import DEFAULT_FRAME_S, LONGEST_FRAME_S
from aqa.model import Flags, Ints
from aqa.stream_model import Stream

VIDEO_CLOCK_HZ = 90_000  # RFC 3551 table 5; of audio only MPA (and MPA-robust) counts so
_Kind = TypeVar("_Kind", bound=np.generic)
_LONGEST_NS = int(LONGEST_FRAME_S * 1e9)
_DEFAULT_NS = int(DEFAULT_FRAME_S * 1e9)


@dataclass(frozen=True)
class Slots:
    """Slots of the stretches with a known clock, in order of stretch and sequence; one value per slot."""

    packet: Ints  # index of the packet in the stream
    sequence: Ints  # extended
    arrival_ns: Ints  # since log_start_ns, never falling in order of the log
    media_ns: Ints  # from an arbitrary zero per stretch
    frame_ns: Ints  # media in the packet; of a lost one the frame of the slot before
    lost: Ints  # packets missing before it, 0 at the start of a stretch
    copies: NDArray[np.uint8]  # how many packets before it each one carries a copy of
    bounds: Ints  # shape (stretches + 1,): first slot of each stretch, and the number of slots
    by_arrival: Ints  # slots in order of arrival; those of one stretch lie in its bounds

    def __len__(self) -> int:
        return len(self.packet)

    @property
    def plain(self) -> bool:
        """Whether each packet of the stream is a slot, in its place: nothing to look up."""
        return self.packet is self.by_arrival

    def of_packets(self, values: NDArray[_Kind]) -> NDArray[_Kind]:
        """Values of the stream's packets, in the order of the slots."""
        return values if self.plain else values[self.packet]


@compiled("int64(int64[::1], int32[::1], boolean[::1], int64[::1])")
def _order_kernel(sequence: Ints, stretch: NDArray[np.int32], duplicate: Flags, order: Ints) -> int:
    """Insertion sort by stretch and sequence: a packet lies at most 100 places off (RFC 3550 A.1 MAX_MISORDER)."""
    n = 0
    for i in range(len(sequence)):
        if duplicate[i]:
            continue
        at = n
        while at > 0 and stretch[order[at - 1]] == stretch[i] and sequence[order[at - 1]] > sequence[i]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = i
        n += 1
    return n


@compiled(
    "int64(int64[::1], int64[::1], int64[::1], int64[::1], int32[::1], boolean[::1], float64[::1],"
    " int64[::1], int64[::1], int64[::1])"
)
def _media_kernel(  # type: ignore[no-untyped-def]
    order, sequence, timestamp, first_tick, stretch, auxiliary, tick_ns, packet, media, lost
):
    """Packet, media time and packets missing before it of each slot; how many slots there are."""
    n, missing, last = 0, 0, -1
    for at in range(len(order)):
        i = order[at]
        if last >= 0 and stretch[i] == stretch[last]:
            missing += sequence[i] - sequence[last] - 1
        else:
            missing = 0
        last = i
        if auxiliary[i] or tick_ns[stretch[i]] == 0.0:
            continue
        new = n == 0 or stretch[packet[n - 1]] != stretch[i]
        packet[n] = i
        media[n] = np.int64(np.rint((timestamp[i] - first_tick[stretch[i]]) * tick_ns[stretch[i]]))
        lost[n] = 0 if new else missing
        missing = 0
        n += 1
    return n


@compiled("void(int64[::1], int64[::1], int64[::1], int64, int64[::1])")
def _frame_kernel(media: Ints, lost: Ints, bounds: Ints, limit: int, frame: Ints) -> None:
    """Media in each packet: the step to the next; the usual one before a pause, and shared out over losses.

    Over a loss it is no more than the longer of the frames beside it: a DTX pause beside a loss is no part of it.
    """
    for g in range(len(bounds) - 1):
        a, b = bounds[g], bounds[g + 1]
        usual = 0
        for k in range(a, b):
            step = usual if k + 1 == b else max(media[k + 1] - media[k], 0)
            if k + 1 < b and lost[k + 1] > 0:
                step //= lost[k + 1] + 1
                after = media[k + 2] - media[k + 1] if k + 2 < b and lost[k + 2] == 0 else 0
                beside = max(usual, after if after <= limit else 0)
                step = min(step, beside) if beside > 0 else min(step, limit)
            elif step > limit:
                step = usual if usual > 0 else min(step, _DEFAULT_NS)
            frame[k] = step if step > 0 or k + 1 < b else _DEFAULT_NS
            usual = step if step > 0 else usual


@compiled("int64(int64[::1], int64[::1], int64)")
def _long_steps(media: Ints, lost: Ints, limit: int) -> int:
    """Steps between neighbours longer than `limit`, less those that are not: above 0, frames are that long."""
    more = 0
    for k in range(1, len(media)):
        if lost[k] == 0 and media[k] > media[k - 1]:
            more += 1 if media[k] - media[k - 1] > limit else -1
    return more


@compiled(
    "boolean(int64[::1], int64[::1], int64[::1], int32[::1], boolean[::1], boolean[::1], int64, float64,"
    " Tuple((int64[::1], int64[::1], int64[::1], int64[::1])))"
)
def _plain_kernel(  # type: ignore[no-untyped-def]
    sequence, timestamp, arrival_ns, stretch, duplicate, auxiliary, zero_ns, tick_ns, out
):
    """All at once where every packet is a slot and in its place; false where not."""
    packet, media, lost, arrival = out
    for i in range(len(sequence)):
        if duplicate[i] or auxiliary[i] or stretch[i] != 0 or (i > 0 and sequence[i] <= sequence[i - 1]):
            return False
        packet[i] = i
        media[i] = np.int64(np.rint((timestamp[i] - timestamp[0]) * tick_ns))
        lost[i] = sequence[i] - sequence[i - 1] - 1 if i > 0 else 0
        arrival[i] = max(arrival_ns[i] - zero_ns, arrival[i - 1]) if i > 0 else arrival_ns[i] - zero_ns
    return True


def _plain_slots(stream: Stream, tick_ns: float) -> Slots | None:
    packet, media, lost, arrival = (np.empty(len(stream.sequence), np.int64) for _ in range(4))
    if tick_ns == 0 or not _plain_kernel(
        stream.sequence, stream.timestamp, stream.arrival_ns, stream.stretch, stream.duplicate, stream.auxiliary,
        stream.log_start_ns, tick_ns, (packet, media, lost, arrival),
    ):  # fmt: skip
        return None
    bounds = np.array([0, len(packet)])
    frame = _frames(media, lost, bounds)
    return Slots(packet, stream.sequence, arrival, media, frame, lost, stream.copies, bounds, packet)


def _frames(media: Ints, lost: Ints, bounds: Ints) -> Ints:
    limit = _LONGEST_NS if _long_steps(media, lost, _LONGEST_NS) <= 0 else 10 * _LONGEST_NS
    frame = np.empty(len(media), np.int64)
    _frame_kernel(media, lost, bounds, limit, frame)
    return frame


def slots_of(stream: Stream) -> Slots | None:
    """The slots of a stream; None where no stretch has a known clock, or where it is video."""
    rates = stream.stretch_clock_hz
    if not any(rates) or (stream.clock_rate_hz == VIDEO_CLOCK_HZ and not _mpeg_audio(stream.codec)):
        return None
    ticks = np.array([1e9 / rate if rate else 0.0 for rate in rates])
    if len(ticks) == 1 and (plain := _plain_slots(stream, float(ticks[0]))):
        return plain
    starts = np.flatnonzero(np.diff(stream.stretch, prepend=-1))
    size = len(stream.sequence)
    order, packet, media, lost = (np.empty(size, np.int64) for _ in range(4))
    order = order[: _order_kernel(stream.sequence, stream.stretch, stream.duplicate, order)]
    n = _media_kernel(
        order, stream.sequence, stream.timestamp, stream.timestamp[starts], stream.stretch, stream.auxiliary, ticks,
        packet, media, lost,
    )  # fmt: skip
    if n == 0:
        return None
    packet, media, lost = packet[:n], media[:n], lost[:n]
    arrival = np.maximum.accumulate(stream.arrival_ns - stream.log_start_ns)
    bounds = np.append(np.flatnonzero(np.diff(stream.stretch[packet], prepend=-1)), n)
    frame = _frames(media, lost, bounds)
    return Slots(
        packet, stream.sequence[packet], arrival[packet], media, frame, lost, stream.copies[packet], bounds,
        _by_arrival(packet),
    )  # fmt: skip


@compiled("void(int64[::1], int64[::1])")
def _arrival_kernel(packet: Ints, out: Ints) -> None:
    """Insertion sort of slots by packet, which is the order of the log."""
    for k in range(len(packet)):
        at = k
        while at > 0 and packet[out[at - 1]] > packet[k]:
            out[at] = out[at - 1]
            at -= 1
        out[at] = k


def _by_arrival(packet: Ints) -> Ints:
    out = np.empty(len(packet), np.int64)
    _arrival_kernel(packet, out)
    return out


def _mpeg_audio(codec: str | None) -> bool:
    return (codec or "").split("/", maxsplit=1)[0].upper() in ("MPA", "MPA-ROBUST")
