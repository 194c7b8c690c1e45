"""RTP numbers made to count on: extended sequence numbers, timestamps without wrap, stretches between resets."""

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled, inlined, int32, int64
from aqa.measures.clock import FASTEST_HZ
from aqa.model import Flags, Ints

MAX_DROPOUT = 3000  # RFC 3550 A.1: a step forward of as much or more is a restart, if the next packets confirm it
MAX_MISORDER = 100  # RFC 3550 A.1: a step backward of as much or more likewise
MAX_TIME_JUMP_S = 10.0  # libwebrtc's alert: capture time that jumps this far beyond elapsed time (alerts.cc)
MAX_TIME_BACK_S = 1.0  # in-order packets may step back in time a little (B frames), not this far


@inlined
def _step(new: int, old: int) -> int:
    """Signed distance of two 16-bit sequence numbers."""
    return ((new - old + 32768) & 65535) - 32768


@inlined
def _confirmed(sequence: NDArray[np.uint16], i: int) -> bool:
    """Whether a jump to `sequence[i]` is a restart: two of the next four packets (or all) go on from it."""
    following = min(4, len(sequence) - 1 - i)
    near = 0
    for j in range(i + 1, i + 1 + following):
        if -MAX_MISORDER < _step(sequence[j], sequence[i]) < MAX_DROPOUT:
            near += 1
    return following > 0 and near >= min(2, following)


@compiled("void(uint16[::1], int64[::1], int32[::1])")
def _extend_kernel(sequence: NDArray[np.uint16], extended: Ints, segment: NDArray[np.int32]) -> None:
    """Extended sequence numbers, and the segment between restarts; -1 for a packet out of place."""
    top = int64(sequence[0])
    extended[0] = top
    segment[0] = 0
    now = int32(0)
    for i in range(1, len(sequence)):
        step = _step(sequence[i], top)
        if not -MAX_MISORDER < step < MAX_DROPOUT:
            if _confirmed(sequence, i):
                top = ((top >> 16) + 1 << 16) + sequence[i]
                now += int32(1)
                step = 0
            elif not -MAX_DROPOUT < step < 0:
                extended[i] = top
                segment[i] = -1
                continue
        extended[i] = top + step
        segment[i] = now
        top = max(top, top + step)


def extend(sequence: NDArray[np.uint16]) -> tuple[Ints, NDArray[np.int32]]:
    """Extended sequence numbers and segment (-1: out of place) of each packet, by RFC 3550 A.1 with look-ahead."""
    extended = np.empty(len(sequence), np.int64)
    segment = np.empty(len(sequence), np.int32)
    if len(sequence):
        _extend_kernel(np.ascontiguousarray(sequence), extended, segment)
    return extended, segment


@compiled("void(uint32[::1], int64[::1])")
def _unwrap_kernel(timestamp: NDArray[np.uint32], out: Ints) -> None:
    now = int64(timestamp[0])
    out[0] = now
    for i in range(1, len(timestamp)):
        now += ((int64(timestamp[i]) - int64(timestamp[i - 1]) + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        out[i] = now


def unwrap_time(timestamp: NDArray[np.uint32]) -> Ints:
    """RTP timestamps without wrap: each is taken as the closest to the one before (RFC 3550 5.1: modulo 2^32)."""
    out = np.empty(len(timestamp), np.int64)
    if len(out):
        _unwrap_kernel(timestamp, out)
    return out


@compiled("UniTuple(int64, 3)(uint16[::1], uint32[::1], int64)")
def _steps_kernel(sequence, timestamp, most_ticks):  # type: ignore[no-untyped-def]
    fine, strict, moved = 0, 0, 0
    for i in range(1, len(sequence)):
        step = _step(int64(sequence[i]), int64(sequence[i - 1]))
        ticks = ((int64(timestamp[i]) - int64(timestamp[i - 1]) + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        if abs(step) <= 64 and abs(ticks) <= most_ticks and (step != 0 or ticks == 0):
            fine += 1
            strict += abs(step) <= 3 and ticks >= 0
        moved += step != 0
    return fine, strict, moved


def small_steps(sequence: NDArray[np.uint16], timestamp: NDArray[np.uint32]) -> tuple[int, int, int]:
    """Steps as RTP makes them (at most 64 packets and 30 s, no time without a packet); those of them that go on by
    at most 3 and not back in time; and those in which the sequence number changes at all.
    """
    fine, strict, moved = _steps_kernel(sequence, timestamp, FASTEST_HZ * 30)
    return int(fine), int(strict), int(moved)


@compiled("void(int64[::1], int64, boolean[::1], boolean[::1])")
def _seen_kernel(numbers, low, seen, out):  # type: ignore[no-untyped-def]
    for i in range(len(numbers)):
        out[i] = seen[numbers[i] - low]
        seen[numbers[i] - low] = True


def seen_before(numbers: Ints, low: int, high: int) -> Flags:
    """Which of the numbers, all from `low` to `high`, came earlier in the array; memory of a byte per number."""
    out = np.empty(len(numbers), np.bool_)
    _seen_kernel(numbers, low, np.zeros(high - low + 1, np.bool_), out)
    return out


@compiled("void(int64[::1], int64[::1], int64[::1], int32[::1], int64[::1], int32[::1])")
def _stretch_kernel(  # type: ignore[no-untyped-def]
    arrival_ns, extended, timestamp, segment, clock, stretch
):
    """Index of the stretch of each packet; `clock` is Hz, 0 unknown, -1 telephone event.

    Media that comes `MAX_TIME_JUMP_S` earlier than the least delayed packet before allows is of a new count, and a
    capture clock that was set back by as much begins anew too;
    media that comes late is a stall, and catching up after one is no jump.
    """
    now = int32(0)
    delay, least = 0.0, 0.0
    last = -1  # the newest packet of media
    top = extended[0]
    for i in range(len(extended)):
        ahead = last < 0 or extended[i] > top
        top = max(top, extended[i])
        if i and segment[i] != segment[i - 1]:
            now += int32(1)
            last = -1
            delay, least = 0.0, 0.0
        elif ahead and last >= 0 and clock[i] >= 0:
            hz = clock[i] if clock[i] > 0 else int64(FASTEST_HZ)
            advance = (timestamp[i] - timestamp[last]) / hz
            elapsed = (arrival_ns[i] - arrival_ns[last]) * 1e-9
            set_back = elapsed < -MAX_TIME_JUMP_S
            delay += max(elapsed, 0.0) - advance
            if clock[i] != clock[last] or advance < -MAX_TIME_BACK_S or set_back or delay < least - MAX_TIME_JUMP_S:
                now += int32(1)
                delay, least = 0.0, 0.0
            least = min(least, delay)
        if clock[i] >= 0 and ahead:
            last = i
        stretch[i] = now


def stretches(
    arrival_ns: Ints, extended: Ints, timestamp: Ints, segment: NDArray[np.int32], clock: Ints
) -> NDArray[np.int32]:
    """Index of the stretch of each packet, from 0; `clock` per packet in Hz, 0 unknown, -1 telephone event."""
    out = np.zeros(len(extended), np.int32)
    if len(out):
        _stretch_kernel(arrival_ns, extended, timestamp, segment, clock, out)
    return out
