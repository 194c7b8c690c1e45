"""Lost packets: runs of missing sequence numbers, RFC 3611 bursts and gaps, BurstR.

"Gap" is RFC 3611's word here: the good stretch between bursts.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled, inlined, int64, uint64
from aqa.measures.bins import quantiles
from aqa.measures.delay import relative_delay_at_ms
from aqa.model import Doubles, Ints
from aqa.stream_model import Stream

GMIN = 16  # RFC 3611 4.7.2: recommended
DEFAULT_FRAME_S = 0.02
LONGEST_FRAME_S = 0.12  # of one packet in common codecs (Opus, RFC 7587 4.2)


@dataclass(frozen=True)
class LossRuns:
    """Runs of lost packets in order of sequence; one value per run in each array."""

    first: Ints  # extended sequence number of the first lost packet
    count: Ints  # packets lost
    before: Ints  # index of the received packet before the run
    after: Ints  # index of the received packet after the run
    start_s: Doubles  # media time of the first lost packet on the arrival clock, seconds since log_start_ns
    frame_s: Doubles  # media in one packet
    timed: NDArray[np.bool_]  # by RTP time; else by the neighbours' arrival

    @property
    def end_s(self) -> Doubles:
        """End of the last lost packet's frame."""
        return self.start_s + self.count * self.frame_s


def loss_runs(stream: Stream, delay_ms: Doubles | None = None) -> LossRuns:
    """Missing sequence numbers between received ones, restarts left out.

    `delay_ms` is what `relative_delay_ms` gives of the stream, where that is known already.
    """
    at = np.empty(len(stream.sequence), np.int64)
    found = _gaps_kernel(stream.sequence, stream.duplicate, at) if len(stream.stretch_reset) == 1 else -1
    if found >= 0:
        order, number, at = np.arange(len(at)), stream.sequence, at[:found]
        missing = number[at + 1] - number[at] - 1
    else:
        order, number, missing, at = _gaps(stream)
    if not len(at):
        none, never = np.empty(0, np.int64), np.empty(0)
        return LossRuns(none, none, none, none, never, never, np.empty(0, np.bool_))
    before, after = order[at], order[at + 1]
    late_ms = relative_delay_at_ms(stream, before) if delay_ms is None else delay_ms[before]
    start_s, frame_s, timed = _placed(stream, order, at, missing, late_ms)
    return LossRuns(number[at] + 1, missing, before, after, start_s, frame_s, timed)


@compiled("int64(int64[::1], boolean[::1], int64[::1])")
def _gaps_kernel(sequence, duplicate, out):  # type: ignore[no-untyped-def]
    """Places after which numbers are missing, and how many; -1 where the numbers do not rise all along."""
    n, one = uint64(0), uint64(1)
    for i in range(uint64(0), uint64(len(sequence))):
        if duplicate[i]:
            return -1
        if i > 0 and sequence[i] != sequence[i - one] + 1:
            if sequence[i] < sequence[i - one]:
                return -1
            out[n] = i - one
            n += one
    return int64(n)


def _gaps(stream: Stream) -> tuple[Ints, Ints, Ints, Ints]:
    """Packets in order of sequence, their numbers, and how many are missing after which, in any stream."""
    order = np.flatnonzero(~stream.duplicate)
    order = order[np.argsort(stream.sequence[order], kind="stable")]
    number = stream.sequence[order]
    missing = number[1:] - number[:-1] - 1
    if len(stream.stretch_reset) > 1:
        group = np.cumsum(stream.stretch_reset)[stream.stretch[order]]
        missing[group[1:] != group[:-1]] = 0
    at = np.flatnonzero(missing > 0)
    return order, number, missing[at], at


@compiled("int64(int64[::1], float64[::1], int64[::1], int32[::1], int64, float64[::1])")
def _steps_kernel(order, media, sequence, stretch, every, out):  # type: ignore[no-untyped-def]
    """Media time per packet from some packets in order to the next, where it is known; how many."""
    n = 0
    for at in range(0, len(order) - 1, every):
        one, other = order[at], order[at + 1]
        if stretch[one] == stretch[other]:
            step = (media[other] - media[one]) / max(sequence[other] - sequence[one], 1)
            if np.isfinite(step):
                out[n] = step
                n += 1
    return n


@inlined
def _step(at, order, media, sequence, stretch):  # type: ignore[no-untyped-def]
    """Media time per packet from place `at` in order to the next; NaN outside, and over a new stretch."""
    if at < 0 or at > len(order) - 2:
        return np.nan
    one, other = order[at], order[at + 1]
    if stretch[one] != stretch[other]:
        return np.nan
    return (media[other] - media[one]) / max(sequence[other] - sequence[one], 1)


@compiled(
    "void(int64[::1], int64[::1], int64[::1], int64[::1], int64, float64[::1], int64[::1], int32[::1], float64[::1],"
    " float64, float64[::1], float64[::1], boolean[::1])"
)
def _place_kernel(  # type: ignore[no-untyped-def]
    order, at, missing, arrival_ns, zero_ns, media, sequence, stretch, late_ms, longest, start, frame, timed
):
    for i in range(len(at)):
        before, after = order[at[i]], order[at[i] + 1]
        even = _step(at[i], order, media, sequence, stretch)
        left = _step(at[i] - 1, order, media, sequence, stretch)
        right = _step(at[i] + 1, order, media, sequence, stretch)
        beside = left if np.isnan(right) or left > right else right
        came = (arrival_ns[before] - zero_ns) * 1e-9
        timed[i] = np.isfinite(even) and even > 0
        if timed[i]:
            step = min(even, beside) if beside > 0 else even
            frame[i] = min(step, longest)  # beside a pause of DTX a step is longer than its packet
            due = came if np.isnan(late_ms[i]) else came - late_ms[i] * 1e-3  # without its own jitter
            start[i] = due + step
        else:
            pause = max((arrival_ns[after] - zero_ns) * 1e-9 - came, 0.0)
            frame[i] = min(pause / (missing[i] + 1), DEFAULT_FRAME_S)
            start[i] = came + frame[i]


