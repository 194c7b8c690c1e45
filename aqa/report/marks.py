"""The marks of a lane: a fault in sound is a shape with two letters, a stall a black line."""

from collections.abc import Sequence

from markupsafe import Markup

from aqa.model import Finding
from aqa.report import words
from aqa.report.svg import el, joined, percent

COLUMNS = 1200  # of an envelope; the overview is about 1,100 px wide at most screens
WAVE, MARKS, STALLS, PACKETS = 26, 12, 5, 13  # heights in px
MOST_MARKS = 600  # of one kind in a lane; more, and those closer than MERGE (share of the event) are one
MERGE = 0.0005
CLOSE_S = 600  # the longest view in which the small kinds of packets are shown
LETTER_PX = 20 / 1100  # share of the view from which letters fit
_STYLE = {
    "dropout": "solid", "interruption": "solid", "silence": "hollow", "attenuation": "hollow",
    "late_start": "hollow", "outage": "tint",
    "concealment": "half", "concealed_audio": "half", "repetition": "half", "missing_media": "dashed",
    "damaged_media": "dashed", "elided_time": "dashed", "clock_mismatch": "dashed", "unreadable": "dashed",
    "echo": "dotted", "unintended_audio": "dotted", "noise_burst": "dotted", "hum": "dotted",
    "loss": "packet", "stall": "black", "late": "hollow-packet", "jitter": "tick", "reordering": "tick",
    "duplication": "tick", "clock_drift": "tick",
}  # fmt: skip
_TICKS = ("reordering", "duplication", "clock_drift")
_RESET = "M0 0l4 4l-4 4l-4 -4zM-.5 7h1v11h-1z"


def sign(kind: str) -> Markup:
    """The mark of a kind as it stands in the key."""
    letters = words.LETTERS[kind]
    style = _STYLE.get(kind, "outline")
    if kind == "stream_reset":
        tick = el("svg", el("path", class_="reset", d=_RESET), x=4, y=0, width=1, height=1, overflow="visible")
        return el(
            "svg", tick, el("text", letters, class_="letters", x=10, y=11), width=24, height=18, aria_hidden="true"
        )
    if style == "tick":
        box = el("rect", class_="packet-kind", x=1, y=1, width=22, height=2)
    else:
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
    """Stalls as black lines, resets as ticks with a head; other kinds, shown in a close view alone, as thin lines.

    Lost and late packets are bars of their own (`bars.py`).
    """
    parts = [_packet_mark(item, length, y) for item in packets if item.kind in ("stall", "stream_reset")]
    small = [_packet_mark(item, length, y) for item in packets if item.kind in ("jitter", *_TICKS)]
    hidden = "hidden" if length > CLOSE_S else None
    group = el("g", *small, class_="close", data_most=CLOSE_S, visibility=hidden) if small else Markup("")
    return joined([group, *parts])


def _packet_mark(item: Finding, length: float, y: int) -> Markup:
    title = el("title", f"{words.kind_words(item.kind)}, {words.length(item.duration_s)}")
    x, width = percent(item.start_s / length), percent(item.duration_s / length)
    if item.kind == "stall":
        return el("rect", title, class_="stall", x=x, y=y, width=width, height=4)
    if item.kind == "stream_reset":
        return el("svg", el("path", title, class_="reset", d=_RESET), x=x, y=y, width=1, height=1, overflow="visible")
    hidden = "hidden" if item.duration_s / length < LETTER_PX else None
    middle = percent((item.start_s + item.end_s) / 2 / length)
    letters = el(
        "text", words.LETTERS[item.kind], class_="letters on-packets", x=middle, y=y + 12,
        text_anchor="middle", data_s=item.duration_s, visibility=hidden,
    )  # fmt: skip
    return el("rect", title, class_="packet-kind", x=x, y=y + 1, width=width, height=2) + letters
