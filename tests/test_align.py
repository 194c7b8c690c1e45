"""Ten-minute pairs of a recording and packets: offset within 20 ms and drift, with loss; and pairs that are none.

Figures that the module's constants cite: read speech (LibriSpeech) and made speech through libopus, 3 % lost, 30 ppm:
levels 0 to 3 ms off and within 1 ppm; sizes of voip at 16 to 64 kb/s within 7 ms, of audio (CELT) within 9 ms, both
within 6 ppm of read and 2 ppm of made speech. Sizes and sound that comes back after losses, 18 pairs of read speech
(five readers, voip at 24 and 32 kb/s, audio at 64 kb/s, DTX): 0.5 ppm in the median and 1.4 at most, 1.9 and 2.7 ms,
the stated error never less than the true one. Unrelated: 0 of 400 joined; their highest place was 5.0 deviations,
at most 1.7 above the next.
"""

import dataclasses

import numpy as np
import pairs
import pytest
import soundfile
from pairs import RATE, START_NS

from aqa.activity import Activity, Piece, activity
from aqa.align import Aligned, Alignment, Refused, align, predicted
from aqa.align_fine import Windows, by_holes, fit
from aqa.align_returns import by_returns
from aqa.align_search import FLOOR_DBFS, search, wave
from aqa.opus import AUDIO, VOIP

SECONDS, START_S, DRIFT_PPM = 600.0, 7.3137, 30.0


@pytest.fixture(scope="module")
def one():
    return pairs.spoken(pairs.speech(1, SECONDS))


@pytest.fixture(scope="module")
def gone(one):
    return pairs.lost(len(one.packets), 0.03)


@pytest.fixture(scope="module")
def decoded(one, gone):
    return pairs.decoded(one, gone)


@pytest.fixture(scope="module")
def level(decoded):
    return pairs.level_dbfs(pairs.recording([decoded], start_s=START_S, drift_ppm=DRIFT_PPM, noise_db=-50))


def off_ms(found, start_s=START_S):
    return (found.start_ns - START_NS) / 1e6 - start_s * 1e3


def said(one, gone, **options):
    made = pairs.stream(one, gone, **options)
    return activity(made), made.log_start_ns


class TestOfAPairOfTenMinutes:
    @pytest.mark.parametrize("levels", [False, True])
    def test_offset_and_drift_are_found_with_an_honest_error(self, one, gone, level, levels):
        found = align(level, [said(one, gone, levels=levels)])
        assert found.based_on == ("level" if levels else "size",)
        assert abs(off_ms(found)) < min(20, found.error_s * 1e3 + 1)
        assert abs(found.drift_ppm - DRIFT_PPM) < 2 and found.drift_told
        assert found.error_s < 0.02 and found.confidence > 0.9

    def test_loss_that_left_zeros_makes_it_exact(self, one, gone):
        sound = pairs.decoded(one, gone, zeros=True)
        level = pairs.level_dbfs(pairs.recording([sound], start_s=START_S, drift_ppm=DRIFT_PPM, noise_db=-90))
        edges = np.flatnonzero(np.diff(gone.astype(int), prepend=0, append=0)).reshape(-1, 2) * 0.02
        holes = (edges - START_S) * (1 + DRIFT_PPM * 1e-6)
        found = align(level, [said(one, gone)], holes_s=holes[holes[:, 0] > 0])
        assert found.based_on == ("size", "lost packets")
        assert abs(off_ms(found)) < 3 and abs(found.drift_ppm - DRIFT_PPM) < 0.5 and found.error_s < 0.004

    def test_a_sender_s_own_drift_is_not_the_recorder_s(self, one, gone, decoded):
        level = pairs.level_dbfs(pairs.recording([decoded], start_s=START_S, noise_db=-50))
        found = align(level, [said(one, gone, levels=True, skew_ppm=100.0)])
        assert abs(found.drift_ppm + 100) < 2  # the media runs slow on the log's clock, and so does the recording

    def test_halves_agree_with_the_whole(self, one, gone, level):
        half = len(level) // 2
        parts = [align(part, [said(one, gone)]) for part in (level[:half], level[half:])]
        assert abs(off_ms(parts[0])) < 20
        assert abs(off_ms(parts[1], START_S + half * 0.01 * (1 - DRIFT_PPM * 1e-6))) < 20

    @pytest.mark.parametrize("shift_s", [-3600.0, 19_800.0, 1e6])
    def test_shifting_both_shifts_nothing(self, one, gone, level, shift_s):
        heard, origin = said(one, gone, levels=True)
        here, there = (align(level, [(heard, origin + round(by * 1e9))]) for by in (0.0, shift_s))
        assert there.start_ns - here.start_ns == pytest.approx(shift_s * 1e9, abs=1e4)
        assert there.drift_ppm == here.drift_ppm

    @pytest.mark.parametrize("given_s", [None, 7.4, 60.0, 3600.0, -19_800.0])
    def test_what_start_was_given_does_not_matter(self, one, gone, level, given_s):
        prior = None if given_s is None else START_NS + round(given_s * 1e9)
        assert abs(off_ms(align(level, [said(one, gone)], prior))) < 20

    def test_a_recording_longer_than_its_packets_and_the_other_way_round(self, one, gone, decoded):
        heard = said(one, gone, levels=True)
        longer = pairs.level_dbfs(pairs.recording([decoded], start_s=-200.0, seconds=900.0))
        shorter = pairs.level_dbfs(pairs.recording([decoded], start_s=400.0, seconds=60.0))
        assert abs(off_ms(align(longer, [heard]), -200.0)) < 10
        assert abs(off_ms(align(shorter, [heard]), 400.0)) < 10


