import json

import pytest
from wholes import fault, heard, sent, spans, whole

from aqa.unsent import not_of_music, unsent


def voice(*loud, **more):
    return sent("a", loud=spans(*loud), loud_from="level", **more)


def test_music_before_anybody_spoke_was_sent_by_nobody():
    (found,) = unsent(whole(heard=[heard((5, 40), (41, 62), (70, 300))], sent=[voice((70, 300))]))
    assert (found.kind, found.start_s, found.end_s, found.recording) == ("unintended_audio", 5, 62, "mix.wav")
    said = json.loads(found.evidence)
    assert said["sound_s"] == 56
    assert said["levels_from"] == ["level"]


def test_speech_heard_a_little_after_it_was_sent_is_the_sender_s():
    assert list(unsent(whole(heard=[heard((5.2, 40.9))], sent=[voice((5, 40))]))) == []


def test_a_join_tone_and_scattered_noises_are_too_little():
    assert list(unsent(whole(heard=[heard((5, 12))], sent=[voice((70, 300))]))) == []
    scattered = heard(*((10 * i, 10 * i + 1) for i in range(20)))
    assert list(unsent(whole(heard=[scattered], sent=[voice((700, 800))]))) == []


def test_without_levels_of_all_nothing_is_said():
    music = heard((5, 62))
    assert list(unsent(whole(heard=[music], sent=[voice((70, 300)), sent("b")]))) == []
    assert list(unsent(whole(heard=[music]))) == []


def test_outside_the_log_on_a_track_or_without_a_clock_nothing_is_said():
    assert list(unsent(whole(heard=[heard((5, 62))], sent=[voice((90, 100), first=80)]))) == []
    assert list(unsent(whole(heard=[heard((5, 62), track="b")], sent=[voice((70, 300))]))) == []
    assert list(unsent(whole(heard=[heard((5, 62), clocked=False)], sent=[voice((70, 300))]))) == []


@pytest.mark.parametrize("kind", ["echo", "attenuation"])
def test_music_repeats_itself_and_has_rests(kind):
    music = [fault("unintended_audio", 5, 62, recording="mix.wav")]
    inside, outside = fault(kind, 0, 60, recording="mix.wav"), fault(kind, 60, 90, recording="mix.wav")
    other, hole = fault(kind, 0, 60, recording="alice.wav"), fault("dropout", 0, 60, recording="mix.wav")
    assert not_of_music([inside, outside, other, hole], music) == [outside, other, hole]


def test_what_is_known_already_is_not_told_twice():
    tone = fault("unintended_audio", 5, 62, recording="mix.wav")
    assert list(unsent(whole(heard=[heard((5, 62))], sent=[voice((70, 300))], findings=[tone]))) == []
