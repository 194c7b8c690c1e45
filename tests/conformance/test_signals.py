"""Pauses, comfort noise, tones and tunnels through the whole path: what senders do on purpose is no fault."""

import struct
from pathlib import Path

import pytest
from captures import START_NS, Packet, ethernet, frames, ipv4, pcap, rtp, talk, udp
from test_frames import stun, tcp
from whole_path import capture, kinds, only, read, row

from aqa.playout import Buffer

QUIET = {"lost": 0, "duplicates": 0, "late": 0, "concealed_s": 0, "interruptions": 0, "resets": 0, "stretches": 1}


def assert_clean(tmp_path: Path, sent: list[Packet], codecs: dict[int, str] | None = None) -> None:
    stream = only(tmp_path, sent, codecs)
    got = row(stream)
    assert {name: getattr(got, name) for name in QUIET} == QUIET
    assert got.jitter_max_ms == pytest.approx(0, abs=1e-6)
    assert kinds(stream) == []


def spurts(hz: int = 8000, kind: int = 0) -> list[Packet]:
    """2 s of talk, 3 s of nothing, by turns: numbers go on, RTP time runs, the first of a spurt is marked."""
    ticks = [n for n in range(2000) if n % 250 < 100]
    return [Packet(n * 0.02, i, n * (hz // 50), kind, n % 250 == 0) for i, n in enumerate(ticks)]


class TestPauses:
    def test_silence_suppression_with_the_marker_bit(self, tmp_path: Path) -> None:
        """RFC 3551 4.1: the timestamp runs on in silence, the sequence number does not, the first packet of a

        talkspurt is marked."""
        assert_clean(tmp_path, spurts())

    def test_dtx_of_opus(self, tmp_path: Path) -> None:
        """RFC 7587 3.1.3: as above; its clock is 48 kHz. A refresh each 400 ms, as libopus sends."""
        ticks = [n for n in range(2000) if n % 250 < 100 or n % 20 == 0]
        sent = [Packet(n * 0.02, i, n * 960, 111, payload=bytes(40)) for i, n in enumerate(ticks)]
        assert_clean(tmp_path, sent, {111: "opus/48000/2"})

    def test_comfort_noise(self, tmp_path: Path) -> None:
        """RFC 3389 4: payload type 13 at the start of silence, on the clock and count of the speech codec."""
        kept = [n for n in range(2000) if n % 250 < 101]
        sent = [Packet(n * 0.02, i, n * 160, 13 if n % 250 == 100 else 0, n % 250 == 0,
                       payload=bytes(1 if n % 250 == 100 else 160)) for i, n in enumerate(kept)]  # fmt: skip
        assert_clean(tmp_path, sent)

    def test_a_pause_with_a_loss_in_it_is_one_lost_packet(self, tmp_path: Path) -> None:
        """The last packet of a spurt is missing: one packet, 20 ms, not the 3 s of the pause (fixed buffer)."""
        stream = only(tmp_path, [p for p in spurts() if p.sequence != 199])
        got = row(stream, Buffer("fixed", 60))
        assert (got.lost, got.concealed_s) == (1, pytest.approx(0.02))
        assert kinds(stream) == ["loss"]

    def test_a_pause_in_which_time_stands_still_is_a_stall(self, tmp_path: Path) -> None:
        """The counter-example: 3 s without packets, and RTP time went on by 20 ms: the sender had stopped."""
        sent = [Packet(n * 0.02 + (3.0 if n >= 100 else 0), n, n * 160) for n in range(200)]
        assert "stall" in kinds(only(tmp_path, sent))


class TestTelephoneEvents:
    """RFC 4733: events share the SSRC and the count of the audio; the timestamp is the event's start, and the last

    packet is sent three times with numbers of their own (2.5.1.4)."""

    @pytest.mark.parametrize("codecs", [{}, {101: "telephone-event/8000"}])
    def test_on_the_ssrc_of_the_speech(self, tmp_path: Path, codecs: dict[int, str]) -> None:
        sent, number = [], 0
        for n in range(400):
            tone = 100 <= n < 110
            for copy in range(3 if n == 109 else 1):
                stamp = (100 if tone else n) * 160
                body = struct.pack(">BBH", 5, 0x8A if n == 109 else 10, (n - 99) * 160) if tone else bytes(160)
                sent.append(Packet(n * 0.02 + copy * 1e-5, number, stamp, 101 if tone else 0, n == 100, payload=body))
                number += 1
        stream = only(tmp_path, sent, codecs)
        got = row(stream)
        assert (got.packets, got.lost, got.duplicates, got.stretches) == (402, 0, 0, 1)
        assert int(stream.auxiliary.sum()) == 12
        assert got.jitter_max_ms == pytest.approx(0, abs=1e-6)
        assert (got.concealed_s, kinds(stream)) == (0, [])


def wrapped(kind: str, number: int, packet: bytes) -> bytes:
    """An RTP packet in IPv4 as TURN and RFC 4571 carry it; over TCP each in a segment of its own."""
    size = len(packet)
    forms = {
        "udp": udp(packet),
        "channel": udp(struct.pack(">HH", 0x4000, size) + packet),
        "indication": udp(stun(0x0017, (0x0012, bytes(8)), (0x0013, packet))),
        "rfc 4571": tcp(struct.pack(">H", size) + packet, 1000 + number * (size + 2)),
        "rtsp": tcp(b"$\0" + struct.pack(">H", size) + packet, 1000 + number * (size + 4)),
        "channel over tcp": tcp(struct.pack(">HH", 0x4000, size) + packet, 1000 + number * (size + 4)),
        "indication over tcp": tcp(stun(0x0017, (0x0012, bytes(8)), (0x0013, packet)), 1000 + number * (36 + size)),
    }
    return ethernet(ipv4(forms[kind], protocol=17 if kind in ("udp", "channel", "indication") else 6))


WRAPPINGS = ("udp", "channel", "indication", "rfc 4571", "rtsp", "channel over tcp", "indication over tcp")


@pytest.mark.parametrize("kind", WRAPPINGS)
def test_in_turn_and_over_tcp(tmp_path: Path, kind: str) -> None:
    """RFC 8656 12.4 (ChannelData), 11.6 (Data indication), RFC 4571 2, RFC 7826 14; RFC 8489 6.2.2: STUN over TCP

    has no framing but its own length. Sixty packets less two: 58, 2 lost, whatever they are wrapped in.
    """
    sent = [p for p in talk(60) if p.sequence not in (20, 21)]
    items = [(START_NS + round(p.arrival_s * 1e9), wrapped(kind, i, rtp(p))) for i, p in enumerate(sent)]
    log = capture(tmp_path, items)
    (stream,) = log.streams
    got = row(stream)
    assert (got.packets, got.lost, got.loss_run_max, got.codec) == (58, 2, 2, "PCMU")
    assert stream.payload_bytes.tolist() == [160] * 58
    assert got.jitter_max_ms == pytest.approx(0, abs=1e-6)


def test_stun_and_rtp_in_one_segment(tmp_path: Path) -> None:
    """A STUN request and two Data indications in one TCP segment: both packets are found, each time."""
    made = [rtp(p) for p in talk(40)]
    items, sequence = [], 1000
    for i in range(0, 40, 2):
        parts = [stun(0x0001, (0x0006, b"ab12")), *(stun(0x0017, (0x0013, raw)) for raw in made[i : i + 2])]
        data = b"".join(parts)
        items.append((START_NS + i * 20_000_000, ethernet(ipv4(tcp(data, sequence), protocol=6))))
        sequence += len(data)
    (stream,) = capture(tmp_path, items).streams
    assert (row(stream).packets, row(stream).lost) == (40, 0)


def test_padding_is_no_media(tmp_path: Path) -> None:
    """RFC 3550 5.1: the last byte tells how many to leave out, itself included: 160 bytes of media, not 168."""
    items = [(START_NS + n * 20_000_000, ethernet(ipv4(udp(rtp(p, padding=8, csrc=2, extension=1)))))
             for n, p in enumerate(talk(30))]  # fmt: skip
    (stream,) = read(tmp_path, pcap(items)).streams
    assert stream.payload_bytes.tolist() == [160] * 30
    assert row(stream).bitrate_kbps == pytest.approx(64)


def test_the_same_packets_in_any_capture(tmp_path: Path) -> None:
    """A clean stream read from pcap in either byte order gives the same row."""
    rows = [row(read(tmp_path, pcap(frames(talk(60)), order=order, nano=True)).streams[0]) for order in "<>"]
    assert rows[0] == rows[1] and rows[0].lost == 0
