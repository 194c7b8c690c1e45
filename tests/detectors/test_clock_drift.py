"""Drift: of clocks, not of queues."""

import json

import numpy as np
import pytest
from captures import Packet, talk
from streams import stream

from aqa.detector import registry
from aqa.stream_model import Stream

FIND = registry()["clock_drift"]


def drifting(ppm: float, seconds: int = 120, queue_ms: float = 5.0) -> Stream:
    random = np.random.default_rng(3)
    at = np.arange(seconds * 50) * 0.02
    arrival = np.maximum.accumulate(at * (1 + ppm * 1e-6) + random.exponential(queue_ms / 1000, len(at)))
    return stream([Packet(float(t), i, i * 160) for i, t in enumerate(arrival)])


@pytest.mark.parametrize(("ppm", "severity"), [(400.0, "minor"), (-400.0, "minor"), (2000.0, "major")])
def test_drift_is_found_with_its_sign(ppm: float, severity: str) -> None:
    (finding,) = FIND(drifting(ppm))
    assert finding.value == pytest.approx(ppm, abs=5)
    assert (finding.unit, finding.severity) == ("ppm", severity)
    facts = json.loads(finding.evidence)
    assert facts["sender"] == ("slow" if ppm > 0 else "fast")
    assert facts["apart_ms"] == pytest.approx(abs(ppm) * 0.12, rel=0.03)


@pytest.mark.parametrize(("ppm", "count"), [(190.0, 0), (210.0, 1)])
def test_the_least_drift(ppm: float, count: int) -> None:
    assert len(FIND(drifting(ppm, queue_ms=1.0))) == count


def test_a_short_stream_is_not_judged() -> None:
    assert FIND(drifting(2000.0, seconds=50)) == []


def test_a_queue_that_fills_once_is_no_drift() -> None:
    """100 ms more delay from the middle on: 830 ppm over the whole, none in either half."""
    at = [i * 0.02 + (0.1 if i >= 3000 else 0.0) for i in range(6000)]
    assert FIND(stream([Packet(t, i, i * 160) for i, t in enumerate(at)])) == []


def test_a_clean_stream_has_none() -> None:
    assert FIND(stream(talk(6000))) == []
