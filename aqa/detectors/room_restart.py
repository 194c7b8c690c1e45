"""The room ended and was opened again, as a second room or on the same server with new streams.

What it finds
-------------
A room that opened within half an hour after another of the event had closed (or up to a minute before, as a
hand-over); and, inside one room, all streams of two or more participants ending within 2 s of each other and the same
participants beginning again with new SSRCs within a minute.

Why it matters
--------------
Listeners have to come along. How many did is the cost of it, besides the quiet between.

What fools it
-------------
Two planned sessions of one event, with a break, look alike; the history does not say what was planned. Streams are
known to be of one participant by event.toml or RTCP's CNAME alone: without either, a restart inside a room is not
seen.

Thresholds and their source
---------------------------
Half an hour: a later room is a new session (ours). 2 s: detection of one failure by many clients (WebRTC's consent
freshness runs out at most 30 s after, RFC 7675 5.1, but the packets stop at once). Critical where fewer than 70 % of
the listeners came along, or more than 60 s lay between.

What to do
----------
See what ended the first room, and why listeners did not follow: whether the platform moved them, or they had to
find it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from aqa.detector import detector, setting
from aqa.model import Finding, evidence
from aqa.whole import Room, Sent, Whole

LOOK_S = 60.0  # listeners before: the most of the last minute


@dataclass(frozen=True)
class Settings:
    """When one room follows another."""

    max_between_s: float = setting(1800.0, "s", "longest time between two rooms")
    max_overlap_s: float = setting(60.0, "s", "longest time that both were open")
    together_s: float = setting(2.0, "s", "streams that end within this end together")
    back_s: float = setting(60.0, "s", "streams have begun again within this")
    critical_s: float = setting(60.0, "s", "time between from which on it is critical")
    kept_share: float = setting(0.7, "0 to 1", "share of listeners below which it is critical")
    settle_s: float = setting(600.0, "s", "listeners after: the most of this time")


@detector(Settings)
def room_restart(whole: Whole, settings: Settings) -> Iterator[Finding]:
    """Each hand-over from one room to the next, and each restart inside one."""
    known = sorted((r for r in whole.rooms if r.opened_s is not None and r.closed_s is not None), key=_opened)
    for before, after in pairwise(known):
        between = _opened(after) - _closed(before)
        if -settings.max_overlap_s <= between <= settings.max_between_s:
            yield _between_rooms(whole, before, after, settings)
    yield from _inside_rooms(whole, settings)


def _opened(room: Room) -> float:
    return room.opened_s if room.opened_s is not None else 0.0


def _closed(room: Room) -> float:
    return room.closed_s if room.closed_s is not None else 0.0


def _between_rooms(whole: Whole, before: Room, after: Room, settings: Settings) -> Finding:
    start, end = sorted((_closed(before), _opened(after)))
    had = _most(whole, before.id, start - LOOK_S, start)
    kept = _most(whole, after.id, end, min(end + settings.settle_s, _closed(after)))
    left = had is not None and kept is not None and kept < settings.kept_share * had
    return Finding(
        scope="room",
        room=before.id,
        start_s=start,
        end_s=end,
        value=round(end - start, 3),
        unit="s",
        severity="critical" if left or end - start >= settings.critical_s else "major",
        confidence=0.9,
        evidence=evidence(
            next_room=after.id,
            listeners_before=had,
            listeners_after=kept,
            listeners_kept_pct=100 * kept / had if had and kept is not None else None,
            speakers_in_both=len(_speakers(whole, before.id) & _speakers(whole, after.id)) or None,
        ),
    )


def _most(whole: Whole, room: str, start: float, end: float) -> float | None:
    """The most listeners that a room had between two seconds; None where it was not told."""
    series = (whole.listeners or {}).get(room)
    if series is None:
        return None
    inside = series.value[(series.time_s >= start) & (series.time_s <= end)]
    values = np.append(inside, series.at(start))
    values = values[np.isfinite(values)]
    return float(values.max()) if len(values) else None


def _speakers(whole: Whole, room: str) -> set[str]:
    return {one.participant for one in whole.sent if one.room == room and one.participant}


def _inside_rooms(whole: Whole, settings: Settings) -> Iterator[Finding]:
    """Streams of one log that end together and are followed by new ones of the same participants."""
    for log in sorted({one.log for one in whole.sent}):
        mine = sorted((one for one in whole.sent if one.log == log and _who(one)), key=lambda one: one.last_s)
        at = 0
        while at < len(mine):
            group = [one for one in mine[at:] if one.last_s - mine[at].last_s <= settings.together_s]
            at += len(group)
            pairs = [(one, back) for one in group if (back := _back(mine, one, settings)) is not None]
            going = [one for one in mine if one.first_s < group[0].last_s and one.last_s > group[-1].last_s]
            if len({_who(one) for one, _ in pairs}) >= 2 and not going and not _room_ended(whole, pairs):
                yield _restarted(pairs)


def _room_ended(whole: Whole, pairs: Sequence[tuple[Sent, Sent]]) -> bool:
    """Whether the room itself closed between the old streams and the new ones: that is told as a hand-over."""
    start, end = min(one.last_s for one, _ in pairs), max(new.first_s for _, new in pairs)
    return any(room.closed_s is not None and start - 5.0 < room.closed_s < end for room in whole.rooms)


def _who(one: Sent) -> str | None:
    return one.participant or one.cname


def _back(mine: Sequence[Sent], one: Sent, settings: Settings) -> Sent | None:
    """The stream with which the same participant began again."""
    later = [n for n in mine if _who(n) == _who(one) and 0 < n.first_s - one.last_s <= settings.back_s]
    return min(later, key=lambda new: new.first_s, default=None)


def _restarted(pairs: Sequence[tuple[Sent, Sent]]) -> Finding:
    start, end = min(one.last_s for one, _ in pairs), max(new.first_s for _, new in pairs)
    ended = [one.last_s for one, _ in pairs]
    return Finding(
        scope="room",
        room=pairs[0][0].room,
        start_s=start,
        end_s=end,
        value=round(end - start, 3),
        unit="s",
        severity="major",
        confidence=0.9,
        cause="server_restart",
        cause_confidence=round(min(0.97, 0.7 + 0.09 * len(pairs)), 2),
        evidence=evidence(
            streams_ended=[one.stream for one, _ in pairs],
            streams_begun=[new.stream for _, new in pairs],
            ended_within_ms=1000 * (max(ended) - min(ended)),
        ),
    )
