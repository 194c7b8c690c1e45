"""PLCMOS and DNSMOS on sampled windows: where they are installed, against their own package."""

import importlib
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sound import Sound, noise

from aqa import mos, settings
from aqa.decode import open_recording
from aqa.measures.track import measure
from aqa.model import InputError
from aqa.settings import Settings, read_settings

LENGTH = 901  # hops of a window of 9.01 s


def asked(tmp_path, text):
    (tmp_path / "aqa.toml").write_text(text)
    return read_settings(tmp_path / "aqa.toml")


def test_it_is_off_unless_asked_for():
    assert Settings().mos.windows == 0


def test_asked_for_and_not_there_is_an_error_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"aqa\[mos\]"):
        asked(tmp_path, "[mos]\nwindows = 3\n")
    assert asked(tmp_path, "[mos]\nwindows = 0\n").mos.windows == 0


def test_the_core_needs_none_of_it():
    code = "import sys; sys.modules['onnxruntime'] = sys.modules['speechmos'] = None; import aqa.pipeline, aqa.mos"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=60), st.integers(0, 8))
def test_windows_are_talk_apart_and_inside(runs, most):
    speech = np.concatenate([np.zeros(0, np.bool_), *(np.full(count, said) for count, said in runs)])
    starts = [round(start * 100) for start in mos.windows(speech, most)]
    assert len(starts) <= most
    assert all(b - a >= LENGTH for a, b in pairwise(starts))
    for start in starts:
        assert start + LENGTH <= len(speech)
        assert speech[start : start + LENGTH].mean() >= 0.5


def test_windows_take_the_best_of_each_part():
    speech = np.zeros(4 * LENGTH, np.bool_)
    speech[100:1000], speech[2500:3600] = True, True
    first, second = mos.windows(speech, 2)
    assert 0.99 <= first <= 1.0 and 25 <= second <= 27
    assert mos.windows(speech[:LENGTH], 5) == [0.0]
    assert mos.windows(speech[: LENGTH - 1], 5) == mos.windows(np.zeros(5000, np.bool_), 5) == []


@pytest.mark.parametrize("cuts", [(), (7_000, 7_001, 90_000)])
def test_what_is_cut_out_is_the_sound_itself(cuts):
    x = np.stack([noise(14, 8_000), noise(14, 8_000, seed=1)])
    one, two = mos.cut_out(Sound(x, 8_000, cuts, holes=[(90_000, 800)]).blocks(), [0.5, 4.0], 8_000, 1)
    np.testing.assert_array_equal(one, x[1, 4_000 : 4_000 + len(one)])
    np.testing.assert_array_equal(two[: 90_000 - 32_000], x[1, 32_000:90_000])
    assert not two[90_000 - 32_000 : 90_800 - 32_000].any()
    np.testing.assert_array_equal(two[90_800 - 32_000 :], x[1, 90_000 : 90_000 + len(two) - 58_800])


@pytest.fixture
def models():
    for name in ("onnxruntime", "speechmos"):
        pytest.importorskip(name, reason=f"needs {name} (extra `mos`)")


@pytest.fixture
def talk(corpus):
    return corpus / "speech" / "snakers4+silero-vad" / "test.wav"


def sound_of(path):
    (track,) = measure(open_recording(path))
    (start,) = mos.windows(track.levels.speech, 1)
    (window,) = mos.cut_out(open_recording(path).blocks(), [start], track.sample_rate_hz, 0)
    return window, track.sample_rate_hz


def test_plcmos_is_that_of_its_package(models, talk):
    """Their raters are drawn anew each time: so features are equal, scores nearly."""
    theirs = importlib.import_module("speechmos.plcmos").PLCMOS()
    window, rate = sound_of(talk)
    assert rate == mos.RATE
    np.testing.assert_allclose(mos.spectra(window), theirs.stft_transform(window), rtol=1e-6, atol=1e-6)
    assert mos.plcmos(window) == mos.plcmos(window)
    np.random.seed(0)
    assert mos.plcmos(window) == pytest.approx(theirs(window)["plcmos"], abs=0.2)


def test_dnsmos_is_that_of_its_package(models, talk):
    pytest.importorskip("requests", reason="speechmos.dnsmos imports requests")
    theirs = importlib.import_module("speechmos.dnsmos")
    window, rate = sound_of(talk)
    expected, found = theirs.run(window, mos.RATE), mos.rated(window, rate)
    assert found.dnsmos_overall == pytest.approx(expected["ovrl_mos"], abs=1e-3)
    assert found.dnsmos_signal == pytest.approx(expected["sig_mos"], abs=1e-3)
    assert found.dnsmos_background == pytest.approx(expected["bak_mos"], abs=1e-3)


def test_holes_and_noise_lower_the_scores(models, talk):
    window, rate = sound_of(talk)
    torn, loud = window.copy(), window + noise(len(window) / rate, rate, -30)[: len(window)]
    for at in range(8_000, len(torn), 8_000):
        torn[at : at + 1_600] = 0
    clean, holes, hiss = (mos.rated(np.asarray(one, np.float32), rate) for one in (window, torn, loud))
    assert holes.plcmos < clean.plcmos - 0.5
    assert hiss.dnsmos_background < clean.dnsmos_background - 0.5


def test_facts_of_the_loudest_track_only(models, talk):
    decoder = open_recording(talk)
    (block,) = [np.concatenate([b.samples for b in decoder.blocks()], axis=1)]
    both = Sound(np.concatenate([block * 0.1, block]), 16_000)
    quiet, loud = mos.with_mos(measure(both), both.blocks(), 2)
    assert "plcmos" not in quiet.facts
    assert loud.facts["mos_windows"] == 2
    assert 1 <= loud.facts["plcmos_lowest"] <= loud.facts["plcmos"] <= 5
    silence = Sound(np.zeros((1, 160_000)), 16_000)
    assert "plcmos" not in mos.with_mos(measure(silence), silence.blocks(), 2)[0].facts
