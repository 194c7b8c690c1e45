"""report.md: the report for a ticket or a chat, with all text of inputs escaped so that it stays text."""

import json
import re
from collections.abc import Sequence

from aqa import __version__
from aqa.event_model import Analysis
from aqa.incidents import incidents
from aqa.model import Finding
from aqa.report import streams, verdict, words
from aqa.report.about import about
from aqa.report.data import settings_sha256
from aqa.report.evidence import Told, told
from aqa.report.facts import facts
from aqa.report.history import lines_of
from aqa.report.whole_rows import whole_event

MOST_FINDINGS = 50
MOST_INCIDENTS = 20
MOST_STREAMS = 5  # with their bursts and buffers; every one is in report.json
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$@-]|:(?=//)|(?<=www)\.)", re.IGNORECASE)  # addresses link themselves


def escape(text: str) -> str:
    """Text that Markdown shows as it is: specials behind backslashes, control characters replaced, one line."""
    shown = "".join(
        c if c.isprintable() or c == words.NBSP else "\N{REPLACEMENT CHARACTER}" for c in text.replace("\n", " ")
    )
    return _SPECIAL.sub(r"\\\1", shown)


def report_markdown(analysis: Analysis) -> str:
    """The report as Markdown."""
    event = analysis.event
    when = "event time; UTC unknown"
    if event.start_utc:
        when = f"{words.date(analysis)}, {words.moment(analysis, 0)} – {words.moment(analysis, event.duration_s)} UTC"
    lines = [f"# {escape(event.title)}", "", f"{when} · event `{event.event_id}`", ""]
    lines += [f"**{verdict.sign(event.status)}** {escape(event.verdict)}", ""]
    lines += [f"- **{fact.label}:** {escape(fact.text)}" for fact in facts(analysis)]
    problems = json.loads(event.problems)
    if problems:
        lines += [
            "",
            "## Inputs that could not be read, or not whole",
            "",
            *(f"- {escape(text)}" for text in problems),
        ]
    lines += ["", "## Incidents", "", *_incidents(analysis), "", "## The event as a whole", *_whole(analysis)]
    lines += ["", "## Findings", "", *_findings(analysis)]
    lines += ["", "## Recordings", "", *_recordings(analysis), *_about(analysis)]
    lines += ["", "## Streams", "", *_streams(analysis), *_worst_streams(analysis)]
    lines += ["", "## Not measured", ""]
    for line in json.loads(event.not_measured):
        bring = f" To measure: {line['bring']}." if line["bring"] else ""
        lines.append(f"- **{escape(line['what'])}.** {escape(line['why'] + '.' + bring)}")
    lines += ["", "## Provenance", ""]
    lines.append(f"aqa {__version__} · settings sha256 `{settings_sha256(analysis)[:12]}` · score {event.formula}")
    lines += ["", *_table(("input", "bytes", "SHA-256"), [_input(row) for row in json.loads(event.inputs)])]
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    ruled = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(row) + " |" for row in ruled]


def _input(row: dict[str, object]) -> tuple[str, str, str]:
    return escape(str(row["path"])), f"{row['bytes']:,}", f"`{row['sha256']}`"


def _incidents(analysis: Analysis) -> list[str]:
    """A table of all, then for and against the first of them."""
    found = incidents(analysis)
    if not found.ranked:
        return ["Nothing was heard that belongs here."]
    rows = [told(analysis, one, found) for one in found.ranked[:MOST_INCIDENTS]]
    head = ("n", "what was heard", "when", "how long", "who", "why, and how sure")
    cells = [
        (f"{it.one.rank}", *(escape(text) for text in (_heard(it), it.when, it.how_long, it.who, it.why)))
        for it in rows
    ]
    lines = _table(head, cells)
    if len(found.ranked) > len(rows):
        lines += ["", f"The worst {len(rows)} of {len(found.ranked)}; every one is in report.json."]
    if found.small:
        lines += ["", f"{words.count(len(found.small), 'small thing')}: minor, and less than a second each time."]
    first = rows[0]
    lines += ["", "### 1: for", "", *(f"- {escape(text)}" for text in first.pro)]
    lines += ["", "### 1: against, and not known", ""]
    lines += [f"- {escape(text)}" for text in first.contra] or ["- Nothing found."]
    return [*lines, *_log(analysis)]


def _heard(it: Told) -> str:
    return it.what if it.one.heard else f"Recording only: {it.what}"


def _log(analysis: Analysis) -> list[str]:
    """The operator log in words."""
    rows = lines_of(analysis, "operator")[:MOST_FINDINGS]
    told_rows = [f"- {words.moment(analysis, row.time_s)} {escape(row.text or '')}" for row in rows]
    return ["", "### Operator log", "", *told_rows] if rows else []


