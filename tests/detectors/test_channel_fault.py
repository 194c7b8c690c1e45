import json

import numpy as np
import pytest
from sound import Sound, noise, quantised

from aqa.detector import registry
from aqa.measures.track import measure

RATE = 8_000


def faults(left, right):
    """What is found on each side, as (fault, start, end)."""
    item = registry()["channel_fault"]
    tracks = measure(Sound(np.stack([quantised(left), quantised(right)]), RATE))
    return [[(json.loads(f.evidence)["fault"], f.start_s, f.end_s) for f in item(track)] for track in tracks]


def both(seconds=30):
    """Two sides of one sound, each with a little of its own."""
    one = noise(seconds, RATE, seed=1)
    return one + noise(seconds, RATE, -46, seed=2), one + noise(seconds, RATE, -46, seed=3)


def test_a_dead_side():
    left, right = both()
    assert faults(left, 0 * right) == [[], [("dead", 0, 30)]]
    assert faults(0 * left, right) == [[("dead", 0, 30)], []]


def test_a_side_that_is_down():
    left, right = both()
    right[10 * RATE : 25 * RATE] *= 0.08
    assert faults(left, right) == [[], [("quiet", 10, 25)]]


def test_polarity():
    left, right = both()
    assert faults(left, -right) == [[("polarity", 0, 30)]] * 2
    left[: 15 * RATE] *= -1
    assert faults(left, right) == [[("polarity", 0, 15)]] * 2


@pytest.mark.parametrize(("seconds", "count"), [(9, 0), (10, 1)])
def test_edge_of_length(seconds, count):
    left, right = both()
    right[5 * RATE : (5 + seconds) * RATE] *= -1
    assert [len(found) for found in faults(left, right)] == [count, count]


@pytest.mark.parametrize(("down_db", "count"), [(17, 0), (22, 1)])
def test_edge_of_level(down_db, count):
    left, right = both()
    assert len(faults(left, right * 10 ** (-down_db / 20))[1]) == count


def test_two_callers_are_no_fault():
    one, two = noise(40, RATE, seed=1), noise(40, RATE, seed=2)
    turn = np.arange(40 * RATE) // (12 * RATE) % 2
    assert faults(one * turn, two * (1 - turn)) == [[], []]
    quiet = noise(40, RATE, -70, seed=5)
    assert faults(one * turn + quiet, two * (1 - turn) * 0.5 + quiet[::-1]) == [[], []]


def test_the_same_sound_twice_wide_stereo_and_silence_are_none():
    left, _ = both()
    assert faults(left, left) == [[], []]
    assert faults(left, noise(30, RATE, seed=7)) == [[], []]
    assert faults(0 * left, 0 * left) == [[], []]


def test_mono_has_none():
    assert registry()["channel_fault"](measure(Sound(noise(20, RATE), RATE))[0]) == []


def test_real_stereo_has_none(corpus):
    from aqa.decode import open_recording

    files = sorted((corpus / "music" / "google+visqol").glob("*_stereo.flac"))
    assert files
    for path in files:
        assert [registry()["channel_fault"](track) for track in measure(open_recording(path))] == [[], []]
