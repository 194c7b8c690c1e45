"""What RTCP says beside a stream, and streams that go on as others."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from captures import START_NS, frames, pcap, talk
from streams import stream

from aqa import packets
from aqa.reported import joined, reported_columns
from aqa.stream_model import Reported, StreamRow
from aqa.streams import stream_row


def told(**facts: object) -> StreamRow:
    found = dataclasses.replace(stream(talk(600)), reported=Reported(**facts))
    return stream_row(found, START_NS)


def test_the_sender_s_clock_places_the_first_packet() -> None:
    """RTP time 1000 (the first packet) is 2.5 s before RTP time 21000 at 8 kHz."""
    row = told(sender_times=((START_NS + 9_000_000_000, 21_000),))
    assert row.sender_utc == "2023-11-14T22:13:26.500Z"
    assert row.sender_skew_ppm is None


def test_a_sender_without_a_clock_gives_no_utc() -> None:
    assert told(sender_times=((9_000_000_000, 21_000),)).sender_utc is None


def test_a_media_clock_that_runs_slow_is_seen_in_the_sender_s_reports() -> None:
    """80,000 ticks of 8 kHz in 10.001 s of wall clock: 100 ppm slow; wrapped once on the way."""
    first = 2**32 - 8000
    times = tuple((START_NS + round(i * 1.0001e9), (first + 8000 * i) % 2**32) for i in range(21))
    assert told(sender_times=times).sender_skew_ppm == pytest.approx(100, abs=0.5)


def test_figures_of_the_far_end() -> None:
    row = told(cname="alice", lost=7, loss_pct=1.5, jitter=80, rtt_ms=(40.0, 60.0), bye_ns=START_NS + 5 * 10**9)
    assert (row.cname, row.reported_lost, row.reported_loss_pct, row.reported_jitter_max_ms) == ("alice", 7, 1.5, 10)
    assert (row.rtt_ms, row.rtt_max_ms, row.bye_s) == (50, 60, 5)


def test_no_report_is_not_measured() -> None:
    columns = reported_columns(stream(talk(60)), START_NS)
    assert columns == {"copies_pct": 0.0, "level_dbov": None}


def test_levels_and_copies() -> None:
    found = stream(talk(60))
    loud = np.full(60, -20, np.int16)
    loud[:10] = -50
    found = dataclasses.replace(found, level_dbov=loud, copies=np.r_[np.ones(15), np.zeros(45)].astype(np.uint8))
    assert reported_columns(found, START_NS) == {"copies_pct": 25.0, "level_dbov": -20.0}


def again(ssrc: int, first_s: float, **facts: object) -> StreamRow:
    row = stream_row(stream([dataclasses.replace(p, ssrc=ssrc) for p in talk(100)]), START_NS)
    return dataclasses.replace(row, first_s=first_s, last_s=first_s + 2, **facts)


def test_a_stream_goes_on_as_the_next_of_its_flow() -> None:
    rows = joined([again(3, 4.5), again(1, 0.0, participant="alice"), again(2, 2.1)])
    assert [(row.ssrc[-1], row.continues, row.participant) for row in rows] == [
        ("1", None, "alice"), ("2", "0x00000001", "alice"), ("3", "0x00000002", "alice"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [{"first_s": 1.0}, {"first_s": 13.0}, {"first_s": 2.5, "payload_type": 8}, {"first_s": 2.5, "src": "10.9.9.9:1"}],
)
def test_streams_beside_each_other_or_of_others_do_not(other: dict) -> None:
    rows = joined([again(1, 0.0), dataclasses.replace(again(2, 0.0), last_s=20.0, **other)])
    assert rows[1].continues is None


def test_a_name_joins_over_flows_and_tells_who() -> None:
    rows = joined([
        again(1, 0.0, cname="a@b", participant="alice"), again(2, 2.5, cname="a@b", src="10.9.9.9:1"),
        again(3, 0.5, cname="a@b", src="10.9.9.8:1"),
    ])  # fmt: skip
    assert [row.participant for row in rows] == ["alice"] * 3
    assert rows[2].continues is not None


def test_a_restart_in_a_capture(tmp_path: Path) -> None:
    first, second = talk(100), [dataclasses.replace(p, ssrc=9, arrival_s=p.arrival_s + 3) for p in talk(100)]
    (tmp_path / "a.pcap").write_bytes(pcap(frames([*first, *second])))
    log = packets.read_log(tmp_path / "a.pcap", name="a.pcap", codecs={})
    rows = joined([stream_row(one, START_NS) for one in log.streams])
    assert [row.continues for row in rows] == [None, "0x00001234"]
