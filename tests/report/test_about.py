"""What stands below the table of recordings."""

import json

import numpy as np
import soundfile
from report_builder import analysis, recording
from sound import noise

from aqa.report.about import about
from aqa.report.html import report_html
from aqa.report.markdown import report_markdown

RATED = {
    "mos_windows": 12, "plcmos": 3.91, "plcmos_lowest": 2.04, "plcmos_lowest_at_s": 312.5, "dnsmos_overall": 3.02,
    "dnsmos_signal": 3.4, "dnsmos_background": 3.9,
}  # fmt: skip


def test_nothing_is_said_of_a_plain_recording():
    assert about(recording()) == []


def test_notes_and_learned_scores_stand_in_both_reports_with_their_domain():
    row = recording(notes=json.dumps(["a chain of 2 files in one"]), **RATED)
    note, learned = about(row)
    assert note == "mix.wav: a chain of 2 files in one."
    assert "PLCMOS v2 3.91 (lowest 2.04 at" in learned and "not for music" in learned and "advisory" in learned
    whole = analysis(recordings=[row])
    for text in (report_html(whole, {}), report_markdown(whole)):
        assert "a chain of 2 files in one" in text and "not for music" in text


def test_false_stereo_is_said_through_the_whole_path(tmp_path):
    from typer.testing import CliRunner

    from aqa.cli import app

    x = noise(3, 16_000)
    soundfile.write(tmp_path / "a.wav", np.stack([x, x], axis=1), 16_000)
    out = tmp_path / "out"
    arguments = [
        "analyze",
        str(tmp_path / "a.wav"),
        "--data",
        f"{out}/data",
        "--reports",
        f"{out}/reports",
        "--quiet",
    ]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    (row,) = json.loads((out / "reports" / "a" / "report.json").read_text())["recordings"]
    assert row["false_stereo"] is True and "false stereo" in row["notes"]
    assert row["plcmos"] is None
