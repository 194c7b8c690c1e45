"""Short ways that nearly all packets and streams take, against the long ways that any may take."""

import dataclasses

import numpy as np
from captures import Packet, ethernet, ipv4, rows_together, rtp, udp
from hypothesis import example, given
from hypothesis import strategies as st
from streams import stream

from aqa.frames import Records, Table
from aqa.grouping import Scattered
from aqa.measures import fixed, loss
from aqa.measures import rtp as streams_of_rtp
from aqa.measures.arrivals import Arrivals
from aqa.measures.order import order_of
from aqa.measures.slots import slots_of
from aqa.parse import ROW
from aqa.playout import sweep_slots
from aqa.report.stream_words import sentences
from aqa.report.streams_table import streams_text
from aqa.stream_model import Stream
from aqa.streams import stream_row

STEPS = st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 60)), min_size=2, max_size=120)


def made(steps: list[tuple[int, int]]) -> Stream:
    """A stream of G.711 whose numbers go on by the first of each pair (0: a copy), late by the second in ms."""
    number, packets = 100, []
    for step, late_ms in steps:
        number += step
        packets.append(Packet(0.02 * number + late_ms / 1000, number, 160 * number, payload_type=0))
    return stream(packets)


def parsed(frames: list[bytes], link: int) -> tuple[list[tuple[str, str, int]], list[list[bytes]]]:
    """Ends and rows (all columns but the key's own number) of what is RTP in frames, by key."""
    sizes = np.array([len(item) for item in frames], np.int64)
    table, n = Table(), len(frames)
    buffer = np.frombuffer(b"".join(frames), np.uint8).copy()
    table.add(Records(buffer, np.cumsum(sizes) - sizes, sizes, sizes, np.full(n, link), np.arange(n, dtype=np.int64)))
    grouped = table.grouped()
    keys = grouped.keys(1)
    names = [name for name in ROW.names or () if name not in ("key", "unused")]
    return [table.ends(key) for key in keys], [
        [row[names].tobytes() for row in rows_together(grouped.rows(key))] for key in keys
    ]


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=12), st.integers(0, 255), st.sampled_from([5004, 2152, 4789, 53]), st.integers(0, 2),
            st.sampled_from([0x80, 0x81, 0x90, 0xA0, 0x40, 0x00]), st.integers(-9, 9),
        ),
        min_size=1, max_size=20,
    )
)  # fmt: skip
@example([(b"\x90\x01\x02\x03\x04\x05", 96, 5004, 1, 0x80, 0), (b"", 200, 5004, 1, 0x80, 0)])
def test_plain_frames_are_read_as_layer_by_layer(items: list[tuple[bytes, int, int, int, int, int]]) -> None:
    """Ethernet takes the short way, the same packets without it (LINKTYPE_RAW) the long one."""
    packets = []
    for number, (payload, kind, port, ssrc, first, wrong) in enumerate(items):
        raw = bytearray(rtp(Packet(0.0, number, 160 * number, ssrc=ssrc)))[:12] + payload
        raw[0], raw[1] = first, kind
        datagram = bytearray(udp(bytes(raw), dport=port))
        datagram[4:6] = max(len(datagram) + wrong, 0).to_bytes(2, "big")
        packets.append(ipv4(bytes(datagram)))
    assert parsed([ethernet(packet) for packet in packets], 1) == parsed(packets, 101)


def test_rows_taken_apart_are_the_columns_of_the_rows() -> None:
    raw = np.random.default_rng(1).integers(0, 256, (50, ROW.itemsize), np.uint8)
    halves = raw[:30].view(np.uint64), raw[30:].view(np.uint64)
    runs = np.array([[0, 0, 20], [1, 5, 15], [0, 20, 10], [1, 0, 5]])
    rows = rows_together(Scattered(*halves, runs))
    assert (
        rows["timestamp"].tolist()
        == raw.reshape(-1).view(ROW)["timestamp"][[*range(20), *range(35, 50), *range(20, 35)]].tolist()
    )
    found = Arrivals.of(*halves, runs)
    for name in ("arrival_ns", "timestamp", "sequence", "head", "copies", "primary", "extension", "extension_2"):
        assert getattr(found, name).tolist() == rows[name].tolist(), name
    assert found.payload_bytes.tolist() == rows["payload_bytes"].tolist()
    assert found.payload_types.tolist() == (rows["type"] & 127).tolist()
    assert found.marker.tolist() == (rows["type"] > 127).tolist()


@given(STEPS, st.permutations(range(5)))
def test_what_one_pass_counts(steps: list[tuple[int, int]], last: list[int]) -> None:
    one = made(steps)
    sequence = np.append(one.sequence[:-5], one.sequence[-5:][[i for i in last if i < len(one.sequence)]])
    one = dataclasses.replace(one, sequence=sequence, duplicate=streams_of_rtp.duplicates(sequence))
    found = order_of(one)
    assert (found.first_ns, found.last_ns) == (one.arrival_ns.min(), one.arrival_ns.max())
    assert found.pause_ns == max(0, *np.diff(one.arrival_ns).tolist())
    assert found.duplicates == one.duplicate.sum()
    assert found.reordered == streams_of_rtp.reordered(one).sum()
    assert found.steps_back == (np.diff(one.sequence[~one.duplicate]) < 0).sum()


@given(STEPS)
def test_a_calm_stream_is_swept_as_any_other(steps: list[tuple[int, int]]) -> None:
    slots = slots_of(made(steps))
    assert slots is not None
    delays = np.array([20, 60, 100]) * 1_000_000
    assert fixed.sweep_of_slots(slots, delays).tolist() == fixed.sweep_of(fixed.pieces(slots), delays).tolist()
    assert [item.late for item in sweep_slots(slots, [20, 60, 100])] == fixed.sweep_of_slots(slots, delays)[
        :, 0
    ].tolist()


@given(STEPS)
def test_gaps_of_numbers_that_rise_are_those_of_any(steps: list[tuple[int, int]]) -> None:
    one = made(steps)
    out = np.empty(len(one.sequence), np.int64)
    found = loss._gaps_kernel(one.sequence, one.duplicate, out)
    rises = not one.duplicate.any() and bool((np.diff(one.sequence) > 0).all())
    assert (found >= 0) == rises
    if rises and len(one.stretch_reset) == 1:
        order, number, missing, at = loss._gaps(one)
        assert out[:found].tolist() == at.tolist()
        assert (number[at + 1] - number[at] - 1).tolist() == missing.tolist()
        assert order.tolist() == list(range(len(order)))


@given(STEPS)
def test_a_brief_row_says_all_that_a_whole_one_says(steps: list[tuple[int, int]]) -> None:
    one = made(steps)
    whole, brief = (stream_row(one, one.log_start_ns, brief=short) for short in (False, True))
    assert sentences(brief) == sentences(whole)
    assert streams_text([brief], {}) == streams_text([whole], {})
