import json

import pytest
from wholes import fault, heard, whole

from aqa.detector import registry

find = registry()["late_start"]


def test_from_the_schedule_to_the_first_sustained_speech():
    (found,) = find(whole(scheduled_s=10.0, heard=[heard((400, 405), (406, 500))]))
    assert (found.start_s, found.end_s, found.value, found.unit) == (10.0, 400.0, 390.0, "s")
    assert (found.severity, found.scope) == ("critical", "room")
    assert json.loads(found.evidence)["recorded_from_s"] == 0


def test_a_cough_and_a_hello_are_no_start():
    (found,) = find(whole(scheduled_s=0.0, heard=[heard((20, 20.5), (40, 41), (90, 130))]))
    assert found.end_s == 90
    assert json.loads(found.evidence)["some_speech_before_s"] == 1.5


def test_hold_music_is_no_start():
    music = fault("unintended_audio", 0, 120)
    (found,) = find(whole(scheduled_s=0.0, heard=[heard((1, 119), (125, 300))], findings=[music]))
    assert found.end_s == 125
    assert json.loads(found.evidence)["unintended_audio_s"] == 120


def test_a_recording_that_is_not_meant_to_be_heard_is_no_start():
    backstage = heard((1, 3000), track="backstage", intended=False)
    (found,) = find(whole(scheduled_s=0.0, heard=[backstage, heard((60, 300))]))
    assert found.end_s == 60


@pytest.mark.parametrize("parts", [{}, {"scheduled_s": 0.0}, {"heard": [heard((500, 900))]}])
def test_without_a_schedule_or_a_recording_nothing_is_said(parts):
    assert find(whole(**parts)) == []


def test_the_limit_is_thirty_seconds():
    assert find(whole(scheduled_s=0.0, heard=[heard((29.9, 100))])) == []
    (found,) = find(whole(scheduled_s=0.0, heard=[heard((30, 100))]))
    assert found.severity == "minor"


def test_what_was_not_recorded_makes_it_less_sure():
    (late,) = find(whole(scheduled_s=0.0, heard=[heard((300, 400), start=290)]))
    (sure,) = find(whole(scheduled_s=0.0, heard=[heard((300, 400))]))
    assert late.confidence < sure.confidence


def test_a_recording_without_a_clock_says_nothing():
    assert find(whole(scheduled_s=0.0, heard=[heard((300, 400), clocked=False)])) == []
