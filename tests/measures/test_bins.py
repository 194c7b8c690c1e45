"""Quantiles against numpy's, and intervals shared out over bins against plain arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aqa.measures.bins import quantiles, spread

SECONDS = st.floats(-50, 50).map(lambda value: round(value, 3))


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_quantiles_are_numpys(values: list[float]) -> None:
    shares = (0, 12.5, 50, 95, 99.9, 100)
    assert quantiles(np.array(values), shares) == pytest.approx(np.percentile(values, shares).tolist(), abs=1e-6)


def naive(intervals: list[tuple[float, float]], width: float, low: int, size: int) -> list[float]:
    edges = [(low + at) * width for at in range(size + 1)]
    return [
        sum(max(min(end, edges[at + 1]) - max(start, edges[at]), 0.0) for start, end in intervals)
        for at in range(size)
    ]


@settings(deadline=None)
@given(st.lists(st.tuples(SECONDS, st.floats(0, 30)), max_size=20), st.sampled_from([1.0, 10.0]), st.integers(-9, 3))
def test_intervals_are_shared_out(pairs: list[tuple[float, float]], width: float, low: int) -> None:
    intervals = [(start, start + length) for start, length in pairs]
    start, end = np.array(intervals, np.float64).reshape(-1, 2).T
    assert spread(start, end, width, low, 12).tolist() == pytest.approx(naive(intervals, width, low, 12), abs=1e-9)
