"""The store: `data/<table>/<event_id>.parquet`, each file whole or absent, the one in `events` written last.

An event is in the store if and only if its file in `events` is there. Every file is sorted and compressed with
zstd, so that the same input and settings give the same bytes.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from aqa import channel_tables
from aqa.event_model import Analysis, EventRow, HistoryRow
from aqa.files import write
from aqa.model import Finding, InputError, SecondRow
from aqa.sound_model import RecordingRow, Track
from aqa.stream_model import StreamRow
from aqa.tables import frame

Row = TypeVar("Row")
LEVEL = 9  # of zstd: 6 % smaller than 3 at no time that can be told
ROW_GROUP = 60_000  # rows: ten minutes of a track; what is held while writing


class Store:
    """The tables of all events below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _path(self, table: str, event_id: str) -> Path:
        return self.root / table / f"{event_id}.parquet"

    def _write(self, table: str, event_id: str, content: pl.LazyFrame) -> None:
        """One table of one event, written as a stream: 12 hours of a track are 4 million rows."""
        options: dict[str, Any] = {
            "compression": "zstd",
            "compression_level": 9,
            "statistics": False,
            "row_group_size": ROW_GROUP,
        }
        write(self._path(table, event_id), lambda file: content.sink_parquet(file, maintain_order=True, **options))

    def events(self) -> list[EventRow]:
        """Every event in the store, by start and id."""
        rows = [
            row for path in sorted((self.root / "events").glob("*.parquet")) for row in _rows(EventRow, _read(path))
        ]
        return sorted(rows, key=lambda row: (row.start_utc or "", row.event_id))

    def event(self, event_id: str) -> EventRow | None:
        """One event, or None if it is not in the store (or its file can't be read)."""
        path = self._path("events", event_id)
        try:
            return _rows(EventRow, _read(path))[0] if path.is_file() else None
        except (InputError, IndexError):
            return None

    def table(self, table: str, event_id: str) -> pl.DataFrame:
        """One table of one event."""
        return _read(self._path(table, event_id))

    def analysis(self, event_id: str) -> Analysis:
        """All of one event that reports need; InputError when it is not in the store."""
        event = self.event(event_id)
        if event is None:
            known = ", ".join(row.event_id for row in self.events()[:10]) or "none"
            raise InputError(f"{self.root}: no event {event_id!r} in the store; there are: {known}")
        return Analysis(
            event=event,
            recordings=tuple(_rows(RecordingRow, self.table("recordings", event_id))),
            streams=tuple(_rows(StreamRow, self.table("streams", event_id))),
            findings=tuple(_rows(Finding, self.table("findings", event_id))),
            seconds=tuple(_rows(SecondRow, self.table("seconds", event_id))),
            peaks_dbfs=channel_tables.peaks_dbfs(self._path("series", event_id)),
            history=self._history(event_id),
        )

    def _history(self, event_id: str) -> tuple[HistoryRow, ...]:
        """The event's own series; none for an event that was stored before there was this table."""
        if not self._path("history", event_id).is_file():
            return ()
        return tuple(_rows(HistoryRow, self.table("history", event_id)))

    def write(self, analysis: Analysis, tracks: Mapping[str, Sequence[Track]]) -> None:
        """Write every table of an event, the events table last; `tracks` are its channels by recording."""
        event_id = analysis.event.event_id
        self._path("events", event_id).unlink(missing_ok=True)  # until all is whole again, it is not in the store
        tables = {
            "recordings": frame("recordings", analysis.recordings),
            "streams": frame("streams", analysis.streams),
            "findings": frame("findings", analysis.findings),
            "seconds": frame("seconds", analysis.seconds),
            "history": frame("history", analysis.history),
            "runs": channel_tables.runs(tracks),
        }
        for table, content in tables.items():
            self._write(table, event_id, content.lazy())
        self._write("series", event_id, channel_tables.series(tracks))
        self._write("measures", event_id, channel_tables.measures(tracks))
        self._write("events", event_id, frame("events", [analysis.event]).lazy())


def _read(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path}: not a readable table ({error}); analyse the event again with --force") from error


def _rows(record: type[Row], content: pl.DataFrame) -> list[Row]:
    names = {f.name for f in dataclasses.fields(record)}  # type: ignore[arg-type]
    return [record(**{k: v for k, v in row.items() if k in names}) for row in content.iter_rows(named=True)]
