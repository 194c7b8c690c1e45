"""What is kept while a stats dump is read: which lines were no good, why reading stopped, what the dump lacks."""

from dataclasses import dataclass, field

from aqa.model import InputError
from aqa.reports import Collector
from aqa.stream_model import StatsLog

NOTHING = "no audio stream of a listener or speaker in it"


@dataclass
class Reading:
    """One dump being read."""

    name: str
    format: str
    collector: Collector
    read: int = 0
    notes: list[str] = field(default_factory=list)
    _bad: int = 0
    _first: str = ""
    _stopped: str = ""

    def good(self) -> None:
        """One more line, or part, that could be read."""
        self.read += 1

    def bad(self, line: int, why: str) -> None:
        """One line that can't be read: it costs only itself."""
        self._bad += 1
        self._first = self._first or f"line {line}: {why}"

    def stop(self, why: str) -> None:
        """Reading could not go on."""
        self._stopped = why

    def _warning(self) -> str | None:
        parts = []
        if self._bad:
            lines = "one line is" if self._bad == 1 else f"{self._bad} lines are"
            parts.append(f"{self._first}; {lines} left out, the rest is used")
        if self._stopped:
            parts.append(f"{self._stopped}; what stands before is used")
        return f"{self.name}: {'; '.join(parts)}" if parts else None

    def log(self) -> StatsLog:
        """What the dump holds; InputError when nothing of it could be read."""
        warning = self._warning()
        if not self.read:
            why = self._first or self._stopped or "it holds nothing"
            raise InputError(f"{self.name}: {why}; export the dump again")
        tracks = self.collector.tracks(self.name)
        notes = list(self.notes)
        if not notes and not any(track.direction == "received" for track in tracks):
            notes.append(NOTHING)
        return StatsLog(
            name=self.name,
            format=self.format,
            start_ns=min((int(track.time_ns[0]) for track in tracks), default=None),
            end_ns=max((int(track.time_ns[-1]) for track in tracks), default=None),
            tracks=tracks,
            warning=warning,
            notes=tuple(notes),
        )
