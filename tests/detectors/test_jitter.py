"""Jitter: a hit, a near miss, and what must not count."""

import json

import numpy as np
import pytest
from captures import Packet, talk
from streams import stream

from aqa.detector import registry

FIND = registry()["jitter"]


def uneven(late_ms: float, *, payload_type: int = 0, count: int = 1000) -> list[Packet]:
    """Every second packet between 400 and 700 comes late by so much: J tends to that much."""
    return [
        Packet(i * 0.02 + (late_ms / 1000 if 400 <= i < 700 and i % 2 else 0), i, i * 160, payload_type)
        for i in range(count)
    ]


def in_order(packets: list[Packet]) -> list[Packet]:
    return sorted(packets, key=lambda p: p.arrival_s)


def test_uneven_arrival_is_one_finding() -> None:
    (finding,) = FIND(stream(in_order(uneven(45))))
    assert 8.0 < finding.start_s < 9.0
    assert 13.9 < finding.end_s < 14.6
    assert (finding.value, finding.unit) == (pytest.approx(45, abs=2), "ms")
    assert (finding.severity, finding.cause) == ("minor", "not_measurable")
    assert json.loads(finding.evidence)["clock_rate_hz"] == 8000


def test_below_the_threshold_there_is_none() -> None:
    assert FIND(stream(in_order(uneven(28)))) == []


@pytest.mark.parametrize(("late_ms", "severity"), [(90, "major"), (250, "critical")])
def test_severity_by_the_largest(late_ms: float, severity: str) -> None:
    assert {f.severity for f in FIND(stream(in_order(uneven(late_ms))))} == {severity}


def test_without_a_clock_it_is_not_judged() -> None:
    rng = np.random.default_rng(3)
    jumpy = [Packet(i * 0.02 + rng.random() * 0.3, i, i * 61 * 20, 96) for i in range(300)]
    found = stream(in_order(jumpy))
    assert found.clock_rate_hz is None
    assert FIND(found) == []


def test_talkspurts_that_begin_late_do_not_count() -> None:
    """Each talkspurt of 12 packets begins 800 ms later than RTP time says, marked as such."""
    spurts = [
        Packet(s * 1.0 + i * 0.02 + s * 0.8, s * 12 + i, s * 8000 + i * 160, 0, i == 0)
        for s in range(20)
        for i in range(12)
    ]
    assert FIND(stream(spurts)) == []
    unmarked = [Packet(p.arrival_s, p.sequence, p.timestamp) for p in spurts]
    assert FIND(stream(unmarked)) != []


def test_a_steady_stream_has_none() -> None:
    assert FIND(stream(talk(500))) == []
