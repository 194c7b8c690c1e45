"""mjr: the three kinds of file by hand, cut at every byte, lying; and Janus' own samples."""

import json
import struct

import numpy as np
import pytest
from captures import START_NS, Packet, drained, rtp, talk
from hypothesis import given, settings
from hypothesis import strategies as st

from aqa import packets, streams
from aqa.formats import mjr
from aqa.model import InputError

JANUS = "mjr/meetecho+janus-gateway"
MICROS = START_NS // 1000


def old(items, medium=b"audio"):
    body = b"".join(b"MEETECHO" + struct.pack(">H", len(raw)) + raw for raw in items)
    return b"MEETECHO" + struct.pack(">H", len(medium)) + medium + body


def header(version: int = 2, **info) -> bytes:
    text = json.dumps({"t": "a", "c": "opus", "s": MICROS - 5_000_000, "u": MICROS} | info).encode()
    return b"MJR0000" + str(version).encode() + struct.pack(">H", len(text)) + text


def first(items, **info):
    return header(1, **info) + b"".join(b"MEETECHO" + struct.pack(">H", len(raw)) + raw for raw in items)


def second(items, **info):
    return header(2, **info) + b"".join(b"MEET" + struct.pack(">IH", ms, len(raw)) + raw for ms, raw in items)


def opus(count=20, **keywords):
    return talk(count, hz=48_000, payload_type=111, **keywords)


def log_of(tmp_path, raw):
    path = tmp_path / "a.mjr"
    path.write_bytes(raw)
    return packets.read_log(path, name="a.mjr", codecs={})


def test_arrival_times_of_the_newest_are_used(tmp_path):
    late = [(round(p.arrival_s * 1000) + (7 if p.sequence == 5 else 0), rtp(p)) for p in opus()]
    log = log_of(tmp_path, second(late))
    (stream,) = log.streams
    row = streams.stream_row(stream, stream.log_start_ns)
    assert (log.format, log.start_ns, log.note, log.warning) == ("mjr", START_NS, None, None)
    assert (stream.codec, stream.clock_rate_hz, row.packets) == ("opus/48000/2", 48_000, 20)
    assert (np.diff(stream.arrival_ns) / 1e6).round().tolist()[4:6] == [27, 13]
    assert row.jitter_max_ms > 0.4


@pytest.mark.parametrize("make", [old, first])
def test_where_no_arrival_is_told_no_jitter_is_claimed(tmp_path, make):
    kept = [p for p in opus(100) if not 40 <= p.sequence < 60]
    log = log_of(tmp_path, make([rtp(p) for p in kept]))
    (stream,) = log.streams
    row = streams.stream_row(stream, stream.log_start_ns)
    assert "does not say when its packets came" in (log.note or "")
    assert (row.jitter_ms, row.jitter_max_ms, row.delta_max_ms, row.pdv_p99_ms, row.skew_ppm) == (None,) * 5
    assert (row.packets, row.lost, row.last_s) == (80, 20, pytest.approx(1.98))
    assert log.start_ns == (None if make is old else START_NS)
    assert stream.codec == "opus/48000/2"


def test_reordered_packets_do_not_turn_time_back(tmp_path):
    items = opus(30)
    items[10], items[11] = items[11], items[10]
    (stream,) = log_of(tmp_path, old([rtp(p) for p in items])).streams
    assert (np.diff(stream.arrival_ns) >= 0).all()
    assert streams.stream_row(stream, 0).reordered == 1


def test_rtp_time_that_wraps_goes_on(tmp_path):
    items = [Packet(0, i, 2**32 - 9600 + 960 * i, 111) for i in range(30)]
    (stream,) = log_of(tmp_path, old([rtp(p) for p in items])).streams
    assert (stream.arrival_ns[-1] - stream.arrival_ns[0]) / 1e6 == pytest.approx(29 * 20)


@pytest.mark.parametrize(
    ("info", "kinds", "sound"),
    [
        ({}, {111: "opus/48000/2"}, True),
        ({"or": 63}, {111: "opus/48000/2", 63: "red/48000/2"}, True),
        ({"or": 72}, {111: "opus/48000/2"}, True),
        ({"t": "v", "c": "vp8"}, {111: "VP8/90000"}, False),
        ({"e": True}, {111: "opus/48000/2"}, False),
        ({"c": "g722"}, {111: "G722/8000"}, False),
        ({"c": "something new"}, {}, False),
    ],
)
def test_what_the_header_says(tmp_path, info, kinds, sound):
    raw = second([(0, rtp(p)) for p in opus()], **info)
    path = tmp_path / "a.mjr"
    path.write_bytes(raw)
    assert mjr.codecs(path) == kinds
    assert mjr.sounds(raw[:4096]) == sound
    assert mjr.start_ns(path) == START_NS


