"""Levels beside packets, drawn: dead amid speech, gates, mutes, quiet rooms, lost packets."""

import dataclasses

import numpy as np
import pytest
from captures import talk
from streams import stream

from aqa.measures.dead_air import dead_air
from aqa.stream_model import NO_LEVEL

TALK, ROOM, DEAD = -25, -66, -127


def levels(*parts, lost=()):
    """A stream of 20 ms packets whose levels are drawn as (level, packets)."""
    drawn = np.concatenate([np.full(many, level) for level, many in parts]).astype(np.int16)
    packets = [p for i, p in enumerate(talk(len(drawn))) if i not in lost]
    kept = np.array([level for i, level in enumerate(drawn) if i not in lost], np.int16)
    return dataclasses.replace(stream(packets), level_dbov=kept)


def test_a_hole_amid_speech():
    found = dead_air(levels((ROOM, 100), (TALK, 100), (DEAD, 15), (TALK, 100), (ROOM, 50)))
    np.testing.assert_allclose(found, [[4.0, 4.3]], atol=1e-9)


@pytest.mark.parametrize(
    "parts",
    [
        [(ROOM, 100), (TALK, 100), (ROOM, 15), (TALK, 100)],  # a pause in a room that is not dead
        [(TALK, 100), (ROOM, 20), (DEAD, 15), (ROOM, 20), (TALK, 100)],  # dead, but between words
        [(TALK, 100), (DEAD, 150), (TALK, 100)],  # a mute
        [(TALK, 100), (DEAD, 3), (TALK, 100)],  # too short
        [(TALK, 100), (DEAD, 15)],  # to the end
        [(ROOM, 100), (DEAD, 15), (TALK, 100)],
        [(DEAD, 50)],
        [(NO_LEVEL, 100)],
    ],
)
def test_near_misses(parts):
    assert len(dead_air(levels((ROOM, 300), (TALK, 50), *parts))) == 0


def test_a_word_s_end_may_lie_between():
    assert len(dead_air(levels((ROOM, 100), (TALK, 100), (ROOM, 15), (DEAD, 15), (TALK, 100)))) == 1
    assert len(dead_air(levels((ROOM, 100), (TALK, 100), (DEAD, 15), (ROOM, 15), (TALK, 100)))) == 1
    assert len(dead_air(levels((ROOM, 100), (TALK, 100), (DEAD, 15), (ROOM, 20), (TALK, 100)))) == 0


def test_a_gate_has_digital_silence_in_all_its_pauses():
    gate = [(TALK, 40), (ROOM, 10), (DEAD, 30)] * 10
    hole = (TALK, 40), (DEAD, 15), (TALK, 40)
    assert len(dead_air(levels(*gate, *hole))) == 0
    assert len(dead_air(levels((ROOM, 30), *hole))) == 1
    assert len(dead_air(levels((ROOM, 29), *hole))) == 0  # too little of the room to know it


def test_a_long_mute_says_nothing_of_pauses():
    assert len(dead_air(levels((ROOM, 50), (TALK, 40), (DEAD, 500), (TALK, 40), (DEAD, 15), (TALK, 40)))) == 1


def test_where_packets_are_missing_the_microphone_is_not_blamed():
    drawn = (ROOM, 50), (TALK, 50), (DEAD, 15), (TALK, 100)
    assert len(dead_air(levels(*drawn))) == 1
    assert len(dead_air(levels(*drawn, lost={107}))) == 0
    assert len(dead_air(levels(*drawn, lost={150}))) == 1


def test_edges_of_length():
    for packets, found in ((3, 0), (4, 1), (100, 1), (101, 0)):  # 80 ms, 2 s
        assert len(dead_air(levels((ROOM, 300), (TALK, 50), (DEAD, packets), (TALK, 50)))) == found
