import dataclasses

import numpy as np
import pytest
from sound import noise, quantised, track

from aqa import dips as module
from aqa.dips import confidence, dips, held, rows
from aqa.measures.trees import Trees, load, scores


def holed(x, *spans, factor=0.0):
    x = x.copy()
    for start, end in spans:
        x[start:end] *= factor
    return x


def test_trees_are_what_scikit_learn_predicts(tmp_path):
    ensemble = pytest.importorskip("sklearn.ensemble")
    from accuracy.train_dips import exported

    random = np.random.default_rng(0)
    x = np.round(random.normal(0, 10, (900, 5)) * 4).astype(np.float32) / 4
    y = x[:, 0] * x[:, 1] + random.normal(0, 30, 900) > x[:, 2]
    model = ensemble.HistGradientBoostingClassifier(max_iter=12, random_state=0).fit(x, y)
    np.savez_compressed(tmp_path / "model.npz", **exported(model))
    trees, _ = load(tmp_path / "model.npz")
    np.testing.assert_allclose(scores(trees, x), model.decision_function(x), atol=1e-5)
    np.testing.assert_allclose(scores(trees, x[:40]), [naive(trees, row) for row in x[:40]], atol=1e-6)


def naive(trees: Trees, row):
    """Each tree walked by hand."""
    total = trees.baseline
    for root in trees.roots:
        node = root
        while trees.left[node]:
            below = row[trees.feature[node]] <= trees.threshold[node]
            node = (trees.left if below else trees.right)[node]
        total += float(trees.value[node])
    return total


def test_the_model_fits_its_features_and_the_wheel():
    measured = track(holed(noise(3), (20_000, 20_800), factor=0.03))
    assert int(module._model().feature.max()) < rows(measured).shape[1]
    assert module.MODEL.stat().st_size < 150_000


def test_a_change_of_gain_changes_no_feature_by_more_than_rounding():
    x = holed(noise(5, 48_000, -20.0), (90_000, 92_400), (150_000, 151_000), factor=0.03)
    one, two = (track(x * gain, 48_000, lsb=0.0) for gain in (1.0, 10 ** (-16 / 20)))
    np.testing.assert_allclose(rows(one), rows(two), atol=1.1)


def test_one_dip_of_those_that_overlap_and_ordered():
    measured = track(holed(noise(6), (20_000, 20_800), (22_000, 24_000), (60_000, 60_300), factor=0.05))
    found = dips(measured, -100.0)
    assert (found.start_sample[1:] >= found.end_sample[:-1]).all()
    assert len(found.start_sample) >= 3


@pytest.mark.parametrize(("smear", "is_hole"), [(0, True), (60, False)])
def test_a_digital_hole_is_one_unless_a_codec_smeared_its_ends(smear, is_hole):
    x = holed(noise(4), (20_000, 20_640))
    x[20_000 : 20_000 + smear] = x[20_640 - smear : 20_640] = quantised(
        np.full(smear, 0.0002) * (-1) ** np.arange(smear)
    )
    measured = track(x)
    found = measured.candidates["dip"]
    near = np.abs(found.start_sample - 20_000) + np.abs(found.end_sample - 20_640) < 64
    assert near.any() and (held(found, measured)[near] == is_hole).all()


def test_nothing_without_candidates_or_speech():
    assert not len(dips(track(np.zeros(16_000)), -100.0).start_sample)
    old = dataclasses.replace(track(noise(2)), candidates={})
    assert not len(dips(old, -100.0).score)


def test_confidence_rises_with_the_score_and_stays_below_1():
    values = [confidence(score) for score in (-50.0, 0.0, 3.0, 6.0, 50.0)]
    assert values == sorted(values) and values[0] == 0 and values[-1] == 0.99
