import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import Sound, noise, track

from aqa.measures.repetition import LEAST_LENGTH_S, Repetition
from aqa.measures.track import measure


def repeated(x, start, lag, length):
    """The `lag` samples before `start`, played again for `length` samples."""
    y = x.copy()
    y[start : start + length] = np.resize(x[start - lag : start], length)
    return y


def naive(x, rate):
    """Every maximal stretch that equals the sound one lag before, for any lag."""
    of, found = Repetition(rate, 2.0**-15), []
    for lag in range(of.least, min(of.most, len(x) - 1) + 1):
        same = np.concatenate([[False], x[lag:] == x[:-lag], [False]])
        edges = np.flatnonzero(np.diff(same.astype(int)))
        for start, end in edges.reshape(-1, 2) + lag:
            if end - start >= min(max(64, round(rate * LEAST_LENGTH_S)), -(-9 * lag // 10)):
                found.append((int(start), int(end), lag))
    return sorted(found)


def rows(of):
    lags = of.features[:, of.columns.index("lag_samples")].astype(int)
    return sorted(zip(of.start_sample.tolist(), of.end_sample.tolist(), lags.tolist(), strict=True))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 99),
    st.lists(st.tuples(st.integers(64, 400), st.integers(1, 3), st.integers(0, 200)), min_size=1, max_size=3),
)
def test_repeats_of_any_lag_are_those_of_the_naive_twin(seed, frames):
    x, at = noise(1.0, 8_000, -20, seed), 700
    for lag, times, apart in frames:
        x = repeated(x, at, lag, lag * times)
        at += lag * times + 1700 + apart  # beyond the longest lag: what was repeated is not repeated again
    assert rows(track(x, 8_000).candidates["repetition"]) == [
        one for one in naive(x, 8_000) if not multiple(one, naive(x, 8_000))
    ]


def multiple(one, found):
    """A frame heard n times is also a repeat at twice its lag; the shortest lag says it all."""
    return any(one[2] > other[2] and other[0] <= one[0] and one[1] <= other[1] for other in found)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("ms", [10, 20, 60, 128, 200])
def test_usual_frames_at_usual_rates(rate, ms):
    lag = rate * ms // 1000
    x = repeated(noise(1.0, rate), rate // 2, lag, lag)
    assert rows(track(x, rate).candidates["repetition"]) == [(rate // 2, rate // 2 + lag, lag)]


def test_floats_that_are_equal_are_repeats_too():
    x = np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32)
    found = track(repeated(x, 20_000, 1024, 1024), 48_000, lsb=2.0**-24).candidates["repetition"]
    assert rows(found) == [(20_000, 21_024, 1024)]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 16_000), max_size=4), st.integers(100, 4_000), st.integers(0, 16_000))
def test_chunks_and_missing_media_change_nothing(cuts, chunk, hole):
    x = repeated(repeated(noise(1.0), 4_000, 320, 3_200), 12_000, 1_000, 1_000)
    whole, cut = (
        measure(Sound(x, 16_000, c, holes=[(hole, 500)]), chunk=size)[0].candidates["repetition"]
        for c, size in (((), 1 << 16), (cuts, chunk))
    )
    assert rows(whole) == rows(cut)
    np.testing.assert_array_equal(whole.features, cut.features)


def test_a_repeat_that_missing_media_cuts_ends_there():
    x = repeated(noise(1.0), 8_000, 320, 3_200)
    assert rows(track(x, holes=[(9_000, 500)]).candidates["repetition"])[0] == (8_000, 9_000, 320)


@pytest.mark.parametrize("x", [np.zeros(8_000), np.full(8_000, 0.25), noise(1.0), noise(1.0)[:50], np.zeros(0)])
def test_silence_held_values_and_noise_are_none(x):
    assert not len(track(x).candidates["repetition"].start_sample)


def test_what_is_measured_of_a_repeat():
    x = noise(1.0)
    x[: 8_000 - 320] *= 0.1
    of = track(repeated(x, 8_000, 320, 320)).candidates["repetition"]
    values = dict(zip(of.columns, of.features[0].tolist(), strict=True))
    assert values["level_dbfs"] == pytest.approx(-26, abs=1) and values["before_dbfs"] == pytest.approx(-46, abs=1)
    assert values["changing_share"] > 0.95
    assert values["own_period"] < 0.5 and abs(values["same_before"]) < 0.3
