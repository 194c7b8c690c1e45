import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from wholes import fault, heard, room, sent, series, spans, whole

from aqa.whole import length_s, union, within, without

SIZE = 40
pieces = st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(1, 8)), max_size=8)


def drawn(parts):
    return spans(*((a, min(a + n, SIZE)) for a, n in parts))


def cells(these):
    out = np.zeros(SIZE, bool)
    for a, b in these.astype(int).tolist():
        out[a:b] = True
    return out


@given(pieces, pieces)
def test_intervals_are_sets_of_seconds(one, other):
    a, b = union(drawn(one)), union(drawn(other))
    np.testing.assert_array_equal(cells(a), cells(drawn(one)))
    np.testing.assert_array_equal(cells(union(a, b)), cells(a) | cells(b))
    np.testing.assert_array_equal(cells(within(a, b)), cells(a) & cells(b))
    np.testing.assert_array_equal(cells(without(a, b)), cells(a) & ~cells(b))
    assert length_s(a) == cells(a).sum()


def test_listeners_of_rooms_are_added_and_unknown_before_the_first():
    told = whole(listeners={"r1": series((10, 5), (30, 0)), "r2": series((20, 7))})
    np.testing.assert_array_equal(told.listeners_at(np.array([0, 10, 25, 40.0])), [np.nan, 5, 12, 7])


def test_a_closed_room_has_no_listeners():
    told = whole(listeners={"r1": series((10, 5)), "r2": series((40, 7))}, rooms=[room("r1", 0, 30)])
    np.testing.assert_array_equal(told.listeners_at(np.array([0, 10, 30, 40.0])), [np.nan, 5, 0, 7])


def test_nobody_sends_when_all_stall_or_have_gone():
    told = whole(sent=[sent("a", 0, 50, [(10, 20)]), sent("b", 5, 60, [(15, 30)]), sent("c", 70, 80)])
    np.testing.assert_array_equal(told.nobody_sends(), spans((15, 20), (60, 70)))
    assert len(whole().nobody_sends()) == 0


def test_time_between_rooms_is_closed():
    told = whole(rooms=[room("a", 0, 10), room("b", 12, 20), room("c", 5, 11), room("d", 30, None)])
    np.testing.assert_array_equal(told.closed(), spans((11, 12)))
    assert told.room_at(13) == "b"
    assert told.room_at(-1) is None


def test_speech_that_was_not_meant_does_not_count():
    told = whole(heard=[heard((0, 10), (20, 30))], findings=[fault("unintended_audio", 5, 22)])
    np.testing.assert_array_equal(told.speech(), spans((0, 5), (22, 30)))
