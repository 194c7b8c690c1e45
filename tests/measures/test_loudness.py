"""Loudness against the documents' own test signals: EBU Tech 3341 table 1, Tech 3342 table 1; and ffmpeg."""

import math
import re
import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import Sound, noise, quantised

from aqa.decode import open_recording
from aqa.measures.loudness import coefficients, heard, together
from aqa.measures.track import measure
from aqa.measures.true_peak import PHASES

RATE = 48_000
REAL = (
    "meeting/pyannote+pyannote-audio/trn00.flac", "music/google+visqol/guitar48_stereo.flac",
    "loudness/csteinmetz1+pyloudnorm/piano.wav", "speech/snakers4+silero-vad/test.wav",
    "audio-defects/MTG+essentia-audio/noise_pink.wav",
)  # fmt: skip


def sine(seconds, dbfs, hertz=1000.0, rate=RATE):
    return 10 ** (dbfs / 20) * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def steps(*parts, rate=RATE):
    """Stereo 1 kHz sine, parts of (seconds, dBFS)."""
    one = np.concatenate([sine(seconds, level, rate=rate) for seconds, level in parts])
    return np.stack([one, one])


def loudness(tracks, layout=""):
    return heard(together([track.series["loudness"].values[:, 0] for track in tracks], layout))


def of(samples, rate=RATE, layout="", **keywords):
    return loudness(measure(Sound(samples, rate, **keywords)), layout)


def test_the_filters_are_the_standard_s_tables():
    """BS.1770-5 annex 1, tables 1 and 2."""
    table = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
    np.testing.assert_allclose(coefficients(48_000), table, atol=1e-8)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000, 192_000])
def test_a_full_scale_sine_at_any_rate(rate):
    """BS.1770-5 annex 1: 997 Hz at 0 dBFS in one front channel reads -3.01 LKFS."""
    assert of(sine(5, 0, 997, rate), rate).integrated_lufs == pytest.approx(-3.01, abs=0.05)


TECH_3341 = {
    1: (((20, -23),), -23), 2: (((20, -33),), -33),
    3: (((10, -36), (60, -23), (10, -36)), -23),
    4: (((10, -72), (10, -36), (60, -23), (10, -36), (10, -72)), -23),
    5: (((20, -26), (20.1, -20), (20, -26)), -23),
}  # fmt: skip


@pytest.mark.parametrize("case", TECH_3341)
@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_integrated_tech_3341(case, rate):
    parts, expected = TECH_3341[case]
    found = of(steps(*parts, rate=rate), rate)
    assert found.integrated_lufs == pytest.approx(expected, abs=0.1)
    if case < 3:
        assert found.momentary_max_lufs == pytest.approx(expected, abs=0.1)
        assert found.short_term_max_lufs == pytest.approx(expected, abs=0.1)


def test_surround_tech_3341_case_6():
    """1 kHz for 20 s: -28 dBFS left and right, -24 centre, -30 left and right surround: -23 LUFS."""
    five = np.stack([sine(20, level) for level in (-28, -28, -24, -6, -30, -30)])
    five[3] *= 5  # an LFE channel does not count
    assert of(five, layout="5.1").integrated_lufs == pytest.approx(-23, abs=0.1)
    assert of(np.delete(five, 3, 0), layout="5.0").integrated_lufs == pytest.approx(-23, abs=0.1)


def test_short_term_tech_3341_case_9():
    """1.34 s at -20, 1.66 s at -30, five times: short-term constant at -23 from 3 s on."""
    found = of(steps(*[(1.34, -20), (1.66, -30)] * 5))
    assert found.short_term_max_lufs == pytest.approx(-23, abs=0.1)


def test_short_term_tech_3341_case_10_and_11():
    """Bursts of 3 s beginning at any time: the largest short-term loudness is theirs."""
    for i in (0, 7, 19):
        quiet, high = i * 0.15, -23.0
        x = np.concatenate([np.zeros(round(quiet * RATE)), sine(3, high), np.zeros(RATE)])
        assert of(np.stack([x, x])).short_term_max_lufs == pytest.approx(-23, abs=0.15)
    parts = [(seconds, level) for i in range(20) for seconds, level in ((3, -38 + i), (1, -140))]
    assert of(steps(*parts)).short_term_max_lufs == pytest.approx(-19, abs=0.1)


