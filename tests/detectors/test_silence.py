import json

import numpy as np
import pytest
from sound import noise, quantised, track

from aqa.causes import explain
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


def room(seconds, level_db=-60, seed=8):
    return noise(seconds, level_db=level_db, seed=seed)


def talk():
    """Half seconds of speech over the room's noise."""
    return np.concatenate([noise(0.5), room(0.5), noise(0.5), room(0.7), noise(0.5)])


@pytest.mark.parametrize(
    ("hole", "seconds", "name"),
    [
        (lambda s: np.zeros(round(s * RATE)), 3, "digital"),
        (lambda s: room(s, -72), 3, "below_noise_floor"),
        (lambda s: room(s, -72), 6, "below_noise_floor"),
        (room, 6, "long_pause"),
        (lambda s: room(s, -63), 6, "long_pause"),
    ],
)
def test_the_three_classes(hole, seconds, name):
    (found,) = silences(talk(), hole(seconds), talk())
    assert json.loads(found.evidence)["class"] == name


@pytest.mark.parametrize(("seconds", "count"), [(4.9, 0), (5.1, 1)])
def test_a_pause_is_long_from_5_s_on(seconds, count):
    assert len(silences(talk(), room(seconds), talk())) == count


def faded(x, head=False):
    ramp = np.ones(len(x))
    ramp[-800:] = np.linspace(1, 0, 800) ** 2
    return (x * (ramp[::-1] if head else ramp)).round(6).astype(np.float32)


@pytest.mark.parametrize(("seconds", "severity"), [(29.5, "minor"), (31, "critical")])
def test_a_long_hard_hole_in_speech(seconds, severity):
    (found,) = silences(noise(3), np.zeros(round(seconds * RATE)), noise(3, seed=2))
    assert found.severity == severity
    assert json.loads(found.evidence)["edges"] == "hard"


def test_hard_on_one_side_of_speech_is_major():
    (found,) = silences(noise(3), np.zeros(40 * RATE), room(1, -50), noise(3, seed=2))
    assert found.severity == "major"


def test_a_fade_is_soft_and_no_fault():
    (found,) = silences(quantised(faded(noise(3))), np.zeros(40 * RATE), quantised(faded(noise(3), head=True)))
    assert found.severity == "minor"
    assert json.loads(found.evidence)["edges"] == "soft"
    (explained,) = explain([found], None)
    assert (explained.cause, explained.cause_confidence) == ("intended", 0.6)


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
