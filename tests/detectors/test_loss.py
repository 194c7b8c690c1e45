"""Loss: a hit, a near miss, an edge, and captures whose losses are known packet by packet."""

import json
from pathlib import Path

import pytest
from captures import Packet, talk
from streams import stream

from aqa import packets
from aqa.detector import registry
from aqa.detectors.loss import Settings
from aqa.model import Finding
from aqa.stream_model import Stream

FIND = registry()["loss"]


def without(*lost: int, count: int = 200) -> Stream:
    return stream([p for p in talk(count) if p.sequence not in lost])


def only(found: list[Finding]) -> Finding:
    assert len(found) == 1
    return found[0]


def test_an_isolated_loss_is_one_finding() -> None:
    finding = only(FIND(without(50)))
    assert (finding.start_s, finding.end_s) == (pytest.approx(1.0), pytest.approx(1.02))
    assert (finding.value, finding.unit, finding.severity) == (1.0, "packets", "minor")
    assert (finding.scope, finding.stream, finding.kind, finding.source) == (
        "stream",
        "0x00001234",
        "loss",
        "packets",
    )
    assert (finding.cause, finding.cause_confidence) == ("network_loss", 0.8)
    facts = json.loads(finding.evidence)
    assert (facts["pattern"], facts["first_sequence"], facts["frame_ms"]) == ("isolated", 50, 20)


def test_a_burst_is_one_finding_from_its_first_loss_to_its_last() -> None:
    finding = only(FIND(without(50, 51, 60)))
    assert (finding.start_s, finding.end_s, finding.value) == (pytest.approx(1.0), pytest.approx(1.22), 3.0)
    facts = json.loads(finding.evidence)
    assert (facts["pattern"], facts["received_inside"], facts["longest_run"]) == ("burst", 8, 2)


def test_sixteen_packets_between_make_two_findings() -> None:
    assert len(FIND(without(50, 66))) == 1
    assert len(FIND(without(50, 67))) == 2


@pytest.mark.parametrize(("lost", "severity"), [(2, "minor"), (3, "major"), (24, "major"), (25, "critical")])
def test_severity_by_lost_media(lost: int, severity: str) -> None:
    assert only(FIND(without(*range(50, 50 + lost)))).severity == severity


def test_no_loss_no_finding() -> None:
    assert FIND(without()) == []


def test_pauses_with_unbroken_numbers_are_no_loss() -> None:
    packets_of_dtx = [Packet(t * 0.02, i, t * 160) for i, t in enumerate([*range(30), *range(130, 160)])]
    assert FIND(stream(packets_of_dtx)) == []


def test_telephone_events_are_no_loss() -> None:
    call = talk(60)
    for i in range(20, 30):
        call[i] = Packet(i * 0.02, i, call[20].timestamp, 101, i == 20, payload=bytes(4))
    assert FIND(stream(call)) == []


def test_without_a_clock_the_neighbours_place_it() -> None:
    finding = only(FIND(stream([p for p in talk(20, hz=48000, payload_type=96) if p.sequence != 10])))
    assert finding.start_s == pytest.approx(0.2)
    assert json.loads(finding.evidence)["placed_by"] == "arrival of the neighbours"


def test_settings_move_severity() -> None:
    assert FIND(without(50), Settings(major_ms=10.0))[0].severity == "major"


def test_every_hundredth_packet_of_a_real_stream(corpus: Path) -> None:
    folder = corpus / "rtp-pcap" / "asterisk+testsuite"
    (dropped,) = packets.read_log(folder / "16_bit_48khz_60_fec_dropped.pcapng", name="a", codecs={}).streams
    (clean,) = packets.read_log(folder / "16_bit_48khz_60_fec_rtp.pcapng", name="b", codecs={}).streams
    found = FIND(dropped)
    # on the arrival clock, against which this sender's runs 49 ppm slow
    due = [(1.98 + 2 * i) * (1 + 49e-6) for i in range(29)]
    assert [f.start_s for f in found] == pytest.approx(due, abs=0.001)
    assert [f.duration_s for f in found] == pytest.approx([0.02] * 29, abs=1e-6)
    assert {f.value for f in found} == {1.0}
    assert FIND(clean) == []
