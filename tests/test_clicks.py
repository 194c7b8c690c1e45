import numpy as np
from sound import noise, track

from aqa import clicks as module
from aqa.clicks import Limits, confidence, heard, judged, masked, rows


def clicked(*places, rate=16_000, size=0.5, seed=1):
    x = noise(4.0, rate, -40.0, seed)
    for at in places:
        x[at] += size
    return x


def test_the_model_fits_its_features_and_the_wheel():
    measured = track(clicked(30_000))
    assert len(rows(measured)) == len(measured.candidates["discontinuity"].start_sample) > 0
    assert int(module._model().feature.max()) < rows(measured).shape[1]
    assert module.MODEL.stat().st_size < 150_000


def test_a_change_of_gain_changes_no_feature_by_more_than_rounding():
    x = clicked(20_000, 33_333, rate=48_000).astype(np.float64)
    one, two = (track((x * gain).astype(np.float32), 48_000, lsb=0.0) for gain in (1.0, 10 ** (-16 / 20)))
    np.testing.assert_array_equal(*(of.candidates["discontinuity"].start_sample for of in (one, two)))
    np.testing.assert_allclose(rows(one), rows(two), atol=0.05)


def test_nothing_beside_clipped_samples_and_held_values():
    x = clicked(20_000, 40_000, 50_000)
    x[20_050], x[40_100:40_400] = 1.0, x[40_100]
    measured = track(x)
    found, hidden = measured.candidates["discontinuity"].start_sample, masked(measured)
    assert [bool(hidden[np.argmin(np.abs(found - at))]) for at in (20_000, 40_000, 50_000)] == [True, True, False]
    assert not (heard(measured, Limits()) & hidden).any()
    assert judged(measured)[np.argmin(np.abs(found - 50_000))] > 0 and not len(judged(track(np.zeros(8_000))))


def test_confidence_grows_with_the_score():
    values = [confidence(score) for score in np.linspace(-8, 20, 50)]
    assert values == sorted(values) and 0 <= values[0] < 0.2 and 0.9 < values[-1] < 1
