"""RFC 3550 and RFC 4737 through the whole path, with answers worked out by hand from the texts."""

import math
from pathlib import Path

import pytest
from captures import START_NS, Packet, ethernet, frame, ipv4, rtp, talk, udp
from whole_path import capture, found, kinds, only, row

TICKS = 160  # 20 ms of PCMU (payload type 0, 8000 Hz: RFC 3551 table 4)


def numbered(*numbers: int) -> list[Packet]:
    """These sequence numbers, one every 20 ms in the order given, each with the timestamp of its number."""
    return [Packet(i * 0.02, n, n * TICKS) for i, n in enumerate(numbers)]


class TestJitter:
    """A.8: J += (|D| - J)/16, D the change of (arrival - timestamp) from packet to packet in order of arrival."""

    def test_by_hand(self, tmp_path: Path) -> None:
        """Arrivals at 0, 20, 50, 60, 80, 105 ms: |D| = 0, 10, 10, 0, 5 ms, so

        J = 0; 10/16 = 0.625; 0.625 15/16 + 10/16 = 1.2109375; 15/16 of it = 1.13525390625;
        15/16 of it + 5/16 = 1.376800537109375. Their mean is 4.347991943359375/5.
        """
        at_ms = [0, 20, 50, 60, 80, 105]
        got = row(only(tmp_path, [Packet(ms / 1000, i, i * TICKS) for i, ms in enumerate(at_ms)]))
        assert got.jitter_ms == pytest.approx(1.376800537109375, abs=1e-9)
        assert got.jitter_max_ms == pytest.approx(1.376800537109375, abs=1e-9)
        assert got.jitter_mean_ms == pytest.approx(0.869598388671875, abs=1e-9)
        assert got.delta_max_ms == pytest.approx(30)

    def test_in_order_of_arrival_not_of_sequence(self, tmp_path: Path) -> None:
        """6.4.1: "as the packets arrive". Packet 6 comes 30 ms late, after 7: D = +30, then -30.

        J = 0 (packets 1 to 5), then packet 7 at 140 ms is on time (0), 6 at 150 ms: 30/16 = 1.875,
        8 at 160 ms: 1.875 15/16 + 30/16 = 3.6328125, then 15/16 of it for each of 9 to 12.
        """
        sent = [Packet(i * 0.02 + (0.03 if i == 6 else 0), i, i * TICKS) for i in range(13)]
        got = row(only(tmp_path, sent))
        assert got.jitter_max_ms == pytest.approx(3.6328125, abs=1e-9)
        assert got.jitter_ms == pytest.approx(3.6328125 * (15 / 16) ** 4, abs=1e-9)
        assert (got.lost, got.reordered, got.reorder_extent_max) == (0, 1, 1)

    def test_in_units_of_the_clock(self, tmp_path: Path) -> None:
        """5.1: the timestamp counts at the clock of the payload: 441 ticks are 40 ms at 11025 Hz (PT 16, DVI4)."""
        steady = [Packet(i * 0.04, i, i * 441, 16) for i in range(20)]
        got = row(only(tmp_path, steady))
        assert (got.clock_rate_hz, got.codec) == (11025, "DVI4")
        assert got.jitter_max_ms == pytest.approx(0, abs=1e-9)

    def test_over_the_wrap_of_the_timestamp(self, tmp_path: Path) -> None:
        """5.1: 32 bits, arithmetic modulo 2^32: 2^32 - 800 + 5 160 = 0 is no jump."""
        stream = only(tmp_path, [Packet(i * 0.02, i, (2**32 - 800 + i * TICKS) % 2**32) for i in range(200)])
        got = row(stream)
        assert (got.jitter_max_ms, got.stretches, got.lost) == (pytest.approx(0, abs=1e-9), 1, 0)
        assert kinds(stream) == []


