"""Faults that coincide with how many listened, how fast they joined, or how loaded the servers were.

What it finds
-------------
That the time lost to faults per minute follows listeners, joins or a load metric, at once or up to five minutes
later, more closely than chance would have it; and from which value on faults began, with its interval. Steps are a
minute long, or a fortieth of a shorter event, 10 s at least.

Why it matters
--------------
A room that breaks from a certain size on will break again at that size.

What fools it
-------------
Everything that grows over an evening coincides with everything else that does: this says "coincides", never "caused
by". A series that stands still can't be held against anything. What one participant lost on the network, where
that is most of it, is left out; faults that have another cause coincide too: see whether they hit everybody.

Thresholds and their source
---------------------------
Spearman's rho of 0.5 ("large", Cohen 1988), as a share of the largest that ties allow, and odds by chance of 5 % or
less, counted by shuffling the faults in blocks, which keeps bursts together: one burst on top of a ramp of forty
steps has 2 %, however strong it is. At least 8 steps with both series and
10 s of faults. The knee is the segmented fit that leaves the least squares; its interval by resampling. The finding
runs from the first step at or above the knee to the last with faults.

What to do
----------
Keep each room and server below the number at which faults began, or open the event in several rooms on several
servers. Hold that number against what the servers were built for; repeat it in a load test before the next event.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.measures.bins import spread
from aqa.measures.knee import Correlation, Knee, correlation, knee, uncertainty
from aqa.model import Doubles, Finding, evidence
from aqa.whole import Whole

MINUTE_S = 60.0
STEPS = 40  # that a short event is cut into; a long one into minutes
SHORTEST_S = 10.0
NO_LOAD = frozenset("intended sender_capture sender_stall recorder elided_time playout_device".split())
"""Causes that lie with one device, the recorder or a will: no load of a server makes them, whatever it is."""
MOST = 0.5
"""Share of what was lost on the network, above which it is the matter of one participant."""
FAULTS = frozenset(
    "dropout attenuation concealment repetition discontinuity loss late stall concealed_audio interruption".split()
)


@dataclass(frozen=True)
class Settings:
    """When faults coincide with a series."""

    min_rho: float = setting(0.5, "", "Spearman's rank correlation, of the largest that ties allow")
    max_p: float = setting(0.05, "0 to 1", "odds by chance")
    most_lag_min: float = setting(5.0, "min", "longest time by which faults may come after")
    min_faults_s: float = setting(10.0, "s", "faults in the whole event, at least")


@dataclass(frozen=True)
class _Match:
    """A series that faults coincide with."""

    name: str
    unit: str
    values: Doubles  # one a step
    found: Correlation
    bend: Knee


@detector(Settings)
def capacity(whole: Whole, settings: Settings) -> Iterator[Finding]:
    """One finding at most: the series that faults follow best."""
    steps = Steps.of(whole)
    faults = faults_per_minute(whole, steps)
    if np.nansum(faults) * steps.length_s / MINUTE_S < settings.min_faults_s:
        return
    most_lag = int(min(settings.most_lag_min * MINUTE_S, whole.duration_s / 10) / steps.length_s)
    matches = []
    for name, unit, values in drivers(whole, steps):
        found = correlation(values, faults, most_lag)
        if found is None or found.rho < settings.min_rho or found.p > settings.max_p:
            continue
        bend = knee(values[: len(values) - found.lag], faults[found.lag :])
        if bend is not None:
            matches.append(_Match(name, unit, values, found, bend))
    if matches:
        most = max(one.found.rho for one in matches)
        best = next(
            one for one in matches if one.found.rho >= most - uncertainty(one.found.values)
        )  # listeners first
        yield _finding(whole, steps, best, matches, faults)


@dataclass(frozen=True)
class Steps:
    """Equal stretches of the event, in each of which every series has one value."""

    length_s: float
    count: int

    @classmethod
    def of(cls, whole: Whole) -> "Steps":
        """Those of an event."""
        length = float(np.clip(whole.duration_s / STEPS, SHORTEST_S, MINUTE_S))
        return cls(length, int(np.ceil(whole.duration_s / length)))


def drivers(whole: Whole, steps: Steps) -> Iterator[tuple[str, str, Doubles]]:
    """Name, unit and mean per step of everything that faults may follow: listeners, joins and each load metric."""
    at = (np.arange(steps.count * 4) + 0.5) * steps.length_s / 4
    if whole.listeners:
        each = _means(whole.listeners_at(at))
        yield "listeners", "listeners", each
        yield "joins", "listeners/min", np.diff(each, prepend=np.nan).clip(min=0) * MINUTE_S / steps.length_s
    for (node, metric), series in sorted((whole.load or {}).items()):
        yield f"{metric} of {node}" if node else metric, metric, _means(series.at(at))


def _means(quarters: Doubles) -> Doubles:
    """Mean of each four, NaN where one is not known."""
    return np.asarray(quarters.reshape(-1, 4).mean(axis=1), np.float64)


def faults_per_minute(whole: Whole, steps: Steps) -> Doubles:
    """Seconds of faults per minute in each step; NaN where nothing was recorded and nobody sent."""
    found = _not_of_one(whole, [f for f in whole.once if f.kind in FAULTS and f.cause not in NO_LOAD])
    start, end = (np.array([getattr(f, name) for f in found], float) for name in ("start_s", "end_s"))
    seconds = spread(start, end, steps.length_s, 0, steps.count)
    covered = np.zeros(steps.count, np.bool_)
    for first, last in [*whole.recorded().tolist(), *((s.first_s, s.last_s) for s in whole.sent)]:
        covered[max(int(first // steps.length_s), 0) : max(int(last // steps.length_s) + 1, 0)] = True
    return np.where(covered, seconds * MINUTE_S / steps.length_s, np.nan)


def _not_of_one(whole: Whole, found: Sequence[Finding]) -> Sequence[Finding]:
    """Without what one participant of several lost on the network, where that is most of it: a bad uplink of one."""
    known = {item.finding_id: item for item in found}

    def who(item: Finding) -> str | None:
        because = known.get(item.cause_finding_id or "", item)
        return because.track or because.stream

    lost = Counter[str | None]()
    for item in found:
        if item.cause == "network_loss":
            lost[who(item)] += item.duration_s  # type: ignore[assignment]
    several = len({one.participant or one.stream for one in whole.sent}) > 1
    if not several or not lost or max(lost.values()) <= MOST * sum(lost.values()):
        return found
    worst = lost.most_common(1)[0][0]
    return [item for item in found if item.cause != "network_loss" or who(item) != worst]


def _finding(whole: Whole, steps: Steps, best: _Match, matches: list[_Match], faults: Doubles) -> Finding:
    above = np.flatnonzero((best.values >= best.bend.at) & np.isfinite(faults))
    hit = np.flatnonzero(np.nan_to_num(faults) > 0)
    first = int(above[0]) if len(above) else int(hit[0])
    last = max(int(hit[-1]), first)
    return Finding(
        scope="room",
        room=whole.room_at(first * steps.length_s),
        start_s=first * steps.length_s,
        end_s=min((last + 1) * steps.length_s, whole.duration_s),
        value=float(f"{best.bend.at:.4g}"),
        unit=best.unit,
        severity="major",
        confidence=round(min(0.95, 0.5 + best.found.rho / 2, 1 - 5 * best.found.p), 2),
        evidence=evidence(
            coincides_with=best.name,
            knee=best.bend.at,
            knee_low=best.bend.low,
            knee_high=best.bend.high,
            fault_s_per_min_below=best.bend.before,
            fault_s_per_min_slope=best.bend.slope,
            fit_better_than_a_line_pct=best.bend.better_pct,
            rho=best.found.rho,
            p_chance=best.found.p,
            lag_s=best.found.lag * steps.length_s,
            steps=best.found.values,
            step_s=steps.length_s,
            also={one.name: {"rho": one.found.rho, "p_chance": one.found.p, "knee": one.bend.at} for one in matches},
        ),
    )
