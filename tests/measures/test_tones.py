import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import Sound, noise, quantised, tone, track

from aqa.measures.lowband import Lowband, decimated
from aqa.measures.mains import HUM
from aqa.measures.tones import ECHO, TONES, prominence
from aqa.measures.track import measure


def rows(found, name):
    columns = {"tones": TONES, "hum": HUM, "echo": ECHO}[name]
    return dict(zip(columns, found.series[name].values.T, strict=True))


@given(seed=st.integers(0, 99), factor=st.integers(1, 20), count=st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_decimation_is_a_triangle(seed, factor, count):
    x = np.random.default_rng(seed).normal(size=300).astype(np.float32)
    weights = (factor - np.abs(np.arange(1 - factor, factor))) / factor**2
    expected = [np.dot(x[20 + k * factor - factor + 1 : 20 + k * factor + factor], weights) for k in range(count)]
    assert decimated(x, 20, factor, count) == pytest.approx(expected, abs=1e-6)


@given(seed=st.integers(0, 99), reach=st.integers(4, 30), spare=st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_prominence_is_over_the_mean_around(seed, reach, spare):
    level = np.random.default_rng(seed).normal(size=80).astype(np.float32)
    expected = []
    for i in range(80):
        around = [level[j] for j in range(max(0, i - reach), min(80, i + reach + 1)) if abs(i - j) > spare]
        expected.append(level[i] - np.mean(around, dtype=np.float64))
    assert prominence(level, reach, spare) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 44_100, 48_000, 192_000])
def test_a_tone_is_found_at_any_rate(rate):
    found = rows(track(tone(5, rate, 440.0, 0.1), rate), "tones")
    assert found["hertz"][:3] == pytest.approx(440, abs=0.5)
    assert found["level_dbfs"][:3] == pytest.approx(-23.0, abs=1.5)  # the triangle takes 0.5 dB at 440 Hz
    assert (found["share"][:3] > 0.95).all()
    assert np.isnan(found["hertz"][4:]).all()  # no whole frame


@given(cuts=st.lists(st.integers(0, 34 * 8000), max_size=4), chunk=st.sampled_from([5000, 65_536]))
@settings(max_examples=8, deadline=None)
def test_cuts_and_chunks_change_nothing(cuts, chunk):
    x = noise(34, 8000)
    here, there = measure(Sound(x, 8000, cuts=cuts), chunk)[0], track(x, 8000)
    for name in ("tones", "hum", "echo"):
        assert np.array_equal(here.series[name].values, there.series[name].values, equal_nan=True)


def test_no_frame_reaches_over_missing_media():
    x = tone(8, 8000, 440.0)
    found = rows(measure(Sound(x, 8000, holes=[(4 * 8000, 3 * 8000)]))[0], "tones")
    assert np.isfinite(found["hertz"]).tolist() == [
        True,
        True,
        False,
        False,
        False,
        False,
        False,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("mains", [50, 60])
def test_hum_stands_out(mains):
    x = noise(30, 8000, -50)
    times = np.arange(len(x)) / 8000
    for n in (1, 2, 3):
        x = x + 0.003 * np.sin(2 * np.pi * n * (mains + 0.02) * times)
    found = rows(track(quantised(x), 8000), "hum")
    other = 110 - mains
    assert all(found[f"prominence_{n}_db_{mains}"][0] > 15 for n in (1, 2, 3))
    assert found[f"base_hz_{mains}"][0] == pytest.approx(mains + 0.02, abs=0.02)
    assert found[f"level_dbfs_{mains}"][0] == pytest.approx(-48.7, abs=1)
    assert all(found[f"prominence_{n}_db_{other}"][0] < 8 for n in (1, 2, 3, 4))


def test_echo_has_its_lag_and_height():
    x = noise(20, 16_000)
    late = np.concatenate([np.zeros(3200), x[:-3200]])
    found = rows(track(quantised(x + 0.25 * late)), "echo")
    assert found["lag_ms"] == pytest.approx(200, abs=0.5)
    assert found["height"] == pytest.approx(0.2, abs=0.06)
    alone = rows(track(x), "echo")
    assert (alone["height"] < 6 * alone["noise"]).all()


def test_memory_of_frames_is_bounded():
    low = Lowband(8000)
    x = np.zeros(65_536 + 16, np.float32)
    for k in range(5):
        list(low.frames(*low.decimated(x, 8, 8 + 65_536, k * 65_536 - 8)))
        assert len(low.kept) < 4 * low.length


def test_silence_and_nothing():
    found = track(np.zeros(40 * 8000), 8000)
    assert np.isnan(rows(found, "tones")["hertz"]).all() and np.isnan(rows(found, "echo")["lag_ms"]).all()
    assert track(np.zeros(0), 8000).series["hum"].values.shape == (0, len(HUM))
