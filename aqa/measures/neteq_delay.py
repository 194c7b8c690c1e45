"""How long NetEq's buffer aims to be: histograms of how late packets are, and of how far out of order.

After libwebrtc's `delay_manager.cc`, `underrun_optimizer.cc`, `reorder_optimizer.cc` and `histogram.cc`; how the
forgetting starts in the preset of 2019, and that it takes reordered packets too, is unchecked.
"""

from dataclasses import dataclass

import numpy as np

from aqa.compiled import inlined
from aqa.model import Doubles

MS = 1_000_000
BUCKETS, BUCKET_MS = 100, 20
REORDER_FORGET, REORDER_MS = 0.9993, 20.0  # ms of delay that 1 % of loss is worth (reorder_optimizer.h)


@dataclass(frozen=True)
class Preset:
    """What differs between versions of NetEq."""

    quantile: float
    forget: float
    start_weight: float  # 0: the forgetting grows by a quarter of what is left (histogram.cc of 2019)
    resample_ns: int  # 0: every packet enters the histogram
    reorder: bool
    by_level: bool  # stretch by the filtered buffer level; else by the playout delay (decision_logic.cc since 2022)


PRESETS = {
    "neteq": Preset(0.95, 0.983, 2.0, 500 * MS, reorder=True, by_level=False),
    "neteq-2019": Preset(0.97, 0.9993, 0.0, 0, reorder=False, by_level=True),
}
"""Current libwebrtc, and its branches up to about 2019."""

TARGET, ADDS, FORGET, R_ADDS, R_DECAY, R_TARGET, R_SEEN, STATE = range(8)


@inlined
def _forgetting(adds: float, base: float, weight: float, now: float) -> float:
    """Forget factor of add number `adds`, from 1: it grows to `base` in the first seconds (histogram.cc)."""
    if weight > 0.0:
        return min(base, max(0.0, 1.0 - weight / adds))
    return now + (base - now) / 4.0 if adds > 1.0 else 0.0


@inlined
def _underrun_ms(histogram: Doubles, quantile: float) -> float:
    left, bucket = 1.0 - histogram[0], 0
    while left > 1.0 - quantile + 1e-9 and bucket < BUCKETS - 1:
        bucket += 1
        left -= histogram[bucket]
    return (1.0 + bucket) * BUCKET_MS


@inlined
def _reorder_ms(tail: Doubles, base_ms: float) -> float:
    """The delay with the least cost: delay beyond `base_ms`, and what is lost when not waiting any longer."""
    left = 0.0
    for bucket in range(1, BUCKETS):
        left += tail[bucket]
    best, cost_of_best = 0, np.inf
    for bucket in range(BUCKETS):
        left -= tail[bucket] if bucket else 0.0
        cost = max(0.0, bucket * BUCKET_MS - base_ms) + 100.0 * REORDER_MS * left
        if cost < cost_of_best:
            best, cost_of_best = bucket, cost
        if left < 1e-9:
            break
    return (1.0 + best) * BUCKET_MS


@inlined
def underrun(state: Doubles, histogram: Doubles, preset: Doubles, delay_ms: float) -> None:
    """A relative delay enters the histogram, and the target is weighed anew (underrun_optimizer.cc)."""
    if delay_ms >= BUCKETS * BUCKET_MS:
        return
    state[ADDS] += 1.0
    state[FORGET] = _forgetting(state[ADDS], preset[1], preset[2], state[FORGET])
    for bucket in range(BUCKETS):
        histogram[bucket] *= state[FORGET]
    histogram[int(delay_ms) // BUCKET_MS] += 1.0 - state[FORGET]
    state[TARGET] = _underrun_ms(histogram, preset[0])


@inlined
def reorder_cost(
    state: Doubles, tail: Doubles, preset: Doubles, delay_ms: float, reordered: bool, weighed: bool
) -> None:
    """What packets out of order ask for (reorder_optimizer.cc); those in order fall into bucket 0."""
    forget = _forgetting(state[R_ADDS], REORDER_FORGET, preset[2], 0.0)
    state[R_DECAY] *= forget
    if reordered or weighed:
        for bucket in range(BUCKETS):
            tail[bucket] *= state[R_DECAY]
        state[R_DECAY], state[R_SEEN] = 1.0, 1.0
        if reordered:
            tail[min(int(delay_ms) // BUCKET_MS, BUCKETS - 1)] += 1.0 - forget
        state[R_TARGET] = _reorder_ms(tail, state[TARGET])
