"""Tables as data frames: the polars type of every column, and records as rows."""

import dataclasses
import types
import typing
from collections.abc import Iterable
from typing import Any

import polars as pl

from aqa.event_model import TABLES

_DTYPES: dict[Any, Any] = {str: pl.String, int: pl.Int64, float: pl.Float64, bool: pl.Boolean}
_OF_A_CHANNEL = {"recording": pl.Categorical, "channel": pl.UInt8}
_NARROW: dict[str, dict[str, Any]] = {
    "series": _OF_A_CHANNEL
    | {"second": pl.UInt32, "hop": pl.UInt8, "level_dbfs": pl.Float32, "peak_dbfs": pl.Float32},
    "runs": _OF_A_CHANNEL | {"columns": pl.Categorical, "features": pl.List(pl.Float32)},
    "measures": _OF_A_CHANNEL
    | {"name": pl.Categorical, "column": pl.Categorical, "row": pl.UInt32, "values": pl.List(pl.Float32)},
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
