"""Several listeners complained at a time, and nothing that was measured explains it.

What it finds
-------------
Three or more complaints of two or more people within a minute of each other, while no finding was there in the 45 s
before each.

Why it matters
--------------
It shows where the measuring is blind: listeners' own networks and devices, a region, or a fault of a new kind.

What fools it
-------------
Complaints of something else than sound: `kind` in feedback.csv is taken as it stands, and praise counts unless its
kind says so. Complaints that come in by e-mail an hour later.

Thresholds and their source
---------------------------
People need 1 to 45 s to notice, find the button and write (ours; stated with every result). Three complaints of two
people: one person's trouble is no room's.

What to do
----------
Listen to the recording at that time, ask for a listener's stats, and see whether the people had something in common.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.model import Finding, evidence
from aqa.whole import Said, Whole

PRAISE = frozenset(("praise", "thanks", "ok", "good", "positive", "like"))
"""Kinds of feedback that are no complaint."""
REACTION_S = (1.0, 45.0)


@dataclass(frozen=True)
class Settings:
    """When complaints stand alone."""

    min_complaints: int = setting(3, "complaints", "fewest together")
    min_people: int = setting(2, "people", "fewest who complained")
    together_s: float = setting(60.0, "s", "complaints this near each other are together")
    reaction_from_s: float = setting(REACTION_S[0], "s", "shortest time from a fault to a complaint")
    reaction_to_s: float = setting(REACTION_S[1], "s", "longest time from a fault to a complaint")


@detector(Settings)
def unexplained_complaints(whole: Whole, settings: Settings) -> Iterator[Finding]:
    """Groups of complaints without a finding before them."""
    told = [one for one in whole.complaints or () if one.kind.lower() not in PRAISE]
    alone = [one for one in told if not explained(whole, one, settings.reaction_from_s, settings.reaction_to_s)]
    for group in _groups(alone, settings.together_s):
        people = {one.who or f"line {at}" for at, one in enumerate(group)}
        if len(group) < settings.min_complaints or len(people) < settings.min_people:
            continue
        rooms = {one.room for one in group}
        yield Finding(
            scope="room",
            room=group[0].room if len(rooms) == 1 else None,
            start_s=max(group[0].time_s - settings.reaction_to_s, 0.0),
            end_s=group[-1].time_s,
            value=len(group),
            unit="complaints",
            severity="major" if len(group) >= 10 else "minor",
            confidence=0.6,
            evidence=evidence(
                complaints=len(group),
                people=len(people),
                first_s=group[0].time_s,
                last_s=group[-1].time_s,
                kinds=sorted({one.kind for one in group if one.kind})[:10],
                said=[one.text[:120] for one in group[:3] if one.text],
                reaction_s=[settings.reaction_from_s, settings.reaction_to_s],
            ),
        )


def explained(whole: Whole, complaint: Said, soonest_s: float, latest_s: float) -> bool:
    """Whether a fault was there when the complaint's reason must have been."""
    return any(
        item.start_s <= complaint.time_s - soonest_s and item.end_s >= complaint.time_s - latest_s
        for item in whole.findings
        if item.cause != "intended" and item.scope != "recorder"
    )


def _groups(said: Sequence[Said], together_s: float) -> Iterator[list[Said]]:
    if not said:
        return
    times = np.array([one.time_s for one in said])
    cuts = np.flatnonzero(np.diff(times) > together_s) + 1
    for first, last in zip([0, *cuts.tolist()], [*cuts.tolist(), len(said)], strict=True):
        yield list(said[first:last])
