"""A start that is contradicted: said with both times, and whether it is a time zone."""

import json

import pytest

from aqa.align import Aligned, Alignment
from aqa.detector import registry
from aqa.detectors.clock_mismatch import time_zone

FIND = registry()["clock_mismatch"]
NS = 1_700_000_000_000_000_000


def checked(later_s, *, confidence=0.95, error_s=0.01):
    found = Alignment(NS, 12.0, True, error_s, confidence, ("size",), 18, 19, 30.0, 4.0)
    return Aligned("mix.wav", 600.0, NS + round(later_s * 1e9), "settings", found)


def test_a_wrong_start_is_said_with_both_times():
    (finding,) = FIND(checked(-12.5))
    facts = json.loads(finding.evidence)
    assert (finding.kind, finding.source, finding.scope) == ("clock_mismatch", "container", "recorder")
    assert (finding.start_s, finding.end_s, finding.value, finding.unit) == (0.0, 600.0, -12.5, "s")
    assert finding.severity == "major" and finding.confidence == 0.95
    assert facts["found_utc"] == "2023-11-14T22:13:20.000Z" and facts["given_utc"] == "2023-11-14T22:13:07.500Z"
    assert facts["error_ms"] == 10.0 and facts["time_zone"] is None and facts["given_from"] == "settings"


@pytest.mark.parametrize("later_s", [0.0, 0.12, 0.5, -0.05])
def test_a_start_behind_a_buffer_or_within_the_error_is_none(later_s):
    assert FIND(checked(later_s)) == []


def test_the_edge_is_the_error_and_that_of_two_clocks():
    assert FIND(checked(-0.059)) == [] and len(FIND(checked(-0.061))) == 1
    assert FIND(checked(-0.1, error_s=0.06)) == []
    assert FIND(checked(-0.9))[0].severity == "minor"


def test_what_is_not_sure_says_nothing():
    assert FIND(checked(3600.0, confidence=0.5)) == []


@pytest.mark.parametrize(
    ("later_s", "zone"),
    [(3600.4, "+01:00"), (-19_799.0, "-05:30"), (20_700.0, "+05:45"), (3603.0, None), (0.4, None), (90_000.0, None)],
)
def test_whole_quarter_hours_are_a_time_zone(later_s, zone):
    assert time_zone(later_s, 2.0) == zone
