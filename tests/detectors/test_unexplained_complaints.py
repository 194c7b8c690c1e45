import json

from wholes import complaint, fault, whole

from aqa.detector import registry

find = registry()["unexplained_complaints"]


def test_three_complaints_of_two_people_that_nothing_explains():
    told = [complaint(100, "a", text="no sound?"), complaint(110, "b"), complaint(120, "a")]
    (found,) = find(whole(complaints=told))
    assert (found.start_s, found.end_s, found.value, found.unit) == (55, 120, 3, "complaints")
    said = json.loads(found.evidence)
    assert said["people"] == 2
    assert said["said"] == ["no sound?"]


def test_a_fault_within_the_reaction_time_explains_them():
    told = [complaint(100, "a"), complaint(110, "b"), complaint(120, "c")]
    assert find(whole(complaints=told, findings=[fault("dropout", 90, 91)])) == []
    assert len(find(whole(complaints=told, findings=[fault("dropout", 40, 54)]))) == 1  # too long before
    assert len(find(whole(complaints=told, findings=[fault("dropout", 119.5, 130)]))) == 1  # not before
    assert len(find(whole(complaints=told, findings=[fault("silence", 90, 91, cause="intended")]))) == 1


def test_what_only_the_recorder_lost_explains_nothing():
    told = [complaint(100, "a"), complaint(110, "b"), complaint(120, "c")]
    assert len(find(whole(complaints=told, findings=[fault("missing_media", 90, 91, scope="recorder")]))) == 1


def test_one_person_alone_praise_and_stray_ones_are_none():
    assert find(whole(complaints=[complaint(100 + i, "a") for i in range(9)])) == []
    assert find(whole(complaints=[complaint(100 + i, f"u{i}", kind="praise") for i in range(9)])) == []
    assert find(whole(complaints=[complaint(100 + 61 * i, f"u{i}") for i in range(9)])) == []
    assert find(whole(complaints=None)) == []
    assert find(whole(complaints=[])) == []


def test_many_are_major():
    (found,) = find(whole(complaints=[complaint(100 + i, f"u{i}") for i in range(10)]))
    assert found.severity == "major"
