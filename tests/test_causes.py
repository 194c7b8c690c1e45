import json

import pytest

from aqa.causes import Packets, explain, missing_packets, no_common_clock, not_of_packets
from aqa.model import Finding


def hole(start=10.0, end=10.2, kind="dropout", track="mix"):
    return Finding(kind=kind, source="audio", recording="mix.wav", track=track, start_s=start, end_s=end)


def loss(start=9.9, end=10.1, kind="loss", cause="network_loss", track="bob", finding_id="f-loss"):
    return Finding(
        kind=kind, source="packets", start_s=start, end_s=end, cause=cause, track=track, finding_id=finding_id
    )


def packets(*findings, clocked=("mix.wav",)):
    return Packets(findings, 1000.0, frozenset(clocked), {"mix.wav": "settings"})


def test_a_hole_that_coincides_with_lost_packets_is_network_loss():
    found = missing_packets(hole(), packets(loss()))
    assert (found.cause, found.cause_finding_id) == ("network_loss", "f-loss")
    assert found.cause_confidence == pytest.approx(0.949, abs=0.002)
    facts = json.loads(found.evidence)["cause"]
    assert facts["covered_pct"] == pytest.approx(100)
    assert facts["heard_after_s"] == pytest.approx(0.1)
    assert facts["clock_from"] == "settings"


def test_the_stall_s_own_cause_is_taken():
    stall = loss(kind="stall", cause="sender_stall")
    assert missing_packets(hole(), packets(stall)).cause == "sender_stall"


@pytest.mark.parametrize("shift", [-1.0, 0.3])  # long before, or after: sound never breaks before packets do
def test_no_coincidence_no_cause(shift):
    other = loss(10.0 + shift, 10.05 + shift)
    assert missing_packets(hole(), packets(other)) is None
    assert explain([hole()], packets(other))[0].cause == "unexplained"


def test_a_part_of_the_hole_is_less_sure():
    part = missing_packets(hole(10.0, 12.0), packets(loss(10.0, 10.2))).cause_confidence
    assert part < missing_packets(hole(), packets(loss())).cause_confidence


def test_chance_lowers_confidence():
    many = [loss(i + 0.9, i + 1.1, finding_id=f"f-{i}") for i in range(1, 1000, 2)]
    found = missing_packets(hole(), packets(*many))
    assert json.loads(found.evidence)["cause"]["chance_pct"] == pytest.approx(40, abs=1)
    assert found.cause_confidence < 0.6


def test_another_participant_s_packets_explain_nothing():
    assert missing_packets(hole(track="alice"), packets(loss(track="bob"))) is None
    assert missing_packets(hole(track="bob"), packets(loss(track="bob"))) is not None


def test_no_common_clock_is_not_measurable_and_says_why():
    found = no_common_clock(hole(), packets(loss(), clocked=()))
    assert found.cause == "not_measurable"
    assert "start" in json.loads(found.evidence)["cause"]["why"]
    assert no_common_clock(hole(), packets(loss())) is None


def test_no_packet_log_is_not_measurable_and_says_why():
    found = explain([hole()], None)[0]
    assert found.cause == "not_measurable"
    assert json.loads(found.evidence)["cause"]["why"] == "no packet log"


def test_clipping_is_nothing_that_lost_packets_make():
    assert not_of_packets(hole(kind="clipping"), packets(loss())).cause == "unexplained"
    assert not_of_packets(hole(), packets(loss())) is None


def test_what_a_detector_proved_stays():
    assert explain([loss()], packets(loss()))[0] == loss()