def test_static_payload_types_keep_their_name(tmp_path):
    path = tmp_path / "a.mjr"
    path.write_bytes(first([rtp(p) for p in talk(10)], c="g711"))
    assert mjr.codecs(path) == {}
    assert packets.read_log(path, name="a", codecs={}).streams[0].codec == "PCMU"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (header(2, t="d", c="text"), "a recording of data channels"),
        (header(2, u=10**30), "time that can't be true|header is no JSON"),
        (b"MJR00002" + struct.pack(">H", 5) + b"{nope" + bytes(20), "header is no JSON of Janus"),
        (b"MJR00002" + struct.pack(">H", 4) + b"[[[[" + bytes(20), "header is no JSON of Janus"),
        (b"MEETECHO\0\5smell" + bytes(20), "a recording of 'smell'"),
    ],
)
def test_headers_that_can_t_be_used(tmp_path, raw, why):
    with pytest.raises(InputError, match=rf"a\.mjr: byte 10: .*({why})"):
        log_of(tmp_path, raw)
    assert not mjr.sounds(raw)


@pytest.mark.parametrize("make", [old, first, lambda items: second(list(enumerate(items)))])
def test_cut_at_every_byte(tmp_path, make):
    items = [rtp(p)[:20] for p in opus(4)]
    raw = make(items)
    ends = [len(raw) - n * 30 for n in range(4, -1, -1)]
    for size in range(10, len(raw)):
        path = tmp_path / "a"
        path.write_bytes(raw[:size])
        got, why = drained(mjr, path, chunk_bytes=64)
        assert [item[3] for item in got] == items[: sum(end <= size for end in ends[1:])]
        assert (why == "") == (size in ends), size


def test_a_packet_that_does_not_begin_where_it_should(tmp_path):
    good = second([(0, rtp(p)) for p in opus(10)])
    log = log_of(tmp_path, good + b"XEET" + bytes(50))
    assert log.packets == 10
    assert f"at byte {len(good)}: no packet begins where one should" in (log.warning or "")


def naive_walk(raw, timed):
    found, at = [], 0
    while at + 10 <= len(raw):
        if raw[at : at + 4] != b"MEET" or not (timed or raw[at + 4 : at + 8] == b"ECHO"):
            return found, at, True
        ms, size = struct.unpack_from(">IH", raw, at + 4)
        if at + 10 + size > len(raw):
            break
        found.append([at + 10, size, ms if timed else 0])
        at += 10 + size
    return found, at, False


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([b"MEET", b"MEEP"]), st.sampled_from([b"ECHO", b"\0\0\1\0"]), st.binary(max_size=9))
    ),
    st.binary(max_size=12),
    st.booleans(),
)
def test_the_walker_is_its_naive_twin(parts, tail, timed):
    raw = b"".join(a + b + struct.pack(">H", len(c)) + c for a, b, c in parts) + tail
    out = np.empty((3, len(raw) // 10 + 1), np.int64)
    n, at, lie = mjr._walk_kernel(np.frombuffer(raw, np.uint8).copy(), timed, out)
    assert (out[:, :n].T.tolist(), at, bool(lie)) == naive_walk(raw, timed)


@pytest.mark.parametrize(
    ("name", "codec", "count", "seconds"),
    [("audio", "opus/48000/2", 529, 10.56), ("video", "VP8/90000", 176, 10.491)],
)
def test_janus_own_samples(corpus, name, codec, count, seconds):
    path = corpus / JANUS / f"rec-sample-{name}.mjr"
    log = packets.read_log(path, name=path.name, codecs={})
    (stream,) = log.streams
    row = streams.stream_row(stream, stream.log_start_ns)
    assert (row.codec, row.packets, row.lost, row.jitter_ms) == (codec, count, 0, None)
    assert row.last_s == pytest.approx(seconds)
    assert mjr.sounds(path.read_bytes()[:4096]) == (name == "audio")
