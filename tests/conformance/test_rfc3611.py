"""RFC 3611 4.7.2, BurstR, the fixed buffer, RFC 7294 and G.107 through the whole path, by hand.

All streams are PCMU in packets of 20 ms; the first number is 0, packet n is sent at n 20 ms.
"""

import dataclasses
import json
from pathlib import Path

import pytest
from captures import Packet, talk
from whole_path import only, row

from aqa import emodel
from aqa.emodel import Row, estimate
from aqa.playout import Buffer

FIXED = Buffer("fixed", 60.0)


def without(*lost: int, count: int = 200) -> list[Packet]:
    return [p for p in talk(count) if p.sequence not in lost]


class TestBurstsAndGaps:
    """4.7.2: a burst is a longest run that starts and ends with a lost packet and holds no Gmin = 16 good ones."""

    @pytest.mark.parametrize(
        ("lost", "bursts", "burst_pct", "gap_pct", "burst_ms"),
        [
            ((50,), 0, None, 100 * 1 / 200, None),  # alone: in a gap of all 200
            ((50, 51), 1, 100.0, 0.0, 40.0),
            ((50, 66), 1, 100 * 2 / 17, 0.0, 340.0),  # 15 good between: one burst of 17 packets
            ((50, 67), 0, None, 100 * 2 / 200, None),  # 16 good between: two lost in a gap
            ((50, 66, 82), 1, 100 * 3 / 33, 0.0, 660.0),  # 15 and 15
            ((50, 66, 83), 1, 100 * 2 / 17, 100 * 1 / 183, 340.0),  # 15 and 16: 83 is in the gap of 200 - 17
            ((50, 51, 100, 101), 2, 100.0, 0.0, 40.0),
            ((50, 51, 100, 103), 2, 100 * 4 / 6, 0.0, 60.0),  # 2 of 2 and 2 of 4; 40 and 80 ms
        ],
    )
    def test_by_hand(
        self, tmp_path: Path, lost: tuple[int, ...], bursts: int, burst_pct: float | None, gap_pct: float,
        burst_ms: float | None,
    ) -> None:  # fmt: skip
        """Density: lost of the packets in all bursts, and of those in all gaps. Duration: from the first lost to

        the last, 20 ms each. "Gmin packets are assumed before and after": both ends are gap.
        """
        got = row(only(tmp_path, without(*lost)))
        assert got.loss_bursts == bursts
        assert got.burst_density_pct == (None if burst_pct is None else pytest.approx(burst_pct))
        assert got.gap_density_pct == pytest.approx(gap_pct)
        assert got.burst_duration_mean_ms == (None if burst_ms is None else pytest.approx(burst_ms))

    def test_the_mean_gap(self, tmp_path: Path) -> None:
        """Bursts of 40 and 80 ms in 199 x 20 = 3980 ms between first and last arrival: three gaps, 3860 ms."""
        got = row(only(tmp_path, without(50, 51, 100, 103)))
        assert got.gap_duration_mean_ms == pytest.approx(3860 / 3)

    @pytest.mark.parametrize("at", [1, 198])
    def test_at_the_ends(self, tmp_path: Path, at: int) -> None:
        """One packet from the end of the stream a loss is as isolated as in its middle."""
        got = row(only(tmp_path, without(at)))
        assert (got.loss_bursts, got.lost) == (0, 1)

    def test_over_the_wrap(self, tmp_path: Path) -> None:
        """65535, 0 and 15 after it: 14 good between 0 and 15: one burst of 17, 3 lost."""
        sent = [p for p in talk(200, first=65_436) if p.sequence not in (65_535, 65_536, 65_551)]
        got = row(only(tmp_path, sent))
        assert (got.loss_bursts, got.burst_density_pct) == (1, pytest.approx(100 * 3 / 17))


class TestBurstR:
    """G.107 7.5: mean length of the observed runs over 1/(1 - p), that of random loss; ours is at least 1."""

    @pytest.mark.parametrize(
        ("lost", "burst_r"),
        [
            ((), None),
            ((50,), 1.0),  # 1 (1 - 1/200) = 0.995, taken as 1
            ((50, 51, 52, 53, 100, 101), 3 * (1 - 6 / 200)),  # runs of 4 and 2
            (tuple(range(60, 100)), 40 * (1 - 40 / 200)),
        ],
    )
    def test_by_hand(self, tmp_path: Path, lost: tuple[int, ...], burst_r: float | None) -> None:
        got = row(only(tmp_path, without(*lost)))
        assert got.burst_r == (None if burst_r is None else pytest.approx(burst_r))

    def test_the_histogram_and_gilbert(self, tmp_path: Path) -> None:
        """Runs of 4, 2 and 1: p = 3 runs over 200 - 7 - 1 steps from a received packet, r = 3 over 7."""
        got = row(only(tmp_path, without(50, 51, 52, 53, 100, 101, 150)))
        assert json.loads(got.loss_histogram) == [1, 1, 0, 1, 0, 0, 0, 0, 0, 0]
        assert (got.ge_p, got.ge_r) == (pytest.approx(3 / 192), pytest.approx(3 / 7))