def read(corpus, seed):
    """Ten minutes of one reader: all that there is of one in random order, again and again, with pauses."""
    random, parts, length = np.random.default_rng(seed), [], 0
    readers = ("1688-142285", "2033-164914", "2609-156975", "3080-5032", "367-130732")
    files = sorted((corpus / "speech/resemble-ai+Resemblyzer").glob(f"{readers[seed % 5]}*"))
    while length < SECONDS * RATE:
        for file in random.permutation(files):
            pause = random.normal(0, 10 ** (-65 / 20), round(random.uniform(0.2, 1.5) * RATE))
            sound = soundfile.read(file, dtype="float32")[0] * 10 ** (random.uniform(-4, 4) / 20)
            parts += [sound, pause]
            length += len(sound) + len(pause)
    return np.concatenate(parts)[: round(SECONDS * RATE)].astype(np.float32)


class TestOfReadSpeechByItsSizesAndLosses:
    """Payloads that nobody can read: sizes and the places of lost packets are all that there is."""

    @pytest.mark.parametrize(
        ("seed", "application", "options"),
        [
            (101, VOIP, {"bitrate": 24_000}),
            (202, VOIP, {"bitrate": 32_000}),
            (300, AUDIO, {"bitrate": 64_000}),
            (403, VOIP, {"bitrate": 24_000, "dtx": 1}),
        ],
    )
    def test_drift_to_2_ppm_and_an_error_that_holds_the_true_one(self, corpus, seed, application, options):
        one = pairs.spoken(read(corpus, seed), application, **options)
        gone = pairs.lost(len(one.packets), 0.03, seed)
        decoded = pairs.decoded(one, gone)
        sound = pairs.recording([decoded], start_s=START_S, drift_ppm=DRIFT_PPM, noise_db=-60, seed=seed)
        heard = said(one, gone, dtx="dtx" in options)
        found = align(pairs.level_dbfs(sound), [heard], dip_ends_s=pairs.dip_ends_s(sound))
        assert found.based_on == ("size", "lost packets")
        assert abs(found.drift_ppm - DRIFT_PPM) <= 2
        end_ms = off_ms(found) - (found.drift_ppm - DRIFT_PPM) * 1e-6 * SECONDS * 1e3
        assert max(abs(off_ms(found)), abs(end_ms)) <= found.error_s * 1e3 < 5


