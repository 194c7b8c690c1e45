import json

import numpy as np
import pytest
import soundfile
from sound import noise, quantised, tone, track

from aqa.detector import registry
from aqa.detectors.repetition import Settings


def found(x, rate=16_000, **keywords):
    return registry()["repetition"](track(x, rate, **keywords), Settings())


def stuck(x, start, lag, times=1):
    y = x.copy()
    y[start : start + lag * times] = np.tile(x[start - lag : start], times)
    return y


def spans(hits, rate=16_000):
    return [(round(f.start_s * rate), round(f.end_s * rate)) for f in hits]


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_hit_exact_to_the_sample(rate):
    lag = rate // 50
    hits = found(stuck(noise(3, rate), rate, lag, 3), rate)
    assert spans(hits, rate) == [(rate, rate + 3 * lag)]
    facts = json.loads(hits[0].evidence)
    assert (facts["times"], facts["lag_samples"], hits[0].severity) == (3, lag, "major")


@pytest.mark.parametrize(("times", "severity"), [(1, "minor"), (3, "major"), (10, "critical")])
def test_severity_is_how_long(times, severity):
    assert [f.severity for f in found(stuck(noise(3), 16_000, 320, times))] == [severity]


def test_near_misses():
    x = noise(3)
    assert not found(x)
    half = x.copy()
    half[16_000:16_160] = x[15_680:15_840]  # 10 of 20 ms
    assert not found(half)
    changed = stuck(x, 16_000, 320)
    changed[16_000:16_320:15] += 2.0**-12  # no copy any more
    assert not found(changed)
    quiet = np.concatenate([x, quantised(noise(1, level_db=-70))])
    assert not found(stuck(quiet, 56_000, 320))


@pytest.mark.parametrize("hertz", [50, 100, 200, 437.5, 440, 1_000])
@pytest.mark.parametrize("shape", ["sine", "square", "saw"])
def test_generators_have_a_period(hertz, shape):
    wave = tone(2, 16_000, hertz)
    saw = (0.3 * (np.arange(32_000) * hertz / 16_000 % 1) - 0.15).astype(np.float32)
    x = {"sine": wave, "square": np.sign(wave) * 0.2, "saw": saw}[shape]
    assert not found(np.concatenate([np.zeros(8_000), quantised(x), np.zeros(8_000)]))
    assert not found(np.concatenate([noise(1), quantised(x)]))


def test_silence_and_almost_nothing():
    for n in (0, 1, 100, 48_000):
        assert not found(np.zeros(n))
    impulses = np.zeros(48_000)
    impulses[::1_600] = 0.5
    assert not found(impulses)


def test_edges_of_lag():
    x = noise(3)
    assert spans(found(stuck(x, 16_000, 80))) == [(16_000, 16_080)]
    assert spans(found(stuck(x, 16_000, 3_200))) == [(16_000, 19_200)]
    assert not found(stuck(x, 16_000, 3_300))
    assert not found(stuck(x, 16_000, 60))


@pytest.mark.parametrize("gain_db", [-16, 0, 16])
def test_gain_changes_nothing(gain_db):
    x = stuck(noise(3, level_db=-34), 16_000, 320, 2) * 10 ** (gain_db / 20)
    for y in (quantised(x), x.astype(np.float32)):
        assert spans(found(y)) == [(16_000, 16_640)]


def test_a_loop_that_fills_the_recording_is_its_nature():
    assert not found(np.concatenate([noise(1), np.tile(noise(0.15, seed=4), 20)]))


def corpus_files(corpus):
    patterns = (
        "speech/resemble*/**/*.flac",
        "meeting/*/*.flac",
        "music/*/*.flac",
        "noise/*/*.wav",
        "speech/*/s*.wav",
    )
    return [f for where in patterns for f in sorted(corpus.glob(where))]


def test_every_repeat_in_active_sound_and_none_in_clean_material(corpus):
    random, hits, total = np.random.default_rng(3), 0, 0
    for file in corpus_files(corpus):
        x, rate = soundfile.read(file, dtype="float32", always_2d=True)
        x = np.ascontiguousarray(x[:, 0])
        measured = track(x, rate)
        assert not found(x, rate), file
        lag = round(rate * float(random.choice([0.01, 0.02, 0.06])))
        loud = measured.levels.active_speech_dbfs - 10
        places = [h for h in range(30, len(x) * 100 // rate - 30) if measured.level_dbfs[h - 6 : h + 6].min() > loud]
        for hop in places[:: max(1, len(places) // 2)][:2]:
            at = hop * rate // 100
            total += 1
            hits += any(abs(s - at) <= 2 and abs(e - at - 2 * lag) <= 2
                        for s, e in spans(found(stuck(x, at, lag, 2), rate), rate))  # fmt: skip
    assert total > 60 and hits == total
