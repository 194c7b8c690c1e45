import json

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt
from sound import noise, quantised, track

from aqa.detector import registry
from aqa.measures.bands import bandwidth_hz

RATE = 48_000


def speech(seconds=20, seed=0):
    """Noise in syllables of changing colour, with pauses: half of them dull as vowels are."""
    random = np.random.default_rng(seed)
    x = noise(seconds, RATE, -20, seed).astype(np.float64)
    dull = sosfiltfilt(butter(2, 900, fs=RATE, output="sos"), x)
    kind = np.repeat(random.choice([0.0, 1.0], seconds * 5), RATE // 5)
    loud = np.repeat(random.choice([0.02, 0.5, 1.0], seconds * 5, p=[0.2, 0.4, 0.4]), RATE // 5)
    return (kind * dull + (1 - kind) * 0.1 * x) * loud + noise(seconds, RATE, -75, seed + 1)


def narrowed(x, start_s, end_s, hertz):
    out = x.copy()
    inside = slice(round(start_s * RATE), round(end_s * RATE))
    out[inside] = sosfiltfilt(butter(16, hertz, fs=RATE, output="sos"), x)[inside]
    return quantised(out)


def found(x, rate=RATE):
    return registry()["bandwidth_drop"](track(x, rate))


@pytest.mark.parametrize(("hertz", "wall"), [(3700, 4000), (7400, 8000), (11_000, 12_000)])
def test_hit(hertz, wall):
    (one,) = found(narrowed(speech(), 8, 13, hertz))
    assert one.start_s == pytest.approx(8, abs=0.25) and one.end_s == pytest.approx(13, abs=0.25)
    assert one.value == wall and json.loads(one.evidence)["bandwidth_hz"] == wall
    assert one.severity == ("major" if wall == 4000 else "minor")


@pytest.mark.parametrize("gain", [0.1, 4.0])
def test_gain_changes_nothing(gain):
    (one,) = found(np.clip(narrowed(speech(), 8, 13, 3700) * gain, -1, 1))
    assert one.start_s == pytest.approx(8, abs=0.25)


def test_narrow_all_along_has_lost_nothing():
    x = narrowed(speech(), 0, 20, 3700)
    assert not found(x) and bandwidth_hz(track(x, RATE)) == 4000


def test_wide_sound_has_no_bandwidth_to_state():
    assert bandwidth_hz(track(quantised(speech()), RATE)) is None
    assert bandwidth_hz(track(np.zeros(RATE), RATE)) is None


def test_wide_all_along():
    assert not found(quantised(speech()))


@pytest.mark.parametrize(("length_s", "count"), [(0.6, 0), (2.0, 1)])
def test_from_1_2_seconds_on(length_s, count):
    assert len(found(narrowed(speech(), 8, 8 + length_s, 3700))) == count


def test_dull_speech_without_a_wall():
    x = speech()
    x[8 * RATE : 13 * RATE] = sosfiltfilt(butter(1, 1500, fs=RATE, output="sos"), x)[8 * RATE : 13 * RATE]
    assert not found(quantised(x))


def test_a_drop_in_a_pause_shows_in_its_noise():
    x = speech() + noise(20, RATE, -60, 5)
    x[7 * RATE : 13 * RATE] = noise(6, RATE, -60, 6)
    (one,) = found(narrowed(x, 8, 12, 3700))
    assert one.start_s == pytest.approx(8, abs=0.3) and one.end_s == pytest.approx(12, abs=0.3)


def test_a_gate_that_closes_is_no_drop():
    x = speech()
    x[7 * RATE : 13 * RATE] = noise(6, RATE, -96, 6)
    assert not found(quantised(x))


def test_a_rate_without_bands_above_any_wall():
    assert not found(noise(5, 8000), 8000)
