"""Series in, runs out: the one place where thresholds become intervals.

A picker knows nothing of sound or packets. It sees a series of numbers (NaN = not measured) and returns
half-open index intervals `[start, end)`, ordered and disjoint.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Runs = NDArray[np.int64]  # shape (n, 2): half-open index intervals


@dataclass(frozen=True)
class Rule:
    """When a run begins, goes on and counts.

    A run begins at a value `>= enter`, lasts while values are `>= leave` (hysteresis when `leave < enter`),
    is merged with the next when at most `merge` values lie between, and counts from `minimum` values on.
    """

    enter: float
    leave: float | None = None
    minimum: int = 1
    merge: int = 0


def pick(series: NDArray[np.floating], rule: Rule) -> Runs:
    """Runs of `series` by `rule`; NaN is never inside a run."""
    leave = rule.enter if rule.leave is None else rule.leave
    candidates = true_runs(np.asarray(series >= min(leave, rule.enter)))
    if leave < rule.enter and len(candidates):
        entered = np.append(series >= rule.enter, False)  # one more, for an end may be the series' own
        candidates = candidates[np.logical_or.reduceat(entered, candidates.ravel())[::2]]
    runs = merge(candidates, rule.merge)
    return runs[runs[:, 1] - runs[:, 0] >= rule.minimum]


def true_runs(mask: NDArray[np.bool_]) -> Runs:
    """Maximal stretches of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return edges.reshape(-1, 2).astype(np.int64)


def merge(runs: Runs, distance: int) -> Runs:
    """Join runs (ordered by start) with at most `distance` indices between them."""
    if len(runs) < 2:
        return runs
    ends = np.maximum.accumulate(runs[:, 1])
    first = np.concatenate(([True], runs[1:, 0] - ends[:-1] > distance))
    starts = runs[first, 0]
    last = np.concatenate((np.flatnonzero(first)[1:] - 1, [len(runs) - 1]))
    return np.stack([starts, ends[last]], axis=1)
