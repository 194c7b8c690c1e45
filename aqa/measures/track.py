"""The one pass over a recording: every channel's measures, each seeing every sample once, in order.

Cutting the input into other blocks changes nothing: chunks are refilled to one length before a measure sees them.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from aqa.measures.bands import Bands
from aqa.measures.concealment import Concealment
from aqa.measures.dips import Dips
from aqa.measures.discontinuity import Discontinuity
from aqa.measures.hops import Hops
from aqa.measures.levels import levels
from aqa.measures.loudness import Loudness
from aqa.measures.measure import Measure, Watcher
from aqa.measures.offset import Offset
from aqa.measures.pair import Pair
from aqa.measures.repetition import Repetition
from aqa.measures.runs import Runs, rules, table
from aqa.measures.tones import Tones
from aqa.measures.true_peak import TruePeak
from aqa.model import Floats
from aqa.sound_model import Block, Candidates, Series, Track

CHUNK = 1 << 16
"""Samples per channel that a measure sees at once."""

Maker = Callable[[int, float], Measure]
MEASURES: tuple[Maker, ...] = (Loudness, TruePeak, Offset, Discontinuity, Repetition, Bands, Tones, Dips)
"""What is measured beside level, peak and held samples: each takes a sample rate in Hz and the least step (LSB)."""

OPTIONAL: dict[str, Maker] = {"concealment": Concealment}
"""What is measured only where settings ask for it, since it costs more than the rest together; by kind of finding."""


class Source(Protocol):
    """What can be measured: a decoder."""

    @property
    def sample_rate_hz(self) -> int: ...  # noqa: D102
    @property
    def channels(self) -> int: ...  # noqa: D102
    @property
    def lsb(self) -> float: ...  # noqa: D102
    def blocks(self) -> Iterator[Block]: ...  # noqa: D102


def measure(source: Source, chunk: int = CHUNK, optional: Collection[str] = ()) -> list[Track]:
    """Every channel of `source`, measured; memory grows with what measures keep, not with samples.

    `optional`: names of OPTIONAL that are measured too; names of detectors that need none of them are no error.
    The first two channels are also measured against each other (series `pair`); a channel alone costs nothing more.
    """
    makers = (*MEASURES, *(make for name, make in OPTIONAL.items() if name in optional))
    channels = [_Channel(source.sample_rate_hz, source.lsb, chunk, makers) for _ in range(source.channels)]
    pair = Pair(source.sample_rate_hz) if source.channels >= 2 else None
    end = 0
    for block in source.blocks():
        if pair is not None:
            pair.feed(block.start, block.samples[0], block.samples[1])
        for index, channel in enumerate(channels):
            channel.feed(block.start, block.samples[index])
        end = max(end, block.start + block.samples.shape[1])
    tracks = [channel.track(index, end) for index, channel in enumerate(channels)]
    if pair is None:
        return tracks
    both = [
        replace(track, series={**track.series, "pair": series})
        for track, series in zip(tracks, pair.series(end), strict=False)
    ]
    return both + tracks[2:]


class _Channel:
    """One channel while it goes by: the samples that measures may look at."""

    def __init__(self, rate: int, lsb: float, chunk: int, makers: Sequence[Maker]) -> None:
        self.rate, self.lsb = rate, lsb
        self.hops = Hops(rate)
        self.runs = [Runs(kind, rule, chunk) for kind, rule in rules(rate, lsb).items()]
        self.more = [make(rate, lsb) for make in makers]
        self.measures: list[Watcher] = [self.hops, *self.runs, *self.more]
        self.after = max(measure.after for measure in self.measures)
        self.lead = max(measure.before for measure in self.measures)
        self.buffer = np.zeros(self.lead + max(chunk, self.after) + self.after, np.float32)
        self.filled = self.lead  # end of the samples in the buffer
        self.done = self.lead  # end of the samples that measures have seen
        self.base = -self.lead  # presentation-clock index of buffer[0]

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
        """Let every measure see the buffer up to index `end`."""
        lo, self.done = self.done, end
        for measure in self.measures:
            measure.take(self.buffer, lo, end, self.base)

    def _shift(self) -> None:
        """Keep only the context of what comes next."""
        drop = self.done - self.lead
        kept = self.filled - drop
        self.buffer[:kept] = self.buffer[drop : self.filled].copy()
        self.base += drop
        self.filled, self.done = kept, self.lead

    def _end_segment(self) -> None:
        """See all that is left; outside a stretch of media its context is zeros, as before its head."""
        if self.filled + self.after > len(self.buffer):
            self._process(self.filled - self.after)
            self._shift()
        self.buffer[self.filled : self.filled + self.after] = 0
        self._process(self.filled)
        for measure in self.measures:
            measure.close(self.buffer, self.filled, self.base)
        self.buffer[:] = 0
        self.filled = self.done = self.lead

    def track(self, channel: int, samples: int) -> Track:
        """The measured channel, `samples` long on the presentation clock."""
        self._end_segment()
        level, peak = self.hops.series(samples)
        series: dict[str, Series] = {}
        candidates: dict[str, Candidates] = {}
        own = levels(level)
        facts: dict[str, float | None] = {"speech_snr_db": own.speech_snr_db, "lsb": self.lsb}
        for one in self.more:
            found = one.found(samples)
            series |= found.series
            candidates |= found.runs
            facts |= found.facts
        return Track(
            self.rate,
            samples,
            level,
            peak,
            table(self.runs),
            own,
            channel=channel,
            series=series,
            candidates=candidates,
            facts=facts,
        )
