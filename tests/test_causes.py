import dataclasses
import json

import numpy as np
import pytest
from wholes import fault, sent, spans, whole

from aqa import causes
from aqa.causes import CAPTURED, explain
from aqa.event_causes import explain_event
from aqa.everybody import with_shared_causes
from aqa.known import Known


def hole(start=10.0, end=10.2, kind="dropout", track="mix", **more):
    return fault(kind, start, end, source="audio", recording="mix.wav", track=track, finding_id="f-hole", **more)


def loss(start=9.9, end=10.1, kind="loss", cause="network_loss", track="bob", finding_id="f-loss", **more):
    return fault(kind, start, end, source="packets", cause=cause, track=track, finding_id=finding_id, **more)


def known(*findings, streams=(), error=0.05, clocked=True, recorder=None):
    return Known(
        whole(findings=findings, sent=streams),
        span_s=1000.0,
        clock_error_s={"mix.wav": error} if clocked else {},
        clock_from={"mix.wav": "settings"},
        recorder={"mix.wav": recorder} if recorder else {},
    )


def facts(finding):
    return json.loads(finding.evidence)["cause"]


def test_a_hole_that_coincides_with_lost_packets_is_network_loss():
    found = causes.missing_packets(hole(), known(loss()))
    assert (found.cause, found.cause_finding_id) == ("network_loss", "f-loss")
    assert found.cause_confidence == pytest.approx(0.949, abs=0.002)
    assert facts(found)["covered_pct"] == pytest.approx(100)
    assert facts(found)["heard_after_s"] == pytest.approx(0.1)
    assert facts(found)["clock_from"] == "settings"


@pytest.mark.parametrize(("kind", "cause"), [("stall", "sender_stall"), ("late", "late_arrival")])
def test_the_packet_fault_s_own_cause_is_taken(kind, cause):
    assert causes.missing_packets(hole(), known(loss(kind=kind, cause=cause))).cause == cause


@pytest.mark.parametrize("shift", [-1.0, 0.3])  # long before, or after: sound never breaks before packets do
def test_no_coincidence_no_cause(shift):
    other = loss(10.0 + shift, 10.05 + shift)
    assert causes.missing_packets(hole(), known(other)) is None
    assert explain([hole()], known(other))[0].cause == "unexplained"


def test_a_part_of_the_hole_is_less_sure():
    part = causes.missing_packets(hole(10.0, 12.0), known(loss(10.0, 10.2))).cause_confidence
    assert part < causes.missing_packets(hole(), known(loss())).cause_confidence


def test_chance_lowers_confidence():
    many = [loss(i + 0.9, i + 1.1, finding_id=f"f-{i}") for i in range(1, 1000, 2)]
    found = causes.missing_packets(hole(), known(*many))
    assert facts(found)["chance_pct"] == pytest.approx(40, abs=1)
    assert found.cause_confidence < 0.6


def test_another_participant_s_packets_explain_nothing():
    assert causes.missing_packets(hole(track="alice"), known(loss(track="bob"))) is None
    assert causes.missing_packets(hole(track="bob"), known(loss(track="bob"))) is not None


def test_who_was_silent_can_not_be_heard_to_be_missing():
    quiet = sent("bob", loud=spans((50, 60)), loud_from="level", stream="0xb")
    loud = sent("bob", loud=spans((5, 9.95)), loud_from="level", stream="0xb")
    lost = loss(stream="0xb")
    assert causes.missing_packets(hole(), known(lost, streams=[quiet])) is None
    assert causes.missing_packets(hole(), known(lost, streams=[loud])) is not None


def test_no_common_clock_is_not_measurable_and_says_why():
    found = causes.no_common_clock(hole(), known(loss(), clocked=False))
    assert found.cause == "not_measurable"
    assert "start" in facts(found)["why"]
    assert causes.no_common_clock(hole(), known(loss())) is None


def test_a_clock_that_errs_by_more_than_the_fault_lasts_joins_nothing():
    assert causes.no_common_clock(hole(), known(loss(), error=0.3)).cause == "not_measurable"
    assert causes.no_common_clock(hole(10, 12), known(loss(), error=0.3)) is None


def test_no_packet_log_is_not_measurable_and_says_why():
    found = explain([hole()], None)[0]
    assert found.cause == "not_measurable"
    assert facts(found)["why"] == "no packet log"


def test_bandwidth_is_nothing_that_lost_packets_make():
    assert causes.not_of_packets(hole(kind="bandwidth_drop"), known(loss())).cause == "unexplained"
    assert causes.not_of_packets(hole(), known(loss())) is None


