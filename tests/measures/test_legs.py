"""Two logs of one stream: built, so that it is known which packets are the same and where each was lost."""

import dataclasses

import numpy as np
import pytest
from captures import Packet
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import stream

from aqa.measures import legs


def sent(count, *, first=0, stamp=0, step_s=0.02, kind=0, size=160):
    return [
        Packet(i * step_s, first + i, stamp + 160 * i, payload_type=kind, payload=bytes(size)) for i in range(count)
    ]


def at(packets, delay_s, lost=(), jitter_s=0.0, seed=0, ppm=0.0):
    """The packets that came to a place, in the order of their coming."""
    random = np.random.default_rng(seed)
    out = [
        dataclasses.replace(p, arrival_s=p.arrival_s * (1 + ppm * 1e-6) + delay_s + random.exponential(jitter_s))
        for i, p in enumerate(packets)
        if i not in set(lost)
    ]
    return sorted(out, key=lambda p: p.arrival_s)


def both(a, b):
    one, two = stream(a), stream(b)
    return one, two, legs.matched(one, two)


def naive(a, b):
    """First copy of each packet by its fields, in a dictionary."""
    seen = {}
    for i in range(len(a.sequence)):
        seen.setdefault((a.sequence[i] & 0xFFFF, a.timestamp[i] & 0xFFFFFFFF, a.payload_types[i]), i)
    out, used = [], set()
    for j in range(len(b.sequence)):
        key = (b.sequence[j] & 0xFFFF, b.timestamp[j] & 0xFFFFFFFF, b.payload_types[j])
        if key in seen and key not in used:
            used.add(key)
            out.append((seen[key], j))
    return sorted(out, key=lambda pair: b.sequence[pair[1]])


lost_sets = st.sets(st.integers(1, 298), max_size=60)


@settings(max_examples=40, deadline=None)
@given(
    lost_sets, lost_sets, st.integers(0, 65_535), st.integers(0, 2**32 - 1), st.lists(st.integers(0, 200), max_size=5)
)
def test_every_packet_is_known_again_and_every_loss_has_its_place(before, between, first, stamp, copied):
    packets = sent(300, first=first, stamp=stamp)
    a = at(packets, 0.01, before, 0.002, 1)
    b = at(packets, 5.0, before | between, 0.004, 2)
    b = sorted([*b, *(dataclasses.replace(b[i], arrival_s=b[i].arrival_s + 0.001) for i in copied if i < len(b))],
               key=lambda p: p.arrival_s)  # fmt: skip
    one, two, pair = both(a, b)
    assert list(zip(pair.a.tolist(), pair.b.tolist(), strict=True)) == naive(one, two)
    found = legs.lacking(one, two, pair)
    inside = set(range(300)) - (before | between)
    truth_before = {i for i in before if min(inside) < i < max(inside)}
    truth_between = {i for i in between - before if min(inside) < i < max(inside)}
    assert int(found.before.sum()) == len(truth_before)
    assert int(found.between.sum()) == len(truth_between)
    assert int(found.untold.sum()) == 0
    assert (found.before + found.between + found.untold == found.runs.count).all()


def test_another_sender_with_the_same_ssrc_is_not_matched():
    one, two, pair = both(sent(500, first=10), sent(500, first=4000, stamp=77))
    assert one.ssrc == two.ssrc and pair is None
    same_numbers_other_time = both(sent(500), sent(500, stamp=80))[2]
    assert same_numbers_other_time is None


def test_another_payload_type_or_other_sizes_are_another_stream():
    assert both(sent(200), sent(200, kind=8))[2] is None
    random = np.random.default_rng(0)
    sizes = [dataclasses.replace(p, payload=bytes(int(random.integers(20, 200)))) for p in sent(200)]
    assert both(sent(200), sizes)[2] is None


def test_an_srtp_tag_on_one_side_is_no_other_stream():
    assert both(sent(200), sent(200, size=170))[2] is not None


