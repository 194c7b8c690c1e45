"""The marks of a lane: a fault in sound is a shape with two letters, lost packets are bars, stalls black lines."""

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from aqa.model import Finding, SecondRow
from aqa.report import words
from aqa.report.svg import el, joined, percent

COLUMNS = 1200  # of an envelope; the overview is about 1,100 px wide at most screens
WAVE, MARKS, STALLS, PACKETS = 26, 12, 5, 13  # heights in px
LOSS_TOP_PCT = 40.0  # top of the packet bars, square root, the same in all reports
MOST_MARKS = 600  # of one kind in a lane; more, and those closer than MERGE (share of the event) are one
MERGE = 0.0005
LETTER_PX = 20 / 1100  # share of the view from which letters fit
_STYLE = {
    "dropout": "solid", "interruption": "solid", "silence": "hollow", "attenuation": "hollow",
    "concealment": "half", "concealed_audio": "half", "repetition": "half", "missing_media": "dashed",
    "damaged_media": "dashed", "elided_time": "dashed", "clock_mismatch": "dashed", "unreadable": "dashed",
    "echo": "dotted", "unintended_audio": "dotted", "noise_burst": "dotted", "hum": "dotted",
}  # fmt: skip


def sign(kind: str) -> Markup:
    """The mark of a kind as it stands in the key."""
    letters = words.LETTERS[kind]
    style = _STYLE.get(kind, "packet" if kind in ("loss", "late", "jitter", "stall") else "outline")
    box = el("rect", class_=f"mark {style}", x=1, y=1, width=22, height=12)
    text = el("text", letters, class_=f"letters on-{style}", x=12, y=11, text_anchor="middle")
    return el("svg", box, text, width=24, height=14, aria_hidden="true")


def marks(found: Sequence[Finding], length: float, y: int) -> list[Markup]:
    """Marks of sound, each where it is; only a crowd is merged, for merged marks stay one when zoomed."""
    many: dict[str, int] = {}
    for item in found:
        many[item.kind] = many.get(item.kind, 0) + 1
    by_kind: dict[str, list[list[Finding]]] = {}
    for item in sorted(found, key=lambda item: item.start_s):
        groups = by_kind.setdefault(item.kind, [])
        near = MERGE * length if many[item.kind] > MOST_MARKS else 0.0
        if groups and item.start_s - max(f.end_s for f in groups[-1]) < near:
            groups[-1].append(item)
        else:
            groups.append([item])
    return [_mark(kind, group, length, y) for kind, groups in by_kind.items() for group in groups]


def _mark(kind: str, group: list[Finding], length: float, y: int) -> Markup:
    start, end = group[0].start_s, max(item.end_s for item in group)
    style = _STYLE.get(kind, "outline")
    top, height = (y + MARKS / 2, MARKS / 2) if style == "half" else (y, MARKS)
    x, width = percent(start / length), percent(max(end - start, 0) / length)
    several = f"{len(group)} \N{MULTIPLICATION SIGN} " if len(group) > 1 else ""
    title = f"{several}{words.kind_words(kind)}, {words.length(sum(i.duration_s for i in group))}"
    box = el("rect", el("title", title), class_=f"mark {style}", x=x, y=top, width=width, height=height)
    hidden = "hidden" if (end - start) / length < LETTER_PX else None
    letters = el(
        "text", words.LETTERS[kind], class_=f"letters on-{style}", x=percent((start + end) / 2 / length), y=y + 10,
        text_anchor="middle", data_s=end - start, visibility=hidden,
    )  # fmt: skip
    return box + letters


def stalls(packets: Sequence[Finding], length: float, y: int) -> Markup:
    """Stalls as black lines, other kinds in packets as thin ones."""
    parts = []
    for item in packets:
        if item.kind == "loss":
            continue
        parts.append(
            el(
                "rect", el("title", f"{words.kind_words(item.kind)}, {words.length(item.duration_s)}"),
                class_="stall" if item.kind == "stall" else "packet-kind", x=percent(item.start_s / length),
                y=y, width=percent(item.duration_s / length), height=4 if item.kind == "stall" else 2,
            )
        )  # fmt: skip
    return joined(parts)


def loss_bars(rows: Sequence[SecondRow], length: float, y: int) -> Markup:
    """A bar per column of time: the worst second in it, for a minute of loss in an hour must not vanish."""
    base = el("line", class_="middle", x1="0%", x2="100%", y1=y + PACKETS, y2=y + PACKETS)
    span = max(1.0, length / COLUMNS)
    worst: dict[int, float] = {}
    expected: dict[int, int] = {}
    lost: dict[int, int] = {}
    for row in rows:
        expected[row.second] = expected.get(row.second, 0) + (row.expected or 0)
        lost[row.second] = lost.get(row.second, 0) + (row.lost or 0)
    for second, many in lost.items():
        if many:
            column = int(second / span)
            share = 100 * many / max(expected[second], many)
            worst[column] = max(worst.get(column, 0.0), share)
    heights = {
        column: PACKETS * float(np.sqrt(min(share, LOSS_TOP_PCT) / LOSS_TOP_PCT)) for column, share in worst.items()
    }
    return base + _bars(heights, length, y, "lost")


def made_up_bars(rows: Sequence[SecondRow], length: float, y: int) -> Markup:
    """A bar per column of time: the share of a second that a receiver made up, the worst in it; top = all of it."""
    base = el("line", class_="middle", x1="0%", x2="100%", y1=y + PACKETS, y2=y + PACKETS)
    span = max(1.0, length / COLUMNS)
    worst: dict[int, float] = {}
    for row in rows:
        if row.concealed_s:
            column = int(row.second / span)
            worst[column] = max(worst.get(column, 0.0), min(row.concealed_s, 1.0))
    return base + _bars({column: PACKETS * share for column, share in worst.items()}, length, y, "wave")


def _bars(heights: Mapping[int, float], length: float, y: int, look: str) -> Markup:
    """Bars of so many px in columns of COLUMNS over the event (one a second, where it is shorter)."""
    span = max(1.0, length / COLUMNS)
    columns = max(int(np.ceil(length / span)), 1)
    path = []
    for column, exact in sorted(heights.items()):
        height = max(exact, 1.5)
        path.append(f"M{column} {PACKETS}v-{height:.1f}h1v{height:.1f}z")
    bars = el("path", class_=look, d="".join(path))
    box = {"x": "0%", "width": percent(columns * span / length), "y": y, "height": PACKETS}
    return el("svg", bars, **box, viewBox=f"0 0 {columns} {PACKETS}", preserveAspectRatio="none")
