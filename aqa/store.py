"""The store: `data/<table>/<event_id>.parquet`, each file whole or absent, the one in `events` written last.

An event is in the store if and only if its file in `events` is there. Every file is sorted and compressed with
zstd, so that the same input and settings give the same bytes.
"""

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl

from aqa.files import write
from aqa.model import (
    TABLES,
    Analysis,
    Candidates,
    EventRow,
    Finding,
    Floats,
    HistoryRow,
    InputError,
    RecordingRow,
    SecondRow,
    StreamRow,
    Track,
)

Row = TypeVar("Row")
ROW_GROUP = 60_000  # rows: ten minutes of a track; what is held while writing
_DTYPES: dict[Any, Any] = {str: pl.String, int: pl.Int64, float: pl.Float64, bool: pl.Boolean}
_NARROW: dict[str, dict[str, Any]] = {
    "series": {
        "recording": pl.Categorical,
        "channel": pl.UInt8,
        "hop": pl.UInt32,
        "level_dbfs": pl.Float32,
        "peak_dbfs": pl.Float32,
    },
    "runs": {
        "recording": pl.Categorical,
        "channel": pl.UInt8,
        "columns": pl.Categorical,
        "features": pl.List(pl.Float32),
    },
    "measures": {
        "recording": pl.Categorical,
        "channel": pl.UInt8,
        "name": pl.Categorical,
        "columns": pl.Categorical,
        "row": pl.UInt32,
        "values": pl.List(pl.Float32),
    },
}  # keeps a track-hour below 5 MB


def schema(table: str) -> dict[str, Any]:
    """Column names and polars types of a table, in the order of its record."""
    hints = typing.get_type_hints(TABLES[table])
    return {
        f.name: _NARROW.get(table, {}).get(f.name) or _dtype(hints[f.name]) for f in dataclasses.fields(TABLES[table])
    }


def _dtype(hint: Any) -> Any:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
    if typing.get_origin(hint) is typing.Literal:
        hint = str
    return _DTYPES[hint]


def frame(table: str, rows: Iterable[Any]) -> pl.DataFrame:
    """Rows (records of the table) as a data frame with the table's columns."""
    kept = list(rows)
    return pl.DataFrame({name: [getattr(row, name) for row in kept] for name in schema(table)}, schema=schema(table))


class Store:
    """The tables of all events below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _path(self, table: str, event_id: str) -> Path:
        return self.root / table / f"{event_id}.parquet"

    def _write(self, table: str, event_id: str, content: pl.LazyFrame) -> None:
        """One table of one event, written as a stream: 12 hours of a track are 4 million rows."""
        options: dict[str, Any] = {"compression": "zstd", "statistics": False, "row_group_size": ROW_GROUP}
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
            peaks_dbfs=_peaks(self._path("series", event_id)),
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
            "runs": _runs(tracks),
        }
        for table, content in tables.items():
            self._write(table, event_id, content.lazy())
        self._write("series", event_id, _series(tracks))
        self._write("measures", event_id, _measures(tracks))
        self._write("events", event_id, frame("events", [analysis.event]).lazy())


def _read(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path}: not a readable table ({error}); analyse the event again with --force") from error


def _rows(record: type[Row], content: pl.DataFrame) -> list[Row]:
    names = {f.name for f in dataclasses.fields(record)}  # type: ignore[arg-type]
    return [record(**{k: v for k, v in row.items() if k in names}) for row in content.iter_rows(named=True)]


def _series(tracks: Mapping[str, Sequence[Track]]) -> pl.LazyFrame:
    """The table `series`, made while it is written."""
    empty = pl.LazyFrame(schema=schema("series"))
    parts = [
        pl.LazyFrame({"level_dbfs": track.level_dbfs, "peak_dbfs": track.peak_dbfs}).select(
            recording=pl.lit(recording).cast(pl.Categorical),
            channel=pl.lit(track.channel, dtype=pl.UInt8),
            hop=pl.int_range(pl.len(), dtype=pl.UInt32),
            level_dbfs=pl.col("level_dbfs").fill_nan(None),
            peak_dbfs=pl.col("peak_dbfs").fill_nan(None),
        )
        for recording, channels in sorted(tracks.items())
        for track in channels
    ]
    return pl.concat([empty, *parts])


def _measures(tracks: Mapping[str, Sequence[Track]]) -> pl.LazyFrame:
    """The table `measures`: the slower series of every channel."""
    empty = pl.LazyFrame(schema=schema("measures"))
    parts = [
        pl.LazyFrame({"values": one.values.astype(np.float32)}, schema={"values": pl.List(pl.Float32)}).select(
            recording=pl.lit(recording).cast(pl.Categorical),
            channel=pl.lit(track.channel, dtype=pl.UInt8),
            name=pl.lit(name).cast(pl.Categorical),
            columns=pl.lit(" ".join(one.columns)).cast(pl.Categorical),
            hop_s=pl.lit(one.hop_s),
            row=pl.int_range(pl.len(), dtype=pl.UInt32),
            values="values",
        )
        for recording, channels in sorted(tracks.items())
        for track in channels
        for name, one in sorted(track.series.items())
    ]
    return pl.concat([empty, *parts])


def _runs(tracks: Mapping[str, Sequence[Track]]) -> pl.DataFrame:
    """The table `runs`: runs and candidates of every channel."""
    parts = [pl.DataFrame(schema=schema("runs"))]
    for recording, channels in sorted(tracks.items()):
        for track in channels:
            own = [pl.DataFrame({f.name: getattr(track.runs, f.name) for f in dataclasses.fields(track.runs)})]
            own += [_candidates(kind, runs) for kind, runs in sorted(track.candidates.items())]
            named = {"recording": pl.lit(recording), "channel": pl.lit(track.channel)}
            columns = pl.concat(own, how="diagonal").with_columns(**named)
            empty = {name: pl.lit(None) for name in schema("runs") if name not in columns.columns}
            part = columns.with_columns(**empty).select(list(schema("runs"))).cast(dict(schema("runs")))  # type: ignore[arg-type]
            parts.append(part.sort("start_sample", "end_sample", "kind"))
    return pl.concat(parts)


def _candidates(kind: str, runs: Candidates) -> pl.DataFrame:
    """The candidates of one kind as rows of the table `runs`."""
    return pl.DataFrame(
        {
            "start_sample": runs.start_sample,
            "end_sample": runs.end_sample,
            "features": runs.features.astype(np.float32),
        },
        schema_overrides={"features": pl.List(pl.Float32)},
    ).with_columns(kind=pl.lit(kind), columns=pl.lit(" ".join(runs.columns)))


def _peaks(path: Path) -> dict[str, Floats]:
    """Peaks of each recording's loudest channel, one channel in memory at a time (12 hours are 4 million hops)."""
    peaks: dict[str, Floats] = {}
    series = pl.scan_parquet(path)
    channels = series.select("recording", "channel").unique().sort("recording", "channel").collect()
    for recording, channel in channels.iter_rows():
        own = series.filter((pl.col("recording") == recording) & (pl.col("channel") == channel))
        values = own.sort("hop").select("peak_dbfs").collect()["peak_dbfs"].fill_null(np.nan).to_numpy()
        before = peaks.get(recording, np.zeros(0, np.float32))
        longer, shorter = (before, values) if len(before) > len(values) else (values, before)
        peaks[recording] = np.array(longer)
        peaks[recording][: len(shorter)] = np.fmax(shorter, longer[: len(shorter)])
    return dict(sorted(peaks.items()))
