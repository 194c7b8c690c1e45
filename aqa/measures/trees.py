"""Boosted regression trees as a table, and their sum for a row of features (Friedman 2001, algorithm 1).

What a table was learnt from and how stands beside it; here it is only evaluated. All trees stand one after the
other: node `n` is a leaf where `left[n]` is 0 (no node has the first one below it), and its value then counts.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled, inlined
from aqa.model import Doubles, Floats


@dataclass(frozen=True)
class Trees:
    """A model: arrays of one entry per node, the first node of each tree, and what the sum begins with."""

    roots: NDArray[np.int32]  # (trees,)
    feature: NDArray[np.int32]  # column that the node looks at
    threshold: Floats  # up to it: left
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Floats  # of a leaf; learning rate included
    baseline: float


def load(path: Path) -> tuple[Trees, dict[str, NDArray[np.generic]]]:
    """The model in an .npz file, and whatever else stands in the file."""
    with np.load(path) as file:
        held = dict(file)
    whole = {name: np.ascontiguousarray(held.pop(name), np.int32) for name in ("roots", "feature", "left", "right")}
    real = {name: np.ascontiguousarray(held.pop(name), np.float32) for name in ("threshold", "value")}
    return Trees(baseline=float(held.pop("baseline")), **whole, **real), held  # type: ignore[arg-type]


@inlined
def grow(x, roots, feature, threshold, left, right, value):  # type: ignore[no-untyped-def]
    """Sum of the trees' values for one row `x` of features."""
    total = 0.0
    for root in roots:
        node = root
        while left[node] > 0:
            node = left[node] if x[feature[node]] <= threshold[node] else right[node]
        total += float(value[node])
    return total


@compiled("void(f4[:, ::1], i4[::1], i4[::1], f4[::1], i4[::1], i4[::1], f4[::1], f8[::1])")
def _scores(x, roots, feature, threshold, left, right, value, out):  # type: ignore[no-untyped-def]
    """The sum of the trees for each row of `x`."""
    for i in range(len(x)):
        out[i] = grow(x[i], roots, feature, threshold, left, right, value)


def scores(trees: Trees, x: Floats) -> Doubles:
    """The model's log odds of each row of `x` (n, features); shape (n,)."""
    if x.ndim != 2 or (len(trees.feature) and x.shape[1] <= int(trees.feature.max())):
        raise ValueError(f"rows of {x.shape} are too short for a model of {int(trees.feature.max()) + 1} features")
    out = np.empty(len(x))
    t = trees
    _scores(np.ascontiguousarray(x, np.float32), t.roots, t.feature, t.threshold, t.left, t.right, t.value, out)
    return out + trees.baseline