@pytest.mark.parametrize("kind", sorted(CAPTURED))
def test_what_a_microphone_does_is_of_one_participant(kind):
    found = causes.captured(hole(kind=kind, track="bob"), known(loss()))
    assert (found.cause, facts(found)["only_on"]) == ("sender_capture", "bob")
    in_mix = "sender_capture" if kind == "echo" else "unexplained"
    assert causes.captured(hole(kind=kind), known(loss())).cause == in_mix
    if kind == "echo":
        return
    other = fault(kind, 9, 12, source="audio", recording="alice.wav", track="alice")
    assert causes.captured(hole(kind=kind, track="bob"), known(other)).cause == "unexplained"


def test_what_a_detector_proved_stays():
    assert explain([loss()], known(loss()))[0] == loss()


def test_packets_came_and_were_loud_so_only_the_recorder_lost_it():
    bob = sent("bob", loud=spans((5, 20)), loud_from="level")
    found = explain([hole()], known(streams=[bob]))[0]
    assert (found.cause, facts(found)["by"]) == ("recorder", "level")
    assert found.cause_confidence == 0.965  # loud packets, and digital zero
    part = explain([hole(10, 14)], known(streams=[sent("bob", loud=spans((5, 11.5)), loud_from="level")]))[0]
    assert part.cause == "recorder"
    assert part.cause_confidence < 0.8


def test_without_levels_a_hard_hole_amid_packets_is_the_recorder_s_with_less_certainty():
    found = explain([hole()], known(streams=[sent("bob")]))[0]
    assert (found.cause, found.cause_confidence) == ("recorder", 0.6)
    assert explain([hole(kind="silence", end=15)], known(streams=[sent("bob")]))[0].cause == "unexplained"


def test_packets_came_and_carried_silence():
    quiet = sent("bob", loud=spans((5, 9.4), (15, 200)), loud_from="level")
    assert explain([hole()], known(streams=[quiet]))[0].cause == "sender_capture"
    assert explain([hole(kind="silence", end=14.0)], known(streams=[quiet]))[0].cause == "intended"


def test_a_pause_of_a_live_microphone_is_no_fault_and_a_dead_one_is():
    quiet = {"loud": spans((5, 9.4), (11, 200)), "loud_from": "level"}
    dip = hole(10.0, 10.4, kind="attenuation")
    live = explain([dip], known(streams=[sent("bob", dead=spans((50, 50.3)), **quiet)]))[0]
    assert (live.cause, live.cause_confidence) == ("intended", 0.6)
    dead = explain([dip], known(streams=[sent("bob", dead=spans((9.8, 10.2)), **quiet)]))[0]
    assert dead.cause == "sender_capture"
    assert explain([dip], known(streams=[sent("bob", **quiet)]))[0].cause == "sender_capture"  # no levels tell


def test_sound_that_is_in_nobody_s_packets_is_no_sender_s_fault():
    """Music that a server plays: a microphone that was quiet all along has not failed in it."""
    quiet = sent("bob", loud=spans((100, 200)), loud_from="level")
    found = explain([hole(kind="attenuation")], known(streams=[quiet]))[0]
    assert found.cause == "unexplained" and "nobody's packets" in facts(found)["why"]


def test_a_measured_delay_leaves_no_choice_of_when_packets_were_loud():
    """A hole of the microphone amid speech: a little earlier the sender was loud, but that is not what it is of."""
    speaking = sent("bob", loud=spans((5, 9.88), (10.12, 20)), loud_from="level")
    dip, free = hole(kind="attenuation"), known(streams=[speaking])
    assert explain([dip], free)[0].cause == "recorder"
    measured = dataclasses.replace(free, behind_s={"mix.wav": 0.1}, clock_error_s={"mix.wav": 0.01})
    assert explain([dip], measured)[0].cause == "sender_capture"


def test_nothing_sent_and_nothing_missing_is_a_mute():
    muted = sent("bob", sending=spans((0, 9.5), (30, 100)))
    found = explain([hole(10, 29, kind="silence", track="bob")], known(streams=[muted]))[0]
    assert found.cause == "intended"
    stalled = known(loss(9.5, 30, kind="stall", cause="sender_stall"), streams=[muted])
    assert explain([hole(10, 29, kind="silence", track="bob")], stalled)[0].cause == "sender_stall"


def missing(start=10.0, end=11.0):
    return fault("missing_media", start, end, source="container", scope="recorder", recording="mix.wav", track="mix")


def test_media_that_only_the_file_lacks_is_the_recorder_s():
    assert explain([missing()], known(streams=[sent("bob")]))[0].cause == "recorder"
    both = known(loss(9.9, 10.9, kind="stall", cause="sender_stall"), streams=[sent("bob")])
    assert explain([missing()], both)[0].cause == "sender_stall"
    assert explain([missing()], None)[0].cause == "not_measurable"


