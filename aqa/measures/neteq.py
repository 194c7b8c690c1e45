"""An adaptive buffer modelled on libwebrtc's NetEq, decision by decision.

The constants are those of `decision_logic.cc`, `packet_arrival_history.cc`, `buffer_level_filter.cc`, `expand.cc` and
`neteq_impl.cc`. Not read again there, and so unchecked: MAX_WAIT_NS, REINIT_NS, MUTED_NS, the emptying of a full
buffer, comfort noise, and the level rule of 2019.

What is simpler here: a decision falls once per packet, and every 10 ms only while
nothing is there; an accelerated packet loses one pitch period of ASSUMED_PITCH_NS, whatever its sound; a concealment
over a known loss is never cut short because the buffer is fuller than its target; the cost of reordering is weighed
when a packet comes out of order and every 500 ms, not at each packet.
"""

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled, inlined, int64, uint64
from aqa.measures.fixed import (
    HOLE_COLUMNS,
    LATE,
    LOST,
    MAX_COPIES,
    NOTHING,
    PLAYED,
    RECOVERED,
    SHORTENED,
    STALL_NS,
    STRETCHED,
    TOTALS,
    Run,
    copy_arrival,
)
from aqa.measures.floor import NEVER
from aqa.measures.neteq_delay import (
    BUCKETS,
    MS,
    R_ADDS,
    R_DECAY,
    R_SEEN,
    R_TARGET,
    STATE,
    TARGET,
    Preset,
    reorder_cost,
    underrun,
)  # fmt: skip
from aqa.measures.slots import Slots
from aqa.measures.window import least_after
from aqa.model import Doubles, Ints

TICK_NS = 10 * MS  # GetAudio delivers 10 ms
MAX_PACKETS = 200  # neteq.h: max_packets_in_buffer; when more come all are thrown away (packet_buffer.cc: flush)
BAND_NS = 20 * MS  # decision_logic.cc: kDelayAdjustmentGranularityMs
MIN_STRETCH_NS = 5 * TICK_NS  # kMinTimescaleInterval
MAX_WAIT_NS = 10 * TICK_NS  # kMaxWaitForPacketTicks: expanding over a known hole ends after it
REINIT_NS = 100 * TICK_NS  # kReinitAfterExpands: a hole this long is jumped at once
MUTED_NS = 5 * TICK_NS  # expand.cc: muting starts after 3 expands, by half 12.5 ms later: fourth or fifth tick
ASSUMED_PITCH_NS = 6_250_000  # 160 Hz: between the 120 and 210 Hz usual of men and women; NetEq looks in 2.5..15 ms
FAST_CUT_NS = 2 * ASSUMED_PITCH_NS  # fast accelerate removes as many periods as fit into 15 ms (accelerate.cc)
STRETCH_FROM_NS = 30 * MS  # accelerate.cc works on 30 ms
NEVER_BEFORE = np.iinfo(np.int64).min
HISTORY_NS = 2_000_000_000  # kPacketHistorySizeMs
IN_TIME, WAITED_FOR, THROWN_AWAY = 0, 1, 2  # flags of a slot; 1 also for packets that came when all was over


(_NOW, _SLOT, _LEFT, _UNTIL, _COVERED, _NEXT, _NEWEST, _HELD, _FLOOR, _NOISE, _HOLES, _END,
 _COUNTERS) = range(13)  # fmt: skip
"""The buffer: clock; next slot, packets missing before it that are still due, media time reached; made up since the
last packet; next and newest arrival; packets held; least offset; whether in comfort noise; holes so far; end of the
stretch."""


@inlined
def _flush(s: Ints, k: int, arrival: Ints, media: Ints, flags: NDArray[np.uint8]) -> None:
    """Packet `k` is one too many: all others are thrown away (packet_buffer.cc)."""
    for j in range(s[_SLOT], s[_NEWEST] + 1):
        if j != k:
            flags[j] = THROWN_AWAY if arrival[j] <= arrival[k] else WAITED_FOR
    s[_SLOT], s[_LEFT], s[_UNTIL], s[_HELD] = k, 0, media[k], 1


@inlined
def _available(s: Ints, arrival: Ints) -> int:
    """The first slot from the next one on whose packet is there; -1 if none is."""
    for j in range(s[_SLOT], s[_NEWEST] + 1):
        if arrival[j] <= s[_NOW]:
            return j
    return -1


