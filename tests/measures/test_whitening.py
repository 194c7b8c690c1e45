import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_toeplitz
from sound import noise

from aqa.measures import whitening_kernels as kernels
from aqa.measures.whitening import Whitening


def voiced(seed, length, rate=16_000):
    """Pulses through two resonances, with a little noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.03, length)
    x[:: int(rng.integers(60, 200))] += 1.0
    for hertz in rng.uniform(200, 3000, 2):
        r, w = 0.9, 2 * np.pi * hertz / rate
        y = np.zeros(length)
        for n in range(2, length):
            y[n] = x[n] + 2 * r * np.cos(w) * y[n - 1] - r * r * y[n - 2]
        x = y
    return (0.3 * x / np.abs(x).max() + rng.normal(0, 0.001, length)).astype(np.float32)


def naive(x, at, hops, of):
    """Error and match by solving the normal equations and by convolution, in float64."""
    y = np.concatenate([[0.0], x[1:].astype(np.float64) - kernels.EMPHASIS * x[:-1]])
    error, match, powers = [], [], []
    for h in range(hops):
        start, size = at + h * of.hop, len(of.window)
        z = y[start + of.hop // 2 - size // 2 :][:size] * of.window
        r = np.array([float(z[: size - k] @ z[k:]) for k in range(of.lags)])
        a = np.zeros(of.lags)
        a[0] = 1.0
        if r[0] > kernels.SILENT * size:
            a[1:] = -solve_toeplitz(np.concatenate([[r[0] * (1 + kernels.NOISE)], r[1:-1]]), r[1:])
        e = np.convolve(y[start - of.lags + 1 : start + of.hop + of.lags], a, "valid")
        error.append(e[: of.hop])
        match.append(np.correlate(e, a, "valid")[: of.hop] / np.sqrt(a @ a))
        powers.append(a @ a)
    return np.concatenate(error), np.concatenate(match), np.array(powers)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 48_000])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 99), hops=st.integers(1, 5))
def test_error_and_match_are_their_naive_twins(rate, seed, hops):
    of = Whitening(rate)
    x = voiced(seed, hops * of.hop + 2 * of.reach + 10)
    got, expected = of.of(x, of.reach + 3, hops), naive(x, of.reach + 3, hops, of)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=2e-3 * np.abs(other).max())


def test_hops_do_not_know_of_each_other():
    of, x = Whitening(48_000), noise(1.0, 48_000)
    whole = [one.copy() for one in of.of(x, 9_600, 20)]
    for first, count in ((0, 1), (3, 4), (7, 13)):
        part = of.of(x, 9_600 + first * of.hop, count)
        for one, other, size in zip(part, whole, (of.hop, of.hop, 1), strict=True):
            np.testing.assert_array_equal(one, other[first * size : (first + count) * size])


def test_silence_stays_silence_and_white_noise_stays_itself():
    of = Whitening(16_000)
    error, match, powers = of.of(np.zeros(4_000, np.float32), 1_000, 5)
    assert not error.any() and not match.any() and (powers == 1).all()
    x = noise(1.0, 16_000)
    error, match, _ = of.of(x, 3_200, 40)
    for one in (error, match):
        assert 0.85 < np.std(one) / np.std(x) < 1.1


def test_a_wrong_sample_stands_out_best_in_the_match():
    of, x = Whitening(16_000), voiced(7, 8_000)
    x = x + noise(0.5, 16_000, -70)
    at = 4_040
    before = [np.abs(one).max() for one in of.of(x, at - 40, 1)[:2]]
    x[at] += 0.05
    error, match, powers = of.of(x, at - 40, 1)
    assert abs(int(np.argmax(np.abs(match))) - 40) <= 1
    assert np.abs(match).max() / before[1] > np.abs(error).max() / before[0] > 1
    assert powers[0] > 1.5
