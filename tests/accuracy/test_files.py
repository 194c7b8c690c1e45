"""The benchmark's own parts: faults of files, and the table for README."""

import numpy as np
import pytest

from accuracy import files, markdown
from accuracy.evaluate import Heard, intervals, matched
from accuracy.material import minutes_available
from accuracy.run import own_tools, tools_of
from accuracy.tasks import CLEAN, Done, Task


@pytest.fixture
def material():
    if not minutes_available("validation", "narrow"):
        pytest.skip("needs the corpus")


@pytest.mark.parametrize(
    "subject", ["missing_media webm", "missing_media ts", "damaged_media flac", "second vantage"]
)
def test_what_is_broken_is_found_and_what_is_not_is_left_alone(material, tmp_path, subject):
    make, onset_s = files.SUBJECTS[subject]
    faulty, clean = (matched(make(tmp_path, 0, clean=flag), onset_s) for flag in (False, True))
    assert len(faulty.hits) == len(faulty.truths) >= 3
    assert faulty.covered.all() and not len(clean.findings) and not len(clean.truths)


def test_a_step_of_the_wrong_size_is_false(material):
    sizes = {(10.0, 10.001): 0.02}
    assert files._step(10.05, 0.0204, sizes)[0] == 10.05
    assert files._step(10.05, 0.03, sizes)[0] == 0.0
    assert files._step(20.0, 0.03, sizes)[0] == 20.0


def test_only_one_cell_counts():
    one = Heard(
        intervals([(0, 1), (2, 3)]), intervals([(0, 1)]), np.ones(1), np.ones(2, np.bool_), 5.0,
        params=[{"ms": 5}, {"ms": 10}],
    )  # fmt: skip
    assert markdown.only(one, ["ms"], [5]).observable.tolist() == [True, False]


def done(scenario, found, truths=(), recorder="pcm16"):
    task = Task(scenario, "validation", "narrow", recorder, 0, (60.0, 60.0))
    from accuracy.faults import Truth

    made = tuple(Truth("dropout", a, b, {"ms": ms}) for a, b, ms in truths)
    rows = {"aqa dropout": found, "ffmpeg silencedetect -90dB 2ms": [*found, (50.0, 50.1, 1.0)]}
    return Done(task, 60.0, rows, made, [t.params for t in made])


def test_the_table_has_a_line_per_length_with_the_best_peer():
    truths = [(48_000, 48_480, 10), (96_000, 97_920, 40)]
    broken = done("zero", [(1.0, 1.01, 0.9)], truths)
    lines = markdown.table([broken, done(CLEAN, [])], tools_of, own_tools)
    ten = next(line for line in lines if "zero ms 10" in line)
    forty = next(line for line in lines if "zero ms 40" in line)
    assert "1.00 [1.00, 1.00]" in ten and "0.00 [" in forty
    assert all(line.count("|") == len(markdown.HEAD) + 1 for line in lines)
    if any("silencedetect" in name for name in tools_of(markdown.SCENARIOS["zero"])):
        assert "silencedetect -90dB 2ms: 1.00, 60" in ten
