"""The table of cases of REPORT.md, one test a row; the page, the lanes and the sections of a launch night."""

import dataclasses
import json

import pytest
from night_builder import NAMES, night, whole
from report_builder import analysis, dropout, event, loss, made_up, ran_dry, recording, stream, told

from aqa.event_model import HistoryRow
from aqa.incidents import incidents
from aqa.model import SecondRow, evidence
from aqa.report import facts, html, lanes, markdown, scatter, words
from aqa.report.evidence import told as in_words
from aqa.report.whole_rows import whole_event


def text(made):
    told_facts = {fact.label: fact.text for fact in facts.facts(made)}
    why = told_facts.get("Why", "")
    return tuple(one.replace(words.NBSP, " ").replace(words.APOSTROPHE, "'") for one in (made.event.verdict, why))


def seconds(*names):
    return [
        SecondRow(second=s, log="room.pcap", stream=f"0x{n:08x}", track=name, packets=50)
        for n, name in enumerate(names)
        for s in range(600)
    ]


def test_a_room_that_was_too_small():
    said, why = text(night())
    assert said == (
        "The room opened 19 min late; speech in room-1 broke up for everyone from 22:11:40, then all sound stopped "
        "from 22:21:00 until room-2 opened at 22:24:00."
    )
    assert len(said.split()) <= 30
    assert why == (
        "Very likely (0.86) the server of room-1 failed: loss began on all 3 streams within 400 ms, as listeners "
        "passed about 500,000 (95 % interval 480,000 to 530,000)."
    )
    assert "because" not in why


def test_a_restart():
    known = {"streams_ended": list("abcdef"), "streams_begun": list("ghijkl"), "ended_within_ms": 60.0}
    server = {"cause": "server_restart", "cause_confidence": 0.97, "room": "monday"}
    found = (
        whole("room_restart", 100, 114, 14.0, "s", known, **server),
        whole("outage", 100, 114, 14.0, "s", {}, **server),
    )
    said, why = text(analysis(findings=found, seconds=seconds(*NAMES)))
    assert said == "All sound stopped for 14 s at 09:01:40."
    assert why == (
        "Almost certainly (0.97) the server restarted: all 6 streams ended within 60 ms and began again with "
        "new SSRCs."
    )


def test_loss_of_one_that_comes_back():
    mine = {"track": "carol", "cause": "network_loss", "cause_confidence": 0.96, "severity": "major"}
    found = [dropout(at, 4.0, **mine) for at in (50, 200, 380, 500)]
    rows = [stream(), stream(participant="carol", ssrc="0x00000002", lost=870)]
    said, why = text(analysis(findings=found, streams=rows))
    assert said == "carol's speech was patchy from 09:00:50 to 09:08:24, 16 s in all."
    assert why.startswith(
        "Almost certainly (0.96) packets were lost on the network in the packets of carol: 2.9 % there"
    )
    assert "0.0 % for the others" in why


def test_packets_that_came_too_late():
    mine = {"track": "bob", "cause": "late_arrival", "cause_confidence": 0.88, "severity": "major"}
    sweep = json.dumps([{"delay_ms": 60, "late": 900, "dropouts": 9, "concealed_s": 1.0},
                        {"delay_ms": 120, "late": 60, "dropouts": 2, "concealed_s": 0.1}])  # fmt: skip
    found = [dropout(at, 0.3, **mine) for at in (100, 110, 120, 130)]
    said, why = text(analysis(findings=found, streams=[stream(late=929, sweep=sweep)]))
    assert said == "bob's speech stuttered 4 times between 09:01:40 and 09:02:10."
    assert why == (
        "Very likely (0.88) packets came too late: 3.1 % after their playout time with 60 ms at first; with a fixed "
        "120 ms it would have been 0.2 %."
    )


