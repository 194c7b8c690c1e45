"""Level and peak of every 10 ms of one channel.

Levels are RMS in dBFS with a full-scale square wave at 0 (a full-scale sine reads -3.01; AES17 would call that 0).
"""

import numpy as np

from aqa.measures import kernels
from aqa.model import Floats

_GROWTH = 36_000  # hops: six minutes


class Hops:
    """The two series while a channel goes by; 8 bytes a hop."""

    before = after = 0

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.level, self.peak = (np.full(_GROWTH, np.nan, np.float32) for _ in range(2))
        self.state = kernels.new_state(kernels.HOP_STATE)
        self.cell = kernels.new_cell()

    def take(self, x: Floats, lo: int, hi: int, base: int) -> None:
        """The hops of `x[lo:hi]`; the last may stay open."""
        hops = (100 * (base + hi) + 99) // self.rate + 1
        if hops > len(self.level):
            self._grow(hops)
        kernels._hops(x, x.view(np.int32), lo, hi, base, self.rate, *self.state, self.level, self.peak, *self.cell)

    def close(self, x: Floats, at: int, base: int) -> None:
        """A hop may go on after missing media."""

    def series(self, samples: int) -> tuple[Floats, Floats]:
        """Level and peak, NaN where there is no media; both of shape (hops,)."""
        kernels._close_hop(*self.state, self.level, self.peak)
        hops = (100 * (samples - 1) + 99) // self.rate + 1 if samples else 0
        for series in (self.level, self.peak):
            series.resize(hops, refcheck=False)
        return self.level, self.peak

    def _grow(self, hops: int) -> None:
        """Room for more hops; in place, since a copy would double the memory of a long recording."""
        size = hops + _GROWTH
        for series in (self.level, self.peak):
            old = len(series)
            series.resize(size, refcheck=False)
            series[old:] = np.nan
