"""Drawings: each sign is a second, `.` clean, a digit that many tenths made up, `?` not known."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aqa.measures.bucket import episodes

RULE = {"allowed": 0.05, "opens_s": 0.4, "closes_s": 8.0}


def found(share, passed_s=1.0, **changes):
    share = np.asarray(share, np.float64)
    passed = np.full(len(share), passed_s)
    return [(one.first, one.last) for one in episodes(share, passed, passed, **{**RULE, **changes})]


def drawn(picture):
    return [np.nan if sign == "?" else 0.0 if sign == "." else int(sign) / 10 for sign in picture]


@pytest.mark.parametrize(
    ("picture", "runs"),
    [
        ("", []),
        ("..........", []),
        ("....5.....", [(4, 4)]),  # 500 - 50 ms at once
        ("....4.....", []),  # 400 - 50 ms are not enough
        ("....4.4...", [(4, 6)]),  # 350 - 50 + 350
        ("...222....", [(3, 5)]),  # 150 each
        ("...22.....", []),
        ("4........4", []),  # the first has drained away
        ("5.......5.", [(0, 8)]),  # 7 s clean do not end it
        ("5........5", [(0, 0), (9, 9)]),  # 8 s clean do
        ("5???????5.", [(0, 8)]),
        ("5????????5", [(0, 0), (9, 9)]),  # not known is not bad
        ("?5", [(1, 1)]),
        ("9" * 12, [(0, 11)]),
    ],
)
def test_episodes_as_drawn(picture, runs):
    assert found(drawn(picture)) == runs


def test_exactly_what_is_allowed_is_clean():
    assert found([0.05] * 100) == []
    assert found([0.06] * 41) == [(0, 40)]  # 10 ms of excess a second


def test_little_over_a_long_time_does_not_add_up_where_nothing_is_allowed():
    rare = ([0.01] + [0.0] * 59) * 30  # 10 ms a minute
    assert found(rare, allowed=0.0, opens_s=0.05) == []
    assert found([0.01] * 6, allowed=0.0, opens_s=0.05) == [(0, 5)]


@example(shares=[0.06, 0.2, 0.0, 0.0, 0.0, 0.06, 0.03, 0.5], pieces=5)  # drained to nothing but for rounding
@given(
    shares=st.lists(st.sampled_from([0.0, 0.03, 0.06, 0.2, 0.5, 1.0]), min_size=1, max_size=40),
    pieces=st.sampled_from([2, 4, 5]),
)
@settings(max_examples=150, deadline=None)
def test_polls_more_often_of_the_same_sound_change_nothing(shares, pieces):
    often = np.repeat(shares, pieces)
    starts = [(first // pieces, last // pieces) for first, last in found(often, 1.0 / pieces, opens_s=0.401)]
    assert starts == found(shares, opens_s=0.401)


def test_time_that_was_not_played_adds_nothing():
    share, played, passed = np.array([0.5, 0.5]), np.array([0.1, 0.1]), np.array([600.0, 600.0])
    assert episodes(share, played, passed, **RULE) == []