class TestCounting:
    """A.1 (sequence numbers) and A.3 (expected = extended highest - base + 1, lost = expected - received)."""

    def test_over_the_wrap_of_the_sequence_number(self, tmp_path: Path) -> None:
        """65533, 65534, then 0, 1, then 4 to 12; the highest is 65536 + 12 = 65548.

        Expected 65548 - 65533 + 1 = 16; received 2 + 2 + 9 = 13; lost 3 (65535, 2, 3) = 18.75 %.
        """
        sent = [p for p in talk(16, first=65_533) if p.sequence % 65_536 not in (65_535, 2, 3)]
        got = row(only(tmp_path, sent))
        assert (got.packets, got.expected, got.lost, got.loss_pct) == (13, 16, 3, 18.75)
        assert (got.loss_run_max, got.resets) == (2, 0)

    def test_two_wraps(self, tmp_path: Path) -> None:
        """Numbers from 0 by 1 to 140,000, of which each 1000th is missing but for the first and last: 139."""
        sent = [p for p in talk(140_001) if p.sequence % 1000 or p.sequence in (0, 140_000)]
        got = row(only(tmp_path, sent))
        assert (got.expected, got.lost, got.duplicates, got.resets) == (140_001, 139, 0, 0)

    def test_duplicates_take_no_loss_away(self, tmp_path: Path) -> None:
        """A.3 would count late and duplicate packets as received, so that the loss "may be negative".

        0 to 14 without 5, and 8 three times: expected 15, unique 14. A.3's own figure would be 15 - 16 = -1; what
        was lost is one packet. This is where we leave A.3's letter, for RFC 7002's unique count (its section 3).
        """
        sent = numbered(0, 1, 2, 3, 4, 6, 7, 8, 8, 8, 9, 10, 11, 12, 13, 14)
        got = row(only(tmp_path, sent))
        assert (got.packets, got.expected, got.duplicates, got.lost) == (16, 15, 2, 1)

    @pytest.mark.parametrize(
        ("step", "resets", "lost"), [(2999, 0, 2998), (3000, 1, 0), (30_000, 1, 0), (-99, 0, 0), (-100, 1, 0)]
    )
    def test_which_jumps_are_restarts(self, tmp_path: Path, step: int, resets: int, lost: int) -> None:
        """A.1: udelta < MAX_DROPOUT (3000) is loss; udelta <= 65536 - MAX_MISORDER (100) is a jump that two packets

        in sequence confirm; else duplicate or reordered. A step of -100 is udelta 65436 = 65536 - 100: a jump;
        -99 is 65437: reordered.
        """
        before, after = talk(200, first=1000), talk(40, first=1199 + step)
        stream = only(tmp_path, before + [Packet(4 + p.arrival_s, p.sequence, 32_000 + p.timestamp) for p in after])
        got = row(stream)
        assert (got.resets, got.lost) == (resets, lost)
        assert kinds(stream).count("stream_reset") == resets

    def test_a_restart_needs_two_in_sequence(self, tmp_path: Path) -> None:
        """A.1, bad_seq: one packet with a number far off is left out; nothing restarts, and its place was lost."""
        sent = talk(60)
        sent[30] = Packet(sent[30].arrival_s, 40_000, sent[30].timestamp)
        log = capture(tmp_path, [(START_NS + round(p.arrival_s * 1e9), frame(p)) for p in sent])
        got = row(log.streams[0])
        assert (got.packets, got.expected, got.lost, got.resets) == (59, 60, 1, 0)
        assert log.skipped == {"no stream of RTP": 1}

    def test_a_new_timestamp_offset_is_no_loss_and_no_jitter(self, tmp_path: Path) -> None:
        """5.1: the timestamp starts at random. One that starts anew while numbers go on: 0 lost, jitter 0, said."""
        sent = talk(100) + [Packet(2 + i * 0.02, 100 + i, 3_000_000_000 + i * TICKS) for i in range(100)]
        stream = only(tmp_path, sent)
        got = row(stream)
        assert (got.stretches, got.resets, got.lost) == (2, 0, 0)
        assert got.jitter_max_ms == pytest.approx(0, abs=1e-9)
        assert [(f.kind, f.start_s, f.end_s) for f in found(stream)] == [
            ("stream_reset", pytest.approx(1.98), pytest.approx(2.0))
        ]

    def test_an_ssrc_of_two_flows_is_two_streams(self, tmp_path: Path) -> None:
        """8.2: a collision is told by the transport address; each keeps its own count, and neither loses."""
        items = []
        for p in talk(100):
            at = START_NS + round(p.arrival_s * 1e9)
            other = Packet(p.arrival_s, 50_000 + 7 * p.sequence, p.timestamp * 2)  # of another count
            items += [(at, frame(p)), (at + 5_000_000, ethernet(ipv4(udp(rtp(other), sport=7000))))]
        log = capture(tmp_path, items)
        assert [(s.ssrc, s.src, row(s).packets, row(s).lost) for s in log.streams] == [
            (0x1234, "10.0.0.1:5004", 100, 0),
            (0x1234, "10.0.0.1:7000", 100, 6 * 99),  # numbers 7 apart: six of each seven never came
        ]


