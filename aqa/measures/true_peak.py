"""True peak by ITU-R BS.1770-5 annex 2: the largest magnitude of the sound between its samples."""

import math

import numpy as np

from aqa.compiled import compiled
from aqa.measures.measure import Found
from aqa.model import Floats

_FIRST = (0.0017089843750, 0.0109863281250, -0.0196533203125, 0.0332031250000, -0.0594482421875, 0.1373291015625,
          0.9721679687500, -0.1022949218750, 0.0476074218750, -0.0266113281250, 0.0148925781250,
          -0.0083007812500)  # fmt: skip
_SECOND = (-0.0291748046875, 0.0292968750000, -0.0517578125000, 0.0891113281250, -0.1665039062500, 0.4650878906250,
           0.7797851562500, -0.2003173828125, 0.1015625000000, -0.0582275390625, 0.0330810546875,
           -0.0189208984375)  # fmt: skip
PHASES = np.array([_FIRST, _SECOND, _SECOND[::-1], _FIRST[::-1]])
"""The interpolating filter of annex 2: 48 taps as 4 phases of 12; used at every rate, so never below 4 times."""
TAPS = 12
GAIN = float(np.abs(PHASES).sum(axis=1).max())
"""No sample between samples is larger than the largest sample near it times this (2.02)."""
_SLACK = 1.0 + 1e-9  # sums of 12 products round by less


@compiled("float64(float32[::1], int32[::1], int64, int64, float64[:, ::1], float64, float64)")
def _peak_kernel(x, bits, lo, hi, phases, gain, peak):  # type: ignore[no-untyped-def]
    """The largest of `peak`, the samples of `x[lo:hi]` and the filter's outputs at them.

    Only outputs that could be larger than what is known are computed: those with a sample above peak / gain among
    their 12. Groups of samples are looked at as `bits`, the same floats as integers, which go by the dozen.
    """
    at = lo
    while at < hi:
        end = min(hi, at + 64)
        largest = np.int32(0)
        for i in range(at - 11, end):
            largest = max(largest, bits[i] & np.int32(0x7FFFFFFF))
        top = float((largest & 0x7FFFFF) | 0x800000) * 2.0 ** float(int(largest >> 23) - 150)
        if top * gain > peak:
            near = 0
            for i in range(at - 11, end):
                near = 12 if abs(float(x[i])) * gain > peak else near - 1
                if near > 0 and i >= at:
                    peak = max(peak, abs(float(x[i])))
                    for p in range(4):
                        total = 0.0
                        for k in range(12):
                            total += phases[p, k] * float(x[i - k])
                        peak = max(peak, abs(total))
        at = end
    return peak


class TruePeak:
    """The true peak of one channel while it goes by."""

    before = after = TAPS - 1

    def __init__(self, rate: int, lsb: float) -> None:
        self.peak = 0.0

    def take(self, x: Floats, lo: int, hi: int, base: int) -> None:
        """The filter's outputs at `x[lo:hi]`."""
        self.peak = _peak_kernel(x, x.view(np.int32), lo, hi, PHASES, GAIN * _SLACK, self.peak)

    def close(self, x: Floats, at: int, base: int) -> None:
        """What the filter still gives after the last sample."""
        self.take(x, at, at + self.after, base)

    def found(self, samples: int) -> Found:
        """Fact `true_peak_dbtp`; None where there is no sound."""
        return Found(facts={"true_peak_dbtp": round(20 * math.log10(self.peak), 2) if self.peak > 0 else None})
