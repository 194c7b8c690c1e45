"""Findings against truth, in the manner of mir_eval: validate, match, metrics, evaluate. Intervals in seconds.

Each truth and each finding is used once. A finding hits a truth that it overlaps by any part, or, with `onset_s`,
one within that time of it. Findings on a truth that is not observable are neither hits nor false alarms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aqa.model import Doubles

TRUE_PER_HOUR = 60.0  # a bad room: F1@60/h of ACCURACY
OPERATING_POINTS = (1.0, 5.0, 20.0)  # false alarms per hour
BOOTSTRAP, LEVEL = 1000, 0.95


@dataclass
class Heard:
    """What a detector made of one clip: truths and findings as rows of start and end in seconds."""

    truths: Doubles  # (n, 2)
    findings: Doubles  # (m, 2)
    confidence: Doubles  # (m,)
    observable: np.ndarray  # (n,)
    seconds: float
    params: list[dict[str, Any]] = field(default_factory=list)
    hits: list[tuple[int, int]] = field(default_factory=list)
    covered: np.ndarray = field(default_factory=lambda: np.zeros(0, np.bool_))


def intervals(rows: Sequence[tuple[float, float]]) -> Doubles:
    """Rows of start and end as an array (n, 2)."""
    return np.array(rows, np.float64).reshape(-1, 2)


def validate(rows: Doubles, seconds: float) -> None:
    """ValueError where an interval ends before it starts, or lies outside of the clip."""
    if rows.ndim != 2 or rows.shape[1] != 2:
        raise ValueError(f"intervals have shape (n, 2), not {rows.shape}")
    if not np.isfinite(rows).all() or (rows[:, 1] < rows[:, 0]).any():
        raise ValueError("an interval ends before it starts, or is not a number")
    if len(rows) and (rows[:, 0].min() < -1e-6 or rows[:, 1].max() > seconds + 0.1):
        raise ValueError(f"an interval lies outside of the clip of {seconds:.3f} s")


def distance(truths: Doubles, findings: Doubles) -> Doubles:
    """Seconds between each truth and each finding, 0 where they touch; negative by as much as they overlap."""
    starts = np.maximum(truths[:, None, 0], findings[None, :, 0])
    ends = np.minimum(truths[:, None, 1], findings[None, :, 1])
    return np.asarray(starts - ends)


def match(truths: Doubles, findings: Doubles, onset_s: float | None = None) -> list[tuple[int, int]]:
    """Pairs (truth, finding), best first: the nearest onsets among those that overlap (or lie within `onset_s`)."""
    if not len(truths) or not len(findings):
        return []
    near = distance(truths, findings) < 0 if onset_s is None else distance(truths, findings) <= onset_s
    onset = np.abs(truths[:, None, 0] - findings[None, :, 0])
    taken_truths, taken_findings, pairs = set[int](), set[int](), []
    t, f = np.nonzero(near)
    for at in np.argsort(onset[t, f], kind="stable"):
        pair = int(t[at]), int(f[at])
        if pair[0] not in taken_truths and pair[1] not in taken_findings:
            pairs.append(pair)
            taken_truths.add(pair[0])
            taken_findings.add(pair[1])
    return pairs


def matched(heard: Heard, onset_s: float | None) -> Heard:
    """With its hits; a finding that touches any truth is no false alarm, however many pieces there are."""
    validate(heard.truths, heard.seconds)
    validate(heard.findings, heard.seconds)
    heard.hits = match(heard.truths, heard.findings, onset_s)
    near = distance(heard.truths, heard.findings) <= (onset_s or 0.0)
    heard.covered = near.any(axis=0) if near.size else np.zeros(len(heard.findings), np.bool_)
    return heard


def recall(heard: Sequence[Heard], least: float = -np.inf) -> tuple[int, int]:
    """Observable truths found (with at least this confidence), and all of them."""
    found = sum(bool(h.observable[t]) and h.confidence[f] >= least for h in heard for t, f in h.hits)
    return int(found), int(sum(h.observable.sum() for h in heard))


def false_alarms(heard: Sequence[Heard], least: float = -np.inf) -> int:
    """Findings that touch no truth."""
    return int(sum((~h.covered & (h.confidence >= least)).sum() for h in heard))


def f1_at_60(share: float, per_hour: float) -> float:
    """F1 in a room with 60 true faults an hour: precision is 60 R / (60 R + FA/h)."""
    if share <= 0:
        return 0.0
    precision = TRUE_PER_HOUR * share / (TRUE_PER_HOUR * share + per_hour)
    return 2 * precision * share / (precision + share)


def at_operating_points(heard: Sequence[Heard], clean: Sequence[Heard]) -> dict[float, float]:
    """Recall by FA/h on clean sound, at the lowest confidence that keeps to it; {} where confidence does not vary."""
    hours = sum(h.seconds for h in clean) / 3600
    alarms = np.sort(np.concatenate([np.zeros(0), *(h.confidence for h in clean)]))[::-1]
    seen = np.unique(np.concatenate([alarms, *(h.confidence for h in heard)]))
    if hours <= 0 or len(seen) < 2:
        return {}
    out = {}
    for rate in OPERATING_POINTS:
        allowed = int(rate * hours)
        least = np.nextafter(alarms[allowed], np.inf) if len(alarms) > allowed else -np.inf
        found, total = recall(heard, float(least))
        out[rate] = found / total if total else float("nan")
    return out


def boundary_errors_ms(heard: Sequence[Heard]) -> Doubles:
    """Errors of starts and ends of observable hits, in ms; not of faults that fill their clip."""
    errors = [
        abs(h.truths[t, side] - h.findings[f, side]) for h in heard for t, f in h.hits
        if h.observable[t] and h.truths[t, 1] - h.truths[t, 0] < h.seconds - 0.5 for side in (0, 1)
    ]  # fmt: skip
    return np.array(errors) * 1000


def rates(shares: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Shares in per cent, true and said: Pearson's r and mean absolute error; NaN where they do not vary."""
    both = np.array(shares, np.float64).reshape(-1, 2)
    if len(both) < 3 or not both.std(axis=0).all():
        return float("nan"), float("nan")
    return float(np.corrcoef(both.T)[0, 1]), float(np.abs(both[:, 0] - both[:, 1]).mean())


