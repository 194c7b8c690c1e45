import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import Sound, noise, track

from aqa.measures import dips as module
from aqa.measures import dips_kernels as kernels
from aqa.measures.dips import COLUMNS
from aqa.measures.track import measure


def naive_envelope(x, rate):
    """Mean squares by block of 1 ms and band, by the book."""
    bands = [x.astype(np.float64)]
    for lag in (max(1, round(rate / 8000)), max(1, round(rate / 24_000))):
        padded = np.concatenate([np.zeros(2 * lag), bands[0]])
        bands.append(padded[2 * lag :] - 2 * padded[lag:-lag] + padded[: -2 * lag])
    edges = [k * rate // 1000 for k in range(len(x) * 1000 // rate + 2)]
    return np.array([[np.mean(b[s:e] ** 2) for s, e in pairwise(edges) if e <= len(x)] for b in bands])


def naive_steps(power):
    out = np.ones(len(power))
    for k in range(8, len(power) - 7):
        ratio = (power[k : k + 8].mean() + 1e-11) / (power[k - 8 : k].mean() + 1e-11)
        out[k] = min(10**2.5, max(10**-2.5, ratio))
    return out


def naive_edges(step, rising):
    """Blocks where the level changes by 6 dB and by no more within 3; of equals the outermost seen from the dip."""
    size = step if rising else 1 / step
    found = []
    for k in range(3, len(step) - 3):
        around = size[k - 3 : k + 4]
        later, earlier = around[4:] == size[k], around[:3] == size[k]
        if size[k] >= 4 and size[k] == around.max() and not (later.any() if rising else earlier.any()):
            found.append(k)
    return found


def naive_boxes(env, step):
    power, pairs = env[0].astype(np.float64), []
    falls = naive_edges(step, False)
    for end in naive_edges(step, True):
        tried = 0
        for start in reversed([s for s in falls if max(44, end - 600) <= s <= end - 6]):
            most = max(power[k : k + 3].mean() for k in range(start + 1, end - 3 + 1) if k + 3 <= end)
            inside = power[start + 1 : end - 1].sum() / (end - 2 - start)
            before, after = power[start - 16 : start - 1].mean(), power[end + 1 : end + 16].mean()
            if most * 1.4 > after or tried == 8:
                break
            if before >= most * 1.4 and min(before, after) >= inside * 10**0.7:
                pairs.append((start, end))
                tried += 1
    return sorted(pairs)


def dipped(seed, rate, count=6, seconds=3.0):
    """Noise with dips of some depth and length."""
    random = np.random.default_rng(seed)
    x = random.normal(0, 0.05, round(seconds * rate)).astype(np.float32)
    for at in random.uniform(0.2, seconds - 0.8, count):
        length = random.choice([0.008, 0.02, 0.06, 0.3])
        x[round(at * rate) : round((at + length) * rate)] *= 10 ** (-random.uniform(8, 60) / 20)
    return x


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 50), st.sampled_from([8_000, 11_025, 16_000, 44_100, 48_000]))
def test_the_kernels_are_their_naive_twins(seed, rate):
    x = dipped(seed, rate)
    env = naive_envelope(x, rate)
    step = np.empty(env.shape[1])
    kernels.steps(env[0].astype(np.float32), np.empty_like(step), step)
    np.testing.assert_allclose(step, naive_steps(env[0].astype(np.float32)), rtol=1e-5)
    spans, rises = np.empty((9999, 2), np.int64), np.zeros(env.shape[1], np.int64)
    hi = env.shape[1] - module.COMING_MS
    count = kernels.boxes(env.astype(np.float32), step, 0, hi, spans, rises)
    assert sorted(map(tuple, spans[:count].tolist())) == [p for p in naive_boxes(env, step) if p[1] < hi]
    found = track(x, rate).candidates["dip"]
    assert len(found.start_sample) >= 1
    for start, end, row in zip(found.start_sample, found.end_sample, found.features, strict=True):
        naive_features(env, -(-int(start) * 1000 // rate), -(-int(end) * 1000 // rate), row)


def naive_features(env, start, end, row):
    got = dict(zip(COLUMNS, row.tolist(), strict=True))

    def level(band, first, last):
        return 10 * math.log10(env[band, first:last].mean() + 1e-13)

    wanted = {"length_ms": end - start}
    for band, name in enumerate(("all", "high", "top")):
        wanted |= {
            f"inside_{name}_dbfs": level(band, start + 2, end - 2),
            f"before_{name}_dbfs": level(band, start - 16, start - 1),
            f"far_after_{name}_dbfs": level(band, end + 16, end + 41),
            f"fall_2_ms_{name}_db": level(band, start - 3, start - 1) - level(band, start + 1, start + 3),
            f"rise_4_ms_{name}_db": level(band, end + 1, end + 5) - level(band, end - 5, end - 1),
            f"click_end_{name}_db": max(level(band, k, k + 1) for k in range(end - 1, end + 2))
            - max(level(band, k, k + 1) for k in range(end + 2, end + 13)),
        }
    wanted["least_inside_high_dbfs"] = min(level(1, k, k + 2) for k in range(start + 2, end - 3))
    wanted["most_before_dbfs"] = max(level(0, k, k + 2) for k in range(start - 16, start - 2))
    wanted["last_inside_dbfs"] = level(0, end - 2 - min(8, end - start - 4), end - 2)
    for name, value in wanted.items():
        assert got[name] == pytest.approx(value, abs=0.3), name


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 20), st.lists(st.integers(0, 24_000), max_size=5), st.integers(1, 3000), st.integers(0, 24_000))
def test_cutting_the_input_into_blocks_changes_no_bit(seed, cuts, chunk, hole):
    x = dipped(seed, 8_000)
    whole = measure(Sound(x, 8_000, holes=[(hole, 500)]))[0]
    cut = measure(Sound(x, 8_000, [c for c in cuts if c < len(x)], holes=[(hole, 500)]), chunk=chunk)[0]
    here, there = whole.candidates["dip"], cut.candidates["dip"]
    np.testing.assert_array_equal(here.start_sample, there.start_sample)
    np.testing.assert_array_equal(here.end_sample, there.end_sample)
    np.testing.assert_array_equal(here.features, there.features)
    np.testing.assert_array_equal(whole.series["onsets"].values, cut.series["onsets"].values)
    assert whole.facts == cut.facts


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 192_000])
def test_a_dip_is_found_to_1_ms(rate):
    x = noise(2, rate)
    x[round(0.9 * rate) : round(0.95 * rate)] *= 0.01
    found = track(x, rate).candidates["dip"]
    near = np.abs(found.start_sample / rate - 0.9) + np.abs(found.end_sample / rate - 0.95)
    assert near.min() < 0.002


