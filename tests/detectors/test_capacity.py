import json

import numpy as np
import pytest
from wholes import fault, heard, series, whole

from aqa.detector import registry
from aqa.measures.knee import correlation, knee

find = registry()["capacity"]
MINUTES = 40


def growing(knee_at=300, seed=0, lag=0):
    """Listeners grow by 15 a minute; above the knee, faults grow with them."""
    random = np.random.default_rng(seed)
    listeners = np.arange(MINUTES) * 15.0
    lost = np.concatenate((np.zeros(lag), np.maximum(listeners - knee_at, 0) / 30))[:MINUTES]
    lost += random.uniform(0, 0.05, MINUTES)
    found = [fault("dropout", 60 * i + 1, 60 * i + 1 + s) for i, s in enumerate(lost.tolist())]
    return listeners, found


def event(listeners, found, **more):
    told = series(*((60 * i, v) for i, v in enumerate(listeners)))
    return whole(
        duration_s=60.0 * MINUTES, heard=[heard((0, 60 * MINUTES), end=60 * MINUTES)], listeners={"r1": told},
        findings=found, **more,
    )  # fmt: skip


def test_the_knee_is_found_with_its_interval():
    (found,) = find(event(*growing()))
    said = json.loads(found.evidence)
    assert (found.unit, said["coincides_with"]) == ("listeners", "listeners")
    assert found.value == pytest.approx(300, abs=20)
    assert said["knee_low"] <= 300 <= said["knee_high"] + 15
    assert said["knee_high"] - said["knee_low"] < 100
    assert said["p_chance"] <= 0.05
    assert (found.start_s, found.end_s) == (pytest.approx(1200, abs=60), 2400)


@pytest.mark.parametrize("seed", range(20))
def test_faults_at_random_do_not_coincide(seed):
    listeners, found = growing(seed=seed)
    np.random.default_rng(seed).shuffle(lengths := [f.duration_s for f in found])
    moved = [fault("dropout", f.start_s, f.start_s + s) for f, s in zip(found, lengths, strict=True)]
    assert find(event(listeners, moved)) == []


def test_few_faults_short_events_and_missing_series_say_nothing():
    listeners, found = growing()
    assert find(event(listeners, found[:20])) == []
    assert find(whole(duration_s=2400.0, findings=found)) == []
    assert find(event(np.full(MINUTES, 100.0), found)) == []


def test_a_load_metric_may_be_what_they_follow():
    listeners, found = growing()
    cpu = {("sfu-1", "cpu_pct"): series(*((60 * i, v / 7) for i, v in enumerate(listeners)))}
    flat = event(np.full(MINUTES, 100.0), found, load=cpu)
    (seen,) = find(flat)
    assert json.loads(seen.evidence)["coincides_with"] == "cpu_pct of sfu-1"


def test_a_lag_is_found():
    random = np.random.default_rng(1)
    driver = random.uniform(0, 1, 60)
    effect = np.roll(driver, 3)
    found = correlation(driver, effect, 5)
    assert found is not None
    assert (found.lag, round(found.rho, 6)) == (3, 1.0)


def test_a_straight_line_has_no_knee_worth_the_name():
    x = np.arange(50.0)
    found = knee(x, 2 * x)
    assert found is not None
    assert found.better_pct < 5
    assert knee(x, -x) is None
    assert knee(x[:5], x[:5]) is None
