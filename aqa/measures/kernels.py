"""The compiled kernels of the one pass over the samples; `tests/measures/test_track.py` holds their naive twins.

All take one channel of a chunk with `lead` samples of context before `lo` and as many as a context needs after
`hi`; `base` is the presentation-clock index of `x[0]`. What must outlive a chunk stands in `ints` and `reals`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled, inlined, int32

FLOOR_DBFS = -200.0  # stands for minus infinity
HOP_STATE = (2, 2)  # lengths of ints and reals of `hops`
RUN_STATE = (2, 6)  # lengths of ints and reals of `runs`


@inlined
def _decibels(power: float) -> float:
    """Power (full scale 1) in dB, rounded to 0.01, never below the floor."""
    if power <= 1e-20:
        return -200.0
    return math.floor(1000.0 * math.log10(power) + 0.5) / 100.0


@inlined
def _power(x, start, end):  # type: ignore[no-untyped-def]
    """Mean square of `x[start:end]`."""
    total = 0.0
    for i in range(start, end):
        total += float(x[i]) * float(x[i])
    return total / (end - start)


@inlined
def _peak_power(x, start, end):  # type: ignore[no-untyped-def]
    """Square of the largest magnitude in `x[start:end]`."""
    largest = 0.0
    for i in range(start, end):
        largest = max(largest, abs(float(x[i])))
    return largest * largest


@inlined
def _end_hop(ints, reals, level, peak):  # type: ignore[no-untyped-def]
    """Write the open hop's level and peak, if it holds samples, and empty it."""
    if ints[1] > 0:
        level[ints[0]] = _decibels(reals[0] / ints[1])
        peak[ints[0]] = _decibels(reals[1] * reals[1])
    ints[1], reals[0], reals[1] = 0, 0.0, 0.0


@compiled("void(int64[::1], float64[::1], float32[::1], float32[::1])")
def _close_hop(ints, reals, level, peak):  # type: ignore[no-untyped-def]
    """As `_end_hop`, at the end of the channel."""
    _end_hop(ints, reals, level, peak)


