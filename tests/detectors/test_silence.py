import json

import numpy as np
import pytest
from sound import noise, track

from aqa.detector import registry
from aqa.detectors.silence import Settings

RATE = 16_000


def silences(*parts, holes=(), **settings):
    x = np.concatenate(parts)
    return registry()["silence"](track(x, RATE, holes=holes), Settings(**settings))


def quiet(seconds):
    return noise(seconds, level_db=-65, seed=5)


def test_hit():
    found = silences(noise(3), quiet(2.5), noise(3))
    assert [(round(f.start_s, 2), round(f.end_s, 2)) for f in found] == [(3.0, 5.5)]
    assert (found[0].unit, found[0].severity) == ("s", "minor")
    assert json.loads(found[0].evidence)["digital"] is False


def test_digital_zero_is_said():
    found = silences(noise(3), np.zeros(3 * RATE), noise(3))
    assert json.loads(found[0].evidence)["digital"] is True


@pytest.mark.parametrize(("seconds", "count"), [(1.98, 0), (2.0, 1)])
def test_edge_of_length(seconds, count):
    assert len(silences(noise(3), quiet(seconds), noise(3))) == count


def test_the_setting_counts():
    assert len(silences(noise(3), quiet(0.6), noise(3), min_duration_s=0.5)) == 1


@pytest.mark.parametrize(("milliseconds", "count"), [(40, 1), (100, 2)])
def test_a_click_does_not_end_it_and_a_word_does(milliseconds, count):
    assert len(silences(noise(3), quiet(2.5), noise(milliseconds / 1000), quiet(2.5), noise(3))) == count


def test_before_the_first_and_after_the_last_sound_is_none():
    assert not silences(quiet(5), noise(3), quiet(5))
    assert not silences(np.zeros(5 * RATE), noise(3), np.zeros(5 * RATE))


def test_leading_silence_shifts_it():
    parts = (noise(3), quiet(2.5), noise(3))
    first, shifted = silences(*parts)[0], silences(np.zeros(7 * RATE), *parts)[0]
    assert shifted.start_s == pytest.approx(first.start_s + 7)
    assert shifted.end_s == pytest.approx(first.end_s + 7)


def test_missing_media_is_no_silence():
    assert not silences(noise(6), holes=[(3 * RATE, 5 * RATE)])
    split = silences(noise(3), quiet(5), noise(3), holes=[(round(5.5 * RATE), 10 * RATE)])
    assert [(round(f.start_s, 1), round(f.end_s, 1)) for f in split] == [(3.0, 5.5), (15.5, 18.0)]


@pytest.mark.parametrize("gain_db", [0, -15, -25])
def test_relative_to_the_recording(gain_db):
    gain = 10 ** (gain_db / 20)
    assert len(silences(noise(3) * gain, quiet(2.5) * gain, noise(3) * gain)) == 1


def test_steady_sound_and_none_at_all():
    assert not silences(noise(8))
    assert not silences(np.zeros(8 * RATE))
    assert not silences(np.zeros(0))
