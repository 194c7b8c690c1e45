"""Whole packet logs: what is read, counted and refused, by hand and on real captures."""

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest
from captures import START_NS, Packet, ethernet, frame, frames, ipv4, pcap, pcapng, rtp, simple, talk, udp

from aqa import packets, streams
from aqa.chunks import head
from aqa.inventory import formats
from aqa.model import InputError
from aqa.stream_model import StreamRow


def log_of(tmp_path: Path, raw: bytes, codecs: dict[int, str] | None = None) -> packets.PacketLog:
    path = tmp_path / "a.pcap"
    path.write_bytes(raw)
    return packets.read_log(path, name="event/a.pcap", codecs=codecs or {})


def rows(log: packets.PacketLog) -> list[StreamRow]:
    return [streams.stream_row(stream, log.start_ns or 0) for stream in log.streams]


def test_a_log_tells_what_it_holds(tmp_path: Path) -> None:
    rtcp = ethernet(ipv4(udp(b"\x80\xc8" + bytes(26))))
    items = [(START_NS - 1_000_000_000, rtcp), *frames(talk(50)), (START_NS + 5_000_000_000, rtcp)]
    log = log_of(tmp_path, pcap(items))
    assert (log.name, log.format, log.packets, log.warning) == ("event/a.pcap", "pcap", 52, None)
    assert (log.start_ns, log.end_ns) == (START_NS - 10**9, START_NS + 5 * 10**9)
    assert log.skipped == {"RTCP": 2}
    (row,) = rows(log)
    assert (row.ssrc, row.src, row.dst) == ("0x00001234", "10.0.0.1:5004", "10.0.0.2:6004")
    assert (row.packets, row.expected, row.lost, row.payload_type, row.codec) == (50, 50, 0, 0, "PCMU")
    assert row.first_s == pytest.approx(1.0)
    assert row.last_s == pytest.approx(1.98)
    assert row.log == "event/a.pcap"


def test_streams_are_told_by_flow_and_ssrc(tmp_path: Path) -> None:
    items = []
    for p in talk(20):
        at = START_NS + round(p.arrival_s * 1e9)
        other = rtp(Packet(p.arrival_s, p.sequence, p.timestamp, ssrc=9))
        items += [(at, frame(p)), (at + 1000, ethernet(ipv4(udp(rtp(p), sport=8))))]
        items += [(at + 2000, ethernet(ipv4(udp(other))))]
    log = log_of(tmp_path, pcapng(items))
    assert [(row.ssrc, row.src) for row in rows(log)] == [
        ("0x00001234", "10.0.0.1:5004"), ("0x00001234", "10.0.0.1:8"), ("0x00000009", "10.0.0.1:5004"),
    ]  # fmt: skip


def test_other_traffic_makes_no_stream(tmp_path: Path) -> None:
    noise = [(START_NS + i, ethernet(ipv4(udp(b"\x80" + bytes([i % 64]) + bytes(200))))) for i in range(99)]
    log = log_of(tmp_path, pcap(noise))
    assert list(log.streams) == []
    assert log.skipped == {"no stream of RTP": 99}


def test_packets_without_time_are_counted(tmp_path: Path) -> None:
    log = log_of(tmp_path, pcapng(frames(talk(9))) + simple(frame(talk(1)[0])))
    assert log.skipped == {"no capture time": 1}
    assert rows(log)[0].packets == 9


@pytest.mark.parametrize("raw", [b"", b"RIFF....WAVE", gzip.compress(b"", mtime=0), b"\x1f\x8b garbage"])
def test_what_is_no_log_is_refused_with_file_place_and_remedy(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(InputError, match=r"^event/a.pcap: byte 0: .*; .*"):
        log_of(tmp_path, raw)


def test_a_log_cut_inside_its_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"event/a\.pcap: at byte 20: the file ends inside its header"):
        log_of(tmp_path, pcap([])[:20])


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        packets.read_log(tmp_path / "none", name="none", codecs={})


def test_a_log_without_packets_is_a_log(tmp_path: Path) -> None:
    log = log_of(tmp_path, pcap([]))
    assert (log.packets, log.start_ns, list(log.streams)) == (0, None, [])


def test_a_cut_log_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    log = log_of(tmp_path, pcap(frames(talk(50)))[:-7])
    assert rows(log)[0].packets == 49
    assert log.warning is not None and log.warning.startswith("event/a.pcap: at byte ")
    assert "ends inside a record" in log.warning


