import json

import pytest

from aqa.detector import registry
from aqa.sound_model import Hole, Media


def found(*holes):
    return registry()["damaged_media"](Media("a.ogg", "ogg", "opus", 48_000, 1, 480_000, damaged=holes))


def test_one_finding_per_hole():
    (one, two) = found(Hole(5.0, 5.5, "why"), Hole(1.0, 3.0, "why"))
    assert (one.start_s, one.end_s, one.value, one.unit, one.severity) == (1.0, 3.0, 2000.0, "ms", "critical")
    assert (two.start_s, two.scope, two.source, two.channel) == (5.0, "recorder", "container", None)
    assert json.loads(one.evidence) == {"codec": "opus", "container": "ogg", "reason": "why"}


@pytest.mark.parametrize(("seconds", "severity"), [(0.1, "minor"), (0.25, "major"), (1.5, "critical")])
def test_severity(seconds, severity):
    assert found(Hole(0.0, seconds, ""))[0].severity == severity


def test_none():
    assert not found()
