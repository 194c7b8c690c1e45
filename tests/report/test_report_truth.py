"""What a report must not say: more than was measured, more than fits, or where it was made."""

import dataclasses
import json
import re

import pytest
from report_builder import BAD, analysis, dropout, event, events, recording, stream

from aqa.model import SecondRow
from aqa.report import clips, coverage, data, html, lanes, markdown, marks, verdict, words


@pytest.mark.parametrize("room", [None, "monday"])
def test_recordings_one_after_the_other_are_all_recorded(room):
    halves = [
        recording(recording="a.wav", room=room, duration_s=300.0),
        recording(recording="b.wav", room=room, duration_s=300.0, start_s=300.0),
    ]
    assert coverage.recorded_share(analysis(recordings=halves)) == 1.0


def test_recordings_at_the_same_time_count_once():
    same = [recording(recording=name, duration_s=300.0) for name in ("a.wav", "b.wav")]
    made = analysis(recordings=same)
    assert coverage.recorded_share(made) == 0.5
    assert made.event.status == "not_measured"
    assert "5 min 0 s of 10 min 0 s" in made.event.verdict.replace(words.NBSP, " ")


def test_holes_and_time_outside_rooms_are_not_recorded():
    hole = dropout(start=100.0, length=60.0, kind="missing_media", source="container", severity="minor")
    holed = analysis(recordings=[recording(duration_s=540.0, missing_s=60.0)], findings=[hole])
    assert coverage.recorded_share(holed) == 0.9
    early = analysis(event(duration_s=1200.0), recordings=[recording(start_s=300.0)])
    assert coverage.recorded_share(early) == 0.5


def test_unexplained_silence_is_said():
    made = analysis(findings=[dropout(kind="silence", length=300.0)])
    assert "but the mix was silent for 5 min 0 s" in made.event.verdict.replace(words.NBSP, " ")


def test_a_sentence_holds_no_crowd_and_no_control_characters():
    many = [dropout(start=10.0 * n, track=f"speaker-{n}") for n in range(40)]
    assert "and 38 more" in analysis(event(**BAD), findings=many).event.verdict
    odd = analysis(event(**BAD), findings=[dropout(track="\u202e\x00a\n" + "b" * 1_000_000)])
    assert odd.event.verdict.replace(words.NBSP, " ").isprintable()
    assert len(odd.event.verdict) < 150


def test_dates_stand_beside_times_past_midnight():
    night = event(**BAD, start_utc="2026-11-16T23:59:00.000Z", rooms="[]")
    made = analysis(night, findings=[dropout(10.0), dropout(200.0)])
    assert "between 23:59:10 and 2026-11-17 00:02:21" in made.event.verdict


@pytest.mark.parametrize(
    ("value", "text"), [(123_456.0, "123,456"), (0.37, "0.37"), (-61.25, "−61.2"), (0.0, "0"), (1e-5, "0.00001")]
)
def test_numbers_have_no_exponent(value, text):
    assert words.significant(value) == text
    assert "e" not in words.measured(dropout(value=value, unit="x"))


def test_json_has_no_number_that_json_lacks():
    row = recording(true_peak_dbtp=float("-inf"), dc_offset=float("nan"))
    read = json.loads(data.report_json(analysis(recordings=[row])), parse_constant=pytest.fail)
    assert read["recordings"][0]["true_peak_dbtp"] is None


def test_addresses_in_names_do_not_become_links():
    assert markdown.escape("http://a.example www.b.example c@d.example") == (
        r"http\://a.example www\.b.example c\@d.example"
    )


def test_no_place_of_the_machine_in_a_clip_that_failed(tmp_path):
    made = events()["bad"]
    page = html.report_html(made, clips.by_finding(clips.make_clips(made, tmp_path)))
    assert "The clip could not be made: No such file" in page
    assert str(tmp_path) not in page


def test_marks_stay_apart_and_in_place():
    found = [dropout(start=5.0 * n, length=0.05) for n in range(110)]
    drawn = str(marks.marks(found, 3600.0, y=0))
    assert drawn.count("<rect") == 110
    starts = [float(x) * 36 for x in re.findall(r'<rect class="mark solid" x="([\d.]+)%"', drawn)]
    assert starts == pytest.approx([5.0 * n for n in range(110)], abs=1e-3)
    crowd = [dropout(start=1.0 * n, length=0.05) for n in range(3000)]
    assert str(marks.marks(crowd, 3600.0, y=0)).count("<rect") <= 1 / marks.MERGE


def test_two_hundred_streams_fit_in_a_page():
    streams = [stream(ssrc=f"0x{n:08x}", participant=f"p{n}") for n in range(200)]
    seconds = tuple(
        SecondRow(second=s, log="room.pcap", track=f"p{n}", packets=49, expected=50, lost=1)
        for n in range(200)
        for s in range(600)
    )
    made = dataclasses.replace(analysis(event(streams=200), streams=streams), seconds=seconds)
    page = html.report_html(made, {})
    assert len(page) < 1_000_000
    assert f"{words.count(161, 'more track')} not drawn" in page
    assert [lane.label for lane in lanes.timeline(made) if not lane.folded][:2] == ["Rooms", "mix (recorded)"]


def test_no_recording_is_a_lane_that_says_so():
    assert "not measured: no recording" in [
        lane.name.split(": ", 1)[1] for lane in lanes.timeline(events()["packets only"])
    ]
    assert verdict.status(events()["packets only"]) == "not_measured"


def test_the_evidence_link_has_a_target_with_and_without_a_clip(tmp_path):
    made = events()["bad"]
    for cut in ({}, clips.by_finding(clips.make_clips(made, tmp_path))):
        page = html.report_html(made, cut)
        targets = re.findall(r'href="#([^"=]+)"', page)  # with = it is a view of the timeline
        assert all(page.count(f'id="{target}"') == 1 for target in targets), targets
