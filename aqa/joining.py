"""Which findings belong together: ten rules (REPORT.md, incidents), each a function that says which pairs join.

Findings are joined by the union of pairs, so that the order in which they are looked at changes nothing. A rule on
clusters sees those that the rules before it made.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from aqa.model import CAUSES, Finding

VIEWS = frozenset("loss late stall dropout concealment repetition interruption concealed_audio".split())
"""Rule 4: one fault in packets, in sound and at a receiver."""
QUIET = frozenset("outage silence dropout stall".split())
"""An outage is made of these: they are views of it, whatever else explains them."""
CAUSELESS = frozenset(("unexplained", "not_measurable"))
ROOM_KINDS = frozenset("capacity outage room_restart".split())
HEARD_AFTER_S = 0.5  # packets are heard up to this much later (aqa/known.py, PLAYOUT_S)
HALF = 0.5  # of the shorter one's length
TOGETHER_S = 2.0  # rule 5: faults of all begin this near each other
NEAR_S = 30.0  # rule 6
RECUR_S = 900.0  # rule 7: of two clusters; three need no limit
SAME_S = 60.0  # rule 8
JUST_BEFORE_S = 10.0  # rule 9

Pairs = Iterator[tuple[int, int]]
Fits = Callable[[Finding, Finding], bool]


@dataclass(frozen=True)
class Scene:
    """What the rules need to know beside the findings: who was sending when, and which room was open when."""

    sending: dict[int, frozenset[str]] = field(default_factory=dict)  # second -> participants with packets in it
    rooms: tuple[tuple[str, float, float], ...] = ()  # id, opened, closed

    def senders_at(self, second: float) -> frozenset[str]:
        """Who was sending within two seconds before."""
        at = int(second // 1)
        return frozenset().union(*(self.sending.get(one, frozenset()) for one in (at - 2, at - 1, at)))

    def room_of(self, item: Finding) -> str | None:
        """Its room; where it names none, the one that was open when it began."""
        if item.room is not None:
            return item.room
        opened = [one for one in self.rooms if one[1] <= item.start_s]
        return max(opened, key=lambda one: one[1])[0] if opened else None


@dataclass
class Cluster:
    """Findings that belong together so far."""

    items: list[Finding]
    wide: bool  # of the whole room
    rooms: frozenset[str | None]

    @property
    def start_s(self) -> float:
        """Where the first of them begins."""
        return min(item.start_s for item in self.items)

    @property
    def end_s(self) -> float:
        """Where the last of them ends."""
        return max(item.end_s for item in self.items)

    @property
    def who(self) -> frozenset[str]:
        """Whose they are, by name or stream; empty: of a mix, or of the event."""
        return frozenset(name for item in self.items if (name := who_of(item)) is not None)

    @property
    def cause(self) -> str:
        """The named cause of most of their time; one of no name only where there is no other."""
        return main_cause(self.items)


def who_of(item: Finding) -> str | None:
    """Whose it is: the participant, or the stream where nobody is named for it; None for a mix."""
    return item.track if item.track not in (None, "mix") else item.stream


def main_cause(items: Sequence[Finding]) -> str:
    """The cause of most time, named ones before unnamed; ties in the order of the closed list."""
    total: dict[str, float] = {}
    for item in sorted(items, key=lambda item: item.finding_id):
        total[item.cause] = total.get(item.cause, 0.0) + item.end_s - item.start_s
    return min(total, key=lambda one: (one in CAUSELESS, -round(total[one], 6), CAUSES.index(one)))


def recording_only(item: Finding) -> bool:
    """Rule 2: a fault of the recording alone, that no listener heard."""
    return item.scope == "recorder" or item.cause in ("recorder", "elided_time")


def root_of(item: Finding, known: dict[str, Finding]) -> str:
    """The end of its chain of causes; of a circle the smallest id in it."""
    path = [item.finding_id]
    while (after := known[path[-1]].cause_finding_id if path[-1] in known else None) is not None:
        if after in path:
            return min(path[path.index(after) :])
        path.append(after)
    return path[-1]


def same_root(items: Sequence[Finding], known: dict[str, Finding]) -> Pairs:
    """Rule 3: the same root finding, whatever the time between."""
    first: dict[str, int] = {}
    for at, item in enumerate(items):
        yield first.setdefault(root_of(item, known), at), at


def two_views(items: Sequence[Finding]) -> Pairs:
    """Rule 4: one on the mix and one on a track or stream, half of the shorter in common once packets are heard."""
    mixes = [at for at, one in enumerate(items) if who_of(one) is None and one.kind != "outage"]
    others = [at for at, one in enumerate(items) if who_of(one) is not None]
    yield from _views(items, mixes, others, lambda one, other: _fit(one, other) and not _causeless(one, other))
    outages = [at for at, one in enumerate(items) if one.kind == "outage"]
    quiet = [at for at, one in enumerate(items) if one.kind in QUIET and one.kind != "outage"]
    yield from _views(items, outages, quiet, lambda one, other: True)


def _fit(one: Finding, other: Finding) -> bool:
    return one.kind == other.kind or {one.kind, other.kind} <= VIEWS


def _causeless(one: Finding, other: Finding) -> bool:
    return one.cause in CAUSELESS or other.cause in CAUSELESS


def _views(items: Sequence[Finding], these: Sequence[int], those: Sequence[int], fits: Fits) -> Pairs:
    if not those:
        return
    start = np.array([items[at].start_s for at in those])
    end = np.array([items[at].end_s for at in those])
    for at in these:
        one = items[at]
        length = np.maximum(np.minimum(one.end_s - one.start_s, end - start), 1e-6)
        shift = np.clip(one.start_s - start, 0.0, HEARD_AFTER_S)
        common = np.minimum(end + shift, one.end_s) - np.maximum(start + shift, one.start_s)
        for place in np.flatnonzero(common >= HALF * length).tolist():
            if fits(one, items[those[place]]):
                yield at, those[place]


def room_wide(items: Sequence[Finding], scene: Scene) -> Pairs:
    """Rule 5: of one cause, begun within 2 s on two participants, and on half of those who were sending."""
    order = sorted(range(len(items)), key=lambda at: (items[at].start_s, items[at].finding_id))
    by_cause: dict[tuple[str, str], list[int]] = {}
    for at in order:
        if items[at].cause not in CAUSELESS and who_of(items[at]) is not None:
            by_cause.setdefault((items[at].cause, scene.room_of(items[at]) or ""), []).append(at)
    for mine in by_cause.values():
        last = 0
        for first, at in enumerate(mine):
            last = max(last, first)
            while last < len(mine) and items[mine[last]].start_s - items[at].start_s <= TOGETHER_S:
                last += 1
            group = mine[first:last]
            hit = {who_of(items[one]) for one in group}
            sending = scene.senders_at(items[at].start_s)
            if len(hit) >= 2 and len(hit) >= len(sending) / 2:
                yield from ((at, one) for one in group)


def joined(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Groups of 0..count-1 that the pairs join, each in order, groups by their first."""
    parent = list(range(count))

    def top(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for one, other in pairs:
        low, high = sorted((top(one), top(other)))
        parent[high] = low
    groups: dict[int, list[int]] = {}
    for at in range(count):
        groups.setdefault(top(at), []).append(at)
    return list(groups.values())


def near(keys: Sequence[object], clusters: Sequence[Cluster], most_s: float) -> Pairs:
    """Clusters of one key (None: of none) with at most `most_s` between the end of one and the start of another."""
    by_key: dict[object, list[int]] = {}
    for at, key in enumerate(keys):
        if key is not None:
            by_key.setdefault(key, []).append(at)
    for mine in by_key.values():
        mine.sort(key=lambda at: clusters[at].start_s)
        last = mine[0]  # of those before, the one that ends last
        for one, other in pairwise(mine):
            last = max(last, one, key=lambda at: clusters[at].end_s)
            if clusters[other].start_s - clusters[last].end_s <= most_s:
                yield last, other
