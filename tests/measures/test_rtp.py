"""Sequence numbers, stretches and clocks: small streams by hand, and a naive twin."""

import numpy as np
import pytest
from captures import Packet, talk
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import arrivals, stream

from aqa.measures import rtp
from aqa.measures.sequence import extend, unwrap_time


def extended(*numbers: int) -> list[int]:
    return extend(np.array(numbers, np.uint16))[0].tolist()


def naive_extend(numbers: list[int]) -> list[int]:
    """Each number as the closest one to the highest so far."""
    top = numbers[0]
    out = [top]
    for number in numbers[1:]:
        near = min(((top // 65536 + k) * 65536 + number for k in (-1, 0, 1)), key=lambda n: abs(n - top))
        out.append(near)
        top = max(top, near)
    return out


def test_sequence_numbers_go_on_over_the_wrap() -> None:
    assert extended(65534, 65535, 0, 1) == [65534, 65535, 65536, 65537]


def test_a_reordered_packet_at_the_wrap_belongs_before_it() -> None:
    assert extended(65534, 0, 65535, 1) == [65534, 65536, 65535, 65537]


@settings(deadline=None)
@given(st.integers(0, 65535), st.lists(st.integers(-50, 60), max_size=60))
def test_extending_agrees_with_its_naive_twin(first: int, steps: list[int]) -> None:
    top, numbers = first + 65536, [first]
    for step in steps:
        numbers.append((top + step) % 65536)
        top = max(top, top + step)
    assert extended(*numbers) == naive_extend(numbers)


def test_timestamps_go_on_over_the_wrap() -> None:
    stamps = np.array([2**32 - 160, 0, 160, 0], np.uint32)
    assert (unwrap_time(stamps) - (2**32 - 160)).tolist() == [0, 160, 320, 160]


def test_a_restart_counts_anew() -> None:
    """RFC 3550 A.1: a large jump that the next packets confirm is a restart, not 30000 lost packets."""
    before, after = talk(20), [Packet(0.4 + i * 0.02, 30_000 + i, 9_000_000 + i * 160) for i in range(20)]
    found = stream(before + after)
    assert rtp.counts(found) == (40, 0)
    assert found.stretch_reset == (True, True)


def test_a_stray_number_is_left_out() -> None:
    packets = talk(20)
    packets[10] = Packet(0.2, 40_000, packets[10].timestamp)
    found = stream(packets)
    assert len(found.sequence) == 19
    assert rtp.counts(found) == (20, 1)


def test_a_jump_in_media_time_begins_a_stretch_and_loses_nothing() -> None:
    packets = talk(20) + [Packet(0.4 + i * 0.02, 20 + i, 50_000_000 + i * 160) for i in range(20)]
    found = stream(packets)
    assert found.stretch.max() == 1
    assert found.stretch_reset == (True, False)
    assert rtp.counts(found) == (40, 0)


def test_catching_up_after_a_long_stall_is_no_jump() -> None:
    """Twenty seconds of media held back and then delivered at once: one stretch."""
    packets = [
        Packet(max(p.arrival_s, 21.0) if p.arrival_s > 1 else p.arrival_s, p.sequence, p.timestamp)
        for p in talk(1100)
    ]
    assert stream(packets).stretch.max() == 0


def test_lost_duplicates_and_reordered() -> None:
    """Sent 0..9; 3 is lost, 5 comes after 7, 8 comes twice: RFC 4737 3.3 counts one reordered."""
    order = [0, 1, 2, 4, 6, 7, 5, 8, 8, 9]
    found = stream([Packet(i * 0.02, n, n * 160) for i, n in enumerate(order)])
    assert rtp.counts(found) == (10, 1)
    assert found.duplicate.tolist() == [False] * 8 + [True, False]
    assert np.flatnonzero(rtp.reordered(found)).tolist() == [6]


def test_a_late_block_is_reordered_packet_by_packet() -> None:
    """RFC 4737 3.3: every packet below the highest seen, not only the first that steps back."""
    order = [0, 1, 5, 6, 2, 3, 4, 7]
    assert rtp.reordered(stream([Packet(i * 0.02, n, n * 160) for i, n in enumerate(order)])).sum() == 3


def test_a_duplicate_of_a_late_packet_is_not_reordered() -> None:
    order = [0, 2, 1, 1, 3]
    found = stream([Packet(i * 0.02, n, n * 160) for i, n in enumerate(order)])
    assert (rtp.reordered(found).sum(), found.duplicate.sum()) == (1, 1)


@pytest.mark.parametrize("hz", [8000, 16000, 24000, 32000, 44100, 48000, 90000])
@pytest.mark.parametrize("jitter_ms", [0.0, 15.0])
def test_the_clock_is_inferred(hz: int, jitter_ms: float) -> None:
    late = np.random.default_rng(hz).exponential(jitter_ms / 1000, 600)
    packets = [
        Packet(p.arrival_s + late[i], p.sequence, p.timestamp, 96)
        for i, p in enumerate(talk(600, hz=hz, payload_type=96))
    ]
    found = stream(sorted(packets, key=lambda p: p.arrival_s))
    assert (found.clock_rate_hz, found.clock_rate_from) == (hz, "inferred")


def test_the_clock_is_inferred_through_dtx() -> None:
    """Talk and silence by turns, RTP time running with the wall clock."""
    kept = [p for p in talk(1500, hz=48000, payload_type=96) if int(p.arrival_s / 2) % 2 == 0]
    packets = [Packet(p.arrival_s, i, p.timestamp, 96) for i, p in enumerate(kept)]
    assert stream(packets).clock_rate_hz == 48000


def test_a_clock_that_can_not_be_had_is_unknown() -> None:
    assert stream(talk(10, payload_type=96)).clock_rate_hz is None  # 0.2 s
    odd = stream(talk(600, hz=61_000, payload_type=96))
    assert (odd.clock_rate_hz, odd.clock_rate_from) == (None, "unknown")
    at_once = [Packet(0.0, i, i * 960, 96) for i in range(100)]
    assert stream(at_once).clock_rate_hz is None


def test_settings_name_the_clock() -> None:
    found = stream(talk(10, hz=48000, payload_type=111), {111: "opus/48000/2"})
    assert (found.clock_rate_hz, found.clock_rate_from, found.codec) == (48000, "settings", "opus/48000/2")


def test_g722_counts_at_8000() -> None:
    """RFC 3551 4.5.2."""
    found = stream(talk(10, payload_type=9))
    assert (found.clock_rate_hz, found.clock_rate_from, found.codec) == (8000, "static", "G722")


def test_a_change_of_clock_begins_a_stretch() -> None:
    late = [Packet(0.4 + i * 0.02, 20 + i, 777_000 + i * 960, 111) for i in range(200)]
    found = stream(talk(20, payload_type=8) + late)
    assert found.stretch_clock_hz == (8000, 48000)
    assert found.stretch_reset == (True, False)
    assert rtp.counts(found) == (220, 0)


def test_telephone_events_and_comfort_noise_begin_none() -> None:
    """RFC 4733: the timestamp stands still while the sequence goes on; RFC 3389 noise keeps the clock."""
    packets = talk(60)
    for i in range(20, 30):
        packets[i] = Packet(i * 0.02, i, packets[20].timestamp, 101, i == 20, payload=bytes(4))
    packets[40] = Packet(0.8, 40, packets[40].timestamp, 13, payload=bytes(1))
    found = stream(packets)
    assert found.stretch.max() == 0
    assert found.auxiliary.sum() == 10
    assert rtp.counts(found) == (60, 0)


def test_what_behaves_like_rtp_is_told_without_ports() -> None:
    assert rtp.looks_like_rtp(arrivals(talk(5)))
    assert not rtp.looks_like_rtp(arrivals(talk(4)))
    assert rtp.looks_like_rtp(arrivals([p for p in talk(40) if p.sequence % 7]))


@settings(max_examples=60, deadline=None)
@given(st.integers(5, 200), st.integers(0, 2**31))
def test_random_numbers_are_no_rtp(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = [Packet(i * 0.02, int(rng.integers(65536)), int(rng.integers(2**32))) for i in range(count)]
    assert not rtp.looks_like_rtp(arrivals(noise))


def test_a_fixed_number_is_no_rtp() -> None:
    assert not rtp.looks_like_rtp(arrivals([Packet(i * 0.02, 4711, i) for i in range(50)]))
