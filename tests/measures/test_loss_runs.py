"""RFC 3611 bursts and gaps and BurstR, by hand and against a naive twin."""

import naive
import numpy as np
import pytest
from captures import Packet, talk
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import stream

from aqa.measures import loss, rtp
from aqa.stream_model import Stream


def without(count: int, *lost: int) -> Stream:
    return stream([p for p in talk(count) if p.sequence not in lost])


def structure(found: Stream) -> loss.Structure:
    return loss.structure(found, loss.loss_runs(found), rtp.counts(found)[0])


def test_an_isolated_loss_is_in_a_gap() -> None:
    """RFC 3611 4.7.2: sixteen good packets on each side."""
    found = structure(without(100, 16))
    assert (found.bursts, found.run_max) == (0, 1)
    assert found.gap_density_pct == pytest.approx(1.0)
    assert found.burst_density_pct is None


@pytest.mark.parametrize(("second", "bursts"), [(36, 1), (37, 0)])
def test_sixteen_good_packets_end_a_burst(second: int, bursts: int) -> None:
    """Losses at 20 and 36 have 15 good packets between them, at 20 and 37 sixteen."""
    assert structure(without(100, 20, second)).bursts == bursts


def test_densities_and_durations_by_hand() -> None:
    """Lost 20, 21, 25 (a burst of 6 packets, 120 ms, half lost) and 60 (in a gap of 94 packets)."""
    found = structure(without(100, 20, 21, 25, 60))
    assert found.bursts == 1
    assert found.burst_density_pct == pytest.approx(50.0)
    assert found.gap_density_pct == pytest.approx(100 / 94)
    assert found.burst_duration_mean_ms == pytest.approx(120.0)
    assert found.gap_duration_mean_ms == pytest.approx((99 * 20 - 120) / 2)
    assert found.run_max == 2


def test_burst_ratio_of_long_runs() -> None:
    """G.107 7.5: runs of 5 where random loss of 10 % would make 1/(1 - 0.1)."""
    lost = [n for start in (20, 60) for n in range(start, start + 5)]
    assert structure(without(100, *lost)).burst_r == pytest.approx(5 * 0.9)
    assert structure(without(100)).burst_r is None


def test_a_lost_packet_lies_where_its_media_is() -> None:
    runs = loss.loss_runs(without(100, 30, 31))
    assert (runs.start_s.tolist(), runs.end_s.tolist()) == ([pytest.approx(0.6)], [pytest.approx(0.64)])


def test_jitter_of_the_neighbour_does_not_move_it() -> None:
    packets = [Packet(p.arrival_s + (0.015 if p.sequence == 29 else 0), p.sequence, p.timestamp) for p in talk(100)]
    runs = loss.loss_runs(stream([p for p in packets if p.sequence != 30]))
    assert runs.start_s[0] == pytest.approx(0.6, abs=1e-6)


def test_a_loss_beside_a_pause_is_one_packet_long() -> None:
    """The packet after the lost one opens a talkspurt two seconds later."""
    frames = [(n, n + (100 if n > 30 else 0)) for n in range(100) if n != 30]
    packets = [Packet(at * 0.02, n, at * 160) for n, at in frames]
    runs = loss.loss_runs(stream(packets))
    assert runs.start_s[0] == pytest.approx(0.6)
    assert runs.frame_s[0] == pytest.approx(0.02)


def test_without_a_clock_arrival_places_it() -> None:
    packets = [p for p in talk(20, hz=48000, payload_type=96) if p.sequence != 10]
    runs = loss.loss_runs(stream(packets))
    assert not runs.timed.any()
    assert runs.start_s[0] == pytest.approx(0.2)


def test_pauses_and_events_with_unbroken_numbers_are_no_loss() -> None:
    packets = [Packet(t * 0.02, i, t * 160) for i, t in enumerate([*range(30), *range(130, 160)])]
    assert len(loss.loss_runs(stream(packets)).first) == 0


@settings(max_examples=80, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=150), st.integers(0, 65535))
def test_bursts_agree_with_their_naive_twin(middle: list[bool], first: int) -> None:
    received = [True, *middle, True]
    packets = [p for p, got in zip(talk(len(received), first=first), received, strict=True) if got]
    found = stream(packets)
    runs = loss.loss_runs(found)
    groups = [g for g in loss.burst_groups(runs) if runs.count[g].sum() > 1]
    spans = [(int(runs.first[g][0]) - first, int(runs.first[g][-1] + runs.count[g][-1]) - 1 - first) for g in groups]
    assert spans == naive.bursts(received)
    assert int(runs.count.sum()) == rtp.counts(found)[1] == received.count(False)


def test_order_of_arrival_changes_nothing() -> None:
    packets = [p for p in talk(80) if p.sequence not in (20, 21, 50)]
    swapped = packets[:]
    swapped[30], swapped[31] = swapped[31], swapped[30]
    a, b = loss.loss_runs(stream(packets)), loss.loss_runs(stream(swapped))
    assert np.array_equal(a.first, b.first) and np.array_equal(a.count, b.count)
