"""What a detector is, and the registry of all detectors.

A detector is one file in `aqa/detectors/`: a docstring with fixed headings, a frozen dataclass of settings, and
one function, named after the kind of finding it makes, that turns its subject (Track, Media, Stream, Played,
StatsTrack, Aligned or Whole) into findings with times in seconds of that subject.
"""

import dataclasses
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from aqa.model import KINDS, Finding, Source
from aqa.stream_model import StatsTrack, Stream

if TYPE_CHECKING:  # a table of streams needs their thresholds alone
    from aqa.align import Aligned
    from aqa.playout import Played
    from aqa.sound_model import Media, Track
    from aqa.whole import Whole

HEADINGS = ("What it finds", "Why it matters", "What fools it", "Thresholds and their source", "What to do")
"""The headings that every detector's documentation has, in this order."""

Subject: TypeAlias = "Track | Media | Stream | Played | StatsTrack | Aligned | Whole"
Find = TypeVar("Find", bound=Callable[..., Iterable[Finding]])


@dataclass(frozen=True)
class Detector:
    """A kind of finding, what it is looked for in, its settings and its documentation."""

    kind: str
    source: Source
    subject: type
    settings: type
    find: Callable[..., Iterable[Finding]]
    doc: str

    def __call__(self, subject: Subject, settings: Any = None) -> list[Finding]:
        """Findings in `subject`, ordered by start, with kind and source filled in."""
        found = self.find(subject, self.settings() if settings is None else settings)
        named = [
            dataclasses.replace(f, kind=self.kind, source=self.source, duration_s=round(f.end_s - f.start_s, 9))
            for f in found
        ]
        return sorted(named, key=lambda f: (f.start_s, f.end_s, f.channel or 0))

    def section(self, heading: str) -> str:
        """One section of the documentation, as text."""
        after = self.doc.split(f"{heading}\n{'-' * len(heading)}\n", 1)[-1]
        following = [after.find(f"\n{other}\n---") for other in HEADINGS]
        return after[: min((cut for cut in following if cut >= 0), default=len(after))].strip()

    @property
    def summary(self) -> str:
        """The first line of the documentation: what the table of detectors shows."""
        return self.doc.strip().splitlines()[0]


_REGISTRY: dict[str, Detector] = {}


def setting(default: Any, unit: str, meaning: str) -> Any:
    """A setting of a detector with its unit and meaning (its source stands in the docstring)."""
    return field(default=default, metadata={"unit": unit, "meaning": meaning})


def detector(settings: type) -> Callable[[Find], Find]:
    """Register the function below as the detector of the kind it is named after."""

    def register(find: Find) -> Find:
        kind = find.__name__
        source = next(source for source, kinds in KINDS.items() if kind in kinds)
        subject = next(iter(inspect.signature(find).parameters.values())).annotation
        doc = inspect.cleandoc(sys.modules[find.__module__].__doc__ or "")
        _REGISTRY[kind] = Detector(kind, source, subject, settings, find, doc)
        return find

    return register


@cache
def registry() -> dict[str, Detector]:
    """Every detector by kind, in the order of KINDS: what `ls aqa/detectors` shows."""
    folder = importlib.import_module("aqa.detectors")
    for module in pkgutil.iter_modules(folder.__path__):
        importlib.import_module(f"aqa.detectors.{module.name}")
    order = [kind for kinds in KINDS.values() for kind in kinds]
    return {kind: _REGISTRY[kind] for kind in order if kind in _REGISTRY}


def settings_text(item: Detector) -> str:
    """The settings of a detector with defaults, units and meanings, as they stand in aqa.toml."""
    fields = dataclasses.fields(item.settings)
    if not fields:
        return "No settings.\n"
    lines = [f"Settings, under [detectors.{item.kind}] in aqa.toml:"]
    for f in fields:
        lines.append(f"  {f.name} = {f.default}    # {f.metadata['unit']}: {f.metadata['meaning']}")
    return "\n".join(lines) + "\n"
