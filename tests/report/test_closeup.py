"""One stream closely: the plot shows what came when, the tables what was found."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from captures import frames, pcap, talk
from hypothesis import given
from hypothesis import strategies as st
from streams import stream
from typer.testing import CliRunner

from aqa.cli import app
from aqa.playout import Buffer, Played, play
from aqa.report.delay_plot import MARGIN, ROWS, _ceiling, delay_plot

DEMO = Path(__file__).parent.parent.parent / "data" / "demo" / "room.pcap"


def played(packets):
    found = stream(packets)
    return Played(found, play(found, Buffer()))


def run(*arguments, width=100):
    return CliRunner().invoke(app, ["packets", *map(str, arguments)], env={"COLUMNS": str(width)})


def row_of(lines, name):
    return next(line for line in lines if line[:MARGIN].strip() == name)[MARGIN + 1 :]


def test_a_loss_and_a_late_packet_stand_where_they_were():
    packets = [p for p in talk(1000) if not 500 <= p.sequence < 520]
    packets[250] = dataclasses.replace(packets[250], arrival_s=packets[250].arrival_s + 0.4)
    packets.sort(key=lambda p: p.arrival_s)
    lines = delay_plot(played(packets), 110)
    lost, late, made_up = (row_of(lines, name) for name in ("lost", "late", "made up"))
    assert [i for i, c in enumerate(lost) if c == "L"] == [50, 51, 52]  # 10.0 to 10.4 s of 19.98 s, 100 columns
    assert [i for i, c in enumerate(late) if c == "T"] == [27]  # came 5.0 + 0.4 s
    assert "M" in made_up[49:54] and "M" in made_up[24:27]
    assert lines[1].split()[0] == "400"  # the scale ends at the one late packet
    assert lines[1][MARGIN + 1 + 27 :].strip()


@pytest.mark.parametrize("width", [40, 80, 100, 160])
def test_the_plot_fits(width):
    lines = delay_plot(played(talk(500)), width)
    assert max(map(len, lines[1:])) <= width
    assert len(lines) == 1 + ROWS + 3 + 1
    assert lines[-1].strip().startswith("00:00:00") and lines[-1].endswith("00:00:09.980")


def test_a_steady_stream_lies_on_the_floor_with_the_buffer_above():
    lines = delay_plot(played(talk(1000)), 100)
    body = [line[MARGIN + 1 :] for line in lines[1 : 1 + ROWS]]
    dots = [i for i, line in enumerate(body) if any("\u2800" < c <= "\u28ff" for c in line)]
    assert dots == [ROWS - 1]
    assert any("\N{BOX DRAWINGS LIGHT HORIZONTAL}" in line for line in body[: ROWS - 1])


def test_without_a_clock_there_is_no_plot():
    unknown = [dataclasses.replace(p, payload_type=96) for p in talk(6)]
    assert delay_plot(played(unknown), 100) == ["no plot of delay: the clock rate is not known"]


@given(st.floats(0, 1e7))
def test_the_scale_holds_its_largest_value_and_little_more(value):
    top = _ceiling(value)
    assert top >= value - 1e-6
    assert top <= max(2 * value, 10.0) + 1e-6


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_demo_s_stall_is_seen(width):
    ran = run(DEMO, "--stream", "0x1000ca01", width=width)
    assert ran.exit_code == 0, ran.stderr
    shown = ran.stdout.replace("\N{NO-BREAK SPACE}", " ")
    lines = shown.split("\n")
    assert max(len(line) for line in lines if not line.startswith("in ")) <= width  # a path stays whole
    assert "nothing came for 1.42 s: what was sent meanwhile was lost" in shown.replace("\n    ", " ")
    assert any(line.startswith("00:00:45") and "stall" in line and "network_loss" in line for line in lines)
    assert any(line.split() == ["500", "0", "1", "1.40"] for line in lines), shown  # the sweep: a loss stays lost
    assert any(line.split()[1:] == ["1.400", "70", "70", "70"] for line in lines)


def test_json_has_the_row_and_the_findings():
    said = json.loads(run(DEMO, "--stream", "0x1000ca01", "--json").stdout)
    assert list(said) == ["stream", "findings"]
    assert (said["stream"]["ssrc"], said["stream"]["lost"]) == ("0x1000ca01", 70)
    table = json.loads(run(DEMO, "--json").stdout)
    assert said["stream"] in table  # one stream's row is the same, looked at alone
    assert {"stall", "loss"} <= {item["kind"] for item in said["findings"]}
    stall = next(item for item in said["findings"] if item["kind"] == "stall")
    assert stall["start_utc"].startswith("2026-11-16T09:00:4")


def test_all_streams_of_an_ssrc_are_shown(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.pcap").write_bytes(pcap(frames(talk(100))))
    files = [tmp_path / "a.pcap", tmp_path / "b.pcap"]
    assert len(json.loads(run(*files, "--stream", "0x1234", "--json").stdout)) == 2
    shown = run(*files, "--stream", "4660").stdout
    assert f"in {files[0]}\n" in shown and f"in {files[1]}\n" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--stream", "0x99"), "there are 0x1000a11c, 0x1000b0b0, 0x1000ca01"),
        (("--stream", "bob"), "--stream bob: not an SSRC"),
        (("--stream", "0x100000000"), "not an SSRC"),
        (("--codec", "111"), "for example 111=opus/48000/2"),
        (("--codec", "200=opus/48000/2"), "payload type (0 to 127)"),
        (("--settings", "/nothing.toml"), "/nothing.toml"),
    ],
)
def test_wrong_use_is_2_and_says_what_is_right(arguments, message):
    ran = run(DEMO, *arguments)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert message in ran.stderr


def test_a_codec_can_be_named(tmp_path):
    unknown = [dataclasses.replace(p, payload_type=96, timestamp=int(p.timestamp * 1.37)) for p in talk(60)]
    (tmp_path / "a.pcap").write_bytes(pcap(frames(unknown)))
    (row,) = json.loads(run(tmp_path / "a.pcap", "--codec", "96=opus/48000/2", "--json").stdout)
    assert (row["codec"], row["clock_rate_hz"], row["clock_rate_from"]) == ("opus/48000/2", 48000, "settings")


def test_the_buffer_of_the_settings_is_used(tmp_path):
    (tmp_path / "aqa.toml").write_text('[playout]\nmodel = "fixed"\ndelay_ms = 200\n')
    rows = json.loads(run(DEMO, "--settings", tmp_path / "aqa.toml", "--json").stdout)
    assert {row["playout_model"] for row in rows} == {"fixed 200 ms"}


def test_worst_first_is_by_made_up_sound():
    rows = json.loads(run(DEMO, "--json").stdout)
    made_up = [row["concealed_s"] for row in rows]
    assert made_up == sorted(made_up, reverse=True)


def test_a_terminal_gets_the_worst_40_and_a_pipe_all(tmp_path):
    wire = frames([p for n in range(45) for p in talk(20, ssrc=n + 1)])
    (tmp_path / "many.pcap").write_bytes(pcap(sorted(wire, key=lambda item: item[0])))
    command = [sys.executable, "-m", "aqa.cli", "packets", str(tmp_path / "many.pcap")]

    def on_terminal(*more):
        main, end = os.openpty()
        process = subprocess.Popen([*command, *more], stdout=end, env={**os.environ, "COLUMNS": "100"})
        os.close(end)
        out = b""
        with contextlib.suppress(OSError):  # Linux ends a terminal that was closed with an error
            while block := os.read(main, 65_536):
                out += block
        os.close(main)
        assert process.wait() == 0
        return out.decode()

    shown = on_terminal("--csv")  # programs get all of them
    assert shown.count("0x000000") == 45
    shown = on_terminal().replace("\N{NO-BREAK SPACE}", " ")
    assert sum(line.startswith("0x000000") for line in shown.splitlines()) == 40
    assert "5 more streams, none of them worse than these; --all prints all of them" in shown
    piped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert sum(line.startswith("0x000000") for line in piped.splitlines()) == 45


def test_stats_of_one_end_are_shown_without_a_plot(corpus):
    file = corpus / "webrtc-stats" / "jitsi+rtcstats-server" / "google-standard-stats-p2p"
    ran = run(file, "--stream", "0xcffac366")
    shown = ran.stdout.replace("\N{NO-BREAK SPACE}", " ")
    assert ran.exit_code == 0, ran.stderr
    assert "received, by stats" in shown and "could be heard" in shown
    assert "concealed audio" in shown and "no plot" not in shown
