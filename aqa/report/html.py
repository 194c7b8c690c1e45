"""The pages: one offline file each, under a strict Content-Security-Policy, readable without scripts."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from aqa import __version__
from aqa.event_model import Analysis, EventRow
from aqa.incidents import Incident, incidents
from aqa.model import Finding
from aqa.report import bars, charts, lanes, streams, verdict, words
from aqa.report.about import about
from aqa.report.clips import Clip
from aqa.report.data import SCHEMA, settings_sha256
from aqa.report.event_lanes import lettered
from aqa.report.evidence import told
from aqa.report.facts import facts
from aqa.report.filters import wireshark_filters
from aqa.report.history import lines_of
from aqa.report.scatter import scatter
from aqa.report.whole_rows import whole_event
from aqa.settings import overrides_in
from aqa.sound_model import RecordingRow
from aqa.stream_model import StreamRow

MOST_INCIDENTS = 60  # in the page; every one is in report.json
MOST_FINDINGS = 200  # rows in the page; every one is in findings.csv


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,  # Jinja2's default is off
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(words=words, verdict=verdict, data_uri=data_uri)
    return environment


def _template(name: str) -> str:
    return files("aqa.report").joinpath("templates", name).read_text("utf-8")


def data_uri(kind: str, content: bytes) -> str:
    """Bytes as a data: address."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def report_html(analysis: Analysis, clips: Mapping[str, Clip]) -> str:
    """The page of one event."""
    event = analysis.event
    found = verdict.worst(verdict.faults(analysis))
    grouped = incidents(analysis)
    rows = [told(analysis, one, grouped) for one in grouped.ranked[:MOST_INCIDENTS]]
    return _page(
        "report.html",
        script="timeline.js",
        title=event.title,
        analysis=analysis,
        event=event,
        status=event.status,
        rooms=[room["id"] for room in json.loads(event.rooms)],
        facts=facts(analysis),
        lanes=lanes.timeline(analysis),
        ticks=[
            (at / max(event.duration_s, 1e-3), words.moment(analysis, at))
            for at in lanes.axis_ticks(event.duration_s, event.start_utc)
        ],
        key=lanes.key(analysis),
        operator=lettered(lines_of(analysis, "operator")),
        heard=[row for row in rows if row.one.heard],
        unheard=[row for row in rows if not row.one.heard],
        incidents_in_all=len(grouped.ranked),
        small=grouped.small,
        figures={it.one.rank: figure for it in rows if (figure := scatter(analysis, it.one)) is not None},
        clip_of={it.one.rank: item for it in rows if (item := _clipped(it.one, clips)) is not None},
        small_kinds=_counted(grouped.small),
        whole=whole_event(analysis),
        rank_of={item.finding_id: one.rank for one in grouped.ranked for item in one.findings},
        left_out=lanes.left_out(analysis),
        clips=[(item, clips[item.finding_id]) for item in found if item.finding_id in clips],
        findings=found[:MOST_FINDINGS],
        findings_in_all=len(found),
        intended=[item for item in analysis.findings if item.cause == "intended"],
        facts_of=_facts_of,
        not_measured=json.loads(event.not_measured),
        about=[line for row in analysis.recordings for line in about(row)],
        problems=json.loads(event.problems),
        inputs=json.loads(event.inputs),
        overrides=_overrides(event),
        settings_sha256=settings_sha256(analysis),
        schema=SCHEMA,
        version=__version__,
        judged=_judged,
        any_late=any(row.late is not None for row in analysis.streams),
        any_stats=any(row.source == "stats" for row in analysis.streams),
        any_mos=any(row.mos_estimated is not None for row in analysis.streams),
        late_pct=streams.late_pct,
        mos_note=streams.mos_note(analysis),
        stream_details=streams.details(analysis),
        streams_in_all=len(analysis.packet_streams),
        loss_top_pct=bars.LOSS_TOP_PCT,
        filters=wireshark_filters(found[:MOST_FINDINGS], analysis.packet_streams),
    )


def index_html(events: Sequence[EventRow]) -> str:
    """The page over all events, worst first."""
    order = {"bad": 0, "not_measured": 1, "good": 2}
    rows = sorted(
        events, key=lambda row: (order[row.status], -(row.impaired_seconds or 0), row.start_utc or "", row.event_id)
    )
    bad, unknown = (sum(row.status == status for row in rows) for status in ("bad", "not_measured"))
    sentence = (
        f"{bad} of {words.count(len(rows), 'event')} had faults beyond their budget; {unknown} could not be judged."
    )
    return _page(
        "index.html",
        script="find.js",
        title="All events",
        rows=rows,
        sentence=sentence,
        not_measured=_not_measured_count,
    )


def trends_html(rows: Sequence[Mapping[str, Any]]) -> str:
    """The page of trends: small multiples and the table."""
    return _page(
        "trends.html",
        script="find.js",
        title="Trends",
        rows=list(reversed(rows)),
        sentence=charts.sentence(rows),
        charts=charts.charts(rows),
        columns=[name for name in charts.COLUMNS if rows and name in rows[0]],
        cell=charts.cell,
        head=charts.head,
    )


def _page(template: str, *, script: str, title: str, **values: Any) -> str:
    """A page with its style and script inside, and a policy that allows these two alone."""
    style, program = _template("page.css"), _template(script)
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(program)}'; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    )
    content = _environment().get_template(template)
    return content.render(
        policy=policy,
        style=Markup(style),
        script=Markup(program),
        title=title,
        **values,
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _overrides(event: EventRow) -> str:
    """What the settings change against the defaults, as text."""
    return ", ".join(_dotted(overrides_in(json.loads(event.settings)))) or "defaults, no overrides"


def _dotted(values: Mapping[str, Any], above: str = "") -> list[str]:
    lines = []
    for name, value in values.items():
        lines += _dotted(value, f"{above}{name}.") if isinstance(value, dict) else [f"{above}{name} = {value}"]
    return lines


def _facts_of(item: Finding) -> list[tuple[str, str]]:
    """The evidence of a finding, one fact a row, nested facts joined."""
    rows = []
    for name, value in json.loads(item.evidence).items():
        nested = value.items() if isinstance(value, dict) else [("", value)]
        for below, inner in nested:
            text = json.dumps(inner, ensure_ascii=False) if isinstance(inner, dict | list) else f"{inner}"
            rows.append((f"{name} {below}".strip().replace("_", " "), text))
    return rows


def _clipped(one: Incident, clips: Mapping[str, Clip]) -> Finding | None:
    """The worst finding of an incident that can be heard."""
    return next((item for item in verdict.worst(one.findings) if item.finding_id in clips), None)


def _counted(items: Sequence[Finding]) -> str:
    """How many of each kind."""
    kinds = dict.fromkeys(item.kind for item in items)
    return ", ".join(f"{words.kind_words(kind)} {sum(i.kind == kind for i in items):,}" for kind in kinds)


def _judged(analysis: Analysis, row: RecordingRow | StreamRow) -> str:
    """The judgement of a recording or a stream, sign and word: bad with a finding that is more than minor."""
    if isinstance(row, RecordingRow):
        if row.impaired_seconds is None:
            return verdict.sign("not_measured").lower()
        mine = [item for item in verdict.faults(analysis) if item.recording == row.recording]
    else:
        mine = [item for item in verdict.faults(analysis) if (item.log, item.stream) == (row.log, row.ssrc)]
    bad = any(item.severity != "minor" for item in mine)
    return verdict.sign("bad" if bad else "good").lower()


def _not_measured_count(row: EventRow) -> int:
    return len(json.loads(row.not_measured))
