"""Exports: what each form holds, and that tshark takes every filter and shows the packets of the finding."""

import csv
import dataclasses
import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from report_builder import analysis, loss, stream
from typer.testing import CliRunner

from aqa.cli import app
from aqa.model import evidence
from aqa.report.exports import EXPORTS, PLANNED, wireshark

DEMO = Path(__file__).parent.parent.parent / "data" / "demo"
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def run(*arguments):
    return CliRunner().invoke(app, [str(item) for item in arguments])


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    assert run("analyze", DEMO, "--data", folder / "data", "--reports", folder / "reports").exit_code == 0
    return folder


def exported(folder, form, *more):
    ran = run("export", "demo", "--as", form, "--data", folder / "data", *more)
    assert ran.exit_code == 0, ran.stderr
    return ran.stdout_bytes


def test_csv_is_findings_csv_and_json_is_what_report_json_holds(demo):
    report = demo / "reports" / "demo"
    assert exported(demo, "csv") == (report / "findings.csv").read_bytes()
    assert json.loads(exported(demo, "json")) == json.loads((report / "report.json").read_text())["findings"]
    assert len(list(csv.reader(io.StringIO(exported(demo, "csv").decode())))) > 5


def pairs(content):
    lines = content.decode().splitlines()
    return list(zip(lines[::2], lines[1::2], strict=True))


def test_wireshark_names_each_finding_in_packets(demo):
    found = pairs(exported(demo, "wireshark"))
    findings = json.loads(exported(demo, "json"))
    assert len(found) == sum(item["source"] == "packets" for item in findings) > 5
    assert "# 00:00:45.921 stall carol 1.42 s" in [comment for comment, _ in found]
    assert all(text.startswith("ip.src == 192.0.2.") for _, text in found)


@needs_tshark
def test_tshark_takes_every_filter_of_the_demo_and_shows_the_packets_around_it(demo):
    findings = [item for item in json.loads(exported(demo, "json")) if item["source"] == "packets"]
    for (comment, text), item in zip(pairs(exported(demo, "wireshark")), findings, strict=True):
        command = ["tshark", "-r", str(DEMO / "room.pcap"), "--enable-heuristic", "rtp_udp", "-Y", text]
        command += ["-T", "fields", "-e", "frame.time_epoch", "-e", "rtp.seq", "-e", "rtp.ssrc"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        packets = [line.split("\t") for line in done.stdout.splitlines()]
        assert len(packets) >= 2, comment
        assert {int(ssrc, 16) for _, _, ssrc in packets} == {int(item["stream"], 16)}
        facts = json.loads(item["evidence"])
        if "first_sequence" in facts:
            seen = {int(number) for _, number, _ in packets}
            assert {facts["first_sequence"] - 1, facts["last_sequence"] + 1} <= seen, comment


@pytest.mark.parametrize("name", PLANNED)
def test_what_is_not_built_is_refused_by_name(demo, name):
    ran = run("export", "demo", "--as", name, "--data", demo / "data")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert f"--as {name}: not built yet; there are csv, json, wireshark" in ran.stderr


def test_unknown_names_and_events_are_2(demo):
    assert "no such export" in run("export", "demo", "--as", "pdf", "--data", demo / "data").stderr
    ran = run("export", "nothing", "--as", "csv", "--data", demo / "data")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert not set(PLANNED) & set(EXPORTS)


def test_output_goes_to_a_file(demo, tmp_path):
    ran = run("export", "demo", "--as", "csv", "--data", demo / "data", "--output", tmp_path / "f.csv")
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert (tmp_path / "f.csv").read_bytes() == exported(demo, "csv")
    (tmp_path / "file").touch()
    wrong = run("export", "demo", "--as", "csv", "--data", demo / "data", "--output", tmp_path / "file" / "x")
    assert wrong.exit_code == 2
    assert "choose another file" in wrong.stderr


def test_a_name_can_t_add_a_line_and_two_flows_share_a_filter():
    lost = loss(track="b\x1b[31mob\nip.src == 1.2.3.4", evidence=evidence(first_sequence=5, last_sequence=6))
    one = stream()
    text = wireshark(analysis(streams=(one,), findings=(lost,))).decode()
    assert text.count("\n") == 2 and "\x1b" not in text
    other = dataclasses.replace(one, src="192.0.2.9:9")
    both = wireshark(analysis(streams=(one, other), findings=(lost,))).decode().splitlines()[1]
    assert both.startswith("rtp.ssrc == 0x00000001 && rtp.seq >= 4")


def test_a_finding_in_sound_has_no_filter():
    assert wireshark(analysis(streams=(stream(),), findings=())) == b""