def test_a_sender_that_stopped():
    mine = {"track": "bob", "cause": "sender_stall", "cause_confidence": 0.71}
    stalls = [
        loss(at, n + 1.0, kind="stall", finding_id=f"s{at}", evidence=evidence(sequence="unbroken"), **mine)
        for n, at in enumerate((100, 200, 300))
    ]
    holes = [dropout(f.start_s, f.duration_s, **mine, cause_finding_id=f.finding_id) for f in stalls]
    said, why = text(analysis(findings=[*stalls, *holes]))
    assert said == "bob was cut off 3 times, for 1 s to 3 s each, between 09:01:40 and 09:05:03."
    assert why == "Likely (0.71) bob's device stopped sending: no sequence numbers are missing."


def test_a_microphone():
    item = dropout(10, 3.0, kind="clipping", track="alice", cause="sender_capture", cause_confidence=0.65)
    said, why = text(analysis(findings=[item]))
    assert said == "alice's speech was distorted by clipping for 3 s at 09:00:10."
    assert why == "Likely (0.65) alice's microphone or capture: it is on no other track."


def test_a_recorder():
    own = {
        "kind": "missing_media",
        "source": "container",
        "scope": "recorder",
        "severity": "minor",
        "cause": "recorder",
    }
    item = dropout(60, 4.2, cause_confidence=0.97, evidence=evidence(cause={"packets_came_pct": 100.0}), **own)
    made = analysis(recordings=[recording(missing_s=4.2)], findings=[item])
    assert text(made)[0] == "Nothing wrong was heard; the recording lacks 4.2 s at 09:01:00."
    found = incidents(made)
    why = in_words(made, found.ranked[0], found).why.replace(words.NBSP, " ")
    assert why == "Almost certainly (0.97) the recorder: packets of 100 % of this time are in the log."


def test_devices():
    dry = [
        dataclasses.replace(ran_dry(), finding_id=f"f{at}", start_s=at, end_s=at + 0.5, duration_s=0.5)
        for at in (70.0, 90.0)
    ]
    made = analysis(
        event(recordings=0, stats_tracks=1, impaired_seconds=None), recordings=(), streams=(told(),), findings=dry
    )
    said, why = text(made)
    assert said == "Listeners' devices ran dry 2 times in 20.5 s, 1 s in all."
    assert why == "Very likely (0.85) the devices: no packet was lost or late (stats of 1 receiver)."


def test_what_may_have_been_and_nothing_explains():
    item = dropout(20, 12.0, kind="concealment", track="bob", confidence=0.47, cause="unexplained",
                   evidence=evidence(cause={"why": "no lost packet and no stall up to 0.5 s before it"}))  # fmt: skip
    said, why = text(analysis(findings=[item]))
    assert said == "bob's speech may have been affected: it was made up for 12 s at 09:00:20 (0.47)."
    assert why == ("Cause unknown: no lost packet and no stall up to 0.5 s before it. Listen to the clip first.")


def test_no_packet_log():
    found = [dropout(at, 0.4) for at in (100, 130, 160)]
    said, why = text(analysis(event(streams=0), streams=(), findings=found))
    assert said == "Speech in the mix was cut out 3 times, 1.2 s in all, between 09:01:40 and 09:02:40."
    assert why == "Not measurable: there is no packet log, so network, server and device can't be told apart."


@pytest.mark.parametrize(
    ("opened", "said"), [(1150.0, "The room opened 19 min late."), (0.0, "Speech began 20 min late.")]
)
def test_a_late_start_alone(opened, said):
    known = {"scheduled_s": 0.0, "room_opened_s": opened, "first_speech_s": 1200.0}
    item = whole("late_start", 0, 1200, 1200.0, "s", known, cause="unexplained", cause_confidence=None)
    made = analysis(findings=[item])
    assert (text(made)[0], made.event.status) == (said, "good")  # the builder gives no objectives
    told_budget = evidence(
        budget=[{"objective": "late_start_s", "allowed": 60.0, "used": 1200.0, "used_pct": 2000.0}]
    )
    assert analysis(event(facts=told_budget), findings=[item]).event.status == "bad"


