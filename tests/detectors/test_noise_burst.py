import json

import numpy as np
import pytest
from sound import noise, quantised, tone, track

from aqa.detector import registry

RATE = 16_000


def talk(seconds=20):
    loud = np.repeat(np.random.default_rng(1).choice([0.02, 0.5, 1.0], seconds * 4), RATE // 4)
    return noise(seconds, RATE, -40) * loud


def burst(x, ms, level_db, at_s=8.0):
    start, count = round(at_s * RATE), ms * RATE // 1000
    x[start : start + count] = noise(1, RATE, level_db, 7)[:count]
    return x


def found(x):
    return registry()["noise_burst"](track(quantised(x), RATE))


@pytest.mark.parametrize("ms", [50, 200, 500])
def test_hit(ms):
    (one,) = found(burst(talk(), ms, -20))
    assert one.start_s == pytest.approx(8, abs=0.011) and one.duration_s == pytest.approx(ms / 1000, abs=0.021)
    assert one.value == pytest.approx(20, abs=3) and one.severity == "major"
    assert abs(json.loads(one.evidence)["slope_db_per_octave"]) < 2.5


@pytest.mark.parametrize(("ms", "count"), [(30, 0), (50, 1), (700, 1), (720, 0)])
def test_40_to_700_ms(ms, count):
    assert len(found(burst(talk(), ms, -20))) == count


@pytest.mark.parametrize("level_db", [-40, -34])
def test_not_louder_than_speech(level_db):
    assert not found(burst(talk(), 200, level_db))


def test_a_beep_is_not_flat():
    x = talk()
    x[8 * RATE : 8 * RATE + 3200] = tone(0.2, RATE, 900.0, 0.3)
    assert not found(x)


def test_what_decays_is_no_burst():
    x = burst(talk(), 500, -14)
    x[8 * RATE : 8 * RATE + 8000] *= np.exp(-np.arange(8000) / (0.05 * RATE))
    assert not found(x)


@pytest.mark.parametrize(("bursts", "count"), [(3, 3), (9, 0)])
def test_many_are_applause_or_music(bursts, count):
    x = talk()
    for i in range(bursts):
        burst(x, 60, -20, 8 + 0.5 * i)
    assert len(found(x)) == count


def test_nothing():
    assert not found(talk()) and not found(np.zeros(5 * RATE))
