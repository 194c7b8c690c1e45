"""Jitsi's multitrack JSON: by hand, cut, lying; and real rooms."""

import base64
import json

import pytest
from captures import drained
from hypothesis import given, settings
from hypothesis import strategies as st

from aqa import packets, streams
from aqa.formats import jitsi_multitrack as jitsi
from aqa.frames import BARE
from aqa.measures.loss import loss_runs

ROOMS = "room-recording/jitsi+jitsi-multitrack-recorder"


def start(tag, number=1, **form):
    form = {"encoding": "opus", "sampleRate": 48000, "channels": 2} | form
    return {"event": "start", "sequenceNumber": str(number), "start": {"tag": tag, "mediaFormat": form}}


def media(tag, chunk, timestamp, payload=b"\xfc\xff\xfe", number=2):
    inner = {
        "tag": tag,
        "chunk": str(chunk),
        "timestamp": str(timestamp),
        "payload": base64.b64encode(payload).decode(),
    }
    return {"event": "media", "sequenceNumber": str(number), "media": inner}


def lines(events):
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def talker(tag, count=20, first=0, at=0):
    return [media(tag, first + i, at + 960 * i) for i in range(count)]


def log_of(tmp_path, raw):
    path = tmp_path / "a.json"
    path.write_bytes(raw)
    return packets.read_log(path, name="a.json", codecs={})


@pytest.mark.parametrize("chunk_bytes", [50, 1000, 1 << 20])
def test_participants_are_flows_and_headers_are_made_again(tmp_path, chunk_bytes):
    path = tmp_path / "a.json"
    path.write_bytes(
        lines([start("a-7"), media("a-7", 65_537, 48_000), start("b-9"), media("b-9", 3, 96_000, b"xyz")])
    )
    got, why = drained(jitsi, path, chunk_bytes=chunk_bytes)
    assert why == "" and jitsi.sniff(path.read_bytes()[:512])
    head = bytes.fromhex("806f0001 0000bb80 00000007")
    assert got[0] == (10**9, 15, BARE, head + b"\xfc\xff\xfe")
    assert got[1] == (2 * 10**9, 15, BARE + 1, bytes.fromhex("806f0003 00017700 00000009") + b"xyz")


def test_a_log_of_a_room(tmp_path):
    events = [start("a-7"), *talker("a-7", 50), start("b-9"), *talker("b-9", 20, first=65_530, at=24_000)]
    del events[30]
    log = log_of(tmp_path, lines(events))
    one, other = log.streams
    assert (log.start_ns, log.packets, one.src, other.src) == (None, 69, "a-7", "b-9")
    assert (one.ssrc, other.ssrc, one.codec, other.clock_rate_hz) == (7, 9, "opus/48000/2", 48_000)
    rows = [streams.stream_row(s, s.log_start_ns) for s in log.streams]
    assert [(row.packets, row.lost, row.first_s, row.jitter_ms) for row in rows] == [
        (49, 1, 0, None),
        (20, 0, 0.5, None),
    ]
    assert "does not say when" in (log.note or "")


def test_a_tag_without_an_ssrc_still_has_one():
    assert jitsi.ssrc("a-4294967295") == 2**32 - 1
    assert jitsi.ssrc("a-4294967296") == jitsi.ssrc("a-4294967296") != jitsi.ssrc("b-4294967296")


def test_other_codecs_are_not_called_opus(tmp_path):
    log = log_of(tmp_path, lines([start("a-7", encoding="pcm", sampleRate=16_000), *talker("a-7")]))
    assert (log.streams[0].payload_type, log.streams[0].codec) == (96, None)


@pytest.mark.parametrize(
    "bad",
    [
        b"{", b"[]", b"null", b"\xff\xfe", b'{"event": "media", "media": {"tag": "a"}}', b"[" * 5000,
        *(json.dumps(media("a-7", *item)).encode() for item in [(-1, 0), (0, -1), (0, 2**60), ("x", 0), (1e99, 0)]),
        json.dumps(media("a-7", 0, 0)).replace("/P/+", "!!!!").encode(),
        b'{"event":"media","media":{"tag":"a","chunk":NaN,"timestamp":1,"payload":""}}',
    ],
)  # fmt: skip
def test_a_line_that_is_no_event_costs_what_follows_only(tmp_path, bad):
    good = lines([start("a-7"), *talker("a-7", 10)])
    log = log_of(tmp_path, good + bad + b"\n" + lines(talker("a-7", 10, first=10)))
    assert log.packets == 10
    assert f"at byte {len(good)}: line 12 is no event of the recorder" in (log.warning or "")


def test_what_is_new_in_an_event_and_what_comes_twice_does_not_matter(tmp_path):
    raw = lines([{"event": "transcription-result", "x": [1]}, *talker("a-7")])
    raw = b'{"event":"start","sequenceNumber":"1","start":{"tag":"a-7"},"event":"start","extra":1}\n\n' + raw
    assert len(log_of(tmp_path, raw).streams[0].sequence) == 20


def test_a_line_without_end_is_given_up(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(lines(talker("a-7", 3)) + b'{"event":"' + b"x" * (5 << 20))
    got, why = drained(jitsi, path, chunk_bytes=1 << 18)
    assert len(got) == 3 and "a record of more than" in why


@settings(deadline=None)
@given(st.integers(1, 1500))
def test_cut_anywhere(tmp_path_factory, size):
    events = [start("a-7"), *talker("a-7", 10)]
    raw = lines(events)[:size]
    path = tmp_path_factory.mktemp("cut") / "a"
    path.write_bytes(raw)
    got, why = drained(jitsi, path, chunk_bytes=100)
    whole = [len(lines(events[:n])) - 1 for n in range(1, 12)]  # the last line needs no line end
    assert len(got) == max(sum(end <= len(raw) for end in whole) - 1, 0)
    assert (why == "") == any(len(raw) in (end, end + 1) for end in whole)


def test_other_json_is_not_taken(corpus):
    for path in sorted((corpus / "webrtc-stats").rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                assert not jitsi.sniff(file.read(512)), path
    assert not jitsi.sniff(b'{"event":"start","sequenceNumber":1}') and not jitsi.sniff(b"")


def test_late_joiners_lose_nothing(corpus):
    """Published: joins at 0, 7.011 and 12.731 s, nothing is missing."""
    path = corpus / ROOMS / "sample.json"
    log = packets.read_log(path, name=path.name, codecs={})
    rows = [streams.stream_row(stream, stream.log_start_ns) for stream in log.streams]
    assert [round(row.first_s, 3) for row in rows] == [0, 7.011, 12.731]
    assert [(row.packets, row.lost) for row in rows] == [(1110, 0), (470, 0), (454, 0)]


def test_single_losses_are_where_they_were_put(corpus):
    """Published: 20 ms at 10.980, 15.860 and 37.080 s of the room."""
    path = corpus / ROOMS / "sample-stereo.json"
    log = packets.read_log(path, name=path.name, codecs={})
    runs = [loss_runs(stream) for stream in log.streams]
    starts = sorted(at for run in runs for at in run.start_s.tolist())
    assert starts == pytest.approx([10.980, 15.860, 37.080], abs=1e-3)
    assert [count for run in runs for count in run.count.tolist()] == [1, 1, 1]
    assert [length for run in runs for length in run.frame_s.tolist()] == pytest.approx([0.02] * 3)
