"""A stream's row: what was heard, estimated and changed, with numbers worked out by hand."""

import dataclasses
import json
from pathlib import Path

import pytest
from captures import START_NS, Packet, talk
from streams import stream

from aqa import packets
from aqa.emodel import ROWS, Row, estimate
from aqa.playout import Buffer, Played, play
from aqa.streams import stream_row, stream_seconds

OPUS = {96: "opus/48000/2"}


def lossy(lost: set[int], count: int = 3000, payload: int = 160) -> list[Packet]:
    return [dataclasses.replace(p, payload=bytes(payload)) for p in talk(count) if p.sequence not in lost]


def test_what_was_heard() -> None:
    row = stream_row(stream(lossy({500, *range(1000, 1010)})), START_NS, playout=Buffer("fixed", 60))
    assert row.playout_model == "fixed 60 ms"
    assert (row.late, row.concealed_s, row.interruptions) == (0, pytest.approx(0.22), 1)
    assert row.concealed_pct == pytest.approx(100 * 11 / 3000)
    assert (row.concealed_seconds, row.severely_concealed_seconds) == (2, 1)
    assert row.playout_delay_mean_ms == pytest.approx(60)
    assert (row.frame_ms, row.bitrate_kbps) == (20, pytest.approx(64))
    assert json.loads(row.loss_histogram) == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert row.recovered == 0  # G.711 carries no copies
    by_delay = {item["delay_ms"]: item for item in json.loads(row.sweep or "[]")}
    assert by_delay[500] == {"delay_ms": 500, "late": 0, "dropouts": 2, "concealed_s": 0.22}


def test_the_estimate_takes_what_was_made_up_as_loss() -> None:
    row = stream_row(stream(lossy(set(range(100, 3000, 50)))), START_NS, playout=Buffer("fixed", 60))
    by_hand = estimate(ROWS["pcmu"], loss_pct=100 * 58 / 3000, burst_r=1.0, delay_ms=60)
    assert row.mos_estimated == pytest.approx(by_hand.mos)
    assert (row.r_factor, row.ie_eff) == (pytest.approx(by_hand.r), pytest.approx(by_hand.ie_eff))
    assert row.delay_impairment == pytest.approx(0.024 * 60)
    assert row.mos_model == f"{by_hand.model}; delay of the fixed 60 ms buffer only"


def test_the_worst_interval_is_where_the_losses_are() -> None:
    row = stream_row(stream(lossy(set(range(1600, 1800, 10)))), START_NS - 5_000_000_000)
    assert row.worst_interval_start_s == pytest.approx(35.0)  # 30 s after the first packet, 5 s of base
    assert (row.worst_interval_mos or 5) < (row.mos_estimated or 0)


def test_without_a_row_there_is_a_reason() -> None:
    made = stream(talk(500, hz=48_000, payload_type=96), OPUS)
    row = stream_row(made, START_NS)
    assert (row.mos_estimated, row.r_factor) == (None, None)
    assert row.mos_model == (
        "not measured: no published row for Opus at 64 kb/s; ie, bpl and scale in aqa.toml under emodel.rows.opus"
    )
    given = stream_row(made, START_NS, rows={"opus": Row("Opus (lab)", "FB", 5.0, 20.0)})
    assert (given.mos_model or "").startswith("G.107.2 / Opus (lab) (Ie 5, Bpl 20)")


def test_without_a_clock_nothing_is_said_to_be_heard() -> None:
    row = stream_row(stream(talk(500, hz=61_000, payload_type=96)), START_NS)
    assert row.mos_model == "not measured: the clock rate is not known"
    assert [row.late, row.concealed_s, row.concealed_pct, row.sweep, row.frame_ms] == [None] * 5


def test_seconds_tell_late_packets_and_made_up_sound() -> None:
    sent = [Packet(i * 0.02 + (0.1 if i == 100 else 0), i, i * 160) for i in range(300) if i != 200]
    made = stream(sorted(sent, key=lambda p: p.arrival_s))
    rows = stream_seconds(made, START_NS, played=Played(made, play(made, Buffer("fixed", 60))))
    assert [row.late for row in rows] == [0, 0, 1, 0, 0, 0]
    assert [row.concealed_s for row in rows] == [0, 0, 0.02, 0, 0.02, 0]
    assert {row.late for row in stream_seconds(made, START_NS)} == {None}


def test_changes_are_told_in_order() -> None:
    first = [Packet(i * 0.02, i, i * 160, 0) for i in range(200)]
    second = [Packet(4 + i * 0.04, 200 + i, 32_000 + i * 320, 8, payload=bytes(320)) for i in range(200)]
    row = stream_row(stream(first + second), START_NS)
    found = json.loads(row.changes)
    assert [(item["what"], item["from"], item["to"]) for item in found] == [
        ("payload type", 0, 8),
        ("frame_ms", 20.0, 40.0),
    ]
    assert found[0]["at_s"] == 4.0
    assert found[1]["at_s"] == pytest.approx(4.08)
    assert json.loads(stream_row(stream(talk(500)), START_NS).changes) == []


def test_a_real_call_that_changes_codec(corpus: Path) -> None:
    name = "rtp-pcap/BelledonneCommunications+mediastreamer2/poor_jitter_quality_22.pcapng"
    (found,) = packets.read_log(corpus / name, name=name, codecs={}).streams
    row = stream_row(found, found.log_start_ns)
    clocks = [item for item in json.loads(row.changes) if item["what"] == "clock_rate_hz"]
    assert [(item["from"], item["to"]) for item in clocks] == [(8000, 48000)]
    assert row.resets == 0


def test_extents_and_resets_are_counted() -> None:
    swapped = talk(100)
    swapped[50], swapped[53] = (
        dataclasses.replace(swapped[53], arrival_s=1.0),
        dataclasses.replace(swapped[50], arrival_s=1.06),
    )
    again = [Packet(2 + i * 0.02, 30_000 + i, 9_000_000 + i * 160) for i in range(100)]
    row = stream_row(stream(swapped + again), START_NS)
    assert (row.reorder_extent_max, row.resets) == (3, 1)
