"""Packets as JSON lines: one object a packet; `aqa/packet_table.py` has the columns, other keys are left out."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from aqa.chunks import CHUNK_BYTES, DamagedError, pieces
from aqa.frames import Records
from aqa.packet_table import BATCH, COLUMNS, RowError, State, frame_of, missing, records

MAX_LINE = 1 << 16
_KEY = re.compile(rb'"(\w+)"\s*:')
_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_value = msgspec.json.Decoder(str | int | float | bool | None)


def sniff(head: bytes) -> bool:
    """Whether a file that begins with `head` is such a table: its first object has the required keys at its top."""
    line, end, _ = head.lstrip().partition(b"\n")
    if not line.startswith(b"{"):
        return False
    if not end and not line.rstrip().endswith(b"}"):  # the head ends inside a long object
        return not missing(key.decode("ascii") for key in _KEY.findall(line)) and b"{" not in line[1:]
    try:
        names = _decoder.decode(line)
        return not missing(names) and "sequenceNumber" not in names  # which is Jitsi's
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False


def _row(line: bytes) -> dict[str, Any]:
    """The columns of one line; ValueError where it is none."""
    try:
        row = {key: _value.decode(raw) for key, raw in _decoder.decode(line).items() if key in COLUMNS}
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
    lacks = missing(row)
    if lacks:
        raise ValueError(f"column {lacks[0]} is missing")
    return row


def _rows(raw: bytes) -> tuple[list[tuple[int, dict[str, Any]]], tuple[int, str] | None]:
    """Index and columns of each line up to the first that is no packet; index of that and what is wrong."""
    rows = []
    for index, line in enumerate(raw.split(b"\n")):
        if not line.strip():
            continue
        try:
            rows.append((index, _row(line)))
        except ValueError as error:
            return rows, (index, str(error))
    return rows, None


def _parts(raw: bytes, state: State) -> Iterator[Records | tuple[int, str]]:
    """The records of whole lines; then, where a line stops it, its index and what is wrong."""
    rows, trouble = _rows(raw)
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        frame = frame_of([row for _, row in batch])
        try:
            yield records(frame, state)
        except RowError as error:
            if error.row:
                yield records(frame.head(error.row), state)
            yield batch[error.row][0], str(error)
            return
    if trouble:
        yield trouble


def read(path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Records]:
    """The rows of a table as packets, a batch at a time; `aqa.chunks.DamagedError` at the first that is none."""
    state, line = State(), 1
    for piece in pieces(path, chunk_bytes=chunk_bytes, longest=MAX_LINE):
        raw = piece.data.tobytes()
        whole = raw if piece.last else raw[: raw.rfind(b"\n") + 1]
        for part in _parts(whole, state):
            if isinstance(part, Records):
                yield part
            else:
                raise DamagedError(f"line {line + part[0]}: {part[1]}; correct it, rows before it are used")
        line += whole.count(b"\n")
        piece.used = len(whole)


def codecs(path: Path) -> dict[int, str]:
    """Codecs by payload type as the first rows name them."""
    state = State()
    for piece in pieces(path, longest=MAX_LINE):
        raw = piece.data.tobytes()
        list(_parts(raw[: raw.rfind(b"\n") + 1], state))
        break
    return state.codecs