def test_two_formats_that_both_say_yes_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats(packets.READS)[0], "sniff", bool)
    with pytest.raises(InputError, match="more than one format"):
        packets.is_packet_log(pcapng([]))


def test_logs_are_told_by_content() -> None:
    assert packets.is_packet_log(pcap([])) and packets.is_packet_log(pcapng([], ">"))
    assert packets.is_packet_log(gzip.compress(pcap(frames(talk(500))))[:600])
    assert not packets.is_packet_log(b"\x1f\x8bnothing") and not packets.is_packet_log(
        gzip.compress(b"text", mtime=0)
    )
    assert not packets.is_packet_log(b"RIFF\0\0\0\0WAVE") and not packets.is_packet_log(b"")


def test_seconds_add_up(tmp_path: Path) -> None:
    kept = [p for p in talk(200, first=65_500) if p.sequence not in (65_540, 65_541, 65_600)]
    log = log_of(tmp_path, pcap(frames(kept)))
    (stream,) = log.streams
    seconds = streams.stream_seconds(stream, START_NS - 2_000_000_000)
    assert [s.second for s in seconds] == [2, 3, 4, 5]
    assert [s.packets for s in seconds] == [48, 50, 49, 50]
    assert [s.lost for s in seconds] == [2, 0, 1, 0]
    assert [s.expected for s in seconds] == [50, 50, 50, 50]
    assert all(s.delay_max_ms == pytest.approx(0.0, abs=1e-3) for s in seconds)
    assert all(s.stalled_s is None for s in seconds)


def test_codecs_come_from_settings(tmp_path: Path) -> None:
    log = log_of(tmp_path, pcap(frames(talk(20, hz=48000, payload_type=111))), {111: "opus/48000/2"})
    (row,) = rows(log)
    assert (row.codec, row.clock_rate_hz, row.clock_rate_from) == ("opus/48000/2", 48000, "settings")


