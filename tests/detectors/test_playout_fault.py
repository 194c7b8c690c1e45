import json

import dumps
import numpy as np
import pytest

from aqa.detector import registry
from aqa.detectors.playout_fault import Settings

playout_fault = registry()["playout_fault"]


def device(dry_s, step_s=1.0):
    """A device that made up so many seconds in each interval."""
    dry = np.concatenate([[0.2], 0.2 + np.cumsum(dry_s)])
    return dumps.track(
        step_s, direction="playout", ssrc=None, synthesized_s=dry, samples_s=np.arange(len(dry)) * step_s
    )


def test_a_hit_spans_its_polls_and_the_device_is_its_cause():
    (found,) = playout_fault(device([0, 0, 0.1, 0.2, 0, 0]))
    assert (found.start_s, found.end_s, found.value, found.unit) == (2.0, 4.0, pytest.approx(300), "ms")
    assert (found.cause, found.cause_confidence, found.severity) == ("playout_device", 0.85, "major")
    facts = json.loads(found.evidence)
    assert facts["dry_pct"] == pytest.approx(15)
    assert facts["before"]["synthesized_s"] == pytest.approx(0.2)
    assert facts["after"]["synthesized_s"] == pytest.approx(0.5)


@pytest.mark.parametrize(("dry_s", "many"), [(0.04, 0), (0.06, 1)])
def test_the_edge_is_50_ms_in_a_stretch(dry_s, many):
    assert len(playout_fault(device([0, dry_s, 0]))) == many


def test_a_near_miss_is_little_and_rare():
    assert playout_fault(device(([0.02] + [0.0] * 20) * 10)) == []


def test_stretches_apart_are_findings_apart():
    found = playout_fault(device([0.1] + [0.0] * 9 + [0.5]))
    assert [f.severity for f in found] == ["major", "critical"]


def test_what_the_start_made_up_is_not_judged():
    assert playout_fault(device([0.0] * 5)) == []


def test_a_received_stream_is_not_looked_at():
    track = dumps.track(synthesized_s=[0.0, 1.0], samples_s=[0.0, 2.0])
    assert playout_fault(track) == []


def test_settings_hold():
    assert playout_fault(device([0, 0.1, 0]), Settings(min_ms=150.0)) == []
