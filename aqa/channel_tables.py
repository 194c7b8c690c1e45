"""What was measured of channels, as tables: `series`, `measures` and `runs`."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from aqa import clicks, dips
from aqa.model import HOP_S, Doubles, Floats
from aqa.sound_model import Candidates, Series, Track
from aqa.tables import schema

HOPS_PER_S = round(1 / HOP_S)
ROWS = 15_000  # of a slower series in one list: ten minutes of the fastest
LEAST_SCORE = -3.0  # log odds: what is less likely than 1 in 20 keeps its place, and what was measured of it goes
_SCORES: dict[str, Callable[[Track], Doubles]] = {"dip": dips.judged, "discontinuity": clicks.judged}

Channels = Mapping[str, Sequence[Track]]  # by recording


def series(tracks: Channels) -> pl.LazyFrame:
    """The table `series`, made while it is written: 12 hours of a channel are 4 million rows."""
    parts = [pl.LazyFrame(schema=schema("series"))]
    for recording, track in _each(tracks):
        hop = pl.int_range(pl.len(), dtype=pl.UInt32)
        levels = pl.LazyFrame({"level_dbfs": track.level_dbfs, "peak_dbfs": track.peak_dbfs})
        parts.append(
            levels.select(
                recording=pl.lit(recording).cast(pl.Categorical),
                channel=pl.lit(track.channel, dtype=pl.UInt8),
                second=hop // HOPS_PER_S,
                hop=(hop % HOPS_PER_S).cast(pl.UInt8),
                level_dbfs=pl.col("level_dbfs").fill_nan(None),
                peak_dbfs=pl.col("peak_dbfs").fill_nan(None),
            )
        )
    return pl.concat(parts)


def measures(tracks: Channels) -> pl.LazyFrame:
    """The table `measures`: the slower series of every channel, a column at a time."""
    parts = [pl.LazyFrame(schema=schema("measures"))]
    for recording, track in _each(tracks):
        named = {"recording": pl.lit(recording), "channel": pl.lit(track.channel)}
        parts += [_measure(name, one).with_columns(**named) for name, one in sorted(track.series.items())]
    narrow = schema("measures")
    return pl.concat(part.select(list(narrow)).cast(narrow) for part in parts)  # type: ignore[arg-type]


def _measure(name: str, one: Series) -> pl.LazyFrame:
    firsts = range(0, len(one.values), ROWS)
    cut = [one.values[row : row + ROWS, i].astype(np.float32) for i in range(len(one.columns)) for row in firsts]
    columns = [column for column in one.columns for _ in firsts]
    content = {"column": columns, "row": [*firsts] * len(one.columns), "values": cut}
    types: dict[str, Any] = {"column": pl.String, "row": pl.UInt32, "values": pl.List(pl.Float32)}
    return pl.LazyFrame(content, schema=types).with_columns(name=pl.lit(name), hop_s=pl.lit(one.hop_s))


def runs(tracks: Channels) -> pl.DataFrame:
    """The table `runs`: runs and candidates of every channel."""
    parts = [pl.DataFrame(schema=schema("runs"))]
    for recording, track in _each(tracks):
        own = [pl.DataFrame({f.name: getattr(track.runs, f.name) for f in dataclasses.fields(track.runs)})]
        own += [_candidates(kind, found, track) for kind, found in sorted(track.candidates.items())]
        named = {"recording": pl.lit(recording), "channel": pl.lit(track.channel)}
        columns = pl.concat(own, how="diagonal").with_columns(**named)
        empty = {name: pl.lit(None) for name in schema("runs") if name not in columns.columns}
        part = columns.with_columns(**empty).select(list(schema("runs"))).cast(dict(schema("runs")))  # type: ignore[arg-type]
        parts.append(part.sort("start_sample", "end_sample", "kind"))
    return pl.concat(parts)


def _candidates(kind: str, found: Candidates, track: Track) -> pl.DataFrame:
    """The candidates of one kind as rows of the table `runs`."""
    content = {
        "start_sample": found.start_sample,
        "end_sample": found.end_sample,
        "features": found.features.astype(np.float32),
    }
    types = {"features": pl.List(pl.Float32)}
    likely = pl.lit(_SCORES[kind](track) >= LEAST_SCORE if kind in _SCORES else True)
    features = pl.when(likely).then("features")
    columns = pl.when(likely).then(pl.lit(" ".join(found.columns)))
    return pl.DataFrame(content, schema_overrides=types).with_columns(
        kind=pl.lit(kind), columns=columns, features=features
    )


def peaks_dbfs(path: Path) -> dict[str, Floats]:
    """Peaks of each recording's loudest channel, one channel in memory at a time (12 hours are 4 million hops)."""
    peaks: dict[str, Floats] = {}
    table = pl.scan_parquet(path)
    channels = table.select("recording", "channel").unique().sort("recording", "channel").collect()
    for recording, channel in channels.iter_rows():
        own = table.filter((pl.col("recording") == recording) & (pl.col("channel") == channel))
        values = own.sort("second", "hop").select("peak_dbfs").collect()["peak_dbfs"].fill_null(np.nan).to_numpy()
        before = peaks.get(recording, np.zeros(0, np.float32))
        longer, shorter = (before, values) if len(before) > len(values) else (values, before)
        peaks[recording] = np.array(longer)
        peaks[recording][: len(shorter)] = np.fmax(shorter, longer[: len(shorter)])
    return dict(sorted(peaks.items()))


def _each(tracks: Channels) -> Iterator[tuple[str, Track]]:
    for recording, channels in sorted(tracks.items()):
        for track in channels:
            yield recording, track
