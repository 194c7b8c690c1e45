"""Features and model of made-up sound: compiled against naive, and against what is known of repeated sound."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aqa.measures.concealment import RATES, STEP, Concealment, _seen, candidates, share_pct
from aqa.measures.concealment_context import (
    AFTER,
    APART,
    BEFORE,
    BETWEEN,
    CELLS,
    CHANGE,
    RATIO,
    SPECTRUM,
    TURN,
    UNLIKELY,
    VALUE,
    context,
    judge,
)
from aqa.measures.concealment_kernels import (
    COLUMNS,
    DECAY,
    FLUX,
    HIGH,
    LAG,
    LAR,
    LEVEL,
    LOUD,
    ORDER,
    REPEAT,
)
from aqa.measures.concealment_rows import Features, halvings
from aqa.measures.halve import SIDE, halve
from aqa.measures.trees import Trees, load, scores

TAPS = np.array([3, 0, -25, 0, 150, 256, 150, 0, -25, 0, 3]) / 512


def noise(count, seed=0, level=0.1):
    return (np.random.default_rng(seed).standard_normal(count) * level).astype(np.float32)


def rows_of(x, rate=48_000, cuts=()):
    features, out = Features(rate), []
    edge = features.before
    padded = np.pad(x, edge).astype(np.float32)
    for start, end in zip((0, *cuts), (*cuts, len(x)), strict=True):
        part = np.ascontiguousarray(padded[start : end + 2 * edge])
        out.append(features.take(part, edge, edge + end - start, start - edge).values)
    return np.concatenate(out)


@given(first=st.integers(SIDE, 40), count=st.integers(0, 60), seed=st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_halving_is_the_filter_and_every_second_sample(first, count, seed):
    x = noise(200, seed)
    low, high = halve(x, first, count)
    whole = np.convolve(x.astype(np.float64), TAPS, "same")
    assert np.allclose(low, whole[first : first + 2 * count : 2], atol=1e-6)
    assert np.allclose(low + high, x[first : first + 2 * count : 2], atol=1e-6)


def test_halving_asks_for_its_margin():
    with pytest.raises(IndexError, match="need 5 on either side"):
        halve(noise(20), 6, 6)


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_any_rate_gives_200_rows_a_second_that_are_finite(rate):
    rows = rows_of(noise(rate), rate)
    assert rows.shape == (200, len(COLUMNS)) and np.isfinite(rows).all()
    assert 8000 <= rate >> halvings(rate) < 22_050


@given(cuts=st.lists(st.integers(0, 20_000), max_size=4), rate=st.sampled_from([8000, 44_100, 48_000]))
@settings(max_examples=20, deadline=None)
def test_cuts_change_nothing(cuts, rate):
    x = noise(20_000, 1)
    assert np.allclose(rows_of(x, rate, tuple(sorted(cuts))), rows_of(x, rate), atol=1e-4)


def naive_row(y, hop, size, lags):
    """Level, repetition without fractions of a lag, its lag, decay, log area ratios of one hop, by the formulas."""
    z = y[1:] - 0.9 * y[:-1]
    z = np.concatenate(([0.0], z))
    at, end = hop * size, (hop + 1) * size
    window, best = z[at - size : end], (0.0, 0, 0.0)
    for lag in lags:
        past = z[at - size - lag : end - lag]
        product = float(window @ past)
        if product > 0 and product**2 / (past @ past) > best[0]:
            best = (product**2 / (past @ past), lag, float(past @ past))
    alike, lag, energy = best
    r = [float(window @ z[at - size - k : end - k]) for k in range(ORDER + 1)]
    ratios, a, error = [], [], r[0] * 1.001
    for i in range(ORDER):
        k = (r[i + 1] - sum(a[j] * r[i - j] for j in range(i))) / error
        k = min(max(k, -0.995), 0.995)
        a = [a[j] - k * a[i - 1 - j] for j in range(i)] + [k]
        error *= 1 - k * k
        ratios.append(math.log((1 + k) / (1 - k)))
    level = 10 * math.log10(float(np.mean(z[at:end] ** 2)))
    return (
        level,
        -10 * math.log10(1 - alike / (window @ window) + 1e-5),
        lag,
        10 * math.log10(float(window @ window) / energy),
        ratios,
    )


@given(seed=st.integers(0, 50), hop=st.integers(20, 50))
@settings(max_examples=30, deadline=None)
def test_a_row_is_what_the_formulas_say(seed, hop):
    """At 8 kHz, where nothing is halved: 40 samples a hop, lags of 16 to 120."""
    y = np.convolve(noise(3000, seed), [1, 0.8, 0.3, -0.2], "same").astype(np.float32)
    row = rows_of(y, 8000)[hop]
    level, repeat, lag, decay, ratios = naive_row(y.astype(np.float64), hop, 40, range(16, 121))
    assert row[LEVEL] == pytest.approx(level, abs=0.01)
    assert row[LAG] == lag and row[DECAY] == pytest.approx(decay, abs=0.05)
    assert repeat - 0.05 <= row[REPEAT]  # fractions of a lag can only find more
    assert row[LAR : LAR + ORDER] == pytest.approx(ratios, abs=0.02)
    assert row[HIGH] == -100.0


def test_a_pitch_between_samples_of_the_low_rate_repeats_all_the_same():
    """301 samples at 48 kHz are 75.25 at 12 kHz. Sound falls towards high frequencies, as speech does."""
    fall = np.convolve(np.ones(8) / 8, np.ones(8) / 8)
    period, free = noise(301, 3), noise(90_000, 4)
    repeated = rows_of(np.convolve(np.tile(period, 300), fall, "same"))[20:-2]
    fresh = rows_of(np.convolve(free, fall, "same"))[20:-2]
    assert np.median(repeated[:, REPEAT]) > 20
    assert np.median(fresh[:, REPEAT]) < 3
    assert np.median(repeated[:, FLUX]) < np.median(fresh[:, FLUX])


def test_quiet_beside_loud_is_not_looked_at_and_gain_does_not_matter():
    x = np.concatenate((noise(24_000, 1, 0.2), noise(24_000, 2, 0.0005)))
    rows, louder = rows_of(x), rows_of(x * np.float32(4))
    assert not rows[110:, REPEAT].any() and rows[:95, REPEAT].any()
    assert louder[:, REPEAT] == pytest.approx(rows[:, REPEAT], abs=0.01)
    assert louder[5:, LOUD] - louder[5:, LEVEL] == pytest.approx(rows[5:, LOUD] - rows[5:, LEVEL], abs=0.01)


def naive_cell(rows, at, kind, column, offset):
    if kind == BETWEEN:
        return rows[at, column] - rows[at, offset]
    there, here = rows[at + offset, column], rows[at, column]
    if kind == VALUE:
        return there
    if kind == CHANGE:
        return there - here
    if kind == RATIO:
        return abs(math.log2(there / here)) if there > 0 and here > 0 else APART
    if kind == TURN:
        return math.log2(there / here) if there > 0 and here > 0 else 0.0
    assert kind == SPECTRUM
    return float(np.abs(rows[at + offset, LAR : LAR + ORDER] - rows[at, LAR : LAR + ORDER]).sum())


def test_the_row_of_a_hop_is_made_of_those_around_it():
    rows = noise(50 * len(COLUMNS), 1, 20.0).reshape(50, -1)
    expected = [[naive_cell(rows, BEFORE + i, *cell) for cell in CELLS.tolist()] for i in range(50 - BEFORE - AFTER)]
    assert context(rows) == pytest.approx(np.array(expected), rel=1e-4, abs=1e-4)
    assert CELLS[CELLS[:, 0] != BETWEEN, 2].min() >= -BEFORE and CELLS[CELLS[:, 0] != BETWEEN, 2].max() <= AFTER


def stump_pair(features):
    """Two trees: a stump, and a leaf alone."""
    return Trees(
        roots=np.array([0, 3], np.int32), feature=np.array([features - 1, 0, 0, 0], np.int32),
        threshold=np.array([0.5, 0, 0, 0], np.float32), left=np.array([1, 0, 0, 0], np.int32),
        right=np.array([2, 0, 0, 0], np.int32), value=np.array([0, -2, 3, 0.25], np.float32), baseline=1.0,
    )  # fmt: skip


def test_trees_go_left_up_to_the_threshold_and_add_up():
    x = np.array([[9, 0.5], [9, 0.51], [9, -7]], np.float32)
    assert scores(stump_pair(2), x).tolist() == [-0.75, 4.25, -0.75]
    with pytest.raises(ValueError, match="too short for a model of 3 features"):
        scores(stump_pair(3), x)


def test_a_model_comes_back_from_its_file(tmp_path):
    t = stump_pair(2)
    np.savez(tmp_path / "m.npz", **t.__dict__, names=np.array(["a", "b"]))
    again, more = load(tmp_path / "m.npz")
    assert again.baseline == 1.0 and more["names"].tolist() == ["a", "b"]
    assert all(np.array_equal(getattr(again, name), getattr(t, name)) for name in ("roots", "left", "value"))


def test_judging_in_place_is_the_model_of_the_rows():
    rows = noise(300 * len(COLUMNS), 5, 5.0).reshape(300, -1)
    rows[:, LOUD] = rows[:, LEVEL] + 3
    rows[100:120, LOUD] = rows[100:120, LEVEL] + 60  # quiet: not looked at
    model = stump_pair(len(CELLS))
    expected = scores(model, context(rows))
    expected[100 - BEFORE : 120 - BEFORE] = UNLIKELY
    assert judge(rows, model) == pytest.approx(expected)


def test_empty_media_and_holes_are_no_error():
    one = Concealment(48_000, 0.0)
    assert one.found(0).facts["concealed_pct_estimated"] is None
    assert len(one.found(48_000).runs["concealment"].start_sample) == 0
    edge = one.before
    for base in (0, 96_000):  # a second, a hole of a second, a second
        one.take(np.pad(noise(48_000, base), edge).astype(np.float32), edge, edge + 48_000, base - edge)
        one.close(np.zeros(0, np.float32), 0, 0)
    shares = one.found(144_000).series["concealment"].values
    assert shares[:, 1].tolist() == [100, 0, 100] and shares[1, 0] == 0


def kept_of(celt, silk):
    return np.array([np.array(celt) / STEP, np.array(silk) / STEP, np.full(len(celt), 50)]).astype(np.int8)


def test_candidates_are_runs_of_likely_means_by_way():
    """Of four hops of 4 among others of -4 at least, two in a mean of four give 0, one gives -2."""
    celt, silk = np.full(60, -10.0), np.full(60, -10.0)
    celt[20:24], silk[40:52] = 4.0, 2.0
    found = candidates(kept_of(celt, silk), 48_000)
    one, two = found.features
    assert (found.start_sample[0], found.end_sample[0]) == (19 * 240, 24 * 240)
    assert one.tolist() == pytest.approx([0, 4.0, 20, 10], abs=0.6)
    assert two[0] == 1 and two[1] == pytest.approx(2.0) and two[3] == 10
    assert len(found.start_sample) == 2 and found.start_sample[0] < found.start_sample[1]


def test_one_hop_alone_is_no_candidate_of_silk():
    silk = np.full(60, -10.0)
    silk[30] = 30.0
    assert len(candidates(kept_of(np.full(60, -10.0), silk), 48_000).start_sample) == 0


def test_the_share_is_by_the_line_of_its_way_and_stays_within_0_and_100():
    heard = np.array([True] * 40 + [False] * 10)
    (celt, more), (silk, less) = RATES
    assert share_pct(4.0, heard, 0) == pytest.approx(celt * 10 + more)
    assert share_pct(4.0, heard, 1) == pytest.approx(silk * 10 + less)
    assert share_pct(0.0, heard, 1) == 0.0 and share_pct(40.0, heard, 1) == 100.0
    assert share_pct(4.0, heard & False, 0) is None


def test_of_celt_hops_are_seen_and_of_silk_runs():
    odds, heard = np.full(50, -40, np.int8), np.ones(50, np.bool_)
    odds[[5, 6, 7, 20, 40]], heard[40] = 40, False
    made_up = np.full(50, 0.25, np.float32)
    assert _seen(odds, made_up, heard, 0) == 12.5 and _seen(odds, made_up, heard, 1) == 2
