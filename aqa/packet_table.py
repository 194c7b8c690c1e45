"""Packets as rows of a table, whatever file it stands in: the columns, their units, and the way to records.

| column | meaning |
|---|---|
| time | arrival: RFC 3339 with a zone, or seconds of UTC since 1970 |
| ssrc | 0 to 4294967295, decimal or 0x... |
| sequence | RTP sequence number; extended ones are taken modulo 65536 |
| timestamp | RTP timestamp; extended ones are taken modulo 2^32 |
| src, dst | optional: the flow, any text |
| payload_type | optional: 0 to 127 |
| marker | optional: 0, 1, true or false |
| payload_bytes | optional: bytes of RTP payload |
| level_dbov | optional: audio level, -127 to 0 (RFC 6464; written back as header extension 1) |
| codec | optional: "opus/48000/2" |

Each row becomes the header of an RTP packet; the payload is not there, only its length.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aqa.frames import BARE, Records
from aqa.model import Ints

if TYPE_CHECKING:
    import polars as pl

REQUIRED = ("time", "ssrc", "sequence", "timestamp")
TEXTS = ("src", "dst", "codec")
OPTIONAL = (*TEXTS, "payload_type", "marker", "payload_bytes", "level_dbov")
COLUMNS = (*REQUIRED, *OPTIONAL)
BATCH = 1 << 17
"""Rows looked at together."""
MAX_FLOWS = 1 << 16
_FIRST_DYNAMIC = 96
_NO_LEVEL = 1  # beside -127 to 0
_RANGES = {
    "time": (-(2**62), 2**62, "a time (RFC 3339 with a zone, or seconds since 1970)"),
    "ssrc": (0, 2**32 - 1, "an SSRC (0 to 4294967295, or 0x...)"),
    "sequence": (0, 2**53, "a sequence number"),
    "timestamp": (0, 2**53, "an RTP timestamp"),
    "payload_type": (0, 127, "a payload type (0 to 127)"),
    "marker": (0, 1, "a marker (0, 1, true or false)"),
    "payload_bytes": (0, 65_535, "a number of bytes (0 to 65535)"),
    "level_dbov": (-127, 0, "an audio level (-127 to 0 dBov)"),
}


class RowError(Exception):
    """A row that can't be used: its index in the batch, and what is wrong with which column."""

    def __init__(self, row: int, text: str) -> None:
        super().__init__(text)
        self.row = row


@dataclass
class State:
    """What goes on from batch to batch: flows, and payload types given to codecs."""

    flows: list[tuple[str, str]] = field(default_factory=list)
    codecs: dict[int, str] = field(default_factory=dict)
    _flow_of: dict[tuple[str, str], int] = field(default_factory=dict)
    _type_of: dict[str, int] = field(default_factory=dict)

    def flow(self, ends: tuple[str, str]) -> int:
        """Index of a flow, -1 once there are too many."""
        if ends not in self._flow_of and len(self.flows) < MAX_FLOWS:
            self._flow_of[ends] = len(self.flows)
            self.flows.append(ends)
        return self._flow_of.get(ends, -1)

    def type_of(self, codec: str) -> int:
        """The payload type that stands for a codec where the table has none."""
        if codec not in self._type_of:
            self._type_of[codec] = min(_FIRST_DYNAMIC + len(self._type_of), 127)
            if codec:
                self.codecs.setdefault(self._type_of[codec], codec)
        return self._type_of[codec]


def missing(names: Iterable[str]) -> list[str]:
    """Required columns that are not among `names`."""
    there = set(names)
    return [name for name in REQUIRED if name not in there]


def records(frame: "pl.DataFrame", state: State) -> Records:
    """The rows of one batch as bare packets; RowError for the first row that can't be used."""
    numbers = {name: _numbers(frame, name) for name in _RANGES if name in frame.columns}
    texts = {name: _texts(frame, name) for name in TEXTS if name in frame.columns}
    kinds = _kinds(numbers.get("payload_type"), texts.get("codec"), state, frame.height)
    which = _flows(texts, state, frame.height)
    raw = _headers(numbers, kinds)
    payload = np.maximum(numbers.get("payload_bytes", np.zeros(frame.height, np.int64)), 0)
    keep = which >= 0
    size = raw.shape[1]
    offset = (np.arange(frame.height) * size)[keep]
    return Records(
        raw.reshape(-1), offset, np.full(len(offset), size, np.int64), size + payload[keep], BARE + which[keep],
        numbers["time"][keep], tuple(state.flows),
    )  # fmt: skip


def _numbers(frame: "pl.DataFrame", name: str) -> Ints:
    """A column as integers (time in ns); an optional one that is empty gives 0, a level `_NO_LEVEL`."""
    import polars as pl  # noqa: PLC0415 - slow to import, and few logs are tables

    column = frame[name]
    if name == "time":
        values = _time_ns(column)
    elif column.dtype == pl.String:
        values = _integers(column)
    else:
        values = column.cast(pl.Int64, strict=False)
    low, high, what = _RANGES[name]
    bad = ~values.is_between(low, high).fill_null(False)
    if name not in REQUIRED:
        bad &= ~(column.is_null() | (column.cast(pl.String, strict=False).str.strip_chars() == ""))
    if bad.any():
        row = int(bad.arg_true()[0])
        raise RowError(row, f"column {name}: {column[row]!r} is not {what}")
    return np.asarray(values.fill_null(_NO_LEVEL if name == "level_dbov" else 0).to_numpy(), np.int64)


