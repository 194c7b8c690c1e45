"""The event's own series: listeners.csv, load.csv, feedback.csv, operator.csv.

Times are RFC 3339. A line that can't be read costs itself, and is told with file, line and field.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from aqa.model import InputError, utc_ns

NAMES = ("listeners.csv", "load.csv", "feedback.csv", "operator.csv")
MOST_BYTES = 256 << 20
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


@dataclass(frozen=True)
class Point:
    """A number at a time: listeners of a room, or a metric of a node."""

    time_ns: int  # UTC
    where: str  # room or node; "" where the line names none
    metric: str
    value: float


@dataclass(frozen=True)
class Line:
    """What somebody said: a complaint, or an entry of the operator log."""

    time_ns: int
    who: str
    room: str
    kind: str
    text: str


@dataclass(frozen=True)
class History:
    """What the series of an event say, in order of time; None: there is no such file."""

    listeners: Sequence[Point] | None = None
    load: Sequence[Point] | None = None
    feedback: Sequence[Line] | None = None
    operator: Sequence[Line] | None = None
    problems: Mapping[str, str] = field(default_factory=dict)  # file -> what of it could not be read


def read_history(root: Path, files: Sequence[str]) -> History:
    """The series among `files`, paths inside `root`; of several of one name the lines of all."""
    found: dict[str, list[Point] | list[Line]] = {}
    problems: dict[str, str] = {}
    for path in sorted(files):
        name = Path(path).name.lower()
        if name not in NAMES:
            continue
        rows, wrong = _read(root / path, path, _MAKERS[name])
        found.setdefault(name, []).extend(rows)
        if wrong:
            more = f"; and {len(wrong) - 3} more lines" if len(wrong) > 3 else ""
            problems[path] = "; ".join(wrong[:3]) + more
    for rows in found.values():
        rows.sort(key=lambda row: row.time_ns)
    listeners, load, feedback, operator = (found.get(name) for name in NAMES)
    return History(listeners, load, feedback, operator, problems)  # type: ignore[arg-type]


def _read(path: Path, name: str, make: "Callable[[_Row], Point | Line]") -> tuple[list, list[str]]:  # type: ignore[type-arg]
    """The lines of one file, and what is wrong with those that can't be read."""
    good, wrong = [], []
    try:
        for row in _rows(path, name):
            try:
                good.append(make(row))
            except InputError as error:
                wrong.append(str(error))
    except InputError as error:
        wrong.append(str(error))
    return good, wrong


@dataclass(frozen=True)
class _Row:
    """One line of a file, by the names of its header."""

    place: str
    cells: Mapping[str, str]

    def text(self, field_name: str) -> str:
        """What stands in a field; "" where the file has no such column."""
        return (self.cells.get(field_name) or "").strip()

    def number(self, field_name: str, least: float = float("-inf")) -> float:
        text = self.text(field_name)
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value < float("inf"):
            raise InputError(
                f"{self.place}: {field_name} = {text[:80]!r} is not a number; write one, or leave the line out"
            )
        return value

    def time_ns(self) -> int:
        text = self.text("time")
        try:
            if not _TIME.fullmatch(text):
                raise ValueError
            return utc_ns(datetime.fromisoformat(text))
        except ValueError:
            raise InputError(
                f"{self.place}: time = {text[:80]!r} is not an RFC 3339 time, for example 2023-05-24T22:00:00Z"
            ) from None


def _rows(path: Path, name: str) -> Iterator[_Row]:
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{name}: can't be read: {error.strerror}") from error
    if len(raw) > MOST_BYTES:
        raise InputError(f"{name}: larger than {MOST_BYTES >> 20} MB; keep one value a second")
    text = raw.decode("utf-8-sig", errors="replace")
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [cell.strip().lower() for cell in next(lines, [])]
        missing = [need for need in _NEEDS[Path(name).name.lower()] if need not in header]
        if missing:
            raise InputError(
                f"{name}: line 1: no column {missing[0]!r}; the header is {_HEADERS[Path(name).name.lower()]}"
            )
        for cells in lines:
            if cells and not (len(cells) == 1 and not cells[0].strip()):
                yield _Row(f"{name}: line {lines.line_num}", dict(zip(header, cells, strict=False)))
    except csv.Error as error:
        raise InputError(f"{name}: line {lines.line_num}: not CSV ({error})") from error


def _listeners(row: _Row) -> Point:
    return Point(row.time_ns(), row.text("room"), "listeners", row.number("listeners", least=0))


def _load(row: _Row) -> Point:
    return Point(row.time_ns(), row.text("node"), row.text("metric"), row.number("value"))


def _feedback(row: _Row) -> Line:
    return Line(row.time_ns(), row.text("user"), row.text("room"), row.text("kind"), row.text("text"))


def _operator(row: _Row) -> Line:
    return Line(row.time_ns(), row.text("who"), "", row.text("kind"), row.text("text"))


_MAKERS: dict[str, Callable[[_Row], Point | Line]] = dict(
    zip(NAMES, (_listeners, _load, _feedback, _operator), strict=True)
)
_NEEDS = {
    "listeners.csv": ("time", "listeners"),
    "load.csv": ("time", "metric", "value"),
    "feedback.csv": ("time",),
    "operator.csv": ("time", "text"),
}
_HEADERS = {
    "listeners.csv": "time,room,listeners",
    "load.csv": "time,node,metric,value",
    "feedback.csv": "time,room,user,kind,text",
    "operator.csv": "time,who,text",
}
