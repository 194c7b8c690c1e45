"""What others published of the corpus' captures (its README), number by number; beyond `test_packets.TRUTHS`.

Where the published figure is another, the row says what it counts: tshark's "lost" of a stream captured twice is the
span less both copies; "10 reordered" of rtp-534late are steps back (30 packets by RFC 4737: test_packets); the four
"duplicates" of pcmu_8k_no_jitter are ICMP quotes (test_packets); snapchat_call_v1, "no RTP", holds RTP on port 443.
"""

from pathlib import Path

import numpy as np
import pytest
from whole_path import row

from aqa import packets
from aqa.measures.payload import opus_ticks
from aqa.stream_model import Stream

MS2 = "rtp-pcap/BelledonneCommunications+mediastreamer2"
ASTERISK = "rtp-pcap/asterisk+testsuite"
NDPI = "rtp-pcap-ndpi/ntop+nDPI"
STREAMS = {  # packets, lost, duplicates of each stream, in order of the log
    f"{MS2}/poor_jitter_quality_22_filter.pcapng": [(1383, 7, 0)],
    f"{MS2}/rtp-60late-500total.pcapng": [(404, 0, 0)],
    "rtp-pcap/SIPp+sipp/dtmf_2833_0.pcap": [
        (10, 0, 2)
    ],  # "retransmitted end packets": the last one comes three times
    "rtp-pcap/SIPp+sipp/dtmf_2833_pound.pcap": [(10, 0, 2)],
    f"{NDPI}/geforcenow.pcapng": [(13, 0, 0)],
    f"{NDPI}/sip.pcap": [(9, 0, 0)],
    f"{NDPI}/skype-conference-call.pcap": [(31, 0, 0)],
    f"{NDPI}/stun_classic.pcap": [(12, 0, 0), (8, 0, 0)],
    f"{NDPI}/teams.pcap": [(18, 0, 0)],
    f"{NDPI}/snapchat_call_v1.pcapng": [(355, 0, 0), (8, 0, 0)],
    "rtpproxy-recordings/sippy+rtpproxy/rtcp.a.pcap": [(236, 0, 0)],
}


def read(corpus: Path, name: str) -> packets.PacketLog:
    return packets.read_log(corpus / name, name=name, codecs={})


def only(corpus: Path, name: str) -> Stream:
    (stream,) = read(corpus, name).streams
    return stream


@pytest.mark.parametrize("name", STREAMS)
def test_counts(corpus: Path, name: str) -> None:
    found = [row(stream) for stream in read(corpus, name).streams]
    assert [(one.packets, one.lost, one.duplicates) for one in found] == STREAMS[name]


@pytest.mark.parametrize(
    ("name", "pause_ms"),
    [("rtp-240late-2000total.pcapng", 523), ("poor_jitter_quality_22_filter.pcapng", 12_556),
     ("opus-poor-quality.pcapng", 793), ("rtp-534late-24loss-7000total.pcapng", 680),
     ("audio-80-75-0c60.pcapng", 282)],
)  # fmt: skip
def test_longest_pauses(corpus: Path, name: str, pause_ms: int) -> None:
    assert round(row(only(corpus, f"{MS2}/{name}")).delta_max_ms or 0) == pause_ms


@pytest.mark.parametrize(
    ("name", "from_s", "to_s"),
    [("firstvalid.pcapng", 69.5, 70.5), ("rtp-240late-2000total.pcapng", 37.1, 38.1),
     ("rtp-60late-500total.pcapng", 7.6, 7.8), ("opus-poor-quality.pcapng", 185.6, 186.6),
     ("poor_jitter_quality_22.pcapng", 121, 122.6), ("audio-80-75-0c60.pcapng", 65.5, 66.5)],
)  # fmt: skip
def test_lengths(corpus: Path, name: str, from_s: float, to_s: float) -> None:
    assert from_s <= row(only(corpus, f"{MS2}/{name}")).last_s <= to_s


def steps_ms(stream: Stream) -> set[float]:
    """Media in packets whose next one came, in ms, where 0.5 % of them or more agree."""
    follows = np.flatnonzero(np.diff(stream.sequence) == 1)
    ticks = np.diff(stream.timestamp)[follows]
    values, counts = np.unique(ticks, return_counts=True)
    hz = stream.clock_rate_hz or 1
    return set((1000 * values[counts >= 0.005 * len(follows)] / hz).tolist())


