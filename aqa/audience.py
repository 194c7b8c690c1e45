"""How many listened when, by the table `history`; a room that has closed has none."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from aqa.event_model import Analysis
from aqa.model import Doubles, utc_ns
from aqa.whole import Values

Rooms = tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class Audience:
    """Listeners over time: one series a room ("" where none is named), each up to the room's closing."""

    series: tuple[tuple[str, Values], ...]
    rooms: Rooms

    @classmethod
    def of(cls, analysis: Analysis) -> "Audience":
        """That of an event."""
        by_room: dict[str, list[tuple[float, float]]] = {}
        for row in analysis.history:
            if row.series == "listeners" and row.value is not None:
                by_room.setdefault(row.place or "", []).append((row.time_s, row.value))
        series = []
        for room, points in sorted(by_room.items()):
            points.sort()
            series.append((room, Values(np.array([a for a, _ in points]), np.array([b for _, b in points]))))
        return cls(tuple(series), cls.rooms_of(analysis))

    @staticmethod
    def rooms_of(analysis: Analysis) -> Rooms:
        """Id, opening and closing of each room in event seconds; the event's end where it was not closed."""
        event = analysis.event
        if event.start_utc is None:
            return ()
        zero = utc_ns(datetime.fromisoformat(event.start_utc))

        def second(text: str | None, default: float) -> float:
            return (utc_ns(datetime.fromisoformat(text)) - zero) / 1e9 if text else default

        told = [(room["id"], room["opened"], room["closed"]) for room in json.loads(event.rooms)]
        return tuple((name, second(a, 0.0), second(b, event.duration_s)) for name, a, b in told)

    @property
    def told(self) -> bool:
        """Whether listeners were measured at all."""
        return bool(self.series)

    @cached_property
    def _closed(self) -> dict[str, float]:
        return {name: closed for name, _, closed in self.rooms}

    def at(self, seconds: Doubles) -> Doubles:
        """Listeners of all rooms at each second; 0 where none was told of."""
        total = np.zeros(len(seconds))
        for room, series in self.series:
            total += self.of_room(room, series, seconds)
        return total

    def of_room(self, room: str, series: Values, seconds: Doubles) -> Doubles:
        """Those of one room; 0 before the first point and once it has closed."""
        value = np.nan_to_num(np.asarray(series.at(seconds), np.float64))
        return np.where(seconds < self._closed.get(room, np.inf), value, 0.0)

    def most(self, start_s: float, end_s: float) -> float | None:
        """The most listeners in an interval; None where they were not measured."""
        if not self.told or end_s < min(series.time_s[0] for _, series in self.series):
            return None
        times = [series.time_s for _, series in self.series]
        inside = [part[(part >= start_s) & (part <= end_s)] for part in times]
        return float(self.at(np.concatenate([[start_s], *inside])).max())