def _placed(
    stream: Stream, order: Ints, at: Ints, missing: Ints, late_ms: Doubles
) -> tuple[Doubles, Doubles, NDArray[np.bool_]]:
    """Where each run lies: start on the arrival clock, seconds of media per packet, and whether by RTP time.

    `late_ms` is the relative delay of the packet before each. RTP time between the neighbours is shared out evenly,
    which is exact while the frame length holds. It is no more than the longer of the steps beside the run: a DTX
    pause beside a loss is no part of it.
    """
    media, some = stream.media_s, np.empty(len(order))
    found = _steps_kernel(order, media, stream.sequence, stream.stretch, max(1, len(order) // 2000), some)
    typical = quantiles(some[:found], (50,))[0] if found else DEFAULT_FRAME_S
    start, frame, timed = np.empty(len(at)), np.empty(len(at)), np.empty(len(at), np.bool_)
    _place_kernel(
        order, at, missing, stream.arrival_ns, stream.log_start_ns, media, stream.sequence, stream.stretch, late_ms,
        max(LONGEST_FRAME_S, typical), start, frame, timed,
    )  # fmt: skip
    return start, frame, timed


@dataclass(frozen=True)
class Structure:
    """RFC 3611 4.7.2 burst and gap metrics of one stream, and BurstR; None: not measured."""

    bursts: int
    burst_density_pct: float | None
    gap_density_pct: float | None
    burst_duration_mean_ms: float | None
    gap_duration_mean_ms: float | None
    burst_r: float | None
    run_max: int


def burst_groups(runs: LossRuns) -> list[slice]:
    """Runs that belong together: with fewer than Gmin received packets between them (RFC 3611 4.7.2).

    A group with two lost packets or more is a burst; one with a single lost packet is an isolated loss in a gap.
    """
    return [slice(a, b) for a, b in pairwise(_edges(runs).tolist())]


def _edges(runs: LossRuns) -> Ints:
    """Index of the first run of each group, and their number; of no runs only the latter."""
    if not len(runs.first):
        return np.zeros(1, np.int64)
    good = runs.first[1:] - (runs.first[:-1] + runs.count[:-1])
    inside = np.flatnonzero(good >= GMIN)
    out = np.zeros(len(inside) + 2, np.int64)
    out[1:-1], out[-1] = inside + 1, len(runs.first)
    return out


def structure(stream: Stream, runs: LossRuns, expected: int) -> Structure:
    """Burst and gap metrics. Before and after the stream Gmin good packets are assumed (RFC 3611 4.7.2)."""
    lost = int(runs.count.sum())
    edges = _edges(runs)
    sizes = np.add.reduceat(runs.count, edges[:-1]) if lost else np.zeros(0, np.int64)
    first, last = edges[:-1][sizes > 1], edges[1:][sizes > 1] - 1
    inside, groups = int(sizes[sizes > 1].sum()), len(first)
    span = int((runs.first[last] + runs.count[last] - runs.first[first]).sum())
    length_s = float((runs.end_s[last] - runs.start_s[first]).sum())
    gap_packets = expected - span
    total_s = float(stream.arrival_ns.max() - stream.arrival_ns.min()) * 1e-9
    gaps = groups + 1  # a stream neither begins nor ends with a lost packet
    return Structure(
        bursts=groups,
        burst_density_pct=100 * inside / span if groups else None,
        gap_density_pct=100 * (lost - inside) / gap_packets if gap_packets > 0 else None,
        burst_duration_mean_ms=1e3 * length_s / groups if groups else None,
        gap_duration_mean_ms=1e3 * max(total_s - length_s, 0.0) / gaps,
        burst_r=burst_ratio(runs, expected),
        run_max=int(runs.count.max()) if len(runs.count) else 0,
    )


def burst_ratio(runs: LossRuns, expected: int) -> float | None:
    """BurstR (ITU-T G.107 7.5): mean length of loss runs over 1/(1 - p), that of random loss; at least 1."""
    lost = int(runs.count.sum())
    if lost == 0:
        return None
    return max(1.0, lost / len(runs.count) * (1 - lost / expected))


def histogram(runs: LossRuns) -> list[int]:
    """Runs by length: 1 to 9 packets, and 10 or more (VoIPmonitor's sl1..sl10); shape (10,)."""
    return np.bincount(np.minimum(runs.count, 10), minlength=11)[1:].tolist()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Gilbert:
    """Two states, one that loses nothing and one that loses all (E. N. Gilbert 1960, with h = 0)."""

    p: float  # from good to bad
    r: float | None  # from bad to good; None: nothing was lost


def gilbert(runs: LossRuns, expected: int) -> Gilbert | None:
    """The model of most likelihood: transitions counted (Hasslinger, Hohlfeld 2008, "simple Gilbert").

    p: loss runs over received packets; r: loss runs over lost packets. A bad state that loses only some packets
    (Gilbert-Elliott) can't be told from packets in one pass; RFC 3611's burst density stands for it. None with
    less than two packets.
    """
    lost = int(runs.count.sum())
    received = expected - lost
    if received < 2:
        return None
    starts = len(runs.count)
    return Gilbert(starts / (received - 1), starts / lost if lost else None)
