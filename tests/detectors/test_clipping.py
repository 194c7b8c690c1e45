import json

import numpy as np
import pytest
import soundfile
from sound import noise, quantised, tone, track

from aqa.detector import registry


def clippings(x, rate=16_000):
    return registry()["clipping"](track(x, rate))


def test_hit():
    x = noise(4)
    x[32_000:33_000] = quantised(np.clip(tone(1, 16_000, 100, 3.0)[:1000], -1, 1))
    (found,) = clippings(x)
    assert 2.0 <= found.start_s < found.end_s <= 2.0625
    assert found.unit == "samples" and found.severity == "major"
    assert found.value == np.sum(np.abs(x) >= 0.999)


def test_turned_down_after_it_was_clipped():
    x = np.clip(tone(2, 16_000, 150, 1.5), -1, 1) * 0.4
    (found,) = clippings(quantised(x))
    assert json.loads(found.evidence)["level"] == pytest.approx(0.4, abs=1e-3)


@pytest.mark.parametrize(("rate", "hertz", "amplitude"), [(44_100, 219, 1.0), (48_000, 50, 0.3), (8_000, 50, 1.0)])
def test_a_full_sine_is_not_clipped(rate, hertz, amplitude):
    assert not clippings(quantised(tone(3, rate, hertz, amplitude)), rate)


def test_the_full_scale_sine_of_essentia(corpus):
    (file,) = corpus.glob("audio-defects/*/sine_219hz_1sec_0db.wav")
    x, rate = soundfile.read(file, dtype="float32", always_2d=True)
    assert not clippings(x[:, 0], rate)


@pytest.mark.parametrize(("length", "count"), [(31, 0), (32, 1)])
def test_a_single_flat_top_counts_from_2_ms(length, count):
    x = noise(2)
    x[9000 : 9000 + length] = 1.0 - 2.0**-15
    assert len(clippings(x)) == count


@pytest.mark.parametrize(("apart", "count"), [(8000, 1), (8002, 2)])
def test_half_a_second_apart_is_one(apart, count):
    x = noise(4)
    x[9000:9040] = x[9040 + apart : 9080 + apart] = 0.999
    assert len(clippings(x)) == count


def test_clean_material(corpus):
    for file in [*corpus.glob("meeting/*/*.flac"), *corpus.glob("music/*/*.flac")]:
        x, rate = soundfile.read(file, dtype="float32", always_2d=True)
        assert not clippings(x[:, 0], rate), file


def test_nothing():
    assert not clippings(np.zeros(16_000)) and not clippings(np.zeros(0))


@pytest.mark.parametrize("peak", [0.6, 0.2, 0.05])
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_turned_down_far(peak, rate):
    """Speech-like sound (noise below 1 kHz) clipped at 0.2 % of its samples, then turned down."""
    spectrum = np.fft.rfft(np.random.default_rng(2).normal(size=10 * rate))
    spectrum[10_000:] = 0
    x = np.fft.irfft(spectrum)
    top = np.quantile(np.abs(x), 0.998)
    clipped, whole = quantised(np.clip(x, -top, top) / top * peak), quantised(x / np.abs(x).max() * peak)
    assert clippings(clipped, rate) and not clippings(whole, rate)
    assert json.loads(clippings(clipped, rate)[0].evidence)["tail_db"] < 3


def test_a_quiet_low_tone_is_not_clipped():
    for hertz, amplitude in ((60, 0.02), (50, 0.1), (100, 0.012)):
        assert not clippings(quantised(tone(4, 48_000, hertz, amplitude)), 48_000), (hertz, amplitude)
