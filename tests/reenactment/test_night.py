"""The night in miniature, analysed by seeds that nothing was tuned on, and held against its truth."""

import json

import pytest

from aqa.pipeline import Options, analyze
from reenactment.judged import judged, reliability
from reenactment.world import build

SEEDS = (11, 12)
"""Not used while thresholds and rules were set; those were 1 to 5."""


@pytest.fixture(scope="session", params=SEEDS)
def night(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"night-{request.param}")
    story = build(folder / "night", request.param)
    analyze([folder / "night"], Options(data=folder / "data", reports=folder / "reports"))
    return story, json.loads((folder / "reports" / "night" / "report.json").read_text())


@pytest.fixture(scope="session")
def result(night):
    story, report = night
    return judged(report["findings"], story.truth)


def test_causes_are_right_for_nine_of_ten_findings(result):
    wrong = [(item["kind"], item["start_s"], item["cause"], fault) for item, fault in result.wrong]
    assert len(result.right) >= 60
    assert result.share >= 0.9, wrong


def test_nearly_every_finding_is_of_a_fault(result):
    assert len(result.false) <= 0.05 * len(result.right), [
        (f["kind"], f["start_s"], f["cause"]) for f in result.false
    ]


def test_confidence_is_calibrated(result):
    """Stated certainty is never much above how often it was right; the table is in the test's output."""
    print("\nstated      findings  mean stated  right")
    for name, many, stated, right in reliability([result]):
        print(f"{name:<12}{many:>8}{stated:>13.2f}{right:>7.2f}")
        assert many < 5 or right >= stated - 0.15, name


def test_no_mute_is_called_a_fault(night):
    """Outside her turns carol's microphone is off, and no packets come: neither her stream nor the mix lacks them."""
    story, report = night
    quiet = [(a[1] + 0.5, b[0] - 0.5) for a, b in zip(story.unmuted, story.unmuted[1:], strict=False)]
    quiet = [(start, end) for start, end in quiet if not start < 330 < end]  # not over the crash
    mine = [f for f in report["findings"] if f["track"] == "carol" and f["cause"] != "intended"]
    called = [f for f in mine if any(f["start_s"] < end and f["end_s"] > start for start, end in quiet)]
    assert [
        (f["kind"], f["start_s"], f["end_s"]) for f in called if f["kind"] in ("stall", "silence", "dropout")
    ] == []


def test_the_knee_and_the_hand_over_are_told(night):
    _, report = night
    kinds = {item["kind"]: item for item in report["findings"]}
    assert kinds["room_restart"]["cause"] == "server_outage"
    assert kinds["outage"]["cause"] == "server_outage"
    assert kinds["outage"]["duration_s"] == pytest.approx(34, abs=5)
    facts = json.loads(kinds["room_restart"]["evidence"])
    assert facts["listeners_kept_pct"] == pytest.approx(50, abs=8)
    knee = json.loads(kinds["capacity"]["evidence"])
    assert knee["knee_low"] <= 330_000 <= knee["knee_high"] * 1.2  # faults are few at first: the knee is found late


def test_the_first_paragraph_tells_the_story(night):
    _, report = night
    told = report["event"]["verdict"].replace("\u00a0", " ")
    for part in (
        "room-1 broke up for everyone from 22:03",
        "all sound stopped from 22:0",
        "until room-2 opened at 22:05:30",
    ):
        assert part in told
