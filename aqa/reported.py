"""What senders and receivers tell of a stream themselves (RTCP, levels, copies), and which goes on as which."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from aqa.model import utc_text
from aqa.stream_model import NO_LEVEL, Stream, StreamRow

MAX_PAUSE_S = 10.0  # between a stream and the one that goes on in its place: a restart of a client takes seconds
EARLIEST_NS = 946_684_800_000_000_000  # 2000: senders without a clock count from when they started (RFC 3550 4)
MIN_CLOCK_SPAN_S = 10.0  # of sender reports: over less, 1 ms of error reads as 100 ppm


def reported_columns(stream: Stream, base_ns: int) -> dict[str, Any]:
    """What RTCP, the audio level extension and copies in the payload say of one stream."""
    levels = stream.level_dbov[stream.level_dbov != NO_LEVEL]
    columns: dict[str, Any] = {
        "copies_pct": 100 * np.count_nonzero(stream.copies) / len(stream.copies) if stream.copies_known else None,
        "level_dbov": float(np.median(levels)) if len(levels) else None,
    }
    told, hz = stream.reported, stream.clock_rate_hz
    if told is None:
        return columns
    return columns | {
        "cname": told.cname,
        "rtt_ms": float(np.mean(told.rtt_ms)) if told.rtt_ms else None,
        "rtt_max_ms": max(told.rtt_ms, default=None),
        "reported_lost": told.lost,
        "reported_loss_pct": told.loss_pct,
        "reported_jitter_max_ms": 1e3 * told.jitter / hz if told.jitter is not None and hz else None,
        "sender_utc": _first_by_sender(stream),
        "sender_skew_ppm": _sender_skew_ppm(stream),
        "bye_s": (told.bye_ns - base_ns) * 1e-9 if told.bye_ns is not None else None,
        "rtcp_xr": told.extended,
    }


def _first_by_sender(stream: Stream) -> str | None:
    """UTC of the first packet's media by the sender's own clock (RFC 3550 6.4.1), from its first report."""
    told, hz = stream.reported, stream.clock_rate_hz
    if told is None or not told.sender_times or not hz or len(stream.stretch_clock_hz) > 1:
        return None
    sent_ns, rtp = told.sender_times[0]
    ahead = ((rtp - int(stream.timestamp[0]) + 0x80000000) & 0xFFFFFFFF) - 0x80000000
    begins_ns = sent_ns - round(ahead * 1e9 / hz)
    return utc_text(begins_ns) if begins_ns >= EARLIEST_NS else None


def _sender_skew_ppm(stream: Stream) -> float | None:
    """How much slower the sender's media clock runs than its own wall clock, by its reports; as `skew_ppm`."""
    told, hz = stream.reported, stream.clock_rate_hz
    if told is None or len(told.sender_times) < 2 or not hz or len(stream.stretch_clock_hz) > 1:
        return None
    wall_s = np.array([sent_ns - told.sender_times[0][0] for sent_ns, _ in told.sender_times]) * 1e-9
    steps = np.diff(np.array([rtp for _, rtp in told.sender_times], np.uint32)).view(np.int32)
    media_s = np.concatenate(([0.0], np.cumsum(steps) / hz))
    if media_s[-1] < MIN_CLOCK_SPAN_S:
        return None
    return float((np.polyfit(media_s, wall_s, 1)[0] - 1) * 1e6)


def joined(rows: Sequence[StreamRow]) -> list[StreamRow]:
    """The rows, each saying which stream it goes on from: same source by CNAME or flow, begun when that had ended.

    A client that restarts takes a new SSRC (RFC 3550 8.2). Who sent the first one sent the others.
    """
    out = sorted(rows, key=lambda row: (row.first_s, row.ssrc, row.src, row.dst))
    like = defaultdict[tuple[str | None, ...], list[int]](list)  # rows so far by what they may share
    for at, row in enumerate(out):
        shared: list[tuple[str | None, ...]] = [("cname", row.cname), ("flow", row.src, row.dst)]
        there = sorted({i for key in shared if key[1] for i in like[key]})
        if before := [out[i] for i in there if _goes_on(out[i], row)]:
            last = max(before, key=lambda one: one.last_s)
            who = row.participant or last.participant
            out[at] = dataclasses.replace(row, continues=last.ssrc, participant=who)
        for key in shared:
            like[key].append(at)
    who_by_cname = {row.cname: row.participant for row in out if row.cname and row.participant}
    return [
        dataclasses.replace(row, participant=row.participant or who_by_cname.get(row.cname)) if row.cname else row
        for row in out
    ]


def _goes_on(before: StreamRow, row: StreamRow) -> bool:
    if before.ssrc == row.ssrc or before.log != row.log or before.payload_type != row.payload_type:
        return False
    same = before.cname == row.cname if before.cname and row.cname else (before.src, before.dst) == (row.src, row.dst)
    overlap_s = min(0.5, 0.25 * (before.last_s - before.first_s))  # the last packets may still be on their way
    return same and before.src != "" and -overlap_s <= row.first_s - before.last_s <= MAX_PAUSE_S
