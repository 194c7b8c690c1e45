"""Repetition at the full rate: compiled against naive, and a copied period against a voice."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aqa.measures.concealment_fine import BANDS, EXACT, SLOPE, TRIES, fine, split, taps
from aqa.measures.concealment_fine import SIDE as FIR_SIDE
from aqa.measures.concealment_kernels import ALIKE, BAND, COLUMNS, FINE_LAG, HISTORY
from aqa.measures.concealment_peaks import CANDIDATES, peaks
from aqa.measures.concealment_rows import Features


def noise(count, seed=0, level=0.1):
    return (np.random.default_rng(seed).standard_normal(count) * level).astype(np.float32)


def rows_of(x):
    features = Features(48_000)
    edge = features.before
    return features.take(np.pad(x, edge).astype(np.float32), edge, edge + len(x), -edge).values


@pytest.mark.parametrize("rate", [48_000, 44_100, 16_000, 8000])
def test_bands_are_what_the_filters_say(rate):
    x, weights = noise(500, 7), taps(rate)
    bands = split(x, weights)
    assert bands[0] == pytest.approx(x[FIR_SIDE:-FIR_SIDE] - SLOPE * x[FIR_SIDE - 1 : -FIR_SIDE - 1], abs=1e-6)
    for band, weight in zip(bands[1:], weights, strict=True):
        assert band == pytest.approx(np.convolve(x.astype(np.float64), weight[::-1], "valid"), abs=1e-6)
    power = (bands**2).mean(axis=1)
    assert (power[1] > 0) == (rate > 11_000) and (power[2] > 0) == (rate > 23_000)
    assert abs(weights.sum(axis=1)).max() < 1e-6  # nothing of what stands still


def test_a_band_takes_its_own_frequencies():
    time, weights = np.arange(4800) / 48_000, taps(48_000)
    levels = {hertz: (split(np.sin(2 * np.pi * hertz * time), weights)[1:] ** 2).mean(axis=1) for hertz in
              (500, 5500, 11_000)}  # fmt: skip
    assert levels[5500][0] == pytest.approx(0.5, rel=0.05) and levels[11_000][1] == pytest.approx(0.5, rel=0.05)
    assert levels[500].max() < 0.005 and levels[5500][1] < 0.05 and levels[11_000][0] < 0.05


def naive_fine(bands, start, end, lags, whole):
    """The finest lag of the middle band, and how well each band repeats at it, by the formulas."""
    y = bands.astype(np.float64)
    tried = [max(0, (start if lag * whole + TRIES // 2 > start else lag * whole + TRIES // 2) - m)
             for lag in lags if lag for m in range(TRIES)]  # fmt: skip

    def alike(band, lag):
        one, two = band[start:end], band[start - lag : end - lag]
        product = float(one @ two)
        return product**2 / float((one @ one) * (two @ two)) if product > 0 else 0.0

    best = max(tried, key=lambda lag: alike(y[1], lag))
    if alike(y[1], best) == 0.0:
        return 0, [0.0] * BANDS  # the middle nowhere repeats
    return best, [-10 * math.log10(1 - alike(band, best) + EXACT) for band in y]


@given(
    seed=st.integers(0, 60),
    whole=st.sampled_from([1, 2, 4]),
    lags=st.lists(st.integers(10, 40), min_size=1, max_size=4),
)
@settings(max_examples=40, deadline=None)
def test_the_fine_columns_are_what_the_formulas_say(seed, whole, lags):
    bands = noise(BANDS * 900, seed).reshape(BANDS, 900)
    bands[:, 400:800] += bands[:, 400 - 37 * whole : 800 - 37 * whole]
    edges, held = np.array([500, 620, 740]), np.zeros((1, CANDIDATES), np.int64)
    held[0, : len(lags)] = lags
    rows, state = np.zeros((1 + HISTORY, len(COLUMNS)), np.float32), np.zeros(4)
    fine(bands, edges, held, whole=whole, rate=48_000, state=state, rows=rows)
    lag, alike = naive_fine(bands, 500, 740, lags, whole)
    row = rows[HISTORY]
    assert row[ALIKE : ALIKE + BANDS] == pytest.approx(alike, abs=0.02)
    if alike[1] > 0.1:
        assert row[FINE_LAG] == pytest.approx(lag / 48)
    power = [10 * math.log10(np.mean(band[620:740].astype(np.float64) ** 2)) for band in bands[1:]]
    assert row[BAND : BAND + 2] == pytest.approx(power, abs=0.01)


@given(seed=st.integers(0, 200), count=st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_peaks_are_the_best_four_of_what_rises_and_falls(seed, count):
    acc = np.random.default_rng(seed).standard_normal(count).astype(np.float32)
    prefix, lags = np.arange(200.0), np.zeros(CANDIDATES, np.int64)  # every window has the same energy
    peaks(acc, prefix, 100, 120, 80, count, lags)
    share = np.concatenate(([0.0], np.where(acc > 0, acc.astype(np.float64) ** 2, 0), [0.0]))
    tops = [i for i in range(1, count + 1) if share[i] > share[i - 1] and share[i] >= share[i + 1]]
    best = sorted(tops, key=lambda i: -share[i])[:CANDIDATES]
    assert lags.tolist() == [80 - (i - 1) for i in best] + [0] * (CANDIDATES - len(best))


def test_a_copied_period_repeats_in_every_band_and_a_voice_only_below():
    """What CELT does against one vowel's: 96 Hz pulses through the same filter, with a new breath in each period."""
    random, period, count = np.random.default_rng(1), 500, 48_000
    pulses = np.zeros(count)
    pulses[::period] = 1
    low = np.convolve(pulses, np.hanning(90), "same")
    breath = random.standard_normal(count) * 0.02
    voice = (low + breath).astype(np.float32) * np.float32(0.2)
    made_up = voice.copy()
    made_up[24_000:25_080] = np.resize(made_up[24_000 - period : 24_000], 1080)
    rows, copied = rows_of(voice), rows_of(made_up)
    assert rows[20:-2, ALIKE + 1].max() < 5
    assert copied[102:104, ALIKE : ALIKE + 2].min() > 25 and copied[102:104, FINE_LAG] == pytest.approx(500 / 48)
    assert copied[80:99] == pytest.approx(rows[80:99]) and copied[115:, ALIKE + 1].max() < 5
