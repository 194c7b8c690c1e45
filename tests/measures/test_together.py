import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqa.measures.together import Together, beat, together, with_others

SPAN = (0.0, 3600.0)


def test_faults_of_three_that_begin_together_are_no_chance():
    random = np.random.default_rng(0)
    common = random.uniform(*SPAN, 10)
    found = together([common + random.uniform(-0.3, 0.3, 10) for _ in range(3)], SPAN)
    assert found == Together(30, 30, found.by_chance, 0.001)
    assert found.by_chance < 2


def test_one_fault_of_each_at_the_same_time_is_enough():
    found = together([np.array([100.0]), np.array([100.4]), np.array([101.0])], SPAN)
    assert found is not None
    assert found.p <= 0.002


def test_shuffled_times_give_room_wide_verdicts_at_the_stated_rate():
    """At p <= 0.05 no more than about 5 % of independent faults may be called room-wide."""
    random = np.random.default_rng(1)
    said = []
    for _ in range(200):
        found = together([random.uniform(*SPAN, 30) for _ in range(4)], SPAN, seed=int(random.integers(1 << 30)))
        said.append(found.p <= 0.05)
    assert sum(said) <= 20  # binomial: more than 20 of 200 at 5 % happens once in 500


def test_bursts_of_each_one_do_not_count_as_many():
    random = np.random.default_rng(2)
    lists = [np.concatenate([start + np.arange(20) * 0.5 for start in random.uniform(*SPAN, 3)]) for _ in range(3)]
    found = together(lists, SPAN)
    assert found.onsets == 9


def test_one_participant_alone_is_not_measured():
    assert together([np.array([1.0, 2.0])], SPAN) is None
    assert together([np.array([1.0]), np.zeros(0)], SPAN) is None


@given(st.lists(st.lists(st.floats(0, 50), max_size=6), min_size=1, max_size=4))
def test_with_others_is_what_it_says(lists):
    given_ = [np.sort(np.array(one)) for one in lists]
    for at, flags in enumerate(with_others(given_)):
        for t, flag in zip(given_[at], flags, strict=True):
            others = [u for i, one in enumerate(given_) if i != at for u in one.tolist()]
            assert bool(flag) == any(t - 1.0 <= u <= t + 1.0 for u in others)


@pytest.mark.parametrize("period", [2.0, 4.0, 9.7, 30.0])
def test_a_beat_is_found_with_a_tenth_missing_and_jitter(period):
    random = np.random.default_rng(3)
    times = 17 + period * np.arange(40) + random.normal(0, 0.02 * period, 40)
    found = beat(times[random.uniform(size=40) > 0.1])
    assert found is not None
    assert found.period_s == pytest.approx(period, rel=0.01)
    assert found.p < 1e-6


@pytest.mark.parametrize("seed", range(50))
def test_random_faults_and_bursts_have_no_beat(seed):
    random = np.random.default_rng(seed)
    assert beat(random.uniform(*SPAN, 30)) is None
    bursts = [start + np.sort(random.exponential(2, 8)) for start in random.uniform(*SPAN, 3)]
    assert beat(np.concatenate(bursts)) is None


def test_few_faults_have_no_beat():
    assert beat(4.0 * np.arange(5)) is None
    assert beat(np.full(50, 7.0)) is None
    assert beat(np.zeros(0)) is None
