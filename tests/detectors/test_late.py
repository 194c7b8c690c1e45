"""Late packets: told from losses and stalls, grouped, at the time they are heard."""

import json

import pytest
from captures import Packet, talk
from streams import stream

from aqa.detector import registry
from aqa.model import Finding
from aqa.playout import Buffer, Played, play

FIND = registry()["late"]


def found(delays_ms: dict[int, float], *, lost: frozenset[int] = frozenset(), count: int = 400) -> list[Finding]:
    packets = [Packet(i * 0.02 + delays_ms.get(i, 0) / 1000, i, i * 160) for i in range(count) if i not in lost]
    made = stream(sorted(packets, key=lambda p: p.arrival_s))
    return FIND(Played(made, play(made, Buffer("fixed", 60))))


def test_one_late_packet() -> None:
    (finding,) = found({100: 95})
    assert (finding.start_s, finding.end_s) == (pytest.approx(2.06), pytest.approx(2.08))
    assert (finding.value, finding.unit, finding.severity) == (1, "packets", "minor")
    assert (finding.cause, finding.cause_confidence) == ("late_arrival", 0.7)
    facts = json.loads(finding.evidence)
    assert facts["playout_model"] == "fixed 60 ms"
    assert facts["late_by_max_ms"] == pytest.approx(35, abs=0.01)
    assert facts["saved_by_fixed_ms"] == 100
    assert (facts["first_sequence"], facts["last_sequence"]) == (100, 100)


@pytest.mark.parametrize(("delay_ms", "count"), [(60, 0), (60.1, 1)])
def test_the_edge_of_the_buffer(delay_ms: float, count: int) -> None:
    assert len(found({100: delay_ms})) == count


def test_near_ones_are_one_finding_and_far_ones_two() -> None:
    assert [f.value for f in found({100: 90, 116: 90})] == [2]
    assert [f.value for f in found({100: 90, 117: 90})] == [1, 1]


@pytest.mark.parametrize(("packets", "severity"), [(2, "minor"), (3, "major"), (25, "critical")])
def test_severity_goes_with_the_sound_made_up(packets: int, severity: str) -> None:
    (finding,) = found({100 + i: 70 for i in range(packets)})
    assert (finding.value, finding.severity) == (packets, severity)


def test_losses_are_not_late() -> None:
    assert found({}, lost=frozenset((100, 101, 200))) == []


def test_a_stall_is_not_late() -> None:
    stopped = [Packet(i * 0.02 + (0.9 if i >= 100 else 0), i, i * 160) for i in range(200)]
    made = stream(stopped)
    assert FIND(Played(made, play(made, Buffer()))) == []


def test_not_measured_is_no_finding() -> None:
    made = stream(talk(50, payload_type=96))
    assert FIND(Played(made, play(made, Buffer()))) == []
