import json

import pytest

from aqa.detector import registry
from aqa.sound_model import Claim, Hole, Media


def found(*claims, samples=4_800_000, **keywords):
    return registry()["elided_time"](Media("a.ogg", "ogg", "opus", 48_000, 1, samples, claims=claims, **keywords))


def test_the_recording_is_shorter_than_its_stamps():
    (one,) = found(Claim("the stamps", 102.5))
    assert (one.start_s, one.end_s, one.value, one.unit, one.severity) == (0.0, 100.0, 2.5, "s", "major")
    assert (one.scope, one.source, one.confidence) == ("recorder", "container", 0.9)
    assert json.loads(one.evidence) == {"clock": "the stamps", "clock_s": 102.5, "recording_s": 100.0}


@pytest.mark.parametrize(("claim_s", "count"), [(99.0, 0), (100.4, 0), (100.51, 1)])
def test_half_a_second_may_lack(claim_s, count):
    assert len(found(Claim("", claim_s))) == count


@pytest.mark.parametrize(("claim_s", "count"), [(1000.9, 0), (1001.1, 1)])
def test_one_in_a_thousand_may_lack(claim_s, count):
    assert len(found(Claim("", claim_s), samples=48_000_000)) == count


def test_known_holes_are_not_elided():
    holes = (Hole(10.0, 12.0, ""), Hole(50.0, 50.5, ""))
    assert not found(Claim("", 102.5), missing=holes)
    assert found(Claim("", 104.0), missing=holes)[0].value == 1.5
    assert not found(Claim("", 102.0), damaged=(Hole(100.0, 102.0, ""),))


@pytest.mark.parametrize(("lack_s", "count"), [(4.9, 0), (5.1, 1)])
def test_a_recorder_may_stop_before_its_room(lack_s, count):
    got = found(Claim("the room", 100 + lack_s, sure=False))
    assert [item.confidence for item in got] == [0.5] * count


@pytest.mark.parametrize(("lack_s", "severity"), [(0.6, "minor"), (5.0, "major"), (50.0, "critical")])
def test_severity(lack_s, severity):
    assert found(Claim("", 100 + lack_s))[0].severity == severity


def test_none():
    assert not found()
    assert not found(Claim("", 10.0), samples=0)
