import json

import numpy as np
import pytest
from reenactment.voices import RATE as RATE_48
from reenactment.voices import music, speech
from sound import noise, quantised, tone, track

from aqa.detector import registry
from aqa.music import by_step as music_by_step

RATE = 16_000


def talk(seconds=30):
    loud = np.repeat(np.random.default_rng(1).choice([0.02, 0.5, 1.0], seconds * 4), RATE // 4)
    return noise(seconds, RATE, -30) * loud


def beside(seconds, hertz=440.0, amplitude=0.1, at_s=10):
    x = talk()
    x[at_s * RATE : (at_s + seconds) * RATE] = tone(seconds, RATE, hertz, amplitude)
    return quantised(x)


def found(x):
    return registry()["unintended_audio"](track(x, RATE))


@pytest.mark.parametrize("hertz", [200.0, 440.0, 1000.0])
def test_hit(hertz):
    (one,) = found(beside(10, hertz))
    assert one.start_s == pytest.approx(10, abs=1.1) and one.end_s == pytest.approx(20, abs=1.1)
    assert json.loads(one.evidence)["hertz"] == pytest.approx(hertz, abs=1)


@pytest.mark.parametrize(("seconds", "count"), [(3, 0), (6, 1)])
def test_five_seconds_at_least(seconds, count):
    assert len(found(beside(seconds))) == count


def test_a_tone_that_glides_is_no_tone():
    x = talk()
    times = np.arange(10 * RATE) / RATE
    x[10 * RATE : 20 * RATE] = 0.1 * np.sin(2 * np.pi * (400 * times + 10 * times**2))
    assert not found(quantised(x))


def test_a_tone_under_speech_is_none():
    assert not found(quantised(talk() + tone(30, RATE, 440.0, 0.002)))


def test_nothing():
    assert not found(talk()) and not found(np.zeros(10 * RATE))


def held(seconds, at_s, total_s=90, gain=1.0):
    """Somebody talks, and for a while there is music instead."""
    random = np.random.default_rng(3)
    x = speech(float(total_s), "alice", random)
    x += random.normal(0, 3e-4, len(x))
    part = music(float(seconds), random)[: seconds * RATE_48]
    x[at_s * RATE_48 : at_s * RATE_48 + len(part)] = part * 0.05 / np.sqrt(np.mean(part**2))
    return registry()["unintended_audio"](track(quantised(gain * x), RATE_48))


@pytest.mark.parametrize("gain", [1.0, 0.2])
def test_music_on_hold(gain):
    (one,) = held(30, 40, gain=gain)
    assert one.start_s == pytest.approx(40, abs=4) and one.end_s == pytest.approx(70, abs=4)
    assert json.loads(one.evidence)["what"] == "music" and one.severity == "major"


@pytest.mark.parametrize(("seconds", "at_s"), [(6, 40), (80, 5)])
def test_a_jingle_and_music_that_is_most_of_it_are_meant(seconds, at_s):
    assert not held(seconds, at_s)


def test_pieces_change_nothing(monkeypatch):
    x = track(noise(60, RATE, -30) * (1 + np.sin(np.arange(60 * RATE) / 3000)) / 2, RATE)
    whole = music_by_step(x)
    monkeypatch.setattr("aqa.music.PIECE", 7)
    np.testing.assert_array_equal(music_by_step(x), whole)


def test_music_is_told_where_it_plays_however_long_the_recording():
    short, long = (music_by_step(track(noise(seconds, RATE, -30), RATE)) for seconds in (5, 30))
    assert len(short) == 0 and len(long) == 15 and (long < 0).all()
