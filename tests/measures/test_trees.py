"""Boosted trees: the sum of the leaves that a row comes to."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqa.measures.trees import BLOCK, MOST_LEAVES, Trees, scores

FEATURES = 5


def grown(rng: np.random.Generator, leaves: int) -> list[list[float]]:
    """A random tree of so many leaves: feature, threshold, left, right and value of each node."""
    if leaves == 1:
        return [[0, 0.0, 0, 0, float(rng.normal())]]
    on_left = int(rng.integers(1, leaves))
    left, right = grown(rng, on_left), grown(rng, leaves - on_left)
    for branch, shift in ((left, 1), (right, 1 + len(left))):
        for node in branch:
            node[2:4] = [child + shift if child else 0 for child in node[2:4]]
    return [[int(rng.integers(FEATURES)), float(rng.normal()), 1, 1 + len(left), 0.0], *left, *right]


def forest(rng: np.random.Generator, sizes: list[int]) -> Trees:
    trees = [np.array(grown(rng, size)) for size in sizes]
    roots = np.cumsum([0, *map(len, trees)])[:-1]
    for root, tree in zip(roots, trees, strict=True):
        tree[:, 2:4] += root * (tree[:, 2:4] > 0)
    columns = np.concatenate(trees).T
    feature, left, right = (columns[i].astype(np.int32) for i in (0, 2, 3))
    threshold, value = (columns[i].astype(np.float32) for i in (1, 4))
    return Trees(roots.astype(np.int32), feature, threshold, left, right, value, 0.5)


def naive(trees: Trees, row: np.ndarray) -> float:
    total = 0.0
    for root in trees.roots:
        node = root
        while trees.left[node]:
            node = (trees.left if row[trees.feature[node]] <= trees.threshold[node] else trees.right)[node]
        total += float(trees.value[node])
    return total + trees.baseline


@given(
    st.lists(st.integers(1, MOST_LEAVES), min_size=1, max_size=6),
    st.sampled_from([0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 5]),
    st.integers(0, 1000),
)
def test_scores_are_those_of_the_leaves_to_the_bit(sizes: list[int], rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    trees = forest(rng, sizes)
    x = rng.normal(0, 2, (rows, FEATURES)).astype(np.float32)
    x[rng.random(x.shape) < 0.05] = np.nan  # goes right
    if rows:
        x[0, 0] = trees.threshold[0]  # goes left
    assert scores(trees, x).tolist() == [naive(trees, row) for row in x]


def test_trees_that_are_too_large_or_in_another_order_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="at most 32 leaves"):
        scores(forest(rng, [MOST_LEAVES + 1]), np.zeros((1, FEATURES), np.float32))
    one = forest(rng, [2])
    swapped = replace(one, left=one.right, right=one.left)
    with pytest.raises(ValueError, match="left branch behind it"):
        scores(swapped, np.zeros((1, FEATURES), np.float32))
