import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wholes import fault

from aqa.agreement import MOST, agreeing, combined

shares = st.floats(0, 1)


@given(st.lists(shares, min_size=1, max_size=5))
def test_more_evidence_never_makes_less_sure_and_never_certain(sure):
    found = combined(*sure)
    assert found >= max(sure) - 1e-3
    assert found <= max(MOST, max(sure) + 1e-3)
    assert combined(*reversed(sure)) == found


def test_the_formula():
    assert combined(0.8) == 0.8
    assert combined(0.8, 0.6) == combined(0.6, 0.8) == pytest.approx(1 - 0.2 * 0.7)
    assert combined(0.95, 0.9) == MOST


def pair(cause="network_loss", covered=90.0, hole_at=10.1, **facts):
    lost = fault("loss", 10, 10.2, source="packets", cause="network_loss", cause_confidence=0.8, finding_id="p")
    text = json.dumps({"cause": {"covered_pct": covered, **facts}})
    hole = fault("dropout", hole_at, hole_at + 0.2, source="audio", cause=cause, cause_confidence=0.7,
                 cause_finding_id="p", finding_id="s", evidence=text)  # fmt: skip
    return lost, hole


def sure(findings):
    return [item.cause_confidence for item in findings]


def test_packets_and_sound_that_agree_make_both_surer():
    lost, hole = agreeing(pair())
    assert sure((lost, hole)) == [0.87, 0.87]
    assert json.loads(lost.evidence)["cause"] == {"agrees": "sound", "alone_sure": 0.8}
    assert json.loads(hole.evidence)["cause"]["covered_pct"] == 90


@pytest.mark.parametrize("facts", [{"cause": "recorder"}, {"covered": 20.0}, {"fits_recorder": False}])
def test_what_does_not_agree_stays(facts):
    assert sure(agreeing(pair(**facts))) == [0.8, 0.7]


def test_all_of_a_shared_fault_are_confirmed_by_what_is_heard_in_its_time():
    root, hole = pair()
    other = fault("loss", 10.3, 10.4, source="packets", cause="network_loss", cause_confidence=0.6,
                  cause_finding_id="p", finding_id="q")  # fmt: skip
    later = fault("loss", 99, 99.1, source="packets", cause="network_loss", cause_confidence=0.6,
                  cause_finding_id="p", finding_id="r")  # fmt: skip
    assert sure(agreeing([root, hole, other, later])) == [0.87, 0.87, pytest.approx(0.79), 0.6]
