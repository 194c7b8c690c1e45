"""What went wrong as people tell it: findings that belong together as one incident, ranked, worst first.

Begin is where the first fault of it was heard, end where the last one was; a coincidence (capacity) moves neither.
`impaired_s` counts seconds of the clock that hold a fault, as the score does; a fault shorter than that counts its
length. Rank: heard before recording only, then impaired seconds times mean listeners; where listeners were not
measured in this event, impaired seconds times 9, 3 or 1 by the worst severity.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aqa.audience import Audience
from aqa.event_model import Analysis
from aqa.grouped import clusters
from aqa.joining import CAUSELESS, Cluster, Scene, recording_only, root_of, who_of
from aqa.model import Finding
from aqa.scores import breaks_speech
from aqa.whole import is_again

WEIGHT = {"critical": 9, "major": 3, "minor": 1}
SMALL_S = 1.0  # rule 10: less than this impaired, and only minor findings
ALL_OF_IT = 0.3  # share of the span that is impaired, from which on the span is how long it lasted
BEFORE_S = 10.0  # who was sending just before an outage was cut off by it
_WAITING = frozenset(("late_start", "room_restart"))
_ARRIVING = frozenset(("loss", "late", "stall"))


@dataclass(frozen=True)
class Incident:
    """Findings that belong together; seconds are event seconds, None is not measured."""

    rank: int  # 1 is the worst
    incident_id: str  # the root finding's, or the earliest one's
    heard: bool  # False: of the recording only
    start_s: float
    end_s: float
    impaired_s: float  # seconds of the clock with a fault in them
    fault_s: float  # time inside faults
    rooms: tuple[str, ...]
    wide: bool  # of the whole room
    participants: tuple[str, ...]  # who was hit, by name or stream
    everyone: bool  # all who were sending, two or more
    sending: int  # how many were
    listeners_most: float | None
    listeners_mean: float | None
    cause: str
    cause_confidence: float | None
    confidence: float  # that the fault is there
    severity: str
    kinds: dict[str, int]
    cost: float  # impaired seconds times mean listeners, or times a weight of the severity
    findings: tuple[Finding, ...]

    @property
    def span_s(self) -> float:
        """From its begin to its end."""
        return self.end_s - self.start_s

    @property
    def throughout(self) -> bool:
        """Whether so much of its span is impaired that the span is how long it lasted."""
        return self.impaired_s >= ALL_OF_IT * self.span_s

    def of(self, *kinds: str) -> list[Finding]:
        """Its findings of these kinds, by start."""
        return [item for item in self.findings if item.kind in kinds]

    def felt(self) -> list[Finding]:
        """Those that broke up what listeners heard, or kept them waiting."""
        return [item for item in self.findings if is_felt(item)]


@dataclass(frozen=True)
class Incidents:
    """All of an event."""

    ranked: tuple[Incident, ...]
    small: tuple[Finding, ...]  # rule 10: minor findings, less than a second together
    set_aside: tuple[Finding, ...]  # rule 1: intended
    again: tuple[Finding, ...] = ()  # faults of others that are told already, seen again in a later packet log

    @property
    def heard(self) -> tuple[Incident, ...]:
        """Those that listeners could hear."""
        return tuple(one for one in self.ranked if one.heard)

    @property
    def recording(self) -> tuple[Incident, ...]:
        """Those of the recording only."""
        return tuple(one for one in self.ranked if not one.heard)


def is_felt(item: Finding) -> bool:
    """Whether it broke up what listeners heard, or kept them waiting."""
    return breaks_speech(item) or item.kind in _WAITING


def incidents(analysis: Analysis) -> Incidents:
    """The incidents of an event, worst first; the same for any order of its findings."""
    scene, audience = scene_of(analysis), Audience.of(analysis)
    sound = any(row.duration_s > 0 for row in analysis.recordings) or analysis.event.stats_tracks > 0
    told = [item for item in analysis.findings if item.cause != "intended" and not is_again(item)]
    ranked: list[tuple[tuple[object, ...], Incident]] = []
    small: list[Finding] = []
    for heard in (True, False):
        for cluster in clusters([item for item in told if recording_only(item) != heard], scene):
            made = _incident(cluster, scene, audience, heard=heard, sound=sound)
            if all(item.severity == "minor" for item in made.findings) and made.fault_s < SMALL_S:
                small += made.findings
            else:
                ranked.append((_rank(made), made))
    ranked.sort(key=lambda pair: pair[0])
    return Incidents(
        tuple(Incident(**{**vars(one), "rank": place}) for place, (_, one) in enumerate(ranked, 1)),
        tuple(sorted(small, key=lambda item: (item.start_s, item.finding_id))),
        tuple(item for item in analysis.findings if item.cause == "intended"),
        tuple(item for item in analysis.findings if item.cause != "intended" and is_again(item)),
    )


def _cost(impaired_s: float, mean: float | None, severity: str) -> float:
    """What ranks go by: impaired seconds times mean listeners, or times the weight of the worst severity."""
    return round(impaired_s * (WEIGHT[severity] if mean is None else mean), 3)


def scene_of(analysis: Analysis) -> Scene:
    """Who sent packets in which second, and which room was open when."""
    sending: dict[int, set[str]] = {}
    for row in analysis.seconds:
        if row.packets and row.log is not None and (row.track or row.stream):
            sending.setdefault(row.second, set()).add(row.track or row.stream or "")
    rooms = Audience.rooms_of(analysis)
    return Scene({second: frozenset(names) for second, names in sending.items()}, rooms)


def _incident(cluster: Cluster, scene: Scene, audience: Audience, *, heard: bool, sound: bool) -> Incident:
    items = cluster.items
    felt = items if not heard else [item for item in items if _counts(item, sound)]
    spans = [_span(item) for item in felt]
    start = min(a for a, _ in spans) if spans else cluster.start_s
    end = max(b for _, b in spans) if spans else cluster.end_s
    touched, fault_s = _seconds(spans)
    listening = audience.at(touched + 0.5)
    hit, sending = _hit(cluster, scene, start, end)
    root = _root(items)
    cause = cluster.cause
    impaired_s = round(min(float(len(touched)), end - start), 6) if spans else 0.0
    severity = min((item.severity for item in items), key=list(WEIGHT).index)
    most = audience.most(start, end)
    mean = (round(float(np.mean(listening)), 3) if len(listening) else 0.0) if most is not None else None
    return Incident(
        rank=0,
        incident_id=root.finding_id,
        heard=heard,
        start_s=start,
        end_s=end,
        impaired_s=impaired_s,
        fault_s=round(fault_s, 6),
        rooms=tuple(sorted(room for room in cluster.rooms if room)),
        wide=cluster.wide,
        participants=tuple(sorted(hit)),
        everyone=len(sending) >= 2 and hit >= sending,
        sending=len(sending | hit),
        listeners_most=most,
        listeners_mean=mean,
        cause=cause,
        cause_confidence=_sure([item for item in felt if item.cause == cause] or items, cause),
        confidence=max(item.confidence for item in (felt or items)),
        severity=severity,
        kinds=_kinds(items),
        cost=_cost(impaired_s, mean, severity),
        findings=tuple(items),
    )


def _counts(item: Finding, sound: bool) -> bool:
    """Whether its time counts as impaired: what was heard; where there is no sound at all, what did not arrive."""
    return is_felt(item) or (not sound and item.kind in _ARRIVING)


def _span(item: Finding) -> tuple[float, float]:
    """Its time; of time left out of a recording as much as was."""
    left_out = item.kind == "elided_time" and item.unit == "s" and item.value is not None
    return item.start_s, item.start_s + (item.value or 0.0) if left_out else item.end_s


def _seconds(spans: Sequence[tuple[float, float]]) -> tuple[np.ndarray, float]:
    """The seconds of the clock that spans touch, in order, and their length where they overlap counted once."""
    touched: set[int] = set()
    total, until = 0.0, -math.inf
    for start, end in sorted(spans):
        touched.update(range(math.floor(start), max(math.ceil(end), math.floor(start) + 1)))
        total += max(end - max(start, until), 0.0)
        until = max(until, end)
    return np.array(sorted(touched), float), total


def _hit(cluster: Cluster, scene: Scene, start: float, end: float) -> tuple[frozenset[str], frozenset[str]]:
    """Who was hit and who was sending; an outage hits all who had been sending."""
    inside = range(math.floor(start), math.ceil(end) + 1)
    sending = frozenset().union(*(scene.sending.get(second, frozenset()) for second in inside))
    hit = frozenset(name for item in cluster.items if (name := who_of(item)) is not None)
    for item in cluster.items:
        if item.kind == "outage":
            before = range(math.floor(item.start_s - BEFORE_S), math.ceil(item.start_s))
            hit = hit.union(*(scene.sending.get(second, frozenset()) for second in before))
    return hit, sending


def _root(items: Sequence[Finding]) -> Finding:
    """The finding that most chains of causes end at, those of what was felt before others; else the earliest."""
    known = {item.finding_id: item for item in items}
    chains: dict[str, list[Finding]] = {}
    for item in items:
        chains.setdefault(root_of(item, known), []).append(item)
    first = min(items, key=lambda item: (item.start_s, item.finding_id))
    here = [(known[name], chain) for name, chain in chains.items() if name in known and len(chain) > 1]
    ranked = ((-sum(map(is_felt, chain)), -len(chain), item.start_s, item.finding_id) for item, chain in here)
    return known[min(ranked)[-1]] if here else first


def _sure(items: Sequence[Finding], cause: str) -> float | None:
    """The confidence that half of the time with this cause has at least; None for causes without a name."""
    told = [(f.cause_confidence, f.end_s - f.start_s) for f in items if f.cause == cause and f.cause_confidence]
    if cause in CAUSELESS or not told:
        return None
    told.sort(reverse=True)
    half, so_far = sum(length for _, length in told) / 2, 0.0
    for sure, length in told:
        so_far += length
        if so_far >= half:
            return sure
    return told[-1][0]


def _kinds(items: Sequence[Finding]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in items:
        counts[item.kind] = counts.get(item.kind, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _rank(one: Incident) -> tuple[object, ...]:
    return not one.heard, -one.cost, list(WEIGHT).index(one.severity), one.start_s, one.incident_id
