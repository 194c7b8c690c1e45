import dataclasses

import numpy as np
import pytest

from aqa.model import Finding
from aqa.scores import coverage, impairment, seconds_of_recording
from aqa.sound_model import Levels, RunTable, Track


def finding(start, end, kind="dropout", cause="not_measurable", channel=None):
    return Finding(kind=kind, start_s=start, end_s=end, cause=cause, channel=channel)


def track(seconds=10, speech=(0, 10), channel=0):
    hops = seconds * 100
    mask = np.zeros(hops, bool)
    mask[speech[0] * 100 : speech[1] * 100] = True
    level = np.where(mask, -20.0, -70.0).astype(np.float32)
    empty = RunTable(np.array([], str), *(np.array([], np.int64),) * 2, *(np.array([]),) * 5)
    return Track(16_000, seconds * 16_000, level, level, empty, Levels(-20.0, -70.0, mask), channel)


def score(findings, *, tracks=None, start_s=0.0):
    rows = seconds_of_recording("a.wav", "mix", channels=tracks or [track()], findings=findings, start_s=start_s)
    return impairment(rows)


def test_no_fault_is_zero_and_not_nothing():
    found = score([])
    assert (found.speech_seconds, found.impaired_seconds, found.severely_impaired_seconds) == (10, 0, 0)


def test_no_sound_is_not_measured():
    assert impairment([]) is None


@pytest.mark.parametrize(
    ("findings", "impaired", "severe"),
    [
        ([finding(1.0, 1.005)], 1, 0),
        ([finding(1.0, 1.05)], 1, 0),  # exactly 50 ms is not more than 50 ms
        ([finding(1.0, 1.051)], 1, 1),
        ([finding(1.0, 1.03), finding(1.5, 1.53)], 1, 1),  # they add up within a second
        ([finding(1.0, 1.03), finding(1.0, 1.03)], 1, 0),  # and count once where they overlap
        ([finding(1.98, 2.02)], 2, 0),
        ([finding(1.5, 4.5)], 4, 4),
        ([finding(1.0, 2.0, cause="intended")], 0, 0),
        ([finding(1.0, 2.0, kind="hum")], 0, 0),
        ([finding(1.0, 2.0, kind="silence")], 0, 0),
        ([finding(1.0, 2.0, kind="silence", cause="network_loss")], 1, 1),
    ],
)
def test_seconds(findings, impaired, severe):
    found = score(findings)
    assert (found.impaired_seconds, found.severely_impaired_seconds) == (impaired, severe)


def test_conditions_that_last_do_not_count():
    lasting = ("hum", "dc_offset", "low_level", "bandwidth_drop", "channel_fault")
    found = score([finding(0.0, 10.0, kind=kind) for kind in lasting])
    assert (found.impaired_seconds, found.severely_impaired_seconds) == (0, 0)


@pytest.mark.parametrize(("severity", "severe"), [("minor", 0), ("major", 3)])
def test_few_flat_tops_impair_and_not_severely(severity, severe):
    clipped = dataclasses.replace(finding(2.0, 5.0, kind="clipping"), severity=severity)
    found = score([clipped])
    assert (found.impaired_seconds, found.severely_impaired_seconds) == (3, severe)
    assert score([clipped, finding(2.0, 2.2)]).severely_impaired_seconds == max(1, severe)


def test_a_silence_cut_hard_counts_without_a_known_cause():
    cut = dataclasses.replace(finding(1.0, 3.0, kind="silence"), severity="critical", evidence='{"edges": "hard"}')
    assert score([cut]).severely_impaired_seconds == 2
    assert score([dataclasses.replace(cut, cause="intended")]).severely_impaired_seconds == 0


def test_a_fault_outside_speech_costs_nothing():
    assert score([finding(7.0, 7.5)], tracks=[track(speech=(0, 5))]).impaired_seconds == 0


def test_a_long_hole_is_inside_the_speech_around_it():
    tracks = [track(speech=(0, 3))]
    tracks[0].levels.speech[600:] = True
    assert score([finding(3.0, 6.0)], tracks=tracks).severely_impaired_seconds == 3


def test_a_fault_on_either_channel_counts_once():
    tracks = [track(), track(channel=1)]
    both = [finding(1.0, 1.2, channel=0), finding(1.1, 1.3, channel=1)]
    assert score(both, tracks=tracks).severely_impaired_seconds == 1


def test_the_event_clock_shifts_seconds():
    rows = seconds_of_recording("a.wav", "mix", channels=[track(2)], findings=[finding(5.6, 5.7)], start_s=4.5)
    assert [row.second for row in rows] == [4, 5, 6]
    assert [row.fault_s for row in rows] == pytest.approx([0, 0.1, 0])
    assert [row.speech_s for row in rows] == pytest.approx([0.5, 1, 0.5])


def test_coverage_is_exact_within_hops():
    assert coverage([finding(0.005, 0.0175)], hops=4, start_s=0) == pytest.approx([0.5, 0.75, 0, 0])
    assert coverage([finding(-1, 9)], hops=2, start_s=0) == pytest.approx([1, 1])
