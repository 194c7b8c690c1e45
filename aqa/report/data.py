"""What programs read: report.json and CSV. Same input and settings give the same bytes."""

import csv
import dataclasses
import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aqa import __version__
from aqa.event_model import Analysis
from aqa.incidents import incidents
from aqa.model import Finding, utc_ns, utc_text

SCHEMA = "aqa.report/1"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def report_json(analysis: Analysis) -> bytes:
    """The whole report as JSON; rows have the columns of the tables."""
    event = dataclasses.asdict(analysis.event)
    loose = {
        name: json.loads(event.pop(name)) for name in ("inputs", "settings", "not_measured", "rooms", "problems")
    }
    report = {
        "schema": SCHEMA,
        "tool": {"name": "aqa", "version": __version__},
        "settings": loose["settings"],
        "settings_sha256": settings_sha256(analysis),
        "inputs": loose["inputs"],
        "event": event,
        "rooms": loose["rooms"],
        "recordings": [dataclasses.asdict(row) for row in analysis.recordings],
        "streams": [dataclasses.asdict(row) for row in analysis.streams],
        "findings": [dataclasses.asdict(row) for row in analysis.findings],
        "incidents": incident_rows(analysis),
        "causes": causes(analysis.findings),
        "scores": scores(analysis),
        "whole": json.loads(analysis.event.facts),
        "not_measured": loose["not_measured"],
        "problems": loose["problems"],
    }
    return (json.dumps(finite(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode(
        "utf-8", "backslashreplace"
    )


def finite(value: Any) -> Any:
    """`value` with null for what JSON has no number for (minus infinity of digital silence, NaN)."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def incident_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """Every incident, worst first; `finding_ids` say what is in it."""
    rows = []
    for one in incidents(analysis).ranked:
        row = {item.name: getattr(one, item.name) for item in dataclasses.fields(one) if item.name != "findings"}
        times = {"duration_s": one.span_s, "start_utc": utc(analysis, one.start_s)}
        ids = [item.finding_id for item in one.findings]
        rows.append({**row, **times, "root_finding_id": one.incident_id, "finding_ids": ids})
    return rows


def utc(analysis: Analysis, second: float) -> str | None:
    """UTC of an event second, RFC 3339; None where the event has no clock."""
    start = analysis.event.start_utc
    return None if start is None else utc_text(utc_ns(datetime.fromisoformat(start)) + round(second * 1e9))


def causes(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Per cause: how many findings, how long together, and which; most findings first."""
    by_cause: dict[str, list[Finding]] = {}
    for item in findings:
        by_cause.setdefault(item.cause, []).append(item)
    rows = [
        {
            "cause": cause,
            "findings": len(items),
            "duration_s": round(sum(item.duration_s for item in items), 6),
            "finding_ids": [item.finding_id for item in items],
        }
        for cause, items in by_cause.items()
    ]
    return sorted(rows, key=lambda row: (-len(row["finding_ids"]), row["cause"]))


def scores(analysis: Analysis) -> list[dict[str, Any]]:
    """Every score with its formula's name, version and parts; a value of null is not measured."""
    event = analysis.event
    name, _, version = event.formula.partition("/")
    parts = {
        "speech_seconds": event.speech_seconds,
        "impaired_seconds": event.impaired_seconds,
        "severely_impaired_seconds": event.severely_impaired_seconds,
        "event_seconds": event.duration_s,
    }
    return [{"formula": name, "version": version, "value": event.impaired_seconds, "unit": "s", "parts": parts}]


def settings_sha256(analysis: Analysis) -> str:
    """SHA-256 of all settings in force."""
    return hashlib.sha256(analysis.event.settings.encode()).hexdigest()


def rows_csv(rows: Sequence[Any]) -> bytes:
    """Records as CSV (RFC 4180), one column per field."""
    return table_csv([dataclasses.asdict(row) for row in rows])


def table_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as CSV; text that a spreadsheet would take for a formula gets a leading apostrophe (CWE-1236)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    if rows:
        writer.writerow(rows[0].keys())
    for row in rows:
        writer.writerow([_guarded(value) for value in row.values()])
    return out.getvalue().encode("utf-8", "backslashreplace")


def findings_csv(analysis: Analysis) -> bytes:
    """Every finding with every column; the header alone where there is none."""
    columns = [item.name for item in dataclasses.fields(Finding)]
    return rows_csv(analysis.findings) or (",".join(columns) + "\r\n").encode()


def _guarded(value: Any) -> Any:
    if value is None:
        return ""
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
