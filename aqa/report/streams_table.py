"""Streams of packet logs for the terminal: one line of numbers each, and under it what is wrong in words.

The table fits the width it is given: addresses are shortened in the middle, then the least important columns go.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath

from aqa.report.stream_words import sentences
from aqa.report.terminal import NOT_MEASURED, table
from aqa.report.words import codec, count, plain
from aqa.stream_model import StreamRow

NARROWEST = 40  # below that a table is no table
FITS = ((47, 9), (21, 9), (17, 8), (14, 8), (11, 8), (21, 7), (17, 7), (14, 7), (11, 7))
"""What is tried in turn: how long addresses may be (IPv6 and port, IPv4 and port, less), and the rank of the last
column that has to fit beside them: 9 packets, 8 where to, 7 where from."""
MOST_MODELS = 4
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_INDENT = "    "


@dataclass(frozen=True)
class _Column:
    head: str
    cells: tuple[str, ...]
    rank: int  # the highest goes first where room is short
    left: bool = False

    @cached_property
    def width(self) -> int:
        return max(len(cell) for cell in (self.head, *self.cells))


def streams_text(
    rows: Sequence[StreamRow], notes: Mapping[str, Sequence[str]], *, width: int = 100, most: int | None = None
) -> str:
    """The streams in the order given, at most `most`, then what numbers mean and `notes` of each log.

    `width` is that of the terminal, in characters.
    """
    width = max(width, NARROWEST)
    names = _names([*notes, *(row.log for row in rows)])
    said = [wrapped(f"{names[log]}: {note}", width) for log, of in notes.items() for note in of]
    if not rows:
        return "\n".join(["no RTP stream", *said])
    shown = rows if most is None else rows[:most]
    head, *lines = table_fitting(_columns(shown, width), width)
    several = len({*notes, *(row.log for row in rows)}) > 1
    out = [head]
    for row, line in zip(shown, lines, strict=True):
        words = [*([f"in {names[row.log]}"] if several else []), *sentences(row)]
        out += [line, *(wrapped(text, width, _INDENT) for text in words)]
    if len(shown) < len(rows):
        left = count(len(rows) - len(shown), "more stream")
        out += ["", wrapped(f"{left}, none of them worse than these; --all prints all of them", width)]
    return "\n".join([*out, "", *(wrapped(note, width) for note in legend(shown)), *said])


def table_fitting(columns: Sequence[_Column], width: int) -> list[str]:
    """Head and lines of those columns that fit, the most important first, in the order given."""
    kept: list[_Column] = []
    used = -2  # two blanks between columns
    for column in sorted(columns, key=lambda item: item.rank):
        used += 2 + column.width
        if used > width and kept:
            break
        kept.append(column)
    names = [item for item in columns if item in kept]
    cells = list(zip(*(item.cells for item in names), strict=True))
    left = sum(item.left for item in names)
    return table([item.head for item in names], cells, left=left).split("\n")


def _columns(rows: Sequence[StreamRow], width: int) -> list[_Column]:
    ssrc, *others = _numbers(rows)
    for most, last in FITS:
        found = [ssrc, *_addresses(rows, most), *others]
        if sum(item.width + 2 for item in found if item.rank <= last) - 2 <= width:
            break
    return found


def _addresses(rows: Sequence[StreamRow], most: int) -> list[_Column]:
    ends = [(row.src or row.source, row.dst or row.direction or "") for row in rows]
    return [
        _Column(head, tuple(shortened(pair[i], most) for pair in ends), 7 + i, left=True)
        for i, head in enumerate(("from", "to"))
    ]


def _numbers(rows: Sequence[StreamRow]) -> list[_Column]:
    def column(head: str, cells: Sequence[str], rank: int, *, left: bool = False) -> _Column:
        return _Column(head, tuple(cells), rank, left)

    return [
        column("ssrc", [row.ssrc or NOT_MEASURED for row in rows], 0, left=True),
        column("codec", [_codec(row) for row in rows], 3, left=True),
        column("clock", [clock(row) for row in rows], 14, left=True),
        column("packets", [f"{row.packets}" for row in rows], 9),
        column("lost %", [_number(row.loss_pct, 2) for row in rows], 1),
        column("late", [_cell(row.late) for row in rows], 6),
        column("jitter ms", [_number(row.jitter_ms, 1) for row in rows], 4),
        column("made up s", [_number(row.concealed_s, 2) for row in rows], 2),
        column("est. MOS", [_number(row.mos_estimated, 1) for row in rows], 5),
        column("pause ms", [_number(row.delta_max_ms, 0) for row in rows], 10),
        column("lost", [_cell(row.lost) for row in rows], 11),
        column("dup", [_cell(row.duplicates) for row in rows], 12),
        column("s", [f"{row.last_s - row.first_s:.0f}" for row in rows], 13),
    ]


def legend(rows: Sequence[StreamRow]) -> list[str]:
    """What the numbers are: formulas, the buffer, the models behind the MOS; what n/m stands for."""
    lines = [f"{NOT_MEASURED}: not measured. jitter: RFC 3550 6.4.1 at the end."]
    buffers = sorted({row.playout_model for row in rows if row.playout_model})
    if buffers:
        lines[0] += f" late, made up: what a {' or '.join(buffers)} jitter buffer would have done."
    models = Counter(row.mos_model for row in rows if row.mos_model)
    for model, many in models.most_common(MOST_MODELS):
        lines.append(f"est. MOS of {count(many, 'stream')}: {plain_text(model)}.")
    if len(models) > MOST_MODELS:
        lines.append(f"est. MOS: {count(len(models) - MOST_MODELS, 'more model')}; each stream's is in --json.")
    return lines


def shortened(end: str, most: int) -> str:
    """An address at most so long, cut in the middle: its network and its port stay."""
    end = plain_text(end)
    if len(end) <= most:
        return end
    tail = end[-(most * 2 // 3) :]
    return f"{end[: most - 1 - len(tail)]}{ELLIPSIS}{tail}"


def _names(paths: Sequence[str]) -> dict[str, str]:
    """What each log is called: its name without folders where no other has the same."""
    bare = Counter(PurePath(path).name for path in set(paths))
    return {path: plain_text(name if bare[name := PurePath(path).name] == 1 else path) for path in paths}


def plain_text(text: str) -> str:
    """Text of an input as one line can hold it: no control or direction characters."""
    return text if text.isascii() and text.isprintable() else "".join(plain(c) for c in text)


def clock(row: StreamRow) -> str:
    """Every clock rate the stream had, and where they are from."""
    if row.clock_rate_hz is None:
        return NOT_MEASURED
    return f"{row.clock_rates or row.clock_rate_hz} {row.clock_rate_from}"


def _codec(row: StreamRow) -> str:
    """The codec's name without its rate, which has a column of its own."""
    return NOT_MEASURED if row.codec is None and row.payload_type is None else plain(codec(row).split("/")[0])


def wrapped(text: str, width: int, indent: str = "") -> str:
    """Text on lines of at most `width`, those after the first two further in."""
    lines, left, margin = [], " ".join(text.splitlines()), indent
    while len(left) > (room := max(width - len(margin), 1)):  # textwrap takes ten times as long
        space = left.rfind(" ", 0, room + 1)
        lines.append(margin + left[: space if space > 0 else room])
        left, margin = left[len(lines[-1]) - len(margin) :].lstrip(" "), indent + "  "
    return "\n".join([*lines, margin + left])


def _number(value: float | None, digits: int) -> str:
    return NOT_MEASURED if value is None else f"{value:.{digits}f}"


def _cell(value: int | None) -> str:
    return NOT_MEASURED if value is None else str(value)
