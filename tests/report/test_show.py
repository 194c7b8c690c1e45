import dataclasses
import json

import pytest
from night_builder import night
from report_builder import analysis, events
from typer.testing import CliRunner

from aqa.cli import app
from aqa.model import InputError
from aqa.report import show
from aqa.report.moments import second_of
from aqa.report.strip import Strip
from aqa.store import Store


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    Store(folder).write(night(), {})
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["show", *map(str, arguments)])


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_the_timeline_fits_any_width(width):
    for made in events().values():
        assert max(map(len, show.event_text(made, width).split("\n"))) <= width


def test_the_night_from_the_store(data):
    out = run("launch", "--data", data).stdout
    assert "The room opened 19 min late" in out
    lanes = {line.split()[0]: line for line in out.split("\n") if line[:1].isalpha() and len(line.split()) > 1}
    assert {"incidents", "rooms", "listeners", "sfu-1", "event", "carol", "complaints", "operator"} <= set(lanes)
    assert "Ou" in lanes["event"]
    assert out.index("1  Speech in room-1") < out.index("2  carol")
    assert "b  22:15:18 paged: stalls in room-1 (op)" in out


@pytest.mark.parametrize("at", ["00:12:00", "720", "22:12:00", "22:12:00Z", "2023-05-24T22:12:00Z"])
def test_a_close_look_by_event_time_or_utc(data, at):
    out = run("launch", "--at", at, "--around", "5", "--data", data).stdout
    assert "00:11:55.000 to 00:12:05.000, event time (22:11:55 – 22:12:05 UTC)" in out
    assert "dropout" in out
    assert "choppy <b>sound</b> (u0)" in out
    assert "482,084" in out
    rows = [line.split() for line in out.split("\n") if line.startswith("00:12:00  carol")]
    assert rows == [["00:12:00", "carol", "0x00000003", "45", "50", "9", "n/m", "-", "20.0", "-"]]


def test_a_close_look_as_json(data):
    got = json.loads(run("launch", "--at", "00:12:00", "--around", "5", "--data", data, "--json").stdout)
    assert got["window"] == {"start_s": 715, "end_s": 725}
    assert {row["kind"] for row in got["findings"]} == {"capacity", "loss", "dropout"}
    assert [row["rank"] for row in got["incidents"]] == [1]
    assert {row["series"] for row in got["history"]} == {"listeners", "load", "complaint"}
    assert len(got["seconds"]) == 3 * 11


@pytest.mark.parametrize("at", ["noon", "02:00:00", "23:30:00Z", "2023-05-25T22:12:00Z", "2023-05-24T22:12:00", "-1"])
def test_a_time_that_is_none_or_outside_is_2_and_says_so(data, at):
    result = run("launch", "--data", data, f"--at={at}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--at" in result.stderr


def test_an_event_that_is_not_there_is_named(data):
    result = run("gone", "--data", data)
    assert result.exit_code == 2
    assert "launch" in result.stderr


def test_without_a_clock_only_event_time_is_known():
    made = events()["no clock"]
    assert second_of(made, "00:01:40") == 100
    with pytest.raises(InputError, match="UTC is not known"):
        second_of(made, "09:01:40")


def test_past_midnight_a_clock_time_is_of_the_next_day():
    from report_builder import event

    made = analysis(event(start_utc="2026-11-16T23:59:00.000Z", rooms="[]"))
    assert second_of(made, "00:01:00Z") == 120


def test_a_terminal_does_nothing_with_text_of_inputs(tmp_path):
    odd = "\x1b[31m\x07\u202e[red]"
    rows = [dataclasses.replace(row, text=odd, place=odd, who=odd) for row in night().history]
    Store(tmp_path).write(dataclasses.replace(night(), history=tuple(rows)), {})
    for more in ((), ("--at", "00:12:00")):
        out = run("launch", "--data", tmp_path, *more).stdout
        assert "[red]" in out
        assert not any(sign in out for sign in "\x1b\x07\u202e")


def test_bars_and_letters():
    strip = Strip(0.0, 10.0, 10)
    assert strip.bars([(0, 0.0), (3.5, 50.0), (3.9, 100.0), (9.9, 1.0), (10.0, 100.0)], 100.0) == "   █     ▁"
    assert strip.bars([(2, 100.0)], 100.0, hold_s=3.0) == "  ███     "
    assert strip.letters([f for f in night().findings if f.kind == "nothing"]) == " " * 10


def test_stored_series_come_back(data):
    assert Store(data).analysis("launch").history == night().history
