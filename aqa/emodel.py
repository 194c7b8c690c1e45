"""E-model: an estimate of MOS from codec, loss and delay, always with the name of the model and the codec's row.

NB: ITU-T G.107 (2015), with its defaults R0 = 93.2 and A = 0. WB: G.107.1 (R0 = 129, MOS from R/1.29; not checked
in the standard's own text). FB: G.107.2 (R0 = 148, MOS from R/1.48; formulas as in rtpengine's `ssrc.c`). No
codec gets the row of another: where none is published, nothing is estimated, unless the settings give one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Scale = Literal["NB", "WB", "FB"]
VERSIONS: dict[Scale, str] = {"NB": "G.107 2015", "WB": "G.107.1", "FB": "G.107.2"}
_R0: dict[Scale, float] = {"NB": 93.2, "WB": 129.0, "FB": 148.0}
_MOST_IE: dict[Scale, float] = {"NB": 95.0, "WB": 95.0, "FB": 132.0}  # WB: unchecked; FB: rtpengine ssrc.c


@dataclass(frozen=True)
class Row:
    """What a codec costs: impairment without loss, and robustness against it."""

    name: str  # with marks of what was not checked
    scale: Scale
    ie: float
    bpl: float
    bpl_bursty: float | None = None  # measured with bursts: then BurstR is not applied again


_UNCHECKED = ", unchecked"
ROWS: dict[str, Row] = {
    "pcmu": Row("G.711 with PLC" + _UNCHECKED, "NB", 0.0, 25.1),
    "pcma": Row("G.711 with PLC" + _UNCHECKED, "NB", 0.0, 25.1),
    "g729": Row("G.729A+VAD" + _UNCHECKED, "NB", 11.0, 19.0),
    "g723": Row("G.723.1" + _UNCHECKED, "NB", 15.0, 16.1),
    "gsm-efr": Row("GSM-EFR" + _UNCHECKED, "NB", 5.0, 10.0),
}
"""By the name in SDP (RFC 3551), lower case: ITU-T G.113 appendix I values as other tools quote them."""

OPUS_ROWS: tuple[tuple[float, Row], ...] = tuple(
    (kbps, Row(f"Opus VBR {kbps:g} kb/s (Al-Ahmadi et al., scale unchecked)", "FB", ie, random, bursty))
    for kbps, ie, random, bursty in (
        (16.0, 30.2, 11.8, 10.1), (22.0, 20.2, 10.5, 8.6), (25.0, 20.2, 11.3, 9.2), (28.0, 18.5, 10.6, 8.9),
        (34.0, 14.8, 10.1, 8.5), (40.0, 10.7, 9.8, 8.0),
    )
)  # fmt: skip
"""Al-Ahmadi et al., super-wideband; none above 40 kb/s and none with FEC or RED."""

BURSTY = 1.5  # our choice: midway between random loss (1) and runs of two; estimates of random loss wander above 1
OPUS_REACH_KBPS = 3.0  # half the widest step of the table: a stream further from every row has none


@dataclass(frozen=True)
class Estimate:
    """An estimate with its parts."""

    model: str  # name, version, row: "G.107 2015 / G.711 with PLC (Ie 0, Bpl 25.1)"
    row: Row
    r: float
    ie_eff: float
    delay_impairment: float
    burst_r: float
    mos: float
    loss_pct: float
    delay_ms: float


def row_for(
    codec: str | None, bitrate_kbps: float | None, *, copies: bool | None, given: Mapping[str, Row]
) -> Row | str:
    """The row of a codec as SDP names it, or why there is none. `copies`: FEC or RED is used; None: not known."""
    if codec is None:
        return "the codec is not known; [codecs] in event.toml"
    name = codec.split("/", maxsplit=1)[0].lower()
    row = given.get(name) or ROWS.get(name)
    if row is not None:
        return row
    return _opus_row(bitrate_kbps, copies=copies) if name == "opus" else f"no published row for {name}; {_GIVE}{name}"


_GIVE = "ie, bpl and scale in aqa.toml under emodel.rows."


def _opus_row(bitrate_kbps: float | None, *, copies: bool | None) -> Row | str:
    if copies:
        return f"no published row for Opus with FEC or RED; {_GIVE}opus"
    if bitrate_kbps is None:
        return "the bit rate of Opus is not known, as payload sizes are missing"
    kbps, row = min(OPUS_ROWS, key=lambda item: abs(item[0] - bitrate_kbps))
    if abs(kbps - bitrate_kbps) > OPUS_REACH_KBPS:
        return f"no published row for Opus at {bitrate_kbps:.0f} kb/s; {_GIVE}opus"
    return row


def delay_impairment(delay_ms: float, scale: Scale) -> float:
    """Id of a one-way delay (G.107 7.4 without echo; NB in the usual linear form, Cole and Rosenbluth 2001)."""
    if scale == "NB":
        return 0.024 * delay_ms + (0.11 * (delay_ms - 177.3) if delay_ms > 177.3 else 0.0)
    if delay_ms <= 100:
        return 0.0
    x = math.log2(delay_ms / 100)
    curve = 25 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2)
    return float(curve * (1.48 if scale == "FB" else 1.0))


def effective_ie(row: Row, loss_pct: float, burst_r: float) -> float:
    """Ie,eff: loss against the codec's robustness.

    Bursts weigh by BurstR (G.107 7.5); on the full-band scale, which has no BurstR, by the row's own Bpl of bursts.
    """
    if loss_pct <= 0:
        return row.ie
    bpl = row.bpl_bursty if burst_r >= BURSTY and row.bpl_bursty is not None else row.bpl
    share = loss_pct / (loss_pct / (1.0 if row.scale == "FB" else burst_r) + bpl)
    return row.ie + (_MOST_IE[row.scale] - row.ie) * share


def mos_of(r: float, scale: Scale) -> float:
    """MOS of R (G.107 annex B), R brought to the narrow-band scale first."""
    x = r / {"NB": 1.0, "WB": 1.29, "FB": 1.48}[scale]
    if x <= 0:
        return 1.0
    return 4.5 if x >= 100 else max(1.0, 1 + 0.035 * x + 7e-6 * x * (x - 60) * (100 - x))


def estimate(row: Row, *, loss_pct: float, burst_r: float | None, delay_ms: float) -> Estimate:
    """The E-model for one row; `burst_r` None (nothing lost) counts as 1, and none below 1."""
    burst = max(1.0, burst_r or 1.0)
    ie_eff = effective_ie(row, loss_pct, burst)
    delay = delay_impairment(delay_ms, row.scale)
    r = _R0[row.scale] - delay - ie_eff
    model = f"{VERSIONS[row.scale]} / {row.name} (Ie {row.ie:g}, Bpl {row.bpl:g})"
    return Estimate(model, row, r, ie_eff, delay, burst, mos_of(r, row.scale), loss_pct, delay_ms)
