import dataclasses
from itertools import pairwise

import dumps
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aqa.measures import counters


def nan_list(*values):
    return pytest.approx([np.nan if value is None else value for value in values], nan_ok=True)


def test_a_change_is_what_came_since_the_sample_before():
    track = dumps.track(packets_received=[100, 150, 150, 260])
    assert counters.changes(track, "packets_received").tolist() == nan_list(None, 50, 0, 110)
    assert counters.elapsed_s(track).tolist() == nan_list(None, 1, 1, 1)


def test_what_is_not_in_the_dump_is_not_measured():
    track = dumps.track(packets_received=[1, 2])
    assert np.isnan(counters.changes(track, "interruptions")).all()
    assert counters.total(track, "interruptions") is None
    with pytest.raises(KeyError):
        counters.changes(track, "packets_recieved")


def test_counters_that_begin_anew_are_not_judged_and_add_up():
    track = dumps.track(packets_received=[500, 600, 20, 70], packets_lost=[5, 6, 0, 2])
    assert counters.restarts(track).tolist() == [False, False, True, False]
    assert counters.changes(track, "packets_received").tolist() == nan_list(None, 100, None, 50)
    assert counters.changes(track, "packets_lost").tolist() == nan_list(None, 1, None, 2)
    assert counters.total(track, "packets_received") == 670
    assert counters.total(track, "packets_lost") == 8


def test_a_wrapped_counter_goes_on():
    top = 2**32
    track = dumps.track(packets_received=[top - 30, top - 10, 40, 90])
    assert not counters.restarts(track).any()
    assert counters.changes(track, "packets_received").tolist() == nan_list(None, 20, 50, 50)
    assert counters.total(track, "packets_received") == top + 90


def test_a_fall_from_high_up_to_near_zero_is_no_wrap():
    track = dumps.track(packets_received=[3_000_000_000, 100])
    assert counters.restarts(track).tolist() == [False, True]


def test_losses_may_fall_and_firefox_s_wrapped_ones_are_below_zero():
    track = dumps.track(packets_received=[10, 20, 30, 40], packets_lost=[3, 1, 4294935897, 4294935899])
    assert counters.changes(track, "packets_lost").tolist() == nan_list(None, -2, -31400, 2)
    assert counters.total(track, "packets_lost") == -31397
    assert counters.loss_share(40, -10) == pytest.approx(-1 / 3)


def test_any_other_counter_that_falls_alone_is_not_judged():
    track = dumps.track(packets_received=[10, 20, 30], concealed_samples=[9, 5, 7])
    assert counters.changes(track, "concealed_samples").tolist() == nan_list(None, None, 2)


def test_no_time_no_interval():
    track = dumps.track(packets_received=[10, 20, 30])
    still = track.time_ns.copy()
    still[2] = still[1]
    track = dataclasses.replace(track, time_ns=still)
    assert counters.changes(track, "packets_received").tolist() == nan_list(None, 10, None)


def test_one_that_is_missing_for_a_poll_leaves_two_intervals_open():
    track = dumps.track(packets_received=[10, np.nan, 30, 40])
    assert counters.changes(track, "packets_received").tolist() == nan_list(None, None, None, 10)
    assert counters.total(track, "packets_received") == 40


@pytest.mark.parametrize(
    ("received", "lost", "share"), [(99, 1, 0.01), (0, 5, 1.0), (0, 0, None), (None, 1, None), (5, None, None)]
)
def test_loss_is_of_what_should_have_come(received, lost, share):
    assert counters.loss_share(received, lost) == share


def test_what_a_sleeping_computer_did_not_play_does_not_count():
    track = dumps.track(60.0, samples_s=[0, 60, 61])
    assert counters.played_s(track).tolist() == nan_list(None, 60, 1)
    assert counters.played_s(dumps.track(2.0, packets_lost=[0, 0])).tolist() == nan_list(None, 2)


def naive_changes(values):
    """Sample by sample, for a counter of its own that is one of those that never fall."""
    out = [np.nan]
    for before, after in pairwise(values):
        step = after - before
        if step < 0 and before < 2**32 and step + 2**32 < 2**24:
            step += 2**32
        out.append(step if step >= 0 else np.nan)
    return out


@given(st.lists(st.integers(0, 2**33) | st.integers(2**32 - 50, 2**32 - 1) | st.integers(0, 50), max_size=12))
@settings(max_examples=200, deadline=None)
def test_changes_are_those_of_a_plain_loop(values):
    track = dumps.track(packets_received=values)
    if values:
        found = counters.changes(track, "packets_received").tolist()
        assert found == pytest.approx(naive_changes(values), nan_ok=True)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20), st.integers(0, 2**20))
@settings(deadline=None)
def test_all_changes_and_the_first_value_are_the_total(steps, first):
    values = np.cumsum([first, *steps])
    track = dumps.track(packets_received=values)
    assert first + np.nansum(counters.changes(track, "packets_received")) == counters.total(track, "packets_received")
