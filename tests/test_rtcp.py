"""RTCP by hand from the RFCs' figures, on damaged packets, and on a real call."""

import json
import struct
from pathlib import Path

import pytest
from captures import START_NS, ethernet, frames, ipv4, pcap, talk, udp
from hypothesis import given
from hypothesis import strategies as st

from aqa import packets
from aqa.rtcp import Arrived, ntp_ns, read_rtcp

SSRC = 0x1234
NTP = (3_900_000_000 << 32) | 0x40000000  # a quarter of a second past a whole one


def part(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0x80 | count, kind, len(body) // 4) + body


def block(ssrc: int, *, fraction: int = 0, lost: int = 0, jitter: int = 0, lsr: int = 0, dlsr: int = 0) -> bytes:
    return struct.pack(">6I", ssrc, fraction << 24 | lost & 0xFFFFFF, 65_536 + 7, jitter, lsr, dlsr)


def sender_report(ssrc: int = SSRC, ntp: int = NTP, rtp: int = 160, blocks: bytes = b"") -> bytes:
    return part(200, len(blocks) // 24, struct.pack(">IQIII", ssrc, ntp, rtp, 50, 8000) + blocks)


def description(ssrc: int, cname: bytes) -> bytes:
    chunk = struct.pack(">IBB", ssrc, 1, len(cname)) + cname + b"\0"
    return part(202, 1, chunk + bytes(-len(chunk) % 4))


def read(*items: tuple[float, bytes]) -> dict:
    return read_rtcp(Arrived(START_NS + round(at * 1e9), data) for at, data in items)


def test_a_sender_report_maps_rtp_time_to_utc() -> None:
    """RFC 3550 4: NTP counts seconds from 1900, which is 2,208,988,800 s before 1970."""
    assert ntp_ns(NTP) == (3_900_000_000 - 2_208_988_800) * 10**9 + 250_000_000
    assert read((0, sender_report()))[SSRC].sender_times == ((ntp_ns(NTP), 160),)


def test_an_ntp_time_of_zero_is_no_clock() -> None:
    assert SSRC not in read((0, sender_report(ntp=0)))


def test_round_trip_is_what_the_receiver_did_not_hold_back() -> None:
    """RFC 3550 6.4.1, figure 2: A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 5.25 s: 6.125 s."""
    first, second = 0xB705_2000, 0xB710_8000
    away_s = (second - first) / 65536
    reply = part(201, 1, struct.pack(">I", 9) + block(SSRC, lsr=first, dlsr=0x0005_4000))
    found = read((0, sender_report(ntp=first << 16)), (away_s, reply))[SSRC]
    assert found.rtt_ms == pytest.approx((6125.0,))


def test_cumulative_loss_is_signed() -> None:
    """RFC 3550 6.4.1: duplicates make it negative; the fraction is in 1/256."""
    found = read((0, part(201, 1, struct.pack(">I", 9) + block(SSRC, fraction=64, lost=-3, jitter=80))))[SSRC]
    assert (found.lost, found.loss_pct, found.jitter, found.reports) == (-3, 25.0, 80, 1)


def test_compound_packets_are_read_to_their_end() -> None:
    found = read((0, sender_report() + description(SSRC, b"alice@host") + part(203, 1, struct.pack(">I", SSRC))))[
        SSRC
    ]
    assert (found.cname, found.bye_ns) == ("alice@host", START_NS)


def test_voip_metrics() -> None:
    """RFC 3611 4.7: shares in 1/256, MOS in tenths, 127 for what is not known."""
    body = struct.pack(">I4B4Hbb8B3H", SSRC, 26, 0, 128, 2, 400, 9000, 120, 60, -20, 127, 50, 16, 80, 127, 38, 36,
                       0xB0, 0, 40, 60, 200)  # fmt: skip
    xr = part(207, 0, struct.pack(">I", 9) + struct.pack(">BBH", 7, 0, 8) + body)
    metrics = json.loads(read((0, xr))[SSRC].extended)["voip_metrics"]
    assert (metrics["loss_pct"], metrics["burst_density_pct"], metrics["r_factor"]) == (10.16, 50.0, 80)
    assert (metrics["mos_lq"], metrics["mos_cq"], metrics["buffer"], metrics["concealment"]) == (
        3.8, 3.6, "adaptive", "enhanced",
    )  # fmt: skip
    assert "noise_dbm0" not in metrics and "external_r_factor" not in metrics


def test_newer_blocks_of_loss_discard_and_concealment() -> None:
    """RFC 6958 3.1, RFC 7003 3.1, RFC 7002 3.1, RFC 7294 4.1."""
    loss = struct.pack(">IB", SSRC, 16) + (900).to_bytes(3, "big")
    loss += (30 << 72 | 45 << 48 | 4 << 36 | 77).to_bytes(12, "big")
    discard = struct.pack(">IB", SSRC, 16) + (12).to_bytes(3, "big") + (40).to_bytes(3, "big") + b"\0"
    count = struct.pack(">II", SSRC, 99)
    concealed = struct.pack(">4I", SSRC, 50, 7, 50 << 16 | 3)
    blocks = [(20, 0, loss), (21, 0, discard), (24, 0x20, count), (31, 0, concealed)]
    body = b"".join(struct.pack(">BBH", kind, own, len(data) // 4) + data for kind, own, data in blocks)
    found = json.loads(read((0, part(207, 0, struct.pack(">I", 9) + body)))[SSRC].extended)
    assert found["burst_gap_loss"] == {
        "gmin": 16, "bursts_ms": 900, "lost_in_bursts": 30, "expected_in_bursts": 45, "bursts": 4,
    }  # fmt: skip
    assert found["burst_gap_discard"]["discarded_in_bursts"] == 12
    assert found["discard_count_2"] == {"discarded": 99}
    assert found["concealed_seconds"]["severely_concealed_s"] == 3


WHOLE = sender_report(blocks=block(7)) + description(SSRC, b"bob") + part(203, 1, struct.pack(">I", SSRC))


@given(st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_lengths_that_lie_cost_themselves_only(cut: int, at: int, value: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[at] = value
    read((0, bytes(damaged[:cut])), (0, bytes(damaged)), (1, WHOLE))
    assert read((0, bytes(damaged[:cut])), (1, WHOLE))[SSRC].cname == "bob"


def test_a_log_hands_its_rtcp_to_its_streams(tmp_path: Path) -> None:
    items = frames(talk(60))
    for at, data in (
        (0.1, sender_report() + description(SSRC, b"alice")),
        (0.9, part(203, 1, struct.pack(">I", SSRC))),
    ):
        items.append((START_NS + round(at * 1e9), ethernet(ipv4(udp(data)))))
    (tmp_path / "a.pcap").write_bytes(pcap(sorted(items)))
    log = packets.read_log(tmp_path / "a.pcap", name="a.pcap", codecs={})
    (stream,) = log.streams
    assert stream.reported is not None
    assert (stream.reported.cname, stream.reported.bye_ns) == ("alice", START_NS + 900_000_000)
    assert log.skipped == {"RTCP": 2}


def test_real_reports(corpus: Path) -> None:
    """69 receiver reports in the clear, and a call that says good-bye (corpus README)."""
    folder = corpus / "rtp-pcap-ndpi" / "ntop+nDPI"
    log = packets.read_log(folder / "sip.pcap", name="sip.pcap", codecs={})
    assert [stream.codec for stream in log.streams] == ["PCMA/8000/1"]
    assert [stream.clock_rate_from for stream in log.streams] == ["sdp"]
