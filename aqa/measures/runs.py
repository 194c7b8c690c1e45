"""Sample-exact runs of one channel: a value held (digital zero included), and flat tops."""

import logging
from collections.abc import Sequence

import numpy as np

from aqa.measures import kernels
from aqa.model import Doubles, Floats, Ints
from aqa.sound_model import RunTable

CONSTANT_S = 0.002  # natural 16-bit sound holds exact zeros for up to 2.6 ms; detectors ask for more
CONTEXT_S = 0.01
EDGE_S = 0.000_25
FULL_SCALE = 0.98
OWN_MAXIMUM = 0.01  # a flat top below full scale is kept at the channel's own extreme, from here on
MAXIMUM_RUNS = 1_000_000

_log = logging.getLogger(__name__)


def rules(rate: int, lsb: float) -> dict[str, Doubles]:
    """The rule of each kind of run, as `_runs` takes it.

    `constant`: steps of 0.6 LSB at most, so equal in integer sound. `clipped`: equal within 1 LSB, at full scale
    or at the channel's own extreme; of 3 samples and more, for the detector tells flat tops from natural crests.
    """
    context, edge = max(1, round(rate * CONTEXT_S)), max(1, round(rate * EDGE_S))
    constant = (max(2, round(rate * CONSTANT_S)), 0.6 * lsb, 2 * lsb, context, edge, 0.0, 0.0)
    clipped = (3, 1.01 * lsb, 1.01 * lsb, context, edge, FULL_SCALE, OWN_MAXIMUM)
    return {"constant": np.array(constant), "clipped": np.array(clipped)}


class Runs:
    """The runs of one kind while a channel goes by."""

    def __init__(self, kind: str, rule: Doubles, chunk: int) -> None:
        self.kind = kind
        self.rule = rule
        self.after = int(rule[3])
        self.before = self.after + int(rule[0])
        self.state = kernels.new_state(kernels.RUN_STATE)
        self.cell = kernels.new_cell()
        most = (max(chunk, self.after) + 2 * self.after + int(rule[0])) // int(rule[0]) + 2
        self.spans = np.zeros((most, 2), np.int64)
        self.values = np.zeros((most, 5), np.float64)
        self.kept: list[tuple[Ints, Doubles]] = []
        self.count = 0

    def take(self, x: Floats, lo: int, hi: int, base: int) -> None:
        """The runs that end in `x[lo:hi]`."""
        count = kernels._runs(
            x, x.view(np.int32), lo, hi, base, self.rule, *self.state, self.spans, self.values, *self.cell
        )
        self._keep(count)

    def close(self, x: Floats, at: int, base: int) -> None:
        """End the open run before `x[at]`: the media ends there."""
        self._keep(kernels._close_run(x, at, base, self.rule, *self.state, self.spans, self.values, 0))

    def _keep(self, count: int) -> None:
        room = min(count, MAXIMUM_RUNS - self.count)
        if room < count and self.count < MAXIMUM_RUNS:
            _log.warning("more than %d %s runs in a channel: the later ones are left out", MAXIMUM_RUNS, self.kind)
        if room > 0:
            self.kept.append((self.spans[:room].copy(), self.values[:room].copy()))
            self.count += room

    def columns(self) -> tuple[str, Ints, Doubles]:
        """Kind, spans (n, 2) and values (n, 5); flat tops that the channel's extremes left behind go."""
        spans = np.concatenate([np.zeros((0, 2), np.int64), *(spans for spans, _ in self.kept)])
        values = np.concatenate([np.zeros((0, 5)), *(values for _, values in self.kept)])
        value, step, full = values[:, 0], self.rule[1], self.rule[5]
        _, reals = self.state
        own = (value >= reals[3] - step) | (value <= reals[4] + step)
        keep = own | (np.abs(value) >= full)
        return self.kind, spans[keep], values[keep]


def table(runs: Sequence[Runs]) -> RunTable:
    """Runs of all kinds as one table, ordered by start."""
    parts = [each.columns() for each in runs]
    kind = np.concatenate([np.full(len(spans), name, "U8") for name, spans, _ in parts])
    spans = np.concatenate([spans for _, spans, _ in parts])
    values = np.concatenate([values for _, _, values in parts])
    order = np.lexsort((kind, spans[:, 0]))
    spans, values = spans[order], values[order]
    return RunTable(kind[order], spans[:, 0].copy(), spans[:, 1].copy(), *(values[:, i].copy() for i in range(5)))
