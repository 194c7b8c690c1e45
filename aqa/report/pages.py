"""Write the files that people read; each is whole or absent."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aqa.event_model import Analysis, EventRow
from aqa.files import write_bytes
from aqa.report import data, html, markdown
from aqa.report.clips import by_finding, make_clips


def report_event(analysis: Analysis, *, root: Path, out: Path) -> None:
    """Everything of one event below `out`; clips are cut from the recordings below `root`."""
    folder = out / analysis.event.event_id
    clips = by_finding(make_clips(analysis, root))
    wanted = {clip.name for clip in clips.values() if clip.m4a}
    for old in (folder / "clips").glob("f-*.m4a"):
        if old.name not in wanted:
            old.unlink()
    for clip in clips.values():
        if clip.m4a:
            write_bytes(folder / "clips" / clip.name, clip.m4a)
    write_bytes(folder / "findings.csv", data.findings_csv(analysis))
    write_bytes(folder / "report.json", data.report_json(analysis))
    write_bytes(folder / "report.md", _utf8(markdown.report_markdown(analysis)))
    write_bytes(folder / "report.html", _utf8(html.report_html(analysis, clips)))


def write_index(events: Sequence[EventRow], out: Path) -> None:
    """The page over all events."""
    write_bytes(out / "index.html", _utf8(html.index_html(events)))


def write_trends(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    """The page and the table of trends."""
    write_bytes(out / "trends.csv", data.table_csv(rows))
    write_bytes(out / "trends.html", _utf8(html.trends_html(rows)))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