@pytest.mark.parametrize("kind", ["damaged_media", "unreadable"])
def test_a_file_that_can_not_be_read_is_the_recorder_s_without_any_log(kind):
    broken = fault(kind, 0, 1, source="container", recording="mix.wav", track="mix")
    assert explain([broken], None)[0].cause == "recorder"


def elided(value=4.0):
    return fault(
        "elided_time", 0, 600, source="container", scope="recorder", recording="mix.wav", track="mix", value=value
    )


def test_a_recording_short_by_what_packets_lack_has_left_it_out():
    stalls = [loss(100, 103, kind="stall", finding_id="f-1"), loss(200, 200.8, finding_id="f-2")]
    assert explain([elided()], known(*stalls, streams=[sent("bob")]))[0].cause == "elided_time"
    assert explain([elided()], known(streams=[sent("bob")]))[0].cause == "recorder"
    assert explain([elided()], known(loss(100, 103), loss(200, 206), streams=[sent("bob")]))[0].cause == "unexplained"


def test_quiet_while_all_streams_began_anew_is_the_restart():
    restart = fault("room_restart", 9, 23, source="event", cause="server_restart", cause_confidence=0.9)
    found = explain([hole(10, 22, kind="silence")], known(restart, streams=[sent("bob", sending=spans((0, 9)))]))[0]
    assert (found.cause, found.cause_confidence) == ("server_restart", 0.9)


def test_the_recorder_s_way_is_told():
    found = causes.missing_packets(hole(kind="concealment"), known(loss(), recorder="jibri"))
    assert (facts(found)["recorder"], facts(found)["fits_recorder"]) == ("jibri", True)
    assert (
        facts(causes.missing_packets(hole(kind="concealment"), known(loss(), recorder="janus")))["fits_recorder"]
        is False
    )


# everybody


def stalled(who, start, end):
    return loss(
        start, end, kind="stall", cause="network_loss", track=who, finding_id=f"f-{who}-{start}", log="a.pcap"
    )


def everybody(*findings, names=("a", "b", "c"), vantage="sfu-in"):
    streams = [sent(name, sending=spans((0, 100), (110, 3600)), vantage=vantage) for name in names]
    return with_shared_causes(findings, whole(findings=findings, sent=streams))


def test_no_packets_of_anybody_is_the_server():
    found = everybody(stalled("a", 100.2, 110), stalled("b", 100.0, 110.5), stalled("c", 100.5, 109))
    assert {item.cause for item in found} == {"server_outage"}
    assert [item.cause_finding_id for item in found] == ["f-b-100.0", None, "f-b-100.0"]
    assert facts(found[0])["nobody_s"] == pytest.approx(8.5)
    assert found[0].cause_confidence >= 0.85


def test_one_of_three_or_one_alone_is_not_everybody():
    assert everybody(stalled("a", 100, 110))[0].cause == "network_loss"
    assert everybody(stalled("a", 100, 110), names=("a",))[0].cause == "network_loss"
    apart = everybody(stalled("a", 100, 110), stalled("b", 900, 910), stalled("c", 1500, 1510))
    assert {item.cause for item in apart} == {"network_loss"}


def burst(who, start):
    return loss(start, start + 0.1, track=who, finding_id=f"f-{who}-{start:.3f}", log="a.pcap")


def test_loss_that_begins_on_all_together_is_the_server_s():
    random = np.random.default_rng(0)
    starts = random.uniform(200, 3000, 8)
    found = everybody(*(burst(who, t + random.uniform(0, 0.4)) for t in starts.tolist() for who in "abc"))
    assert {item.cause for item in found} == {"server_outage"}
    assert facts(found[0])["p_chance"] <= 0.01
    behind = everybody(*(burst(who, t + 0.1) for t in starts.tolist() for who in "abc"), vantage="recorder")
    assert behind[0].cause_confidence < found[0].cause_confidence
    assert "own link" in facts(behind[0])["against"]


def test_those_hit_together_have_a_node_in_common_that_others_have_not():
    starts = np.random.default_rng(0).uniform(200, 3000, 8).tolist()
    found = [burst(who, t + 0.1) for t in starts for who in "abc"]
    nodes = {"a": "sfu-1", "b": "sfu-1", "c": "sfu-1", "d": "sfu-2", "e": "sfu-2"}
    streams = [
        sent(n, sending=spans((0, 3600)), vantage="sfu-in", node=node, region="eu") for n, node in nodes.items()
    ]
    told = with_shared_causes(found, whole(findings=tuple(found), sent=streams))
    assert facts(told[0])["shared_node"] == "sfu-1" and "shared_region" not in facts(told[0])
    assert "shared_node" not in facts(with_shared_causes(found, whole(findings=tuple(found), sent=streams[:3]))[0])


