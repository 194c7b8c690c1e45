"""Made-up speech: a hit, near misses, an edge, and the switch that asks for the measure."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from accuracy.made import faded, noise_of
from accuracy.opus import CODERS, FRAME, send
from sound import Sound

from aqa.detector import registry
from aqa.detectors.concealment import Settings, concealment
from aqa.measures.concealment import NAMES
from aqa.measures.levels import Levels
from aqa.measures.track import OPTIONAL, measure
from aqa.settings import Settings as All
from aqa.sound_model import Candidates, Track

DETECTOR = registry()["concealment"]
RATE = 48_000


def voice(seconds=30, seed=0):
    """Glottal pulses that glide in pitch through moving resonances, with breath: it never repeats exactly."""
    random = np.random.default_rng(seed)
    count = seconds * RATE
    knots = random.uniform(100, 220, 4 * seconds + 2)
    pitch = np.interp(np.arange(count), np.arange(len(knots)) * RATE / 4, knots)
    phase = np.cumsum(pitch) / RATE
    pulses = np.diff(np.floor(phase), prepend=0) + 0.05 * random.standard_normal(count)
    out = np.zeros(count + RATE)
    for start in range(0, count, RATE // 5):
        times = np.arange(1200) / RATE
        bands = zip(random.uniform((300, 900, 2200, 3500), (800, 2000, 3200, 6000)), (80, 110, 160, 400), strict=True)
        shape = sum(np.exp(-np.pi * wide * times) * np.sin(2 * np.pi * hertz * times) for hertz, wide in bands)
        piece = faded((pulses[start : start + RATE // 4]).astype(np.float32), 0.02)
        wave = np.convolve(piece, shape)
        out[start : start + len(wave)] += wave * random.uniform(0.4, 1)
    sound = out[:count] / np.abs(out).max() * 0.5 + noise_of(count, random, 1.0) * 3e-4
    return sound.astype(np.float32)


def found(samples, **settings):
    track = measure(Sound(samples, RATE), optional=OPTIONAL)[0]
    return DETECTOR(track, Settings(**settings)), track


def lost_at(count, *bursts):
    lost = np.zeros(count // FRAME + 2, np.bool_)
    for first, length in bursts:
        lost[first : first + length] = True
    return lost


BURSTS = tuple((first, 3 + first % 3) for first in range(100, 1450, 50))


def test_lost_celt_packets_are_found_where_they_are():
    sound = voice()
    lost = lost_at(len(sound), *BURSTS)
    sent = send(sound, CODERS["celt"], lost)
    places = [tuple(s / RATE for s in sent.span(first, first + length)) for first, length in BURSTS]
    findings, track = found(sent.samples)
    hit = [p for p in places if any(f.start_s < p[1] and f.end_s > p[0] for f in findings)]
    wrong = [f for f in findings if not any(f.start_s < p[1] + 0.06 and f.end_s > p[0] for p in places)]
    assert len(hit) >= 0.6 * len(places) and len(wrong) <= 1
    assert track.facts["concealed_pct_estimated"] > 4
    facts = json.loads(findings[0].evidence)
    assert facts["in_phase_with_others"] and facts["start_sample"] == round(findings[0].start_s * RATE)


def test_the_same_without_loss_has_none():
    sound = voice()
    findings, track = found(send(sound, CODERS["celt"]).clean)
    assert not findings
    assert track.facts["concealed_pct_estimated"] < 2


def test_gain_changes_nothing_but_little():
    sent = send(voice(), CODERS["celt"], lost_at(30 * RATE, *BURSTS)).samples
    one, quiet = found(sent)[0], found(sent * np.float32(0.125))[0]
    assert [round(f.start_s, 2) for f in one] == [round(f.start_s, 2) for f in quiet]


def candidates(starts_ms, peaks, length_ms=20, ways=0):
    start = np.array(starts_ms) * 48
    ways, peaks = np.broadcast_to(ways, len(start)), np.broadcast_to(peaks, len(start))
    features = np.array([(way, peak, 20, 10) for way, peak in zip(ways, peaks, strict=True)], np.float32)
    held = Candidates(start, start + length_ms * 48, NAMES, features)
    empty = SimpleNamespace()
    return Track(RATE, 60 * RATE, empty, empty, empty, Levels(-26.0, -60.0, np.ones(6000, np.bool_)),
                 candidates={"concealment": held})  # fmt: skip


LIMITS = Settings(
    min_log_odds=1.75, min_log_odds_strong=0.5, min_log_odds_in_phase=-0.5, min_log_odds_silk=0.75,
)  # fmt: skip


@pytest.mark.parametrize(("peak", "count"), [(1.75, 1), (1.74, 0)])
def test_one_alone_needs_all_its_log_odds(peak, count):
    assert len(list(concealment(candidates([1000], peak), LIMITS))) == count


def test_those_of_one_phase_help_each_other():
    """Nine strong ones begin at 5 or 10 ms of a frame; a weak one there counts, and one elsewhere does not."""
    strong = [1000 * i + 20 * (i % 3) + 5 + 5 * (i % 2) for i in range(1, 10)]
    track = candidates([*strong, 20_005, 30_015], [*[1.0] * 9, -0.5, -0.5])
    found = DETECTOR(track, LIMITS)
    assert [round(f.start_s * 1000) for f in found] == [*strong, 20_005]
    assert all(json.loads(f.evidence)["in_phase_with_others"] for f in found)
    assert found[-1].confidence == pytest.approx(1 / (1 + np.exp(-1.75)), abs=0.006)
    assert not DETECTOR(candidates([*strong, 20_005], [*[0.49] * 9, -0.5]), LIMITS)


def test_seven_or_scattered_ones_do_not():
    assert not DETECTOR(candidates([1000 * i for i in range(7)], 1.0), LIMITS)
    assert not DETECTOR(candidates([1005 * i for i in range(1, 30)], 1.0), LIMITS)


@pytest.mark.parametrize(("peak", "count"), [(0.75, 1), (0.74, 0)])
def test_each_way_has_its_own_limit(peak, count):
    found = DETECTOR(candidates([1000], peak, ways=1), LIMITS)
    assert len(found) == count
    assert all(json.loads(f.evidence)["looks"] == "fresh noise (SILK, hybrid)" for f in found)


def test_a_phase_is_of_celt_alone():
    strong = [1000 * i + 5 for i in range(1, 10)]
    track = candidates([*strong, 20_005, 30_005], [*[1.0] * 9, 0.3, 0.3], ways=[*[0] * 9, 0, 1])
    assert [round(f.start_s * 1000) for f in DETECTOR(track, LIMITS)] == [*strong, 20_005]
    track = candidates([*strong, 20_005], [*[1.0] * 9, 0.74], ways=1)
    found = DETECTOR(track, LIMITS)
    assert [round(f.start_s * 1000) for f in found] == strong
    assert not any(json.loads(f.evidence)["in_phase_with_others"] for f in found)


def test_of_two_ways_at_one_place_the_clearer_is_told():
    """2.25 is 0.5 above CELT's limit, 1.5 is 0.75 above that of SILK; what touches at an end is another place."""
    found = DETECTOR(candidates([1000, 1010, 1030], [2.25, 1.5, 2.0], ways=[0, 1, 0]), LIMITS)
    assert [(round(f.start_s, 3), json.loads(f.evidence)["looks"][:5]) for f in found] == [
        (1.01, "fresh"), (1.03, "pitch"),
    ]  # fmt: skip


@pytest.mark.parametrize(("ms", "severity"), [(59, "minor"), (60, "major"), (199, "major"), (200, "critical")])
def test_severity_is_by_length(ms, severity):
    (one,) = DETECTOR(candidates([1000], 3, ms), LIMITS)
    assert one.severity == severity and one.value == ms and one.unit == "ms"


def test_not_looked_for_is_not_found_and_not_zero():
    track = measure(Sound(voice(2), RATE))[0]
    assert "concealment" not in track.candidates and "concealed_pct_estimated" not in track.facts
    assert DETECTOR(track) == []
    assert All().optional() == ()
    assert All(detectors={"concealment": Settings(measure=True)}).optional() == ("concealment",)
    assert All(off=frozenset(["concealment"]), detectors={"concealment": Settings(measure=True)}).optional() == ()