@compiled(
    "void(float32[::1], int32[::1], int64, int64, int64, int64, int64[::1], float64[::1], float32[::1], float32[::1],"
    " int32[::1], float32[::1])"
)
def _hops(x, bits, lo, hi, base, rate, ints, reals, level, peak, cell, as_float):  # type: ignore[no-untyped-def]
    """Level and peak per 10 ms; hop k starts at sample floor(k rate / 100), so that any rate works.

    `ints` = (open hop, its samples), `reals` = (its sum of squares, its largest magnitude). Sums run sample by
    sample in one order: where chunks are cut can't change a bit.
    """
    at = lo
    while at < hi:
        hop = (100 * (base + at) + 99) // rate
        if hop != ints[0]:
            _end_hop(ints, reals, level, peak)
            ints[0] = hop
        end = min(hi, (hop + 1) * rate // 100 - base)
        total, most = reals[0], int32(0)
        here, same = x[at:end], bits[at:end]  # places that can't be negative: several are seen at a time
        for i in range(len(here)):
            value = float(here[i])
            total += value * value
        for i in range(len(same)):
            most = max(most, same[i] & int32(0x7FFFFFFF))
        cell[0] = most
        reals[0], reals[1] = total, max(reals[1], float(as_float[0]))
        ints[1] += end - at
        at = end


@inlined
def _end_run(x, at, base, rule, ints, reals, spans, values, count):  # type: ignore[no-untyped-def]
    """Write the open run, which ends before `x[at]`, if it was long enough; returns the new count."""
    if ints[1] >= int(rule[0]) and reals[5] > 0.0:
        context, edge = int(rule[3]), int(rule[4])
        spans[count, 0], spans[count, 1] = ints[0], base + at
        values[count, 0], values[count, 1], values[count, 3] = reals[0], reals[1], reals[2]
        values[count, 2] = _decibels(_power(x, at, at + context))
        values[count, 4] = _decibels(_peak_power(x, at, at + edge))
        count += 1
    ints[1] = 0
    return count


_RUN = "float64[::1], int64[::1], float64[::1], int64[:, ::1], float64[:, ::1]"


@compiled(f"int64(float32[::1], int64, int64, {_RUN}, int64)")
def _close_run(x, at, base, rule, ints, reals, spans, values, count):  # type: ignore[no-untyped-def]
    """As `_end_run`, where media ends."""
    return _end_run(x, at, base, rule, ints, reals, spans, values, count)


@inlined
def _hopeless(x, lo, hi, rule, length, top, bottom, highest, lowest):  # type: ignore[no-untyped-def]
    """Whether no run that counts can begin or go on in `x[lo:hi]`, a block shorter than half of the least run.

    A flat top never counts below the least maximum, nor below full scale away from the channel's extremes so far: of
    one that goes on, the samples lie within step and span of them. Else the steps into the block and out of it have
    to be breaks.
    """
    if length >= int(rule[0]):
        return False
    if rule[6] > 0.0:
        largest, near = max(top, -bottom), 4.0 * rule[1]
        inside = top < highest - near and bottom > lowest + near
        return largest < rule[6] or (inside and largest < rule[5])
    into, out = abs(float(x[lo]) - float(x[lo - 1])), abs(float(x[hi]) - float(x[hi - 1]))
    return into > rule[1] and out > rule[1]


@inlined
def _ordered(bits):  # type: ignore[no-untyped-def]
    """Bits of a float32 as a whole number in the order of the floats (IEEE 754), and back."""
    return bits ^ ((bits >> int32(31)) & int32(0x7FFFFFFF))


@compiled(f"int64(float32[::1], int32[::1], int64, int64, int64, {_RUN}, int32[::1], float32[::1])")
def _runs(x, bits, lo, hi, base, rule, ints, reals, spans, values, cell, as_float):  # type: ignore[no-untyped-def]
    """Runs of samples that stay within `step` of the one before and `span` of the run's first; returns how many.

    `rule` = (minimum length, step, span, context, edge, full scale, least of own maximum); `ints` = (start of the
    open run, its length), `reals` = (its value, level before, peak before, channel's maximum, minimum, counts).
    Whole blocks in which nothing can count are passed over: that is most of all sound. `bits` are those of `x`, and
    `cell` and `as_float` one number seen in both ways: the processor compares whole numbers many at a time.
    """
    count, least, context, edge = 0, int(rule[0]), int(rule[3]), int(rule[4])
    length, first, step, span = ints[1], reals[0], rule[1], rule[2]
    highest, lowest = reals[3], reals[4]
    block = 64 if rule[6] > 0.0 else max(1, min(64, least // 2))
    at = lo
    while at < hi:
        end = min(at + block, hi)
        most = fewest = _ordered(bits[at])
        here = bits[at:end]
        for i in range(len(here)):
            most, fewest = max(most, _ordered(here[i])), min(fewest, _ordered(here[i]))
        cell[0] = _ordered(most)
        top = float(as_float[0])
        cell[0] = _ordered(fewest)
        bottom = float(as_float[0])
        if _hopeless(x, at, end, rule, length, top, bottom, highest, lowest):
            highest, lowest = max(highest, top), min(lowest, bottom)
            length, first = 1, float(x[end - 1])
            at = end
            continue
        for i in range(at, end):
            value = float(x[i])
            highest, lowest = max(highest, value), min(lowest, value)
            if length > 0 and abs(value - float(x[i - 1])) <= step and abs(value - first) <= span:
                length += 1
            else:
                if length >= least:
                    ints[0], ints[1], reals[0] = base + i - length, length, first
                    count = _end_run(x, i, base, rule, ints, reals, spans, values, count)
                length, first = 1, value
            if length == least:
                size = abs(first)
                own = size >= rule[6] and (first >= highest - step or first <= lowest + step)
                reals[5] = 1.0 if own or size >= rule[5] else 0.0
                start = i + 1 - length
                reals[1] = _decibels(_power(x, start - context, start))
                reals[2] = _decibels(_peak_power(x, start - edge, start))
        at = end
    ints[0], ints[1], reals[0] = base + hi - length, length, first
    reals[3], reals[4] = highest, lowest
    return count


def new_cell() -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """One number, by its bits and as a float."""
    bits = np.zeros(1, np.int32)
    return bits, bits.view(np.float32)


def new_state(lengths: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Fresh `ints` and `reals`: nothing is open."""
    ints = np.zeros(lengths[0], np.int64)
    ints[0] = -1
    return ints, np.zeros(lengths[1], np.float64)
