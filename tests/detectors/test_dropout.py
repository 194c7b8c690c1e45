import json
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly
from sound import noise, quantised, track

from aqa.detector import registry
from aqa.detectors.dropout import Settings

RATE = 16_000
LENGTHS_MS = (5, 10, 20, 40, 60, 100, 200, 500)


def dropouts(x, rate=RATE, **keywords):
    return registry()["dropout"](track(x, rate, **keywords), Settings())


def exact(x, rate):
    """Holes of held values alone; how often sound is taken for a filled hole is measured in tests/accuracy."""
    return registry()["dropout"](track(x, rate), Settings(min_coded_score=float("inf")))


def spans(found, rate=RATE):
    return [(round(f.start_s * rate), round(f.end_s * rate)) for f in found]


def holed(x, *holes, value=0.0):
    x = x.copy()
    for start, end in holes:
        x[start:end] = value
    return x


def test_hit_exact_to_the_sample():
    found = dropouts(holed(noise(3), (16_001, 16_801)))
    assert spans(found) == [(16_001, 16_801)]
    assert (found[0].start_s, found[0].end_s) == (16_001 / RATE, 16_801 / RATE)
    assert (found[0].value, found[0].unit, found[0].severity) == (50.0, "ms", "minor")
    facts = json.loads(found[0].evidence)
    assert (facts["start_sample"], facts["end_sample"], facts["held"]) == (16_001, 16_801, "zero")


def test_two_with_a_little_sound_between_are_two():
    found = dropouts(holed(noise(3), (16_000, 16_400), (16_448, 17_000)))
    assert spans(found) == [(16_000, 16_400), (16_448, 17_000)]


