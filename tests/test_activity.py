"""What packets say of loudness: each kind, lost and unsent time, the delay's floor, speaking and silent."""

import dataclasses

import numpy as np
import pairs
import pytest
from captures import Packet, talk
from streams import stream

from aqa.activity import LOST, NOTHING, activity, loud
from aqa.stream_model import NO_LEVEL

OPUS = {111: "opus/48000/2"}


def voice(levels, *, count=None, sizes=80, gone=()):
    """Opus packets of 20 ms with these RFC 6464 levels."""
    count = count or len(levels)
    size = np.broadcast_to(sizes, count)
    packets = [
        Packet(i * 0.02, i, i * 960, 111, payload=bytes(int(size[i]))) for i in range(count) if i not in set(gone)
    ]
    made = stream(packets, OPUS)
    if levels is None:
        return made
    kept = [i for i in range(count) if i not in set(gone)]
    return dataclasses.replace(made, level_dbov=np.array(levels, np.int16)[kept])


LEVELS = [-30] * 100 + [-80] * 100 + [-30] * 100


def test_levels_are_taken_as_they_are():
    found = activity(voice(LEVELS))
    assert found.kind == "level" and found.pieces[0].value.tolist() == np.repeat(LEVELS, 2).tolist()


def test_a_lost_packet_is_lost_and_not_silent():
    value = activity(voice(LEVELS, gone=(7, 8))).pieces[0].value
    assert value[14:18].tolist() == [LOST] * 4 and (value == LOST).sum() == 4


def test_what_was_not_sent_is_nothing():
    packets = talk(400, payload_type=111, hz=48_000)
    sent = [dataclasses.replace(p, sequence=i) for i, p in enumerate(q for q in packets if q.sequence % 100 < 70)]
    found = activity(stream(sent, OPUS))
    value = found.pieces[0].value
    assert found.kind == "talkspurt"
    assert (value[140:200] == NOTHING).all() and (value[:140] < 0).all() and not (value == LOST).any()


def test_sizes_of_variable_bit_rate_rise_with_loudness():
    found = activity(voice(None, count=300, sizes=np.where(np.arange(300) % 100 < 50, 90, 40) + np.arange(300) % 7))
    value = found.pieces[0].value
    assert found.kind == "size" and value[:100].min() > value[100:200].max()


@pytest.mark.parametrize("sizes", [80, 160])
def test_a_constant_bit_rate_without_pauses_says_nothing(sizes):
    assert activity(voice(None, count=300, sizes=sizes)) is None
    assert activity(stream(talk(500))) is None  # G.711


def test_levels_that_never_change_are_not_believed():
    assert activity(voice([-127] * 300)) is None


def test_who_speaks_for_one_part_in_a_hundred_has_spoken():
    assert activity(voice([-80] * 990 + [-30] * 10)).kind == "level"


def test_an_unknown_clock_says_nothing():
    unknown = dataclasses.replace(voice(LEVELS), clock_rate_hz=None, stretch_clock_hz=(None,))
    assert activity(unknown) is None


def test_encrypted_payload_makes_no_difference():
    one = pairs.Spoken(pairs.speech(2, 20), tuple(bytes(40 + i % 37) for i in range(1000)))
    sealed = dataclasses.replace(one, packets=tuple(packet + bytes(10) for packet in one.packets))  # SRTP's tag
    none = np.zeros(1000, np.bool_)
    here, there = (activity(pairs.stream(each, none)) for each in (one, sealed))
    assert here.kind == there.kind == "size"
    assert np.corrcoef(here.pieces[0].value, there.pieces[0].value)[0, 1] > 0.99


def test_the_floor_follows_the_sender_s_clock_and_not_the_jitter():
    none = np.zeros(6000, np.bool_)
    one = pairs.Spoken(pairs.speech(2, 120), tuple(bytes(40 + i % 37) for i in range(6000)))
    piece = activity(pairs.stream(one, none, skew_ppm=200.0, jitter_s=0.01)).pieces[0]
    media = np.arange(0, 120, 5.0)
    assert np.abs(piece.log_s(media) - media * (1 + 200e-6)).max() < 0.003


def test_a_stall_moves_what_comes_after_it_at_once():
    """The sender stands still for 1.2 s at media second 12; its RTP time does not go on meanwhile."""
    packets = [Packet(i * 0.02 + (1.2 if i >= 600 else 0.0), i, i * 960, 111, payload=bytes(80)) for i in range(1500)]
    level = np.where(np.arange(1500) % 50 < 25, -30, -80)
    (piece,) = activity(dataclasses.replace(stream(packets, OPUS), level_dbov=level.astype(np.int16))).pieces
    media_s = np.array([1.0, 11.9, 11.98, 12.0, 12.1, 19.0, 29.0])
    assert piece.log_s(media_s) - media_s == pytest.approx([0, 0, 0, 1.2, 1.2, 1.2, 1.2], abs=0.001)


class TestOfWhoSpoke:
    def test_speaking_silent_and_nothing_cover_all_but_what_is_lost(self):
        found = loud(activity(voice(LEVELS, gone=(150, 151))))
        assert found.based_on == "level"
        shift = 0.0065  # Opus's look-ahead
        assert found.speaking - shift == pytest.approx(np.array([[0.0, 2.0], [4.0, 6.0]]), abs=1e-3)
        assert found.silent - shift == pytest.approx(np.array([[2.0, 3.0], [3.04, 4.0]]), abs=1e-3)
        assert len(found.nothing) == 0

    def test_a_short_pause_is_hung_over(self):
        levels = [-30] * 50 + [-80] * 8 + [-30] * 50 + [-80] * 50
        assert len(loud(activity(voice(levels))).speaking) == 1

    def test_mute_is_nothing(self):
        levels = np.array([-30, -80] * 200)
        made = voice(levels)
        keep = (np.arange(400) // 50) % 2 == 0
        rest = {
            name: getattr(made, name)[keep]
            for name in ("arrival_ns", "timestamp", "payload_types", "marker", "payload_bytes", "stretch",
                         "duplicate", "auxiliary", "copies", "level_dbov")
        }  # fmt: skip
        muted = dataclasses.replace(made, sequence=np.arange(keep.sum()), **rest)
        found = loud(activity(muted))
        assert found.nothing[:, 1] - found.nothing[:, 0] == pytest.approx([1.0] * 3, abs=0.05)

    def test_no_level_at_all_is_no_activity(self):
        assert activity(voice([NO_LEVEL] * 300)) is None
