"""How the two sides of a stereo recording go together, per second: powers, and what they share."""

import numpy as np

from aqa.compiled import compiled
from aqa.model import Doubles, Floats
from aqa.sound_model import Series

COLUMNS = ("own_power", "other_power", "product")

SAME_DB = -50.0  # of the sides' difference under their sum: no two microphones are as alike, nor analogue copies
SILENT = 1e-11  # mean square (-110 dBFS): seconds below hold no sound to compare


def same(pair: Series) -> bool | None:
    """Whether both sides hold the same sound (false stereo); None where neither holds any.

    `pair` is the series of either side. The difference is judged per second, so one second of true stereo tells.
    """
    own, other, product = np.asarray(pair.values, np.float64).T
    heard = np.nan_to_num(own + other) > 2 * SILENT
    if not heard.any():
        return None
    apart = (own + other - 2 * product)[heard]
    return bool((apart <= 10 ** (SAME_DB / 10) * (own + other)[heard]).all())


@compiled("void(float32[::1], float32[::1], int64, int64, float64[::1])")
def _products(left, right, lo, hi, sums):  # type: ignore[no-untyped-def]
    """Add the sums of squares of both sides and of their product over `lo` to `hi`, sample by sample."""
    own, other, both = sums[0], sums[1], sums[2]
    for i in range(lo, hi):
        one, two = float(left[i]), float(right[i])
        own += one * one
        other += two * two
        both += one * two
    sums[0], sums[1], sums[2] = own, other, both


class Pair:
    """Channels 0 and 1 of a recording while they go by."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.seconds: dict[int, Doubles] = {}  # second -> sums and samples

    def feed(self, start: int, left: Floats, right: Floats) -> None:
        """Take both sides' samples that begin at `start` on the presentation clock; blocks may be of any length."""
        at = 0
        while at < len(left):
            second = (start + at) // self.rate
            end = min(len(left), (second + 1) * self.rate - start)
            sums = self.seconds.setdefault(second, np.zeros(4))
            _products(left, right, at, end, sums)
            sums[3] += end - at
            at = end

    def series(self, samples: int) -> tuple[Series, Series]:
        """The series `pair` of either channel: mean square of its own, of the other, mean product; NaN = no media."""
        values = np.full((-(-samples // self.rate), 3), np.nan, np.float32)
        for second, sums in self.seconds.items():
            values[second] = sums[:3] / sums[3]
        return Series(1.0, COLUMNS, values), Series(1.0, COLUMNS, values[:, [1, 0, 2]])
