"""What each recorder makes of missing packets, one profile after the other."""

import json

import pytest
from wholes import fault, whole

from aqa import causes
from aqa.known import Known
from aqa.recorders import PROFILES, SHOWN


@pytest.mark.parametrize(
    ("name", "fit", "surprise"),
    [
        ("jibri", {"concealment", "attenuation", "dropout", "silence"}, {"elided_time", "missing_media"}),
        ("egress", {"concealment", "dropout", "elided_time"}, {"missing_media"}),
        ("janus", {"dropout", "silence", "missing_media"}, {"concealment", "repetition"}),
        ("rtpengine", {"dropout", "silence"}, {"concealment", "repetition", "missing_media", "elided_time"}),
        ("hls", {"missing_media", "elided_time"}, {"concealment", "dropout", "silence"}),
    ],
)
def test_each_profile(name, fit, surprise):
    profile = PROFILES[name]
    assert {kind for kind in fit if profile.fits(kind)} == fit
    assert not {kind for kind in surprise if profile.fits(kind)}
    assert profile.source and profile.words and set(profile.does) <= set(SHOWN)


def explained(kind, recorder):
    lost = fault("loss", 9.9, 10.1, source="packets", cause="network_loss", track="bob", finding_id="f-loss")
    hole = fault(kind, 10.0, 10.2, source="audio", recording="mix.wav", track="mix", finding_id="f-hole")
    facts = {"mix.wav": recorder} if recorder else {}
    known = Known(whole(findings=(lost,)), span_s=1000.0, clock_error_s={"mix.wav": 0.05}, recorder=facts)
    return causes.missing_packets(hole, known)


def test_a_fault_that_this_recorder_does_not_make_is_less_sure_and_says_so():
    plain, usual = explained("concealment", None), explained("concealment", "jibri")
    odd = explained("concealment", "rtpengine")
    assert plain.cause_confidence == usual.cause_confidence
    assert odd.cause_confidence == pytest.approx(causes.SURPRISING * usual.cause_confidence, abs=0.001)
    assert "digital silence" in json.loads(odd.evidence)["cause"]["against"]
    assert "against" not in json.loads(usual.evidence)["cause"]


def test_a_recorder_without_a_profile_is_named_and_nothing_more():
    found = explained("dropout", "tape")
    assert json.loads(found.evidence)["cause"]["recorder"] == "tape"
    assert "fits_recorder" not in json.loads(found.evidence)["cause"]
