"""SDP: addresses, codecs and header extensions in SIP messages."""

from pathlib import Path

from captures import START_NS, Packet, ethernet, frames, ipv4, pcap, talk, udp
from hypothesis import given
from hypothesis import strategies as st

from aqa import packets
from aqa.sdp import LEVEL_URI, read_sdp

OFFER = (
    b"INVITE sip:bob@example.org SIP/2.0\r\nContent-Type: application/sdp\r\n\r\n"
    b"v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n"
    b"m=audio 6004 RTP/AVP 111 0\r\na=rtpmap:111 opus/48000/2\r\n"
    b"a=extmap:5/sendonly " + LEVEL_URI.encode() + b" vad=on\r\na=ssrc:4660 cname:alice\r\n"
    b"m=video 7000/2 RTP/AVP 96\r\nc=IN IP6 2001:db8::1\r\na=rtpmap:96 VP8/90000\r\n"
)


def test_each_media_has_its_address_and_codecs() -> None:
    found = read_sdp([OFFER])
    assert found["10.0.0.2:6004"].codecs == {111: "opus/48000/2"}
    assert (found["10.0.0.2:6004"].level_id, found["10.0.0.2:6004"].cnames) == (5, {4660: "alice"})
    assert found["[2001:db8::1]:7000"].codecs == {96: "VP8/90000"}


def test_a_later_description_replaces_an_earlier_one() -> None:
    assert read_sdp([OFFER, OFFER.replace(b"111 opus", b"111 speex")])["10.0.0.2:6004"].codecs == {
        111: "speex/48000/2"
    }


def test_a_message_without_sdp_says_nothing() -> None:
    assert read_sdp([b"ACK sip:bob@example.org SIP/2.0\r\n\r\nm=audio 1 RTP/AVP 0"]) == {}


@given(st.binary(max_size=300))
def test_any_text_is_data(noise: bytes) -> None:
    read_sdp([b"INVITE x SIP/2.0\nContent-Type: application/sdp\n\n" + noise, OFFER[:-20] + noise])


def test_a_stream_is_named_by_the_description_of_where_it_goes(tmp_path: Path) -> None:
    items = frames([Packet(p.arrival_s, p.sequence, 960 * p.sequence, 111, payload=bytes(60)) for p in talk(50)])
    (tmp_path / "a.pcap").write_bytes(pcap([(START_NS, ethernet(ipv4(udp(OFFER)))), *items]))
    (stream,) = packets.read_log(tmp_path / "a.pcap", name="a.pcap", codecs={}).streams
    assert (stream.codec, stream.clock_rate_hz, stream.clock_rate_from) == ("opus/48000/2", 48_000, "sdp")
    assert stream.reported is not None and stream.reported.cname == "alice"
    (stream,) = packets.read_log(tmp_path / "a.pcap", name="a.pcap", codecs={111: "L16/16000"}).streams
    assert stream.clock_rate_from == "settings"
