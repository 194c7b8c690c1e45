"""One stream in the terminal: its facts, its delay over time, what other buffers would do, bursts, findings."""

import json
from collections.abc import Sequence

from aqa.measures.loss import LossRuns, burst_groups, loss_runs
from aqa.model import Finding, utc_text
from aqa.playout import Played
from aqa.report import words
from aqa.report.delay_plot import delay_plot
from aqa.report.stream_words import sentences
from aqa.report.streams_table import clock, legend, plain_text, wrapped
from aqa.report.terminal import NOT_MEASURED, table
from aqa.report.words import count, event_time, kind_words, length, number
from aqa.stream_model import Stream, StreamRow

MOST_BURSTS = 10
MOST_FINDINGS = 40
_SEVERITIES = ("critical", "major", "minor")


def closeup(row: StreamRow, findings: Sequence[Finding], played: Played | None, width: int) -> str:
    """Everything that is known of one stream; times are those since the first packet of its log.

    `played` is None for a stream that counters of one end tell of. `width` is that of the terminal.
    """
    parts = [_head(row, played, width), [wrapped(text, width, "  ") for text in sentences(row)]]
    if played is not None:
        title, *plot = delay_plot(played, width)
        parts += [[wrapped(title, width), *plot], _sweep(row, width), _bursts(played.stream, row)]
    parts += [_findings(findings, width), [wrapped(text, width) for text in legend([row])]]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _head(row: StreamRow, played: Played | None, width: int) -> list[str]:
    ends = f"{plain_text(row.src)} to {plain_text(row.dst)}" if row.src or row.dst else f"{row.direction}, by stats"
    start = None if played is None or row.delta_max_ms is None else _start(played.stream)
    since = f" of the log ({start} UTC)" if start else " of the log"
    facts = [
        f"{row.ssrc or NOT_MEASURED}  {ends}",
        f"{event_time(row.first_s, milliseconds=True)} to {event_time(row.last_s, milliseconds=True)}{since},"
        f" {length(row.last_s - row.first_s)}",
        f"{plain_text(words.codec(row))}, payload type {_value(row.payload_type)}, clock {clock(row)},"
        f" packet length {number(row.frame_ms, 1, 'ms')}, bit rate {number(row.bitrate_kbps, 1, 'kb/s')}",
        f"{count(row.packets, 'packet')}, expected {_value(row.expected)}, lost {_value(row.lost)},"
        f" duplicates {_value(row.duplicates)}, reordered {_value(row.reordered)}",
        _timing(row),
    ]
    if row.playout_delay_mean_ms is not None:
        facts.append(
            f"{row.playout_model} buffer: {number(row.playout_delay_mean_ms, 0)} ms of delay on average,"
            f" 95 % {number(row.playout_delay_p95_ms, 0)} ms; estimated MOS {number(row.mos_estimated, 1)}"
        )
    first, *others = [wrapped(text, width) for text in facts]
    return [first, f"in {plain_text(row.log)}", *others]  # a path is copied whole


def _timing(row: StreamRow) -> str:
    parts = [
        ("jitter at the end", row.jitter_ms),
        ("mean", row.jitter_mean_ms),
        ("most", row.jitter_max_ms),
        ("delay variation 95 %", row.pdv_p95_ms),
        ("99 %", row.pdv_p99_ms),
        ("longest pause", row.delta_max_ms),
    ]
    known = [f"{name} {number(value, 1, 'ms')}" for name, value in parts if value is not None]
    return ", ".join(known) or "jitter, delay variation and pauses: not measured"


def _start(stream: Stream) -> str | None:
    return utc_text(stream.log_start_ns)[:-1].replace("T", " ") if stream.log_start_ns > 10**18 else None


def _value(value: int | None) -> str:
    return words.NOT_MEASURED if value is None else f"{value:,}"


def _sweep(row: StreamRow, width: int) -> list[str]:
    """What fixed buffers of each length would have done."""
    if row.sweep is None:
        return []
    choices = json.loads(row.sweep)
    lines = [(f"{c['delay_ms']:g}", f"{c['late']}", f"{c['dropouts']}", f"{c['concealed_s']:.2f}") for c in choices]
    title = "Fixed buffers: what each would have done (delay it adds, packets late for it, holes, sound made up)"
    return [wrapped(title, width), *table(("delay ms", "late", "holes", "made up s"), lines, left=0).split("\n")]


def _bursts(stream: Stream, row: StreamRow) -> list[str]:
    """RFC 3611's bursts, the worst by packets lost, in order of time; and what was lost outside them."""
    runs = loss_runs(stream)
    groups = [group for group in burst_groups(runs) if runs.count[group].sum() > 1]
    if not groups:
        return []
    worst = sorted(groups, key=lambda group: -int(runs.count[group].sum()))[:MOST_BURSTS]
    lines = [_burst(runs, group) for group in sorted(worst, key=lambda group: group.start)]
    alone = (row.lost or 0) - sum(int(runs.count[group].sum()) for group in groups)
    left = f"; the worst {len(worst)} of {len(groups)}" if len(worst) < len(groups) else ""
    title = f"Bursts of loss (RFC 3611){left}; {count(alone, 'packet')} lost outside bursts"
    return [title, *table(("at", "length s", "lost", "of", "in a row"), lines).split("\n")]


def _burst(runs: LossRuns, group: slice) -> tuple[str, ...]:
    first, last = group.start, group.stop - 1
    whole = int(runs.first[last] + runs.count[last] - runs.first[first])
    return (
        event_time(float(runs.start_s[first]), milliseconds=True),
        f"{float(runs.end_s[last] - runs.start_s[first]):.3f}",
        f"{int(runs.count[group].sum())}",
        f"{whole}",
        f"{int(runs.count[group].max())}",
    )


def _findings(findings: Sequence[Finding], width: int) -> list[str]:
    if not findings:
        return ["No finding."]
    shown = sorted(findings, key=lambda item: (_SEVERITIES.index(item.severity), -item.duration_s))[:MOST_FINDINGS]
    lines = [
        (
            event_time(item.start_s, milliseconds=True),
            kind_words(item.kind),
            length(item.duration_s),
            words.measured(item),
            item.severity,
            item.cause if item.cause_confidence is None else f"{item.cause} {item.cause_confidence:.2f}",
        )
        for item in sorted(shown, key=lambda item: item.start_s)
    ]
    left = f"; the worst {len(shown)} of {len(findings)}, all with --json" if len(shown) < len(findings) else ""
    head = ("at", "kind", "length", "value", "severity", "cause, how sure")
    whole = table(head, lines, left=6).split("\n")
    if width < max(map(len, whole)):  # severity is what the order of cause and length tells best
        whole = table((*head[:4], head[5]), [(*line[:4], line[5]) for line in lines], left=5).split("\n")
    return [f"Findings{left}", *whole]
