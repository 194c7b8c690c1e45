import json

import numpy as np
import pytest
import soundfile
from sound import noise, quantised, track

from aqa.detector import registry
from aqa.detectors.attenuation import Settings

RATE = 48_000


def attenuations(x, rate=RATE, **settings):
    return registry()["attenuation"](track(x, rate), Settings(**settings))


def dropouts(x, rate=RATE):
    return registry()["dropout"](track(x, rate))


def sound(seconds=6.0):
    """Noise, and a second that shows how far down the floor is."""
    return np.concatenate([noise(seconds, RATE), noise(1, RATE, -75.0, seed=1)])


@pytest.fixture(scope="module")
def speech(corpus):
    """24 s of a reader at 16 kHz as it is in the corpus."""
    (file,) = corpus.glob("speech/resemble*/2033-164914-0000.flac")
    return soundfile.read(file, dtype="float32")


def loud(x, rate, apart_s=0.8):
    """Places amid loud sound, well apart."""
    measured = track(x, rate)
    least = measured.levels.active_speech_dbfs - 6
    at = 0.5
    while at < len(x) / rate - 1:
        hops = slice(round(at * 100) - 3, round(at * 100) + 9)
        if measured.level_dbfs[hops].min() > least:
            yield round(at * rate)
            at += apart_s
        at += 0.01


def dipped(x, places, length, db):
    x = x.copy()
    for at in places:
        x[at : at + length] *= 10 ** (db / 20)
    return quantised(x)


@pytest.mark.parametrize("gain_db", [-12, 0])
def test_hit_in_real_speech(speech, gain_db):
    x, rate = speech
    places, length = list(loud(x, rate)), round(0.05 * rate)
    assert len(places) >= 5
    y = dipped(x * 10 ** (gain_db / 20), places, length, -30)
    found = attenuations(y, rate) + dropouts(y, rate)
    hits = [min(abs(f.start_s - at / rate) + abs(f.end_s - (at + length) / rate) for f in found) for at in places]
    assert np.mean(np.array(hits) < 0.004) >= 0.8


def test_near_miss_the_same_speech_without_dips(speech):
    x, rate = speech
    assert not attenuations(x, rate)


def test_a_dip_of_noise_is_found_and_told():
    x = sound()
    x[100_000:102_400] *= 0.03
    for least in (100.0, -100.0):
        found = attenuations(quantised(x), min_score=least) + dropouts(quantised(x))
        assert bool([f for f in found if f.unit == "dB"]) == (least < 0)
    (dip,) = [f for f in attenuations(quantised(x), min_score=-100.0) if abs(f.start_s - 100_000 / RATE) < 0.002]
    facts = json.loads(dip.evidence)
    assert dip.unit == "dB" and dip.value == pytest.approx(30, abs=1.5)
    assert facts["length_ms"] == pytest.approx(50, abs=1.5)
    assert dip.severity == "minor"


@pytest.mark.parametrize(
    ("length_ms", "db", "severity"),
    [(50, -30, "minor"), (80, -30, "major"), (250, -30, "critical"), (80, -15, "minor"), (250, -15, "major")],
)
def test_severity_by_length_and_depth(length_ms, db, severity):
    x = sound()
    x[3 * RATE : 3 * RATE + length_ms * 48] *= 10 ** (db / 20)
    found = attenuations(quantised(x), min_score=-100.0)
    assert [
        f.severity for f in found if abs(f.start_s - 3) < 0.002 and abs(f.end_s - 3 - length_ms / 1000) < 0.002
    ] == [severity]


@pytest.mark.parametrize(("least_ms", "count"), [(19.0, 1), (21.5, 0)])
def test_edge_of_length(least_ms, count):
    x = sound()
    x[3 * RATE : 3 * RATE + 960] *= 0.1
    found = attenuations(quantised(x), min_score=-100.0, min_duration_ms=least_ms)
    assert len([f for f in found if f.start_s < 3.02 and f.end_s > 3.0]) == count


def test_amid_dense_onsets_nothing_is_looked_for():
    x = sound()
    x[: 6 * RATE] *= 0.03
    for at in range(0, 6 * RATE, RATE // 20):  # 20 bursts of 20 ms a second
        x[at : at + 960] *= 30
    every = attenuations(quantised(x), min_score=-100.0, max_onsets_per_s=1e9)
    assert len([f for f in every if 1.5 < f.start_s < 4.5]) > 20
    inside = [
        f for f in attenuations(quantised(x), min_score=-100.0) if 1.5 < f.start_s < 4.5
    ]  # not where it thins out
    assert not inside


def test_a_digital_hole_is_a_dropout_alone():
    x = sound()
    x[100_000:101_000] = 0
    assert not attenuations(x, min_score=-100.0)
    assert len(dropouts(x)) == 1


def test_nothing_in_nothing():
    assert not attenuations(np.zeros(RATE)) and not attenuations(np.zeros(0))