def test_momentary_tech_3341_case_12_and_13():
    found = of(steps(*[(0.18, -20), (0.22, -30)] * 25))
    assert found.momentary_max_lufs == pytest.approx(-23, abs=0.1)
    x = np.concatenate([np.zeros(2 * RATE), sine(0.4, -23), np.zeros(RATE)])
    assert of(np.stack([x, x])).momentary_max_lufs == pytest.approx(-23, abs=0.1)


def burst(level, before_s=0.0):
    """400 ms of 1 kHz after silence, a second of silence behind; stereo."""
    x = np.concatenate([np.zeros(round(before_s * RATE)), sine(0.4, level), np.zeros(RATE)])
    return np.stack([x, x])


def test_momentary_tech_3341_case_14():
    """Bursts of 400 ms from -38 to -19 dBFS, silence between: the largest momentary loudness is each one's level.

    On the grid of our windows (100 ms: BS.1770-5's overlap of 75 %). The document's bursts begin at multiples of
    20 ms: between two windows the best one misses 50 ms at most, 10 lg(350/400) = -0.58 LU (next test).
    """
    bursts = [burst(-38 + i) for i in range(20)]
    for i, one in enumerate(bursts):
        assert of(one).momentary_max_lufs == pytest.approx(-38 + i, abs=0.1)
    assert of(np.concatenate(bursts, axis=1)).momentary_max_lufs == pytest.approx(-19, abs=0.1)


@pytest.mark.parametrize("step", range(5))
def test_a_burst_between_two_windows_reads_a_little_less(step):
    """What of a burst lies outside of the best window: 0, 20, 40, 40, 20 ms."""
    outside_ms = min(20 * step, 100 - 20 * step)
    expected = -23 + 10 * math.log10((400 - outside_ms) / 400)
    assert of(burst(-23, 2 + 0.02 * step)).momentary_max_lufs == pytest.approx(expected, abs=0.1)


def test_authentic_programmes(corpus):
    """Tech 3341 cases 7 and 8, Tech 3342 cases 5 and 6 are recorded programmes: only EBU's own files tell."""
    folder = corpus / "audio-defects" / "MTG+essentia-audio"
    here = {"seq-3341-7_seq-3342-5*": (-23, 5), "seq-3341-*8_seq-3342-6*": (-23, 15)}
    found = {path: told for pattern, told in here.items() for path in folder.glob(pattern)}
    assert any("-7_" in path.name for path in found), "case 7 is in the corpus"
    for path, (integrated, range_lu) in found.items():
        whole = loudness(measure(open_recording(path)))
        assert whole.integrated_lufs == pytest.approx(integrated, abs=0.1)
        assert whole.range_lu == pytest.approx(range_lu, abs=1)
    if not any("8_seq" in path.name for path in found):
        pytest.skip("Tech 3341 case 8 and 3342 case 6 need EBU's recording, which is not in the corpus")


@pytest.mark.parametrize("name", REAL)
def test_as_pyloudnorm(corpus, name):
    """A second, independent oracle of integrated loudness; its filters are made otherwise below 44.1 kHz: 0.15 LU."""
    pyloudnorm = pytest.importorskip("pyloudnorm", reason="needs pyloudnorm")
    if not (corpus / name).is_file():
        pytest.skip("needs the file")
    samples, rate = soundfile.read(corpus / name)
    expected = pyloudnorm.Meter(rate).integrated_loudness(samples)
    assert loudness(measure(open_recording(corpus / name))).integrated_lufs == pytest.approx(expected, abs=0.15)


TRUE_PEAK = {  # case: divisor of the rate, phase in degrees, amplitude, expected dBTP
    15: (4, 0, 0.5, -6.0), 16: (4, 45, 0.5, -6.0), 17: (6, 60, 0.5, -6.0), 18: (8, 67.5, 0.5, -6.0),
    19: (4, 45, 1.41, 3.0),
}  # fmt: skip


@pytest.mark.parametrize("case", TRUE_PEAK)
def test_true_peak_tech_3341(case):
    """Tolerance +0.2 and -0.4 dB."""
    divisor, degrees, amplitude, expected = TRUE_PEAK[case]
    x = amplitude * np.sin(2 * np.pi * np.arange(RATE) / divisor + np.deg2rad(degrees))
    fade = np.minimum(1, np.minimum(np.arange(RATE), np.arange(RATE)[::-1]) / 480)  # a cut sine has higher peaks
    (track,) = measure(Sound(x * fade, RATE))
    assert expected - 0.4 <= track.facts["true_peak_dbtp"] <= expected + 0.2


