import numpy as np
import pytest

from accuracy.evaluate import (
    Heard,
    at_operating_points,
    boundary_errors_ms,
    by,
    evaluate,
    f1_at_60,
    intervals,
    match,
    matched,
    rates,
    validate,
)


def heard(truths, findings, confidence=None, observable=None, seconds=3600.0, params=None, onset_s=None):
    return matched(
        Heard(
            intervals(truths),
            intervals(findings),
            np.array(confidence if confidence is not None else [1.0] * len(findings)),
            np.array(observable if observable is not None else [True] * len(truths), np.bool_),
            seconds,
            params or [{} for _ in truths],
        ),
        onset_s,
    )


def test_intervals_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="ends before"):
        validate(intervals([(2, 1)]), 10)
    with pytest.raises(ValueError, match="outside"):
        validate(intervals([(9, 12)]), 10)
    with pytest.raises(ValueError, match="shape"):
        validate(np.zeros(3), 10)


def test_each_truth_and_each_finding_is_used_once():
    truths, findings = intervals([(1, 2), (3, 4)]), intervals([(0.9, 1.1), (1.5, 3.5)])
    assert sorted(match(truths, findings)) == [(0, 0), (1, 1)]
    assert match(truths, intervals([(1, 4)])) == [(0, 0)]
    assert match(intervals([]), findings) == []


def test_an_instant_is_matched_within_its_tolerance_and_by_overlap_not():
    truth, near, far = intervals([(1.0, 1.0001)]), intervals([(1.008, 1.008)]), intervals([(1.02, 1.02)])
    assert match(truth, near) == []
    assert match(truth, near, 0.01) == [(0, 0)]
    assert match(truth, far, 0.01) == []


def test_figures_by_hand():
    # four truths, one not observable; three found, of which the unobservable one; two findings beside any truth
    dirty = heard(
        [(10, 11), (20, 21), (30, 31), (40, 41)],
        [(10.002, 11), (20, 21.004), (40, 41), (50, 51), (60, 61)],
        observable=[True, True, True, False],
    )
    clean = heard([], [(5, 6), (7, 8)], seconds=1800.0)
    got = evaluate([dirty], [clean])
    assert (got["truths"], got["observable"], got["found"]) == (4, 3, 2)
    assert got["recall"] == pytest.approx(2 / 3)
    assert got["precision"] == pytest.approx(3 / 5)
    assert got["false_per_hour"] == pytest.approx(4.0)
    precision = 60 * (2 / 3) / (60 * (2 / 3) + 4)
    assert got["f1_at_60"] == pytest.approx(2 * precision * (2 / 3) / (precision + 2 / 3))
    np.testing.assert_allclose(sorted(boundary_errors_ms([dirty])), [0, 0, 2, 4], atol=1e-6)


def test_two_pieces_of_one_truth_are_one_hit_and_no_false_alarm():
    got = evaluate([heard([(10, 12)], [(10, 10.5), (11, 12)])], [])
    assert (got["recall"], got["precision"]) == (1.0, 1.0)
    assert np.isnan(got["false_per_hour"])


def test_recall_at_an_operating_point_is_at_the_confidence_that_keeps_to_it():
    dirty = heard([(1, 2), (3, 4), (5, 6)], [(1, 2), (3, 4), (5, 6)], [0.95, 0.7, 0.5])
    clean = heard([], [(float(i), i + 0.5) for i in range(6)], [0.9, 0.8, 0.6, 0.6, 0.6, 0.6])  # 6 in an hour
    # 1/h leaves what is above 0.8, 5/h above 0.6 (five allowed, the sixth is as sure), 20/h all
    assert at_operating_points([dirty], [clean]) == {1.0: 1 / 3, 5.0: 2 / 3, 20.0: 1.0}
    assert at_operating_points([heard([(1, 2)], [(1, 2)])], [heard([], [])]) == {}


def test_nothing_found_is_zero_and_nothing_to_find_is_not_measured():
    assert evaluate([heard([(1, 2)], [])], [])["recall"] == 0
    assert np.isnan(evaluate([heard([], [])], [])["recall"])
    assert f1_at_60(0.0, 5.0) == 0
    assert f1_at_60(1.0, 0.0) == 1


def test_the_bootstrap_is_over_clips():
    rows = [heard([(1, 2)], [(1, 2)] if i % 2 else []) for i in range(40)]
    low, high = evaluate(rows, [])["interval"]
    assert 0.3 < low < 0.5 < high < 0.7
    assert evaluate([heard([(1, 2)], [(1, 2)])] * 3, [])["interval"] == (1.0, 1.0)


def test_recall_by_parameters():
    one = heard([(1, 2), (3, 4), (5, 6)], [(1, 2)], params=[{"ms": 5}, {"ms": 5}, {"ms": 20}])
    assert by([one], ["ms"]) == {(20,): (0, 1), (5,): (1, 2)}


def test_rates_by_hand():
    r, error = rates([(10.0, 10.0), (20.0, 10.0), (1.0, 1.0)])
    assert error == pytest.approx(10 / 3)
    assert 0.8 < r < 1
    assert np.isnan(rates([(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)])).all()
