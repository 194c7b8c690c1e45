"""Two recordings of one room: delays, steps and drift that are known because the second was made from the first."""

from itertools import pairwise

import numpy as np
import pytest
import soundfile
import soxr

from aqa import opus
from aqa.measures import coarse, gcc
from aqa.measures.vantage import Delays, Step, alignment, delays, mono_16k
from aqa.sound_model import Block

RATE = gcc.RATE_HZ


def speech_like(seconds, seed=0):
    """Noise in bursts of 60 to 300 ms at levels of -50 to -15 dBFS."""
    random = np.random.default_rng(seed)
    out = []
    while sum(map(len, out)) < seconds * RATE:
        level = 10 ** (random.uniform(-50, -15) / 20)
        out.append(random.normal(0, level, round(random.uniform(0.06, 0.3) * RATE)))
    return np.concatenate(out)[: round(seconds * RATE)].astype(np.float32)


def levels(x, rate=RATE):
    hop = rate // 100
    power = np.mean(x[: len(x) // hop * hop].reshape(-1, hop) ** 2, axis=1)
    return (10 * np.log10(power + 1e-12)).astype(np.float32)


def pieces(x, size=7001):
    return (x[at : at + size] for at in range(0, len(x), size))


def aligned(a, b):
    where = coarse.offsets(levels(a), levels(b))
    assert not isinstance(where, str), where
    return alignment(delays(pieces(a), pieces(b), where, coarse.PART_S))


def noisy(x, seed=9):
    return (x + np.random.default_rng(seed).normal(0, 10 ** (-60 / 20), len(x))).astype(np.float32)


@pytest.mark.parametrize("lag", [0, 1, 19_751, -40_003])
def test_a_plain_delay(lag):
    x = speech_like(40)
    y = np.concatenate([np.zeros(lag, np.float32), x]) if lag >= 0 else x[-lag:]
    found = aligned(x, noisy(y))
    assert found.offset_s == pytest.approx(lag / RATE, abs=2e-5)
    assert abs(found.drift_ppm) < 1
    assert (found.steps, found.reason) == ((), "")
    assert found.confidence > 0.9 and found.error_ms < 0.05


@pytest.mark.parametrize("ppm", [-80, 30])
def test_drift_over_five_minutes_to_2_ppm(ppm):
    x = speech_like(300)
    y = soxr.resample(x, RATE, RATE * (1 + ppm * 1e-6)).astype(np.float32)
    found = aligned(x, noisy(np.concatenate([np.zeros(3 * RATE, np.float32), y])))
    assert found.drift_ppm == pytest.approx(ppm, abs=2)
    assert found.offset_s == pytest.approx(3, abs=0.005)
    assert found.steps == ()


@pytest.mark.parametrize("size_ms", [-60, -5, -2.5, 2.5, 20, 60, 200])
def test_a_step_is_found_where_it_is(size_ms):
    x, at, size = speech_like(30, seed=3), 15 * RATE, round(abs(size_ms) * RATE / 1000)
    added = np.zeros(size if size_ms > 0 else 0, np.float32)
    y = np.concatenate([x[:at], added, x[at + (size if size_ms < 0 else 0) :]])
    (step,) = aligned(x, noisy(y)).steps
    assert step.size_s * 1000 == pytest.approx(size_ms, abs=0.1)
    assert step.time_s == pytest.approx(15, abs=0.02)


def edited(x, count, random):
    """48 kHz sound with `count` skips and repeats of 2.5 to 60 ms, and where and how large they are."""
    at = np.sort(random.choice(np.arange(4, len(x) // 48_000 - 4), count, replace=False)) + random.uniform(
        0, 0.2, count
    )
    out, position, truth = [], 0, []
    for time_s in at:
        size = round(random.choice([2.5, 5, 10, 20, 40, 60]) * 48)
        cut, skip = round(time_s * 48_000), random.random() < 0.5
        out += [x[position:cut]] if skip else [x[position:cut], x[cut - size : cut]]
        position = cut + size if skip else cut
        truth.append((time_s, (-size if skip else size) / 48_000))
    return np.concatenate([*out, x[position:]]), truth


def through_opus(x):
    encoder, decoder = opus.Encoder(48_000, bitrate=32_000), opus.Decoder(48_000)
    return np.concatenate([decoder.decode(encoder.encode(x[i : i + 960])) for i in range(0, len(x) - 959, 960)])


def speech(corpus, seconds=240):
    files = sorted(corpus.glob("speech/resemble-ai+Resemblyzer/*.flac"))
    parts = [soundfile.read(file, dtype="float32", always_2d=True) for file in files]
    whole = np.concatenate([soxr.resample(x[:, 0], rate, 48_000) for x, rate in parts])
    return whole[: seconds * 48_000]


def test_steps_in_real_speech_through_opus(corpus):
    """Sizes to 0.5 ms; places to 20 ms where something is heard."""
    random, x = np.random.default_rng(2), speech(corpus)
    y, truth = edited(x, 40, random)
    y = through_opus(y)
    y = y + random.normal(0, 10 ** (-50 / 20), len(y)).astype(np.float32)
    a, b = (soxr.resample(sound, 48_000, RATE).astype(np.float32) for sound in (x, y))
    found = aligned(a, b)
    near = [[s for s in found.steps if abs(s.time_s - t) < 1 and abs(s.size_s - size) < 0.0005] for t, size in truth]
    assert sum(bool(steps) for steps in near) >= 39
    assert len(found.steps) <= 41
    off = [min(abs(step.time_s - t) for step in steps) for (t, _), steps in zip(truth, near, strict=True) if steps]
    assert np.median(off) < 0.005
    assert np.mean(np.array(off) <= 0.02) > 0.7  # the rest are in pauses, where nothing tells
    assert found.offset_s == pytest.approx(0.0065, abs=0.005)  # the look-ahead of Opus


def test_recordings_that_do_not_belong_together_are_refused():
    x, other = speech_like(60), speech_like(60, seed=1)
    assert "not of the same room" in coarse.offsets(levels(x), levels(other))
    found = alignment(delays(pieces(x), pieces(other), np.zeros(2), coarse.PART_S))
    assert (found.offset_s, found.drift_ppm, found.steps) == (None, None, ())
    assert found.reason


@pytest.mark.parametrize("x", [np.zeros(0), np.full(3000, np.nan), np.full(3000, -30.0)])
def test_no_sound_is_no_offset(x):
    assert "no sound" in coarse.offsets(x.astype(np.float32), levels(speech_like(30)))
    assert "no sound" in coarse.offsets(levels(speech_like(30)), x.astype(np.float32))


def test_too_little_is_refused():
    found = alignment(Delays(np.zeros(3), np.zeros(3), np.ones(3), 3, ()))
    assert found.reason == "too little sound in common"


def test_a_line_whose_steps_are_known():
    time_s = np.arange(0.25, 100, 0.1)
    delay_s = 1 + 50e-6 * time_s + np.where(time_s > 40, 0.02, 0.0)
    found = alignment(Delays(time_s, delay_s, np.full(len(time_s), 20.0), len(time_s), (Step(40, 0.02, 0.01),)))
    assert (found.offset_s, found.drift_ppm) == (pytest.approx(1), pytest.approx(50))
    assert found.confidence == 1


def blocks(x, rate, cuts, hole=0):
    edges = [0, *cuts, x.shape[1]]
    for index, (start, end) in enumerate(pairwise(edges)):
        yield Block(start + (hole if index else 0), x[:, start:end])


def test_16_khz_whatever_the_blocks_with_holes_as_silence():
    x = np.stack([np.sin(np.arange(96_000) * 0.05), np.zeros(96_000)]).astype(np.float32)
    whole = np.concatenate(list(mono_16k(blocks(x, 48_000, []), 48_000)))
    cut = np.concatenate(list(mono_16k(blocks(x, 48_000, [17, 40_000]), 48_000)))
    np.testing.assert_allclose(cut, whole, atol=1e-6)
    assert len(whole) == 32_000
    np.testing.assert_allclose(whole[1000:30_000], 0.5 * np.sin(np.arange(1000, 30_000) * 0.15), atol=1e-3)
    holed = np.concatenate(list(mono_16k(blocks(x, 48_000, [48_000], hole=96_000), 48_000)))
    assert len(holed) == 64_000
    assert np.abs(holed[16_200:47_800]).max() < 1e-3


def test_memory_does_not_grow():
    kept = gcc.Pieces(np.ones(1000, np.float32) for _ in range(10_000))
    for start in range(0, 9_900_000, 8000):
        assert kept.view(start, 8000).all()
        assert len(kept._kept) < 8 * RATE
    assert not kept.view(0, 100).any() and not kept.view(-50, 20).any()
    assert not kept.view(10_000_000, 10).any() and kept.has(10_000_000) and not kept.has(10_000_001)