def test_a_minor_late_start_stays_out_of_another_s_sentence():
    item = whole("late_start", 0, 40, 40.0, "s", {"scheduled_s": 0.0}, severity="minor", cause="unexplained")
    assert "late" not in text(analysis(findings=[item, dropout(100, 90.0)]))[0]


def test_the_page_tells_all_of_a_night():
    page = html.report_html(night(), {}).replace(words.NBSP, " ")
    for wanted in ("Against, and not known", "faults begin near 503,000", "The event as a whole", "rho",
                   "Operator log:", "92.7 %", "512", "480,000 to 530,000", "paged: stalls in room-1",
                   "choppy &lt;b&gt;sound&lt;/b&gt;",
                   'id="incident-1"', "Not heard by listeners", "1,920 %"):  # fmt: skip
        assert wanted in page, wanted
    assert page.count('<details class="incident"') == 4
    assert page.count(" open>") >= 1


def test_lanes_in_their_order_and_two_nodes_at_most():
    names = [lane.label for lane in lanes.timeline(night())]
    assert names == ["Incidents", "Rooms", "Listeners", "sfu-1 cpu", "sfu-7 cpu", "mix (recorded)", *NAMES,
                     "Complaints", "Operator log"]  # fmt: skip


def test_no_complaint_is_a_measurement_and_no_file_is_none():
    brought = event(inputs=json.dumps([{"path": "feedback.csv", "bytes": 20, "sha256": "0" * 64}]))
    names = [lane.name for lane in lanes.timeline(analysis(brought))]
    assert "complaints: 0 in feedback.csv" in names
    assert not any("complaints" in lane.name for lane in lanes.timeline(analysis()))
    praise = HistoryRow(series="complaint", time_s=5.0, kind="praise", text="thanks")
    made = dataclasses.replace(analysis(brought), history=(praise,))
    assert "complaints: 0 in feedback.csv" in [lane.name for lane in lanes.timeline(made)]


def test_what_is_missing_is_said_with_what_to_bring():
    notes = {part.title: part.note for part in whole_event(analysis())}
    assert "bring listeners.csv" in notes["Who was hit"]
    assert "bring feedback.csv" in notes["Complaints"]
    assert "load.csv" in notes["What faults coincide with"]
    assert "event.toml" in notes["Nodes and regions"]


def test_loss_against_listeners_is_a_point_a_step():
    found = scatter.points(night())
    assert found.step_s == 62
    assert found.lost_pct[found.listeners < 400_000].max() < 0.1 < found.lost_pct[found.listeners > 520_000].min()
    one, *others = incidents(night()).heard
    assert str(scatter.scatter(night(), one)).count("<circle") == len(found.listeners)
    assert [scatter.scatter(night(), other) for other in others] == [None, None]
    assert scatter.points(dataclasses.replace(night(), history=())) is None
    assert scatter.points(dataclasses.replace(night(), seconds=())) is None


def test_against_is_never_left_out():
    made = night()
    found = incidents(made)
    for one in found.ranked:
        told_one = in_words(made, one, found)
        assert told_one.do_first.endswith(".")
    first = in_words(made, found.ranked[0], found)
    assert "That faults coincide with a series does not show that it made them." in first.contra
    assert any(line.startswith("40 complaints in its time".replace(" ", words.NBSP, 1)) for line in first.pro)


def test_markdown_tells_the_same():
    page = markdown.report_markdown(night())
    assert "## Incidents" in page
    assert "### Budget" in page
    assert "choppy <b>" not in page


def test_a_receiver_s_findings_make_incidents_too():
    found = incidents(analysis(streams=(stream(), told(participant="bob")), findings=(made_up(track="bob"),)))
    assert [(one.participants, one.heard) for one in found.ranked] == [(("bob",), True)]
