"""The written files: hostile text stays text, the policy holds, the same input gives the same bytes."""

import base64
import csv
import dataclasses
import hashlib
import io
import json
import re

import pytest
from report_builder import analysis, dropout, event, events, loss

from aqa.event_model import HistoryRow
from aqa.report import charts, data, html, lanes, markdown
from aqa.report.pages import report_event, write_index, write_trends
from aqa.report.svg import envelope

HOSTILE = (
    '<script>alert(1)</script>"><img src=x onerror=alert(1)> {{7*7}} \u202e\x00\x1b[31m =cmd|x [a](javascript:b) `c`'
)


def hostile():
    row = dropout(track=HOSTILE, recording=HOSTILE, evidence=json.dumps({"note": HOSTILE}))
    made = analysis(event(title=HOSTILE, problems=json.dumps([HOSTILE])), findings=(row, loss(track=HOSTILE)))
    lines = [
        HistoryRow(series=name, place=HOSTILE, time_s=9.0, who=HOSTILE, kind=HOSTILE, text=HOSTILE)
        for name in ("complaint", "operator")
    ]
    values = [HistoryRow(series=name, place=HOSTILE, metric=HOSTILE, time_s=9.0, value=3.0)
              for name in ("listeners", "load")]  # fmt: skip
    files = json.dumps([{"path": "feedback.csv", "bytes": 9, "sha256": "0" * 64}])
    return dataclasses.replace(
        made,
        event=dataclasses.replace(made.event, inputs=files),
        history=(*lines, *values),
        recordings=tuple(dataclasses.replace(r, recording=HOSTILE) for r in made.recordings),
    )


@pytest.mark.parametrize("name", sorted(events()))
def test_every_sort_of_event_has_every_file(tmp_path, name):
    report_event(events()[name], root=tmp_path, out=tmp_path)
    written = sorted(path.name for path in next(tmp_path.iterdir()).iterdir())
    assert written == ["findings.csv", "report.html", "report.json", "report.md"]


def test_the_json_has_the_keys_of_the_interface():
    report = json.loads(data.report_json(events()["bad"]))
    wanted = ["schema", "tool", "settings", "inputs", "event", "rooms", "recordings", "streams", "findings", "causes"]
    assert set(wanted) | {"scores", "not_measured"} <= set(report)
    assert report["schema"] == "aqa.report/1"
    assert report["tool"]["name"] == "aqa"
    assert report["inputs"][0].keys() == {"path", "bytes", "sha256"}
    assert {row["cause"]: row["findings"] for row in report["causes"]} == {"network_loss": 2}
    assert report["scores"][0]["formula"] == "impaired-seconds"
    assert report["not_measured"][0].keys() >= {"what", "why"}


def test_html_shows_hostile_text_as_text():
    page = html.report_html(hostile(), {})
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{7*7}}" in page
    index = html.index_html([hostile().event])
    assert "<script>alert" not in index


def test_markdown_shows_hostile_text_as_text():
    text = markdown.report_markdown(hostile())
    assert "<script>" not in text
    assert "](javascript" not in text
    assert "\x1b" not in text
    assert "\x00" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_text_is_no_formula_and_numbers_stay_numbers(start):
    rows = list(
        csv.DictReader(io.StringIO(data.table_csv([{"a": f"{start}1+1", "b": -2.5, "c": None}]).decode(), newline=""))
    )
    assert rows == [{"a": f"'{start}1+1", "b": "-2.5", "c": ""}]


def test_findings_csv_has_a_header_without_findings():
    assert data.findings_csv(events()["clean"]).startswith(b"event_id,finding_id,kind,")


@pytest.mark.parametrize("name", ["bad", "clean", "empty"])
def test_the_policy_allows_the_page_s_own_style_and_script_alone(name):
    page = html.report_html(events()[name], {})
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page).group(1).replace("&#39;", "'")
    for tag in ("style", "script"):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert " style=" not in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert not re.search(r"\son\w+=", page)


def test_the_same_input_gives_the_same_bytes():
    assert html.report_html(events()["bad"], {}) == html.report_html(events()["bad"], {})
    assert data.report_json(events()["bad"]) == data.report_json(events()["bad"])


def test_the_key_holds_only_the_marks_that_occur():
    text = " ".join(words for _, words in lanes.key(events()["bad"]))
    assert "dropout" in text
    assert "stall" not in text


def test_no_packet_log_is_a_hatch_with_words():
    names = [lane.name for lane in lanes.timeline(events()["no packets"])]
    assert "packets: not measured: no packet log" in names
    assert not any("not measured" in lane.name for lane in lanes.timeline(events()["bad"]))


def test_marks_of_a_crowd_that_nearly_touch_are_one_with_their_count():
    found = [dropout(start=100 + i / 10, length=0.05) for i in range(700)]
    pictures = "".join(str(lane.picture) for lane in lanes.timeline(analysis(findings=found)))
    assert pictures.count("mark solid") == 1
    assert "700 × dropout" in pictures


def test_missing_media_breaks_the_envelope():
    import numpy as np

    peaks = np.full(100, -20, np.float32)
    peaks[40:60] = np.nan
    assert envelope(peaks, columns=10, height=26).count("M") == 2


@pytest.mark.parametrize(("length", "step"), [(10, 1), (74, 10), (3600, 300), (86_400, 7200)])
def test_the_axis_has_round_steps(length, step):
    ticks = lanes.axis_ticks(length)
    assert ticks[1] - ticks[0] == step
    assert len(ticks) <= 13


def trend(period, value, **changes):
    row = dict.fromkeys(charts.COLUMNS, 1) | {"period": period, charts.JUDGED: value}
    return row | {"centre": None, "lower_limit": None, "upper_limit": None, "signal": None} | changes


def test_index_and_trends_are_written_for_nothing_and_for_something(tmp_path):
    write_index([], tmp_path)
    write_trends([], tmp_path)
    assert "No event yet" in (tmp_path / "index.html").read_text()
    write_index([made.event for made in events().values()], tmp_path)
    text = (tmp_path / "index.html").read_text()
    assert text.index("BAD") < text.index("NOT MEASURED") < text.index("GOOD")
    write_trends([trend("2026-W01", 1.5), trend("2026-W02", None), trend("undated", 2.0)], tmp_path)
    page = (tmp_path / "trends.html").read_text()
    assert "not measured" in page
    assert (tmp_path / "trends.csv").read_text().count("\n") == 4


def test_trends_say_what_stands_out():
    limits = {"centre": 1.0, "lower_limit": 0.0, "upper_limit": 2.0}
    rows = [trend("2026-W01", 1.0, **limits), trend("2026-W02", 9.0, **limits, signal="above")]
    assert charts.sentence(rows) == "2026-W02 stands out."
    assert charts.sentence(rows[:1]) == "No change: every period is within its limits."
    assert "outside" in str(charts.charts(rows)[0].picture)


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_the_palette_s_contrast(scheme):
    blocks = re.findall(r":root \{(.*?)\}", html._template("page.css"), re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#\w{6})", blocks[scheme]))
    for name, least in {
        "ink": 7,
        "soft": 4.5,
        "bad": 4.5,
        "lost": 4.5,
        "good": 4.5,
        "unknown": 4.5,
        "wave": 3,
        "link": 4.5,
    }.items():
        one, other = sorted((luminance(colours[name]), luminance(colours["page"])), reverse=True)
        assert (one + 0.05) / (other + 0.05) >= least, name
