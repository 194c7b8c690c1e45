"""Stats from the file to the report: who, where on the clock, which rows, what stays not measured."""

import json

import captures
import dumps
import pytest
from typer.testing import CliRunner

from aqa.cli import app
from aqa.pipeline import Options, analyze
from aqa.receivers import MAX_SECONDS, track_row, track_seconds
from aqa.store import Store
from aqa.timeline import Clock, Measured

MANIFEST = f"""
[participants.bob]
ssrc = ["{dumps.SSRC:#x}"]
[participants.dora]
"""
START_NS = dumps.START_MS * 1_000_000


def bad_call(polls=40):
    """A call with a burst of made-up sound in seconds 11 to 20 and interruptions counted nowhere."""
    made_up = [9600 * min(max(at - 10, 0), 10) for at in range(polls + 1)]
    return [dumps.report(at, concealedSamples=made_up[at]) for at in range(1, polls + 1)]


def run(tmp_path, files, manifest=MANIFEST):
    folder = tmp_path / "recordings" / "e"
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    if manifest:
        (folder / "event.toml").write_text(manifest)
    outcome = analyze([tmp_path / "recordings"], Options(tmp_path / "data", tmp_path / "reports"))
    return Store(tmp_path / "data").analysis("e"), outcome


def not_measured(analysis):
    return {line["what"]: line for line in json.loads(analysis.event.not_measured)}


def test_a_folder_with_nothing_but_a_dump_without_a_suffix_is_an_event(tmp_path):
    analysis, outcome = run(tmp_path, {"59c86272": dumps.jitsi(bad_call())})
    assert outcome.problems == []
    assert analysis.event.start_utc == "2023-11-14T22:13:21.000Z", "its first sample: there is nothing else"
    assert (analysis.event.streams, analysis.event.stats_tracks) == (0, 1)
    (found,) = [item for item in analysis.findings if item.kind == "concealed_audio"]
    assert (found.track, found.stream, found.log) == ("bob", f"0x{dumps.SSRC:08x}", "59c86272")
    assert (found.start_s, found.end_s) == (9.0, 19.0)
    assert (found.source, found.cause, found.start_utc) == ("stats", "network_loss", "2023-11-14T22:13:30.000Z")
    assert found.value == pytest.approx(20)
    (dry,) = [item for item in analysis.findings if item.kind == "playout_fault"]
    assert (dry.track, dry.stream, dry.cause) == ("dora", None, "playout_device"), "whose device it is"
    assert "partly made up by a listener" in analysis.event.verdict


def test_its_rows_say_that_they_are_from_stats(tmp_path):
    analysis, _ = run(tmp_path, {"dump": dumps.jitsi(bad_call())})
    rows = {row.direction: row for row in analysis.streams}
    heard = rows["received"]
    assert (heard.source, heard.participant, heard.vantage, heard.src) == ("stats", "bob", "receiver", "")
    assert (heard.packets, heard.expected, heard.lost) == (1960, 2000, 40)
    assert heard.loss_pct == pytest.approx(2.0)
    assert (heard.jitter_ms, heard.clock_rate_hz, heard.duplicates) == (pytest.approx(4.0), None, None)
    assert heard.audible_concealed_pct == heard.concealed_pct == pytest.approx(5.0)
    assert heard.rtt_ms == pytest.approx(50)
    sent = rows["sent"]
    assert (sent.participant, sent.vantage, sent.packets, sent.lost) == ("dora", "sender", 2000, 80)
    assert sent.loss_pct == pytest.approx(4.0)
    assert sent.concealed_pct is None


def test_its_seconds_hold_what_was_made_up(tmp_path):
    analysis, _ = run(tmp_path, {"dump": dumps.jitsi(bad_call())})
    made_up = {row.second: row.concealed_s for row in analysis.seconds if row.concealed_s is not None}
    assert len(made_up) == 39
    assert [made_up[second] for second in (8, 9, 18, 19)] == pytest.approx([0, 0.2, 0.2, 0])
    assert all(row.packets is None and row.track == "bob" for row in analysis.seconds)


def test_the_clock_s_zero_is_a_packet_s_where_there_is_one(tmp_path):
    late = captures.frames([captures.Packet(p.arrival_s + 5, p.sequence, p.timestamp) for p in captures.talk(500)])
    files = {"dump": dumps.jitsi(bad_call()), "room.pcap": captures.pcap(late)}
    analysis, _ = run(tmp_path, files)
    assert captures.START_NS == START_NS
    assert analysis.event.start_utc == "2023-11-14T22:13:25.000Z"
    (found,) = [item for item in analysis.findings if item.kind == "concealed_audio"]
    assert found.start_s == pytest.approx(5.0)
    assert (analysis.event.streams, len(analysis.packet_streams), len(analysis.streams)) == (1, 1, 3)


def test_room_vantage_and_offset_of_a_dump_stand_in_event_toml(tmp_path):
    manifest = MANIFEST + '[[packet_logs]]\npath = "dump"\nroom = "r"\nvantage = "recorder"\nclock_offset_s = 60.0\n'
    analysis, outcome = run(tmp_path, {"dump": dumps.jitsi(bad_call())}, manifest)
    assert outcome.problems == []
    assert analysis.event.start_utc == "2023-11-14T22:14:21.000Z"
    assert {(row.room, row.vantage) for row in analysis.streams} == {("r", "recorder")}
    assert {item.room for item in analysis.findings} == {"r"}


