"""The one pass over a recording: 10 ms level and peak of every channel, and its sample-exact runs.

Levels are RMS in dBFS with a full-scale square wave at 0 (a full-scale sine reads -3.01; AES17 would call that 0).
Cutting the input into other blocks changes nothing: chunks are refilled to one length before a kernel sees them.
"""

import logging
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from aqa.measures import kernels
from aqa.measures.levels import levels
from aqa.model import Block, Doubles, Floats, Ints, RunTable, Track

CHUNK = 1 << 16
"""Samples per channel that a kernel sees at once."""
CONSTANT_S = 0.002  # natural 16-bit sound holds exact zeros for up to 2.6 ms; detectors ask for more
CONTEXT_S = 0.01
EDGE_S = 0.000_25
FULL_SCALE = 0.98
OWN_MAXIMUM = 0.25  # a flat top below full scale counts at the channel's own extreme, from here on
MAXIMUM_RUNS = 1_000_000
_GROWTH = 360_000  # hops: an hour

_log = logging.getLogger(__name__)


class Source(Protocol):
    """What can be measured: a decoder."""

    @property
    def sample_rate_hz(self) -> int: ...  # noqa: D102
    @property
    def channels(self) -> int: ...  # noqa: D102
    @property
    def lsb(self) -> float: ...  # noqa: D102
    def blocks(self) -> Iterator[Block]: ...  # noqa: D102


def measure(source: Source, chunk: int = CHUNK) -> list[Track]:
    """Every channel of `source`, measured; memory grows with 8 bytes a hop and channel, not with samples."""
    channels = [_Channel(source.sample_rate_hz, source.lsb, chunk) for _ in range(source.channels)]
    end = 0
    for block in source.blocks():
        for index, channel in enumerate(channels):
            channel.feed(block.start, block.samples[index])
        end = max(end, block.start + block.samples.shape[1])
    return [channel.track(index, end) for index, channel in enumerate(channels)]


