"""Findings of an event in the forms other programs read: Wireshark display filters, CSV, JSON."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from aqa.event_model import Analysis
from aqa.files import write_bytes
from aqa.model import Finding, InputError
from aqa.report.data import findings_csv, finite
from aqa.report.filters import wireshark_filter
from aqa.report.streams_table import plain_text
from aqa.report.words import NBSP, event_time, kind_words, length, who
from aqa.stream_model import StreamRow


def wireshark(analysis: Analysis) -> bytes:
    """For each finding in packets a comment that says what it is, and the display filter that shows its packets.

    A log's `clock_offset_s` in event.toml is not in the store: with one, ranges of time are off by it.
    """
    rows: dict[tuple[str, str], list[StreamRow]] = {}
    for row in analysis.packet_streams:
        rows.setdefault((row.log, row.ssrc), []).append(row)
    return "".join(f"{line}\n" for line in _filters(analysis, rows)).encode("utf-8", "backslashreplace")


def _filters(analysis: Analysis, rows: Mapping[tuple[str, str], list[StreamRow]]) -> Iterator[str]:
    several = len({row.log for row in analysis.packet_streams}) > 1
    for item in analysis.findings:
        of = rows.get((item.log or "", item.stream or ""), []) if item.source == "packets" else []
        if of:
            where = f" in {plain_text(item.log or '')}" if several else ""
            yield f"# {event_time(item.start_s, milliseconds=True)} {_named(item)}{where}"
            yield wireshark_filter(item, of[0] if len(of) == 1 else _any_flow(of[0]))


def _named(item: Finding) -> str:
    return f"{kind_words(item.kind)} {plain_text(who(item))} {length(item.duration_s)}".replace(NBSP, " ")


def _any_flow(row: StreamRow) -> StreamRow:
    """The row without its flow: a finding names its SSRC only, and several flows of the log have this one."""
    return dataclasses.replace(row, src="", dst="", expected=None)


def findings_json(analysis: Analysis) -> bytes:
    """The findings as they stand in report.json."""
    rows = finite([dataclasses.asdict(item) for item in analysis.findings])
    text = json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


EXPORTS: dict[str, Callable[[Analysis], bytes]] = {
    "csv": findings_csv,
    "json": findings_json,
    "wireshark": wireshark,
}
"""What there is, by name."""

PLANNED = ("audacity", "webvtt", "grafana", "openmetrics", "junit", "reaper", "textgrid")
"""Names that are kept for what there is not yet."""


def exporter(name: str) -> Callable[[Analysis], bytes]:
    """The export of this name; InputError where there is none, or none yet."""
    if name in EXPORTS:
        return EXPORTS[name]
    why = "not built yet" if name in PLANNED else "no such export"
    raise InputError(f"--as {name}: {why}; there are {', '.join(EXPORTS)}")


def write_to(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; InputError where it can't be written."""
    try:
        write_bytes(path, content)
    except OSError as error:
        raise InputError(f"--output {path}: {error.strerror or error}; choose another file") from error