def test_frames_of_20_40_and_60_ms(corpus: Path) -> None:
    """audio-80-75-0c60: "ptime 20/40/60"; 12.1 % lost in bursts."""
    stream = only(corpus, f"{MS2}/audio-80-75-0c60.pcapng")
    assert steps_ms(stream) == {20.0, 40.0, 60.0}
    assert (row(stream).loss_pct, row(stream).codec) == (pytest.approx(12.1, abs=0.06), "PCMA")


def test_frames_of_20_to_120_ms(corpus: Path) -> None:
    """opus-poor-quality: "ptime 20-120 ms changing mid-call": by RTP time and by what the packets say alike."""
    stream = only(corpus, f"{MS2}/opus-poor-quality.pcapng")
    steps = steps_ms(stream)
    assert min(steps) == 20.0 and max(steps) == 120.0
    assert (stream.codec, stream.clock_rate_hz) == ("opus", 48_000)


def test_every_hundredth_packet(corpus: Path) -> None:
    """29 single losses of 20 ms at 1.98, 3.98 ... 57.98 s: packet 100 k - 1 of 3000; the clean twin has them all."""
    dropped = only(corpus, f"{ASTERISK}/16_bit_48khz_60_fec_dropped.pcapng")
    whole = only(corpus, f"{ASTERISK}/16_bit_48khz_60_fec_rtp.pcapng")
    missing = sorted(set(whole.sequence.tolist()) - set(dropped.sequence.tolist()))
    assert [number - int(whole.sequence[0]) for number in missing] == [100 * k - 1 for k in range(1, 30)]
    assert (row(dropped).loss_run_max, row(dropped).loss_bursts, row(dropped).burst_r) == (1, 0, 1.0)


def test_changes_of_ssrc(corpus: Path) -> None:
    """rtcp.output: 3 of them (its count begins with the first source) in 230 packets: 229 of one, and one alone."""
    log = read(corpus, "rtpproxy-recordings/sippy+rtpproxy/rtcp.o.pcap")
    assert [(row(stream).packets, row(stream).lost) for stream in log.streams] == [(229, 1)]
    assert log.packets == 230


def test_captured_twice(corpus: Path) -> None:
    """skinny: "G.711 seen twice": 18 and 16 copies on the two flows between the phones, none on the others."""
    found = [row(stream) for stream in read(corpus, f"{NDPI}/skinny.pcap").streams]
    assert sorted((one.packets, one.duplicates) for one in found if one.duplicates) == [(33, 16), (36, 18)]
    assert {one.lost for one in found} == {0} and {one.codec for one in found} == {"PCMU"}


def test_encapsulations(corpus: Path) -> None:
    """ipip0: SIP in IP-in-IP; sample1: Linux cooked; sample2: one AMR call, named by SDP; rtp.pcapng: RFC 4571."""
    assert read(corpus, "rtp-pcap/sipcapture+heplify/ipip0.pcap").skipped["SIP"] == 5
    assert len(read(corpus, "rtp-pcap/hdiniz+rtpdump/sample1_ipv4_amr-nb.pcap").streams) == 6
    (amr,) = read(corpus, "rtp-pcap/hdiniz+rtpdump/sample2_vowifi_ipv4_esp_ipv4.pcap").streams
    assert (row(amr).packets, row(amr).codec) == (778, "AMR/8000")
    over_tcp = [s for s in read(corpus, f"{NDPI}/rtp.pcapng").streams if s.ssrc == 0]
    assert [(row(s).packets, row(s).lost, row(s).frame_ms) for s in over_tcp] == [(17, 0, 150.0)]


def test_real_opus_says_its_length(corpus: Path) -> None:
    """firstvalid: "Opus 20 ms": 960 ticks in each packet by its first byte (RFC 6716 3.1)."""
    name = f"{MS2}/firstvalid.pcapng"
    stream = only(corpus, name)
    assert steps_ms(stream) == {20.0}
    assert opus_ticks(np.array([0x7800], np.uint16)).tolist() == [960]
    assert (row(stream).packets, row(stream).lost, stream.codec) == (3501, 0, "opus")