RTP = "rtp-pcap"
MS2 = f"{RTP}/BelledonneCommunications+mediastreamer2"
TRUTHS = {  # packets, lost, duplicates, longest pause in ms (to 1 ms)
    f"{MS2}/pcmu_8k_no_jitter.pcap": (2524, 0, 0, 89),
    f"{MS2}/rtp-534late-24loss-7000total.pcapng": (7108, 24, 0, 680),
    f"{MS2}/opus-poor-quality.pcapng": (4228, 1, 0, 793),
    f"{MS2}/audio-80-75-0c60.pcapng": (1737, 240, 0, 282),
    f"{MS2}/firstvalid.pcapng": (3501, 0, 0, 32),
    f"{MS2}/rtp-240late-2000total.pcapng": (1902, 2, 0, 523),
    f"{MS2}/poor_jitter_quality_22.pcapng": (1771, 163, 0, 12556),
    f"{RTP}/asterisk+testsuite/16_bit_48khz_60_fec_dropped.pcapng": (2971, 29, 0, 40),
    f"{RTP}/asterisk+testsuite/16_bit_48khz_60_fec_rtp.pcapng": (3000, 0, 0, 21),
    f"{RTP}/asterisk+testsuite/CARRIER_G711U.pcap": (800, 14, 0, 260),
    f"{RTP}/asterisk+testsuite/opus-2013785496.pcap": (765, 0, 0, 33),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_published_counts_of_real_streams(corpus: Path, name: str) -> None:
    log = packets.read_log(corpus / name, name=name, codecs={})
    (row,) = rows(log)
    assert (row.packets, row.lost, row.duplicates, round(row.delta_max_ms or 0)) == TRUTHS[name]


def test_icmp_errors_are_no_duplicates(corpus: Path) -> None:
    """The four "duplicates" of this call are packets quoted in ICMP errors: the receiver's port was closed."""
    log = packets.read_log(corpus / MS2 / "pcmu_8k_no_jitter.pcap", name="a", codecs={})
    assert log.skipped == {"ICMP": 4}


def test_reordering_of_a_real_stream(corpus: Path) -> None:
    """Ten times a number below the one before; 30 packets below the highest seen (RFC 4737)."""
    log = packets.read_log(corpus / MS2 / "rtp-534late-24loss-7000total.pcapng", name="a", codecs={})
    (row,) = rows(log)
    assert (row.steps_back, row.reordered) == (10, 30)


def test_a_clock_that_changes_is_told(corpus: Path) -> None:
    log = packets.read_log(corpus / MS2 / "poor_jitter_quality_22.pcapng", name="a", codecs={})
    (row,) = rows(log)
    assert (row.clock_rates, row.clock_rate_hz, row.stretches) == ("8000, 48000", 48000, 2)


def test_a_capture_with_each_packet_twice(corpus: Path) -> None:
    path = corpus / RTP / "hdiniz+rtpdump" / "sample1_ipv4_amr-nb.pcap"
    found = rows(packets.read_log(path, name="a", codecs={}))
    assert [(row.packets, row.duplicates) for row in found if row.duplicates] == [
        (1052, 526), (528, 264), (118, 59), (240, 120),
    ]  # fmt: skip


NO_RTP = (
    "discord_mid_flow.pcap", "dtls.pcap", "dtls2.pcap", "dtls_certificate_fragments.pcap", "google_meet.pcapng",
    "h323.pcap", "iax.pcap", "lru_ipv6_caches.pcapng", "mumble.pcapng",
    "rtcp_multiple_pkts_in_the_same_datagram.pcap", "rtsp.pcap", "signal.pcap", "snapchat_call.pcapng",
    "stun_dtls_rtp_unidir.pcapng", "stun_dtls_unidirectional_client.pcap", "stun_dtls_unidirectional_server.pcap",
    "stun_msteams_unidir.pcapng", "stun_tcp_multiple_msgs_same_pkt.pcap", "stun_zoom.pcapng", "teamspeak3.pcap",
    "telegram_videocall.pcapng", "viber.pcap", "whatsapp_voice_and_message.pcap", "zoom.pcap", "zoom2.pcap",
    "zoom_p2p.pcapng", "crash.pcap", "ipip0.pcap", "wireshark.pcap", "ssrc1.pcap", "ssrc2.pcap",
)  # fmt: skip


def captures_of(corpus: Path) -> list[Path]:
    return sorted(path for path in corpus.rglob("*") if path.suffix in (".pcap", ".pcapng"))


def test_every_capture_is_read_to_its_end_and_only_rtp_makes_streams(corpus: Path) -> None:
    for path in captures_of(corpus):
        assert packets.is_packet_log(head(path)), path
        log = packets.read_log(path, name=path.name, codecs={})
        assert log.warning is None, path
        assert (len(log.streams) == 0) == (path.name in NO_RTP), (path, len(log.streams))
        kept = sum(len(stream.arrival_ns) for stream in log.streams)
        assert kept + sum(log.skipped.values()) == log.packets, path
        for row, stream in zip(rows(log), log.streams, strict=True):
            seconds = streams.stream_seconds(stream, log.start_ns or 0)
            assert sum(s.packets or 0 for s in seconds) == row.packets
            assert sum(s.lost or 0 for s in seconds) == row.lost


def tshark_streams(path: Path) -> dict[tuple[int, str], tuple[int, float, float, float]]:
    """Packets, longest pause, mean and largest jitter in ms by SSRC and source, as tshark gives them."""
    command = ["tshark", "--enable-heuristic", "rtp_udp", "-r", str(path), "-q", "-z", "rtp,streams"]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    out = {}
    for line in text.splitlines():
        words = [word for word in line.split() if word != "X"]
        if len(words) > 14 and words[6].startswith("0x"):
            packets_seen = int(words[-9])
            out[int(words[6], 16), f"{words[2]}:{words[3]}"] = (
                packets_seen,
                *map(float, (words[-4], *words[-2:])),
            )
    return out


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_jitter_of_static_payload_types_agrees_with_tshark(corpus: Path) -> None:
    compared = 0
    for path in captures_of(corpus):
        log = packets.read_log(path, name=path.name, codecs={})
        static = [s for s in log.streams if s.clock_rate_from == "static" and len(s.stretch_clock_hz) == 1]
        theirs = tshark_streams(path) if static else {}
        for stream in static:
            row = streams.stream_row(stream, 0)
            same = theirs.get((stream.ssrc, stream.src))
            if same is None or same[0] != row.packets or len(set(stream.payload_types.tolist())) > 1:
                continue  # tshark found less of it, or takes telephone events for media
            if stream.marker[1:].mean() > 0.05 or row.duplicates:
                continue  # tshark leaves marked packets out of mean and maximum (video), and keeps duplicates in
            pause, mean, largest = same[1:]
            assert row.jitter_mean_ms == pytest.approx(mean, abs=0.01), path
            assert row.jitter_max_ms == pytest.approx(largest, abs=0.01), path
            assert row.delta_max_ms == pytest.approx(pause, abs=0.01), path
            compared += 1
    assert compared >= 15
