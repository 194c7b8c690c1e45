"""What a file does not say is not measured: times of arrival, UTC."""

import dataclasses
import json
import struct

import numpy as np
import pytest
from captures import START_NS, Packet, frames, pcap, rtp, talk
from streams import stream

from aqa import hints, streams
from aqa.detector import registry
from aqa.measures import delay, skew
from aqa.pipeline import Options, analyze
from aqa.store import Store
from aqa.stream_model import Stream


def uneven() -> Stream:
    """A stall of 3 s, jitter and loss."""
    packets = [
        dataclasses.replace(p, arrival_s=p.arrival_s + (3 if i >= 500 else 0) + 0.05 * (i % 7 == 0))
        for i, p in enumerate(talk(1000)) if i % 50
    ]  # fmt: skip
    return stream(packets)


def kinds(one: Stream) -> set[str]:
    return {
        found.kind for item in registry().values() if item.subject is Stream for found in item(one, item.settings())
    }


def test_without_times_nothing_is_said_of_time_and_all_of_loss():
    timed = uneven()
    untimed = hints.without_times(timed)
    assert {"stall", "jitter", "loss"} <= kinds(timed)
    assert kinds(untimed) & {"stall", "jitter", "late", "clock_drift"} == set()
    assert "loss" in kinds(untimed)
    assert np.isnan(delay.jitter_ms(untimed)).all() and np.isnan(delay.pauses_ms(untimed)).all()
    assert np.isnan(delay.relative_delay_ms(untimed)).all() and skew.skew_ppm(untimed) is None
    rows = [streams.stream_row(one, START_NS) for one in (timed, untimed)]
    assert rows[0].lost == rows[1].lost > 0
    assert rows[0].jitter_ms is not None and rows[1].jitter_ms is None and rows[1].delta_max_ms is None
    assert all(second.delay_max_ms is None for second in streams.stream_seconds(untimed, START_NS))


@pytest.mark.parametrize(("time_ns", "known"), [(None, False), (0, False), (44 * 10**9, False), (START_NS, True)])
def test_times_before_rtp_are_no_utc(time_ns, known):
    assert hints.utc(time_ns) == (time_ns if known else None)


@pytest.mark.parametrize("with_utc", [False, True])
def test_a_log_without_utc_begins_with_its_event(tmp_path, with_utc):
    folder = tmp_path / "in" / "show"
    folder.mkdir(parents=True)
    items = [rtp(Packet(0, i, 960 * i, 111, payload=b"\xfc\xff\xfe")) for i in range(100) if not 50 <= i < 55]
    body = b"".join(b"MEETECHO" + struct.pack(">H", len(raw)) + raw for raw in items)
    (folder / "old.mjr").write_bytes(b"MEETECHO\0\5audio" + body)
    if with_utc:
        (folder / "a.pcap").write_bytes(pcap(frames(talk(200))))
    analyze([tmp_path / "in"], Options(tmp_path / "data", tmp_path / "reports"))
    analysis = Store(tmp_path / "data").analysis("show")
    row = next(row for row in analysis.streams if row.log == "old.mjr")
    assert (row.first_s, row.last_s) == (0, pytest.approx(1.98))
    (loss,) = [item for item in analysis.findings if item.kind == "loss"]
    assert (round(loss.start_s, 6), round(loss.end_s, 6)) == (1.0, 1.1)
    assert (analysis.event.start_utc is None) == (not with_utc)
    assert analysis.event.duration_s == pytest.approx(3.98 if with_utc else 2.0, abs=0.001)
    what = [item["what"] for item in json.loads(analysis.event.not_measured)]
    assert "When packets came in old.mjr" in what