@pytest.mark.parametrize("offset", [0, 1, 2, 3])
def test_true_peak_of_a_burst_tech_3341_cases_20_to_23(offset):
    """One period of fs/4 at 0 dBFS amid fs/6 at -6.0 dBFS, made at 4 times the rate and taken from `offset` on."""
    n = np.arange(4 * RATE)
    x = 0.5 * np.sin(2 * np.pi * n / 24)
    at = 24 * 4000
    x[at : at + 16] = np.sin(2 * np.pi * np.arange(16) / 16)
    spectrum = np.fft.rfft(x)
    spectrum[len(spectrum) // 4 - 200 :] = 0  # what is above half the rate can't be kept
    (track,) = measure(Sound(np.fft.irfft(spectrum)[offset::4][1000:-1000], RATE))
    assert -0.4 <= track.facts["true_peak_dbtp"] <= 0.2


TECH_3342 = {
    1: (((20, -20), (20, -30)), 10), 2: (((20, -20), (20, -15)), 5), 3: (((20, -40), (20, -20)), 20),
    4: (((20, -50), (20, -35), (20, -20), (20, -35), (20, -50)), 15),
}  # fmt: skip


@pytest.mark.parametrize("case", TECH_3342)
def test_range_tech_3342(case):
    parts, expected = TECH_3342[case]
    assert of(steps(*parts)).range_lu == pytest.approx(expected, abs=1)


FILES = {  # expected integrated loudness and range, by the EBU documents
    "seq-3341-1-16bit.flac": (-23, None), "seq-3341-2-16bit.flac": (-33, None),
    "seq-3341-3-16bit-v02.flac": (-23, None), "seq-3341-4-16bit-v02.flac": (-23, None),
    "seq-3341-5-16bit-v02.flac": (-23, None), "seq-3341-7_seq-3342-5-16bit.flac": (-23, 5),
    "seq-3342-1-16bit.flac": (None, 10), "seq-3342-2-16bit.flac": (None, 5), "seq-3342-3-16bit.flac": (None, 20),
    "seq-3342-4-16bit.flac": (None, 15),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_published_sequences(corpus, name):
    integrated, expected = FILES[name]
    found = loudness(measure(open_recording(corpus / "audio-defects" / "MTG+essentia-audio" / name)))
    if integrated is not None:
        assert found.integrated_lufs == pytest.approx(integrated, abs=0.1)
    if expected is not None:
        assert found.range_lu == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(("name", "expected"), [("Abs", -69.5), ("Rel", -10.0)])
def test_gates_of_bs_2217(corpus, name, expected):
    found = loudness(
        measure(open_recording(corpus / "loudness" / "csteinmetz1+pyloudnorm" / f"1770-2_Comp_{name}GateTest.wav"))
    )
    assert found.integrated_lufs == pytest.approx(expected, abs=0.1)


def ebur128(path):
    """Integrated loudness, range and true peak by ffmpeg's ebur128."""
    ran = subprocess.run(
        ["ffmpeg", "-hide_banner", "-nostats", "-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-"],
        capture_output=True, text=True, check=True,
    ).stderr.split("Summary:")[1]  # fmt: skip
    return [float(re.search(rf"{name}:\s+(-?[\d.]+)", ran).group(1)) for name in ("I", "LRA", "Peak")]


@pytest.mark.parametrize("name", REAL)
def test_as_ffmpeg(corpus, name):
    path = corpus / name
    if shutil.which("ffmpeg") is None or not path.is_file():
        pytest.skip("needs ffmpeg and the file")
    tracks = measure(open_recording(path))
    integrated, range_lu, peak = ebur128(path)
    found = loudness(tracks)
    assert found.integrated_lufs == pytest.approx(integrated, abs=0.1)
    assert found.range_lu == pytest.approx(range_lu, abs=0.3)
    assert max(track.facts["true_peak_dbtp"] for track in tracks) == pytest.approx(peak, abs=0.3)


def naive_power(x, rate):
    (b0, b1, b2, a1, a2), (c0, c1, c2, d1, d2) = coefficients(rate)
    shelf, out = [0.0, 0.0], [0.0, 0.0]
    y = [0.0, 0.0, *map(float, x)]
    for n in range(2, len(y)):
        shelf.append(b0 * y[n] + b1 * y[n - 1] + b2 * y[n - 2] - a1 * shelf[-1] - a2 * shelf[-2])
        out.append(c0 * shelf[n] + c1 * shelf[n - 1] + c2 * shelf[n - 2] - d1 * out[-1] - d2 * out[-2])
    edges = [-(-rate * k // 10) for k in range(10 * len(x) // rate + 1)]
    return [np.mean(np.square(out[2:][a:b])) for a, b in pairwise(edges) if b <= len(x)]


def naive_peak(x):
    if not len(x):
        return 0.0
    outputs = [np.convolve(np.asarray(x, np.float64), phase) for phase in PHASES]
    return max([0.0, *np.abs(x), *np.abs(outputs).ravel()])


wild = st.tuples(st.integers(0, 9), st.integers(0, 700), st.floats(1e-3, 4.0)).map(
    lambda made: np.random.default_rng(made[0]).standard_cauchy(made[1]).clip(-9, 9).astype(np.float32) * made[2]
)


@given(wild, st.sampled_from([1_000, 1_111, 8_000]), st.lists(st.integers(0, 700)), st.integers(1, 300))
@settings(max_examples=60, deadline=None)
def test_the_kernels_are_their_naive_twins_wherever_they_are_cut(x, rate, cuts, chunk):
    x = x.astype(np.float32)
    (track,) = measure(Sound(x, rate, [c for c in cuts if c < len(x)]), chunk=chunk)
    np.testing.assert_allclose(track.series["loudness"].values[:, 0], naive_power(x, rate), rtol=1e-5, atol=1e-30)
    peak = naive_peak(x)
    assert track.facts["true_peak_dbtp"] == (round(20 * math.log10(peak), 2) if peak > 0 else None)
    (whole,) = measure(Sound(x, rate))
    np.testing.assert_array_equal(track.series["loudness"].values, whole.series["loudness"].values)
    np.testing.assert_array_equal(track.series["offset"].values, whole.series["offset"].values)
    assert track.facts == whole.facts


def test_missing_media_is_not_counted():
    x = steps((10, -23), (10, -23))
    torn = of(x, holes=[(10 * RATE, 30 * RATE)])
    assert torn.integrated_lufs == pytest.approx(-23, abs=0.05)
    zeros = np.concatenate([x[:, : 10 * RATE], np.zeros((2, 30 * RATE)), x[:, 10 * RATE :]], axis=1)
    assert of(zeros).integrated_lufs == pytest.approx(torn.integrated_lufs, abs=0.1)
    assert np.isnan(
        measure(Sound(x, RATE, holes=[(10 * RATE, 30 * RATE)]))[0].series["loudness"].values[100:400]
    ).all()


@pytest.mark.parametrize("x", [np.zeros(0), np.zeros(1), np.zeros(5 * RATE), sine(0.3, -20)])
def test_too_little_or_nothing_is_not_measured(x):
    found = of(x)
    assert found.integrated_lufs is None and found.range_lu is None


def test_channels_end_apart():
    power = together([np.array([1.0, np.nan]), np.array([1.0, np.nan, 2.0])])
    np.testing.assert_array_equal(power, [2.0, np.nan, 2.0])


@pytest.mark.parametrize("mean", [0.01, -0.2, 0.0])
def test_the_mean_of_every_second(mean):
    x = quantised(noise(3.5, RATE, -40) + mean)
    (track,) = measure(Sound(x, RATE))
    assert track.series["offset"].hop_s == 1.0
    seconds = [x[k * RATE : (k + 1) * RATE].mean(dtype=float) for k in range(4)]
    np.testing.assert_allclose(track.series["offset"].values[:, 0], seconds, atol=1e-7)
    assert track.facts["dc_offset"] == pytest.approx(x.mean(dtype=float), abs=1e-7)


def test_quantiles_of_magnitudes():
    x = np.random.default_rng(1).normal(0, 0.05, 40 * RATE).astype(np.float32)
    (track,) = measure(Sound(x, RATE))
    for name, share in (("q99_dbfs", 0.99), ("q999_dbfs", 0.999), ("q9999_dbfs", 0.9999)):
        assert track.facts[name] == pytest.approx(20 * np.log10(np.quantile(np.abs(x), share)), abs=0.15)
