"""Duplicates: many are a finding, a few are not."""

import json

import pytest
from captures import Packet, talk
from streams import stream

from aqa.detector import registry

FIND = registry()["duplication"]


def doubled(numbers: range, count: int = 300, behind_s: float = 0.001) -> list[Packet]:
    again = [Packet(p.arrival_s + behind_s, p.sequence, p.timestamp) for p in talk(count) if p.sequence in numbers]
    return sorted([*talk(count), *again], key=lambda p: p.arrival_s)


def test_a_run_of_them() -> None:
    (finding,) = FIND(stream(doubled(range(100, 130))))
    assert (finding.value, finding.unit, finding.severity) == (30, "packets", "minor")
    assert (finding.start_s, finding.end_s) == (pytest.approx(2.001), pytest.approx(2.581))
    facts = json.loads(finding.evidence)
    assert facts["behind_median_ms"] == pytest.approx(1.0, abs=1e-3)
    assert facts["share_pct"] == pytest.approx(50, abs=1)


@pytest.mark.parametrize(("last", "count"), [(109, 0), (110, 1)])
def test_ten_are_the_least(last: int, count: int) -> None:
    assert len(FIND(stream(doubled(range(100, last))))) == count


def test_far_ones_are_two() -> None:
    packets = doubled(range(0, 300, 1), 300)
    kept = [p for i, p in enumerate(packets) if i % 2 == 0 or p.sequence < 50 or p.sequence >= 200]
    assert [f.value for f in FIND(stream(kept))] == [50, 100]


def test_none_in_a_clean_stream() -> None:
    assert FIND(stream(talk(300))) == []
