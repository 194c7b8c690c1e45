"""An event as a whole, on its own clock: what detectors of event kinds look at.

Seconds are event seconds. Whatever is not known is absent, never empty by assumption: a `None` series was not there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aqa.model import Doubles, Finding

Spans = Doubles
"""Half-open intervals in event seconds, shape (n, 2), ordered and disjoint."""


@dataclass(frozen=True)
class Room:
    """One instance of a room; None: not told."""

    id: str
    opened_s: float | None
    closed_s: float | None


@dataclass(frozen=True)
class Heard:
    """What one recording says of who could be heard."""

    recording: str
    room: str | None
    track: str
    intended: bool  # false: its sound was never meant for listeners
    start_s: float
    end_s: float
    speech: Spans  # active speech that was meant to be heard
    digital: Spans  # nothing but digital zero, or missing media
    clocked: bool  # whether its start on the event's clock is known


@dataclass(frozen=True)
class Sent:
    """What the packets of one stream say of its sender."""

    stream: str
    log: str
    room: str | None
    participant: str | None
    node: str | None
    region: str | None
    vantage: str | None
    cname: str | None
    first_s: float
    last_s: float
    stalls: Spans
    sending: Spans  # when packets came; a pause of DTX or mute is none
    loud: Spans | None = None  # when its packets say that somebody spoke; None: they do not say
    loud_from: str = ""  # by what: level, size or talkspurt
    dead: Spans | None = None  # when its microphone gave nothing amid speech; None: no levels in its packets
    linked: bool = False  # whether another log holds the same packets


@dataclass(frozen=True)
class Values:
    """One series of the event: values at times, in order of time."""

    time_s: Doubles
    value: Doubles

    def at(self, second: Doubles | float) -> Doubles:
        """The last value told at or before each second; NaN before the first."""
        which = np.searchsorted(self.time_s, second, side="right") - 1
        return np.where(which >= 0, self.value[np.maximum(which, 0)], np.nan)


@dataclass(frozen=True)
class Said:
    """One line of people: a complaint, an entry of the operator log."""

    time_s: float
    who: str
    room: str | None
    kind: str
    text: str


@dataclass(frozen=True)
class Whole:
    """One event."""

    duration_s: float
    scheduled_s: float | None = None
    rooms: Sequence[Room] = ()
    heard: Sequence[Heard] = ()
    sent: Sequence[Sent] = ()
    listeners: Mapping[str, Values] | None = None  # room -> listeners; "" where the series names no room
    load: Mapping[tuple[str, str], Values] | None = None  # node, metric -> value
    complaints: Sequence[Said] | None = None
    operator: Sequence[Said] | None = None
    findings: Sequence[Finding] = field(default_factory=tuple)  # of sound, containers, packets and stats, with causes

    @property
    def once(self) -> Sequence[Finding]:
        """The findings without those that are another one's fault, seen again in a later packet log."""
        return [item for item in self.findings if not is_again(item)]

    def listeners_at(self, second: Doubles) -> Doubles:
        """Listeners of all rooms together, of a closed room none; NaN where no room has told yet."""
        if not self.listeners:
            return np.full(np.shape(second), np.nan)
        closed = {room.id: room.closed_s for room in self.rooms if room.closed_s is not None}
        told = np.array(
            [
                np.where(second >= closed.get(name, np.inf), 0.0, one.at(second))
                for name, one in self.listeners.items()
            ]
        )
        return np.where(np.isnan(told).all(axis=0), np.nan, np.nansum(told, axis=0))

    def of_kind(self, *kinds: str) -> Spans:
        """When there is a finding of one of these kinds."""
        found = [(f.start_s, f.end_s) for f in self.findings if f.kind in kinds and f.end_s > f.start_s]
        return union(np.array(found).reshape(-1, 2))

    def speech(self) -> Spans:
        """When somebody who was meant to be heard could be, by the recordings; unintended sound is none."""
        told = [one.speech for one in self.heard if one.intended and one.clocked]
        return without(union(*told), self.of_kind("unintended_audio"))

    def recorded(self) -> Spans:
        """When at least one recording ran."""
        spans = [(one.start_s, one.end_s) for one in self.heard if one.clocked and one.end_s > one.start_s]
        return union(np.array(spans).reshape(-1, 2))

    def nothing_recorded(self) -> Spans:
        """When every recording that ran held digital zero or nothing."""
        sound = [without(np.array([[h.start_s, h.end_s]]), h.digital) for h in self.heard if h.clocked and h.intended]
        return without(self.recorded(), union(*sound))

    def closed(self) -> Spans:
        """When no room was open, between the first opening and the last closing; empty where that is not told."""
        spans = [(r.opened_s, r.closed_s) for r in self.rooms if r.opened_s is not None and r.closed_s is not None]
        opened = union(np.array(spans, float).reshape(-1, 2))
        return without(np.array([[opened[0, 0], opened[-1, 1]]]), opened) if len(opened) else opened

    def nobody_sends(self) -> Spans:
        """When no stream of anybody had packets, between the first and the last packet of all."""
        spans = [without(np.array([[s.first_s, s.last_s]]), s.stalls) for s in self.sent if s.last_s > s.first_s]
        sending = union(*spans)
        return without(np.array([[sending[0, 0], sending[-1, 1]]]), sending) if len(sending) else sending

    def room_at(self, second: float) -> str | None:
        """The room that was open then, or had been last."""
        before = [room for room in self.rooms if room.opened_s is not None and room.opened_s <= second]
        return max(before, key=lambda room: room.opened_s or 0.0).id if before else None


def is_again(finding: Finding) -> bool:
    """Whether it is the fault of another finding, seen again in a packet log that was taken further on."""
    return '"same_as"' in finding.evidence and "same_as" in json.loads(finding.evidence).get("path", {})


def union(*parts: Spans) -> Spans:
    """The intervals of all, joined where they touch."""
    spans = np.concatenate([np.zeros((0, 2)), *(part.reshape(-1, 2) for part in parts)])
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    if len(spans) < 2:
        return spans
    until = np.maximum.accumulate(spans[:, 1])
    first = np.concatenate(([True], spans[1:, 0] > until[:-1]))
    last = np.append(np.flatnonzero(first)[1:] - 1, len(spans) - 1)
    return np.stack((spans[first, 0], until[last]), axis=1)


def without(spans: Spans, holes: Spans) -> Spans:
    """What of `spans` lies in none of `holes`."""
    if not len(spans) or not len(holes):
        return spans
    low, high = float(spans[0, 0]), float(spans[-1, 1])
    edges = np.concatenate(([low], np.clip(holes, low, high).ravel(), [high])).reshape(-1, 2)  # between the holes
    return within(spans, edges[edges[:, 1] > edges[:, 0]])


def within(spans: Spans, other: Spans) -> Spans:
    """What lies in both; both ordered and disjoint."""
    found, i, j = [], 0, 0
    while i < len(spans) and j < len(other):
        start, end = max(spans[i, 0], other[j, 0]), min(spans[i, 1], other[j, 1])
        if end > start:
            found.append((start, end))
        if spans[i, 1] < other[j, 1]:
            i += 1
        else:
            j += 1
    return np.array(found).reshape(-1, 2)


def length_s(spans: Spans) -> float:
    """Seconds in all."""
    return float((spans[:, 1] - spans[:, 0]).sum()) if len(spans) else 0.0
