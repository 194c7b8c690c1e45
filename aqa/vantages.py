"""Packet logs of several vantages: which logs hold the same streams, in which order, and what each way lost.

Streams are one where their SSRC and their packets are (`aqa/measures/legs.py`). Which log comes first is told, in
this order, by `vantage` in event.toml; by addresses, where one goes to the host that the other comes from; by
packets that only one of them lacks; by jitter, which a way only adds. Where none tells, nothing is said.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from aqa.measures.legs import Lacking, Matched, Way, lacking, later_by_jitter, matched, way
from aqa.measures.loss import loss_runs
from aqa.stream_model import Stream
from aqa.timeline import Measured

RANK = {"sender": 0, "sfu-in": 1, "sfu-out": 2, "receiver": 3, "recorder": 3}
"""How far on the way each vantage of event.toml lies; a recorder is a receiver."""
MOST_VIEWS = 8  # of one SSRC whose order is not told by settings: all pairs are looked at
MIN_LOST = 5  # packets that only one log lacks: with as few, p = 0.03 if either were as likely
CLEARLY = 10  # times as many as the other way round: captures drop packets too
SURE_LATER = 0.8  # of `later_by_jitter`: what two receivers side by side reach with jitters of 1 to 3


Key = tuple[str, str, str, str]
"""Log, SSRC, source and destination: a `aqa.gather.FlowKey`."""


@dataclass(frozen=True)
class View:
    """One stream as one log holds it."""

    log: str
    stream: Stream
    vantage: str | None = None
    who: str | None = None  # participant

    @property
    def key(self) -> Key:
        """Which stream of which log."""
        return self.log, f"0x{self.stream.ssrc:08x}", self.stream.src, self.stream.dst


@dataclass(frozen=True)
class Leg:
    """The way between two logs of one stream."""

    first: View
    then: View
    by: str  # what tells their order: settings, addresses, lost packets or jitter
    pair: Matched
    lacking: Lacking  # of `then`
    way: Way | None  # None: a log without times of arrival
    dropped: int  # packets that `first` lacks and `then` has: its capture has dropped them

    @property
    def place(self) -> str:
        """What lies between: server or network; unknown where the two vantages do not say."""
        ends = (self.first.vantage, self.then.vantage)
        if self.by == "addresses" or ends == ("sfu-in", "sfu-out"):
            return "server"
        known = ends in (("sender", "sfu-in"), ("sfu-out", "receiver"), ("sfu-out", "recorder"))
        return "network" if known else "unknown"


@dataclass(frozen=True)
class Legs:
    """All ways between the logs of an event, and what could not be told."""

    legs: tuple[Leg, ...] = ()
    refused: tuple[tuple[str, str, str], ...] = field(default_factory=tuple)  # SSRC, logs, why

    @property
    def linked(self) -> frozenset[Key]:
        """The streams that have a way to another log, or from one."""
        return frozenset(view.key for leg in self.legs for view in (leg.first, leg.then))

    def to(self, key: Key) -> Leg | None:
        """The way that leads to a stream."""
        return next((leg for leg in self.legs if leg.then.key == key), None)

    def behind(self, key: Key) -> list[Leg]:
        """The ways that begin at a stream."""
        return [leg for leg in self.legs if leg.first.key == key]


def legs_of(measured: Measured) -> Legs:
    """The ways between all logs that hold a stream of the same SSRC."""
    views: dict[int, list[View]] = {}
    for path, log in sorted(measured.logs.items()):
        vantage = measured.event.log_table(path).vantage
        for stream in log.streams:
            one = View(path, stream, vantage, measured.sender(path, stream.ssrc))
            views.setdefault(stream.ssrc, []).append(one)
    found: list[Leg] = []
    refused: list[tuple[str, str, str]] = []
    for ssrc, mine in sorted(views.items()):
        if len(mine) < 2:
            continue
        legs, why = _of_one(mine)
        found += legs
        where = ", ".join(sorted({view.log for view in mine}))
        refused += [(f"0x{ssrc:08x}", where, why)] if why else []
    return Legs(tuple(found), tuple(refused))


def _of_one(views: Sequence[View]) -> tuple[list[Leg], str]:
    """The ways between the logs of one SSRC, each log with the last one before it; and why some have none."""
    told = all(view.vantage for view in views)
    looked = views if told else views[:MOST_VIEWS]
    apart, unordered, legs = 0, 0, []
    for then in looked:
        before: list[Leg] = []
        for first in _nearest(then, looked) if told else looked:
            if first is then or (pair := matched(first.stream, then.stream)) is None:
                apart += first is not then
                continue
            by = _order(first, then, pair)
            before += [_leg(first, then, by, pair)] if by else []
            unordered += not by and not _order(then, first, Matched(pair.b, pair.a))
        if before:
            legs.append(min(before, key=_distance))
    if legs:
        return legs, ""
    if unordered:
        return [], "nothing tells which log was taken first"
    return (
        [],
        "the packets are not the same: another sender, or numbers that a server has written anew" if apart else "",
    )


def _nearest(then: View, views: Sequence[View]) -> list[View]:
    """Those of the last vantage before one; where vantages are told, no others need to be looked at."""
    rank = RANK[then.vantage or "receiver"]
    before = [RANK[view.vantage or "receiver"] for view in views if RANK[view.vantage or "receiver"] < rank]
    if not before:  # two flows of one log are of one vantage
        return [view for view in views if _joined(view, then)]
    return [view for view in views if RANK[view.vantage or "receiver"] == max(before)]


def _distance(leg: Leg) -> tuple[int, int, float]:
    """The last of the vantages before one comes first: nothing lies between that lost or delayed any more."""
    p95 = float(np.percentile(leg.way.over_ms, 95)) if leg.way else 0.0
    return -RANK.get(leg.first.vantage or "", -1), int(leg.lacking.between.sum()), p95


def _leg(first: View, then: View, by: str, pair: Matched) -> Leg:
    back = lacking(then.stream, first.stream, _turned(first.stream, pair))
    return Leg(
        first, then, by, pair, lacking(first.stream, then.stream, pair), way(first.stream, then.stream, pair),
        int(back.between.sum()),
    )  # fmt: skip


def _turned(first: Stream, pair: Matched) -> Matched:
    """The same packets with the logs exchanged, in the order of the first's sequence numbers."""
    order = np.argsort(first.sequence[pair.a], kind="stable")
    return Matched(pair.b[order], pair.a[order])


