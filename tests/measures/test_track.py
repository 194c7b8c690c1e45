import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import Sound, noise, track

from aqa.measures import runs as module
from aqa.measures.runs import rules
from aqa.measures.track import measure


def decibels(power):
    return -200.0 if power <= 1e-20 else math.floor(1000 * math.log10(power) + 0.5) / 100


def naive_hops(x, rate):
    edges = [k * rate // 100 for k in range(len(x) * 100 // rate + 2)]
    hops = [[float(v) for v in x[a:b]] for a, b in pairwise(edges) if a < len(x)]
    level = [decibels(sum(v * v for v in hop) / len(hop)) for hop in hops]
    return level, [decibels(max(abs(v) for v in hop) ** 2) for hop in hops]


def naive_runs(x, rate, lsb):
    found = []
    for kind, (least, step, span, *sizes, full, own) in rules(rate, lsb).items():
        context, edge = map(int, sizes)
        padded = [0.0] * context + [float(v) for v in x] + [0.0] * context
        start = 0
        tops = []
        for n in range(1, len(x) + 1):
            here = padded[context + n]
            going = abs(here - padded[context + n - 1]) <= step and abs(here - padded[context + start]) <= span
            if n < len(x) and going:
                continue
            tops.append((start, n))
            start = n
        firsts = [float(x[s]) for s, _ in tops]
        everything = [0.0, *(float(v) for v in x)]  # silence lies between a channel's extremes
        highest, lowest = max(everything), min(everything)
        for (s, e), value in zip(tops, firsts, strict=True):
            extreme = value >= highest - step or value <= lowest + step
            if e - s < least or not (abs(value) >= full or (extreme and abs(value) >= own)):
                continue
            sides = []
            for size, power in ((context, lambda v: sum(a * a for a in v) / len(v)), (edge, None)):
                for part in (padded[s + context - size : s + context], padded[e + context : e + context + size]):
                    sides.append(decibels(power(part) if power else max(abs(a) for a in part) ** 2))
            found.append((s, kind, e, value, sides[0], sides[1], sides[2], sides[3]))
    return sorted(found)


def rows(runs):
    return sorted(
        zip(
            runs.start_sample.tolist(), runs.kind.tolist(), runs.end_sample.tolist(), runs.value.tolist(),
            runs.before_dbfs.tolist(), runs.after_dbfs.tolist(),
            runs.peak_before_dbfs.tolist(), runs.peak_after_dbfs.tolist(), strict=True,
        )
    )  # fmt: skip


@st.composite
def sounds(draw):
    """Pieces of noise, zeros, held values, flat tops and steps of one LSB."""
    pieces = []
    for _ in range(draw(st.integers(0, 8))):
        length, seed = draw(st.integers(1, 120)), draw(st.integers(0, 9))
        shape = draw(st.sampled_from(["noise", "zero", "held", "top", "low top", "lsb"]))
        random = np.random.default_rng(seed)
        pieces.append(
            {
                "noise": np.round(random.normal(0, 3000, length)),
                "zero": np.zeros(length),
                "held": np.full(length, 100.0 * seed),
                "top": np.full(length, 32767.0),
                "low top": np.full(length, -12000.0),
                "lsb": np.round(random.uniform(-1, 1, length)),
            }[shape]
        )
    return (np.concatenate([np.zeros(0), *pieces]) / 32768).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(sounds(), st.sampled_from([1_000, 8_000, 11_025]))
def test_the_kernels_are_their_naive_twins(x, rate):
    measured = track(x, rate)
    level, peak = naive_hops(x, rate)
    np.testing.assert_array_equal(measured.level_dbfs, np.array(level, np.float32))
    np.testing.assert_array_equal(measured.peak_dbfs, np.array(peak, np.float32))
    assert rows(measured.runs) == naive_runs(x, rate, 2.0**-15)


@settings(max_examples=40, deadline=None)
@given(
    sounds(),
    st.lists(st.integers(0, 900)),
    st.integers(1, 700),
    st.tuples(st.integers(0, 400), st.integers(1, 900)),
)
def test_cutting_the_input_into_blocks_changes_no_bit(x, cuts, chunk, hole):
    at = min(hole[0], len(x))
    whole = measure(Sound(x, 8_000, holes=[(at, hole[1])]))[0]
    cut = measure(Sound(x, 8_000, [c for c in cuts if c < len(x)], holes=[(at, hole[1])]), chunk=chunk)[0]
    np.testing.assert_array_equal(whole.level_dbfs, cut.level_dbfs)
    np.testing.assert_array_equal(whole.peak_dbfs, cut.peak_dbfs)
    assert rows(whole.runs) == rows(cut.runs)
    assert whole.samples == cut.samples


@pytest.mark.parametrize("rate", [1_000, 8_000, 11_025, 44_100, 48_000])
def test_a_known_level(rate):
    x = np.full(rate, 0.5, np.float32) * np.where(np.arange(rate) % 2, 1, -1)
    measured = track(x, rate)
    assert len(measured.level_dbfs) == 100
    assert set(measured.level_dbfs.tolist()) == {np.float32(-6.02)}


def test_missing_media_is_no_number_and_part_of_a_hop_is_measured():
    measured = track(np.full(1600, 0.5), 16_000, holes=[(200, 1000)])  # media in 0..200 and 1200..2600
    assert np.isnan(measured.level_dbfs).tolist() == [False] * 2 + [True] * 5 + [False] * 10
    assert measured.level_dbfs[1] == measured.level_dbfs[0] == np.float32(-6.02)
    assert measured.samples == 2600
    assert measured.runs.of("constant").start_sample.tolist() == [0, 1200]
    assert measured.runs.of("constant").after_dbfs[0] == -200


@pytest.mark.parametrize("samples", [0, 1])
def test_almost_nothing(samples):
    measured = track(np.zeros(samples), 48_000)
    assert len(measured.level_dbfs) == samples
    assert measured.levels.active_speech_dbfs is None
    assert not len(measured.runs.kind)


def test_a_run_of_many_chunks_is_one_run():
    x = np.concatenate([noise(0.1), np.zeros(500_000), noise(0.1)])
    runs = measure(Sound(x), chunk=1000)[0].runs.of("constant")
    assert (runs.start_sample.tolist(), runs.end_sample.tolist()) == ([1600], [501_600])


def test_channels_are_apart():
    x = np.stack([noise(1, seed=1), noise(1, seed=2)])
    one, two = measure(Sound(x))
    other, first = measure(Sound(x[::-1]))
    np.testing.assert_array_equal(one.level_dbfs, first.level_dbfs)
    np.testing.assert_array_equal(two.level_dbfs, other.level_dbfs)
    assert [one.channel, two.channel] == [0, 1]


def test_the_number_of_runs_is_bounded_and_said(monkeypatch, caplog):
    monkeypatch.setattr(module, "MAXIMUM_RUNS", 3)
    x = np.tile(np.concatenate([np.zeros(100), np.full(3, 0.1)]), 9)
    assert len(track(x).runs.of("constant").kind) == 3
    assert "more than 3 constant runs" in caplog.text