class TestOfOtherPairs:
    def test_three_participants_in_a_mix(self):
        voices = [pairs.Spoken(pairs.speech(seed, 240), (b"",) * 12_000) for seed in (3, 4, 5)]
        none = [pairs.lost(12_000, 0.03, seed) for seed in (1, 2, 3)]
        heard = [said(v, g, levels=True, ssrc=i) for i, (v, g) in enumerate(zip(voices, none, strict=True))]
        level = pairs.level_dbfs(pairs.recording([v.sound for v in voices], start_s=-4.0, drift_ppm=-20))
        found = align(level, heard)
        assert abs(off_ms(found, -4.0) - 6.5) < 5  # raw sound: without the codec's 6.5 ms
        assert abs(found.drift_ppm + 20) < 4

    @pytest.mark.parametrize("levels", [False, True])
    def test_dtx(self, levels):
        one = pairs.spoken(pairs.speech(9, 120, pause_s=2.0), dtx=1)
        gone = pairs.lost(len(one.packets), 0.02)
        level = pairs.level_dbfs(pairs.recording([pairs.decoded(one, gone)], start_s=3.3))
        assert abs(off_ms(align(level, [said(one, gone, dtx=True, levels=levels)]), 3.3)) < 20

    def test_constant_bit_rate_with_pauses_goes_by_talkspurts(self):
        one = pairs.Spoken(pairs.speech(8, 300, pause_s=2.0), (b"",) * 15_000)
        loud = np.convolve(one.levels > -50, np.ones(20), "same") > 0  # a gate with 200 ms before and after
        flat = pairs.Spoken(one.sound, tuple(bytes(80) if on else b"" for on in loud))
        heard, origin = said(flat, np.zeros(len(loud), np.bool_), dtx=True)
        found = align(pairs.level_dbfs(pairs.recording([one.sound], start_s=3.3)), [(heard, origin)])
        assert heard.kind == "talkspurt"
        assert abs(off_ms(found, 3.3)) < found.error_s * 1e3

    def test_unrelated_pairs_are_refused(self, one, gone, level):
        """Two hundred; levels and sizes, against other speech of 40 to 150 s and other parts of the same."""
        random = np.random.default_rng(5)
        others = [pairs.level_dbfs(pairs.speech(seed, 150)) for seed in range(20, 23)]
        heard = [said(one, gone, levels=levels)[0] for levels in (False, True)]
        joined = []
        for k in range(200):
            length = round(random.uniform(40, 150) * 100)
            mine = (level[:30_000], *others)[k % 4]
            a = random.integers(0, len(mine) - length + 1)
            b = random.integers(31_000, 60_000 - 6_000)
            prior = None if k % 3 else START_NS + round(random.uniform(-20, 20) * 1e9)
            other = cut(heard[k % 2], b, min(b + length, 60_000))
            joined.append(isinstance(align(mine[a : a + length], [(other, START_NS)], prior), Alignment))
        assert sum(joined) == 0

    def test_nothing_to_go_by_is_refused(self, level):
        assert isinstance(align(level, []), Refused)
        silent = Activity("level", (Piece(np.full(6000, -90, np.int8), np.zeros(1), np.zeros(1)),), 0.0, 60.0, 0.0)
        assert isinstance(align(level, [(silent, START_NS)]), Refused)
        assert isinstance(align(np.full(6000, np.nan, np.float32), [(silent, START_NS)]), Refused)
        assert isinstance(align(level[:500], [(silent, START_NS)]), Refused)


def cut(heard, first, last):
    """Hops `first` to `last` of an activity, as if that were all."""
    piece = heard.pieces[0]
    alone = Piece(piece.value[first:last], np.zeros(1), np.zeros(1))
    return dataclasses.replace(heard, pieces=(alone,), first_s=0.0, last_s=(last - first) * 0.01)