def test_too_few_in_common_say_nothing():
    packets = sent(300)
    assert both(packets[:149], packets[100:])[2] is None  # 49
    assert both(packets[:150], packets[100:])[2] is not None  # 50


def test_a_log_that_begins_a_cycle_later_counts_otherwise():
    packets = sent(3000, first=64_000)
    one, two, pair = both(at(packets, 0), at(packets[1600:], 0.03, [500, 501]))
    assert one.sequence.max() > 65_535 > two.sequence.max()
    found = legs.lacking(one, two, pair)
    assert (found.between.sum(), found.before.sum()) == (2, 0)


def test_over_a_restart_of_the_count_losses_keep_their_places():
    packets = [*sent(400, first=100), *(dataclasses.replace(p, arrival_s=p.arrival_s + 9)
                                         for p in sent(400, first=30_000, stamp=2**31))]  # fmt: skip
    one, two, pair = both(at(packets, 0, [50, 600]), at(packets, 0.02, [50, 60, 600, 601, 602]))
    found = legs.lacking(one, two, pair)
    assert len(pair.a) == 795
    assert (found.before.sum(), found.between.sum(), found.untold.sum()) == (2, 3, 0)


def test_what_lies_outside_the_first_log_is_not_told():
    packets = sent(600)
    one, two, pair = both(at(packets[200:], 0), at(packets, 0.02, [100, 300]))
    found = legs.lacking(one, two, pair)
    assert (found.untold.sum(), found.between.sum()) == (1, 1)


@pytest.mark.parametrize("ppm", [0.0, 60.0, -120.0])
def test_delay_variation_without_the_clocks(ppm):
    packets = sent(6000)
    first = at(packets, 0, jitter_s=0.003, seed=1)
    random, added = np.random.default_rng(2), {}
    second = []
    for p in first:
        added[p.sequence] = 1e3 * float(random.exponential(0.002))
        arrival = (p.arrival_s + 0.020 + added[p.sequence] * 1e-3) * (1 + ppm * 1e-6) - 3600.0
        second.append(dataclasses.replace(p, arrival_s=arrival))
    one, two, pair = both(first, sorted(second, key=lambda p: p.arrival_s))
    found = legs.way(one, two, pair)
    truth = np.array([added[int(n)] for n in one.sequence[pair.a]])
    assert np.abs(found.over_ms - truth).max() < 0.1
    assert found.skew_ppm == pytest.approx(ppm, abs=0.5)
    assert found.least_s == pytest.approx(-3599.98, abs=0.02)


def test_a_clock_that_is_set_in_between_leaves_no_skew_but_a_delay():
    packets = sent(6000)
    second = [dataclasses.replace(p, arrival_s=p.arrival_s + (0.5 if p.arrival_s > 60 else 0.0)) for p in packets]
    one, two, pair = both(packets, second)
    found = legs.way(one, two, pair)
    assert found.skew_ppm is None
    assert np.mean(found.over_ms > 1) < 0.09  # but for the window in which it was set


@pytest.mark.parametrize("seed", range(5))
def test_jitter_tells_the_order(seed):
    packets = sent(2000)
    first = at(packets, 0, jitter_s=0.004, seed=seed)
    random = np.random.default_rng(seed + 50)
    second = sorted((dataclasses.replace(p, arrival_s=p.arrival_s + 0.01 + random.exponential(0.003)) for p in first),
                    key=lambda p: p.arrival_s)  # fmt: skip
    one, two, pair = both(first, second)
    assert legs.later_by_jitter(one, two, pair) > 0.9
    back = legs.matched(two, one)
    assert legs.later_by_jitter(two, one, back) < -0.9
    aside = both(first, at(packets, 0, jitter_s=0.004, seed=seed + 99))
    assert abs(legs.later_by_jitter(*aside)) < 0.5


def test_the_same_times_tell_no_order():
    one, two, pair = both(sent(200), sent(200))
    assert legs.later_by_jitter(one, two, pair) is None
