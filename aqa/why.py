"""From findings to causes, in the order in which one explains the other: packets, sound, the event as a whole."""

import dataclasses
from collections.abc import Callable

from aqa.agreement import agreeing
from aqa.causes import explain, only_one_recorder
from aqa.event_causes import explain_event
from aqa.everybody import with_shared_causes
from aqa.known import Known
from aqa.model import Finding
from aqa.settings import Settings
from aqa.unsent import not_of_music, unsent
from aqa.whole import Whole

FIRST = frozenset(("room_restart",))
"""Kinds of the event that explain what packets and sound show; the others are explained by that."""
Place = Callable[[Finding], Finding]


def with_causes(known: Known, settings: Settings, place: Place, *, logs: bool) -> Whole:
    """The event with all its findings and their causes, those of the event as a whole added.

    `known.whole.findings` are those of its parts; `logs` says whether there is any packet log.
    """
    added = [place(item) for item in unsent(known.whole)] if "unintended_audio" not in settings.off else []
    restarts = _found(known.whole, settings, place, first=True)
    music = [*added, *(item for item in known.whole.findings if item.kind == "unintended_audio")]
    known = _with(known, [*not_of_music(known.whole.findings, music), *added, *restarts])
    known = _with(known, with_shared_causes(known.whole.findings, known.whole))
    known = _with(known, agreeing([_of_part(item, known, logs=logs) for item in known.whole.findings]))
    explained: list[Finding] = []
    for item in [*restarts, *_found(known.whole, settings, place, first=False)]:
        others = [f for f in known.whole.findings if f.finding_id != item.finding_id]
        explained.append(explain_event(item, _with(known, [*others, item]) if logs else None, explained))
        known = _with(known, [*others, explained[-1]])
    ordered = sorted(known.whole.findings, key=lambda item: (item.start_s, item.finding_id))
    return dataclasses.replace(known.whole, findings=tuple(ordered))


def _of_part(item: Finding, known: Known, *, logs: bool) -> Finding:
    if item.source == "event":
        return item
    if not logs and item.cause == "not_measurable":  # a second recording can tell without packets
        item = only_one_recorder(item, known) or item
    return explain([item], known if logs else None)[0]


def _found(whole: Whole, settings: Settings, place: Place, *, first: bool) -> list[Finding]:
    """What is found of the event as a whole; each kind sees what those before it have found."""
    found: list[Finding] = []
    for one in settings.active():
        if one.subject is Whole and (one.kind in FIRST) == first:
            seen = dataclasses.replace(whole, findings=(*whole.findings, *found))
            found += [place(item) for item in one(seen, settings.of(one))]
    return found


def _with(known: Known, findings: list[Finding]) -> Known:
    return dataclasses.replace(known, whole=dataclasses.replace(known.whole, findings=tuple(findings)))
