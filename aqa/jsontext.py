"""JSON from files nobody vouches for: line by line or as one bounded document, with what writers get wrong.

Read as they are meant: a byte order mark, NaN and Infinity (Python writes them), numbers beyond a double, bytes
that are no UTF-8, a key given twice (the last one holds, RFC 8259 4). Refused: nesting deeper than the stack holds,
documents above a limit. Everything is data; nothing is run.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from aqa.chunks import DamagedError, pieces
from aqa.model import InputError

MOST_BYTES = 256 << 20  # of one document: browsers' own dumps of a day-long call stay below 200 MB
MOST_VALUES = 30_000_000  # in it, for each costs 60 bytes or more: what is held stays near 2 GB
LONGEST_LINE = 16 << 20
BOM = b"\xef\xbb\xbf"


def parse(raw: bytes) -> Any:
    """The value in `raw`; ValueError, saying why in a few words, when it is no JSON."""
    try:
        return msgspec.json.decode(raw)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _lenient(raw)


def _lenient(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8", "replace"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except ValueError as error:
        raise ValueError(str(error)[:100]) from error


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Number (from 1) and text of each line that is not blank; DamagedError where reading has to stop."""
    number = 0
    for piece in pieces(path, longest=LONGEST_LINE):
        data = piece.data.tobytes()
        if piece.position == 0 and data.startswith(BOM):
            data = b"   " + data[3:]
        end = len(data) if piece.last else data.rfind(b"\n") + 1
        piece.used = end
        for line in data[:end].splitlines():
            number += 1
            if line.strip():
                yield number, line.strip()


def document(path: Path, name: str) -> Any:
    """The one value in a file; InputError when it is none, or too large to hold."""
    whole = bytearray()
    try:
        for piece in pieces(path):
            whole += piece.data.tobytes()
            piece.used = len(piece.data)
            if len(whole) > MOST_BYTES:
                limit = f"more than {MOST_BYTES >> 20} MB of JSON in one piece"
                raise InputError(f"{name}: at byte {len(whole)}: {limit}; split it, or export JSON lines")
    except DamagedError as error:
        raise InputError(f"{name}: {error}") from error
    if whole.count(b",") + whole.count(b"[") + whole.count(b"{") > MOST_VALUES:
        raise InputError(f"{name}: more than {MOST_VALUES} values in one document; split it, or export JSON lines")
    try:
        return parse(bytes(whole).removeprefix(BOM))
    except ValueError as error:
        raise InputError(f"{name}: no whole JSON document ({error}); export it again") from error


def number(value: Any) -> float:
    """A finite number from a number or its text; NaN from anything else."""
    if type(value) is float and math.isfinite(value):  # most of them
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        found = float(value if not isinstance(value, str) else value[:64])
    except (ValueError, OverflowError):
        return math.nan
    return found if math.isfinite(found) else math.nan
