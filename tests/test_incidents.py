"""One drawing per rule of REPORT.md, and laws that hold for any findings."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_builder import analysis, dropout, event, loss

from aqa.event_model import HistoryRow
from aqa.incidents import incidents
from aqa.joining import Scene, root_of
from aqa.model import SecondRow

LOST = {"cause": "network_loss", "cause_confidence": 0.8}


def hole(name, start, length=1.0, **changes):
    changes = {"severity": "major", **LOST, **changes}
    return dropout(start, length, finding_id=name, **changes)


def lost(name, start, length=1.0, **changes):
    return loss(start, length, finding_id=name, **{"severity": "major", "cause_confidence": 0.8, **changes})


def whole(kind, name, start, end, **changes):
    parts = {"source": "event", "scope": "room", "room": "r1", "recording": None, "track": None, **changes}
    return hole(name, start, end - start, kind=kind, **parts)


def sent(*names, until=600):
    """Seconds in which each of these sends."""
    return tuple(
        SecondRow(second=s, log="room.pcap", stream=f"0x{n:08x}", track=name, packets=50)
        for n, name in enumerate(names)
        for s in range(until)
    )


def groups(*findings, names=("bob", "carol", "alice"), **more):
    made = dataclasses.replace(analysis(**more), findings=findings, seconds=sent(*names))
    found = incidents(made)
    return [sorted(item.finding_id for item in one.findings) for one in found.ranked]


def test_1_what_was_intended_is_set_aside():
    made = analysis(findings=(hole("a", 10, cause="intended"), hole("b", 10, track="bob")))
    found = incidents(made)
    assert [item.finding_id for item in found.set_aside] == ["a"]
    assert [[item.finding_id for item in one.findings] for one in found.ranked] == [["b"]]


def test_2_faults_of_the_recording_never_join_what_was_heard():
    own = hole("b", 10.0, kind="missing_media", cause="recorder", cause_finding_id="a", scope="recorder")
    found = incidents(analysis(findings=(hole("a", 10.0), own)))
    assert [(one.heard, one.incident_id) for one in found.ranked] == [(True, "a"), (False, "b")]


def test_3_the_same_root_joins_whatever_lies_between():
    parts = [lost("root", 0), hole("x", 1, cause_finding_id="root"), hole("y", 500, cause_finding_id="x")]
    assert groups(*parts) == [["root", "x", "y"]]


def test_3_a_circle_ends_at_its_smallest_id():
    circle = [hole("b", 0, cause_finding_id="c"), hole("c", 100, cause_finding_id="b")]
    known = {item.finding_id: item for item in circle}
    assert {root_of(item, known) for item in circle} == {"b"}
    assert groups(*circle) == [["b", "c"]]


@pytest.mark.parametrize(
    ("kind", "start", "one"), [("stall", 99.6, True), ("loss", 98.9, False), ("clipping", 99.6, False)]
)
def test_4_a_fault_in_the_mix_and_in_a_stream_is_one_if_half_is_shared_and_the_kinds_fit(kind, start, one):
    parts = [hole("mix", 100.0, cause="late_arrival"), lost("own", start, 1.0, kind=kind)]
    assert len(groups(*parts)) == (1 if one else 2)


def test_4_packets_are_heard_up_to_half_a_second_later():
    assert len(groups(hole("mix", 100.4, cause="late_arrival"), lost("own", 99.5))) == 1


def test_5_faults_of_most_that_begin_within_2_s_are_of_the_room():
    bob, carol = lost("b", 100), lost("c", 101.9, track="carol", stream="0x00000002")
    found = incidents(dataclasses.replace(analysis(), findings=(bob, carol), seconds=sent("bob", "carol", "alice")))
    assert [one.wide for one in found.ranked] == [True]
    assert groups(bob, lost("c", 102.1, track="carol", stream="0x00000002")) == [["b"], ["c"]]
    crowd = tuple("abcdefgh")
    assert groups(bob, carol, names=crowd) == [["b"], ["c"]]  # two of eight are few


@pytest.mark.parametrize(("between", "many"), [(30.0, 1), (30.1, 2)])
def test_6_the_same_cause_and_person_within_30_s_is_one(between, many):
    parts = [hole("a", 10), hole("b", 11 + between), hole("c", 11, cause="sender_stall")]
    assert len(groups(*parts)) == many + 1


@pytest.mark.parametrize(("starts", "many"), [((0, 200, 590), 1), ((0, 200), 1)])
def test_7_what_comes_back_for_one_person_is_one(starts, many):
    assert len(groups(*(lost(f"f{s}", s) for s in starts))) == many


def test_7_two_of_one_person_more_than_15_min_apart_are_two():
    assert len(groups(lost("a", 0), lost("b", 901.1))) == 2
    assert len(groups(lost("a", 0), lost("b", 901.1), lost("c", 3000))) == 1


def test_8_what_has_no_cause_joins_its_own_kind_on_its_own_track_alone():
    unknown = {"cause": "unexplained", "cause_confidence": None}
    first = hole("a", 10, **unknown)
    assert groups(first, hole("b", 71, **unknown)) == [["a", "b"]]
    assert len(groups(first, hole("b", 71.1, **unknown))) == 2
    assert len(groups(first, hole("b", 12, kind="silence", **unknown))) == 2
    assert len(groups(first, hole("b", 12, track="bob", **unknown))) == 2
    assert len(groups(first, lost("c", 10))) == 2  # at the same time, and not explained by it


def test_9_an_outage_ends_what_hit_the_room_just_before():
    server = {"cause": "server_outage", "cause_confidence": 0.8}
    bad = whole("capacity", "a", 10, 90, **server)
    out = whole("outage", "b", 100, 130, cause="unexplained", cause_confidence=None)
    assert groups(bad, out) == [["a", "b"]]
    assert len(groups(bad, dataclasses.replace(out, start_s=100.1))) == 2
    assert len(groups(bad, dataclasses.replace(out, room="r2"))) == 2


def test_9_the_quiet_of_an_outage_is_a_view_of_it():
    out = whole("outage", "o", 100, 130, cause="unexplained", cause_confidence=None)
    quiet = hole("s", 100, 30, kind="silence", cause="not_measurable", cause_confidence=None)
    restart = whole("room_restart", "r", 101, 129, cause="unexplained", cause_confidence=None)
    assert groups(out, quiet, restart) == [["o", "r", "s"]]


def test_the_root_is_what_explains_the_sound_that_was_missing():
    """Not the stall that began a packet earlier, with as many that follow from it."""
    stalled = lost("stall", 9.98, kind="stall")
    late = lost("late", 11.0, 0.01, kind="late", cause_finding_id="stall")
    (one,) = incidents(
        analysis(findings=(stalled, lost("loss", 10.0), hole("h", 10.1, cause_finding_id="loss"), late))
    ).ranked
    assert one.incident_id == "loss"


def test_10_small_things_are_set_in_one_row():
    tiny = [hole("a", 10, 0.4, severity="minor"), hole("b", 300, 0.5, severity="minor", track="bob")]
    found = incidents(analysis(findings=tiny))
    assert (found.ranked, [item.finding_id for item in found.small]) == ((), ["a", "b"])
    assert len(groups(*tiny, hole("c", 10, 0.1))) == 1


def heard_by(*points):
    return tuple(HistoryRow(series="listeners", place="monday", time_s=t, value=v) for t, v in points)


def test_who_was_hit_how_many_listened_and_what_ranks_first():
    few = hole("few", 10, 40.0, track="alice", severity="critical")
    many = [lost("b", 400, 4), lost("c", 400, 4, track="carol", stream="0x00000002"), hole("m", 400, 4)]
    made = dataclasses.replace(
        analysis(), findings=(few, *many), seconds=sent("bob", "carol"), history=heard_by((0, 10), (399, 900))
    )
    first, second = incidents(made).ranked
    assert (first.incident_id, first.participants, first.everyone) == ("b", ("bob", "carol"), True)
    assert (first.listeners_most, first.listeners_mean, first.cost) == (900, 900, 3600)
    assert (second.listeners_most, second.everyone, second.cost) == (10, False, 400)
    unknown = incidents(dataclasses.replace(made, history=()))
    assert [one.incident_id for one in unknown.ranked] == ["few", "b"]
    assert unknown.ranked[0].listeners_most is None


def test_a_room_that_has_closed_has_no_listeners():
    late = hole("a", 650, 1.0)
    made = dataclasses.replace(analysis(event(duration_s=700.0)), findings=(late,), history=heard_by((0, 10)))
    assert incidents(made).ranked[0].listeners_most == 0


def test_a_coincidence_moves_neither_begin_nor_end():
    server = {"cause": "server_outage", "cause_confidence": 0.8, "room": "monday"}
    found = (whole("capacity", "k", 60, 240, **server), hole("d", 100, 2.0, **server, cause_finding_id="k"))
    (one,) = incidents(analysis(findings=found)).ranked
    assert (one.start_s, one.end_s, one.impaired_s, one.fault_s) == (100, 102, 2, 2)


def test_where_nothing_was_recorded_what_did_not_arrive_counts():
    bare = analysis(event(impaired_seconds=None), recordings=(), findings=(lost("a", 100, 3.0),))
    assert incidents(bare).ranked[0].impaired_s == 3
    assert incidents(analysis(findings=(lost("a", 100, 3.0),))).ranked[0].impaired_s == 0


places = st.sampled_from([None, "r1", "r2"])
some = st.builds(
    lambda kind, source, start, length, cause, because, track, room, severity: {
        "kind": kind, "source": source, "start_s": start, "end_s": start + length, "duration_s": length,
        "cause": cause, "cause_finding_id": because, "track": track, "room": room, "severity": severity,
        "stream": None if track == "mix" else f"0x{len(track):08x}",
    },
    st.sampled_from(["dropout", "loss", "stall", "silence", "outage", "capacity", "missing_media", "clipping"]),
    st.sampled_from(["audio", "packets", "event"]),
    st.integers(0, 300).map(float),
    st.sampled_from([0.0, 0.5, 3.0, 40.0]),
    st.sampled_from(["network_loss", "server_outage", "recorder", "unexplained", "intended", "late_arrival"]),
    st.sampled_from([None, "f0", "f1", "f3", "gone"]),
    st.sampled_from(["mix", "bob", "carol", "alice"]),
    places,
    st.sampled_from(["minor", "major", "critical"]),
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(some, max_size=14), st.randoms(use_true_random=False))
def test_any_order_gives_the_same_and_every_finding_is_in_one_place(rows, random):
    found = [dropout(**{**row, "finding_id": f"f{n}"}) for n, row in enumerate(rows)]
    made = dataclasses.replace(analysis(), seconds=sent("bob", "carol"), findings=tuple(found))
    told = incidents(made)
    random.shuffle(found)
    assert incidents(dataclasses.replace(made, findings=tuple(found))).ranked == told.ranked
    placed = [item.finding_id for one in told.ranked for item in one.findings]
    placed += [item.finding_id for item in (*told.small, *told.set_aside)]
    assert sorted(placed) == sorted(item.finding_id for item in found)
    assert [one.rank for one in told.ranked] == list(range(1, len(told.ranked) + 1))
    assert all(one.impaired_s <= one.span_s + 1e-6 and one.start_s <= one.end_s for one in told.ranked)
    heard = [one.heard for one in told.ranked]
    assert heard == sorted(heard, reverse=True)


def test_a_scene_knows_who_sent_in_the_last_two_seconds():
    scene = Scene({5: frozenset(("a",)), 9: frozenset(("b",))})
    assert scene.senders_at(7.5) == {"a"}
    assert scene.senders_at(8.0) == set()
