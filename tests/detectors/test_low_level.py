import dataclasses
import json

import numpy as np
import pytest
from sound import noise, quantised, track

from aqa.detector import registry
from aqa.detectors.low_level import OTHERS

RATE = 16_000


def talk(speech_db, floor_db=-75.0, seconds=12):
    """Bursts of one second at `speech_db` over noise at `floor_db`."""
    x = noise(seconds, RATE, speech_db, seed=3) * (np.arange(seconds * RATE) // RATE % 2)
    return quantised(x + np.random.default_rng(1).normal(0, 10 ** (floor_db / 20), len(x)))


def found(x, others=None):
    one = track(x, RATE)
    facts = {**one.facts, **({OTHERS: others} if others is not None else {})}
    return registry()["low_level"](dataclasses.replace(one, facts=facts))


def test_hit():
    (one,) = found(talk(-52, -80))
    assert (round(one.start_s), round(one.end_s)) == (1, 12)
    assert one.severity == "minor" and one.unit == "dBFS"
    assert json.loads(one.evidence)["snr_db"] > 12


def test_very_low_is_major():
    assert found(talk(-58, -85))[0].severity == "major"


@pytest.mark.parametrize(("level", "count"), [(-46, 0), (-50, 1)])
def test_edge(level, count):
    assert len(found(talk(level))) == count


@pytest.mark.parametrize(("level", "others", "count"), [(-40, -20, 1), (-40, -30, 0), (-28, -5, 0), (-40, None, 0)])
def test_beside_others(level, others, count):
    assert len(found(talk(level), others)) == count


def test_noise_alone_and_silence_are_no_low_speech():
    assert not found(noise(12, RATE, -60))
    assert not found(np.zeros(12 * RATE))
    assert not found(talk(-52, -60))


def test_a_word_is_too_little():
    assert not found(np.concatenate([np.zeros(5 * RATE), talk(-52, -80, 2), np.zeros(5 * RATE)]))
