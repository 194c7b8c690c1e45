"""A fixed buffer: each packet is due a fixed delay after the least delayed ones; what comes later is not played.

How long a buffer would have had to be for a piece of media to be heard is a property of the stream, the piece's
lateness; a buffer conceals exactly the pieces whose lateness is above its delay. One pass gives every buffer.

Due is media time plus the delay's floor (`floor.py`) plus the buffer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled, inlined
from aqa.measures.floor import NEVER, floors
from aqa.measures.slots import Slots
from aqa.model import Ints

STALL_NS = 500_000_000  # as in the detector `stall`: libwebrtc's "RTP gap" (alerts.cc)
MAX_COPIES = 9  # packets that one may carry a copy of: RED's blocks reach 14 bits of timestamp (RFC 2198 3)
LOST, LATE, NOTHING = 0, 1, 2  # why a piece was concealed: never came, came too late, nothing came at all
PLAYED, STRETCHED, SHORTENED, RECOVERED, TOTALS = 0, 1, 2, 3, 4  # ns, ns, ns, packets; how many there are
HOLE_COLUMNS = 7  # start, end, lost, late, nothing (ns each), first slot, last slot


@dataclass(frozen=True)
class Run:
    """What a buffer did; times in ns since log_start_ns."""

    flags: NDArray[np.uint8]  # of each slot: 1 late
    heard: Ints  # of each slot: when it was, or should have been, played; NEVER: passed over
    delay: Ints  # of each slot that was played: play less media time, over the delay's floor then; else NEVER
    holes: NDArray[np.int64]  # shape (n, HOLE_COLUMNS)
    totals: Ints  # shape (TOTALS,)


@inlined
def copy_arrival(wanted: int, start: int, sequence: Ints, arrival: Ints, copies: NDArray[np.uint8], end: int) -> int:
    """When the first copy of packet `wanted` came in a slot from `start` on; NEVER if none did."""
    out = NEVER
    for j in range(start, end):
        behind = sequence[j] - wanted
        if behind > MAX_COPIES:
            break
        if 0 < behind <= copies[j]:
            out = min(out, arrival[j])
    return out


@compiled(
    "int64(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], uint8[::1], int64[::1], int64[::1],"
    " boolean, int64[:,::1])"
)
def _pieces_kernel(  # type: ignore[no-untyped-def]
    arrival, media, frame, lost, sequence, copies, bounds, floor, any_copies, out
):
    """Pieces of media in order: lateness, length, start (due less the buffer), cause, slot, joined, own lateness."""
    n = 0
    for g in range(len(bounds) - 1):
        a, b = bounds[g], bounds[g + 1]
        until = media[a]
        for k in range(a, b):
            before = floor[k - 1] if k > a else floor[k]
            unit = min(frame[k - 1], max(media[k] - until, 0) // lost[k]) if lost[k] > 0 else 0
            single = min(lost[k], MAX_COPIES) if any_copies else min(lost[k], 1)
            for i in range(single):  # the last ones alone: only they may have a copy
                count = lost[k] - single + 1 if i == 0 else 1
                came = NEVER
                if any_copies and count == 1:
                    came = copy_arrival(sequence[k] - single + i, k, sequence, arrival, copies, b)
                due = until + before
                out[n, 0] = NEVER if came == NEVER else came - due
                out[n, 1], out[n, 2], out[n, 3], out[n, 4] = count * unit, due, LOST, k
                out[n, 5], out[n, 6] = 1, NEVER
                until += count * unit
                n += 1
            joined = 1 if k > a and media[k] <= until else 0
            own = arrival[k] - media[k] - floor[k]
            rise = floor[k] - before
            if rise > 0:
                out[n, 0], out[n, 1], out[n, 2], out[n, 3], out[n, 4] = (
                    own + rise,
                    rise,
                    media[k] + before,
                    NOTHING,
                    k,
                )
                out[n, 5], out[n, 6] = joined, -1
                joined = 1
                n += 1
            came = arrival[k]
            if any_copies and own > 0:
                came = min(came, copy_arrival(sequence[k], k + 1, sequence, arrival, copies, b))
            out[n, 0], out[n, 1], out[n, 2] = came - media[k] - floor[k], frame[k], media[k] + floor[k]
            out[n, 3], out[n, 4], out[n, 5], out[n, 6] = LATE, k, joined, own
            until = max(until, media[k] + frame[k])
            n += 1
    return n


def pieces(slots: Slots) -> Ints:
    """Pieces of media, shape (n, 7): what `_pieces_kernel` says of each; times in ns since log_start_ns."""
    floor = floors(slots.arrival_ns, slots.media_ns, slots.bounds)
    copied = bool(slots.copies.any())
    room = 2 * len(slots) + int(np.count_nonzero(slots.lost)) * (MAX_COPIES if copied else 1)
    out = np.empty((room, 7), np.int64)
    n = _pieces_kernel(
        slots.arrival_ns, slots.media_ns, slots.frame_ns, slots.lost, slots.sequence, slots.copies, slots.bounds,
        floor, copied, out,
    )  # fmt: skip
    return out[:n]


@compiled("void(int64[:,::1], int64[::1], int64[:,::1])")
def _sweep_kernel(found: NDArray[np.int64], delays: Ints, out: NDArray[np.int64]) -> None:
    """Late packets, dropouts and concealed ns per delay: what changes at each, added up at the end."""
    size, last = len(delays), 0
    for i in range(len(found)):
        at = 0  # buffers before this one conceal the piece
        while at < size and found[i, 0] > delays[at]:
            at += 1
        own = 0
        if found[i, 3] == LATE:
            while own < size and found[i, 6] > delays[own]:
                own += 1
        if found[i, 5] == 0:
            last = 0
        if found[i, 1] > 0:
            out[own, 0] += 1
            out[at, 2] += found[i, 1]
            if at > last:
                out[at, 1] += 1
                out[last, 1] -= 1
            last = at
        else:
            out[own, 0] += 1
    for c in range(3):
        for at in range(size - 1, -1, -1):
            out[at, c] += out[at + 1, c]
    for at in range(size):  # row `at` now holds what buffers before `at` conceal: of this one is the row after
        for c in range(3):
            out[at, c] = out[at + 1, c]


@compiled("boolean(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64, int64[::1])")
def _calm_kernel(  # type: ignore[no-untyped-def]
    arrival, media, frame, lost, bounds, delay, out
):
    """Dropouts and concealed ns of lost packets alone; false where the delays of a stretch differ by over `delay`."""
    for g in range(len(bounds) - 1):
        least, most, until = NEVER, -NEVER, media[bounds[g]]
        for k in range(np.uint64(bounds[g]), np.uint64(bounds[g + 1])):
            offset = arrival[k] - media[k]
            least, most = min(least, offset), max(most, offset)
            if lost[k] > 0:
                missing = lost[k] * min(frame[k - np.uint64(1)], max(media[k] - until, 0) // lost[k])
                out[0] += missing > 0
                out[1] += missing
                until += missing
            until = max(until, media[k] + frame[k])
        if most - least > delay:
            return False
    return True


def sweep_of_slots(slots: Slots, delays_ns: Ints) -> Ints:
    """As `sweep_of`; at once where no packet is late for any of the buffers, as in most streams.

    No packet is later than the range of delays in its stretch, since the floor lies in that range.
    """
    out = np.zeros(2, np.int64)
    calm = not slots.copies.any() and _calm_kernel(
        slots.arrival_ns, slots.media_ns, slots.frame_ns, slots.lost, slots.bounds, delays_ns.min(), out
    )
    if not calm:
        return sweep_of(pieces(slots), delays_ns)
    return np.stack([np.zeros_like(delays_ns), *(np.full_like(delays_ns, value) for value in out)], axis=1)


def sweep_of(found: Ints, delays_ns: Ints) -> Ints:
    """Late packets, dropouts and concealed ns of a fixed buffer of each delay; shape (delays, 3)."""
    out = np.zeros((len(delays_ns) + 1, 3), np.int64)
    _sweep_kernel(found, delays_ns, out)
    return out[: len(delays_ns)]


@compiled("int64(int64[:,::1], int64, int64[::1], int64[::1], uint8[::1], int64[::1], int64[:,::1], int64[::1])")
def _fixed_kernel(  # type: ignore[no-untyped-def]
    found, delay, arrival, by_arrival, late, heard, holes, totals
):
    """Holes of one buffer (HOLE_COLUMNS each); late flags, times heard and totals are filled in."""
    n, q, size, going = 0, 0, len(by_arrival), False
    for i in range(len(found)):
        length, kind, k = found[i, 1], found[i, 3], found[i, 4]
        start = found[i, 2] + delay
        if found[i, 5] == 0:
            going = False
        if kind == LATE:
            late[k] = found[i, 6] > delay
            heard[k] = start
        if found[i, 0] <= delay:
            going = going and length == 0
            if kind == NOTHING:
                totals[STRETCHED] += length
            else:
                totals[PLAYED] += length
                totals[RECOVERED] += kind == LOST or found[i, 6] > delay
            continue
        if length == 0:
            continue
        if kind == LATE:
            while q < size and arrival[by_arrival[q]] <= start:
                q += 1
            if 0 < q < size and arrival[by_arrival[q]] - arrival[by_arrival[q - 1]] > STALL_NS:
                kind = NOTHING
        if not going:
            holes[n, :] = 0
            holes[n, 0], holes[n, 1], holes[n, 5] = start, start, k
            n += 1
            going = True
        holes[n - 1, 1] = max(holes[n - 1, 1], start + length)
        holes[n - 1, 2 + kind] += length
        holes[n - 1, 6] = k
    return n


def fixed(slots: Slots, found: Ints, delay_ns: int) -> Run:
    """A buffer of `delay_ns` over the pieces `found`."""
    late, heard = np.zeros(len(slots), np.uint8), np.empty(len(slots), np.int64)
    holes, totals = np.empty((len(found), HOLE_COLUMNS), np.int64), np.zeros(TOTALS, np.int64)
    n = _fixed_kernel(found, delay_ns, slots.arrival_ns, slots.by_arrival, late, heard, holes, totals)
    return Run(late, heard, np.where(late, NEVER, delay_ns), holes[:n], totals)
