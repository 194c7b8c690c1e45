"""RTP numbers made to count on: extended sequence numbers, timestamps without wrap, stretches between resets."""

import numpy as np
from numba import int32, int64, njit
from numpy.typing import NDArray

from aqa.measures.clock import FASTEST_HZ
from aqa.model import Ints

MAX_DROPOUT = 3000  # RFC 3550 A.1: a larger step forward is a restart, if the next packets confirm it
MAX_MISORDER = 100  # RFC 3550 A.1: a larger step backward likewise
MAX_TIME_JUMP_S = 10.0  # libwebrtc's alert: capture time that jumps this far beyond elapsed time (alerts.cc)
MAX_TIME_BACK_S = 1.0  # in-order packets may step back in time a little (B frames), not this far


@njit("int64(int64, int64)", cache=True)
def _step(new: int, old: int) -> int:
    """Signed distance of two 16-bit sequence numbers."""
    return ((new - old + 32768) & 65535) - 32768


@njit("boolean(uint16[::1], int64)", cache=True)
def _confirmed(sequence: NDArray[np.uint16], i: int) -> bool:
    """Whether a jump to `sequence[i]` is a restart: two of the next four packets (or all) go on from it."""
    following = min(4, len(sequence) - 1 - i)
    near = 0
    for j in range(i + 1, i + 1 + following):
        if -MAX_MISORDER <= _step(sequence[j], sequence[i]) < MAX_DROPOUT:
            near += 1
    return following > 0 and near >= min(2, following)


@njit("void(uint16[::1], int64[::1], int32[::1])", cache=True)
def _extend_kernel(sequence: NDArray[np.uint16], extended: Ints, segment: NDArray[np.int32]) -> None:
    """Extended sequence numbers, and the segment between restarts; -1 for a packet out of place."""
    top = int64(sequence[0])
    extended[0] = top
    segment[0] = 0
    now = int32(0)
    for i in range(1, len(sequence)):
        step = _step(sequence[i], top)
        if not -MAX_MISORDER <= step < MAX_DROPOUT:
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


def unwrap_time(timestamp: NDArray[np.uint32]) -> Ints:
    """RTP timestamps without wrap: each is taken as the closest to the one before (RFC 3550 5.1: modulo 2^32)."""
    steps = np.diff(timestamp).view(np.int32).astype(np.int64)
    return np.concatenate((timestamp[:1].astype(np.int64), steps)).cumsum()


@njit("void(int64[::1], int64[::1], int64[::1], int32[::1], int64[::1], int32[::1])", cache=True)
def _stretch_kernel(  # type: ignore[no-untyped-def]
    arrival_ns, extended, timestamp, segment, clock, stretch
):
    """Index of the stretch of each packet; `clock` is Hz, 0 unknown, -1 telephone event.

    Media that comes `MAX_TIME_JUMP_S` earlier than the least delayed packet before allows is of a new count;
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
            elapsed = max((arrival_ns[i] - arrival_ns[last]) * 1e-9, 0.0)
            delay += elapsed - advance
            if clock[i] != clock[last] or advance < -MAX_TIME_BACK_S or delay < least - MAX_TIME_JUMP_S:
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
