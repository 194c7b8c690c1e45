"""Timing rules on drawings: `.` 0, `x` 1 (between leave and enter), `X` 2, `?` not measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqa.picker import Rule, merge, pick, true_runs

VALUES = {".": 0.0, "x": 1.0, "X": 2.0, "?": np.nan}


def series(drawing):
    return np.array([VALUES[c] for c in drawing])


@pytest.mark.parametrize(
    ("drawing", "rule", "runs"),
    [
        ("..XX.X..", Rule(2), [(2, 4), (5, 6)]),
        ("..XX.X..", Rule(2, merge=1), [(2, 6)]),
        ("..XX.X..", Rule(2, minimum=2), [(2, 4)]),
        ("..XX.X..", Rule(2, merge=1, minimum=5), []),
        (".xXx.x..", Rule(2, leave=1), [(1, 4)]),
        (".xxx....", Rule(2, leave=1), []),
        ("XXXX", Rule(2), [(0, 4)]),
        ("X?X", Rule(2), [(0, 1), (2, 3)]),
        ("????", Rule(2), []),
        ("", Rule(2), []),
    ],
)
def test_drawings(drawing, rule, runs):
    assert pick(series(drawing), rule).tolist() == [list(run) for run in runs]


def naive_pick(values, rule):
    leave = rule.enter if rule.leave is None else rule.leave
    runs, start = [], None
    for i, value in enumerate([*values, float("nan")]):
        if value >= leave:
            start = i if start is None else start
        elif start is not None:
            if max(values[start:i]) >= rule.enter:
                if runs and start - runs[-1][1] <= rule.merge:
                    runs[-1][1] = i
                else:
                    runs.append([start, i])
            start = None
    return [run for run in runs if run[1] - run[0] >= rule.minimum]


@given(
    st.lists(st.sampled_from([0.0, 1.0, 2.0, float("nan")]), max_size=40),
    st.builds(Rule, st.just(2.0), st.sampled_from([None, 1.0]), st.integers(1, 4), st.integers(0, 3)),
)
def test_fast_equals_naive(values, rule):
    assert pick(np.array(values, float), rule).tolist() == naive_pick(values, rule)


@given(st.lists(st.booleans(), max_size=50))
def test_runs_cover_exactly_what_is_true(mask):
    covered = np.zeros(len(mask), bool)
    for start, end in true_runs(np.array(mask, bool)):
        covered[start:end] = True
    assert covered.tolist() == mask


def test_merge_joins_what_lies_inside_a_longer_run():
    assert merge(np.array([[0, 10], [2, 3], [12, 13]]), 1).tolist() == [[0, 10], [12, 13]]
