"""Boosted regression trees as a table, and their sum for a row of features (Friedman 2001, algorithm 1).

What a table was learnt from and how stands beside it; here it is only evaluated. All trees stand one after the
other, a node before its left branch and that before its right one; node `n` is a leaf where `left[n]` is 0 (no node
has the first one below it), and its value then counts.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled, inlined
from aqa.model import Doubles, Floats

BLOCK = 64  # rows that are judged side by side: their features fit the fastest cache
MOST_LEAVES = 32
_ALL = -1  # every bit


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

    @cached_property
    def ways(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], Floats]:
        """For `_scores`: first node of each tree and their number; leaves (bits) that are left where a node says
        right; first leaf of each tree; values of leaves.

        ValueError for trees of more than 32 leaves, and where nodes are in another order.
        """
        leaf, nodes = self.left == 0, np.arange(len(self.left))
        before = np.cumsum(leaf) - leaf  # leaves before each node
        first = before[self.roots]
        roots = np.append(self.roots, len(nodes))
        if np.diff(np.append(first, leaf.sum())).max(initial=0) > MOST_LEAVES or np.any(
            (self.left != nodes + 1)[~leaf]
        ):
            raise ValueError(f"trees have at most {MOST_LEAVES} leaves, and a node its left branch behind it")
        inside = before - np.repeat(first, np.diff(roots))
        gone = (1 << np.where(leaf, 0, inside[self.right])) - (1 << np.where(leaf, 0, inside))
        kept = (_ALL - gone).astype(np.int64).astype(np.int32)
        return roots.astype(np.int32), kept, first.astype(np.int32), np.ascontiguousarray(self.value[leaf])


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


@compiled("void(f4[:, ::1], i4[::1], i4[::1], f4[::1], i4[::1], i4[::1], f4[::1], f4[:, ::1], i4[::1], f8[::1])")
def _scores(x, roots, feature, threshold, kept, first, leaves, columns, alive, out):  # type: ignore[no-untyped-def]
    """The sum of the trees for each row of `x`, without a branch that depends on them (Lucchese et al. 2015).

    Every node is asked of a block of rows side by side, and takes the leaves on its left from the rows that go right;
    the first one left is theirs. `columns` (features, BLOCK) and `alive` (BLOCK) are room to work in.
    """
    for start in range(0, len(x), BLOCK):
        rows = min(BLOCK, len(x) - start)
        for i in range(rows):
            out[start + i] = 0.0
            for f in range(x.shape[1]):
                columns[f, i] = x[start + i, f]
        for tree in range(len(first)):
            for i in range(BLOCK):
                alive[i] = np.int32(_ALL)
            for node in range(roots[tree], roots[tree + 1]):
                left = kept[node]
                if left == _ALL:
                    continue
                limit, column = threshold[node], columns[feature[node]]
                for i in range(BLOCK):
                    alive[i] &= np.int32(_ALL) if column[i] <= limit else left
            for i in range(rows):
                out[start + i] += float(leaves[first[tree] + _zeros(alive[i])])


@inlined
def _zeros(bits):  # type: ignore[no-untyped-def]
    """Bits of 32 below the lowest that is set: those are counted, in twos, fours and eights."""
    below = np.int32(~bits & (bits - np.int32(1)))
    below = np.int32(below - ((below >> 1) & 0x55555555))
    below = np.int32((below & 0x33333333) + ((below >> 2) & 0x33333333))
    below = np.int32((below + (below >> 4)) & 0x0F0F0F0F)
    return (below * 0x01010101) >> 24 & 0xFF


def scores(trees: Trees, x: Floats) -> Doubles:
    """The model's log odds of each row of `x` (n, features); shape (n,)."""
    if x.ndim != 2 or (len(trees.feature) and x.shape[1] <= int(trees.feature.max())):
        raise ValueError(f"rows of {x.shape} are too short for a model of {int(trees.feature.max()) + 1} features")
    out, columns = np.empty(len(x)), np.zeros((x.shape[1], BLOCK), np.float32)
    roots, kept, first, leaves = trees.ways
    _scores(
        np.ascontiguousarray(x, np.float32), roots, trees.feature, trees.threshold, kept, first, leaves, columns,
        np.empty(BLOCK, np.int32), out,
    )  # fmt: skip
    return out + trees.baseline
