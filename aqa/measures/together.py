"""Faults of several participants against chance: do they come together, do they come at a beat?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aqa.model import Doubles, Flags

SHUFFLES = 999
WITHIN_S = 1.0  # faults of one origin begin this near each other: a server's queue, a second of statistics
LEAST_FAULTS = 6  # fewer at a beat are told by chance too often
CYCLES = 4  # that a beat has to be followed for at least
FILLED = 0.6  # of the cycles between the first and the last fault that hold one at least
COHERENT = 0.8  # of the faults' phases: 1 is all at the same
MOST_ONSETS = 2000  # judged of one series: memory and time stay bounded


@dataclass(frozen=True)
class Together:
    """Faults that began with one of somebody else."""

    together: int
    onsets: int
    by_chance: float  # of them expected
    p: float  # share of shuffles with as many


@dataclass(frozen=True)
class Beat:
    """Faults that come every so often."""

    period_s: float
    coherence: float  # 0 to 1, length of the mean of the phases
    p: float  # odds by chance, all tried periods counted
    onsets: int


def together(onsets: Sequence[Doubles], span_s: tuple[float, float], seed: int = 0) -> Together | None:
    """Whether participants' faults begin together; arrays of seconds, one per participant, all inside `span_s`.

    A permutation test: each participant's faults are moved by a time of their own, round a circle of the span, which
    keeps how each one's faults follow each other. None where fewer than two participants have any.
    """
    mine = [_apart(np.sort(one)) for one in onsets if len(one)]
    if len(mine) < 2:
        return None
    first, length = span_s[0], span_s[1] - span_s[0]
    random = np.random.default_rng(seed)
    seen = sum(int(flags.sum()) for flags in with_others(mine))
    counts = []
    for _ in range(SHUFFLES):
        moved = [np.sort(first + (one - first + random.uniform(0, length)) % length) for one in mine]
        counts.append(sum(int(flags.sum()) for flags in with_others(moved)))
    as_many = int(np.count_nonzero(np.array(counts) >= seen))
    return Together(seen, sum(map(len, mine)), float(np.mean(counts)), (1 + as_many) / (1 + SHUFFLES))


def with_others(onsets: Sequence[Doubles]) -> list[Flags]:
    """Of each participant's faults (in order of time), which begin within WITHIN_S of one of somebody else."""
    out = []
    for at, mine in enumerate(onsets):
        others = np.sort(np.concatenate([np.zeros(0), *(one for i, one in enumerate(onsets) if i != at)]))
        near = np.searchsorted(others, mine - WITHIN_S), np.searchsorted(others, mine + WITHIN_S, side="right")
        out.append(np.asarray(near[1] > near[0]))
    return out


def _apart(onsets: Doubles) -> Doubles:
    """A burst of faults is one: those within WITHIN_S of the one before go."""
    return onsets[np.concatenate(([True], np.diff(onsets) > WITHIN_S))][:MOST_ONSETS]


def beat(onsets: Doubles, shortest_s: float = 1.0, longest_s: float = 120.0) -> Beat | None:
    """The period at which faults come, or None.

    The Rayleigh test (Rayleigh 1919; Fisher, Statistical Analysis of Circular Data, 4.3) over all periods from
    `shortest_s` to `longest_s`; multiples of a beat fit as well as the beat, so the longest period that fits is it.
    Faults in one short burst fit every long period: a beat must last for CYCLES, most of them filled.
    """
    times = np.sort(onsets)[:MOST_ONSETS]
    if len(times) < LEAST_FAULTS or times[-1] - times[0] < CYCLES * shortest_s:
        return None
    span = float(times[-1] - times[0])
    rates = np.arange(1 / min(longest_s, span / CYCLES), 1 / shortest_s, 0.2 / span)
    power = np.array([abs(np.exp(2j * np.pi * rate * times).sum()) ** 2 / len(times) for rate in rates])
    fits = np.flatnonzero(power >= max(0.95 * power.max(initial=0.0), COHERENT**2 * len(times)))
    if not len(fits):
        return None
    near = fits[fits <= fits[0] + 5]  # the first peak's own top
    best = int(near[np.argmax(power[near])])
    period = float(1 / rates[best])
    p = float(-np.expm1(np.log1p(-np.exp(-power[best])) * span / shortest_s))
    filled = len(np.unique(np.round((times - times[0]) / period))) / (round(span / period) + 1)
    if p > 0.001 or filled < FILLED:
        return None
    return Beat(period, float(np.sqrt(power[best] / len(times))), p, len(times))