class TestReordering:
    """RFC 4737: a packet is reordered if a greater number came before (3.3); its extent is the number of packets

    since the first greater one (4.2.1: i - j for the earliest j < i with s[j] > s[i])."""

    @pytest.mark.parametrize(
        ("order", "reordered", "extent", "steps_back"),
        [
            ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), 0, 0, 0),
            ((0, 1, 2, 4, 3, 5, 6, 7, 8, 9, 10, 11), 1, 1, 1),  # 3 is at place 4, 4 came at 3: 1
            ((0, 1, 2, 6, 3, 4, 5, 7, 8, 9, 10, 11), 3, 3, 1),  # 3, 4, 5 after 6: 1, 2, 3
            ((0, 1, 2, 3, 5, 6, 7, 8, 4, 9, 10, 11), 1, 4, 1),  # 4 at place 8, 5 at 4
            ((0, 1, 3, 2, 4, 6, 5, 7, 8, 10, 9, 11), 3, 1, 3),
        ],
    )
    def test_extents_by_hand(
        self, tmp_path: Path, order: tuple[int, ...], reordered: int, extent: int, steps_back: int
    ) -> None:
        got = row(only(tmp_path, numbered(*order)))
        assert (got.reordered, got.reorder_extent_max, got.steps_back) == (reordered, extent, steps_back)
        assert (got.lost, got.duplicates) == (0, 0)

    def test_over_the_wrap(self, tmp_path: Path) -> None:
        """65530 to 65535, then 1, 0: 0 is below 65537, not below 65535."""
        order = [*range(65_530, 65_536), 65_537, 65_536, *range(65_538, 65_545)]
        got = row(only(tmp_path, numbered(*order)))
        assert (got.reordered, got.reorder_extent_max, got.expected, got.lost) == (1, 1, 15, 0)


class TestClocks:
    """What stands in no payload type table (RFC 3551 6) is had from how time runs, or not at all."""

    @pytest.mark.parametrize("hz", [8000, 16_000, 24_000, 48_000, 90_000])
    @pytest.mark.parametrize("ppm", [-200.0, 0.0, 200.0])
    @pytest.mark.parametrize("shake_ms", [0, 8])
    def test_inference_through_jitter_and_skew(self, tmp_path: Path, hz: int, ppm: float, shake_ms: int) -> None:
        """30 s; each second packet comes `shake_ms` late, so |D| is that from packet to packet and J goes up to it:

        J(n) = s (1 - (15/16)^n), within 0.1 % after 120 packets. The skew adds 20 ms 200e-6 = 4 us to |D| and
        takes as much away by turns, which is nothing. The sender's clock is fast where ppm is below 0.
        """
        late = [shake_ms / 1000 * (i % 2) for i in range(1500)]
        sent = [Packet(i * 0.02 * (1 + ppm * 1e-6) + late[i], i, i * (hz // 50), 96) for i in range(1500)]
        got = row(only(tmp_path, sent))
        assert (got.clock_rate_hz, got.clock_rate_from) == (hz, "inferred")
        assert got.skew_ppm == pytest.approx(ppm, abs=1)
        assert got.jitter_ms == pytest.approx(shake_ms, abs=0.01)
        assert got.lost == 0

    def test_an_unknown_clock_gives_no_figure_in_ms(self, tmp_path: Path) -> None:
        """61 kHz is no clock of RTP (RFC 3551 tables 4 and 5, RFC 7587): nothing in ms, all of the counts."""
        sent = [p for p in talk(500, hz=61_000, payload_type=96) if p.sequence not in (100, 101)]
        got = row(only(tmp_path, sent))
        assert (got.clock_rate_hz, got.clock_rate_from, got.packets, got.lost) == (None, "unknown", 498, 2)
        of_the_clock = (
            "jitter_ms", "jitter_mean_ms", "jitter_max_ms", "pdv_p50_ms", "pdv_p95_ms", "pdv_p99_ms", "pdv_p999_ms",
            "ipdv_p50_ms", "ipdv_p95_ms", "ipdv_p99_ms", "ipdv_p999_ms", "skew_ppm", "frame_ms", "late",
            "concealed_s", "concealed_pct", "playout_delay_mean_ms", "r_factor", "mos_estimated",
        )  # fmt: skip
        assert {name: getattr(got, name) for name in of_the_clock} == dict.fromkeys(of_the_clock)
        assert got.delta_max_ms == pytest.approx(60)  # of arrival alone

    def test_nothing_is_nan(self, tmp_path: Path) -> None:
        """Not measured is empty, never NaN or infinite, whatever the stream."""
        for sent in (talk(6), talk(6, payload_type=96), [Packet(0.0, i, 0, 0) for i in range(30)]):
            got = row(only(tmp_path, sent))
            values = {k: getattr(got, k) for k in got.__dataclass_fields__}
            assert [k for k, v in values.items() if isinstance(v, float) and not math.isfinite(v)] == []
