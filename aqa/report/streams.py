"""What the packets of each stream prove, in rows and words that the page and report.md share."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from markupsafe import Markup

from aqa.event_model import Analysis
from aqa.report import words
from aqa.report.buffers import choices, current_delay_ms, sweep_picture
from aqa.report.delays import DelayPicture, delay_picture
from aqa.report.verdict import faults
from aqa.stream_model import StreamRow

MOST_SHOWN = 20  # streams with details in the page; every one is in report.json
Fact = tuple[str, str]
_SEVERITY = {"critical": 0, "major": 1, "minor": 2}


@dataclass(frozen=True)
class Detail:
    """All that the page tells of one stream."""

    row: StreamRow
    name: str
    short: str  # the line that is read before it is opened
    delay: DelayPicture
    sweep: Markup | None
    sweep_rows: list[tuple[str, str, str, str]]
    buffer: str
    bursts: list[Fact]
    histogram: list[int]
    estimate: list[Fact]
    changes: list[str]
    reported: list[Fact]


def worst_streams(analysis: Analysis) -> list[StreamRow]:
    """Streams of packet logs: by their worst finding, then by made-up sound, lost packets, name."""
    rank: dict[tuple[str | None, str | None], int] = {}
    for item in faults(analysis):
        key = (item.log, item.stream)
        rank[key] = min(rank.get(key, 3), _SEVERITY[item.severity])

    def order(row: StreamRow) -> tuple[Any, ...]:
        share = (-(row.concealed_pct or 0), -(row.loss_pct or 0))
        return (rank.get((row.log, row.ssrc), 3), *share, row.log, row.ssrc, row.src)

    return sorted(analysis.packet_streams, key=order)


def details(analysis: Analysis) -> list[Detail]:
    """Of the worst streams, worst first."""
    return [_detail(analysis, row) for row in worst_streams(analysis)[:MOST_SHOWN]]


def _detail(analysis: Analysis, row: StreamRow) -> Detail:
    return Detail(
        row=row,
        name=row.participant or row.ssrc,
        short=_short(row),
        delay=delay_picture(analysis, row),
        sweep=sweep_picture(row, current_delay_ms(analysis)),
        sweep_rows=sweep_rows(row),
        buffer=buffer_words(row),
        bursts=bursts(row),
        histogram=json.loads(row.loss_histogram),
        estimate=estimate(analysis, row),
        changes=_changes(analysis, row),
        reported=_reported(row),
    )


def late_pct(row: StreamRow) -> float | None:
    """Late packets of those expected, in per cent."""
    return 100 * row.late / row.expected if row.late is not None and row.expected else None


def mos_note(analysis: Analysis) -> str:
    """Which models made the estimates of MOS, and that they are estimates."""
    models = dict.fromkeys(
        row.mos_model for row in analysis.streams if row.mos_estimated is not None and row.mos_model
    )
    if not models:
        return ""
    named = list(models)[:3]
    more = f" and {len(models) - 3} more" if len(models) > 3 else ""
    return f"Est. MOS: an estimate, not a listening test; {' | '.join(named)}{more}."


def _short(row: StreamRow) -> str:
    parts = [f"lost {words.number(row.loss_pct, 1, '%')}", f"late {words.number(late_pct(row), 1, '%')}"]
    if row.concealed_s is not None:
        made_up = words.length(row.concealed_s) if row.concealed_s else f"0{words.NBSP}s"
        parts.append(f"made up {made_up}")
    return ", ".join(parts)


def buffer_words(row: StreamRow) -> str:
    """What the modelled buffer did, and the advice of the sweep."""
    if row.playout_model is None:
        why = "the clock rate is not known" if row.clock_rate_hz is None else "no playout model was run"
        return f"Not measured: {why}."
    delay = words.number(row.playout_delay_mean_ms, 0, "ms")
    text = (
        f"Modelled buffer ({row.playout_model}): {delay} in the mean, {words.number(row.concealed_s, 2, 's')} made up"
    )
    parts = [
        f"{words.number(part, 2, 's')} {name}"
        for part, name in (
            (row.concealed_lost_s, "for lost packets"),
            (row.concealed_late_s, "for late ones"),
            (row.concealed_stall_s, "while nothing came"),
        )
        if part is not None
    ]
    told = f"{text}: {', '.join(parts)}." if parts else f"{text}."
    if row.sweep_advice:
        return f"{told} {row.sweep_advice[0].upper()}{row.sweep_advice[1:]}."
    return told + (" A longer fixed buffer would have saved next to nothing." if row.sweep else "")


def bursts(row: StreamRow) -> list[Fact]:
    """The structure of loss (RFC 3611 4.7.2 with Gmin 16), BurstR and the Gilbert model."""
    return [
        ("bursts", words.number(row.loss_bursts, 0)),
        ("burst density", words.number(row.burst_density_pct, 1, "%")),
        ("loss between bursts (gap density)", words.number(row.gap_density_pct, 2, "%")),
        ("mean length of a burst", _ms(row.burst_duration_mean_ms)),
        ("mean length between bursts (gap)", _ms(row.gap_duration_mean_ms)),
        ("BurstR (1 = random loss)", words.number(row.burst_r, 2)),
        ("longest run lost", words.number(row.loss_run_max, 0)),
        ("Gilbert p (chance that a loss begins)", words.number(row.ge_p, 4)),
        ("Gilbert r (chance that it ends)", words.number(row.ge_r, 3)),
    ]


def estimate(analysis: Analysis, row: StreamRow) -> list[Fact]:
    """The E-model and its parts; one row that says why where there is no estimate."""
    if row.mos_estimated is None:
        why = (row.mos_model or "no playout model was run").removeprefix("not measured: ")
        return [("estimated MOS", f"{words.NOT_MEASURED}: {why}")]
    facts = [
        ("model and row", row.mos_model or words.NOT_MEASURED),
        ("estimated MOS", words.number(row.mos_estimated, 1)),
        ("R", words.number(row.r_factor, 1)),
        ("Ie,eff (codec and loss)", words.number(row.ie_eff, 1)),
        ("Id (delay of the buffer)", words.number(row.delay_impairment, 1)),
        ("BurstR", words.number(row.burst_r, 2)),
    ]
    if row.worst_interval_mos is not None and row.worst_interval_start_s is not None:
        when = words.moment(analysis, row.worst_interval_start_s)
        facts.append((f"worst 10{words.NBSP}s", f"MOS {words.number(row.worst_interval_mos, 1)} from {when}"))
    return facts


def sweep_rows(row: StreamRow) -> list[tuple[str, str, str, str]]:
    """The sweep as text: delay, concealed, dropouts, late."""
    return [
        (
            f"{item.delay_ms:g}{words.NBSP}ms",
            f"{item.concealed_s:.2f}{words.NBSP}s",
            f"{item.dropouts:,}",
            f"{item.late:,}",
        )
        for item in choices(row)
    ]


def _ms(value: float | None) -> str:
    return words.NOT_MEASURED if value is None else words.length(value / 1000) if value else f"0{words.NBSP}ms"


def _changes(analysis: Analysis, row: StreamRow) -> list[str]:
    """Changes inside the stream, in words."""
    names = {"clock_rate_hz": ("clock rate", "Hz"), "frame_ms": ("frame", "ms"), "bitrate_kbps": ("bit rate", "kb/s")}
    return [
        f"{words.moment(analysis, item['at_s'])} {name}: {_value(item['from'], unit)} \N{RIGHTWARDS ARROW}"
        f" {_value(item['to'], unit)}"
        for item in json.loads(row.changes)
        for name, unit in [names.get(item["what"], (item["what"], ""))]
    ]


def _value(value: float | None, unit: str) -> str:
    text = "unknown" if value is None else f"{value:,g}"
    return f"{text}{words.NBSP}{unit}" if unit and value is not None else text


_RTCP: tuple[tuple[str, str, str, int], ...] = (
    ("cname", "CNAME", "", 0),
    ("reported_lost", "lost, by its receivers", "packets", 0),
    ("reported_loss_pct", "lost, by its receivers", "%", 1),
    ("reported_jitter_ms", "jitter, by its receivers", "ms", 1),
    ("rtt_ms", "round trip", "ms", 0),
)


def _reported(row: StreamRow) -> list[Fact]:
    """What RTCP said of it, of the columns that the table has; nothing where none did."""
    columns: Sequence[str] = [item.name for item in fields(row)]
    facts = []
    for name, label, unit, digits in _RTCP:
        value: Any = getattr(row, name) if name in columns else None
        if value is not None:
            facts.append((label, value if isinstance(value, str) else words.number(float(value), digits, unit)))
    return facts
