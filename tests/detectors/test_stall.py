"""Stalls: told from DTX, mute and single losses; real ones at their place."""

import json
from pathlib import Path

import pytest
from captures import Packet, talk
from streams import stream

from aqa import packets
from aqa.detector import registry
from aqa.model import Finding

FIND = registry()["stall"]


def held(
    pause_s: float, *, media_s: float = 0.0, missing: int = 0, payload_type: int = 0, hz: int = 8000
) -> list[Packet]:
    """150 packets, a pause, 150 packets; media time goes on by so much and so many numbers are missing."""
    step = hz // 50
    first = [Packet(i * 0.02, i, i * step, payload_type) for i in range(150)]
    ahead = round(media_s * hz)
    return first + [
        Packet(i * 0.02 + pause_s - 0.02, i + missing, i * step + ahead, payload_type) for i in range(150, 300)
    ]


def only(found: list[Finding]) -> Finding:
    assert len(found) == 1
    return found[0]


def test_a_sender_that_stops_is_a_stall() -> None:
    finding = only(FIND(stream(held(0.8))))
    assert (finding.start_s, finding.end_s) == (pytest.approx(2.98), pytest.approx(3.78))
    assert (finding.value, finding.unit, finding.severity) == (pytest.approx(0.8), "s", "major")
    assert (finding.cause, finding.cause_confidence) == ("sender_stall", 0.8)
    facts = json.loads(finding.evidence)
    assert facts["sequence"] == "unbroken"
    assert facts["media_advanced_s"] == pytest.approx(0.02)


@pytest.mark.parametrize(("pause_s", "count"), [(0.5, 0), (0.51, 1)])
def test_the_shortest_stall(pause_s: float, count: int) -> None:
    assert len(FIND(stream(held(pause_s)))) == count


def test_two_seconds_are_critical() -> None:
    assert only(FIND(stream(held(2.0)))).severity == "critical"


def test_a_pause_of_dtx_is_none() -> None:
    """RTP time runs with the wall clock and nothing is missing."""
    assert FIND(stream(held(3.0, media_s=2.98))) == []


def test_one_lost_packet_in_a_pause_of_dtx_is_none() -> None:
    assert FIND(stream(held(3.0, media_s=2.98, missing=1))) == []


def test_an_outage_of_the_network_is_a_stall() -> None:
    finding = only(FIND(stream(held(3.0, media_s=2.98, missing=149))))
    assert finding.cause == "network_loss"
    assert json.loads(finding.evidence)["sequence"] == "149 missing"


def test_media_that_catches_up_makes_the_cause_less_sure() -> None:
    at = [i * 0.02 if i < 100 else max(i * 0.02, 3.0) for i in range(300)]
    finding = only(FIND(stream([Packet(t, i, i * 160) for i, t in enumerate(at)])))
    assert (finding.start_s, finding.end_s) == (pytest.approx(1.98), pytest.approx(3.0))
    assert finding.cause_confidence == 0.5
    assert json.loads(finding.evidence)["caught_up_s"] == pytest.approx(0.98, abs=0.03)


def test_a_restart_is_not_judged() -> None:
    after = [Packet(9 + i * 0.02, 40_000 + i, 7_000_000 + i * 160) for i in range(50)]
    assert FIND(stream(talk(50) + after)) == []


def test_an_unknown_clock_is_judged_by_the_usual_packet() -> None:
    short = held(0.8, payload_type=96, hz=61_000)
    assert stream(short).clock_rate_hz is None
    assert len(FIND(stream(short))) == 1
    assert FIND(stream(held(0.8, media_s=0.78, payload_type=96, hz=61_000))) == []


@pytest.mark.parametrize(
    ("name", "pause_s", "sequence"),
    [
        ("poor_jitter_quality_22.pcapng", 12.556, None),
        ("opus-poor-quality.pcapng", 0.793, "unbroken"),
        ("rtp-240late-2000total.pcapng", 0.523, "unbroken"),
    ],
)
def test_real_stalls(corpus: Path, name: str, pause_s: float, sequence: str | None) -> None:
    path = corpus / "rtp-pcap" / "BelledonneCommunications+mediastreamer2" / name
    (found,) = packets.read_log(path, name=name, codecs={}).streams
    longest = max(FIND(found), key=lambda finding: finding.value or 0)
    assert longest.value == pytest.approx(pause_s, abs=0.001)
    assert longest.duration_s == pytest.approx(pause_s, abs=0.001)
    if sequence:
        assert json.loads(longest.evidence)["sequence"] == sequence


def test_clean_calls_have_none(corpus: Path) -> None:
    for name in ("firstvalid.pcapng", "pcmu_8k_no_jitter.pcap"):
        path = corpus / "rtp-pcap" / "BelledonneCommunications+mediastreamer2" / name
        (found,) = packets.read_log(path, name=name, codecs={}).streams
        assert FIND(found) == []
