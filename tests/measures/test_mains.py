import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import noise, quantised, track

from aqa.measures.mains import HARMONICS, HUM, QUARTERS, amplitudes, hum


@given(seed=st.integers(0, 99), count=st.integers(0, 5), length=st.integers(1, 40), columns=st.integers(1, 24))
@settings(max_examples=40, deadline=None)
def test_amplitudes_are_sums_of_products(seed, count, length, columns):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=200).astype(np.float32)
    table = rng.normal(size=(length, columns)).astype(np.float32)
    starts = rng.integers(0, 200 - length, count)
    out = np.full((count, columns), 7, np.float32)
    amplitudes(x, starts, table, out)
    for k, start in enumerate(starts.tolist()):
        for j in range(columns):
            expected = sum(float(x[start + i]) * float(table[i, j]) for i in range(length))
            assert out[k, j] == pytest.approx(expected, abs=1e-4)


def row(values):
    return dict(zip(HUM, hum(values, len(values)), strict=True))


def of(lines, around, seed=0):
    """Amplitudes of half a minute: what `lines` (column -> turns a quarter) have, in noise of RMS `around`."""
    rng = np.random.default_rng(seed)
    shape = QUARTERS, 2 * HARMONICS - 1
    values = around * (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2)
    for column, turns in lines.items():
        values[:, column] += np.exp(2j * np.pi * turns * np.arange(QUARTERS))
    return values


def test_a_line_stands_out_by_its_power_over_noise():
    found = row(of({0: 0.0, 1: 0.0}, around=2.0))
    expected = 10 * np.log10(QUARTERS / 4)  # as many amplitudes in phase, each a quarter of the noise
    assert found["prominence_1_db_50"] == pytest.approx(expected, abs=3)
    assert found["prominence_3_db_50"] < 9
    assert found["level_dbfs_50"] == pytest.approx(3, abs=2) and found["base_hz_50"] == pytest.approx(50, abs=0.01)


def test_multiples_are_of_one_base():
    one = row(of({0: 0.02, 1: 0.04}, around=1.0))  # 0.08 and 0.16 Hz over
    assert one["base_hz_50"] == pytest.approx(50.08, abs=0.01)
    assert min(one["prominence_1_db_50"], one["prominence_2_db_50"]) > 15
    other = row(of({0: 0.02, 1: -0.04}, around=1.0))
    assert min(other["prominence_1_db_50"], other["prominence_2_db_50"]) < 8


def test_what_turns_at_random_is_no_line():
    rng = np.random.default_rng(0)
    values = np.exp(2j * np.pi * rng.random((QUARTERS, 2 * HARMONICS - 1)))
    found = row(values)
    assert max(found[f"prominence_{n}_db_{mains}"] for n in range(1, 7) for mains in (50, 60)) < 12


def test_pauses_count_and_speech_does_not():
    values = of({0: 0.0, 1: 0.0}, around=0.1)
    loud = values.copy()
    rng = np.random.default_rng(1)
    for at in range(0, QUARTERS, 12):
        loud[at : at + 6] += 30 * np.exp(2j * np.pi * rng.random((6, 1)))
    found = row(loud)
    assert min(found["prominence_1_db_50"], found["prominence_2_db_50"]) > 10


@pytest.mark.parametrize("rate", [8000, 11_025, 44_100, 48_000, 96_000])
def test_faint_lines_at_any_rate(rate):
    x, times = noise(62, rate, -30 - (rate < 20_000) * 10), np.arange(62 * rate) / rate
    for n in (1, 2, 6):
        x = x + 10**-3.2 * np.sqrt(2) * np.sin(2 * np.pi * n * 50.02 * times)
    found = dict(zip(HUM, track(quantised(x), rate).series["hum"].values.T, strict=True))
    assert found["base_hz_50"][:2] == pytest.approx(50.02, abs=0.01)
    assert np.isnan(found["base_hz_50"][2])  # two seconds of the third are not enough
    assert (found["prominence_1_db_50"][:2] > 12).all() and (found["prominence_3_db_50"][:2] < 9).all()
    # noise that adds to a line takes weight from it: fainter than the noise around, it reads up to 3 dB less
    assert found["level_dbfs_50"][:2] == pytest.approx(-64 + 4.8, abs=2)