class TestFixedBuffer:
    """A fixed buffer of 60 ms plays packet n at n 20 ms + 60 ms, counted from the least delayed one."""

    @pytest.mark.parametrize(("late_ms", "late"), [(59, 0), (60, 0), (61, 1), (500, 1)])
    def test_late_is_after_its_time(self, tmp_path: Path, late_ms: int, late: int) -> None:
        sent = [dataclasses.replace(p, arrival_s=p.arrival_s + (late_ms / 1000) * (p.sequence == 100))
                for p in talk(300)]  # fmt: skip
        got = row(only(tmp_path, sent), FIXED)
        assert (got.late, got.lost, got.concealed_s) == (late, 0, pytest.approx(0.02 * late))

    def test_a_spike_that_drains(self, tmp_path: Path) -> None:
        """100 to 109 are held until 2.2 s and come at once: 100 was due at 2.06 s, 106 at 2.18, 107 at 2.20.

        So 100 to 106, seven, are late: 140 ms made up. With 100 ms 105 is due at 2.20: five.
        """
        sent = [dataclasses.replace(p, arrival_s=max(p.arrival_s, 2.2) if 100 <= p.sequence < 110 else p.arrival_s)
                for p in talk(300)]  # fmt: skip
        stream = only(tmp_path, sent)
        got = row(stream, FIXED)
        assert (got.late, got.concealed_late_s, got.interruptions) == (7, pytest.approx(0.14), 0)
        assert row(stream, Buffer("fixed", 100)).late == 5
        swept = {item["delay_ms"]: item["late"] for item in json.loads(got.sweep or "[]")}
        assert {ms: swept[ms] for ms in (60, 100, 200)} == {60: 7, 100: 5, 200: 0}

    def test_concealed_seconds(self, tmp_path: Path) -> None:
        """RFC 7294 3: a second with any concealment; severe with more than a limit (50 ms here).

        Packet n is heard at 20 n + 60 ms. 100 (2.06 s): 20 ms in second 2. 148 to 151 (3.02 to 3.10 s): 80 ms in
        second 3. 195 to 197 (3.96 to 4.02 s): 40 ms more in second 3, 20 ms in second 4. Three seconds, one severe.
        """
        got = row(only(tmp_path, without(100, 148, 149, 150, 151, 195, 196, 197, count=400)), FIXED)
        assert (got.concealed_seconds, got.severely_concealed_seconds) == (3, 1)
        assert got.concealed_s == pytest.approx(0.16)
        assert got.concealed_pct == pytest.approx(100 * 8 / 400)


class TestEModel:
    """ITU-T G.107: R = Ro - Is - Id - Ie,eff + A, and annex B for MOS."""

    def test_the_published_default(self) -> None:
        """G.107 table 3 and its remark: with all defaults R = 93.2, MOS 4.41 (annex B).

        1 + 0.035 93.2 + 93.2 (93.2 - 60)(100 - 93.2) 7e-6 = 1 + 3.262 + 0.14728 = 4.4093.
        """
        got = estimate(Row("G.711", "NB", 0.0, 4.3), loss_pct=0, burst_r=None, delay_ms=0)
        assert (got.r, round(got.mos, 2)) == (93.2, 4.41)
        assert got.mos == pytest.approx(4.4093, abs=1e-4)

    @pytest.mark.parametrize(
        ("r", "mos"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58), (100, 4.5), (0, 1.0), (-5, 1.0)]
    )
    def test_the_table_of_annex_b(self, r: float, mos: float) -> None:
        """Table B.1 of G.107: R and the MOS of its lower limit; its 4.03 is 4.024 by its own formula."""
        assert emodel.mos_of(r, "NB") == pytest.approx(mos, abs=0.0065)

    def test_of_a_stream(self, tmp_path: Path) -> None:
        """3000 packets of G.711 with PLC (Ie 0, Bpl 25.1), 60 lost alone (2 %), a fixed buffer of 60 ms:

        Ie,eff = 95 2/(2 + 25.1) = 7.01107; Id = 0.024 60 = 1.44; R = 93.2 - 8.45107 = 84.74893;
        MOS = 1 + 2.96621 + 84.74893 24.74893 15.25107 7e-6 = 4.19013.
        """
        sent = without(*range(25, 3000, 50), count=3000)
        got = row(only(tmp_path, sent), FIXED)
        assert (got.lost, got.burst_r) == (60, 1.0)
        assert got.ie_eff == pytest.approx(95 * 2 / 27.1)
        assert got.delay_impairment == pytest.approx(1.44)
        assert got.r_factor == pytest.approx(84.74893, abs=1e-4)
        assert got.mos_estimated == pytest.approx(4.1901, abs=1e-3)
