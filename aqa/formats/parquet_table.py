"""Packets as Parquet: one row a packet; `aqa/packet_table.py` has the columns, times may be timestamps (UTC)."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from aqa.chunks import CHUNK_BYTES, DamagedError
from aqa.frames import Records
from aqa.model import InputError
from aqa.packet_table import BATCH, COLUMNS, RowError, State, missing, records

if TYPE_CHECKING:
    import polars as pl

_ROW_BYTES = 32  # what a row takes of a batch, about


def sniff(head: bytes) -> bool:
    """Whether a file that begins with `head` is Parquet; which columns it has stands at its end."""
    return head.startswith(b"PAR1")


def _open(path: Path) -> "pl.LazyFrame":
    """The table's known columns. InputError where it is damaged or no table of packets."""
    import polars as pl  # noqa: PLC0415 - slow to import, and few logs are tables

    try:
        table = pl.scan_parquet(path)
        names = table.collect_schema().names()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise InputError(f"{path}: its Parquet footer can't be read ({_short(error)}); write it again") from error
    lacks = missing(names)
    if lacks:
        raise InputError(f"{path}: no table of packets: it lacks {', '.join(lacks)}; add them or leave it out")
    return table.select([name for name in names if name in COLUMNS])


def _short(error: BaseException) -> str:
    return str(error).split("\n", 1)[0] or type(error).__name__


def read(path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Records]:
    """The rows of a table as packets, a batch at a time; `aqa.chunks.DamagedError` at the first that is none.

    InputError where it lacks a column or its footer is damaged.
    """
    import polars as pl  # noqa: PLC0415

    table, state, at = _open(path), State(), 0
    rows = max(1, min(BATCH, chunk_bytes // _ROW_BYTES))
    while True:
        try:
            frame = table.slice(at, rows).collect()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise DamagedError(f"row {at + 1}: damaged ({_short(error)}); write the table again") from error
        if not frame.height:
            return
        try:
            yield records(frame, state)
        except RowError as error:
            yield records(frame.head(error.row), state)
            raise DamagedError(f"row {at + error.row + 1}: {error}; correct it, rows before it are used") from error
        at += frame.height


def codecs(path: Path) -> dict[int, str]:
    """Codecs by payload type as the first rows name them; empty where they can't be read."""
    state = State()
    try:
        records(_open(path).head(BATCH).collect(), state)
    except (InputError, RowError):
        return {}
    return state.codecs