def _integers(column: "pl.Series") -> "pl.Series":
    """Text as integers: decimal, 0x..., true and false; null where it is none of them."""
    import polars as pl  # noqa: PLC0415

    text = column.str.strip_chars().str.to_lowercase()
    text = text.replace(["true", "false"], ["1", "0"]).str.replace(
        r"^(-?\d+)\.0+$", "$1"
    )  # tools that know no integers
    plain = text.str.to_integer(strict=False, dtype=pl.Int64)
    hexed = text.str.starts_with("0x").fill_null(False)
    if not hexed.any():
        return plain
    digits = text.str.strip_prefix("0x").str.to_integer(base=16, strict=False, dtype=pl.Int64)
    return plain.zip_with(~hexed, digits)


def _time_ns(column: "pl.Series") -> "pl.Series":
    """Times as nanoseconds since 1970; null where they can't be read."""
    import polars as pl  # noqa: PLC0415

    if column.dtype.is_temporal():
        return column.cast(pl.Datetime("ns"), strict=False).cast(pl.Int64)
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        seconds = text.cast(pl.Float64, strict=False)
        stamped = text.str.to_datetime("%+", time_unit="ns", time_zone="UTC", strict=False).cast(pl.Int64)
        return stamped.zip_with(stamped.is_not_null(), _seconds_ns(seconds))
    return _seconds_ns(column.cast(pl.Float64, strict=False))


def _seconds_ns(seconds: "pl.Series") -> "pl.Series":
    """Whole and broken seconds apart: a double of ns would lose what the double of seconds still has."""
    import polars as pl  # noqa: PLC0415

    fine = seconds.is_finite() & (seconds.abs() < 4e9)
    whole = seconds.floor()
    parts = ((seconds - whole) * 1e9).round().cast(pl.Int64, strict=False)
    both = whole.cast(pl.Int64, strict=False) * 1_000_000_000 + parts
    return both.zip_with(fine.fill_null(False), pl.Series([None], dtype=pl.Int64).new_from_index(0, len(both)))


def _texts(frame: "pl.DataFrame", name: str) -> list[str]:
    import polars as pl  # noqa: PLC0415

    return [str(item) for item in frame[name].cast(pl.String, strict=False).fill_null("").to_list()]


def _flows(texts: dict[str, list[str]], state: State, height: int) -> Ints:
    """The flow of each row."""
    none = [""] * height
    pairs = zip(texts.get("src", none), texts.get("dst", none), strict=True)
    return np.fromiter((state.flow(pair) for pair in pairs), np.int64, height)


def _kinds(given: Ints | None, codec: list[str] | None, state: State, height: int) -> Ints:
    """Payload type of each row: as given, else one for each codec, else the first dynamic one."""
    if codec is None:
        return np.full(height, _FIRST_DYNAMIC, np.int64) if given is None else given
    if given is None:
        return np.fromiter((state.type_of(name) for name in codec), np.int64, height)
    for kind, name in zip(given.tolist(), codec, strict=True):
        if name:
            state.codecs.setdefault(kind, name)
    return given


def _headers(numbers: dict[str, Ints], kinds: Ints) -> NDArray[np.uint8]:
    """RTP headers (RFC 3550 5.1), one a row; with a level, the one-byte extension of RFC 8285 4.2 and RFC 6464 3."""
    level = numbers.get("level_dbov")
    out = np.zeros((len(kinds), 12 if level is None else 20), np.uint8)
    out[:, 0] = 0x80 if level is None else 0x90
    out[:, 1] = kinds | (numbers.get("marker", np.zeros_like(kinds)) << 7)
    for name, at, size in (("sequence", 2, 2), ("timestamp", 4, 4), ("ssrc", 8, 4)):
        for i in range(size):
            out[:, at + i] = numbers[name] >> (8 * (size - 1 - i)) & 255
    if level is not None:
        out[:, 12:16] = (0xBE, 0xDE, 0, 1)
        out[:, 16] = np.where(level == _NO_LEVEL, 0, 0x10)  # id 1, one byte; or padding alone
        out[:, 17] = np.where(level == _NO_LEVEL, 0, -level)
    return out


def frame_of(rows: list[dict[str, Any]]) -> "pl.DataFrame":
    """Rows of mixed values (numbers, texts) as a frame of texts, which `records` reads alike."""
    import polars as pl  # noqa: PLC0415

    names = [name for name in COLUMNS if any(name in row for row in rows)]
    texts = {name: [None if row.get(name) is None else str(row[name]) for row in rows] for name in names}
    return pl.DataFrame(texts, schema=dict.fromkeys(names, pl.String))
