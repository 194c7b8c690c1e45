"""What is said of one stream: its row of the table `streams`, and its seconds."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.changes import changes
from aqa.emodel import Row
from aqa.heard import estimate_columns, playout_columns
from aqa.measures import delay, loss, rtp, skew
from aqa.measures.bins import quantiles, spread
from aqa.measures.order import order_of
from aqa.model import SecondRow
from aqa.playout import MAX_SECONDS, Buffer, Played, play
from aqa.reported import reported_columns
from aqa.stream_model import Stream, StreamRow


def stream_row(
    stream: Stream,
    base_ns: int,
    *,
    playout: Buffer | None = None,
    played: Played | None = None,
    rows: Mapping[str, Row] | None = None,
    brief: bool = False,
) -> StreamRow:
    """The counts and times of one stream, and what was heard of it; seconds since `base_ns` (UTC).

    A brief row leaves out what no sentence says: quantiles of delays, and the sweep where no packet was late.
    `played` is what `playout` (by default the default buffer) made of it, where that is known already; `rows` are
    E-model rows of codecs by name.
    """
    played = played or Played(stream, play(stream, playout or Buffer()))
    expected, lost = rtp.counts(stream)
    delay_ms = None if brief else delay.relative_delay_ms(stream)
    runs = loss.loss_runs(stream, delay_ms)
    base_s = (stream.log_start_ns - base_ns) * 1e-9
    order = order_of(stream)
    extents = rtp.reorder_extents(stream) if order.reordered else np.zeros(0, np.int64)
    return StreamRow(
        log=stream.log,
        ssrc=f"0x{stream.ssrc:08x}",
        src=stream.src,
        dst=stream.dst,
        payload_type=stream.payload_type,
        codec=stream.codec,
        clock_rate_hz=stream.clock_rate_hz,
        clock_rate_from=stream.clock_rate_from,
        clock_rates=_clock_rates(stream),
        stretches=len(stream.stretch_clock_hz),
        packets=len(stream.arrival_ns),
        expected=expected,
        lost=lost,
        loss_pct=100 * lost / expected,
        duplicates=order.duplicates,
        reordered=order.reordered,
        reorder_extent_max=int(extents.max(initial=0)),
        resets=sum(stream.stretch_reset[1:]),
        changes=json.dumps(changes(played, base_s)),
        steps_back=order.steps_back,
        first_s=(order.first_ns - base_ns) * 1e-9,
        last_s=(order.last_ns - base_ns) * 1e-9,
        delta_max_ms=order.pause_ns * 1e-6 if stream.timed else None,
        skew_ppm=skew.skew_ppm(stream),
        **reported_columns(stream, base_ns),
        **_jitter(stream),
        **({} if delay_ms is None else _delays(stream, delay_ms)),
        **_structure(stream, runs, expected),
        **playout_columns(played, brief=brief),
        **estimate_columns(played, runs, expected=expected, rows=rows or {}, base_s=base_s),
    )


def _clock_rates(stream: Stream) -> str:
    texts = ["?" if hz is None else str(hz) for hz in stream.stretch_clock_hz]
    return ", ".join(text for i, text in enumerate(texts) if i == 0 or text != texts[i - 1])


def _jitter(stream: Stream) -> dict[str, Any]:
    found = delay.jitter_summary(stream)
    return dict(zip(("jitter_ms", "jitter_mean_ms", "jitter_max_ms"), found, strict=True)) if found else {}


def _delays(stream: Stream, delay_ms: NDArray[np.float64]) -> dict[str, Any]:
    """RFC 5481 4.2: delays over the least; a single packet has none."""
    late = delay_ms[np.isfinite(delay_ms)]
    if len(late) < 2:
        return {}
    names = ("pdv_p50_ms", "pdv_p95_ms", "pdv_p99_ms", "pdv_p999_ms")
    return dict(zip(names, quantiles(late, _SHARES), strict=True)) | _ipdv(stream)


_SHARES = (50, 95, 99, 99.9)


def _ipdv(stream: Stream) -> dict[str, float]:
    """RFC 5481 4.1: difference in delay of packets that follow each other in sequence, magnitude."""
    values = delay.ipdv_ms(stream)
    if not len(values):
        return {}
    found = quantiles(values, _SHARES)
    return dict(zip(("ipdv_p50_ms", "ipdv_p95_ms", "ipdv_p99_ms", "ipdv_p999_ms"), found, strict=True))


def _structure(stream: Stream, runs: loss.LossRuns, expected: int) -> dict[str, Any]:
    found = vars(loss.structure(stream, runs, expected))
    renamed = {"bursts": "loss_bursts", "run_max": "loss_run_max"}
    chain = loss.gilbert(runs, expected)
    return {
        **{renamed.get(key, key): value for key, value in found.items()},
        "loss_histogram": json.dumps(loss.histogram(runs)),
        "ge_p": chain.p if chain else None,
        "ge_r": chain.r if chain else None,
    }


def stream_seconds(stream: Stream, base_ns: int, *, played: Played | None = None) -> list[SecondRow]:
    """Per second since `base_ns`: packets, expected, lost, largest relative delay; second by second.

    With `played` also late packets (where they were due) and made-up sound (when it was heard).
    """
    at = np.floor_divide(stream.arrival_ns - base_ns, 1_000_000_000)
    runs = loss.loss_runs(stream)
    lost_at = np.floor(np.repeat(runs.start_s, runs.count) + _inside(runs) + (stream.log_start_ns - base_ns) * 1e-9)
    low, high = int(at.min()), int(at.max())
    size = min(high - low + 1, MAX_SECONDS)
    kept = at - low < size
    packets, unique = (np.bincount((at - low)[keep], minlength=size) for keep in (kept, kept & ~stream.duplicate))
    where = np.clip(lost_at - low, 0, size - 1).astype(np.int64)
    lost = np.bincount(where, minlength=size)
    late = delay.relative_delay_ms(stream)
    known = kept & np.isfinite(late)
    largest = np.full(size, np.nan)
    np.fmax.at(largest, (at - low)[known], late[known])
    unheard, made_up = _unheard(played, low, size, base_ns)
    return [
        SecondRow(
            second=low + i,
            log=stream.log,
            stream=f"0x{stream.ssrc:08x}",
            packets=int(packets[i]),
            expected=int(unique[i] + lost[i]),
            lost=int(lost[i]),
            late=None if unheard is None else int(unheard[i]),
            concealed_s=None if made_up is None else round(float(made_up[i]), 6),
            delay_max_ms=None if np.isnan(largest[i]) else float(largest[i]),
        )
        for i in range(size)
    ]


def _unheard(
    played: Played | None, low: int, size: int, base_ns: int
) -> tuple[NDArray[np.int64] | None, NDArray[np.float64] | None]:
    """Late packets per second from `low` on, and made-up sound by second; None where no buffer was run."""
    if played is None or played.playout is None:
        return None, None
    found, shift_s = played.playout, (played.stream.log_start_ns - base_ns) * 1e-9
    came_s = (played.stream.arrival_ns[found.late] - base_ns) * 1e-9
    due = np.where(np.isfinite(found.heard_s[found.late]), found.heard_s[found.late] + shift_s, came_s)
    where = np.clip(np.floor(due) - low, 0, size - 1).astype(np.int64)
    made_up = spread(found.start_s + shift_s, found.end_s + shift_s, 1.0, low, size)
    return np.bincount(where, minlength=size), made_up


def _inside(runs: loss.LossRuns) -> NDArray[np.float64]:
    """Seconds from the start of its run for each lost packet."""
    total = int(runs.count.sum())
    begins = np.repeat(np.cumsum(runs.count) - runs.count, runs.count)
    return np.asarray((np.arange(total) - begins) * np.repeat(runs.frame_s, runs.count), np.float64)