def test_gain_moves_levels_alone():
    x = dipped(3, 16_000)
    one, two = (track(x * gain, 16_000, lsb=0.0).candidates["dip"] for gain in (1.0, 0.25))
    np.testing.assert_array_equal(one.start_sample, two.start_sample)
    for i, name in enumerate(COLUMNS):
        shift = 12.04 if name.endswith("_dbfs") else 0.0
        np.testing.assert_allclose(one.features[:, i] - two.features[:, i], shift, atol=0.55)


def test_the_floors_are_those_of_the_noise():
    facts = track(noise(4, 48_000, -60.0), 48_000).facts
    assert facts["high_floor_dbfs"] == pytest.approx(
        -60 + 10 * math.log10(6) - 2, abs=1.5
    )  # 1 + 4 + 1: gain for white; 5 %
    assert track(np.zeros(48_000), 48_000).facts["high_floor_dbfs"] is None


def test_nothing_beside_the_ends_of_media():
    x = noise(2)
    x[300:600] *= 0.001
    x[-600:-300] *= 0.001
    assert not len(track(x).candidates["dip"].start_sample)


def test_the_number_is_bounded_and_said(monkeypatch, caplog):
    monkeypatch.setattr(module, "MAXIMUM", 2)
    assert len(track(dipped(1, 8_000, 12, 9.0), 8_000).candidates["dip"].start_sample) == 2
    assert "more than 2 possible dips" in caplog.text


def test_too_low_a_rate_gives_none():
    assert not len(track(noise(2, 1_000), 1_000).candidates["dip"].start_sample)
