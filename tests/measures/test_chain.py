"""Loss structure beyond bursts, delay variation of neighbours, and the clocks' slope."""

import numpy as np
import pytest
from captures import Packet, talk
from streams import stream

from aqa.measures import delay, loss, rtp, skew
from aqa.stream_model import Stream


def without(lost: set[int], count: int = 2000) -> Stream:
    return stream([p for p in talk(count) if p.sequence not in lost])


def test_the_histogram_of_runs() -> None:
    lost = {100, 200, 201, *range(300, 309), *range(400, 410), *range(500, 530)}
    assert loss.histogram(loss.loss_runs(without(lost))) == [1, 1, 0, 0, 0, 0, 0, 0, 1, 2]
    assert loss.histogram(loss.loss_runs(without(set()))) == [0] * 10


def test_the_chain_by_hand() -> None:
    """Runs of 1 and 3 in 1000: two of 995 steps from good packets are into a loss, two of four out of one."""
    found = without({100, 200, 201, 202}, 1000)
    chain = loss.gilbert(loss.loss_runs(found), 1000)
    assert chain is not None
    assert (chain.p, chain.r) == (pytest.approx(2 / 995), 0.5)
    none = loss.gilbert(loss.loss_runs(without(set())), 2000)
    assert none is not None
    assert (none.p, none.r) == (0.0, None)


def test_the_chain_finds_what_made_the_losses() -> None:
    random, bad, lost = np.random.default_rng(7), False, set()
    for i in range(1, 60_000):
        bad = random.random() >= 0.3 if bad else random.random() < 0.02
        if bad:
            lost.add(i)
    found = without(lost - {59_999}, 60_000)
    chain = loss.gilbert(loss.loss_runs(found), rtp.counts(found)[0])
    assert chain is not None
    assert chain.p == pytest.approx(0.02, rel=0.05)
    assert chain.r == pytest.approx(0.3, rel=0.05)


def test_variation_of_neighbours_by_hand() -> None:
    at = [0.0, 0.025, 0.040, 0.063]
    found = stream([Packet(t, i, i * 160) for i, t in enumerate(at)])
    assert delay.ipdv_ms(found) == pytest.approx([5.0, 5.0, 3.0])
    gone = stream([Packet(t, i, i * 160) for i, t in enumerate(at) if i != 2] + [Packet(0.1, 4, 640)])
    assert delay.ipdv_ms(gone) == pytest.approx([5.0, 17.0])


def queued(kind: str, ppm: float, seed: int) -> Stream:
    """Ten minutes through queues: exponential jitter, and bursts that fill a queue and drain it."""
    random = np.random.default_rng(seed)
    media = np.arange(30_000) * 0.02
    wait = random.exponential(0.02, len(media))
    if kind == "bursts":
        for start in random.choice(len(media), 60, replace=False):
            size = int(random.integers(20, 200))
            end = min(start + size, len(media))
            wait[start:end] += np.linspace(random.uniform(0.05, 0.4), 0, size)[: end - start]
    arrival = np.maximum.accumulate(media * (1 + ppm * 1e-6) + wait)
    return stream([Packet(float(t), i, i * 160) for i, t in enumerate(arrival)])


@pytest.mark.parametrize("kind", ["jitter", "bursts"])
@pytest.mark.parametrize("ppm", [-120.0, 0.0, 35.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_skew_is_within_1_ppm_after_ten_minutes(kind: str, ppm: float, seed: int) -> None:
    assert skew.skew_ppm(queued(kind, ppm, seed)) == pytest.approx(ppm, abs=1.0)


@pytest.mark.parametrize("rise_s", [0.03, 0.2, -0.03])
@pytest.mark.parametrize("at", [0.3, 0.5, 0.7])
def test_a_change_of_level_is_not_taken_for_skew(rise_s: float, at: float) -> None:
    """A new route: not measured, or what the clocks do (0 ppm), never the slope of the step."""
    moved = [i * 0.02 + 0.05 + (rise_s if i >= at * 30_000 else 0.0) for i in range(30_000)]
    found = skew.skew_ppm(stream([Packet(t, i, i * 160) for i, t in enumerate(moved)]))
    assert found is None or abs(found) < 10
