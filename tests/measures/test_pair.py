import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import Sound, noise, quantised

from aqa.measures.pair import same
from aqa.measures.track import measure

RATE = 8_000


@given(st.lists(st.integers(0, 20_000), max_size=5), st.integers(1, 30_000))
@settings(max_examples=20, deadline=None)
def test_the_sums_are_their_naive_twins_wherever_blocks_are_cut(cuts, hole):
    x = np.stack([noise(2.6, RATE, seed=1), noise(2.6, RATE, -40, seed=2)])
    sound = [Sound(x, RATE, cut, holes=[(12_000, hole)]) for cut in ([], [c for c in cuts if c < x.shape[1]])]
    whole, cut = (measure(one)[0].series["pair"].values for one in sound)
    np.testing.assert_array_equal(whole, cut)
    at = np.concatenate([np.arange(12_000), np.arange(12_000, x.shape[1]) + hole])
    for second in range(len(whole)):
        one, two = x[:, at // RATE == second].astype(float)
        if len(one):
            expected = [np.mean(one * one), np.mean(two * two), np.mean(one * two)]
            np.testing.assert_allclose(whole[second], expected, rtol=1e-5)
        else:
            assert np.isnan(whole[second]).all()


def test_each_side_has_its_own_first():
    one, two = measure(Sound(np.stack([noise(2, RATE), 0.5 * noise(2, RATE)]), RATE))
    np.testing.assert_array_equal(one.series["pair"].values[:, [1, 0, 2]], two.series["pair"].values)
    assert one.series["pair"].values[0, 0] == pytest.approx(4 * two.series["pair"].values[0, 0], rel=1e-3)


def test_a_channel_alone_has_none_and_of_three_only_two():
    assert "pair" not in measure(Sound(quantised(np.zeros(9)), RATE))[0].series
    three = measure(Sound(np.zeros((3, RATE)), RATE))
    assert ["pair" in track.series for track in three] == [True, True, False]


@pytest.mark.parametrize(
    ("other", "expected"),
    [(1.0, True), (1.001, True), (1.02, False), (-1.0, False), (0.0, False)],
)
def test_false_stereo_is_the_same_sound_twice(other, expected):
    """0.1 % of gain leaves a difference 66 dB down, 2 % one of 40 dB."""
    x = noise(3, RATE)
    sides = measure(Sound(np.stack([x, np.float32(other) * x]), RATE))
    assert [same(track.series["pair"]) for track in sides] == [expected, expected]


def test_a_second_of_true_stereo_tells_and_silence_tells_nothing():
    one, two = noise(3, RATE), noise(3, RATE)
    two[RATE : 2 * RATE] = noise(1, RATE, seed=3)
    assert same(measure(Sound(np.stack([one, two]), RATE))[0].series["pair"]) is False
    assert same(measure(Sound(np.zeros((2, RATE)), RATE))[0].series["pair"]) is None
