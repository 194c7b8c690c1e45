import json

import numpy as np
import pytest
import soundfile
from sound import noise, quantised, track

from aqa.detector import registry
from aqa.detectors.discontinuity import Settings


def found(x, rate=48_000, **keywords):
    return registry()["discontinuity"](track(x, rate, **keywords), Settings())


def voice(seconds=3.0, rate=48_000, level_db=-26.0, seed=0):
    """Sound that falls off towards the top, as voices do: noise smoothed three times, in swells."""
    x = noise(seconds, rate, 0.0, seed).astype(np.float64)
    for _ in range(3):
        x = np.convolve(x, [0.25, 0.5, 0.25], "same")
    x *= 1 + 0.5 * np.sin(2 * np.pi * 3 * np.arange(len(x)) / rate)
    return quantised(x * 10 ** (level_db / 20) / np.sqrt(np.mean(x * x)))


def rms(x):
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def clicked(x, *places, size=1.5):
    y = x.copy()
    for at in places:
        y[at] += size * rms(x)
    return y


@pytest.mark.parametrize("size", [1.5, 12])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000, 96_000])
def test_hit_a_click(rate, size):
    x = voice(rate=rate)
    hits = found(clicked(x, rate, 2 * rate, size=size), rate)
    assert [abs(round(f.start_s * rate) - at) <= 2 for f, at in zip(hits, (rate, 2 * rate), strict=True)] == [
        True
    ] * 2
    facts = json.loads(hits[0].evidence)
    assert facts["end_sample"] == facts["start_sample"] + 1 and facts["sharpness"] > 0.72
    assert (hits[0].severity, hits[0].unit) == ("minor", "dB")


def test_hit_a_skip_in_smooth_sound():
    t = np.arange(3 * 48_000) / 48_000
    x = sum(0.1 / k * np.sin(2 * np.pi * 130 * k * t + k) for k in range(1, 12)) + noise(3, 48_000, -60)
    y = np.delete(quantised(x), slice(70_000, 70_000 + 170))
    hits = found(y)
    assert len(hits) == 1 and abs(round(hits[0].start_s * 48_000) - 70_000) <= 2


def test_near_misses():
    x = voice()
    assert not found(x)
    assert not found(clicked(x, 70_000, size=0.03))  # too small to be heard
    faded = x.copy()
    fade = np.linspace(0, 1, 480)
    faded[70_000:70_480] = x[70_000:70_480] * (1 - fade) + x[71_000:71_480] * fade
    faded[70_480:-1_000] = x[71_480:]
    assert not found(quantised(faded[:-1_000]))  # a skip with a cross-fade
    attack = x.copy()
    attack[70_000:] *= 0.02
    attack[72_000:74_000] += noise(2_000 / 48_000, 48_000, -20, 3)
    assert not [f for f in found(attack) if abs(f.start_s - 1.5) < 0.001]  # a sound that begins: it stays


def test_a_hole_is_a_dropout_and_clipping_is_clipping():
    x = voice()
    x[70_000:71_000] = 0
    assert not found(x)
    loud = np.clip(voice(level_db=-8), -0.99, 0.99)
    assert not found(clicked(loud, int(np.argmax(np.abs(loud) >= 0.98))))


def test_edge_at_the_ends_of_media():
    x = voice()
    assert not found(clicked(x, 100, len(x) - 100))
    assert not found(clicked(x, 69_900), holes=[(70_000, 4_000)])
    assert not found(x, holes=[(70_000, 4_000)])
    for n in (0, 1, 4_000):
        assert not found(np.zeros(n))


@pytest.mark.parametrize("gain_db", [-16, 0, 16])
def test_gain_changes_nothing(gain_db):
    x = clicked(voice(level_db=-34).astype(np.float64), 60_000, 90_000) * 10 ** (gain_db / 20)
    for y in (quantised(x), x.astype(np.float32)):
        assert [round(f.start_s * 48_000) for f in found(y)] == [round(f.start_s * 48_000) for f in found(x)]
        assert len(found(y)) == 2


def test_clicks_close_together_are_one_and_many_are_major():
    assert len(found(clicked(voice(), 60_000, 60_500))) <= 1
    assert {f.severity for f in found(clicked(voice(), *range(48_000, 96_000, 6_000)))} == {"major"}


@pytest.mark.parametrize(
    ("where", "most"),
    [
        ("speech/resemble*/**/*.flac", 2), ("meeting/*/*.flac", 1), ("music/*/*.flac", 0), ("noise/*/*.wav", 0),
        ("speech/google+lyra/s*.wav", 0), ("speech/*.flac", 0), ("speech/pjsip*/input.4*.wav", 0),
    ],
)  # fmt: skip
def test_hardly_any_in_clean_material(corpus, where, most):
    files = [f for f in sorted(corpus.glob(where)) if "50ms_cut" not in f.name]
    count = 0
    for file in files:
        x, rate = soundfile.read(file, dtype="float32", always_2d=True)
        count += len(found(x[:, 0], rate))
    assert files and count <= most
