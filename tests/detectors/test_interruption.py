import json

import dumps
import numpy as np
import pytest

from aqa.detector import registry
from aqa.detectors.interruption import Settings

interruption = registry()["interruption"]


def test_a_hit_spans_the_poll_in_which_the_count_rose():
    track = dumps.track(5.0, interruptions=[2, 2, 5, 5], interruption_s=[0.4, 0.4, 1.6, 1.6])
    (found,) = interruption(track)
    assert (found.start_s, found.end_s, found.value, found.unit) == (5.0, 10.0, 3.0, "interruptions")
    assert (found.severity, found.cause) == ("major", "not_measurable")
    facts = json.loads(found.evidence)
    assert facts["interrupted_s"] == pytest.approx(1.2)
    assert (facts["before"]["interruptions"], facts["after"]["interruptions"]) == (2, 5)


def test_polls_that_follow_each_other_are_one_and_others_are_not():
    counted = [0, 1, 2, 2, 3]
    found = interruption(dumps.track(interruptions=counted, interruption_s=np.array(counted) * 1.5))
    assert [(f.start_s, f.end_s, f.value, f.severity) for f in found] == [
        (0.0, 2.0, 2.0, "critical"),
        (3.0, 4.0, 1.0, "major"),
    ]


def test_what_was_counted_before_the_first_poll_is_not_in_it():
    assert interruption(dumps.track(interruptions=[7, 7, 7])) == []


def test_where_nothing_is_counted_nothing_is_found():
    assert interruption(dumps.talk([0.9] * 30)) == []


def test_the_length_is_not_measured_where_it_is_not_counted():
    (found,) = interruption(dumps.track(interruptions=[0, 1]))
    assert json.loads(found.evidence)["interrupted_s"] is None
    assert found.severity == "major"


def test_packets_lost_in_it_are_its_cause():
    (found,) = interruption(dumps.track(interruptions=[0, 1, 1], packets_lost=[3, 12, 12]))
    assert found.cause == "network_loss"
    (found,) = interruption(dumps.track(interruptions=[0, 1, 1], packets_lost=[3, 3, 12]))
    assert found.cause == "not_measurable"


def test_a_restart_is_no_interruption_and_the_edge_is_a_setting():
    assert interruption(dumps.track(interruptions=[5, 1], packets_received=[900, 10])) == []
    assert interruption(dumps.track(interruptions=[0, 1]), Settings(min_count=2)) == []
