"""Resets of count and of media time; a change of clock is none."""

import json

import pytest
from captures import Packet, talk
from streams import stream

from aqa.detector import registry

FIND = registry()["stream_reset"]


def after(sequence: int, timestamp: int, *, pause_s: float = 0.0, kind: int = 0) -> list[Packet]:
    return [Packet(2 + pause_s + i * 0.02, sequence + i, timestamp + i * 160, kind) for i in range(100)]


def test_a_new_count() -> None:
    (finding,) = FIND(stream(talk(100) + after(40_000, 1000 + 100 * 160)))
    assert (finding.start_s, finding.end_s) == (pytest.approx(1.98), pytest.approx(2.0))
    assert (finding.unit, finding.severity) == ("s", "minor")
    facts = json.loads(finding.evidence)
    assert (facts["anew"], facts["sequence_before"], facts["sequence_after"]) == ("sequence numbers", 99, 40_000)


def test_a_new_media_time() -> None:
    (finding,) = FIND(stream(talk(100) + after(100, 9_000_000)))
    facts = json.loads(finding.evidence)
    assert facts["anew"] == "media time"
    assert facts["media_jump_s"] == pytest.approx((9_000_000 - 1000 - 99 * 160) / 8000 - 0.02, abs=0.1)


def test_with_a_pause_it_is_major() -> None:
    (finding,) = FIND(stream(talk(100) + after(40_000, 5, pause_s=0.6)))
    assert (finding.severity, finding.value) == ("major", pytest.approx(0.62))


def test_a_change_of_clock_is_none() -> None:
    found = stream(talk(100) + after(100, 70_000, kind=10))
    assert len(found.stretch_clock_hz) == 2
    assert FIND(found) == []


@pytest.mark.parametrize("ahead_s", [0.0, 5.0])
def test_dtx_and_small_steps_are_none(ahead_s: float) -> None:
    assert FIND(stream(talk(100) + after(100, 1000 + 100 * 160 + round(ahead_s * 8000), pause_s=ahead_s))) == []
