import json

import numpy as np
import pytest
from sound import noise, quantised, track

from aqa.detector import registry

RATE = 8000


def talk(seconds=70, seed=0):
    loud = np.repeat(np.random.default_rng(seed).choice([0.002, 0.5, 1.0], seconds * 3), -(-RATE // 3))
    return noise(seconds, RATE, -26, seed) * loud[: seconds * RATE]


def lines(seconds, hertz, level_db=-60.0, harmonics=(1, 2, 3)):
    times = np.arange(seconds * RATE) / RATE
    return sum(10 ** (level_db / 20) * np.sqrt(2) * np.sin(2 * np.pi * n * hertz * times) for n in harmonics)


def found(x):
    return registry()["hum"](track(quantised(x), RATE))


@pytest.mark.parametrize("mains", [50, 60])
def test_hit(mains):
    (one,) = found(talk() + lines(70, mains + 0.02))
    facts = json.loads(one.evidence)
    assert (one.start_s, one.end_s) == (0, 60)
    assert facts["mains_hz"] == mains and facts["base_hz"] == pytest.approx(mains + 0.02, abs=0.02)
    assert one.value == pytest.approx(-55.2, abs=2.5) and one.unit == "dBFS" and one.severity == "minor"


def test_louder_is_major():
    (one,) = found(talk() + lines(70, 50, -45))
    assert one.severity == "major"


@pytest.mark.parametrize("hertz", [49, 51, 55, 61.7])
def test_another_base_is_no_mains(hertz):
    assert not found(talk() + lines(70, hertz))


def test_one_line_is_not_enough():
    assert not found(talk() + lines(70, 50, harmonics=(2,)))


@pytest.mark.parametrize(("seconds", "count"), [(32, 0), (62, 1)])
def test_a_minute_at_least(seconds, count):
    x = talk()
    x[: seconds * RATE] += lines(seconds, 50)
    assert len(found(x)) == count


def test_clean():
    assert not found(talk())
    assert not found(np.zeros(70 * RATE))


def test_faint_hum_is_heard_in_pauses():
    assert len(found(talk() + lines(70, 50, -72))) == 1


def test_lines_that_lose_their_phase_are_no_mains():
    x = talk()
    for at in range(0, 70 * RATE, RATE):
        x[at : at + RATE] += lines(1, 50, -45) * np.random.default_rng(at).choice((-1, 1))
    assert not found(x)