def test_a_held_value_is_a_dropout_and_a_square_wave_is_none():
    held = dropouts(holed(noise(3), (16_000, 16_500), value=np.float32(0.0125)))
    assert json.loads(held[0].evidence)["held"] == pytest.approx(0.0125)
    square = np.where(np.arange(3 * RATE) // 160 % 2, 0.3, -0.3)
    assert not dropouts(square)


@pytest.mark.parametrize("length", [63, 64, 480_000, 480_001])
def test_edges_of_length(length):
    found = dropouts(holed(noise(36), (20_000, 20_000 + length)))
    assert len(found) == (64 <= length <= 480_000)


@pytest.mark.parametrize("level_db", [-10, -37, -55])
def test_relative_to_the_sound_itself(level_db):
    assert len(dropouts(holed(noise(3, level_db=level_db), (16_000, 16_500)))) == 1


def test_not_at_the_head_or_tail_nor_beside_missing_media():
    x = noise(3)
    assert not dropouts(holed(x, (0, 800), (len(x) - 800, len(x))))
    assert not dropouts(holed(x, (16_000, 16_800)), holes=[(16_000, 4000)])
    assert not dropouts(holed(x, (16_000, 16_800)), holes=[(16_800, 4000)])


def test_not_in_quiet():
    x = np.concatenate([noise(3), quantised(noise(3, level_db=-80)), noise(3)])
    assert not dropouts(holed(x, (70_000, 71_000)))


def test_impulses_in_silence_are_no_sound():
    x = np.zeros(5 * RATE, np.float32)
    x[::RATE] = 0.9
    assert not dropouts(x)


@pytest.mark.parametrize("silence", [1, 160, 12_345])
def test_leading_silence_shifts_it(silence):
    x = holed(noise(3), (16_000, 16_400))
    assert spans(dropouts(np.concatenate([np.zeros(silence), x]))) == [(16_000 + silence, 16_400 + silence)]


def test_nothing_in_nothing():
    assert not dropouts(np.zeros(RATE)) and not dropouts(np.zeros(0))


def speech_files(corpus):
    files = sorted(corpus.glob("speech/resemble*/**/*.flac"))
    return files + sorted(corpus.glob("meeting/*/*.flac")) + sorted(corpus.glob("speech/google*/*48kHz.wav"))


def places(x, rate, seed):
    """Start and end of holes that begin and end in active speech."""
    levels, random, at = track(x, rate), np.random.default_rng(seed), round(0.3 * rate)
    least = levels.levels.active_speech_dbfs - 15.9
    while at < len(x) - rate:
        end = at + round(random.choice(LENGTHS_MS) * rate / 1000)
        if min(levels.level_dbfs[[at * 100 // rate, end * 100 // rate]]) > least:
            yield at, end
            at = end
        at += round(random.uniform(0.15, 0.5) * rate)


def naturally_zero(x, start, end):
    return x[start - 1] == 0 or x[end] == 0


@pytest.mark.parametrize("seed", [11, 12])
def test_recall_in_real_speech_is_99_percent(corpus, seed):
    hits, total = 0, 0
    for file in speech_files(corpus):
        x, rate = soundfile.read(file, dtype="float32")
        holes = list(places(x, rate, seed))
        found = set(spans(dropouts(holed(x, *holes), rate), rate))
        for start, end in holes:
            total += 1
            near = [s for s in found if s[0] <= start and end <= s[1]]
            hits += bool(near)
            assert not near or near == [(start, end)] or naturally_zero(x, start, end)
    assert total > 700
    assert hits >= 0.99 * total


@pytest.mark.parametrize(
    "where",
    ["speech/resemble*/**/*.flac", "meeting/*/*.flac", "music/*/*.flac", "noise/*/*.wav", "speech/*/*.wav"],
)
def test_none_in_clean_material(corpus, where):
    files = [file for file in sorted(corpus.glob(where)) if "invalid" not in file.name]
    assert files
    for file in files:
        x, rate = soundfile.read(file, dtype="float32", always_2d=True)
        for channel in x.T:
            assert not exact(channel, rate), file


def gated(x, rate, fade_ms):
    """A gate as rooms have it: closed in pauses with linear fades, digital zero inside; and how often it opens."""
    measured = track(x, rate)
    least = measured.levels.active_speech_dbfs - 15.9
    loud = np.convolve(measured.level_dbfs > least, np.ones(21), "same") > 0
    gain = loud[np.minimum(np.arange(len(x)) * 100 // rate, len(loud) - 1)].astype(float)
    size = round(fade_ms * rate / 1000)
    total = np.concatenate(([0], np.cumsum(np.pad(gain, size, "edge"))))
    gain = ((total[size:] - total[:-size]) / size)[size // 2 : size // 2 + len(x)]
    return quantised(x * np.where(gain < 1e-9, 0, gain)), int(np.sum(np.diff(gain > 1e-9) == 1)) // 2


@pytest.mark.parametrize("fade_ms", [5, 10, 20])
def test_none_in_speech_gated_with_fades(corpus, fade_ms):
    gates = 0
    for file in speech_files(corpus):
        x, rate = soundfile.read(file, dtype="float32")
        y, count = gated(x, rate, fade_ms)
        gates += count
        assert not exact(y, rate), file
    assert gates > 200


def test_a_hole_that_a_codec_filled_is_one_finding_to_1_ms(corpus):
    (file,) = corpus.glob("speech/resemble*/2033-164914-0000.flac")
    narrow, _ = soundfile.read(file, dtype="float32")
    x, rate = resample_poly(narrow, 3, 1), 48_000  # as a room has it, and what the model has learnt from
    holes = [
        (start, start + rate // 20) for seed in (3, 4) for start, _ in list(places(x, rate, seed))[seed % 2 :: 2]
    ]
    holes = [b for a, b in pairwise([(0, 0), *sorted(holes)]) if b[0] - a[1] > rate // 8]
    y, soft = holed(x, *holes), np.random.default_rng(0).normal(0, 1.5 * 2.0**-15, len(x))
    y = quantised(y + np.where(y == 0, soft, 0))
    found = registry()["dropout"](track(y, rate), Settings(min_coded_score=1.5))  # dithered as loud as the room
    near = [[f for f in found if f.start_s < end / rate and f.end_s > start / rate] for start, end in holes]
    assert max(map(len, near)) == 1
    assert np.mean([len(of) for of in near]) >= 0.6
    coded = [json.loads(f.evidence) for f in found if "coded" in f.evidence]
    assert coded and all(facts["to_floor"] and facts["over_floor_db"] <= 3 for facts in coded)
    errors = [abs(of[0].start_s - start / rate) for of, (start, _) in zip(near, holes, strict=True) if of]
    assert np.median(errors) <= 0.001
