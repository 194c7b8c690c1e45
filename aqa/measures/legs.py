"""Packets of one SSRC in two logs: which are the same, which only one of them has, and what the way between added.

A packet is known again by its sequence number, RTP timestamp and payload type together: all three are 56 bits, so
another sender that happens to use the SSRC (RFC 3550 8.2) is not matched. A server that writes these fields anew
can't be seen through.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.measures.delay import relative_delay_ms
from aqa.measures.loss import LossRuns, loss_runs
from aqa.measures.skew import MIN_SKEW_SPAN_S, floor_slope
from aqa.model import Doubles, Flags, Ints
from aqa.stream_model import Stream

MIN_MATCHED = 50  # one second of speech: less says nothing of delay, and nothing of a way
MIN_SHARE = 0.5  # of the packets of either log from the first match to the last: what was lost, the other has
SAME_SIZE_SHARE = 0.9  # of matched packets whose sizes differ by one amount (an SRTP tag, or nothing)
FLOOR_S = 10.0  # windows whose least delay is the floor where clocks give no line (aqa/activity.py, KNOT_S)
BEFORE, BETWEEN, UNTOLD = 0, 1, -1
"""Of a packet that the later log lacks: the earlier one lacks it too, or has it, or does not reach so far."""


@dataclass(frozen=True)
class Matched:
    """Indices of the same packets in two streams, shape (n,), in the order of the second's sequence numbers."""

    a: Ints
    b: Ints


def matched(a: Stream, b: Stream) -> Matched | None:
    """The packets that both streams hold, the first copy of each; None where they are not one stream."""
    key_a, first_a = np.unique(_keys(a), return_index=True)
    key_b, first_b = np.unique(_keys(b), return_index=True)
    _, at_a, at_b = np.intersect1d(key_a, key_b, assume_unique=True, return_indices=True)
    if len(at_a) < MIN_MATCHED:
        return None
    ours, theirs = first_a[at_a], first_b[at_b]
    order = np.argsort(b.sequence[theirs], kind="stable")
    pair = Matched(ours[order], theirs[order])
    shares = (len(at_a) / _unique_within(one, at) for one, at in ((a, pair.a), (b, pair.b)))
    step = a.payload_bytes[pair.a] - b.payload_bytes[pair.b]
    _, counts = np.unique(step, return_counts=True)
    alike = counts.max() >= SAME_SIZE_SHARE * len(step)
    return pair if alike and max(shares) >= MIN_SHARE else None


def _keys(stream: Stream) -> Ints:
    """Timestamp, sequence number and payload type of each packet as one integer of 56 bits."""
    stamp = (stream.timestamp & 0xFFFFFFFF) << 24
    return np.asarray(stamp | (stream.sequence & 0xFFFF) << 8 | stream.payload_types, np.int64)


def _unique_within(stream: Stream, which: Ints) -> int:
    """Packets, copies left out, from the first to the last of some by sequence number."""
    number = stream.sequence
    inside = (number >= number[which].min()) & (number <= number[which].max()) & ~stream.duplicate
    return int(np.count_nonzero(inside))


@dataclass(frozen=True)
class Lacking:
    """Packets that the second log lacks, run by run, and whether the first has them."""

    runs: LossRuns
    before: Ints  # shape (runs,): packets that the first lacks as well
    between: Ints  # that the first has: lost on the way
    untold: Ints  # that lie outside what the first log holds


def lacking(a: Stream, b: Stream, pair: Matched) -> Lacking:
    """Where the packets went that `b` lacks."""
    runs = loss_runs(b)
    run = np.repeat(np.arange(len(runs.count)), runs.count)
    inside = np.arange(len(run)) - np.repeat(np.cumsum(runs.count) - runs.count, runs.count)
    state = _where(a, b, pair, runs.first[run] + inside)
    counts = [np.bincount(run[state == one], minlength=len(runs.count)) for one in (BEFORE, BETWEEN, UNTOLD)]
    return Lacking(runs, *counts)


def _where(a: Stream, b: Stream, pair: Matched, number: Ints) -> NDArray[np.int8]:
    """BEFORE, BETWEEN or UNTOLD for numbers of `b`, which count otherwise than `a` does after wraps and restarts."""
    known = b.sequence[pair.b]
    shift = a.sequence[pair.a] - known
    after = np.searchsorted(known, number)
    ends = (np.clip(after - 1, 0, len(known) - 1), np.clip(after, 0, len(known) - 1))
    told = (after > 0) & (after < len(known)) & (shift[ends[0]] == shift[ends[1]])
    there = np.isin(number + shift[ends[0]], a.sequence)
    return np.where(told, np.where(there, BETWEEN, BEFORE), UNTOLD).astype(np.int8)


@dataclass(frozen=True)
class Way:
    """The delay from one log to the other: per matched packet, in the order of `Matched`."""

    over_ms: Doubles  # above the least, with the clocks' skew taken out
    least_s: float  # arrival at the second less arrival at the first: least delay and clock offset together
    skew_ppm: float | None  # of the second log's clock against the first's; None: no line, or under 10 s


def way(a: Stream, b: Stream, pair: Matched) -> Way | None:
    """One-way delay variation; None where either log has no times of arrival."""
    if not (a.timed and b.timed):
        return None
    start = a.arrival_ns[pair.a]
    order = np.argsort(start, kind="stable")
    x = np.asarray((start[order] - start[order[0]]) * 1e-9, np.float64)
    y = np.asarray((b.arrival_ns[pair.b][order] - start[order]) * 1e-9, np.float64)
    base = float(y[0])
    slope = floor_slope(x, y - base) if x[-1] >= MIN_SKEW_SPAN_S else 0.0
    floor = _floor(x, y) if slope is None else np.min(y - slope * x) + slope * x
    over = np.empty(len(y))
    over[order] = (y - floor) * 1e3
    told = slope is not None and x[-1] >= MIN_SKEW_SPAN_S
    return Way(np.maximum(over, 0.0), float(np.min(y)), slope * 1e6 if told and slope is not None else None)


def _floor(x: Doubles, y: Doubles) -> Doubles:
    """The least of each window of FLOOR_S, for clocks that were set or drift otherwise than in a line."""
    window = (x / FLOOR_S).astype(np.int64)
    starts = np.flatnonzero(np.diff(window, prepend=-1))
    return np.asarray(np.minimum.reduceat(y, starts)[np.searchsorted(starts, np.arange(len(x)), "right") - 1])


def later_by_jitter(a: Stream, b: Stream, pair: Matched) -> float | None:
    """How much it looks as if `b` was taken later on the way: 1 surely, -1 surely the other way round.

    (Var B - Var A) / Var(B - A) of the packets' relative delays. What the way adds does not depend on the delay
    that a packet has already, so it is 1 where A comes first. It needs no common clock. None where delays are not
    known, or differ by less than a capture's own noise.
    """
    one, two = relative_delay_ms(a)[pair.a], relative_delay_ms(b)[pair.b]
    good: Flags = np.isfinite(one) & np.isfinite(two)
    if np.count_nonzero(good) < MIN_MATCHED:
        return None
    added = float(np.var(two[good] - one[good]))
    if added < LEAST_ADDED_MS**2:
        return None
    return float((np.var(two[good]) - np.var(one[good])) / added)


LEAST_ADDED_MS = 0.05
"""Standard deviation; kernels stamp packets to some microseconds, batches of interrupts to some tens of them."""
