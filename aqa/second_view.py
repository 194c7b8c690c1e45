"""What a second recording of the same room says: time that one of two leaves out, and faults that only one has."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from aqa.compare import level_dbfs
from aqa.known import EXPLAINED, Elsewhere
from aqa.model import HOP_S, Finding, Severity, evidence
from aqa.timeline import Clock, Compared, Measured

LEAST_S = 0.02
"""A packet: recorders leave out no less, and NetEq stretches time by 15 ms at most (accelerate.cc)."""
MAJOR_S, CRITICAL_S = 1.0, 10.0  # as aqa/detectors/elided_time.py
NEAR_S = 0.1  # between the ends of one fault in two recordings: each recorder's buffer ends it otherwise
DEPTH_DB = 10.0  # of a hole below what is around it, and of the other recording above it: a factor of three
AROUND = 50  # hops on each side
FLOOR_DBFS = -100.0
SURE = 0.7  # that the one that lacks time has left it out; the other may have put it in


def left_out(measured: Measured, clock: Clock) -> Iterator[tuple[str, Finding]]:
    """Recording and finding, in seconds of that recording, for each step between two: time that one of them lacks."""
    for pair in measured.compared:
        for step in pair.alignment.steps:
            if abs(step.size_s) < LEAST_S:
                continue
            lacks, other = (pair.second, pair.first) if step.size_s < 0 else (pair.first, pair.second)
            at_s = step.time_s if lacks == pair.first else to_second(pair, step.time_s - 1e-6)
            yield lacks, _left_out(at_s, abs(step.size_s), step.error_s, other)


def _left_out(at_s: float, size_s: float, error_s: float, other: str) -> Finding:
    severity: Severity = "critical" if size_s >= CRITICAL_S else "major" if size_s >= MAJOR_S else "minor"
    return Finding(
        kind="elided_time",
        source="container",
        scope="recorder",
        start_s=max(at_s - error_s, 0.0),
        end_s=at_s + max(error_s, LEAST_S),
        duration_s=min(error_s, at_s) + max(error_s, LEAST_S),
        value=round(size_s, 4),
        unit="s",
        severity=severity,
        confidence=SURE,
        evidence=evidence(
            clock=f"the sound of {other}", left_out_s=size_s, within_s=error_s, or_else="the other has put time in"
        ),
    )


def to_second(pair: Compared, second: float) -> float:
    """Seconds of the second recording for one of the first."""
    found = pair.alignment
    steps = sum(step.size_s for step in found.steps if step.time_s < second)
    return second + (found.offset_s or 0.0) + (found.drift_ppm or 0.0) * 1e-6 * second + steps


def to_first(pair: Compared, second: float) -> float:
    """The inverse; inside time that the second lacks the moment after it."""
    at = second - (pair.alignment.offset_s or 0.0)
    for _ in range(3 + len(pair.alignment.steps)):
        at -= to_second(pair, at) - second
    return at


def elsewhere(measured: Measured, clock: Clock, findings: Sequence[Finding]) -> dict[str, Elsewhere]:
    """For faults in sound by finding_id: whether another recording of the same time has them too.

    Absent where nothing can be said: no such recording, or as quiet there.
    """
    out: dict[str, Elsewhere] = {}
    for pair in measured.compared:
        if pair.alignment.offset_s is None:
            continue
        for mine, other, place in ((pair.first, pair.second, to_second), (pair.second, pair.first, to_first)):
            alike = measured.track(mine) == measured.track(other)
            for item in findings:
                if item.recording != mine or item.kind not in EXPLAINED or item.source != "audio":
                    continue
                own = clock.to_recording(mine, item.start_s), clock.to_recording(mine, item.end_s)
                span = place(pair, own[0]), place(pair, own[1])
                there = _there(measured, clock, findings, other, span)
                if there or _sounds(measured, (mine, own), (other, span)):
                    out[item.finding_id] = Elsewhere(other, there, alike)
    return out


def _there(
    measured: Measured, clock: Clock, findings: Sequence[Finding], path: str, span: tuple[float, float]
) -> bool:
    """Whether a recording has a fault in a stretch of its own seconds."""
    for item in findings:
        if item.recording == path and item.kind in EXPLAINED:
            start, end = (clock.to_recording(path, second) for second in (item.start_s, item.end_s))
            if start <= span[1] + NEAR_S and end >= span[0] - NEAR_S:
                return True
    return False


Part = tuple[str, tuple[float, float]]
"""A recording, and a stretch of its own seconds."""


def _sounds(measured: Measured, mine: Part, other: Part) -> bool:
    """Whether one recording has a hole and the other sound: levels held against those around, so that gain is out."""
    here, there = _depth_db(measured, mine, 0), _depth_db(measured, other, 1)
    return here is not None and there is not None and here <= -DEPTH_DB and there - here >= DEPTH_DB


def _depth_db(measured: Measured, part: Part, beside: int) -> float | None:
    """The lowest 10 ms level of a stretch, `beside` hops more on each side, against the median around it."""
    path, (start, end) = part
    level = level_dbfs(measured.recordings[path][1])
    low, high = int(np.floor(start / HOP_S)) - beside, int(np.ceil(end / HOP_S)) + beside
    if low < 0 or high > len(level) or high <= low:
        return None
    around = np.clip(np.nan_to_num(level[max(low - AROUND, 0) : high + AROUND], nan=FLOOR_DBFS), FLOOR_DBFS, 0)
    inside = np.clip(np.nan_to_num(level[low:high], nan=FLOOR_DBFS), FLOOR_DBFS, 0)
    return float(inside.min() - np.median(around))


def second_facts(measured: Measured) -> dict[str, list[dict[str, Any]]]:
    """The part `second_recordings` of the event's facts; none where no two recordings were compared."""
    rows = [
        {
            "first": pair.first,
            "second": pair.second,
            "offset_s": found.offset_s,
            "drift_ppm": None if found.drift_ppm is None else round(found.drift_ppm, 3),
            "error_ms": None if found.error_ms is None else round(found.error_ms, 3),
            "confidence": round(found.confidence, 3),
            "steps": [[round(step.time_s, 3), round(step.size_s, 5)] for step in found.steps],
            "why": found.reason,
        }
        for pair in measured.compared
        for found in (pair.alignment,)
    ]
    return {"second_recordings": json.loads(json.dumps(rows))} if rows else {}
