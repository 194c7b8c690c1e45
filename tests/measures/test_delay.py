"""Jitter, relative delay and skew: by hand, and against RFC 3550 A.8 written out."""

import naive
import numpy as np
import pytest
from captures import START_NS, Packet, talk
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import stream

from aqa.measures import delay, skew


def test_jitter_by_hand() -> None:
    """RFC 3550 6.4.1: D = 0, 16, -16 ms gives J = 0, 1, 1 + (16 - 1)/16."""
    at = [0.0, 0.020, 0.056, 0.060]
    found = stream([Packet(t, i, i * 160) for i, t in enumerate(at)])
    assert delay.jitter_ms(found)[1:] == pytest.approx([0.0, 1.0, 1.9375])
    assert np.isnan(delay.jitter_ms(found)[0])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=2, max_size=80), st.sampled_from([0, 8, 16, 14]))
def test_jitter_agrees_with_the_appendix_of_rfc_3550(late_ms: list[int], kind: int) -> None:
    at = [i * 0.02 + ms / 1000 for i, ms in enumerate(late_ms)]
    packets = [Packet(t, i, i * 400, kind) for i, t in enumerate(at)]
    found = stream(sorted(packets, key=lambda p: p.arrival_s))
    arrival = ((found.arrival_ns - START_NS) / 1e9).tolist()
    expected = naive.jitter_ms(arrival, found.timestamp.tolist(), int(found.clock_rate_hz or 0))
    assert delay.jitter_ms(found)[1:] == pytest.approx(expected, abs=1e-6)


def test_dtx_makes_no_jitter() -> None:
    """RTP time runs through the pause: it explains the late arrival."""
    packets = [Packet(t * 0.02, i, t * 160) for i, t in enumerate([0, 1, 2, 22, 42, 43, 44])]
    assert np.nanmax(delay.jitter_ms(stream(packets))) == pytest.approx(0.0, abs=1e-9)


def test_a_reset_makes_no_jitter() -> None:
    packets = talk(20) + [Packet(0.4 + i * 0.02, 20 + i, 50_000_000 + i * 160) for i in range(20)]
    assert np.nanmax(delay.jitter_ms(stream(packets))) == pytest.approx(0.0, abs=1e-9)


def test_duplicates_and_telephone_events_take_no_part() -> None:
    packets = talk(30)
    packets.insert(5, Packet(0.095, 4, packets[4].timestamp))
    for i in range(11, 15):
        packets[i] = Packet((i - 1) * 0.02, i - 1, packets[10].timestamp, 101, payload=bytes(4))
    assert np.nanmax(delay.jitter_ms(stream(packets))) == pytest.approx(0.0, abs=1e-9)


def test_without_a_clock_nothing_is_measured() -> None:
    found = stream(talk(10, payload_type=96))
    assert np.isnan(delay.jitter_ms(found)).all()
    assert np.isnan(delay.relative_delay_ms(found)).all()
    assert skew.skew_ppm(found) is None


def test_talkspurts_can_be_passed_over() -> None:
    moved = [Packet(i * 0.02 + (0.3 if i >= 50 else 0), i, i * 160, 0, i == 50) for i in range(100)]
    found = stream(moved)
    assert np.nanmax(delay.jitter_ms(found)) > 18
    assert np.nanmax(delay.jitter_ms(found, talkspurts=False)) == pytest.approx(0.0, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 300), min_size=120, max_size=260),
    st.sets(st.integers(0, 119), min_size=1, max_size=5),
    st.sampled_from([0, 0.5, 30]),
)
def test_relative_delay_at_some_places_is_that_of_all(
    late_ms: list[int], places: set[int], set_back_s: float
) -> None:
    """Telephone events between, a reset, and a capture clock that is set back too."""
    packets = [
        Packet(
            i * 0.02 + ms / 1000 - set_back_s * (i > 60),
            i,
            i * 160 + 90_000_000 * (i > 100),
            101 if i % 9 == 4 else 0,
        )
        for i, ms in enumerate(np.maximum.accumulate(late_ms).tolist() if set_back_s else late_ms)
    ]
    found = stream(packets if set_back_s else sorted(packets, key=lambda p: p.arrival_s))
    at = np.array(sorted(places))
    assert delay.relative_delay_at_ms(found, at).tolist() == pytest.approx(
        delay.relative_delay_ms(found)[at].tolist(), abs=0, nan_ok=True
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=150))
def test_relative_delay_agrees_with_its_naive_twin(late_ms: list[int]) -> None:
    packets = [Packet(i * 0.05 + ms / 1000, i, i * 400) for i, ms in enumerate(late_ms)]
    found = stream(sorted(packets, key=lambda p: p.arrival_s))
    arrival = (found.arrival_ns - START_NS) * 1e-9
    raw = arrival - found.media_s
    window = [(arrival <= now) & (arrival >= now - delay.WINDOW_S) for now in arrival]
    window = [seen & (np.arange(len(raw)) <= i) for i, seen in enumerate(window)]
    expected = [1e3 * (raw[i] - raw[seen].min()) for i, seen in enumerate(window)]
    assert delay.relative_delay_ms(found) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("ppm", [-80.0, 0.0, 150.0])
def test_skew_through_jitter(ppm: float) -> None:
    """Negative: the sender's clock runs fast, its media arrives in less wall time."""
    late = np.random.default_rng(1).exponential(0.005, 3000)
    late[::50] = 0.0
    packets = [Packet(i * 0.02 * (1 + ppm * 1e-6) + late[i], i, i * 160) for i in range(3000)]
    assert skew.skew_ppm(stream(packets)) == pytest.approx(ppm, abs=2.0)


def test_a_short_stream_has_no_skew() -> None:
    assert skew.skew_ppm(stream(talk(100))) is None


def test_the_lower_hull_is_below_all_points() -> None:
    x = np.arange(50.0)
    y = np.random.default_rng(2).random(50)
    hull = skew.lower_hull(x, y)
    assert (np.interp(x, x[hull], y[hull]) <= y + 1e-12).all()
    assert (np.diff(np.diff(y[hull]) / np.diff(x[hull])) > 0).all()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-20, 20)), min_size=1, max_size=120), st.integers(1, 7))
def test_the_hull_by_blocks_is_that_of_all_points(steps: list[tuple[int, int]], size: int) -> None:
    """What the blocks pass over is never on the hull; of points in one place either may stand for both."""
    x, y = np.cumsum([float(step) for step, _ in steps]), np.array([float(value) for _, value in steps])
    found = np.empty(len(x), np.int64), np.empty(len(x), np.int64)
    hulls = []
    for out, block in zip(found, (size, len(x)), strict=True):
        least = np.empty(-(-len(x) // block), np.int64)
        hull = out[: skew._hull_kernel(x, y, block, least, out)]
        hulls.append(list(zip(x[hull], y[hull], strict=True)))
    assert hulls[0] == hulls[1]
