"""rtpproxy's records: by hand, cut and lying; and the figures that rtpproxy's own tool published."""

import re
import struct
from pathlib import Path

import naive
import numpy as np
import pytest
from captures import START_NS, rtp, talk
from hypothesis import given, settings
from hypothesis import strategies as st

from aqa import packets, streams
from aqa.chunks import DamagedError
from aqa.formats import rtpproxy
from aqa.measures import delay
from aqa.model import InputError
from aqa.stream_model import Stream

SIPPY = "rtpproxy-recordings/sippy+rtpproxy"
START_S = START_NS / 1e9


def record(
    time_s: float, packet: bytes, *, order: str = "<", address: bytes = b"\x0a\0\0\1", port: int = 4000
) -> bytes:
    family = 2 if len(address) == 4 else 10
    field = struct.pack(order + "H", family) + struct.pack(">H", port) + address.ljust(16, b"\0")
    return field + struct.pack(order + "dH", time_s, len(packet)) + packet


def file(count: int = 20, **keywords) -> bytes:
    return b"".join(record(START_S + p.arrival_s, rtp(p), **keywords) for p in talk(count))


def log_of(tmp_path: Path, raw: bytes) -> packets.PacketLog:
    path = tmp_path / "a.rtp"
    path.write_bytes(raw)
    return packets.read_log(path, name="a.rtp", codecs={})


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders(tmp_path, order):
    log = log_of(tmp_path, file(order=order))
    (stream,) = log.streams
    assert (log.format, log.packets, log.warning, log.start_ns) == ("rtpproxy", 20, None, START_NS)
    assert (stream.src, stream.dst, len(stream.arrival_ns)) == ("10.0.0.1:4000", "", 20)
    assert int(stream.arrival_ns[1] - stream.arrival_ns[0]) == pytest.approx(
        20_000_000, abs=240
    )  # half a step of the double


def test_ipv6_and_a_second_address_are_flows_of_their_own(tmp_path):
    far = bytes.fromhex("20010db8") + bytes(11) + b"\1"
    log = log_of(tmp_path, file(address=far) + file(port=5000))
    assert {stream.src for stream in log.streams} == {"[2001:db8::1]:4000", "10.0.0.1:5000"}


def test_bytes_that_the_writer_left_in_an_ipv4_address_do_not_matter(tmp_path):
    raw = bytearray(file())
    raw[8:20] = b"leftoverbyte"
    assert len(log_of(tmp_path, bytes(raw)).streams) == 1


def test_other_files_are_none_of_these():
    assert not rtpproxy.sniff(b"")
    assert not rtpproxy.sniff(b"\2\0" + bytes(600))  # the time is 1970
    assert not rtpproxy.sniff(record(START_S, b"GET / HTTP/1.1"))
    assert not rtpproxy.sniff(file()[: rtpproxy.HEADER - 1])
    assert not rtpproxy.sniff(file(1) + bytes(100))  # what follows is no record
    assert rtpproxy.sniff(file()) and rtpproxy.sniff(file()[:300])
    assert rtpproxy.sniff(record(START_S, b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)) + file())  # STUN comes first


@settings(deadline=None)
@given(st.integers(0, 900))
def test_cut_at_every_byte(tmp_path_factory, size):
    raw = file(5)[:size]
    path = tmp_path_factory.mktemp("cut") / "a.rtp"
    path.write_bytes(raw)
    whole, count = size // 202, 0
    try:
        for records in rtpproxy.read(path, chunk_bytes=100):
            count += len(records.offset)
    except (DamagedError, InputError) as error:
        assert "byte" in str(error)
        assert size % 202 or not size
    else:
        assert size % 202 == 0 and size
    assert count == whole