def interval_of_recall(heard: Sequence[Heard], seed: int = 0) -> tuple[float, float]:
    """95 % interval of recall, clips drawn with replacement (Efron's percentile bootstrap)."""
    counts = np.array([recall([h]) for h in heard]).reshape(-1, 2)
    if not counts[:, 1].sum():
        return float("nan"), float("nan")
    drawn = counts[np.random.default_rng(seed).integers(0, len(counts), (BOOTSTRAP, len(counts)))].sum(axis=1)
    shares = drawn[:, 0] / np.maximum(drawn[:, 1], 1)
    low, high = np.quantile(shares, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)


def evaluate(heard: Sequence[Heard], clean: Sequence[Heard]) -> dict[str, Any]:
    """All figures of one detector on one class; `clean` are clips without any fault, for FA/h. NaN: not measured."""
    found, total = recall(heard)
    share = found / total if total else float("nan")
    hours = sum(h.seconds for h in clean) / 3600
    per_hour = sum(len(h.findings) for h in clean) / hours if hours else float("nan")
    wrong, errors = false_alarms(heard), boundary_errors_ms(heard)
    right = sum(len(h.hits) for h in heard)
    return {
        "truths": sum(len(h.truths) for h in heard), "observable": total, "found": found, "recall": share,
        "interval": interval_of_recall(heard),
        "precision": right / (right + wrong) if right + wrong else float("nan"),
        "false_per_hour": per_hour, "clean_minutes": hours * 60, "f1_at_60": f1_at_60(share, per_hour),
        "at": at_operating_points(heard, clean),
        "boundary_p50_ms": float(np.median(errors)) if len(errors) else float("nan"),
        "boundary_p95_ms": float(np.quantile(errors, 0.95)) if len(errors) else float("nan"),
    }  # fmt: skip


def by(heard: Sequence[Heard], names: Sequence[str]) -> dict[tuple[Any, ...], tuple[int, int]]:
    """Found and observable truths by the values of truth parameters."""
    out: dict[tuple[Any, ...], list[int]] = {}
    for h in heard:
        hit = {t for t, _ in h.hits}
        for t in np.flatnonzero(h.observable).tolist():
            cell = out.setdefault(tuple(h.params[t].get(name) for name in names), [0, 0])
            cell[0] += t in hit
            cell[1] += 1
    return {key: (a, b) for key, (a, b) in sorted(out.items(), key=lambda item: tuple(map(str, item[0])))}
