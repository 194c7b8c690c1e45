import json

from wholes import room, sent, series, whole

from aqa.detector import registry

find = registry()["room_restart"]


def test_a_second_room_with_half_the_listeners():
    rooms = [room("r1", 0, 1000), room("r2", 1030, 3600)]
    listeners = {
        "r1": series((0, 100), (900, 480_000), (930, 500_000), (950, 480_000)),
        "r2": series((1030, 0), (1500, 240_000)),
    }
    (found,) = find(whole(rooms=rooms, listeners=listeners, sent=[sent("a"), sent("a", room="r2")]))
    assert (found.start_s, found.end_s, found.value, found.severity) == (1000, 1030, 30, "critical")
    said = json.loads(found.evidence)
    assert (said["listeners_before"], said["listeners_after"]) == (500_000, 240_000)
    assert said["listeners_kept_pct"] == 48
    assert said["speakers_in_both"] == 1


def test_without_listeners_the_time_between_decides():
    short = find(whole(rooms=[room("r1", 0, 1000), room("r2", 1059, 3600)]))
    long = find(whole(rooms=[room("r1", 0, 1000), room("r2", 1060, 3600)]))
    assert [short[0].severity, long[0].severity] == ["major", "critical"]


def test_rooms_side_by_side_or_an_hour_apart_are_no_restart():
    assert find(whole(rooms=[room("r1", 0, 1000), room("r2", 500, 3600)])) == []
    assert find(whole(rooms=[room("r1", 0, 1000), room("r2", 2801, 3600)])) == []
    assert find(whole(rooms=[room("r1", 0, None), room("r2", 1001, 3600)])) == []


def test_a_hand_over_may_overlap():
    (found,) = find(whole(rooms=[room("r1", 0, 1000), room("r2", 950, 3600)]))
    assert (found.start_s, found.end_s) == (950, 1000)


def streams(*, apart=0.0, back=14.0, names=("a", "b")):
    ended = [sent(name, 0, 500 + i * apart, stream=f"0x{i}") for i, name in enumerate(names)]
    begun = [sent(name, 500 + i * apart + back, 900, stream=f"0x1{i}") for i, name in enumerate(names)]
    return ended + begun


def test_all_streams_begin_again_with_new_numbers():
    (found,) = find(whole(sent=streams(apart=0.06)))
    assert (found.start_s, found.cause) == (500, "server_restart")
    said = json.loads(found.evidence)
    assert said["streams_ended"] == ["0x0", "0x1"]
    assert said["streams_begun"] == ["0x10", "0x11"]


def test_one_of_two_is_no_restart_of_the_room():
    assert find(whole(sent=streams(names=("a",)))) == []
    assert find(whole(sent=streams(apart=5.0))) == []  # not together
    assert find(whole(sent=streams(back=90.0))) == []  # not soon
    assert find(whole(sent=[*streams(), sent("c", 0, 900)])) == []  # somebody went on


def test_streams_that_ended_with_their_room_are_a_hand_over():
    (found,) = find(whole(sent=streams(), rooms=[room("r1", 0, 501), room("r2", 510, 900)]))
    assert json.loads(found.evidence)["next_room"] == "r2"


def test_streams_of_nobody_known_are_not_joined():
    assert find(whole(sent=[sent(None, one.first_s, one.last_s) for one in streams()])) == []
