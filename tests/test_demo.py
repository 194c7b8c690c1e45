"""The demo's report says what the truth file beside it says; the committed report is that report."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aqa.cli import app

ROOT = Path(__file__).parent.parent
FRAME_S = 0.02


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    arguments = ["analyze", str(ROOT / "data" / "demo"), "--data", str(folder / "d"), "--reports", str(folder / "r")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    return folder / "r" / "demo"


@pytest.fixture(scope="module")
def report(made):
    return json.loads((made / "report.json").read_text())


@pytest.fixture(scope="module")
def faults():
    return json.loads((ROOT / "data" / "demo" / "truth.json").read_text())["faults"]


def of(rows, kind):
    return [row for row in rows if row["kind"] == kind]


def test_every_dropout_is_found_to_the_millisecond_with_its_cause(report, faults):
    found = of(report["findings"], "dropout")
    true = of(faults, "dropout")
    assert len(found) == len(true)
    for row, fault in zip(found, true, strict=True):
        assert row["start_s"] == pytest.approx(fault["start_s"], abs=0.001)
        assert row["duration_s"] == pytest.approx(fault["length_s"], abs=0.001)
        assert row["cause"] == fault["cause"]
        because = next(item for item in report["findings"] if item["finding_id"] == row["cause_finding_id"])
        assert because["track"] == fault["participant"]


def test_every_lost_packet_is_in_a_loss_of_its_participant_and_none_is_made_up(report, faults):
    true = of(faults, "loss")
    for name in ("alice", "bob", "carol"):
        mine = [row for row in of(report["findings"], "loss") if row["track"] == name]
        assert sum(row["value"] for row in mine) == sum(f["packets"] for f in true if f["participant"] == name)
    for fault in true:
        start, end = fault["media_s"], fault["media_s"] + fault["packets"] * FRAME_S
        mine = [row for row in of(report["findings"], "loss") if row["track"] == fault["participant"]]
        # a packet is sent when its frame is full, and arrives 20 ms and some jitter later
        assert any(row["start_s"] - 0.1 <= start and end <= row["end_s"] + 0.01 for row in mine), fault


def test_the_stall_and_the_jitter_are_found_and_no_other(report, faults):
    (stall,), (true,) = of(report["findings"], "stall"), of(faults, "stall")
    assert stall["track"] == true["participant"]
    assert stall["start_s"] == pytest.approx(true["media_s"], abs=0.1)
    assert stall["duration_s"] == pytest.approx(true["length_s"], abs=0.1)
    assert stall["cause"] == true["cause"]
    (true,) = of(faults, "jitter")
    found = of(report["findings"], "jitter")
    assert all(row["track"] == true["participant"] for row in found)
    assert all(true["start_s"] - 0.2 <= row["start_s"] and row["end_s"] <= true["end_s"] + 2 for row in found)


def test_late_and_reordered_packets_are_found_where_jitter_was_made(report, faults):
    (jitter,), (stall,) = of(faults, "jitter"), of(faults, "stall")
    (reordering,) = of(report["findings"], "reordering")
    assert reordering["track"] == jitter["participant"]
    assert jitter["start_s"] - 0.2 <= reordering["start_s"] < reordering["end_s"] <= jitter["end_s"] + 0.2
    late = of(report["findings"], "late")
    assert late[0]["track"] == jitter["participant"]
    stall_end_s = stall["media_s"] + stall["length_s"]
    for row in late:  # in the jitter, or with the buffer still empty after the stall
        inside = jitter["start_s"] <= row["start_s"] <= row["end_s"] <= jitter["end_s"] + 0.2
        assert inside or (row["track"] == stall["participant"] and 0 < row["start_s"] - stall_end_s < 0.2)
        assert row["cause"] == ("late_arrival" if inside else stall["cause"])  # late because of what went before


def test_what_was_heard_is_in_the_row_of_each_stream(report, faults):
    for row in report["streams"]:
        lost_s = sum(f["packets"] for f in of(faults, "loss") if f["participant"] == row["participant"]) * FRAME_S
        assert row["playout_model"] == "neteq 60 ms"
        assert row["concealed_lost_s"] == pytest.approx(lost_s, abs=0.2)  # a long hole may be cut short by 160 ms
        assert 1 <= row["worst_interval_mos"] <= row["mos_estimated"] <= 4.5


def test_nothing_else_is_found(report):
    assert {row["kind"] for row in report["findings"]} <= {"dropout", "loss", "stall", "jitter", "late", "reordering"}


@pytest.mark.parametrize("name", ["report.md", "report.json"])
def test_the_committed_report_is_what_the_program_writes(made, name):
    committed = (ROOT / "reports" / "demo" / name).read_text()
    assert committed == (made / name).read_text(), f"run: aqa analyze data/demo, and commit reports/demo/{name}"
