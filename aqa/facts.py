"""Figures of the event as a whole that are no findings: budget, listeners hit, complaints, coincidence, imbalance.

Every part says what it is made of; what could not be measured is absent, with a reason in `not_measured`.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from aqa.detectors.capacity import Steps, drivers, faults_per_minute
from aqa.detectors.unexplained_complaints import PRAISE, REACTION_S, explained
from aqa.measures.knee import correlation, knee
from aqa.measures.together import beat, together
from aqa.model import Doubles, Flags, SecondRow
from aqa.scores import SEVERE_S, impairment
from aqa.settings import Objectives
from aqa.whole import Whole, length_s

SHIFTS = 200  # of all complaints together, round the event: how many would be explained by chance
TIMED = frozenset(("loss", "stall", "late", "dropout", "concealment", "discontinuity", "interruption", "repetition"))
"""Kinds with a beginning that may be held against others'."""


def event_facts(whole: Whole, seconds: Sequence[SecondRow], objectives: Objectives) -> dict[str, Any]:
    """All of them, as they stand in the column `facts` of the table `events`."""
    parts = {
        "budget": _budget(whole, seconds, objectives),
        "listeners": _listeners(whole, seconds),
        "feedback": _feedback(whole),
        "coincides": _coincides(whole),
        "imbalance": _imbalance(whole),
        "together": _together(whole),
        "beats": _beats(whole),
    }
    return {name: value for name, value in parts.items() if value}


def _budget(whole: Whole, seconds: Sequence[SecondRow], objectives: Objectives) -> list[dict[str, Any]]:
    """What the objectives allow and what was used of it."""
    score = impairment(seconds)
    opened = max(whole.duration_s - length_s(whole.closed()), 0.0)
    used = {
        "late_start_s": sum(f.duration_s for f in whole.findings if f.kind == "late_start"),
        "outage_s": sum(f.duration_s for f in whole.findings if f.kind == "outage"),
        "impaired_seconds": score.impaired_seconds if score else None,
        "severely_impaired_seconds": score.severely_impaired_seconds if score else None,
    }
    if whole.scheduled_s is None or not any(one.intended and one.clocked for one in whole.heard):
        used["late_start_s"] = None
    if not whole.heard:
        used["outage_s"] = None
    allowed = {
        "late_start_s": objectives.late_start_s,
        "outage_s": objectives.outage_s,
        "impaired_seconds": opened * objectives.impaired_seconds_pct / 100,
        "severely_impaired_seconds": opened * objectives.severely_impaired_seconds_pct / 100,
    }
    return [
        {
            "objective": name,
            "allowed": round(allowed[name], 3),
            "used": None if value is None else round(value, 3),
            "used_pct": None if value is None or not allowed[name] else round(100 * value / allowed[name], 1),
        }
        for name, value in used.items()
    ]


def _listeners(whole: Whole, seconds: Sequence[SecondRow]) -> dict[str, Any]:
    """Who was hit: listeners times seconds, in speech that broke up and while nobody could be heard."""
    if not whole.listeners:
        return {}
    at: Doubles = np.arange(math.ceil(whole.duration_s), dtype=np.float64) + 0.5
    told = np.nan_to_num(whole.listeners_at(at))
    hit, severe = np.zeros(len(at), np.bool_), np.zeros(len(at), np.bool_)
    for row in seconds:
        if row.recording is not None and row.fault_s and 0 <= row.second < len(at):
            hit[row.second] = True
            severe[row.second] |= row.fault_s > SEVERE_S
    waiting = np.zeros(len(at), np.bool_)
    for start, end in whole.of_kind("late_start", "outage").tolist():
        waiting |= (at > start) & (at < end)
    return {
        "most": float(told.max(initial=0.0)),
        "listener_seconds": float(told.sum()),
        "impaired_listener_seconds": float(told[hit].sum()),
        "severely_impaired_listener_seconds": float(told[severe].sum()),
        "waiting_listener_seconds": float(told[waiting].sum()),
    }