class TestOfTheParts:
    @pytest.mark.parametrize("seed", range(3))
    def test_the_search_is_what_a_plain_sum_gives(self, seed):
        random = np.random.default_rng(seed)
        here, there = (wave(random.normal(-40, 8, n), 0.04) for n in (700, 1100))
        score, drift = search(here, there, 0.04)
        lags = np.arange(len(score)) + 1 - 700
        for lag in random.choice(lags[600:1000], 20):
            i = np.arange(max(-lag, 0), min(700, 1100 - lag))
            a, b = here.value[i].astype(float), there.value[i + lag].astype(float)
            expected = (a * b).sum() / np.sqrt((a**2 * b**2).sum())
            assert score[lag + 699] == pytest.approx(expected, abs=1e-3) or drift[lag + 699] != 0

    def test_an_overlap_of_less_than_20_s_is_not_judged(self):
        here = wave(np.random.default_rng(1).normal(-40, 8, 1000), 0.04)
        score, _ = search(here, here, 0.04)
        assert np.isneginf(score[:400]).all() and np.argmax(score) == 999

    def test_a_line_through_windows_passes_over_strays(self):
        x = np.arange(20) * 30.0
        y = 5 + 30e-6 * x
        y[[3, 11]] += 0.3
        line = fit(Windows(x, y, np.ones(20)))
        assert line.at_s == pytest.approx(5) and line.slope == pytest.approx(30e-6)
        assert line.agree.sum() == 18 and fit(Windows(*np.zeros((3, 0)))) is None

    def test_holes_that_are_no_lost_packets_say_nothing(self):
        lost = np.arange(0, 600, 6.0)[:, None] + [0.0, 0.02]
        line = fit(Windows(np.arange(20) * 30.0, np.full(20, 2.0), np.ones(20)))
        assert by_holes(lost - 2.001, lost, line).at_s == pytest.approx(2.001)
        random = np.random.default_rng(2).uniform(-0.03, 0.03, len(lost))[:, None]
        assert by_holes(lost - 2 + random, lost, line) is None
        assert by_holes(lost[:4] - 2, lost, line) is None

    def test_sound_that_comes_back_is_told_from_dips_of_speech(self):
        random = np.random.default_rng(4)
        lost = np.sort(random.uniform(0, 600, 300))[:, None] + [0.0, 0.04]
        line = fit(Windows(np.arange(20) * 30.0, 2.0 + random.normal(0, 0.004, 20), np.ones(20)))
        own = random.uniform(0, 600, 4000)
        back = (lost[::6, 1] - 2.012) * (1 + 25e-6) + random.uniform(0, 0.001, 50)
        found = by_returns(np.sort(np.concatenate([own, back])), lost, line)
        assert found.at_s == pytest.approx(2.012, abs=0.0015)
        assert found.slope * 1e6 == pytest.approx(-25, abs=2)
        assert by_returns(np.sort(own), lost, line) is None
        assert by_returns(back[:8], lost, line) is None and by_returns(np.zeros(0), lost, line) is None

    def test_dips_of_speech_alone_hardly_ever_lie_on_a_line(self):
        """Of two hundred pairs of dips and losses that have nothing to do with each other, none."""
        random = np.random.default_rng(6)
        line = fit(Windows(np.arange(20) * 30.0, np.full(20, 2.0), np.ones(20)))
        found = []
        for _ in range(200):
            own, lost = np.sort(random.uniform(0, 600, 3000)), np.sort(random.uniform(0, 600, 300))
            found.append(by_returns(own, lost[:, None] + np.array([0.0, 0.02]), line))
        assert sum(one is not None for one in found) == 0

    def test_streams_of_a_mix_add_their_power(self):
        values = [np.full(1000, db, np.int8) for db in (-30, -30)]
        voices = [
            (Activity("level", (Piece(v, np.zeros(1), np.zeros(1)),), 0.0, 10.0, 0.0), START_NS + i * 5_000_000_000)
            for i, v in enumerate(values)
        ]
        mix = predicted(voices).level_db
        assert mix[100] == pytest.approx(-30) and mix[700] == pytest.approx(-27, abs=0.02)
        assert np.nanmin(mix) >= FLOOR_DBFS


class TestOfAGivenStart:
    def given(self, later_s, confidence=1.0, error_s=0.01):
        found = Alignment(START_NS, 0.0, False, error_s, confidence, ("size",), 10, 10, 20.0, 4.0)
        return Aligned("a.wav", 60.0, START_NS + round(later_s * 1e9), "settings", found)

    @pytest.mark.parametrize("later_s", [-0.05, 0.0, 0.12, 0.5, 0.55])
    def test_a_buffer_s_wait_is_no_contradiction(self, later_s):
        assert not self.given(later_s).contradicted

    @pytest.mark.parametrize("later_s", [-3600.0, -0.07, 0.57, 2.0])
    def test_more_than_that_is(self, later_s):
        assert self.given(later_s).contradicted
        assert not self.given(later_s, confidence=0.5).contradicted


def test_the_rate_of_the_tests_is_that_of_the_frames():
    assert RATE * 0.02 == pairs.FRAME
