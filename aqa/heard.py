"""Columns of the table `streams` that follow from what was heard: a buffer's work, and the E-model's estimate."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from aqa.emodel import Estimate, Row, estimate, row_for
from aqa.measures.bins import spread, tally
from aqa.measures.loss import LossRuns, burst_ratio
from aqa.measures.slots import Slots
from aqa.playout import CAUSES, MAX_SECONDS, SWEEP_MS, Played, Playout, advice, concealed_seconds, sweep_slots
from aqa.stream_model import Stream

INTERVAL_S = 10.0  # of the worst interval's MOS: P.564 judges 8 to 20 s at a time
MIN_INTERVAL_PACKETS = 50  # fewer expected packets say little: a loss would weigh 2 % and more


def playout_columns(played: Played, *, brief: bool = False) -> dict[str, Any]:
    """What the buffer did; nothing where none was run. `brief`: not all of it, as `stream_row` says."""
    found = played.playout
    if found is None:
        return {}
    seconds, late = concealed_seconds(found), int(np.count_nonzero(found.late))
    whole = found.played_s
    parts = dict(zip(CAUSES, found.parts_s.sum(axis=0).tolist(), strict=True))
    return {
        "late": late,
        "playout_model": found.buffer.name,
        "recovered": found.recovered if played.stream.copies_known else None,
        "overflowed": int(found.overflow.sum()),
        "played_s": found.played_s,
        "concealed_s": found.concealed_s,
        "concealed_pct": found.concealed_pct,
        "concealed_lost_s": parts["lost"],
        "concealed_late_s": parts["late"],
        "concealed_stall_s": parts["nothing came"],
        "interruptions": found.interruptions,
        "accelerated_pct": 100 * found.accelerated_s / whole if whole > 0 else None,
        "expanded_pct": 100 * found.expanded_s / whole if whole > 0 else None,
        "playout_delay_mean_ms": found.delay_mean_ms,
        "playout_delay_p95_ms": None if brief else found.delay_p95_ms,
        "playout_wait_mean_ms": found.waiting_mean_ms,
        "concealed_seconds": seconds.concealed,
        "severely_concealed_seconds": seconds.severe,
        **({} if brief and not late else _sweep_columns(found)),
        "frame_ms": _usual_frame_ms(found.slots),
        "bitrate_kbps": bitrate_kbps(played.stream, found.slots),
    }


def _sweep_columns(found: Playout) -> dict[str, Any]:
    choices = sweep_slots(found.slots, sorted({*SWEEP_MS, found.buffer.delay_ms}))
    rows = [
        {"delay_ms": c.delay_ms, "late": c.late, "dropouts": c.dropouts, "concealed_s": round(c.concealed_s, 3)}
        for c in choices
    ]
    return {"sweep": json.dumps(rows), "sweep_advice": advice(choices, found.buffer.delay_ms)}


def _usual_frame_ms(slots: Slots) -> float:
    some = slots.frame_ns[:: max(1, len(slots) // 1000)]  # a thousand tell what is usual
    tenths = np.bincount(some // 100_000)  # to 0.1 ms: all frames of common codecs fit
    return float(tenths.argmax()) / 10


def bitrate_kbps(stream: Stream, slots: Slots) -> float | None:
    """Payload over media time; None where payload sizes are missing."""
    size, media_ns = int(slots.of_packets(stream.payload_bytes).sum()), int(slots.frame_ns.sum())
    return size * 8e6 / media_ns if media_ns > 0 and size > 0 else None


def estimate_columns(
    played: Played, runs: LossRuns, *, expected: int, rows: Mapping[str, Row], base_s: float
) -> dict[str, Any]:
    """The E-model's columns; only `mos_model`, saying why, where there is no estimate.

    Loss is what the buffer had to make up, of what was played: network and late together, repaired packets not
    counted. Delay is that of the buffer alone, as one log knows no other; the model's text says so.
    """
    found, stream = played.playout, played.stream
    if found is None:
        return {"mos_model": "not measured: the clock rate is not known"} if stream.clock_rate_hz is None else {}
    copies = bool(stream.copies.any()) if stream.copies_known else None
    row = row_for(stream.codec, bitrate_kbps(stream, found.slots), copies=copies, given=rows)
    if isinstance(row, str) or found.concealed_pct is None:
        return {"mos_model": f"not measured: {row if isinstance(row, str) else 'nothing was played'}"}
    delay_ms = found.delay_mean_ms or 0.0
    whole = estimate(row, loss_pct=found.concealed_pct, burst_r=burst_ratio(runs, expected), delay_ms=delay_ms)
    return {
        "r_factor": whole.r,
        "mos_estimated": whole.mos,
        "mos_model": f"{whole.model}; delay of the {found.buffer.name} buffer only",
        "ie_eff": whole.ie_eff,
        "delay_impairment": whole.delay_impairment,
        **_worst(found, whole, base_s),
    }


def _worst(found: Playout, whole: Estimate, base_s: float) -> dict[str, float]:
    """The interval of 10 s with the least MOS: its own share of made-up sound, the stream's BurstR and delay."""
    slots = found.slots
    bins = tally(
        slots.of_packets(found.heard_s), slots.frame_ns, INTERVAL_S, MAX_SECONDS
    )  # a clock that lies must not fill memory
    if bins is None:
        return {}
    low, played, packets = bins
    made_up = spread(found.start_s, found.end_s, INTERVAL_S, low, len(played))
    share = made_up / np.maximum(np.maximum(played, 1e-9) + made_up, 1e-9)
    share[(packets < MIN_INTERVAL_PACKETS) & (made_up < 1.0)] = 0.0
    worst = int(share.argmax())
    there = estimate(whole.row, loss_pct=100 * float(share[worst]), burst_r=whole.burst_r, delay_ms=whole.delay_ms)
    return {"worst_interval_mos": there.mos, "worst_interval_start_s": (low + worst) * INTERVAL_S + base_s}