def _feedback(whole: Whole) -> dict[str, Any]:
    """Which share of complaints findings explain, and of how many findings anybody complained."""
    told = [one for one in whole.complaints or () if one.kind.lower() not in PRAISE]
    if not told:
        return {}
    faults = [f for f in whole.once if f.cause != "intended" and f.scope != "recorder" and f.kind not in _SAID]
    starts, ends = np.array([f.start_s for f in faults]), np.array([f.end_s for f in faults])
    times = np.array([one.time_s for one in told])
    random, span = np.random.default_rng(0), max(whole.duration_s, 1.0)
    moved = [(times + random.uniform(0, span)) % span for _ in range(SHIFTS)]
    by_chance = float(np.mean([_after(starts, ends, one).mean() for one in moved]))
    complained = [
        bool(((times >= f.start_s + REACTION_S[0]) & (times <= f.end_s + REACTION_S[1])).any()) for f in faults
    ]
    known = sum(explained(whole, one, *REACTION_S) for one in told)
    return {
        "complaints": len(told),
        "people": len({one.who for one in told}),
        "explained_pct": round(100 * known / len(told), 1),
        "explained_by_chance_pct": round(100 * by_chance, 1),
        "findings_complained_of_pct": round(100 * float(np.mean(complained)), 1) if faults else None,
        "reaction_s": list(REACTION_S),
    }


_SAID = frozenset(("unexplained_complaints",))


def _after(starts: Doubles, ends: Doubles, times: Doubles) -> Flags:
    """Whether a fault was there within the reaction time before each."""
    out = np.zeros(len(times), np.bool_)
    for at, time in enumerate(times.tolist()):
        out[at] = bool(((starts <= time - REACTION_S[0]) & (ends >= time - REACTION_S[1])).any())
    return out


def _coincides(whole: Whole) -> list[dict[str, Any]]:
    """Faults against listeners, joins and each load metric, whether they coincide or not."""
    steps = Steps.of(whole)
    faults = faults_per_minute(whole, steps)
    rows = []
    for name, unit, values in drivers(whole, steps):
        found = correlation(values, faults, 0)
        bend = knee(values, faults) if found and found.rho > 0 and found.p <= 0.05 else None
        rows.append(
            {
                "with": name,
                "unit": unit,
                "rho": round(found.rho, 3) if found else None,
                "p_chance": round(found.p, 4) if found else None,
                "steps": found.values if found else 0,
                "step_s": steps.length_s,
                "knee": bend.at if bend else None,
                "knee_low": bend.low if bend else None,
                "knee_high": bend.high if bend else None,
            }
        )
    return rows


def _imbalance(whole: Whole) -> list[dict[str, Any]]:
    """Fault seconds per hour of sending, by node and by region, against the mean of all."""
    rows = []
    for what in ("node", "region"):
        groups = sorted({getattr(one, what) for one in whole.sent if getattr(one, what)})
        if len(groups) < 2:
            continue
        rates = {}
        for name in groups:
            streams = [one for one in whole.sent if getattr(one, what) == name]
            hours = sum(length_s(one.sending) for one in streams) / 3600
            mine = {one.stream for one in streams}
            lost = sum(f.duration_s for f in whole.once if f.source == "packets" and f.stream in mine)
            rates[name] = lost / hours if hours else 0.0
        mean = float(np.mean(list(rates.values())))
        worst = max(rates, key=lambda name: rates[name])
        rows.append(
            {
                "by": what,
                "fault_s_per_hour": {name: round(rate, 3) for name, rate in rates.items()},
                "worst": worst,
                "times_the_mean": round(rates[worst] / mean, 2) if mean else None,
            }
        )
    return rows


def _together(whole: Whole) -> dict[str, Any]:
    """Whether faults of several participants begin together, in packets and in sound, against chance."""
    rows = {}
    for source in ("packets", "audio"):
        faults = [f for f in whole.once if f.source == source and f.kind in TIMED and f.cause != "intended"]
        who = sorted({f.track for f in faults if f.track and f.track != "mix"})
        onsets = [np.array([f.start_s for f in faults if f.track == name]) for name in who]
        found = together(onsets, (0.0, max(whole.duration_s, 1.0)))
        if found is not None:
            rows[source] = {
                "participants": len(who),
                "faults": found.onsets,
                "together": found.together,
                "by_chance": round(found.by_chance, 2),
                "p_chance": found.p,
            }
    return rows


def _beats(whole: Whole) -> list[dict[str, Any]]:
    """Faults that come every so many seconds: timers, not networks, do that."""
    groups: dict[tuple[str, str], list[float]] = {}
    for item in whole.once:
        if item.kind in TIMED and item.cause != "intended":
            groups.setdefault((item.kind, item.stream or item.recording or ""), []).append(item.start_s)
    rows = []
    for (kind, where), onsets in sorted(groups.items()):
        found = beat(np.array(onsets))
        if found is not None:
            rows.append(
                {
                    "kind": kind,
                    "where": where,
                    "every_s": round(found.period_s, 3),
                    "faults": found.onsets,
                    "coherence": round(found.coherence, 3),
                    "p_chance": float(f"{found.p:.2g}"),
                }
            )
    return rows
