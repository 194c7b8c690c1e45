"""The commands as a user meets them: exit codes, what is on stdout and what on stderr."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from aqa.cli import app

DEMO = Path(__file__).parent.parent / "data" / "demo"
HEAVY = ("numpy", "scipy", "librosa", "numba", "polars", "av", "soundfile", "pydantic", "jinja2", "msgspec")


def run(*arguments):
    return CliRunner().invoke(app, [str(item) for item in arguments])


def places(folder):
    return ("--data", folder / "data", "--reports", folder / "reports")


def speech(seconds=4, rate=8000):
    random = np.random.default_rng(1)
    return random.normal(0, 0.05, seconds * rate) * np.repeat(random.uniform(0.2, 1, seconds * 10), rate // 10)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    result = run("analyze", DEMO, *places(folder))
    assert result.exit_code == 0, result.output
    return folder


def test_help_imports_nothing_heavy():
    program = f"import sys, aqa.cli; print([m for m in {HEAVY} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"


def test_version():
    assert run("--version").stdout.startswith("aqa 0.")


def test_analyze_writes_store_and_reports_and_says_where(demo):
    tables = sorted(path.parent.name for path in (demo / "data").glob("*/demo.parquet"))
    wanted = ["events", "findings", "history", "measures", "recordings", "runs", "seconds", "series", "streams"]
    assert tables == wanted
    for name in ("report.html", "report.md", "report.json", "findings.csv"):
        assert (demo / "reports" / "demo" / name).stat().st_size > 0
    for name in ("index.html", "trends.html", "trends.csv"):
        assert (demo / "reports" / name).stat().st_size > 0


def test_what_has_not_changed_is_not_analysed_again(demo):
    report = demo / "reports" / "demo" / "report.html"
    before = report.stat().st_mtime_ns
    result = run("analyze", DEMO, *places(demo))
    assert "(unchanged)" in result.stderr
    assert report.stat().st_mtime_ns == before
    assert result.stdout == ""


def test_quiet_is_quiet(demo):
    result = run("analyze", DEMO, *places(demo), "--quiet")
    assert (result.exit_code, result.output) == (0, "")


def test_show_detectors_explain_and_packets_print_data_on_stdout(demo):
    shown = run("show", "demo", "--data", demo / "data")
    assert "dropout" in shown.stdout
    assert shown.exit_code == 0
    close = run("show", "demo", "--at", "00:00:46", "--around", "2", "--data", demo / "data")
    assert "stall" in close.stdout
    assert "00:00:20" not in close.stdout
    assert "dropout" in run("detectors").stdout
    assert "What fools it" in run("explain", "dropout").stdout
    packets = json.loads(run("packets", DEMO / "room.pcap", "--json").stdout)
    assert {row["ssrc"]: row["lost"] for row in packets} == {"0x1000a11c": 1, "0x1000b0b0": 19, "0x1000ca01": 70}
    table = run("packets", DEMO / "room.pcap").stdout.splitlines()
    assert table[1].startswith("0x1000ca01")  # worst first


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_trends(demo, form):
    result = run("trends", *places(demo), form)
    assert result.exit_code == 0
    assert "2026-W47" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "nothing"),
        ("show", "nothing"),
        ("show", "demo", "--at", "noon"),
        ("analyze", "/nothing/there"),
        ("analyze",),
        ("analyze", ".", "--settings", "/nothing.toml"),
        ("analyze", ".", "-j", "0"),
    ],
)
def test_wrong_use_is_2_and_writes_nothing(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr
    assert list(tmp_path.iterdir()) == []


def test_wrong_settings_are_2_and_write_nothing(tmp_path):
    (tmp_path / "aqa.toml").write_text("[detectors.dropuot]")
    result = run("analyze", DEMO, *places(tmp_path), "--settings", tmp_path / "aqa.toml")
    assert result.exit_code == 2
    assert "dropuot" in result.stderr
    assert not (tmp_path / "data").exists()


def test_bad_input_costs_only_itself(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    soundfile.write(folder / "good.wav", speech(), 8000)
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("this is not sound\n" * 50)
    soundfile.write(folder / "cut.flac", speech(), 8000)
    (folder / "cut.flac").write_bytes((folder / "cut.flac").read_bytes()[:20_000])
    (folder / "room.pcap").write_bytes((DEMO / "room.pcap").read_bytes()[:100_001])
    (folder / "wrong").mkdir()
    soundfile.write(folder / "wrong" / "mix.wav", speech(), 8000)
    (folder / "wrong" / "event.toml").write_text("[evnt]\n")
    result = run("analyze", folder, *places(tmp_path))
    assert result.exit_code == 1
    for name in ("empty.wav", "text.wav", "cut.flac", "room.pcap", "event.toml"):
        assert any(name in line for line in result.stderr.splitlines()), (name, result.stderr)
    stored = sorted(path.stem for path in (tmp_path / "data" / "events").glob("*.parquet"))
    assert stored == ["cut", "empty", "good", "room", "text"]
    assert json.loads((tmp_path / "reports" / "good" / "report.json").read_text())["findings"] == []
    cut = json.loads((tmp_path / "reports" / "cut" / "report.json").read_text())["recordings"][0]
    assert 0 < cut["duration_s"] < 4
    again = run("analyze", folder, *places(tmp_path))
    assert again.exit_code == 1  # what could not be read still could not be read
    assert "text.wav" in again.stderr


def test_text_of_inputs_can_t_steer_the_terminal(tmp_path):
    (tmp_path / "e").mkdir()
    soundfile.write(tmp_path / "e" / "mix.wav", speech(), 8000)
    (tmp_path / "e" / "event.toml").write_text('[event]\ntitle = "a\\u001b[31m[red]b"')
    result = run("analyze", tmp_path / "e", *places(tmp_path))
    assert result.exit_code == 0
    shown = run("show", "e", "--data", tmp_path / "data").stdout
    assert "\x1b" not in shown
    assert "[red]" in shown


def test_the_same_input_gives_the_same_bytes_with_any_number_of_workers(tmp_path, demo):
    assert run("analyze", DEMO, *places(tmp_path), "-j", "1").exit_code == 0
    for path in sorted(item for item in demo.rglob("*") if item.is_file()):
        assert (tmp_path / path.relative_to(demo)).read_bytes() == path.read_bytes(), path


def test_an_interrupt_is_130_at_once_and_leaves_nothing_half_written(tmp_path):
    (tmp_path / "in").mkdir()
    long = tmp_path / "in" / "long.wav"
    soundfile.write(long, np.zeros(0), 8000)
    header, size = long.read_bytes(), 12 * 3600 * 8000 * 2  # 12 hours, sparse
    header = header[:4] + struct.pack("<I", size + len(header) - 8) + header[8:-4] + struct.pack("<I", size)
    long.write_bytes(header)
    os.truncate(long, len(header) + size)
    command = [sys.executable, "-m", "aqa.cli", "analyze", tmp_path / "in", *places(tmp_path)]
    # a parent that ignores interrupts (a shell's background job) would hand that down
    default = "import os, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    default += "os.execv(sys.argv[1], sys.argv[1:])"
    process = subprocess.Popen([sys.executable, "-c", default, *map(str, command)], stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "data").exists() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert "run again" in said
    assert list((tmp_path / "data").rglob("*.parquet")) == []
