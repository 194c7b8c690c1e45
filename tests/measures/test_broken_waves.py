import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import Sound, noise, track

from aqa.measures import discontinuity_kernels as kernels
from aqa.measures.discontinuity import COLUMNS, SIDE, Discontinuity
from aqa.measures.track import measure

WEIGHTS = [math.comb(6, k) * (-1) ** k for k in range(7)]


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
def test_the_screen_is_its_naive_twin(seed, size, blocks):
    x = np.random.default_rng(seed).integers(-3000, 3000, size * blocks + 6).astype(np.float32)
    out, peaks = np.empty(size * blocks, np.float32), np.empty(blocks, np.float32)
    kernels.sixth_difference(x, out)
    kernels.block_peaks(out, size, peaks)
    naive = [abs(sum(w * float(x[i + k]) for k, w in enumerate(WEIGHTS))) for i in range(size * blocks)]
    np.testing.assert_allclose(out, naive, rtol=1e-5, atol=0.1)
    np.testing.assert_array_equal(peaks, out.reshape(blocks, size).max(axis=1))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=9, max_size=60), st.integers(2, 4))
def test_what_stands_out_is_its_naive_twin(values, side):
    peak = np.array(values, np.float32) ** 2
    places, ratios = np.empty(len(peak), np.int64), np.empty((len(peak), 2))
    count = kernels.stand_out(peak, side, 0.5, 2.0, 1.5, places, ratios)
    naive = naive_stand_out(peak, side, 0.5, 2.0, 1.5)
    assert places[:count].tolist() == [k for k, _, _ in naive]
    np.testing.assert_allclose(ratios[:count], [r[1:] for r in naive] or np.empty((0, 2)), rtol=1e-9)


def naive_predictor(x, at, window, order):
    """The predictor by solving the normal equations, not by a recursion."""
    y = x[at - len(window) // 2 :][: len(window)].astype(np.float64) * window
    r = np.array([float(np.sum(y[: len(y) - k] * y[k:])) for k in range(order + 1)])
    matrix = r[np.abs(np.subtract.outer(np.arange(order), np.arange(order)))]
    matrix[np.diag_indices(order)] = r[0] * (1 + 1e-9) + 1e-12
    return np.concatenate([[1.0], -np.linalg.solve(matrix, r[1:])])


def naive_error(x, c, of):
    """The prediction error around c, a predictor every half window."""
    hop, parts = len(of.window) // 2, []
    start = c - hop // 2 - 3 * hop
    for k in range(-3, 4):
        a = naive_predictor(x, c + k * hop, of.window, of.order)
        lo = start + (k + 3) * hop
        parts.append(np.convolve(x[lo - of.order : lo + hop].astype(np.float64), a, "valid"))
    return start, np.concatenate(parts)


def naive_features(x, c, of):
    start, e = naive_error(x, c, of)
    ms, middle = of.ms, c - start
    p = middle - 2 * ms + int(np.argmax(np.abs(e[middle - 2 * ms : middle + ms + 1])))
    q, around = start + p, min(24, 2 * ms)
    blocks = sorted(
        float(np.abs(e[lo : lo + ms]).max()) for j in range(1, SIDE + 1) for lo in (p + ms * j, p - ms * (j + 1))
    )
    power = lambda v, lo, hi: float(np.sum(v[lo:hi].astype(np.float64) ** 2))  # noqa: E731
    sides = [
        math.sqrt((power(e, p + n, p + f) + 1e-12) / (power(e, p - f + 1, p - n + 1) + 1e-12))
        for n, f in ((max(1, ms * 6 // 10), 3 * ms), (ms, 15 * ms))
    ]
    after, before = power(x, q + ms, q + 15 * ms), power(x, q - 15 * ms + 1, q - ms + 1)
    a = naive_predictor(x, c, of.window, of.order)
    tail = e[p : p + of.order + 1]
    return q, {
        "ratio": abs(e[p]) / (blocks[len(blocks) * 93 // 100] + of.lsb),
        "isolation": abs(e[p]) / (blocks[-1] + of.lsb),
        "sharpness": power(e, p - 4, p + 5) / power(e, p - around, p + around + 1),
        "after_before": sides[0],
        "after_before_wide": sides[1],
        "level_change_db": 10 * math.log10((after + 1e-12) / (before + 1e-12)),
        "peak_dbfs": 20 * math.log10(abs(e[p])),
        "around_dbfs": 10 * math.log10((after + before) / (28 * ms)),
        "impulse_share": float(tail @ a) ** 2 / float(a @ a) / float(tail @ tail),
        "top": float(np.abs(x[q - 10 * ms : q + 10 * ms]).max()),
    }


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_the_features_are_their_naive_twin(rate):
    x, of = shaped(1.0, rate), Discontinuity(rate, 2.0**-15)
    c = rate // 2
    x[c] += 0.3
    out = np.empty(len(COLUMNS))
    place = kernels.features(x, c, of.ms, of.order, of.lsb, of.window, of.scratch, out)
    expected_place, expected = naive_features(x, c, of)
    assert place == expected_place and abs(place - c) <= 2
    got = dict(zip(COLUMNS, out.tolist(), strict=True))
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-4), name
    assert 1 <= got["width_samples"] <= 5


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