def _order(first: View, then: View, pair: Matched) -> str:
    """What tells that one log comes before the other; empty where nothing does, or the contrary."""
    if first.vantage and then.vantage and first.vantage != then.vantage:
        return "settings" if RANK[first.vantage] < RANK[then.vantage] else ""
    if _joined(first, then):
        return "addresses"
    if _joined(then, first) or (first.vantage and first.vantage == then.vantage):
        return ""
    return _by_packets(first.stream, then.stream, pair)


def _joined(first: View, then: View) -> bool:
    """Whether one goes to the host that the other comes from."""
    return bool(first.stream.dst) and first.stream.dst.rpartition(":")[0] == then.stream.src.rpartition(":")[0]


def _by_packets(first: Stream, then: Stream, pair: Matched) -> str:
    ours = int(lacking(then, first, _turned(first, pair)).between.sum()) if len(loss_runs(first).count) else 0
    theirs = int(lacking(first, then, pair).between.sum()) if len(loss_runs(then).count) else 0
    if max(ours, theirs) >= MIN_LOST:
        return "lost packets" if theirs >= CLEARLY * max(ours, 0.5) else ""
    later = later_by_jitter(first, then, pair)
    return "jitter" if later is not None and later >= SURE_LATER else ""


def packet_facts(found: Legs) -> dict[str, list[dict[str, object]]]:
    """The part `path` of the event's facts: each way in numbers; none where no stream is in two logs."""
    rows = list(_rows(found))
    return {"path": rows} if rows else {}


def _rows(found: Legs) -> Iterator[dict[str, object]]:
    for leg in found.legs:
        yield {
            "stream": f"0x{leg.then.stream.ssrc:08x}",
            "participant": leg.then.who,
            "from": leg.first.log,
            "from_vantage": leg.first.vantage,
            "to": leg.then.log,
            "to_vantage": leg.then.vantage,
            "between": leg.place,
            "order_by": leg.by,
            "matched": len(leg.pair.a),
            "missing_before": int(leg.lacking.before.sum()),
            "lost_between": int(leg.lacking.between.sum()),
            "not_told": int(leg.lacking.untold.sum()),
            "dropped_by_first_capture": leg.dropped,
            **_delay(leg.way),
            "lost_after": _after(found, leg),
        }
    for ssrc, logs, why in found.refused:
        yield {"stream": ssrc, "logs": logs, "why": why}


def _delay(found: Way | None) -> dict[str, object]:
    if found is None:
        return {}
    p50, p95, p99 = (round(float(np.percentile(found.over_ms, share)), 3) for share in (50, 95, 99))
    return {
        "variation_p50_ms": p50,
        "variation_p95_ms": p95,
        "variation_p99_ms": p99,
        "variation_max_ms": round(float(found.over_ms.max()), 3),
        "clocks_ppm": None if found.skew_ppm is None else round(found.skew_ppm, 3),
    }


def _after(found: Legs, leg: Leg) -> int | None:
    """Packets that were lost behind the last log, by the receiver's own count (RTCP); None: not told."""
    reported, stream = leg.then.stream.reported, leg.then.stream
    if found.behind(leg.then.key) or reported is None or reported.lost is None:
        return None
    return max(reported.lost - int(loss_runs(stream).count.sum()), 0)
