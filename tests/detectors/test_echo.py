import json

import numpy as np
import pytest
from sound import noise, quantised, track

from aqa.detector import registry

RATE = 16_000


def talk(seconds=40, seed=0):
    loud = np.repeat(np.random.default_rng(seed).choice([0.02, 0.5, 1.0], seconds * 4), RATE // 4)
    return noise(seconds, RATE, -26, seed) * loud


def echoed(x, lag_ms, level_db, start_s=0, end_s=40):
    count = round(lag_ms * RATE / 1000)
    late = np.concatenate([np.zeros(count), x[:-count]]) * 10 ** (level_db / 20)
    late[: start_s * RATE] = late[end_s * RATE :] = 0
    return x + late


def found(x):
    return registry()["echo"](track(quantised(x), RATE))


@pytest.mark.parametrize(("lag_ms", "level_db"), [(80, -6), (200, -12), (330, -12)])
def test_hit(lag_ms, level_db):
    (one,) = found(echoed(talk(), lag_ms, level_db))
    assert one.start_s == 0 and one.end_s >= 30
    assert one.value == pytest.approx(lag_ms, abs=1) and one.unit == "ms"
    assert json.loads(one.evidence)["level_db"] == pytest.approx(level_db, abs=4)


def test_no_echo():
    assert not found(talk())
    assert not found(np.zeros(40 * RATE))


def test_a_room_is_no_echo():
    tail = np.random.default_rng(5).normal(size=RATE // 4) * np.exp(-np.arange(RATE // 4) / (0.04 * RATE))
    assert not found(np.convolve(talk(), np.concatenate([[8.0], tail]), "full")[: 40 * RATE] * 0.1)


def test_a_lag_that_changes_is_not_found():
    x = talk()
    parts = [echoed(x, 100 + 8 * at, -12)[at * RATE : (at + 10) * RATE] for at in range(0, 40, 10)]
    assert not found(np.concatenate(parts))


@pytest.mark.parametrize(("end_s", "count"), [(10, 0), (22, 1)])
def test_two_windows_at_least(end_s, count):
    assert len(found(echoed(talk(), 200, -8, 0, end_s))) == count
