"""Sound with all that can be predicted taken out, and where one wrong sample stands out of it best.

Linear prediction (Kay, Modern Spectral Estimation, 6.5: autocorrelation of a window and Levinson's recursion), anew
every hop. The error of prediction shows a wrong sample with weight 1; run backwards through the same filter it shows
it with all the weights of the predictor, and no linear filter shows it better (matched filter: Godsill and Rayner,
Digital Audio Restoration, 5.3.2).
"""

import numpy as np

from aqa.measures import whitening_kernels as kernels
from aqa.model import Floats

LAGS = 24  # order 23, about a predictor per kHz of speech's band (Markel and Gray); fours fill the processor
HOP_MS = 10  # as long as speech stands still
WINDOWS = 2  # hops that a window is long


class Whitening:
    """Error and matched filter of one channel; hops lie on a grid that begins at sample 0."""

    def __init__(self, rate: int) -> None:
        self.hop = HOP_MS * max(1, rate // 1000)
        size = self.hop * WINDOWS
        self.window = np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size), np.float32)
        self.buffer = np.zeros(size + LAGS + 4, np.float32)
        self.scratch = np.zeros((2, self.hop + LAGS), np.float32)
        self.reach = size + LAGS + 1
        """Samples that are read before the first and after the last hop, at most."""

    def of(self, x: Floats, at: int, hops: int) -> tuple[Floats, Floats, Floats]:
        """Error and match of `x[at : at + hops * hop]`, each of that length, and per hop the power of the predictor.

        Both have the scale of the error, so that the same noise is as strong in both.
        """
        first, size = self.reach - 1, len(self.window)
        emphasised = np.empty(hops * self.hop + 2 * self.reach - 1, np.float32)
        kernels.emphasised(x[at - self.reach : at + hops * self.hop + self.reach], emphasised)
        r, a, t, work = (np.empty((rows, hops)) for rows in (LAGS, LAGS, LAGS, 3))
        begin = first + self.hop // 2 - size // 2
        kernels.correlations(emphasised, begin, self.hop, self.window, self.buffer, r)
        kernels.predictors(r, kernels.SILENT * size, a, t, work)
        error, match = np.empty(hops * self.hop, np.float32), np.empty(hops * self.hop, np.float32)
        kernels.filtered(emphasised, first, self.hop, a, work, self.scratch, error, match)
        return error, match, work[2].astype(np.float32)
