"""What needs more than one track: pauses of the whole room, and a speaker beside louder ones."""

import json
from pathlib import Path

import numpy as np
import soundfile
from sound import noise

from aqa.pipeline import Options, analyze
from aqa.store import Store

RATE = 16_000


def room(*parts):
    """Speech-like swells, one a second, over a room's noise; parts of (seconds, whether there is speech).

    Each swells and fades over a quarter of a second: gates of half a second with hard edges are holes to any ear.
    """
    out = []
    for seconds, speaks in parts:
        gate = np.sin(np.pi * np.arange(seconds * RATE) / RATE) ** 2 if speaks else np.zeros(seconds * RATE)
        out.append(noise(seconds, RATE, -26, seed=len(out)) * gate)
    x = np.concatenate(out)
    return x + noise(len(x) / RATE, RATE, -65, seed=9)


def judged(folder: Path, **tracks):
    event = folder / "recordings" / "e"
    event.mkdir(parents=True)
    lines = []
    for name, x in tracks.items():
        soundfile.write(event / f"{name}.wav", x.T, RATE)
        lines.append(f'[[recordings]]\npath = "{name}.wav"\ntrack = "{name}"\nstart = 2023-05-24T22:00:00Z\n')
    (event / "event.toml").write_text("".join(lines))
    options = Options(data=folder / "data", reports=folder / "reports")
    analyze([event.parent], options)
    report = json.loads((folder / "reports" / "e" / "report.json").read_text())
    assert Store(options.data).event("e") is not None
    return report


def kinds(report):
    return sorted((f["kind"], f["track"]) for f in report["findings"])


TALK, LISTEN = (4, True), (8, False)


def test_a_pause_while_another_speaks_is_none(tmp_path):
    report = judged(tmp_path, alice=room(TALK, LISTEN, TALK), bob=room((16, True)))
    assert kinds(report) == []


def test_a_pause_of_everyone_is_one(tmp_path):
    report = judged(tmp_path, alice=room(TALK, LISTEN, TALK), bob=room(TALK, LISTEN, TALK))
    assert kinds(report) == [("silence", "alice"), ("silence", "bob")]
    assert all(json.loads(f["evidence"])["class"] == "long_pause" if isinstance(f["evidence"], str)
               else f["evidence"]["class"] == "long_pause" for f in report["findings"])  # fmt: skip


def test_the_mix_silent_while_somebody_speaks_is_no_pause_of_the_room(tmp_path):
    report = judged(tmp_path, mix=room(TALK, LISTEN, TALK), bob=room((16, True)))
    assert kinds(report) == [("silence", "mix")]


def test_a_speaker_beside_much_louder_ones(tmp_path):
    quiet = room((16, True)) * 10 ** (-17 / 20)
    report = judged(tmp_path, alice=quiet, bob=room((16, True)) * 1.6, carol=room((16, True)) * 1.6)
    assert kinds(report) == [("low_level", "alice")]


def test_the_row_tells_loudness_and_levels(tmp_path):
    report = judged(tmp_path, alice=np.stack([room((16, True))] * 2) + 0.0005)
    (row,) = report["recordings"]
    assert -30 < row["loudness_lufs"] < -15 and row["loudness_range_lu"] >= 0
    assert row["momentary_max_lufs"] >= row["short_term_max_lufs"] >= row["loudness_lufs"] - 1
    assert -20 < row["true_peak_dbtp"] < 0
    assert abs(row["dc_offset"] - 0.0005) < 5e-4 and row["dc_offset"] != 0
    assert 20 < row["speech_snr_db"] < 45
