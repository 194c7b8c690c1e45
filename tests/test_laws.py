"""What is true of every detector, whatever it looks for: laws that run over the registry."""

import dataclasses
import json
from itertools import pairwise
from types import SimpleNamespace

import dumps
import numpy as np
import pytest
from captures import Packet
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import stream

from aqa.detector import HEADINGS, registry
from aqa.measures.track import OPTIONAL, measure
from aqa.model import KINDS
from aqa.playout import Buffer, Played, play
from aqa.sound_model import Block, Track
from aqa.stream_model import StatsTrack, Stream

AUDIO = [item for item in registry().values() if item.subject is Track]
STATS = [item for item in registry().values() if item.subject is StatsTrack]
PACKETS = [item for item in registry().values() if item.subject in (Stream, Played)]
RATE = 16_000
LSB = 2.0**-15


def sound(seed=0, seconds=9):
    """Bursts of speech-like noise with faults of every kind that is looked for in sound."""
    random = np.random.default_rng(seed)
    n = seconds * RATE
    envelope = np.repeat(random.uniform(0.2, 1.0, seconds * 5), RATE // 5)
    x = random.normal(0, 0.05, n) * envelope
    x[2 * RATE : 2 * RATE + 800] = 0.0  # 50 ms hard hole
    x[int(4.5 * RATE) : int(7.2 * RATE)] *= 0.0005  # 2.7 s of silence
    x[3 * RATE : 3 * RATE + 3200] += 2 * np.sin(2 * np.pi * 200 * np.arange(3200) / RATE)  # clipped below
    return (np.round(np.clip(x, -0.999, 0.999) / LSB) * LSB).astype(np.float32)


def tracks(samples, cuts=()):
    """Measure channels x samples, handed over in blocks cut at `cuts`."""
    samples = np.atleast_2d(samples)
    edges = [0, *sorted(cuts), samples.shape[1]]
    blocks = [Block(a, np.ascontiguousarray(samples[:, a:b])) for a, b in pairwise(edges) if b > a]
    source = SimpleNamespace(sample_rate_hz=RATE, channels=len(samples), lsb=LSB, blocks=lambda: iter(blocks))
    return measure(source, optional=OPTIONAL)


def plain(findings):
    return [(f.kind, f.channel, round(f.start_s, 9), round(f.end_s, 9), f.severity) for f in findings]


@pytest.mark.parametrize("item", AUDIO, ids=lambda item: item.kind)
class TestOfEveryAudioDetector:
    def test_finds_something_in_the_test_sound_or_is_quiet_for_a_reason(self, item):
        if item.kind in ("dropout", "silence", "clipping"):
            assert item(tracks(sound())[0])

    @given(cuts=st.lists(st.integers(0, 9 * RATE), max_size=6), seed=st.integers(0, 3))
    @settings(max_examples=15, deadline=None)
    def test_cutting_into_blocks_changes_nothing(self, item, cuts, seed):
        x = sound(seed)
        assert plain(item(tracks(x, cuts)[0])) == plain(item(tracks(x)[0]))

    def test_findings_are_ordered_and_inside_the_recording(self, item):
        found = item(tracks(sound())[0])
        assert all(0 <= f.start_s < f.end_s <= 9 for f in found)
        assert [f.start_s for f in found] == sorted(f.start_s for f in found)
        assert all(0 <= f.confidence <= 1 for f in found)

    def test_empty_input_gives_none(self, item):
        assert item(tracks(np.zeros((1, 0), np.float32))[0]) == []
        assert item(tracks(np.zeros((1, 1), np.float32))[0]) == []

    def test_leading_silence_shifts_findings_by_its_length(self, item):
        x = sound()
        later = item(tracks(np.concatenate([np.zeros(2 * RATE, np.float32), x]))[0])
        shifted = [dataclasses.replace(f, start_s=f.start_s - 2, end_s=f.end_s - 2) for f in later]
        assert plain(shifted) == plain(item(tracks(x)[0]))

    def test_swapping_channels_swaps_findings(self, item):
        both = np.stack([sound(0), sound(1)])
        here, there = tracks(both), tracks(both[::-1])
        for channel in (0, 1):
            swapped = [dataclasses.replace(f, channel=channel) for f in item(there[1 - channel])]
            assert plain(swapped) == plain(item(here[channel]))


def counted(first_s=0.0, step_s=1.0):
    """A track, as received and as played out, in which every kind of fault in stats is twice."""
    bad = np.zeros(60)
    bad[[10, 11, 40]] = 0.5
    total = np.concatenate([[0.0], np.cumsum(bad)])
    columns = {
        "packets_received": np.arange(61) * 50.0,
        "samples_received": np.arange(61) * 48_000.0,
        "concealed_samples": total * 48_000,
        "silent_concealed_samples": total * 0,
        "interruptions": total * 2,
        "interruption_s": total / 2,
        "synthesized_s": total,
        "samples_s": np.arange(61.0),
    }
    return [dumps.track(step_s, direction=way, first_s=first_s, **columns) for way in ("received", "playout")]


@pytest.mark.parametrize("item", STATS, ids=lambda item: item.kind)
class TestOfEveryStatsDetector:
    def found(self, item, tracks):
        return [f for track in tracks for f in item(track)]

    def test_finds_both_faults_in_the_test_counters(self, item):
        places = [(f.start_s, f.end_s) for f in self.found(item, counted())]
        assert places == [(10.0, 12.0), (40.0, 41.0)]

    def test_findings_are_sure_of_themselves_within_bounds_and_say_what_was_counted(self, item):
        for f in self.found(item, counted()):
            facts = json.loads(f.evidence)
            assert 0 <= f.confidence <= 1
            assert set(facts["before"]) == set(facts["after"]) and facts["meaning"]
            assert facts["polling_period_s"] == 1.0

    @pytest.mark.parametrize("columns", [{}, {"packets_received": []}, {"samples_received": [5.0]}])
    def test_no_sample_or_one_gives_none(self, item, columns):
        assert self.found(item, [dumps.track(direction=way, **columns) for way in ("received", "playout")]) == []

    def test_counters_that_stand_still_give_none(self, item):
        still = [dataclasses.replace(t, columns={k: v * 0 + 7 for k, v in t.columns.items()}) for t in counted()]
        assert self.found(item, still) == []

    def test_later_counters_shift_findings_by_as_much(self, item):
        later = [
            dataclasses.replace(f, start_s=f.start_s - 7, end_s=f.end_s - 7) for f in self.found(item, counted(7.0))
        ]
        assert plain(later) == plain(self.found(item, counted()))

    def test_what_was_counted_before_the_first_sample_does_not_matter(self, item):
        more = [dataclasses.replace(t, columns={k: v + 1e5 for k, v in t.columns.items()}) for t in counted()]
        assert plain(self.found(item, more)) == plain(self.found(item, counted()))

    def test_counters_that_are_not_there_give_none(self, item):
        for name in counted()[0].columns:
            lacking = [
                dataclasses.replace(t, columns={k: v * np.nan if k == name else v for k, v in t.columns.items()})
                for t in counted()
            ]
            assert all(not np.isnan(f.start_s) for f in self.found(item, lacking))
        nothing = [dataclasses.replace(t, columns={}) for t in counted()]
        assert self.found(item, nothing) == []


def call(seed=0, count=6000):
    """Two minutes of packets with faults of every kind that is looked for in packets."""
    random = np.random.default_rng(seed)
    at = np.arange(count) * 0.02 * (1 + 500e-6)
    at += random.exponential(0.003, count)
    at[1000:1300] += random.exponential(0.08, 300)  # jitter: late and out of order
    at[2500:2550] += 0.9 - 0.018 * np.arange(50)  # held back, and caught up
    lost = {400, 700, 701, 702, *range(3000, 3060)}
    packets = [
        Packet(float(t), i, i * 160 + (5_000_000 if i > 5000 else 0)) for i, t in enumerate(at) if i not in lost
    ]
    packets += [Packet(p.arrival_s + 0.001, p.sequence, p.timestamp) for p in packets[4000:4050]]
    return sorted(packets, key=lambda p: p.arrival_s)


def subject_of(item, packets, buffer=None):
    found = stream(packets)
    return found if item.subject is Stream else Played(found, play(found, buffer or Buffer()))


@pytest.mark.parametrize("item", PACKETS, ids=lambda item: item.kind)
class TestOfEveryPacketDetector:
    def test_finds_something_in_the_test_call(self, item):
        assert item(subject_of(item, call()))

    @pytest.mark.parametrize("seed", range(3))
    def test_findings_are_ordered_and_inside_the_stream(self, item, seed):
        packets = call(seed)
        found = item(subject_of(item, packets))
        last = packets[-1].arrival_s + 2  # what is heard comes after the last packet by the buffer's delay
        assert all(0 <= f.start_s <= f.end_s <= last for f in found)
        assert [f.start_s for f in found] == sorted(f.start_s for f in found)
        assert all(0 <= f.confidence <= 1 and f.stream == "0x00001234" and f.unit for f in found)

    def test_a_faultless_stream_has_none(self, item):
        packets = [Packet(i * 0.02, i, i * 160) for i in range(4000)]
        assert item(subject_of(item, packets)) == []

    def test_few_packets_have_none(self, item):
        for count in (1, 2, 5):
            assert item(subject_of(item, [Packet(i * 0.02, i, i * 160) for i in range(count)])) == []

    def test_a_later_log_shifts_findings(self, item):
        here, later = (subject_of(item, [shifted(p, s) for p in call()]) for s in (0.0, 2.0))
        moved = [dataclasses.replace(f, start_s=f.start_s - 2, end_s=f.end_s - 2) for f in item(later)]
        assert times(moved) == times(item(here))

    def test_an_unknown_clock_is_no_error(self, item):
        odd = [dataclasses.replace(p, payload_type=96, timestamp=p.timestamp * 7 + p.sequence % 3) for p in call()]
        assert isinstance(item(subject_of(item, odd)), list)

    def test_other_numbers_and_another_ssrc_change_nothing(self, item):
        other = [dataclasses.replace(p, sequence=p.sequence + 60_000, ssrc=0xBEEF) for p in call()]
        assert times(item(subject_of(item, other))) == times(item(subject_of(item, call())))


def shifted(packet, by_s):
    return dataclasses.replace(packet, arrival_s=packet.arrival_s + by_s)


def times(findings):
    return [(f.kind, round(f.start_s, 6), round(f.end_s, 6), f.severity, round(f.value, 3)) for f in findings]


@pytest.mark.parametrize("item", registry().values(), ids=lambda item: item.kind)
class TestOfEveryDetector:
    def test_its_documentation_has_its_headings_in_order(self, item):
        places = [item.doc.find(f"\n{heading}\n{'-' * len(heading)}\n") for heading in HEADINGS]
        assert all(place > 0 for place in places), dict(zip(HEADINGS, places, strict=True))
        assert places == sorted(places)
        assert all(item.section(heading) for heading in HEADINGS)

    def test_its_kind_is_one_of_the_interface(self, item):
        assert item.kind in KINDS[item.source]

    def test_its_settings_have_units_and_meanings(self, item):
        for field in dataclasses.fields(item.settings):
            assert field.metadata["meaning"], field.name
            assert field.default is not dataclasses.MISSING
