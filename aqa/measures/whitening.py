"""Sound with all that can be predicted taken out, and where one wrong sample stands out of it best.

Linear prediction (Kay, Modern Spectral Estimation, 6.5: autocorrelation of a window and Levinson's recursion), anew
every hop. The error of prediction shows a wrong sample with weight 1; run backwards through the same filter it shows
it with all the weights of the predictor, and no linear filter shows it better (matched filter: Godsill and Rayner,
Digital Audio Restoration, 5.3.2).
"""

import numpy as np

from aqa.measures import whitening_kernels as kernels
from aqa.model import Doubles, Floats

HOP_MS = 10  # as long as speech stands still
LOW_RATE_HZ = 32_000  # below it speech fills the band, and pitch is what hides clicks: longer windows see more of it
LAGS, LOW_LAGS = 16, 24  # orders 15 and 23; fours fill the processor
WINDOWS, LOW_WINDOWS = 2, 4  # hops that a window is long


class Whitening:
    """Error and matched filter of one channel; hops lie on a grid that begins at sample 0."""

    def __init__(self, rate: int) -> None:
        self.hop = HOP_MS * max(1, rate // 1000)
        low = rate < LOW_RATE_HZ
        self.lags, size = (LOW_LAGS, self.hop * LOW_WINDOWS) if low else (LAGS, self.hop * WINDOWS)
        self.window = np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size), np.float32)
        self.buffer = np.zeros(size + self.lags + 4, np.float32)
        self.scratch = np.zeros((2, self.hop + self.lags), np.float32)
        self.reach = size + self.lags + 1
        """Samples that are read before the first and after the last hop, at most."""

        self.room: dict[str, Floats | Doubles] = {}

    def of(self, x: Floats, at: int, hops: int) -> tuple[Floats, Floats, Floats]:
        """Error and match of `x[at : at + hops * hop]`, each of that length, and per hop the power of the predictor.

        Both have the scale of the error, so that the same noise is as strong in both. They hold until the next call.
        """
        first, size, count = self.reach - 1, len(self.window), hops * self.hop
        emphasised = self._floats("emphasised", count + 2 * self.reach - 1)
        kernels.emphasised(x[at - self.reach : at + count + self.reach], emphasised)
        r, a, t, work = (self._doubles(str(i), rows, hops) for i, rows in enumerate((*(self.lags,) * 3, 3)))
        begin = first + self.hop // 2 - size // 2
        kernels.correlations(emphasised, begin, self.hop, self.window, self.buffer, r)
        kernels.predictors(r, kernels.SILENT * size, a, t, work)
        error, match = self._floats("error", count), self._floats("match", count)
        kernels.filtered(emphasised, first, self.hop, a, work, self.scratch, error, match)
        return error, match, work[2].astype(np.float32)

    def _floats(self, name: str, count: int) -> Floats:
        """Room that is kept: the system takes long to hand out new pages."""
        if len(self.room.get(name, ())) < count:
            self.room[name] = np.empty(count + self.hop, np.float32)
        return np.asarray(self.room[name][:count], np.float32)

    def _doubles(self, name: str, rows: int, hops: int) -> Doubles:
        if len(self.room.get(name, ())) < rows * hops:
            self.room[name] = np.empty(rows * (hops + 1))
        return np.asarray(self.room[name][: rows * hops], np.float64).reshape(rows, hops)
