import json

import pytest
from wholes import fault, heard, room, sent, series, whole

from aqa.detector import registry

find = registry()["outage"]


def test_between_two_rooms_nobody_is_heard():
    rooms = [room("r1", 0, 1000), room("r2", 1180, 3600)]
    told = [heard((0, 995), end=1000), heard((1190, 3000), start=1181, track="b")]
    (found,) = find(whole(rooms=rooms, heard=told))
    assert (found.start_s, found.end_s, found.severity, found.room) == (995, 1190, "critical", "r1")
    said = json.loads(found.evidence)
    assert said["no_room_open_pct"] == pytest.approx(100 * 180 / 195, rel=1e-4)
    assert said["not_recorded_s"] == 181


def test_no_packets_from_anybody():
    stalls = [sent("alice", stalls=[(100, 108)]), sent("bob", stalls=[(100.5, 107)])]
    (found,) = find(whole(heard=[heard((0, 100), (108, 200))], sent=stalls))
    assert (found.start_s, found.end_s) == (100, 108)
    assert json.loads(found.evidence)["nobody_sends_pct"] == pytest.approx(100 * 6.5 / 8, rel=1e-4)


def test_a_pause_while_packets_flow_is_none():
    quiet = heard((0, 100), (160, 200), digital=[(101, 159)])
    assert find(whole(heard=[quiet], sent=[sent("alice"), sent("bob", stalls=[(100, 160)])])) == []


def test_digital_silence_alone_has_to_be_longer():
    def of(seconds):
        return find(whole(heard=[heard((0, 100), (100 + seconds, 200), digital=[(100, 100 + seconds)])]))

    assert of(9.9) == []
    (found,) = of(10.0)
    assert found.severity == "major"
    assert find(whole(heard=[heard((0, 100), (140, 200))])) == []  # noise of open microphones


def test_another_recording_that_holds_speech_shows_that_there_was_none():
    told = [heard((0, 100), (160, 200), digital=[(100, 160)]), heard((90, 170), track="bob")]
    assert find(whole(heard=told)) == []


def test_hold_music_is_not_what_was_meant_to_be_heard():
    rooms = [room("r1", 0, 1000), room("r2", 1100, 3600)]
    told = [heard((0, 1000), end=1000), heard((1100, 3600), start=1100, track="b")]
    music = fault("unintended_audio", 1100, 1150)
    listeners = {"r1": series((0, 500)), "r2": series((1100, 250))}
    (found,) = find(whole(rooms=rooms, heard=told, findings=[music], listeners=listeners))
    assert found.end_s == 1150
    assert json.loads(found.evidence)["unintended_audio_s"] == 50


def test_before_the_first_and_after_the_last_word_there_is_none():
    assert find(whole(heard=[heard((500, 900), digital=[(0, 500), (900, 3600)])])) == []
    assert find(whole()) == []
