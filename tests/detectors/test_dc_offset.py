import numpy as np
import pytest
from sound import noise, quantised, track

from aqa.detector import registry

RATE = 8_000


def offsets(x, **keywords):
    return registry()["dc_offset"](track(quantised(x), RATE, **keywords))


def test_hit():
    x = noise(30, RATE)
    x[10 * RATE : 20 * RATE] += 0.02
    (found,) = offsets(x)
    assert (found.start_s, found.end_s, found.severity) == (10, 20, "minor")
    assert found.value == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize(("mean", "count"), [(0.0045, 0), (0.0055, 1), (-0.0055, 1), (-0.06, 1)])
def test_edge(mean, count):
    found = offsets(noise(20, RATE) + mean)
    assert len(found) == count
    assert all(f.severity == ("major" if mean < -0.05 else "minor") for f in found)


@pytest.mark.parametrize(("seconds", "count"), [(9, 0), (10, 1)])
def test_edge_of_length(seconds, count):
    x = noise(20, RATE)
    x[5 * RATE : (5 + seconds) * RATE] += 0.02
    assert len(offsets(x)) == count


@pytest.mark.parametrize("gain_db", [16, 0, -16])
def test_relative_to_the_speech(gain_db):
    """An offset of 2 % under speech at -26 dBFS, made louder or softer with it."""
    assert len(offsets((noise(20, RATE) + 0.02) * 10 ** (gain_db / 20) * 0.9)) == 1


def test_very_low_sound_is_no_offset():
    slow = 0.1 * np.sin(2 * np.pi * 0.13 * np.arange(60 * RATE) / RATE)
    assert not offsets(noise(60, RATE) + slow)


def test_steps_of_16_bits_are_none():
    assert not offsets(noise(20, RATE, -60) + 2 / 32768)
    assert not offsets(np.full(20 * RATE, 2 / 32768))


def test_missing_media():
    (found,) = offsets(noise(20, RATE) + 0.02, holes=[(10 * RATE, 2 * RATE)])
    assert (found.start_s, found.end_s) == (0, 22)
