import numpy as np
import pytest
from sound import noise, tone, track

from aqa.measures.levels import levels


def series(*parts):
    return np.concatenate([np.full(hops, level, np.float32) for level, hops in parts])


def naive_active_level(level):
    """P.56 method B as it is written: one threshold after the other, activity counted with its hangover."""
    g, first, second, envelope = np.exp(-0.01 / 0.03), 0.0, 0.0, []
    power = [10 ** (value / 10) if value > -199 else 0.0 for value in level.tolist()]
    for p in power:
        first = g * first + (1 - g) * p**0.5
        second = g * second + (1 - g) * first
        envelope.append(-200 if second <= 1e-10 else 20 * np.log10(second))
    for threshold in np.arange(-110, 0, 0.1):
        active, left = 0, 0
        for value in envelope:
            left = 21 if value >= threshold else left - 1
            active += left > 0
        if active and 10 * np.log10(sum(power) / active) - threshold <= 15.9:
            return threshold + 15.9
    return None


def test_active_level_is_that_of_the_procedure():
    random = np.random.default_rng(0)
    level = np.repeat(random.uniform(-70, -15, 40), random.integers(3, 60, 40)).astype(np.float32)
    assert levels(level).active_speech_dbfs == pytest.approx(naive_active_level(level), abs=0.15)


def test_pauses_do_not_lower_the_active_level():
    steady = levels(series((-30, 500))).active_speech_dbfs
    paused = levels(series((-200, 1000), (-30, 500), (-70, 500))).active_speech_dbfs
    assert steady == pytest.approx(-30, abs=0.3)
    assert paused == pytest.approx(-30, abs=0.5)


@pytest.mark.parametrize("gain", [0, -20, -37])
def test_everything_is_relative(gain):
    one, other = (levels(series((-20 + g, 300), (-55 + g, 300), (-22 + g, 300))) for g in (0, gain))
    assert other.active_speech_dbfs == pytest.approx(one.active_speech_dbfs + gain, abs=0.1)
    assert other.noise_floor_dbfs == pytest.approx(-55 + gain, abs=0.11)
    np.testing.assert_array_equal(one.speech, other.speech)


def test_speech_lasts_for_the_hangover():
    mask = levels(series((-60, 100), (-20, 100), (-60, 100))).speech
    assert mask[110:200].all()
    assert 200 + 20 <= np.flatnonzero(mask)[-1] + 1 <= 200 + 32  # 200 ms, and the envelope's fall
    assert not mask[:100].any()


def test_digital_silence_is_no_noise_floor():
    assert levels(series((-200, 900), (-50, 100))).noise_floor_dbfs == pytest.approx(-50, abs=0.11)
    nothing = levels(series((-200, 900)))
    assert (nothing.noise_floor_dbfs, nothing.active_speech_dbfs) == (None, None)
    assert not nothing.speech.any()


def test_missing_media_does_not_count():
    level = series((-20, 300), (-60, 300))
    holed = np.concatenate([level[:100], np.full(500, np.nan, np.float32), level[100:]])
    assert levels(holed).active_speech_dbfs == pytest.approx(levels(level).active_speech_dbfs, abs=0.3)


def test_a_sine_reads_its_rms():
    assert track(tone(5, 16_000), 16_000).levels.active_speech_dbfs == pytest.approx(-13.47, abs=0.2)
    assert track(noise(5)).levels.noise_floor_dbfs == pytest.approx(-26.6, abs=0.5)
