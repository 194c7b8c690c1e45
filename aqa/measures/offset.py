"""Mean sample value (DC offset) of every second, and how the magnitudes of samples are spread, of one channel."""

import math

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled
from aqa.measures.measure import Found
from aqa.model import Floats
from aqa.sound_model import Series

STEP = 2.0**-24  # sums are of whole steps: integers add up to the same in any order, so chunks change nothing
LARGEST = 127.0  # full scale 1: more can't be counted in steps; float files hold such values by error alone
BINS = 4096  # of magnitudes: 16 to the octave, by the upper 4 bits of the mantissa (0.38 dB)
QUANTILES = {"q99_dbfs": 0.99, "q999_dbfs": 0.999, "q9999_dbfs": 0.9999}


@compiled("int64(float32[::1], int64, int64)")
def _steps(x, lo, hi):  # type: ignore[no-untyped-def]
    """Sum of `x[lo:hi]` in steps."""
    total = np.int64(0)
    for i in range(lo, hi):
        value = x[i] if x[i] < np.float32(127.0) else np.float32(127.0)
        value = value if value > np.float32(-127.0) else np.float32(-127.0)
        total += np.int64(np.int32(value * np.float32(16777216.0)))
    return total


@compiled("void(int32[::1], int64, int64, int64, int64[::1])")
def _spread(bits, lo, hi, base, counts):  # type: ignore[no-untyped-def]
    """Count the magnitudes of every fourth sample by exponent and upper mantissa bits."""
    for i in range(lo + (-(base + lo)) % 4, hi, 4):
        counts[(bits[i] & 0x7FFFFFFF) >> 19] += 1


class Offset:
    """The mean of every second of one channel while it goes by, and the spread of its magnitudes."""

    before = after = 0

    def __init__(self, rate: int, lsb: float) -> None:
        self.rate = rate
        self.sums: dict[int, int] = {}
        self.samples: dict[int, int] = {}
        self.counts = np.zeros(BINS, np.int64)

    def take(self, x: Floats, lo: int, hi: int, base: int) -> None:
        """Add `x[lo:hi]` to the sums of its seconds."""
        _spread(x.view(np.int32), lo, hi, base, self.counts)
        for second in range((base + lo) // self.rate, (base + hi - 1) // self.rate + 1):
            start, end = max(lo, second * self.rate - base), min(hi, (second + 1) * self.rate - base)
            self.sums[second] = self.sums.get(second, 0) + _steps(x, start, end)
            self.samples[second] = self.samples.get(second, 0) + end - start

    def close(self, x: Floats, at: int, base: int) -> None:
        """A second may go on after missing media."""

    def found(self, samples: int) -> Found:
        """Series `offset` (mean of each second, full scale 1), facts `dc_offset` and quantiles of magnitudes."""
        means = np.full(-(-samples // self.rate), np.nan, np.float32)
        for second, count in self.samples.items():
            means[second] = self.sums[second] * STEP / count
        seen = sum(self.samples.values())
        mean = round(sum(self.sums.values()) * STEP / seen, 7) if seen else None
        facts = {name: quantile_dbfs(self.counts, share) for name, share in QUANTILES.items()}
        return Found(
            series={"offset": Series(1.0, ("mean",), means.reshape(-1, 1))}, facts={"dc_offset": mean} | facts
        )


def quantile_dbfs(spread: NDArray[np.int64], share: float) -> float | None:
    """Magnitude in dBFS (full scale 0) that `share` of the samples that are not zero stay below; 0.4 dB fine.

    Inside a bin samples are taken as evenly spread. None where all samples are zero.
    """
    counts = spread.copy()
    counts[0] = 0  # exact zero says nothing of how loud sound is
    total = int(counts.sum())
    if not total:
        return None
    reached = np.cumsum(counts)
    at = int(np.searchsorted(reached, share * total))
    inside = (share * total - (reached[at] - counts[at])) / counts[at]
    low, high = (float(np.array([edge << 19], np.int32).view(np.float32)[0]) for edge in (at, at + 1))
    return round(20 * math.log10(low + (high - low) * inside), 2)
