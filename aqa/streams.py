"""What is said of one stream: its row of the table `streams`, and its seconds."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.measures import delay, loss, rtp
from aqa.model import SecondRow, Stream, StreamRow

MAX_SECONDS = 100_000  # rows for one stream: over a day; a clock that lies must not fill the store


def stream_row(stream: Stream, base_ns: int) -> StreamRow:
    """The counts and times of one stream; seconds since `base_ns` (UTC)."""
    expected, lost = rtp.counts(stream)
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
        duplicates=int(stream.duplicate.sum()),
        reordered=int(rtp.reordered(stream).sum()),
        steps_back=int((np.diff(stream.sequence[~stream.duplicate]) < 0).sum()),
        first_s=(int(stream.arrival_ns.min()) - base_ns) * 1e-9,
        last_s=(int(stream.arrival_ns.max()) - base_ns) * 1e-9,
        delta_max_ms=float(delay.pauses_ms(stream).max()) if stream.timed else None,
        skew_ppm=delay.skew_ppm(stream),
        **_timing(stream),
        **_structure(stream, expected),
    )


def _clock_rates(stream: Stream) -> str:
    texts = ["?" if hz is None else str(hz) for hz in stream.stretch_clock_hz]
    return ", ".join(text for i, text in enumerate(texts) if i == 0 or text != texts[i - 1])


def _timing(stream: Stream) -> dict[str, Any]:
    jitter = delay.jitter_ms(stream)
    jitter = jitter[np.isfinite(jitter)]
    late = delay.relative_delay_ms(stream)
    late = late[np.isfinite(late)]
    if not len(jitter) or not len(late):
        return {}
    p50, p95, p99 = np.percentile(late, (50, 95, 99)).tolist()
    return {
        "jitter_ms": float(jitter[-1]),
        "jitter_mean_ms": float(jitter.mean()),
        "jitter_max_ms": float(jitter.max()),
        "pdv_p50_ms": p50,
        "pdv_p95_ms": p95,
        "pdv_p99_ms": p99,
    }


def _structure(stream: Stream, expected: int) -> dict[str, Any]:
    found = dataclasses.asdict(loss.structure(stream, loss.loss_runs(stream), expected))
    renamed = {"bursts": "loss_bursts", "run_max": "loss_run_max"}
    return {renamed.get(key, key): value for key, value in found.items()}


def stream_seconds(stream: Stream, base_ns: int) -> list[SecondRow]:
    """Per second since `base_ns`: packets, expected, lost and the largest relative delay; second by second."""
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
    return [
        SecondRow(
            second=low + i,
            log=stream.log,
            stream=f"0x{stream.ssrc:08x}",
            packets=int(packets[i]),
            expected=int(unique[i] + lost[i]),
            lost=int(lost[i]),
            delay_max_ms=None if np.isnan(largest[i]) else float(largest[i]),
        )
        for i in range(size)
    ]


def _inside(runs: loss.LossRuns) -> NDArray[np.float64]:
    """Seconds from the start of its run for each lost packet."""
    total = int(runs.count.sum())
    begins = np.repeat(np.cumsum(runs.count) - runs.count, runs.count)
    return np.asarray((np.arange(total) - begins) * np.repeat(runs.frame_s, runs.count), np.float64)
