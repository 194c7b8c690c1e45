"""rtpdump: by hand, cut at every byte, lying; and the sample of rtptools."""

import struct

import numpy as np
import pytest
from captures import START_NS, drained, rtp, talk
from hypothesis import given, settings
from hypothesis import strategies as st

from aqa import packets, streams
from aqa.formats import rtpdump
from aqa.frames import BARE
from aqa.model import InputError

SENDER_REPORT = b"\x80\xc8" + bytes(26)


def header(start_s: int = START_NS // 10**9, micros: int = 500_000) -> bytes:
    return b"#!rtpplay1.0 224.2.0.1/3456\n" + struct.pack(">II4sHH", start_s, micros, bytes([224, 2, 0, 1]), 3456, 0)


def packet(raw: bytes, offset_ms: int, *, plen: int | None = None) -> bytes:
    return struct.pack(">HHI", 8 + len(raw), len(raw) if plen is None else plen, offset_ms) + raw


def file(count: int = 10, **keywords) -> bytes:
    return header(**keywords) + b"".join(packet(rtp(p), round(p.arrival_s * 1000)) for p in talk(count))


@pytest.mark.parametrize("chunk_bytes", [7, 200, 1 << 20])
def test_packets_reports_and_headers_alone(tmp_path, chunk_bytes):
    path = tmp_path / "a.rtpdump"
    path.write_bytes(file(2) + packet(SENDER_REPORT, 50, plen=0) + packet(rtp(talk(1)[0])[:12], 60, plen=172))
    got, why = drained(rtpdump, path, chunk_bytes=chunk_bytes)
    assert why == "" and rtpdump.sniff(path.read_bytes()[:64])
    begun = START_NS + 500_000_000
    assert [(time - begun, wire, len(raw)) for time, wire, _, raw in got] == [
        (0, 172, 172), (20_000_000, 172, 172), (50_000_000, 28, 28), (60_000_000, 172, 12),
    ]  # fmt: skip
    assert {link for _, _, link, _ in got} == {BARE}
    assert got[2][3] == SENDER_REPORT


def test_the_flow_ends_where_was_listened(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(file())
    log = packets.read_log(path, name="a", codecs={})
    (stream,) = log.streams
    assert (stream.src, stream.dst, len(stream.sequence)) == ("", "224.2.0.1:3456", 10)
    assert log.start_ns == START_NS + 500_000_000
    assert stream.payload_bytes.tolist() == [160] * 10


def test_a_start_in_1970_is_no_utc(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(file(start_s=44, micros=20_000))
    log = packets.read_log(path, name="a", codecs={})
    assert log.start_ns is None
    assert streams.stream_row(log.streams[0], log.streams[0].log_start_ns).first_s == 0


def test_cut_at_every_byte(tmp_path):
    raw = file(3)
    ends = [len(header()) + 180 * n for n in range(4)]
    for size in range(1, len(raw)):
        path = tmp_path / "a"
        path.write_bytes(raw[:size])
        got, why = drained(rtpdump, path)
        assert len(got) == sum(end <= size for end in ends[1:])
        assert (why == "") == (size in ends), size


@pytest.mark.parametrize(
    "lie", [struct.pack(">HHI", 7, 0, 0), struct.pack(">HHI", 100, 80, 0)], ids=["shorter than itself", "cut longer"]
)
def test_lengths_that_lie_stop_it(tmp_path, lie):
    path = tmp_path / "a"
    path.write_bytes(file(2) + lie + bytes(200))
    got, why = drained(rtpdump, path)
    assert len(got) == 2
    assert f"at byte {len(file(2))}: a packet whose lengths can't be true" in why


@pytest.mark.parametrize("raw", [b"#!rtpplay1.0 1.2.3.4/5" + b"x" * 100, b"#!rtpplay1.0 \n"])
def test_a_damaged_header(tmp_path, raw):
    path = tmp_path / "a"
    path.write_bytes(raw)
    assert "byte" in drained(rtpdump, path)[1]


def test_text_dumps_are_refused_with_the_remedy(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"844525628.240592 RTP len=176 from=131.136.234.103:46196 v=2 p=0 x=0 cc=0 m=0 pt=5\n")
    with pytest.raises(InputError, match=r"a: byte 0: a text dump of rtpdump; write it with `rtpdump -F dump`"):
        packets.read_log(path, name="a", codecs={})


def naive_walk(raw: bytes) -> tuple[list[list[int]], int, bool]:
    found, at = [], 0
    while at + 8 <= len(raw):
        size, whole, offset_ms = struct.unpack_from(">HHI", raw, at)
        if size < 8 or (whole and whole < size - 8):
            return found, at, True
        if at + size > len(raw):
            break
        found.append([at + 8, size - 8, whole or size - 8, 5 + offset_ms * 1_000_000])
        at += size
    return found, at, False


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 2**32 - 1)), max_size=8), st.binary()
)
def test_the_walker_is_its_naive_twin(lengths, tail):
    raw = b"".join(struct.pack(">HHI", a, b, c) + bytes(max(a - 8, 0)) for a, b, c in lengths) + tail
    out = np.empty((4, len(raw) // 8 + 1), np.int64)
    n, at, lie = rtpdump._walk_kernel(np.frombuffer(raw, np.uint8).copy(), 5, out)
    assert (out[:, :n].T.tolist(), at, bool(lie)) == naive_walk(raw)


def test_the_sample_of_rtptools(corpus):
    path = corpus / "rtpdump/irtlab+rtptools/bark.rtp"
    log = packets.read_log(path, name="bark.rtp", codecs={})
    (stream,) = log.streams
    row = streams.stream_row(stream, stream.log_start_ns)
    assert (log.format, log.packets, log.warning, log.skipped) == ("rtpdump", 16, None, {"RTCP": 1})
    assert (row.ssrc, row.codec, row.packets, row.lost) == ("0x00059c72", "PCMU", 15, 0)
    assert (row.dst, row.last_s) == ("0.0.0.0:20000", pytest.approx(0.28))