def rules(rate: int, lsb: float) -> dict[str, Doubles]:
    """The rule of each kind of run, as `_runs` takes it.

    `constant`: steps of 0.6 LSB at most, so equal in integer sound. `clipped`: equal within 1 LSB, at full scale or
    at the channel's own extreme. Its least length, rate / 6000 and never below 3, is what keeps a sine from 40 Hz
    on out: within 1 LSB of its crest it stays 2 sqrt(2 LSB / A) / (2 pi f) (METRICS.md has 3 at 8 kHz, 12 at 48).
    """
    context, edge = max(1, round(rate * CONTEXT_S)), max(1, round(rate * EDGE_S))
    constant = (max(2, round(rate * CONSTANT_S)), 0.6 * lsb, 2 * lsb, context, edge, 0.0, 0.0)
    clipped = (max(3, -(-rate // 6000)), 1.01 * lsb, 1.01 * lsb, context, edge, FULL_SCALE, OWN_MAXIMUM)
    return {"constant": np.array(constant), "clipped": np.array(clipped)}


class _Channel:
    """What grows while one channel goes by."""

    def __init__(self, rate: int, lsb: float, chunk: int) -> None:
        self.rate = rate
        self.after = int(rules(rate, lsb)["constant"][3])
        chunk = max(chunk, self.after)
        self.runs = [_Runs(kind, rule, chunk) for kind, rule in rules(rate, lsb).items()]
        self.lead = self.after + max(int(runs.rule[0]) for runs in self.runs)
        self.buffer = np.zeros(self.lead + chunk + self.after, np.float32)
        self.filled = self.lead  # end of the samples in the buffer
        self.done = self.lead  # end of the samples that kernels have seen
        self.base = -self.lead  # presentation-clock index of buffer[0]
        self.level, self.peak = (np.full(_GROWTH, np.nan, np.float32) for _ in range(2))
        self.hop_state = kernels.new_state(kernels.HOP_STATE)

    def feed(self, start: int, samples: Floats) -> None:
        """Take samples that begin at `start` on the presentation clock; a jump ahead is missing media."""
        if start > self.base + self.filled:
            self._end_segment()
            self.base = start - self.lead
        at = 0
        while at < len(samples):
            part = samples[at : at + len(self.buffer) - self.filled]
            self.buffer[self.filled : self.filled + len(part)] = part
            self.filled += len(part)
            at += len(part)
            if self.filled == len(self.buffer):
                self._process(self.filled - self.after)
                self._shift()

    def _process(self, end: int) -> None:
        """Run the kernels over the buffer up to index `end`."""
        lo, self.done = self.done, end
        hops = (100 * (self.base + end) + 99) // self.rate + 1
        if hops > len(self.level):
            self._grow(hops)
        state = self.hop_state
        kernels._hops(self.buffer, lo, end, self.base, self.rate, *state, self.level, self.peak)
        for runs in self.runs:
            runs.take(self.buffer, lo, end, self.base)

    def _shift(self) -> None:
        """Keep only the context of what comes next."""
        drop = self.done - self.lead
        kept = self.filled - drop
        self.buffer[:kept] = self.buffer[drop : self.filled].copy()
        self.base += drop
        self.filled, self.done = kept, self.lead

    def _end_segment(self) -> None:
        """Process all that is left; outside a stretch of media its context is zeros, as before its head."""
        if self.filled + self.after > len(self.buffer):
            self._process(self.filled - self.after)
            self._shift()
        self.buffer[self.filled : self.filled + self.after] = 0
        self._process(self.filled)
        for runs in self.runs:
            runs.close(self.buffer, self.filled, self.base)
        self.buffer[:] = 0
        self.filled = self.done = self.lead

    def _grow(self, hops: int) -> None:
        """Room for more hops; in place, since a copy would double the memory of a long recording."""
        size = hops + _GROWTH
        for series in (self.level, self.peak):
            old = len(series)
            series.resize(size, refcheck=False)
            series[old:] = np.nan

    def track(self, channel: int, samples: int) -> Track:
        """The measured channel, `samples` long on the presentation clock."""
        self._end_segment()
        kernels._close_hop(*self.hop_state, self.level, self.peak)
        hops = (100 * (samples - 1) + 99) // self.rate + 1 if samples else 0
        for series in (self.level, self.peak):
            series.resize(hops, refcheck=False)
        table = _table([runs.columns() for runs in self.runs])
        return Track(self.rate, samples, self.level, self.peak, table, levels(self.level, self.peak), channel=channel)


class _Runs:
    """The runs of one kind while a channel goes by."""

    def __init__(self, kind: str, rule: Doubles, chunk: int) -> None:
        self.kind = kind
        self.rule = rule
        self.state = kernels.new_state(kernels.RUN_STATE)
        most = (chunk + 2 * int(rule[3]) + int(rule[0])) // int(rule[0]) + 2
        self.spans = np.zeros((most, 2), np.int64)
        self.values = np.zeros((most, 5), np.float64)
        self.kept: list[tuple[Ints, Doubles]] = []
        self.count = 0

    def take(self, x: Floats, lo: int, hi: int, base: int) -> None:
        """The runs that end in `x[lo:hi]`."""
        count = kernels._runs(x, lo, hi, base, self.rule, *self.state, self.spans, self.values)
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


def _table(parts: list[tuple[str, Ints, Doubles]]) -> RunTable:
    """Runs of all kinds as one table, ordered by start."""
    kind = np.concatenate([np.full(len(spans), name, "U8") for name, spans, _ in parts])
    spans = np.concatenate([spans for _, spans, _ in parts])
    values = np.concatenate([values for _, _, values in parts])
    order = np.lexsort((kind, spans[:, 0]))
    spans, values = spans[order], values[order]
    return RunTable(kind[order], spans[:, 0].copy(), spans[:, 1].copy(), *(values[:, i].copy() for i in range(5)))