def _whole(analysis: Analysis) -> list[str]:
    lines = []
    for part in whole_event(analysis):
        lines += ["", f"### {part.title}", ""]
        if part.rows:
            lines += _table([escape(name) for name in part.head], [_escaped(cells) for cells in part.rows])
        if part.note:
            lines += ["", escape(part.note)] if part.rows else [escape(part.note)]
    return lines


def _findings(analysis: Analysis) -> list[str]:
    found = verdict.worst(verdict.faults(analysis))
    if not found:
        return ["Nothing was found."]
    head = ("kind", "when", "how long", "who", "value", "severity", "sure", "cause", "cause sure", "id")
    rows = [_finding(analysis, item) for item in found[:MOST_FINDINGS]]
    more = (
        [f"{len(found):,} in all, worst first; every one is in findings.csv.", ""]
        if len(found) > MOST_FINDINGS
        else []
    )
    return [*more, *_table(head, rows)]


def _finding(analysis: Analysis, item: Finding) -> tuple[str, ...]:
    return (
        words.kind_words(item.kind),
        words.moment(analysis, item.start_s, milliseconds=True),
        words.length(item.duration_s),
        escape(words.who(item)),
        words.measured(item),
        item.severity,
        f"{item.confidence:.2f}",
        item.cause.replace("_", " "),
        "–" if item.cause_confidence is None else f"{item.cause_confidence:.2f}",
        f"`{item.finding_id}`",
    )


def _recordings(analysis: Analysis) -> list[str]:
    if not analysis.recordings:
        return ["Not measured: there is no recording."]
    head = ("recording", "track", "codec", "length", "missing", "start from", "speech level", "speech", "impaired")
    return _table(
        head,
        [
            (
                escape(row.recording),
                escape(row.track),
                escape(row.codec or words.NOT_MEASURED),
                words.length(row.duration_s),
                words.length(row.missing_s) if row.missing_s else "0 s",
                row.start_from,
                words.number(row.active_speech_level_dbfs, 1, "dBFS"),
                words.number(row.speech_activity_pct, 0, "%"),
                words.number(row.impaired_seconds, 0, "s"),
            )
            for row in analysis.recordings
        ],
    )


def _about(analysis: Analysis) -> list[str]:
    lines = [f"- {escape(line)}" for row in analysis.recordings for line in about(row)]
    return ["", *lines] if lines else []


def _streams(analysis: Analysis) -> list[str]:
    if not analysis.streams:
        return ["Not measured: there is no packet log with RTP in it, and no stats."]
    head = (
        "participant",
        "ssrc",
        "counted in",
        "codec",
        "clock from",
        "packets",
        "lost",
        "lost %",
        "jitter mean / max",
        "longest pause",
    )
    return _table(
        head,
        [
            (
                escape(row.participant or "–"),
                f"`{row.ssrc}`",
                row.source if row.direction is None else f"{row.source}, {row.direction}",
                escape(words.codec(row)),
                row.clock_rate_from,
                f"{row.packets:,}",
                words.number(row.lost, 0),
                words.number(row.loss_pct, 2, "%"),
                f"{words.number(row.jitter_mean_ms, 1)} / {words.number(row.jitter_max_ms, 1, 'ms')}",
                words.number(row.delta_max_ms, 0, "ms"),
            )
            for row in analysis.streams
        ],
    )


def _worst_streams(analysis: Analysis) -> list[str]:
    """Bursts, the E-model and buffers of the worst streams, as plain tables."""
    lines = []
    for row in streams.worst_streams(analysis)[:MOST_STREAMS]:
        who = f"{escape(row.participant)} " if row.participant else ""
        lines += ["", f"### {who}`{row.ssrc}`", ""]
        facts = [*streams.bursts(row), *streams.estimate(analysis, row)]
        lines += _table(("loss in bursts (RFC 3611 4.7.2), E-model", "value"), [_escaped(fact) for fact in facts])
        lines += ["", escape(streams.buffer_words(row))]
        if row.sweep:
            head = ("fixed buffer", "concealed", "dropouts", "late")
            lines += ["", *_table(head, [_escaped(cells) for cells in streams.sweep_rows(row)])]
    if len(analysis.packet_streams) > MOST_STREAMS:
        lines += ["", f"The worst {MOST_STREAMS} of {len(analysis.packet_streams)}; every one is in report.json."]
    return lines


def _escaped(cells: Sequence[str]) -> list[str]:
    return [escape(cell) for cell in cells]
