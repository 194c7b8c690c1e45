"""Display filters: what they say, and that tshark shows the packets meant and no others."""

import dataclasses
import json
import shutil
import subprocess

import pytest
from captures import START_NS, ethernet, ipv4, ipv6, pcap, rtp, talk, udp
from report_builder import dropout, loss, stream
from typer.testing import CliRunner

from aqa.cli import app
from aqa.model import Finding, evidence
from aqa.report.filters import wireshark_filter, wireshark_filters
from aqa.stream_model import StreamRow

ROW = stream(src="10.0.0.1:5004", dst="10.0.0.2:6004", ssrc="0x00001234")
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def lost(first, last, **changes):
    return loss(evidence=evidence(first_sequence=first, last_sequence=last), **changes)


def test_a_loss_is_shown_by_its_sequence_numbers_and_neighbours():
    assert wireshark_filter(lost(101, 103), ROW) == (
        "ip.src == 10.0.0.1 && udp.srcport == 5004 && ip.dst == 10.0.0.2 && udp.dstport == 6004 && "
        "rtp.ssrc == 0x00001234 && rtp.seq >= 100 && rtp.seq <= 104"
    )


def test_sequence_numbers_go_over_the_wrap():
    assert wireshark_filter(lost(65_535, 2), ROW).endswith("(rtp.seq >= 65534 || rtp.seq <= 3)")
    assert wireshark_filter(lost(0, 0), ROW).endswith("(rtp.seq >= 65535 || rtp.seq <= 1)")


@pytest.mark.parametrize("changes", [{"expected": 65_537}, {"expected": None}, {"resets": 1}])
def test_numbers_that_come_again_get_their_time_too(changes):
    found = lost(101, 103, start_utc="2026-11-16T09:01:39.900Z")
    text = wireshark_filter(found, dataclasses.replace(ROW, **changes))
    assert text.endswith("rtp.seq <= 104 && frame.time_epoch >= 1794819669.900 && frame.time_epoch <= 1794819731.400")
    assert "time_epoch" not in wireshark_filter(found, dataclasses.replace(ROW, expected=65_536))


def test_a_loss_of_a_whole_cycle_is_shown_by_its_time():
    text = wireshark_filter(lost(5, 5, value=65_536.0, start_utc="2026-11-16T09:00:00.000Z"), ROW)
    assert "rtp.seq" not in text
    assert "frame.time_epoch >= 1794819599.900" in text


def test_the_capture_has_its_times_without_the_offset():
    found = loss(start_utc="2026-11-16T09:00:00.000Z", kind="stall")
    text = wireshark_filter(found, ROW, clock_offset_s=2.0)
    assert text.endswith("frame.time_epoch >= 1794819597.900 && frame.time_epoch <= 1794819599.600")


def test_ipv6_and_flows_that_are_no_addresses():
    v6 = dataclasses.replace(ROW, src="[2001:db8::1]:5004", dst="[2001:db8::2]:6004")
    assert wireshark_filter(lost(1, 1), v6).startswith(
        "ipv6.src == 2001:db8::1 && udp.srcport == 5004 && ipv6.dst =="
    )
    for end in ("", "bob", "bob:5004", "10.0.0.1:", "10.0.0.1:x"):
        text = wireshark_filter(lost(1, 1), dataclasses.replace(ROW, src=end, dst=end))
        assert text == "rtp.ssrc == 0x00001234 && rtp.seq >= 0 && rtp.seq <= 2"


def test_without_utc_or_numbers_the_stream_is_shown():
    assert wireshark_filter(loss(), ROW).endswith("rtp.ssrc == 0x00001234")


def test_filters_by_finding_name_no_flow_where_two_have_the_ssrc():
    found = (lost(101, 103, stream=ROW.ssrc), lost(1, 2, finding_id="f-other", stream="0x00000009"), dropout())
    assert wireshark_filters(found, [ROW]) == {"f-loss": wireshark_filter(found[0], ROW)}
    other = dataclasses.replace(ROW, src="10.0.0.9:1")
    assert (
        wireshark_filters(found, [ROW, other])["f-loss"]
        == "rtp.ssrc == 0x00001234 && rtp.seq >= 100 && rtp.seq <= 104"
    )


def shown(path, text):
    """Sequence numbers of the packets that tshark shows."""
    command = ["tshark", "-r", str(path), "--enable-heuristic", "rtp_udp", "-Y", text]
    command += ["-T", "fields", "-e", "rtp.seq"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]


def analysed(folder, content):
    """Findings by kind and the streams of a capture, as the report has them."""
    (folder / "call.pcap").write_bytes(content)
    arguments = ["analyze", str(folder / "call.pcap"), "--data", str(folder / "data"), "--quiet"]
    CliRunner().invoke(app, [*arguments, "--reports", str(folder / "reports")])
    report = json.loads(next((folder / "reports").glob("*/report.json")).read_text())
    found = [Finding(**item) for item in report["findings"]]
    return {item.kind: item for item in found}, [StreamRow(**row) for row in report["streams"]]


@needs_tshark
@pytest.mark.parametrize(("host", "kind"), [(ipv4, 0x0800), (ipv6, 0x86DD)], ids=["ipv4", "ipv6"])
def test_tshark_shows_the_packets_around_a_loss(tmp_path, host, kind):
    packets = [p for p in talk(400, first=65_400) if not 65_534 <= p.sequence <= 65_538]
    other = talk(400, ssrc=0x9999)
    wire = [
        (START_NS + round(p.arrival_s * 1e9), ethernet(host(udp(rtp(p))), kind=kind))
        for p in sorted([*packets, *other], key=lambda p: p.arrival_s)
    ]
    found, rows = analysed(tmp_path, pcap(wire))
    row = next(row for row in rows if row.ssrc == "0x00001234")
    assert shown(tmp_path / "call.pcap", wireshark_filter(found["loss"], row)) == [65_533, 3]


@needs_tshark
def test_tshark_shows_both_ends_of_a_stall(tmp_path):
    late = [dataclasses.replace(p, arrival_s=p.arrival_s + 3.0) for p in talk(400)[200:]]
    wire = [(START_NS + round(p.arrival_s * 1e9), ethernet(ipv4(udp(rtp(p))))) for p in [*talk(400)[:200], *late]]
    found, (row,) = analysed(tmp_path, pcap(wire))
    seen = shown(tmp_path / "call.pcap", wireshark_filter(found["stall"], row))
    assert {199, 200} <= set(seen)
    assert seen == list(range(seen[0], seen[-1] + 1))
    assert len(seen) <= 12  # 0.1 s either side
