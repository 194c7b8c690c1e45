"""Kernels that do in one pass what holds for nearly all streams, against plain words and the general ways."""

import dataclasses
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from captures import Packet, rows_together
from hypothesis import given
from hypothesis import strategies as st
from streams import stream

from aqa.chunks import CHUNK_BYTES
from aqa.frames import Records, Table
from aqa.grouping import Rows, grouped
from aqa.lanes import fill
from aqa.measures import bins, delay, floor, loss, skew, slots
from aqa.stream_model import Stream

STEPS = st.lists(st.tuples(st.integers(0, 3), st.integers(-30, 900)), min_size=2, max_size=120)


def made(steps: list[tuple[int, int]]) -> Stream:
    """A stream of G.711 whose numbers go on by the first of each pair (0: a copy), late by the second in ms."""
    number, packets = 100, []
    for step, late_ms in steps:
        number += step
        packets.append(Packet(0.02 * number + late_ms / 1000, number, 160 * number, payload_type=0))
    return stream(packets)


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(-50, 50)), min_size=1, max_size=150))
def test_the_delays_of_both_kernels_are_alike(steps: list[tuple[int, int]]) -> None:
    arrival_ns = np.cumsum([step for step, _ in steps]) * 10_000_000
    arrival = arrival_ns * 1e-9
    media = arrival - np.array([late for _, late in steps]) * 0.001
    event = np.arange(len(steps)) % 7 == 3
    media[::7] = np.nan
    stretch = np.repeat(np.arange(len(steps) // 40 + 1, dtype=np.int32), 40)[: len(steps)].copy()
    one, other = np.empty(len(media)), np.empty(len(media))
    assert delay._delay_kernel(arrival_ns, media, stretch, event, 0, 2.0, one, np.empty((3, len(media))))
    media[event] = np.nan
    delay._delay_by_queue(arrival, media, stretch, 2.0, other, np.empty(len(media), np.int64))
    for i in np.flatnonzero(np.isfinite(media)).tolist():
        near = [j for j in range(i + 1) if stretch[j] == stretch[i] and arrival[j] >= arrival[i] - 2.0]
        least = min(arrival[j] - media[j] for j in near if np.isfinite(media[j]))
        assert one[i] == other[i] == (arrival[i] - media[i] - least) * 1e3
    assert np.isnan(one[::7]).all()


def test_a_capture_clock_set_back_is_left_to_the_queue() -> None:
    arrival_ns, media = np.array([0, 3, 1]) * 1_000_000_000, np.zeros(3)
    none, event = np.zeros(3, np.int32), np.zeros(3, np.bool_)
    assert not delay._delay_kernel(arrival_ns, media, none, event, 0, 2.0, np.empty(3), np.empty((3, 3)))


@given(st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 2000)), min_size=1, max_size=150))
def test_the_floors_of_both_kernels_are_alike(steps: list[tuple[int, int]]) -> None:
    media = np.cumsum([step for step, _ in steps]) * 1_000_000
    arrival = media + np.array([late for _, late in steps]) * 1_000_000
    bounds = np.array([0, len(media) // 2, len(media)])[len(media) < 2 :].copy()
    bounds[0] = 0
    found = []
    for kernel in (floor._floor_kernel, floor._floor_by_queue):
        work = [np.empty(len(media), np.int64) for _ in range(4)]
        assert kernel(arrival, media, bounds, *work)
        found.append(work[3].tolist())
    assert found[0] == found[1]
    falls = np.append(media, media[-1] - 1)
    work = [np.empty(len(falls), np.int64) for _ in range(4)]
    assert not floor._floor_kernel(np.append(arrival, 0), falls, np.array([0, len(falls)]), *work)


@given(STEPS)
def test_slots_of_a_plain_stream_are_those_of_any(steps: list[tuple[int, int]]) -> None:
    one = made(steps)
    plain = slots._plain_slots(one, 125_000.0)
    in_order = bool((np.diff(one.sequence) > 0).all()) and int(one.stretch[-1]) == 0
    assert (plain is not None) == in_order
    general = slots.slots_of(dataclasses.replace(one, stretch_clock_hz=(8000, 8000)))  # not taken for plain
    for made_of in (plain, slots.slots_of(one)):
        for field in dataclasses.fields(slots.Slots) if made_of is not None and in_order else ():
            assert getattr(made_of, field.name).tolist() == getattr(general, field.name).tolist(), field.name


@given(STEPS)
def test_delay_variation_of_neighbours(steps: list[tuple[int, int]]) -> None:
    one = made(steps)
    media, first = one.media_s, {}
    for i, number in enumerate(one.sequence.tolist()):
        if np.isfinite(media[i]):
            first.setdefault(number, i)
    late_s = (one.arrival_ns - one.log_start_ns) * 1e-9 - media
    pairs = [(first[n], first[n + 1]) for n in sorted(first) if n + 1 in first]
    expected = [abs(late_s[b] - late_s[a]) * 1e3 for a, b in pairs if one.stretch[a] == one.stretch[b]]
    assert delay.ipdv_ms(one).tolist() == expected


def test_delay_variation_of_packets_out_of_order() -> None:
    packets = [Packet(0.02 * i, n, 160 * n, payload_type=0) for i, n in enumerate((1, 2, 4, 3, 5, 6))]
    assert delay.ipdv_ms(stream(packets)) == pytest.approx([0, 20, 40, 20, 0])


@given(st.lists(st.integers(-5, 40), min_size=1, max_size=100))
def test_points_for_the_skew(late_ms: list[int]) -> None:
    one = made([(30, late) for late in late_ms])
    points, media = skew._delay_points(one), one.media_s
    if media[-1] - media[0] < skew.MIN_SKEW_SPAN_S:
        assert points is None
        return
    assert points is not None
    assert points[0].tolist() == (media - media[0]).tolist()
    assert points[1].tolist() == ((one.arrival_ns - one.arrival_ns[0]) * 1e-9 - (media - media[0])).tolist()


@given(STEPS, st.integers(1, 5))
def test_media_time_from_packet_to_packet(steps: list[tuple[int, int]], every: int) -> None:
    one = made(steps)
    order, media, out = np.argsort(one.sequence, kind="stable"), one.media_s, np.empty(len(one.sequence))
    found = loss._steps_kernel(order, media, one.sequence, one.stretch, every, out)
    expected = [
        (media[b] - media[a]) / max(one.sequence[b] - one.sequence[a], 1)
        for a, b in list(pairwise(order))[::every]
        if one.stretch[a] == one.stretch[b]
    ]
    assert out[:found].tolist() == [step for step in expected if np.isfinite(step)]


@given(st.lists(st.tuples(st.floats(-50, 5000), st.integers(0, 10**8)), max_size=60), st.integers(1, 9))
def test_tally(items: list[tuple[float, int]], most: int) -> None:
    when = np.array([w for w, _ in items] + [np.nan])
    length = np.array([n for _, n in items] + [10**9])
    found = bins.tally(when, length, 10.0, most)
    if not items:
        assert found is None
        return
    assert found is not None
    low, length_s, count = found
    at = [int(np.floor(w * 0.1)) for w, _ in items]
    assert low == min(at) and len(count) == min(max(at) - low, most) + 1
    sums = [0.0] * len(count)
    for place, (_, n) in zip(at, items, strict=True):
        sums[min(place - low, most)] += n * 1e-9
    assert length_s.tolist() == sums and count.sum() == len(items)


@pytest.mark.parametrize("most", [1000, 16])
def test_rows_keep_their_order_over_parts_threads_and_files(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr("aqa.grouping.BLOCK_ROWS", 10)
    monkeypatch.setattr("aqa.grouping.SPILL_ROWS", most)
    lanes, rng = [Rows(), Rows()], np.random.default_rng(1)
    keys, at, number = rng.integers(0, 3, 500), 0, 0
    places = [np.array([0, 1, 2]), np.array([2, 0, 1])]  # of the log, by the lane's own
    while at < len(keys):
        lane = number % 2
        room = lanes[lane].room(4)
        take = min(len(room), 1 + at % 7, len(keys) - at)
        for i in range(take):
            own = int(np.flatnonzero(places[lane] == keys[at + i])[0])
            room[i] = (at + i, 0, 0, own)
        lanes[lane].took(take, number)
        at, number = at + take, number + 1
    found = grouped(list(zip(lanes, places, strict=True)))
    assert found.keys(1) == [0, 1, 2]
    for key in range(3):
        assert rows_together(found.rows(key))["arrival_ns"].tolist() == np.flatnonzero(keys == key).tolist()


def test_records_go_to_threads_in_turn_and_all_are_added_before_an_error_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    added: dict[int, int] = {}
    before: list[bool] = []

    def add(_: Table, records: Records, number: int, wait: Callable[[], None]) -> None:
        if number % 7 == 3:  # as a TCP segment does
            wait()
            before.append(set(range(number)) <= set(added))
        added[number] = int(records.offset[0])

    monkeypatch.setattr(Table, "add", add)
    offset = np.zeros(1, np.int64)

    def found() -> Iterator[Records]:
        for at in range(50):
            offset[0] = at  # a format uses its arrays again
            yield Records(np.zeros(CHUNK_BYTES, np.uint8), offset, offset, offset, offset, offset)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        fill(Table(), found())
    assert added == {at: at for at in range(50)}
    assert before == [True] * 7


def test_what_goes_wrong_in_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def add(_: Table, __: Records, number: int, ___: Callable[[], None]) -> None:
        if number == 5:
            raise MemoryError("full")

    monkeypatch.setattr(Table, "add", add)
    none = np.zeros(0, np.int64)
    with pytest.raises(MemoryError, match="full"):
        fill(Table(), (Records(np.zeros(CHUNK_BYTES, np.uint8), none, none, none, none, none) for _ in range(50)))


def test_no_kernel_needs_the_compiler_once_it_is_kept() -> None:
    """Modules of `aqa packets` import no numba: it takes half a second."""
    import subprocess
    import sys

    heavy = ("numba", "pydantic", "scipy")
    text = f"import sys, aqa.look, aqa.report.streams_table; print([m for m in {heavy} if m in sys.modules])"
    here = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, cwd=here)
    assert done.stdout.strip() == "[]"
