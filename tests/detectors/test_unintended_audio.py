import json

import numpy as np
import pytest
from sound import noise, quantised, tone, track

from aqa.detector import registry

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
