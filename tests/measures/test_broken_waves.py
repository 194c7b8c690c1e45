import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import Sound, noise, track

from aqa.measures import discontinuity_kernels as kernels
from aqa.measures.discontinuity import COLUMNS, SIDE, Discontinuity
from aqa.measures.track import measure


def shaped(seconds=2.0, rate=48_000, seed=0, level_db=-26.0):
    """Noise with most of its sound below a sixth of the rate, as voices have it."""
    x = noise(seconds, rate, 0.0, seed).astype(np.float64)
    for _ in range(3):
        x = np.convolve(x, [0.25, 0.5, 0.25], "same")
    x *= 10 ** (level_db / 20) / np.sqrt(np.mean(x * x))
    return (np.round(x * 32768) / 32768).astype(np.float32)


def naive_stand_out(peak, side, floor, least, isolation):
    found, peak = [], [float(p) for p in peak]
    for k in range(side, len(peak) - side):
        others = [peak[j] for j in range(k - side, k + side + 1) if abs(j - k) > 1]
        mean, largest = sum(others) / len(others) + floor, max([floor, *others])
        if peak[k] > least * mean and peak[k - 1] < peak[k] >= peak[k + 1] and peak[k] > isolation * largest:
            found.append((k, peak[k] / mean, peak[k] / largest))
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), st.integers(4, 50), st.integers(1, 40))
def test_the_peaks_are_their_naive_twin(seed, size, blocks):
    x = np.random.default_rng(seed).normal(0, 10.0 ** (seed % 7 - 3), size * blocks).astype(np.float32)
    peaks = np.empty(blocks, np.float32)
    kernels.block_peaks(x.view(np.int32), size, peaks.view(np.int32))
    np.testing.assert_array_equal(peaks, np.abs(x).reshape(blocks, size).max(axis=1))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=9, max_size=60), st.integers(2, 4))
def test_what_stands_out_is_its_naive_twin(values, side):
    peak = np.array(values, np.float32) ** 2
    found = np.zeros(len(peak), np.bool_)
    count = kernels.stand_out(peak, side, 0.5, 2.0, 1.5, found)
    assert np.flatnonzero(found).tolist() == [k for k, _, _ in naive_stand_out(peak, side, 0.5, 2.0, 1.5)]
    assert count == found.sum()


def power(v, lo, hi):
    return float(np.sum(v[lo:hi].astype(np.float64) ** 2)) + 1e-20


def db(one, other):
    return 10 * math.log10(one / other)


