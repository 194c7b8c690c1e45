"""From files to rows: a recording with an unknown start, a wrong one, one off by a time zone, and a right one."""

import json

import numpy as np
import pairs
import polars
import pytest
import soundfile
from captures import Packet, frames, pcap
from typer.testing import CliRunner

from aqa.cli import app
from aqa.timeline import Clock

SECONDS, START_S, BUFFER_S = 90.0, 5.0, 0.08
UTC = "2023-11-14T22:13:{:06.3f}Z"  # captures.START_NS is 22:13:20
RIGHT = UTC.format(20 + START_S + BUFFER_S)
GIVEN = {
    "unknown.wav": None,
    "right.wav": RIGHT,
    "wrong.wav": UTC.format(20 + START_S + BUFFER_S - 12.5),
    "zone.wav": "2023-11-15T03:43:25.080Z",
    "other.wav": RIGHT,
    "stray.wav": None,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The rows of recordings and findings of one event with all of them."""
    folder = tmp_path_factory.mktemp("event") / "room"
    folder.mkdir()
    one = pairs.spoken(pairs.speech(1, SECONDS))
    random = np.random.default_rng(4)
    packets = [
        Packet(i * 0.02 + float(random.exponential(0.002)), i, i * 960, 111, payload=bytes(random.bytes(int(size))))
        for i, size in enumerate(one.sizes)
    ]
    packets.sort(key=lambda packet: packet.arrival_s)
    (folder / "room.pcap").write_bytes(pcap(frames(packets), nano=True))
    decoded = pairs.decoded(one, np.zeros(len(one.packets), np.bool_))
    toml = '[[packet_logs]]\npath = "room.pcap"\n[codecs]\n111 = "opus/48000/2"\n'
    for name, start in GIVEN.items():
        seed = {"other.wav": 77, "stray.wav": 78}.get(name)
        sound = pairs.speech(seed, SECONDS) if seed else decoded
        soundfile.write(folder / name, pairs.recording([sound], start_s=START_S, seconds=80.0), pairs.RATE)
        toml += f'[[recordings]]\npath = "{name}"\n' + (f"start = {start}\n" if start else "")
    (folder / "event.toml").write_text(toml)
    where = ("--data", str(folder.parent / "d"), "--reports", str(folder.parent / "r"), "--quiet")
    ran = CliRunner().invoke(app, ["analyze", str(folder), *where])
    assert ran.exit_code == 0, ran.output
    recordings, findings = (
        polars.read_parquet(folder.parent / "d" / name / "room.parquet").to_dicts()
        for name in ("recordings", "findings")
    )
    event = polars.read_parquet(folder.parent / "d" / "events" / "room.parquet").to_dicts()[0]
    return {row["recording"]: row for row in recordings}, findings, json.loads(event["not_measured"])


@pytest.mark.parametrize("name", ["unknown.wav", "wrong.wav", "zone.wav"])
def test_a_start_that_is_unknown_or_wrong_is_found(made, name):
    row = made[0][name]
    assert row["start_from"] == "aligned"
    assert row["start_s"] == pytest.approx(START_S, abs=0.02)
    assert 1 < row["start_error_ms"] < 40


def test_a_right_start_is_kept_and_its_error_stated(made):
    row = made[0]["right.wav"]
    assert row["start_from"] == "settings" and row["start_utc"] == RIGHT
    assert row["start_s"] == pytest.approx(START_S + BUFFER_S, abs=0.02)  # second 0 is the first packet
    assert row["start_error_ms"] == pytest.approx(1000 * BUFFER_S, abs=40)


def test_a_recording_of_something_else_is_not_joined(made):
    row = made[0]["other.wav"]
    assert row["start_from"] == "settings" and row["start_error_ms"] is None


def test_why_a_recording_without_a_start_is_not_joined_is_said(made):
    assert made[0]["stray.wav"]["start_from"] == "unknown"
    (line,) = [line for line in made[2] if line["what"] == "Causes of faults in stray.wav"]
    assert "held against the packets, no place stands out" in line["why"]


def test_the_contradictions_are_said(made):
    found = {f["recording"]: f for f in made[1] if f["kind"] == "clock_mismatch"}
    assert set(found) == {"wrong.wav", "zone.wav"}
    assert found["wrong.wav"]["value"] == pytest.approx(-12.5 + BUFFER_S, abs=0.02)
    zone = json.loads(found["zone.wav"]["evidence"])
    assert zone["time_zone"] == "+05:30" and zone["given_from"] == "settings"


def test_a_second_of_a_recording_goes_to_the_event_and_back():
    clock = Clock(0, {"a.wav": 5_000_000_000}, {}, {}, drift_ppm={"a.wav": 100.0})
    assert clock.from_recording("a.wav", 1000.1) == pytest.approx(1005.0)
    assert clock.to_recording("a.wav", clock.from_recording("a.wav", 123.0)) == pytest.approx(123.0)
    assert clock.from_recording("b.wav", 7.0) == 7.0 and clock.start_error_ms("b.wav") is None
