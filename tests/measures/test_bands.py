import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import Sound, noise, tone, track

from aqa.measures.bands import (
    EDGES_HZ,
    HOPS,
    WALLS_KHZ,
    Bands,
    _bands_kernel,
    _frames_kernel,
    decibels,
    names,
    ranges,
    speech_of,
)
from aqa.measures.track import measure


def of(x, rate):
    return decibels(track(x, rate).series["bands"])


def naive_bands(spectrum, limits, scale):
    out = []
    for first, end in limits:
        power = sum(abs(complex(v)) ** 2 for v in spectrum[first:end]) * scale
        code = 10 * np.log10(power) if power > 1.6e-13 else -127.0
        out.append(min(255, max(1, int(np.floor((code + 127.5) / 0.5 + 0.5)))) if end > first else 0)
    return out


@given(seed=st.integers(0, 99), bins=st.integers(8, 60), scale=st.floats(1e-9, 1.0))
@settings(max_examples=40, deadline=None)
def test_the_kernel_sums_as_the_naive_one(seed, bins, scale):
    random = np.random.default_rng(seed)
    spectra = (random.normal(size=(3, bins)) + 1j * random.normal(size=(3, bins))).astype(np.complex64)
    limits = np.sort(random.integers(0, bins + 1, (6, 2)), axis=1).astype(np.int64)
    out = np.zeros((3, 6), np.uint8)
    _bands_kernel(spectra, limits, scale, np.zeros(bins + 1), out)
    expected = np.array([naive_bands(one, limits, scale) for one in spectra])
    assert np.abs(out.astype(int) - expected).max() <= 1  # a sum at the border of a step
    assert (out == expected).mean() > 0.95


@given(seed=st.integers(0, 99), first=st.integers(-50, 50))
@settings(max_examples=30, deadline=None)
def test_frames_are_cut_and_windowed(seed, first):
    random = np.random.default_rng(seed)
    x, window = random.normal(size=200).astype(np.float32), random.normal(size=16).astype(np.float32)
    starts = first + np.sort(random.integers(0, 180, 5))
    out = np.empty((5, 16), np.float32)
    _frames_kernel(x, first, window, starts, out)
    assert np.array_equal(out, np.stack([x[s - first :][:16] * window for s in starts.tolist()]))


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 44_100, 48_000, 96_000, 192_000])
def test_white_noise_has_its_power_in_every_band_at_any_rate(rate):
    x = noise(3, rate, -26.0)
    bands = of(x, rate)
    assert len(bands) == 3 * HOPS
    measured = np.flatnonzero(np.isfinite(bands[1]))
    power = 10 * np.log10(np.mean(10 ** (bands[:, measured] / 10), axis=0))
    length = Bands(rate, 0.0).length
    for value, (first, end) in zip(power, ranges(rate, length)[measured], strict=True):
        assert value == pytest.approx(-26 + 10 * np.log10((end - first) / (length / 2)), abs=2.0)


def test_bands_above_half_the_rate_are_not_measured():
    bands = of(noise(1, 8000), 8000)
    named = dict(zip(names(), bands[3], strict=True))
    assert np.isnan(named["above_4_khz"]) and np.isnan(named["below_20_khz"])
    assert np.isfinite(named["from_80_hz"])


def test_a_tone_is_in_its_band_with_its_level():
    bands = of(tone(2, 48_000, 1000.0, 0.1), 48_000)
    row = bands[10, 2 * len(WALLS_KHZ) :]
    at = int(np.searchsorted(EDGES_HZ, 1000.0)) - 1
    assert row.argmax() == at and row[at] == pytest.approx(-23.0, abs=0.6)


@given(cuts=st.lists(st.integers(0, 3 * 16_000), max_size=5), chunk=st.sampled_from([3000, 20_000, 65_536]))
@settings(max_examples=25, deadline=None)
def test_cuts_and_chunks_change_nothing(cuts, chunk):
    x = noise(3)
    here = measure(Sound(x, cuts=cuts), chunk)[0].series["bands"].values
    assert np.array_equal(here, track(x).series["bands"].values)


def test_missing_media_is_not_measured():
    x = noise(2)
    bands = decibels(measure(Sound(x, holes=[(16_000, 32_000)]))[0].series["bands"])
    assert (
        np.isfinite(bands[:24, 12]).all() and np.isnan(bands[26:74, 12]).all() and np.isfinite(bands[76:, 12]).all()
    )


def test_silence_is_at_the_floor_and_nothing_is_nothing():
    assert (of(np.zeros(16_000), 16_000)[:, 12:20] == -127.0).all()
    assert of(np.zeros(0), 16_000).shape == (0, 24)


def test_speech_is_where_levels_say():
    x = noise(4)
    x[32_000:] *= 1e-4
    here = speech_of(track(x))
    assert here[:49].all() and not here[60:].any()