def test_a_fault_of_one_just_before_does_not_tear_what_hits_all_apart():
    """c has a loss of its own 1.9 s before; b's, 0.16 s after the others', is of the same moment all the same."""
    starts = np.random.default_rng(0).uniform(200, 3000, 8).tolist()
    shared = [burst(who, t + by) for t in starts for who, by in zip("acb", (0.0, 0.04, 0.16), strict=True)]
    found = everybody(burst("c", starts[0] - 1.9), *shared)
    assert [item.cause for item in found] == ["network_loss"] + ["server_outage"] * len(shared)


def test_two_of_three_that_begin_a_second_apart_are_not_the_server_s():
    starts = np.random.default_rng(0).uniform(200, 3000, 8).tolist()
    shared = [burst(who, t + by) for t in starts for who, by in zip("abc", (0.0, 0.1, 0.2), strict=True)]
    found = everybody(*shared, burst("a", 3200.0), burst("b", 3201.2))
    assert {item.cause for item in found[:-2]} == {"server_outage"}
    assert {item.cause for item in found[-2:]} == {"network_loss"}


def test_independent_losses_stay_each_one_s_own():
    random = np.random.default_rng(1)
    found = everybody(*(burst(who, t) for who in "abc" for t in random.uniform(200, 3000, 25).tolist()))
    assert {item.cause for item in found} == {"network_loss"}


# the event as a whole


def event_finding(kind, start, end, **more):
    return fault(kind, start, end, source="event", scope="room", finding_id=f"f-{kind}", **more)


def test_an_outage_is_explained_by_what_stopped_the_packets():
    dead = loss(99, 112, kind="stall", cause="server_outage", cause_confidence=0.9, cause_finding_id="f-root")
    found = explain_event(event_finding("outage", 100, 111), known(dead), [])
    assert (found.cause, found.cause_finding_id) == ("server_outage", "f-root")
    assert found.cause_confidence == pytest.approx(0.855, abs=0.006)
    assert explain_event(event_finding("outage", 200, 300), known(dead), []).cause == "unexplained"
    assert explain_event(event_finding("outage", 100, 111), None, []).cause == "not_measurable"


def test_streams_of_all_that_end_as_it_begins_are_the_server():
    ended = [sent("a", 0, 301.0, stream="0x1"), sent("b", 0, 301.5, stream="0x2")]
    found = explain_event(event_finding("outage", 300, 340), known(streams=ended), [])
    assert (found.cause, facts(found)["streams_ended"]) == ("server_outage", ["0x1", "0x2"])
    alone = known(streams=[*ended, sent("c", 0, 900)])
    assert explain_event(event_finding("outage", 300, 340), alone, []).cause == "unexplained"


def test_late_packets_right_behind_a_loss_are_late_because_of_it():
    lost = loss(100.0, 100.2, track="b", stream="0x2", finding_id="f-1", cause_confidence=0.8)
    late = loss(100.25, 100.3, kind="late", cause="late_arrival", track="b", stream="0x2", finding_id="f-2")
    other = loss(100.9, 101.0, kind="late", cause="late_arrival", track="b", stream="0x2", finding_id="f-3")
    found = everybody(lost, late, other, names=("b",))
    assert [item.cause for item in found] == ["network_loss", "network_loss", "late_arrival"]
    assert found[1].cause_finding_id == "f-1"


def test_a_late_start_says_what_packets_show_of_the_wait():
    waiting = event_finding("late_start", 0, 600)
    alone = known(waiting, streams=[sent("a", sending=spans((700, 900)))])
    assert "nobody sent" in facts(explain_event(waiting, alone, []))["why"]
    unrecorded = known(waiting, streams=[sent("a", loud=spans((100, 200)), loud_from="level")])
    assert explain_event(waiting, unrecorded, []).cause == "recorder"


def test_capacity_claims_the_server_only_where_packets_show_it():
    knee = event_finding("capacity", 0, 600)
    theirs = [loss(10 + i, 12 + i, cause="server_outage", finding_id=f"f-{i}") for i in range(5)]
    own = [loss(100 + i, 101 + i, finding_id=f"g-{i}") for i in range(2)]
    assert explain_event(knee, known(*theirs, *own), []).cause == "server_outage"
    assert explain_event(knee, known(*own), []).cause == "unexplained"


def test_complaints_that_nothing_explains_stay_so():
    assert explain_event(event_finding("unexplained_complaints", 0, 60), None, []).cause == "unexplained"
