"""Packets as CSV with a header: one row a packet; `aqa/packet_table.py` has the columns.

UTF-8, commas, optional quotes, no line break inside a field; columns of other names are left out. A header names at
least time, ssrc, sequence and timestamp.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from aqa.chunks import CHUNK_BYTES, DamagedError, Piece, pieces
from aqa.frames import Records
from aqa.model import InputError
from aqa.packet_table import COLUMNS, RowError, State, missing, records

if TYPE_CHECKING:
    import polars as pl

MAX_LINE = 1 << 16
_BOM = b"\xef\xbb\xbf"


def sniff(head: bytes) -> bool:
    """Whether a file that begins with `head` is such a table."""
    line, end, _ = head.removeprefix(_BOM).partition(b"\n")
    names = _names(line)
    return not missing(names if end else names[:-1])  # without an end, the last name may be cut


def _names(line: bytes) -> list[str]:
    try:
        row = next(csv.reader([line.decode("utf-8", "replace").strip("\r\n")]), [])
    except csv.Error:
        return []
    return [name.strip().lower() for name in row]


def _header(piece: Piece, path: Path) -> list[str] | None:
    """The names of the columns, taken off `piece`; None if more bytes are needed."""
    raw = piece.data[:MAX_LINE].tobytes()
    end = raw.find(b"\n")
    if end < 0 and not piece.last and len(raw) < MAX_LINE:
        return None
    if end < 0 and len(raw) == MAX_LINE:
        raise InputError(
            f"{path}: line 1: a header of more than {MAX_LINE} bytes; leave out columns that are not used"
        )
    line = raw[: end if end >= 0 else len(raw)]
    piece.used = len(line) + 1 if end >= 0 else len(piece.data)
    names = _names(line.removeprefix(_BOM))
    lacks = missing(names)
    twice = sorted({name for name in names if name in COLUMNS and names.count(name) > 1})
    if lacks or twice:
        what = f"lacks {', '.join(lacks)}" if lacks else f"has {', '.join(twice)} twice"
        raise InputError(f"{path}: line 1: the header {what}; name each column once")
    return names


def _frame(raw: bytes, names: list[str]) -> "pl.DataFrame":
    """Rows as texts. ValueError where they are no CSV of these columns."""
    import polars as pl  # noqa: PLC0415 - slow to import, and few logs are tables

    unique = [name if name in COLUMNS else f"_{i}" for i, name in enumerate(names)]
    try:
        frame = pl.read_csv(io.BytesIO(raw), has_header=False, infer_schema=False, new_columns=unique)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ValueError(str(error).splitlines()[0] if str(error) else type(error).__name__) from error
    return frame.select([name for name in unique if name in COLUMNS])


def _first_bad(raw: bytes, names: list[str]) -> tuple[int, str]:
    """Lines before the first that is no row, and what is wrong with it."""
    lines = raw.splitlines(keepends=True)
    for index, line in enumerate(lines):
        try:
            row = next(csv.reader([line.decode("utf-8").rstrip("\r\n")], strict=True), [])
        except (csv.Error, UnicodeDecodeError) as error:
            return index, str(error)
        if len(row) > len(names):
            return index, f"{len(row)} fields for {len(names)} columns"
    return 0, "rows that can't be told apart"


def _parts(raw: bytes, names: list[str], state: State) -> Iterator[Records | tuple[int, str]]:
    """The records of whole lines; then, where a line stops it, its index and what is wrong."""
    trouble: tuple[int, str] | None = None
    frame: pl.DataFrame | None
    try:
        frame = _frame(raw, names)
    except ValueError:
        trouble = _first_bad(raw, names)
        raw = b"".join(raw.splitlines(keepends=True)[: trouble[0]])
        frame = _frame(raw, names) if raw.strip() else None
    if frame is not None:
        frame = frame.with_row_index("line")
        rows = frame.filter(frame["time"].is_not_null() | frame["ssrc"].is_not_null())
        try:
            yield records(rows, state)
        except RowError as error:
            yield records(rows.head(error.row), state)
            trouble = int(rows["line"][error.row]), str(error)
    if trouble:
        yield trouble


def read(path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Records]:
    """The rows of a table as packets, a batch at a time; `aqa.chunks.DamagedError` at the first that is none.

    InputError where the header lacks a column.
    """
    names: list[str] | None = None
    state, line = State(), 2
    for piece in pieces(path, chunk_bytes=chunk_bytes, longest=MAX_LINE):
        if names is None:
            names = _header(piece, path)
        if names is None:
            continue
        rest = piece.data[piece.used :].tobytes()
        whole = rest if piece.last else rest[: rest.rfind(b"\n") + 1]
        for part in _parts(whole, names, state) if whole.strip() else ():
            if isinstance(part, Records):
                yield part
            else:
                raise DamagedError(f"line {line + part[0]}: {part[1]}; correct it, rows before it are used")
        line += whole.count(b"\n")
        piece.used += len(whole)


def codecs(path: Path) -> dict[int, str]:
    """Codecs by payload type as the first rows name them; empty where they can't be read."""
    state = State()
    names: list[str] | None = None
    for piece in pieces(path, longest=MAX_LINE):
        try:
            names = _header(piece, path)
        except InputError:
            return {}
        if names is not None:
            raw = piece.data[piece.used :].tobytes()
            list(_parts(raw[: raw.rfind(b"\n") + 1], names, state))
            break
    return state.codecs
