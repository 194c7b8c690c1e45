"""Trend charts as static SVG small multiples, and the words above and under them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from aqa.detector import registry
from aqa.report import words
from aqa.report.svg import el, joined

JUDGED = "impaired_seconds_pct"  # the series that centre, limits and signal belong to
COLUMNS = (
    "period", "events", "speaker_hours", "audio_hours", "findings", JUDGED, "severely_impaired_seconds_pct",
    "loss_pct", "jitter_p95_ms",
)  # fmt: skip
_FIXED = (
    (JUDGED, "Impaired seconds", "% of speech seconds"),
    ("loss_pct", "Loss", "% of packets"),
    ("jitter_p95_ms", "Jitter", "ms, 95th percentile of streams"),
)
_W, _H, _LEFT, _BOTTOM, _TOP = 360, 130, 40, 18, 10

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Chart:
    """One small multiple."""

    title: str
    unit: str
    note: str
    picture: Markup


def charts(rows: Sequence[Row]) -> list[Chart]:
    """A chart per measured series, the judged one first; `rows` oldest first."""
    kinds = (
        (f"{kind}_per_speaker_hour", words.kind_words(kind).capitalize(), "per speaker-hour") for kind in registry()
    )
    series = [*_FIXED, *kinds]
    dated = [row for row in rows if row["period"] != "undated"]
    return [_chart(dated, *one) for one in series if any(row.get(one[0]) is not None for row in dated)]


def sentence(rows: Sequence[Row]) -> str:
    """What changed, in one sentence."""
    if not rows:
        return "No event has been analysed yet."
    judged = [row for row in rows if row["centre"] is not None]
    if not judged:
        measured = sum(row[JUDGED] is not None for row in rows)
        return f"{words.count(measured, 'period')} measured: no limits yet; 12 are needed to say what stands out."
    outside = [row["period"] for row in judged if row["signal"] in ("above", "below")]
    lasting = [row["period"] for row in judged if "in a row" in (row["signal"] or "")]
    parts = []
    if lasting:
        parts.append(f"Impaired seconds have changed for good by {lasting[0]}.")
    if outside:
        parts.append(f"{words.listed(outside)} {'stands' if len(outside) == 1 else 'stand'} out.")
    return " ".join(parts) or "No change: every period is within its limits."


def head(name: str) -> str:
    """A column's name in words."""
    return name.replace("_pct", " %").replace("_ms", " (ms)").replace("_", " ")


def cell(row: Row, name: str) -> str:
    """A value of the table; the judged one carries its signal."""
    value = row[name]
    if value is None:
        return words.NOT_MEASURED
    mark = "\N{BLACK DIAMOND} " if name == JUDGED and row["signal"] else ""
    return mark + (value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value:,.4g}")


def _chart(rows: Sequence[Row], name: str, title: str, unit: str) -> Chart:
    values = [row.get(name) for row in rows]
    judged = name == JUDGED
    tops = [v for v in values if v is not None] + [row["upper_limit"] or 0 for row in rows if judged]
    top = (max(tops) or 1.0) * 1.1
    step = (_W - _LEFT - 10) / max(len(rows), 1)
    x = [_LEFT + step * (i + 0.5) for i in range(len(rows))]

    def y(value: float) -> float:
        return float(_H - _BOTTOM - (_H - _BOTTOM - _TOP) * value / top)

    parts = [_bands(rows, x, step, y)] if judged else []
    parts += [_missing(values, x, step), _line(values, x, y)]
    for i, value in enumerate(values):
        if value is not None:
            parts.append(_point(rows[i], x[i], y(value), outside=judged and bool(rows[i]["signal"])))
    parts.append(el("line", class_="grid", x1=_LEFT, x2=_W, y1=_H - _BOTTOM, y2=_H - _BOTTOM))
    parts.append(el("text", f"{top / 1.1:.3g}", x=_LEFT - 4, y=y(top / 1.1) + 4, text_anchor="end"))
    parts.append(el("text", "0", x=_LEFT - 4, y=_H - _BOTTOM, text_anchor="end"))
    for i in sorted({0, len(rows) // 2, len(rows) - 1}):
        parts.append(el("text", str(rows[i]["period"]), x=x[i], y=_H - 4, text_anchor="middle"))
    note = _note(rows) if judged else f"{sum(v is not None for v in values)} of {len(values)} periods measured"
    picture = el(
        "svg", *parts, class_="chart", viewBox=f"0 0 {_W} {_H}", role="img", aria_label=f"{title} {unit}: {note}"
    )
    return Chart(title, unit, note, picture)


def _bands(rows: Sequence[Row], x: Sequence[float], step: float, y: Any) -> Markup:
    parts = []
    for row, at in zip(rows, x, strict=True):
        if row["centre"] is None:
            continue
        high, low, left = y(row["upper_limit"]), y(row["lower_limit"]), at - step / 2
        parts.append(el("rect", class_="band", x=left, y=high, width=step, height=max(low - high, 0.5)))
        centre = y(row["centre"])
        parts.append(el("line", class_="thin", x1=left, x2=left + step, y1=centre, y2=centre))
    return joined(parts)


def _missing(values: Sequence[float | None], x: Sequence[float], step: float) -> Markup:
    """Periods that were not measured: a box that says so, never a line across."""
    parts, start = [], None
    for i, value in enumerate([*values, 0.0]):
        if value is None and start is None:
            start = i
        elif value is not None and start is not None:
            left, width = x[start] - step / 2, step * (i - start)
            parts.append(el("rect", class_="hatch", x=left, y=_TOP, width=width, height=_H - _BOTTOM - _TOP))
            if width > 70:
                parts.append(el("text", words.NOT_MEASURED, x=left + width / 2, y=_H / 2, text_anchor="middle"))
            start = None
    return joined(parts)


def _line(values: Sequence[float | None], x: Sequence[float], y: Any) -> Markup:
    path, pen = "", "M"
    for at, value in zip(x, values, strict=True):
        path += f"{pen}{at:.1f} {y(value):.1f}" if value is not None else ""
        pen = "L" if value is not None else "M"
    return el("path", class_="thin", d=path)


def _point(row: Row, x: float, y: float, *, outside: bool) -> Markup:
    title = el("title", f"{row['period']}")
    if outside:
        return el("path", title, class_="outside", d=f"M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5Z")
    return el("circle", title, class_="point", cx=x, cy=y, r=2.5)


def _note(rows: Sequence[Row]) -> str:
    measured = sum(row[JUDGED] is not None for row in rows)
    if not any(row["centre"] is not None for row in rows):
        return f"{words.count(measured, 'period')} measured: no limits yet"
    signals = [row["period"] for row in rows if row["signal"]]
    return f"\N{BLACK DIAMOND} {words.listed(signals)}" if signals else "no change"
