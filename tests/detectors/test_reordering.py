"""Reordering: by hand, with the extent of RFC 4737."""

import json

import numpy as np
import pytest
from captures import Packet, talk
from hypothesis import given
from hypothesis import strategies as st
from streams import stream

from aqa.detector import registry
from aqa.measures.rtp import reorder_extents, reordered

FIND = registry()["reordering"]


def overtaken(places: dict[int, int], count: int = 300) -> list[Packet]:
    """Each of these packets comes after so many that were sent later."""
    sent = sorted(talk(count), key=lambda p: p.sequence + places.get(p.sequence, 0) + 0.5 * (p.sequence in places))
    return [Packet(i * 0.02, p.sequence, p.timestamp) for i, p in enumerate(sent)]


def test_three_swaps_in_a_second_are_a_finding() -> None:
    (finding,) = FIND(stream(overtaken({100: 1, 110: 1, 120: 1})))
    assert (finding.value, finding.unit, finding.severity) == (3, "packets", "minor")
    assert (finding.start_s, finding.end_s) == (pytest.approx(2.0), pytest.approx(2.42))
    assert json.loads(finding.evidence)["extent_max"] == 1


@pytest.mark.parametrize("places", [{100: 1, 110: 1}, {100: 1, 200: 1, 290: 1}, {100: 2}, {}])
def test_fewer_are_none(places: dict[int, int]) -> None:
    assert FIND(stream(overtaken(places))) == []


@pytest.mark.parametrize(("extent", "severity"), [(3, "major"), (10, "major")])
def test_one_that_many_overtook(extent: int, severity: str) -> None:
    (finding,) = FIND(stream(overtaken({100: extent})))
    assert (finding.value, finding.severity) == (1, severity)
    facts = json.loads(finding.evidence)
    assert facts["extent_max"] == extent
    assert facts["behind_max_ms"] == pytest.approx(20 * extent)


def test_duplicates_are_not_counted() -> None:
    doubled = sorted(
        [*talk(300), *[Packet(i * 0.02 + 0.07, i, i * 160) for i in range(100)]], key=lambda p: p.arrival_s
    )
    assert FIND(stream(doubled)) == []


@given(st.permutations(range(12)))
def test_extents_agree_with_rfc_4737(order: list[int]) -> None:
    """4.2: how many arrivals since the earliest packet with a greater number."""
    found = stream([Packet(i * 0.02, 100 + s, s * 160) for i, s in enumerate(order)])
    late = np.flatnonzero(reordered(found)).tolist()
    naive = [i - next(j for j in range(i) if order[j] > order[i]) for i in late]
    assert reorder_extents(found).tolist() == naive
