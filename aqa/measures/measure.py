"""What a measure of the one pass is: it sees every sample of one channel once, with context on both sides.

The pass (`aqa.measures.track`) owns blocks, chunks and missing media; a measure owns what it looks for. Whatever a
measure gives must not depend on where chunks are cut: it may depend on samples and their indices alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aqa.model import Floats
from aqa.sound_model import Candidates, Series


@dataclass(frozen=True)
class Found:
    """What a measure gives of one channel: series by name, runs by kind with their features, and single numbers."""

    series: Mapping[str, Series] = field(default_factory=dict)
    runs: Mapping[str, Candidates] = field(default_factory=dict)
    facts: Mapping[str, float | None] = field(default_factory=dict)  # None: not measured


class Watcher(Protocol):
    """What looks at one channel while the recording goes by."""

    @property
    def before(self) -> int:
        """Samples of context that `take` may read before `lo`; zeros before the head and after missing media."""
        ...

    @property
    def after(self) -> int:
        """Samples of context that `take` may read from `hi` on; zeros where the media ends."""
        ...

    def take(self, x: Floats, lo: int, hi: int, base: int) -> None:
        """See `x[lo:hi]`, the next samples; sample `x[i]` is at `base + i` on the presentation clock."""
        ...

    def close(self, x: Floats, at: int, base: int) -> None:
        """The media ends before `x[at]`: at the tail, or where media is missing. More may follow later."""
        ...


class Measure(Watcher, Protocol):
    """A watcher that says what it has found."""

    def found(self, samples: int) -> Found:
        """What was found, once all has gone by; the channel is `samples` long on the presentation clock."""
        ...
