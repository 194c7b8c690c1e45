"""The delay's floor of a fixed buffer: when the least delayed packets come, less their media time.

It is the least of arrival less media time over the last 2 s of media, so that drift of clocks is followed (NetEq's
window: decision_logic.cc). Where even the least delayed of the next second's arrivals lies above it, the delay has
risen for good and the floor rises with it: a fixed buffer that has run dry fills anew (Asterisk's jbresyncthreshold:
1000 ms).
"""

import numpy as np

from aqa.compiled import compiled
from aqa.measures.window import least_after
from aqa.model import Ints

PAST_NS = 2_000_000_000
AHEAD_NS = 1_000_000_000
NEVER = np.iinfo(np.int64).max


@compiled("boolean(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])")
def _floor_kernel(
    arrival: Ints, media: Ints, bounds: Ints, value: Ints, least: Ints, clock: Ints, floor: Ints
) -> bool:
    """The delay's floor of each slot by moving minima (`window`); false where media time falls, undone."""
    for g in range(len(bounds) - 1):
        a, b = bounds[g], bounds[g + 1]
        begin, turn, back, newest = a, a, NEVER, arrival[a]
        for k in range(a, b):
            if k > a and media[k] < media[k - 1]:
                return False
            value[k] = arrival[k] - media[k]
            back = min(back, value[k])
            while media[begin] < media[k] - PAST_NS:
                begin += 1
            if begin > turn:
                least_after(value, begin, k + 1, least)
                turn, back = k + 1, NEVER
            floor[k] = min(back, least[begin]) if begin < turn else back
            newest = max(newest, arrival[k])
            clock[k] = newest
        # ahead: over the arrivals to come within a second by a clock that is that of the newest by then
        until, turn, back = a, a, NEVER  # the window is [k, until); of [k, turn) the least to its end is known
        for k in range(a, b):
            if newest < clock[k] + AHEAD_NS:
                break
            while until < b and clock[until] <= clock[k] + AHEAD_NS:
                back = min(back, value[until])
                until += 1
            if k >= turn:
                least_after(value, k, until, least)
                turn, back = until, NEVER
            floor[k] = max(floor[k], min(least[k], back))
    return True


@compiled("boolean(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])")
def _floor_by_queue(
    arrival: Ints, media: Ints, bounds: Ints, value: Ints, at: Ints, clock: Ints, floor: Ints
) -> bool:
    """As `_floor_kernel` for any order of media, by two queues of rising values."""
    for g in range(len(bounds) - 1):
        a, b = bounds[g], bounds[g + 1]
        first, end, newest = a, a, arrival[a]
        for k in range(a, b):
            offset = arrival[k] - media[k]
            while end > first and value[end - 1] >= offset:
                end -= 1
            value[end], at[end] = offset, media[k]
            end += 1
            while at[first] < media[k] - PAST_NS:
                first += 1
            floor[k] = value[first]
            newest = max(newest, arrival[k])
            clock[k] = newest
        # ahead: the same from the end; the clock is that of the newest arrival by then, which never falls
        first, end = a, a
        for k in range(b - 1, a - 1, -1):
            offset = arrival[k] - media[k]
            while end > first and value[end - 1] >= offset:
                end -= 1
            value[end], at[end] = offset, clock[k]
            end += 1
            while at[first] > clock[k] + AHEAD_NS:
                first += 1
            if newest >= clock[k] + AHEAD_NS:
                floor[k] = max(floor[k], value[first])
    return True


def floors(arrival_ns: Ints, media_ns: Ints, bounds: Ints) -> Ints:
    """The floor of each slot in ns; arguments as in `slots.Slots`."""
    floor, value, work, clock = (np.empty(len(media_ns), np.int64) for _ in range(4))
    for kernel in (_floor_kernel, _floor_by_queue):
        if kernel(arrival_ns, media_ns, bounds, value, work, clock, floor):
            break
    return floor
