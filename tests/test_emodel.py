"""The E-model: against figures of other tools, and its own text."""

import pytest

from aqa import emodel
from aqa.emodel import Row, estimate, row_for

RTPENGINE = Row("rtpengine", "FB", 10.2, 4.3)  # what ssrc.c takes for every codec


@pytest.mark.parametrize(
    ("loss_pct", "jitter_ms", "rtt_ms", "mos"),
    [
        (0, 5, 50, 4.41),
        (1, 10, 100, 3.93),
        (3, 20, 100, 3.06),
        (5, 30, 200, 2.51),
        (10, 30, 200, 1.85),
        (3, 30, 500, 2.41),
    ],
)
def test_full_band_agrees_with_rtpengine(loss_pct: float, jitter_ms: float, rtt_ms: float, mos: float) -> None:
    """Its delay is half the round trip and the jitter."""
    found = estimate(RTPENGINE, loss_pct=loss_pct, burst_r=1.0, delay_ms=rtt_ms / 2 + jitter_ms)
    assert found.mos == pytest.approx(mos, abs=0.006)


@pytest.mark.parametrize(("loss_pct", "mos"), [(0, 4.39), (1, 4.29), (3, 4.07), (5, 3.79), (10, 3.25)])
def test_narrow_band_is_near_the_published_comparison(loss_pct: float, mos: float) -> None:
    """G.107 with G.711 and PLC; the comparison's delays are not told exactly: 25 to 140 ms."""
    low, high = (
        estimate(emodel.ROWS["pcmu"], loss_pct=loss_pct, burst_r=1.0, delay_ms=delay).mos for delay in (160, 25)
    )
    assert low - 0.01 <= mos <= high + 0.01


def test_the_defaults_of_g_107_by_hand() -> None:
    """R = 93.2 without delay and loss; 4.41 is the well-known MOS of it."""
    found = estimate(emodel.ROWS["pcmu"], loss_pct=0, burst_r=None, delay_ms=0)
    assert (found.r, found.mos) == (93.2, pytest.approx(4.409, abs=0.001))
    assert found.model == "G.107 2015 / G.711 with PLC, unchecked (Ie 0, Bpl 25.1)"


def test_bursts_are_worse_than_single_losses() -> None:
    for row in (emodel.ROWS["pcmu"], emodel.OPUS_ROWS[0][1]):
        single, burst = (estimate(row, loss_pct=3, burst_r=b, delay_ms=60).mos for b in (1.0, 3.0))
        assert burst < single


@pytest.mark.parametrize(("kbps", "ie"), [(16, 30.2), (24, 20.2), (40, 10.7), (43, 10.7)])
def test_opus_has_the_nearest_row(kbps: float, ie: float) -> None:
    row = row_for("opus/48000/2", kbps, copies=False, given={})
    assert isinstance(row, Row)
    assert (row.ie, row.scale) == (ie, "FB")


@pytest.mark.parametrize(
    ("codec", "kbps", "copies", "why"),
    [
        ("opus/48000/2", 64.0, False, "64 kb/s"),
        ("opus/48000/2", None, False, "payload sizes"),
        ("opus/48000/2", 24.0, True, "FEC or RED"),
        ("iLBC/8000", 15.0, False, "no published row for ilbc"),
        (None, 24.0, False, "codec"),
    ],
)
def test_no_row_is_borrowed(codec: str | None, kbps: float | None, copies: bool, why: str) -> None:
    reason = row_for(codec, kbps, copies=copies, given={})
    assert isinstance(reason, str)
    assert why in reason


def test_the_settings_may_give_a_row() -> None:
    own = Row("lab", "FB", 5.0, 20.0)
    assert row_for("opus/48000/2", 64.0, copies=True, given={"opus": own}) is own


@pytest.mark.parametrize("scale", ["NB", "WB", "FB"])
def test_more_delay_is_never_better(scale: emodel.Scale) -> None:
    costs = [emodel.delay_impairment(d, scale) for d in range(0, 1000, 10)]
    assert costs == sorted(costs)
    assert costs[0] == 0.0