def test_what_the_dump_does_not_count_is_not_measured(tmp_path):
    analysis, _ = run(tmp_path, {"dump": dumps.jitsi(bad_call())})
    lines = not_measured(analysis)
    assert "What listeners' devices played" not in lines
    assert lines["Interruptions, as receivers count them"]["why"] == "there is no count of interruptions in dump"
    assert "Made-up sound that could be heard" not in lines
    assert json.loads(analysis.event.stats_kinds) == ["concealed_audio", "playout_fault"]


def test_a_dump_without_concealment_says_so(tmp_path):
    calls = [{key: dict(stat) for key, stat in one.items() if key != "AP"} for one in dumps.call()]
    for one in calls:
        del one["IT01"]["silentConcealedSamples"]
    lines = not_measured(run(tmp_path, {"dump": dumps.jitsi(calls)})[0])
    assert {"Made-up sound that could be heard", "Devices that ran dry"} <= set(lines)


def test_a_server_s_dump_is_no_receiver_s(tmp_path):
    entry = {"statsSessionId": "x", "type": "identity", "data": {"applicationName": "Jicofo"}}
    analysis, outcome = run(tmp_path, {"jicofo": json.dumps(entry).encode()})
    assert outcome.problems == []
    lines = not_measured(analysis)
    assert "What listeners' devices played" in lines
    assert "written by a server" in lines["Listeners, by jicofo"]["why"]


def test_a_torn_dump_is_told_and_used(tmp_path):
    analysis, outcome = run(tmp_path, {"dump": dumps.jitsi(bad_call())[:-30]})
    assert len(outcome.problems) == 1 and "line 43" in outcome.problems[0]
    assert str(tmp_path) not in analysis.event.problems
    assert [item.kind for item in analysis.findings] == ["playout_fault", "concealed_audio"]


def test_a_dump_that_can_t_be_read_costs_only_itself(tmp_path):
    files = {"bad.json": b'{"PeerConnections": [', "dump": dumps.jitsi(bad_call())}
    analysis, outcome = run(tmp_path, files)
    assert len(outcome.problems) == 1 and "bad.json: no whole JSON document" in outcome.problems[0]
    assert analysis.event.stats_tracks == 1


def test_trends_count_a_kind_only_where_it_could_be_looked_for(tmp_path):
    run(tmp_path, {"dump": dumps.jitsi(bad_call())})
    ran = CliRunner().invoke(
        app, ["trends", "--json", "--data", str(tmp_path / "data"), "--reports", str(tmp_path / "reports")]
    )
    (row,) = json.loads(ran.stdout)
    assert (row["concealed_audio"], row["playout_fault"], row["interruption"]) == (1, 1, None)
    assert row["concealed_pct"] == pytest.approx(5.0)
    assert (row["packets_expected"], row["loss_pct"]) == (None, None), "what a packet log would count"


def test_aqa_packets_prints_them_too(tmp_path):
    (tmp_path / "dump").write_bytes(dumps.jitsi(bad_call()))
    (tmp_path / "room.pcap").write_bytes(captures.pcap(captures.frames(captures.talk(50))))
    files = [str(tmp_path / "dump"), str(tmp_path / "room.pcap")]
    ran = CliRunner().invoke(app, ["packets", *files])
    assert ran.exit_code == 0
    assert "0x00001234  stats" in ran.stdout and "10.0.0" in ran.stdout
    rows = json.loads(CliRunner().invoke(app, ["packets", "--json", *files]).stdout)
    counted = sorted((row["source"], row["packets"]) for row in rows)
    assert counted == [("packets", 50), ("stats", 1960), ("stats", 2000)]


def test_streams_that_carried_nothing_are_no_rows(tmp_path):
    (tmp_path / "dump").write_bytes(dumps.jitsi([dumps.report(0), dumps.report(0)]))
    ran = CliRunner().invoke(app, ["packets", str(tmp_path / "dump")])
    assert ran.stdout.startswith("no RTP stream")
    assert "2 streams without a packet" in ran.stdout


class TestRows:
    def test_losses_below_zero_stay(self):
        row = track_row(dumps.track(packets_received=[0, 100], packets_lost=[0, -4]), START_NS)
        assert (row.expected, row.lost) == (96, -4)
        assert row.loss_pct == pytest.approx(-100 * 4 / 96)

    def test_losses_that_nobody_reported_are_not_measured(self):
        row = track_row(dumps.track(direction="sent", packets_sent=[0, 100]), START_NS)
        assert (row.expected, row.lost, row.loss_pct) == (None, None, None)

    def test_a_long_poll_is_not_spread_over_its_seconds(self):
        assert track_seconds(dumps.talk([0.5] * 3, step_s=120.0), START_NS, None) == []

    def test_a_poll_is_spread_by_its_share_of_each_second(self):
        rows = track_seconds(dumps.talk([0.5], step_s=2.5), START_NS - 250_000_000, "bob")
        assert [(row.second, row.concealed_s) for row in rows] == [(0, 0.375), (1, 0.5), (2, 0.375)]

    def test_a_clock_that_lies_fills_no_store(self):
        track = dumps.talk([0.1] * (MAX_SECONDS // 50 + 5), step_s=60.0)
        assert len(track_seconds(track, START_NS, None)) == MAX_SECONDS


def test_without_stats_the_clock_is_as_it_was():
    class Event:
        manifest = type("Manifest", (), {"rooms": ()})

    assert Clock.of(Measured(Event(), [], {}, {})).zero_ns is None
