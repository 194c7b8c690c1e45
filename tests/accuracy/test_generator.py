import numpy as np
import pytest

from accuracy import sources
from accuracy.clicks_material import stands_out
from accuracy.faults import hop_levels, spots
from accuracy.material import DOMAINS, SPLITS, Clip, clips, minutes_available, one_clip
from accuracy.opus import CODERS, FRAME, gilbert_elliott, send
from accuracy.recorders import RECORDERS, delay, record
from accuracy.scenarios import LENGTHS, SCENARIOS
from accuracy.sources import CORPUS, TEXTS, VOICES, utterances


def babble(seconds=20.0, seed=0):
    """Syllables of noise with pauses: speech enough for P.56, made without any file."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.05, round(seconds * 48_000))
    envelope = np.repeat(rng.uniform(0.3, 1, len(x) // 4800 + 1), 4800)[: len(x)]
    samples = (np.round(x * envelope * 32768) / 32768).astype(np.float32)
    return Clip(samples, 48_000, "narrow", "made", seed, 2.0**-15)


@pytest.mark.parametrize("name", ["zero", "held", "attenuated", "repeated", "click", "noise_burst", "silent_digital"])
def test_samples_differ_inside_the_truth_and_nowhere_else(name):
    clip = babble()
    if name == "noise_burst":  # turned down for headroom: compare with what it was turned down to
        clip = Clip(clip.samples / 16, 48_000, "narrow", "made", 0, 2.0**-19)
    faulty = SCENARIOS[name].make(clip, np.random.default_rng(1))
    assert len(faulty.truths) >= 1
    inside = np.zeros(len(clip.samples), np.bool_)
    for truth in faulty.truths:
        inside[truth.start_sample : truth.end_sample] = True
        assert faulty.samples[0, truth.start_sample] != clip.samples[truth.start_sample]
        assert faulty.samples[0, truth.end_sample - 1] != clip.samples[truth.end_sample - 1]
    differ = faulty.samples[0] != clip.samples
    assert not differ[~inside].any()


def test_holes_have_the_lengths_that_were_asked_for_and_stand_apart():
    faulty = SCENARIOS["zero"].make(babble(), np.random.default_rng(1))
    ends = 0
    for truth in faulty.truths:
        asked = truth.params["ms"] * 48
        assert asked - 3 <= truth.end_sample - truth.start_sample <= asked  # zeros of the clip itself at its ends
        assert truth.start_sample - ends >= 1.5 * 48_000 or ends == 0
        assert not faulty.samples[0, truth.start_sample : truth.end_sample].any()
        assert truth.observable == (truth.params["ms"] > 2.6)
        ends = truth.end_sample


def test_spots_lie_in_active_speech():
    clip = babble()
    clip.samples[5 * 48_000 : 12 * 48_000] *= 0.001
    speech = hop_levels(clip.samples)[1].speech
    found = list(spots(clip, np.random.default_rng(0), LENGTHS))
    assert found
    for spot in found:
        assert speech[spot.start // 480 : spot.end // 480 + 1].all()
        assert not 5.4 * 48_000 < spot.start < 11.9 * 48_000


def test_a_skip_takes_out_what_it_says_and_the_joint_is_the_truth():
    clip = babble()
    faulty = SCENARIOS["skip"].make(clip, np.random.default_rng(1))
    gone = 0
    for truth in faulty.truths:
        joint = truth.start_sample + 1
        gone += round(truth.params["skip_ms"] * 48)
        assert faulty.samples[0, joint] == clip.samples[joint + gone]
    assert faulty.samples.shape[1] == len(clip.samples) - gone


def test_a_cross_faded_skip_is_not_observable():
    faulty = SCENARIOS["skip_crossfaded"].make(babble(), np.random.default_rng(1))
    assert faulty.truths and not any(truth.observable for truth in faulty.truths)


def test_clipping_cuts_the_share_that_it_says():
    faulty = SCENARIOS["clipped_1.0"].make(babble(), np.random.default_rng(1))
    x = np.abs(faulty.samples[0])
    assert x.max() == pytest.approx(0.35, abs=1e-4)
    assert np.mean(x >= x.max() - 2.0**-15) == pytest.approx(0.01, rel=0.1)


def test_a_lost_packet_is_where_the_truth_says():
    clip = babble(4.0)
    lost = np.zeros(len(clip.samples) // FRAME + 2, np.bool_)
    lost[100] = True
    sent = send(clip.samples, CODERS["celt"], lost)
    start, end = sent.span(100, 101)
    assert end - start == FRAME
    error = (sent.samples - sent.clean).astype(np.float64) ** 2
    differ = np.flatnonzero(error)
    assert start - 120 <= differ[0] <= start + 1  # 2.5 ms of overlap at most
    assert error[start : end + 3 * FRAME].sum() > 0.95 * error.sum()  # energy prediction recovers by then
    assert abs(delay(clip.samples, sent.clean)) <= 2


def test_what_fec_repairs_is_not_observable():
    faulty = SCENARIOS["lost_hybrid_fec"].make(babble(), np.random.default_rng(1))
    singles = [truth for truth in faulty.truths if truth.params["burst"] == 1 and truth.params["mode"] != "celt"]
    longer = [truth for truth in faulty.truths if truth.params["burst"] > 1]
    assert singles and not any(truth.observable for truth in singles)
    assert any(truth.observable for truth in longer)


def test_losses_come_at_the_share_and_in_the_bursts_asked_for():
    lost = gilbert_elliott(200_000, 0.1, 2.0, np.random.default_rng(0))
    starts = np.flatnonzero(np.diff(lost.astype(int)) == 1)
    assert lost.mean() == pytest.approx(0.1, rel=0.05)
    assert lost.sum() / len(starts) == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("recorder", RECORDERS)
def test_recorders_keep_length_and_place(recorder):
    clip = babble(6.0)
    kept, _ = record(clip.samples[None], recorder, clip.lsb)
    assert kept.shape == (1, len(clip.samples))
    assert abs(delay(clip.samples, kept[0])) <= 2


def test_the_delay_is_found_both_ways():
    x = babble(3.0).samples
    assert delay(x, np.concatenate((np.zeros(1105, np.float32), x))) == 1105
    assert delay(x, x[312:]) == -312


def test_no_voice_text_or_file_is_in_two_splits(corpus):
    for table in (VOICES, TEXTS):
        everything = [one for split in SPLITS for one in table[split]]
        assert len(everything) == len(set(everything))
    names = [{one.name for domain in CORPUS for one in utterances(split, domain)} for split in SPLITS]
    assert all(names)
    assert not names[0] & names[1] and not names[0] & names[2] and not names[1] & names[2]
    speakers = [{name.split("-")[-3] for name in split if "Resemblyzer" in name} for split in names]
    assert not speakers[0] & speakers[1] and not speakers[0] & speakers[2] and not speakers[1] & speakers[2]


def test_every_pattern_of_the_table_finds_a_file(corpus):
    for domain, splits in CORPUS.items():
        for split, patterns in splits.items():
            for pattern in patterns:
                assert list(corpus.glob(pattern)), (domain, split, pattern)


def test_a_domain_without_sources_is_not_measured(monkeypatch):
    monkeypatch.setattr(sources, "corpus_folder", lambda: None)
    assert minutes_available("test", "meeting") == 0
    assert list(clips("test", "meeting", 1)) == []
    with pytest.raises(ValueError, match="domain"):
        list(clips("test", "opera", 1))


@pytest.mark.parametrize("domain", ["noise", "applause"])
def test_made_clips_are_the_same_each_time_long_enough_and_unclipped(domain, monkeypatch):
    monkeypatch.setattr(sources, "corpus_folder", lambda: None)
    first, second = (one_clip("train", domain, 7, seconds=(8.0, 9.0)) for _ in range(2))
    other = one_clip("test", domain, 7, seconds=(8.0, 9.0))
    np.testing.assert_array_equal(first.samples, second.samples)
    assert 8 <= first.seconds <= 9
    assert np.abs(first.samples).max() <= 0.971
    assert len(other.samples) != len(first.samples) or (other.samples != first.samples).any()


def test_every_domain_of_a_scenario_and_every_recorder_exists():
    for one in SCENARIOS.values():
        assert set(one.domains) <= set(DOMAINS) and set(one.recorders) <= set(RECORDERS), one.name


@pytest.mark.parametrize(("samples", "times"), [(1, 0.5), (4, 0.5), (1, 8.0), (5, 2.0)])
def test_in_white_noise_a_click_stands_out_as_the_textbook_says(samples, times):
    x = np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32)
    found = [stands_out(x, 48_000, at, samples, times) for at in range(2_000, 46_000, 1_000)]
    assert np.mean(found) == pytest.approx(times * np.sqrt(samples), rel=0.1)
    smooth = np.convolve(x, np.hanning(9) / 4, mode="same").astype(np.float32)  # little in it that rises as fast
    assert np.median([stands_out(smooth, 48_000, at, 1, times) for at in range(2_000, 46_000, 1_000)]) > 20 * times