@inlined
def _conceal(s: Ints, length: int, kind: int, holes: NDArray[np.int64]) -> None:
    if s[_HOLES] == 0 or holes[s[_HOLES] - 1, 1] != s[_NOW]:
        holes[s[_HOLES], :] = 0
        holes[s[_HOLES], 0], holes[s[_HOLES], 5] = s[_NOW], s[_SLOT]
        s[_HOLES] += 1
    at = s[_HOLES] - 1
    s[_NOW] += length
    s[_COVERED] += length
    holes[at, 1], holes[at, 6] = s[_NOW], s[_SLOT]
    holes[at, 2 + kind] += length


@inlined
def _why(s: Ints, unit: int, arrival: Ints, by_arrival: Ints) -> int:
    """Why sound is made up now: the packet due never came, or comes too late, or nothing comes for 500 ms."""
    if s[_COVERED] < s[_LEFT] * unit:
        return LOST
    q = s[_NEXT]
    pause = arrival[by_arrival[q]] - arrival[by_arrival[q - 1]] if 0 < q < s[_END] else 0
    return NOTHING if pause > STALL_NS else LATE


@inlined
def _missing(  # type: ignore[no-untyped-def]
    s, first, arrival, media, frame, sequence, by_arrival, flags, holes
):
    """The packet due is not there: make up sound, or jump to the next one there (FuturePacketAvailable)."""
    k = s[_SLOT]
    unit = frame[k - 1] if k > first else frame[k]
    found = _available(s, arrival)
    if found < 0 and s[_NOISE]:
        s[_NOW] = arrival[by_arrival[s[_NEXT]]]
        return
    if s[_LEFT] == 0:
        flags[k] = WAITED_FOR
    if found < 0:
        wait = arrival[by_arrival[s[_NEXT]]] - s[_NOW]
        lost = s[_LEFT] * unit - s[_COVERED]  # up to there the hole is of lost packets, then of late ones
        whole = -(-wait // TICK_NS) * TICK_NS
        part = min(whole, lost) if lost > 0 else whole
        _conceal(s, part, _why(s, unit, arrival, by_arrival), holes)
        return
    leap = min(media[found] - s[_UNTIL], (sequence[found] - sequence[k] + s[_LEFT]) * unit)
    if s[_COVERED] >= min(leap, MAX_WAIT_NS) or leap >= REINIT_NS:
        for given_up in range(k, found):
            flags[given_up] = max(flags[given_up], WAITED_FOR)
        s[_SLOT], s[_LEFT] = found, 0
        s[_UNTIL] = s[_UNTIL] + leap if media[found] - s[_UNTIL] > leap else media[found]
        return
    _conceal(s, min(TICK_NS, leap - s[_COVERED]), _why(s, unit, arrival, by_arrival), holes)


@inlined
def _filtered(level: int, target_ms: float, span: int, length: int) -> int:
    """Buffer level, smoothed once per 10 ms (buffer_level_filter.cc); the factor goes with the target."""
    factor = 251.0 if target_ms <= 20 else 252.0 if target_ms <= 60 else 253.0 if target_ms <= 140 else 254.0
    share = (factor / 256.0) ** (length / TICK_NS)
    return int(share * level + (1.0 - share) * span)


@inlined
def _change(level: float, low: float, high: float, allowed: bool, span: int) -> int:
    """How much longer than its media a packet is played, in ns (decision_logic.cc: ExpectedPacketAvailable)."""
    if level >= 4.0 * high and span >= STRETCH_FROM_NS:
        return -FAST_CUT_NS
    if allowed and level >= high and span >= STRETCH_FROM_NS:
        return -ASSUMED_PITCH_NS
    return ASSUMED_PITCH_NS if allowed and level < low else 0


@inlined
def _pause(s: Ints, state: Doubles, media: Ints) -> None:
    """Comfort noise for a pause of DTX; after it the delay is brought to the target (FuturePacketAvailable, CNG)."""
    k = s[_SLOT]
    target = np.int64(max(state[TARGET], state[R_TARGET])) * MS
    until = s[_NOW] + media[k] - s[_UNTIL]
    due = media[k] + s[_FLOOR] + target
    s[_NOW] = max(s[_NOW], min(max(until, due), due + BAND_NS))
    s[_UNTIL], s[_NOISE], s[_COVERED] = media[k], 1, 0


@inlined
def _recover(s: Ints, first: int, frame: Ints, lost: Ints, flags: NDArray[np.uint8], totals: Ints) -> None:
    """A copy of the packet due is there: it is played instead."""
    k = s[_SLOT]
    unit = frame[k - 1] if s[_LEFT] > 0 and k > first else frame[k]
    totals[PLAYED] += unit
    totals[RECOVERED] += 1
    s[_NOW] += unit
    s[_UNTIL] += unit
    s[_COVERED] = 0
    if s[_LEFT] > 0:
        s[_LEFT] -= 1
        return
    flags[k] = WAITED_FOR
    s[_SLOT] += 1
    s[_LEFT] = lost[k + 1] if k + 1 < s[_END] else 0


@inlined
def _not_played(  # type: ignore[no-untyped-def]
    s, state, first, copied, arrival, media, frame, lost, copies, sequence, by_arrival, flags, holes, totals
):
    """What is rare: the packet due does not go on from what was played, is not there, or has to wait."""
    k = s[_SLOT]
    if s[_LEFT] == 0 and media[k] > s[_UNTIL]:
        _pause(s, state, media)
    elif s[_LEFT] == 0 and arrival[k] <= s[_NOW]:
        # until more has come: tick by tick, a capture clock that jumps by years would take years
        wait = arrival[by_arrival[s[_NEXT]]] - s[_NOW]
        _conceal(s, -(-wait // TICK_NS) * TICK_NS, _why(s, 0, arrival, by_arrival), holes)
    elif copied and s[_LEFT] > 1 and s[_COVERED] >= frame[k - 1] > 0:
        s[_LEFT] -= 1  # one of them is made up for: of the next a copy may be there
        s[_UNTIL] += frame[k - 1]
        s[_COVERED] -= frame[k - 1]
    elif copied and copy_arrival(sequence[k] - s[_LEFT], k, sequence, arrival, copies, s[_END]) <= s[_NOW]:
        _recover(s, first, frame, lost, flags, totals)
    else:
        _missing(s, first, arrival, media, frame, sequence, by_arrival, flags, holes)


@compiled(
    "int64(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], uint8[::1], int64[::1],"
    " float64[::1], int64, uint8[::1], int64[::1], int64[::1], int64[:,::1], int64[::1],"
    " Tuple((int64[::1], int64[::1], float64[::1], float64[::1], int64[::1], float64[::1])))"
)
def _neteq_kernel(  # type: ignore[no-untyped-def]
    bounds,
    by_arrival,
    arrival,
    media,
    frame,
    lost,
    copies,
    sequence,
    preset,
    start,
    flags,
    heard,
    delay,
    holes,
    totals,
    work,
):
    """Play every stretch; the number of holes. `by_arrival` is cut at the same bounds as the slots.

    One long body on purpose: what each packet passes stands here, in variables that stay in registers; what is rare
    is called, and finds the buffer in `s`.
    """
    offsets, least, histogram, tail, s, state = work
    copied, resample, reorder, by_level = np.any(copies), preset[3], preset[4] > 0.0, preset[5] > 0.0
    for g in range(len(bounds) - 1):
        first, end, made = bounds[g], bounds[g + 1], s[_HOLES]
        s[:], state[:], histogram[:], tail[:] = 0, 0.0, 0.0, 0.0
        began = arrival[by_arrival[first]]
        s[_HOLES], s[_END] = made, end
        now, slot, left, until, covered, noise = began + start, first, int64(0), media[first], int64(0), int64(0)
        coming, newest, held, floor, stretched_at, filtered = first, first, 0, 0, began - MIN_STRETCH_NS, start
        state[TARGET], state[R_DECAY] = start / MS, 1.0
        target_ms, largest_ms, since, adds = start / MS, 0.0, began, 0.0
        begin, turn, came, back, most, most_at = first, first, first, NEVER, NEVER_BEFORE, began
        played, stretched, shortened = 0, 0, 0
        while slot < end:
            # take in what has come by now
            while coming < end:
                k = by_arrival[uint64(coming)]
                at = uint64(k)
                if arrival[at] > now:
                    break
                coming += 1
                reordered = k < newest
                newest = max(newest, k)
                # least arrival less media time of the last 2 s (packet_arrival_history.cc): see `window`
                offset = arrival[at] - media[at]
                if offset >= most:
                    most, most_at = offset, arrival[at]
                offsets[uint64(came)], back = offset, min(back, offset)
                while arrival[uint64(by_arrival[uint64(begin)])] < arrival[at] - HISTORY_NS:
                    begin += 1
                came += 1
                if begin > turn:
                    least_after(offsets, begin, came, least)
                    turn, back = came, NEVER
                floor = min(back, least[uint64(begin)]) if begin < turn else back
                delay_ms, weighed = (offset - floor) / MS, False
                if resample == 0.0:
                    underrun(state, histogram, preset, delay_ms)
                    target_ms = max(state[TARGET], state[R_TARGET])
                elif not reordered:
                    if arrival[at] - since > resample:
                        underrun(state, histogram, preset, largest_ms)
                        target_ms = max(state[TARGET], state[R_TARGET])
                        largest_ms, since, weighed = 0.0, arrival[at], True
                    largest_ms = max(largest_ms, delay_ms)
                adds += 1.0
                if reorder and (reordered or state[R_SEEN] > 0.0):
                    state[R_ADDS] = adds
                    reorder_cost(state, tail, preset, delay_ms, reordered, weighed)
                    target_ms = max(state[TARGET], state[R_TARGET])
                if k >= slot:
                    held += 1
                    if held > MAX_PACKETS:
                        s[_SLOT], s[_NEWEST] = slot, newest
                        _flush(s, k, arrival, media, flags)
                        slot, left, until, held = s[_SLOT], s[_LEFT], s[_UNTIL], s[_HELD]
            k, at = slot, uint64(slot)
            span = media[uint64(newest)] + frame[uint64(newest)] - media[at]
            # after long made-up sound, wait until half of the target is there (decision_logic.cc: PostponeDecode)
            waits = covered >= MUTED_NS and coming < end and span < target_ms * MS / 2
            if left == 0 and media[at] <= until and arrival[at] <= now and not waits:
                change, length = 0, frame[at]
                if covered == 0 and length > 0:  # not right after made-up sound
                    target = min(target_ms * MS, 0.75 * MAX_PACKETS * length)  # delay_manager.cc
                    if by_level:
                        low = max(0.75 * target, target - 85.0 * MS)  # kDecelerationTargetLevelOffsetMs
                        level, high = float(filtered), max(target, low + BAND_NS)
                    else:
                        level, low, high = float(now - media[at] - floor), target, target + BAND_NS
                        if level >= high:  # up to the largest delay of the last 2 s
                            if most_at < now - HISTORY_NS:
                                most, q = NEVER_BEFORE, coming - 1
                                while q >= first and arrival[by_arrival[q]] >= now - HISTORY_NS:
                                    offset = arrival[by_arrival[q]] - media[by_arrival[q]]
                                    if offset > most:
                                        most, most_at = offset, arrival[by_arrival[q]]
                                    q -= 1
                            if most > NEVER_BEFORE:
                                high += max(most - floor, 0)
                    change = max(_change(level, low, high, now - stretched_at >= MIN_STRETCH_NS, span), -length)
                    if change != 0:
                        stretched_at = now
                    if by_level:
                        filtered = _filtered(filtered + change, state[TARGET], span, length)
                heard[at], delay[at] = now, now - media[at] - floor
                played, stretched, shortened = (
                    played + length,
                    stretched + max(change, 0),
                    shortened + max(-change, 0),
                )
                now += length + change
                until = max(until, media[at] + length)
                held -= 1
                covered, noise = 0, 0
                slot += 1
                left = lost[uint64(slot)] if slot < end else 0
                continue
            s[_NOW], s[_SLOT], s[_LEFT], s[_UNTIL], s[_COVERED], s[_NOISE] = now, slot, left, until, covered, noise
            s[_NEXT], s[_NEWEST], s[_HELD], s[_FLOOR] = coming, newest, held, floor
            _not_played(
                s, state, first, copied, arrival, media, frame, lost, copies, sequence, by_arrival, flags, holes,
                totals,
            )  # fmt: skip
            now, slot, left, until, covered, noise = s[_NOW], s[_SLOT], s[_LEFT], s[_UNTIL], s[_COVERED], s[_NOISE]
        totals[PLAYED] += played
        totals[STRETCHED] += stretched
        totals[SHORTENED] += shortened
    return s[_HOLES]


def adaptive(slots: Slots, preset: Preset, start_ns: int) -> Run:
    """NetEq over a stream's slots, starting with a delay of `start_ns`; flags may be THROWN_AWAY besides."""
    flags, heard, delay = np.zeros(len(slots), np.uint8), np.full(len(slots), NEVER), np.full(len(slots), NEVER)
    room = 2 * len(slots) + (MAX_COPIES + 1) * int(np.count_nonzero(slots.lost)) + 1
    holes, totals = np.empty((room, HOLE_COLUMNS), np.int64), np.zeros(TOTALS, np.int64)
    numbers = np.array(
        [preset.quantile, preset.forget, preset.start_weight, preset.resample_ns, preset.reorder, preset.by_level]
    )
    offsets, least = np.empty(len(slots), np.int64), np.empty(len(slots), np.int64)
    work = (offsets, least, np.empty(BUCKETS), np.empty(BUCKETS), np.zeros(_COUNTERS, np.int64), np.zeros(STATE))
    n = _neteq_kernel(
        slots.bounds, slots.by_arrival, slots.arrival_ns, slots.media_ns, slots.frame_ns, slots.lost, slots.copies,
        slots.sequence, numbers, start_ns, flags, heard, delay, holes, totals, work,
    )  # fmt: skip
    return Run(flags, heard, delay, holes[:n], totals)
