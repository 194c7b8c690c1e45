"""Tables of packets: the same packets as CSV, JSON lines and Parquet, and rows that can't be used."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from captures import START_NS, drained, rtp, talk
from hypothesis import given, settings
from hypothesis import strategies as st

from aqa import packets, streams
from aqa.formats import csv_table, jsonl_table, parquet_table
from aqa.model import InputError
from aqa.packet_table import OPTIONAL, REQUIRED, State, frame_of, records
from aqa.recordings import discover

TALK = talk(40, hz=48_000, payload_type=111, first=65_520)
ROWS = [
    {
        "time": (START_NS + round(p.arrival_s * 1e9)) / 1e9, "ssrc": p.ssrc, "sequence": p.sequence,
        "timestamp": p.timestamp, "src": "alice", "dst": "sfu", "payload_type": 111, "marker": int(p.marker),
        "payload_bytes": len(p.payload), "codec": "opus/48000/2",
    }
    for p in TALK if p.sequence != 65_530
]  # fmt: skip


def csv_of(rows):
    names = list(rows[0])
    return "\n".join([",".join(names), *(",".join(str(row[name]) for name in names) for row in rows)]) + "\n"


def written(tmp_path, kind, rows):
    path = tmp_path / f"log.{kind}"
    if kind == "parquet":
        pl.DataFrame(rows).write_parquet(path)
    elif kind == "csv":
        path.write_text(csv_of(rows))
    else:
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return path


KINDS = {"csv": csv_table, "jsonl": jsonl_table, "parquet": parquet_table}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_packets_whatever_the_file(tmp_path, kind):
    path = written(tmp_path, kind, ROWS)
    log = packets.read_log(path, name="x", codecs={})
    (stream,) = log.streams
    row = streams.stream_row(stream, stream.log_start_ns)
    assert (log.format, log.start_ns, log.warning, log.note) == (f"{kind}_table", START_NS, None, None)
    assert (row.src, row.dst, row.ssrc, row.codec, row.clock_rate_hz) == (
        "alice",
        "sfu",
        "0x00001234",
        "opus/48000/2",
        48_000,
    )
    assert (row.packets, row.expected, row.lost) == (39, 40, 1)
    assert row.jitter_max_ms < 0.001
    assert stream.payload_bytes.tolist() == [160] * 39
    assert stream.marker.tolist() == [True] + [False] * 38


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("chunk_bytes", [80, 300, 1 << 20])
def test_pieces_of_any_length_give_the_same(tmp_path, kind, chunk_bytes):
    got, why = drained(KINDS[kind], written(tmp_path, kind, ROWS), chunk_bytes=chunk_bytes)
    heads = [rtp(p)[:12] for p in TALK if p.sequence != 65_530]
    assert why == "" and [item[3] for item in got] == heads
    assert {item[1] for item in got} == {172}


def test_parquet_by_few_rows_and_with_timestamps(tmp_path):
    frame = pl.DataFrame(ROWS).with_columns(
        (pl.col("time") * 1e6).round().cast(pl.Int64).cast(pl.Datetime("us", "UTC"))
    )
    frame.write_parquet(tmp_path / "a.parquet")
    got, why = drained(parquet_table, tmp_path / "a.parquet", chunk_bytes=32 * 7)
    assert why == "" and len(got) == 39
    assert got[-1][0] == START_NS + 780_000_000


def test_what_is_required_is_enough_and_order_and_case_are_free(tmp_path):
    begun = datetime(2023, 5, 24, 22, 0, tzinfo=UTC)
    text = "Timestamp, SSRC ,room,sequence,time\r\n" + "".join(
        f"{960 * i},0xABCD,x,{i},{begun + timedelta(milliseconds=20 * i):%Y-%m-%dT%H:%M:%S.%fZ}\r\n"
        for i in range(20)
    )
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + text.encode()))
    log = packets.read_log(path, name="x", codecs={})
    (stream,) = log.streams
    assert (stream.ssrc, len(stream.sequence), stream.src) == (0xABCD, 20, "")
    assert int(stream.arrival_ns[1] - stream.arrival_ns[0]) == 20_000_000
    assert log.start_ns == 1_684_965_600_000_000_000


def test_levels_come_back_as_the_extension_of_rfc_6464():
    rows = [
        {"time": "1700000000", "ssrc": "1", "sequence": "2", "timestamp": "3", "level_dbov": level}
        for level in (-127, 0, None)
    ]
    found = records(frame_of(rows), State())
    raw = found.buffer.reshape(3, 20)
    assert raw[:, 0].tolist() == [0x90] * 3
    assert [bytes(row[12:]) for row in raw] == [
        bytes.fromhex("bede0001 107f0000"), bytes.fromhex("bede0001 10000000"), bytes.fromhex("bede0001 00000000"),
    ]  # fmt: skip
    assert (found.wire - found.captured).tolist() == [0] * 3


def test_codecs_without_payload_types_get_one_each():
    rows = [
        {"time": "1700000000", "ssrc": "1", "sequence": "2", "timestamp": "3", "codec": name}
        for name in ("opus/48000", "PCMU/8000", "")
    ]
    state = State()
    raw = records(frame_of(rows), state).buffer.reshape(3, 12)
    assert raw[:, 1].tolist() == [96, 97, 98]
    assert state.codecs == {96: "opus/48000", 97: "PCMU/8000"}


BAD = [
    ("time", "yesterday", "a time"), ("time", "2023-05-24T22:00:00", "a time"), ("time", "inf", "a time"),
    ("time", "1e300", "a time"), ("ssrc", "-1", "an SSRC"), ("ssrc", "0x1FFFFFFFF", "an SSRC"),
    ("ssrc", "abc", "an SSRC"),
    ("sequence", "1.5", "a sequence number"), ("timestamp", "-3", "an RTP timestamp"),
    ("payload_type", "128", "a payload type"), ("marker", "2", "a marker"),
    ("payload_bytes", "-1", "a number of bytes"),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize(("column", "value", "what"), BAD)
def test_a_value_that_can_t_be_read_is_named_with_its_line(tmp_path, kind, column, value, what):
    rows = [dict(row) for row in ROWS]
    rows[20][column] = value
    log = packets.read_log(written(tmp_path, kind, rows), name="event/log", codecs={})
    line = 20 + (2 if kind == "csv" else 1)
    assert log.packets == 20
    assert f"event/log: line {line}: column {column}: '{value}' is not {what}" in (log.warning or "")
    assert "rows before it are used" in (log.warning or "")


def test_rows_of_parquet_are_named_too(tmp_path):
    rows = [row | {"sequence": -1 if i == 30 else row["sequence"]} for i, row in enumerate(ROWS)]
    got, why = drained(parquet_table, written(tmp_path, "parquet", rows), chunk_bytes=32 * 8)
    assert len(got) == 30 and "row 31: column sequence: -1 is not" in why


@pytest.mark.parametrize("cell", ["", " "])
def test_an_optional_value_may_be_empty_a_required_one_not(tmp_path, cell):
    fine = [row | {"marker": cell, "payload_bytes": cell, "codec": ""} for row in ROWS]
    log = packets.read_log(written(tmp_path, "csv", fine), name="x", codecs={111: "opus/48000"})
    assert (log.warning, log.packets) == (None, 39)
    broken = [row | {"sequence": cell if i == 5 else row["sequence"]} for i, row in enumerate(ROWS)]
    assert "line 7: column sequence" in str(drained(csv_table, written(tmp_path, "csv", broken))[1])


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (b"1,2,3,4,5,6,7,8,9,10,11,12", "12 fields for 10 columns"),
        (b'"1,2', "unexpected end of data"),
        (b"\xff,1", "utf-8"),
    ],
)
def test_a_line_that_is_no_csv_costs_what_follows_only(tmp_path, row, what):
    path = tmp_path / "a.csv"
    good = csv_of(ROWS).encode()
    path.write_bytes(good + row + b"\n" + good.split(b"\n", 1)[1])
    got, why = drained(csv_table, path)
    assert len(got) == 39
    assert f"line {len(ROWS) + 2}: " in why and what in why


def test_blank_lines_are_passed_over_and_counted(tmp_path):
    path = tmp_path / "a.csv"
    lines = csv_of(ROWS).split("\n")
    path.write_text("\n".join([*lines[:5], "", *lines[5:12], "x,1,1,1"]) + "\n")
    got, why = drained(csv_table, path)
    assert len(got) == 11 and "line 14: column time: 'x'" in why


@pytest.mark.parametrize(
    "bad",
    [
        b"{",
        b"[1]",
        b'{"time":1,"ssrc":1,"sequence":1}',
        b'{"time":[1],"ssrc":1,"sequence":1,"timestamp":1}',
        b"\xff",
        b"[" * 9000,
    ],
)
def test_a_line_that_is_no_packet_of_json(tmp_path, bad):
    path = tmp_path / "a.jsonl"
    path.write_bytes(written(tmp_path, "jsonl", ROWS).read_bytes() + bad + b"\n")
    got, why = drained(jsonl_table, path)
    assert len(got) == 39 and "line 40: " in why


@pytest.mark.parametrize("raw", [b"PAR1", b"PAR1" + bytes(100), b"PAR1" + bytes(20) + b"\xff\xff\xff\x7fPAR1"])
def test_a_damaged_parquet_file(tmp_path, raw):
    path = tmp_path / "a.parquet"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"a\.parquet: its Parquet footer can't be read"):
        packets.read_log(path, name="a.parquet", codecs={})


def test_parquet_cut_or_flipped_anywhere_is_an_error_or_partial(tmp_path):
    raw = written(tmp_path, "parquet", ROWS).read_bytes()
    path = tmp_path / "b.parquet"
    for at in range(4, len(raw), 37):
        path.write_bytes(raw[:at])
        assert drained(parquet_table, path)[1]
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 0x55]) + raw[at + 1 :])
        got, why = drained(parquet_table, path)
        assert why or len(got) == 39


@pytest.mark.parametrize("lacks", REQUIRED)
def test_a_table_that_lacks_a_column_is_none(tmp_path, lacks):
    rows = [{key: value for key, value in row.items() if key != lacks} for row in ROWS]
    for kind in ("csv", "jsonl"):
        assert not KINDS[kind].sniff(written(tmp_path, kind, rows).read_bytes()[:512])
    with pytest.raises(InputError, match=f"no table of packets: it lacks {lacks}"):
        packets.read_log(written(tmp_path, "parquet", rows), name="x", codecs={})


def test_headers_too_long_for_the_head_or_at_all(tmp_path):
    wide = "time,ssrc,sequence,timestamp," + ",".join(f"column_{i}" for i in range(100))
    path = tmp_path / "a.csv"
    path.write_text(wide + "\n" + "1700000000,1,1,1" + "," * 100 + "\n")
    assert csv_table.sniff(path.read_bytes()[:512]) and len(drained(csv_table, path)[0]) == 1
    path.write_text(wide + "," * 70_000 + "\n")
    assert "line 1: a header of more than 65536 bytes" in drained(csv_table, path, chunk_bytes=1000)[1]


def test_integers_of_tools_that_know_only_doubles(tmp_path):
    rows = [row | {"payload_type": 111.0, "sequence": float(row["sequence"])} for row in ROWS]
    for kind in ("csv", "jsonl"):
        assert (
            drained(KINDS[kind], written(tmp_path, kind, rows))[0]
            == drained(KINDS[kind], written(tmp_path, kind, ROWS))[0]
        )


def test_columns_that_come_twice(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time,ssrc,ssrc,sequence,timestamp\n1,2,3,4,5\n")
    assert "line 1: the header has ssrc twice" in drained(csv_table, path)[1]


def test_series_of_an_event_and_stats_are_not_taken(tmp_path, corpus):
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "listeners.csv").write_text(csv_of(ROWS))
    (tmp_path / "e" / "load.csv").write_text("time,node,metric,value\n1,a,b,2\n")
    written(tmp_path / "e", "jsonl", ROWS)
    (event,) = discover([tmp_path])
    assert (event.logs, event.others) == (["log.jsonl"], ["listeners.csv", "load.csv"])
    for path in sorted((corpus / "webrtc-stats").rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                head = file.read(512)
            assert not any(module.sniff(head) for module in KINDS.values()), path


def test_no_head_is_claimed_twice():
    for head in (b"", b"{", b"PAR1", b"time,ssrc,sequence,timestamp", b"time,ssrc,sequence,timestamp\n", b"{}\n"):
        assert sum(module.sniff(head) for module in KINDS.values()) <= 1
    long = b'{"time": 1, "ssrc": 1, "sequence": 1, "timestamp": 1, "src": "' + b"x" * 600
    assert jsonl_table.sniff(long[:512]) and not jsonl_table.sniff(b'{"report": ' + long[:512])


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**32 - 1),
            st.integers(0, 2**40),
            st.integers(0, 2**40),
            st.integers(0, 127),
            st.booleans(),
        ),
        min_size=1,
    )
)
def test_headers_are_those_of_rfc_3550(rows):
    named = [
        {"time": 1_700_000_000, "ssrc": a, "sequence": b, "timestamp": c, "payload_type": d, "marker": e}
        for a, b, c, d, e in rows
    ]
    raw = records(frame_of(named), State()).buffer.reshape(-1, 12)
    naive = [
        bytes([0x80, d | 128 * e])
        + (b % 2**16).to_bytes(2, "big")
        + (c % 2**32).to_bytes(4, "big")
        + a.to_bytes(4, "big")
        for a, b, c, d, e in rows
    ]
    assert [bytes(row) for row in np.asarray(raw)] == naive


def test_the_columns_are_documented():
    import aqa.packet_table as module

    for name in (*REQUIRED, *OPTIONAL):
        assert name in (module.__doc__ or "").split("Each row")[0]