def naive_peak(v, at, ms, lsb):
    """Where the largest of three blocks is, and how it stands out of the blocks around."""
    p = at * ms - ms + int(np.argmax(np.abs(v[at * ms - ms : at * ms + 2 * ms])))
    peaks = {j: float(np.abs(v[(at + j) * ms : (at + j + 1) * ms]).max()) for j in range(-SIDE, SIDE + 1)}
    others = {j: one for j, one in peaks.items() if abs(j) > 1}
    order, value = sorted(others.values()), abs(float(v[p]))
    over = lambda keep: db(value**2, max([lsb, *(one for j, one in others.items() if keep(j))]) ** 2)  # noqa: E731
    return p, {
        "over_high": db(value**2, (order[len(order) * 93 // 100] + lsb) ** 2),
        "over_median": db(value**2, (order[len(order) // 2] + lsb) ** 2),
        "over_near": over(lambda j: 3 * abs(j) <= SIDE), "isolation": over(lambda j: True),
        "over_before": over(lambda j: j < 0), "over_after": over(lambda j: j > 0),
    }  # fmt: skip


def naive_features(x, begin, error, match, powers, at, of):
    ms, hop = of.ms, of.white.hop
    p, one = naive_peak(error, at, ms, of.lsb)
    m, two = naive_peak(match, at, ms, of.lsb)
    out = {f"error_{name}_db": value for name, value in one.items()}
    out |= {f"match_{name}_db": value for name, value in two.items()}
    q, around, best = begin + p, min(24, 2 * ms), abs(float(match[m]))
    sides = lambda v, c, near, far: (power(v, c + near, c + far), power(v, c - far + 1, c - near + 1))  # noqa: E731
    beside = sum(sides(x, q, ms, 15 * ms)) / (28 * ms)
    left, right = p, p
    while abs(error[left - 1]) > abs(error[p]) / 4 and p - left < 40:
        left -= 1
    while abs(error[right + 1]) > abs(error[p]) / 4 and right - p < 40:
        right += 1
    return (m if best >= abs(error[p]) else p), out | {
        "sharpness": power(error, p - 4, p + 5) / power(error, p - around, p + around + 1),
        "match_sharpness": power(match, m - 4, m + 5) / power(match, m - around, m + around + 1),
        "impulse_share": best**2 / power(error, m, m + of.white.lags),
        "width_samples": right - left + 1,
        "after_before_db": db(*sides(error, p, max(1, ms * 6 // 10), 3 * ms)),
        "after_before_wide_db": db(*sides(error, p, ms, 15 * ms)),
        "level_change_db": db(*sides(x, q, ms, 15 * ms)),
        "whiteness_db": db(sum(sides(error, p, ms, 15 * ms)), beside * 28 * ms),
        "level_change_wide_db": db(*sides(x, q, ms, 40 * ms)),
        "burst_db": db(power(error, p - around, p + around + 1) / (2 * around + 1),
                       sum(sides(error, p, ms, 15 * ms)) / (28 * ms)),
        "size_db": db(best**2 / powers[m // hop], beside),
        "predictor_db": db(powers[m // hop], 1),
        "peak_dbfs": 20 * math.log10(max(best, abs(error[p]))),
        "around_dbfs": db(beside, 1),
        "top": float(np.abs(x[q - 10 * ms : q + 10 * ms]).max()),
    }  # fmt: skip


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 99), more=st.integers(0, 400), size=st.sampled_from([0.05, 0.3]))
def test_the_features_are_their_naive_twin(rate, seed, more, size):
    x, of = shaped(1.0, rate, seed), Discontinuity(rate, 2.0**-15)
    c = rate // 2 + more
    x[c] += size
    begin, per = rate // 4, of.white.hop // of.ms
    error, match, powers = (one.copy() for one in of.white.of(x, begin, 50))
    at = (c - begin) // of.ms
    peaks = [of._peaks(one, 50 * per) for one in (error, match)]
    found, rows = np.array([at]), np.empty((1, len(COLUMNS)))
    sizes = (of.ms, SIDE, of.white.lags, of.white.hop)
    kernels.features(x, begin, error, match, powers, *peaks, found, sizes, of.lsb, of.scratch, rows)
    place, expected = naive_features(x, begin, error, match, powers, at, of)
    assert int(found[0]) == place and abs(begin + place - c) <= 2
    assert list(expected) == list(COLUMNS)
    np.testing.assert_allclose(rows[0], list(expected.values()), rtol=1e-4, atol=1e-3)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 16_000), max_size=4), st.integers(100, 4_000), st.integers(0, 15_000))
def test_chunks_and_missing_media_change_nothing(cuts, chunk, hole):
    x = shaped(1.0, 16_000)
    for at in (3_000, 9_000, 12_345):
        x[at] += 0.4
    whole, cut = (
        measure(Sound(x, 16_000, c, holes=[(hole, 500)]), chunk=size)[0].candidates["discontinuity"]
        for c, size in (((), 1 << 16), (cuts, chunk))
    )
    np.testing.assert_array_equal(whole.start_sample, cut.start_sample)
    np.testing.assert_array_equal(whole.features, cut.features)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000, 192_000])
def test_a_click_is_a_candidate_at_any_rate(rate):
    x = shaped(1.0, rate)
    x[rate // 2] += 0.4
    starts = track(x, rate).candidates["discontinuity"].start_sample
    assert any(abs(starts - rate // 2) <= 2)


def test_the_ends_of_media_and_almost_nothing_are_none():
    x = shaped(0.5)
    assert not len(track(x, 48_000, holes=[(12_000, 4_800)]).candidates["discontinuity"].start_sample)
    for samples in (0, 1, 50, 3_000):
        assert not len(track(x[:samples], 48_000).candidates["discontinuity"].start_sample)