@settings(deadline=None)
@given(st.binary(min_size=0, max_size=300), st.integers(0, 400))
def test_garbage_neither_crashes_nor_reads_beyond(tail, at):
    raw = file(2)[:at] + tail
    data = np.frombuffer(raw, np.uint8).copy()
    out = np.empty((3, len(data) // rtpproxy.HEADER + 1), np.int64)
    n, used, lie = rtpproxy._walk_kernel(data, False, out)
    expected, end, lied = naive.rtpproxy_walk(raw)
    assert (n, used, bool(lie)) == (len(expected), end, lied)
    assert out[:, :n].T.tolist() == [list(row) for row in expected]


def test_a_record_that_lies_costs_what_follows_only(tmp_path):
    good = file(10)
    lie = record(START_S + 1, bytes(rtpproxy.MAX_PACKET + 1))
    log = log_of(tmp_path, good + lie + file(10))
    assert (log.packets, len(log.streams)) == (10, 1)
    assert f"at byte {len(good)}: a record whose address, time or length can't be true" in (log.warning or "")


def published(path: Path) -> list[dict[str, float]]:
    """The figures of both directions, the caller's first."""
    numbers = [{key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+)(?=[,\s])", part)}
               for part in re.split(r"(?=pcount=)", path.read_text())[1:]]  # fmt: skip
    assert len(numbers) == 2
    return numbers


def sippy_jitter(stream: Stream) -> tuple[float, float, float]:
    """Jitter as rtpproxy has it (src/rtp_analyze.c): RFC 3550 in RTP ticks, arrival cut down to whole ticks; the
    mean is over packets after the first, a timestamp that came within the last ten counts for nothing."""
    rate = stream.clock_rate_hz
    last = total = top = 0.0
    seen, count, before = [], 0, None
    for arrival_ns, stamp in zip(stream.arrival_ns.tolist(), stream.timestamp.tolist(), strict=True):
        ticks = int(arrival_ns / 1e9 * rate)
        if stamp in seen[-10:]:
            continue
        if before is not None:
            last += (abs((ticks - stamp) - before) - last) / 16
            top, total, count = max(top, last), total + last, count + 1
        seen.append(stamp)
        before = ticks - stamp
    return last, total / count, top


CALLS = [(call, side) for call in ("call1_alaw", "call1_g722", "call1_g729", "call1_ulaw") for side in (0, 1)]


@pytest.mark.parametrize(("call", "side"), [*CALLS, ("corrupted_g722", 1), ("rtcp", 0)])
def test_published_counts_and_jitter(corpus, call, side):
    folder = corpus / SIPPY
    ending = "pcap" if call == "rtcp" else "rtp"
    path = folder / f"{call}.{'ao'[side]}.{ending}"
    truth = published(folder / f"{call}.output")[side]
    log = packets.read_log(path, name=path.name, codecs={})
    (stream,) = log.streams
    row = streams.stream_row(stream, stream.log_start_ns)
    assert log.warning is None
    assert row.packets - row.duplicates == truth["precvd"]
    assert (row.expected, row.lost, row.duplicates) == (truth["psent"], truth["plost"], truth["duplicates"])
    assert (stream.sequence.min() & 0xFFFF, stream.sequence.max() & 0xFFFF) == (truth["min_seq"], truth["max_seq"])
    wanted = (truth["last_jitter"], truth["average_jitter"], truth["max_jitter"])
    # a time on the edge of a tick falls on either side of it: one tick, a sixteenth of which enters the filter
    assert sippy_jitter(stream) == pytest.approx(wanted, abs=0.01)
    per_ms = stream.clock_rate_hz / 1000
    ours = (row.jitter_ms * per_ms, row.jitter_mean_ms * per_ms, row.jitter_max_ms * per_ms)
    # ours keeps the fraction of a tick that theirs cuts off: up to one tick in a difference, a sixteenth of it
    # in each step of the filter; means over hundreds of packets differ by less
    assert ours == pytest.approx(wanted, abs=0.13)


def test_a_source_that_changes_for_one_packet(corpus):
    """Published: three SSRCs, none lost. The odd packet has the sequence number that its neighbours lack."""
    path = corpus / SIPPY / "rtcp.o.pcap"
    truth = published(corpus / SIPPY / "rtcp.output")[1]
    log = packets.read_log(path, name=path.name, codecs={})
    (stream,) = log.streams
    row = streams.stream_row(stream, stream.log_start_ns)
    assert truth["ssrc_changes"] == 3 and f"0x{0xF3CB2001:08x}" == row.ssrc
    assert (row.packets + 1, row.expected, row.lost) == (truth["precvd"], truth["psent"], 1)
    assert log.skipped == {"RTCP": 1} or log.skipped.get("no stream of RTP", 0) == 1
    assert sippy_jitter(stream)[2] == pytest.approx(truth["max_jitter"], abs=0.5)


def test_garbage_at_the_end_is_said_and_the_rest_used(corpus):
    path = corpus / SIPPY / "corrupted_g722.a.rtp"
    truth = published(corpus / SIPPY / "corrupted_g722.output")[0]
    log = packets.read_log(path, name=path.name, codecs={})
    (stream,) = log.streams
    assert "at byte 79386" in (log.warning or "")
    assert len(stream.arrival_ns) == truth["psent"] - 1  # theirs counts one packet of the garbage as another source
    last, mean, top = sippy_jitter(stream)
    assert (last, mean, top) == pytest.approx(
        (truth["last_jitter"], truth["average_jitter"], truth["max_jitter"]), abs=0.01
    )
    assert float(np.nanmax(delay.jitter_ms(stream)) * 8) == pytest.approx(top, abs=0.13)
