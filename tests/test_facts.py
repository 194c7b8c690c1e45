import numpy as np
import pytest
from wholes import complaint, fault, heard, room, sent, series, spans, whole

from aqa.facts import event_facts
from aqa.model import SecondRow
from aqa.settings import Objectives


def second(at, *, speech=1.0, lost=0.0):
    return SecondRow(second=at, recording="mix.wav", track="mix", speech_s=speech, fault_s=lost)


def facts(seconds=(), **parts):
    return event_facts(whole(**parts), seconds, Objectives())


def used(found):
    return {row["objective"]: (row["used"], row["allowed"]) for row in found["budget"]}


def test_what_was_used_of_the_objectives():
    found = facts(
        [second(0), second(1, lost=0.02), second(2, lost=0.4)],
        duration_s=1000.0, scheduled_s=0.0, heard=[heard((0, 900))], rooms=[room("a", 0, 400), room("b", 500, 1000)],
        findings=[fault("late_start", 0, 90), fault("outage", 400, 420)],
    )  # fmt: skip
    assert used(found) == {
        "late_start_s": (90, 60),
        "outage_s": (20, 10),
        "impaired_seconds": (2, 4.5),
        "severely_impaired_seconds": (1, 0.9),
    }


def test_what_was_not_measured_is_not_used_up():
    assert {value for value, _ in used(facts()).values()} == {None}


def test_listeners_hit_are_counted_in_seconds():
    found = facts(
        [second(10, lost=0.02), second(11, lost=0.2)], duration_s=100.0, heard=[heard((0, 90))],
        listeners={"r": series((0, 10), (50, 30))}, findings=[fault("outage", 60, 70)],
    )["listeners"]  # fmt: skip
    assert found == {
        "most": 30,
        "listener_seconds": 50 * 10 + 50 * 30,
        "impaired_listener_seconds": 20,
        "severely_impaired_listener_seconds": 10,
        "waiting_listener_seconds": 300,
    }


def test_complaints_explained_against_chance():
    told = [complaint(100 + i, f"u{i}") for i in range(8)] + [complaint(3000, "x"), complaint(50, "y", kind="praise")]
    found = facts(complaints=told, findings=[fault("dropout", 90, 95), fault("dropout", 2000, 2001)])["feedback"]
    assert (found["complaints"], found["people"]) == (9, 9)
    assert found["explained_pct"] == pytest.approx(88.9)
    assert found["explained_by_chance_pct"] < 10
    assert found["findings_complained_of_pct"] == 50


def test_every_series_is_held_against_faults_also_those_that_do_not_coincide():
    listeners = np.arange(60) * 10.0
    found = [fault("dropout", 60 * i, 60 * i + max(0.0, i - 30) / 2 + 0.01) for i in range(60)]
    load = {("n", "cpu"): series(*((60 * i, 50 + 9 * np.sin(2 * i)) for i in range(60)))}
    rows = facts(
        findings=found, heard=[heard((0, 3600))], listeners={"r": series(*enumerate_(listeners))}, load=load
    )["coincides"]  # fmt: skip
    by_name = {row["with"]: row for row in rows}
    assert by_name["listeners"]["p_chance"] <= 0.01
    assert by_name["listeners"]["knee"] == pytest.approx(300, abs=30)
    assert by_name["cpu of n"]["knee"] is None


def enumerate_(values):
    return ((60 * i, v) for i, v in enumerate(values.tolist()))


def test_the_worst_node_is_named():
    streams = [
        sent("a", node="n1", stream="0x1", sending=spans((0, 3600))),
        sent("b", node="n2", stream="0x2", sending=spans((0, 1800))),
    ]
    found = facts(sent=streams, findings=[fault("loss", 1, 31, source="packets", stream="0x2", track="b")])
    (row,) = found["imbalance"]
    assert (row["by"], row["worst"], row["times_the_mean"]) == ("node", "n2", 2.0)
    assert row["fault_s_per_hour"] == {"n1": 0.0, "n2": 60.0}


def test_room_wide_and_periodic_faults_are_told():
    mine = [
        fault("loss", 4.0 * i + shift, 4.0 * i + shift + 0.1, source="packets", stream=stream, track=who)
        for i in range(20)
        for who, stream, shift in (("a", "0x1", 0.0), ("b", "0x2", 0.3))
    ]
    found = facts(findings=mine, duration_s=3600.0)
    assert found["together"]["packets"]["p_chance"] <= 0.01
    assert [row["every_s"] for row in found["beats"]] == [pytest.approx(4.0, abs=0.02)] * 2


def test_an_event_of_which_nothing_is_known_has_only_its_budget():
    assert set(facts()) == {"budget"}
