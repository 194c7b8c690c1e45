"""What was heard, in words: the clause of an incident, its short name, and the sentence of the verdict."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from aqa.event_model import Analysis
from aqa.incidents import Incident, Incidents
from aqa.model import Finding
from aqa.report import words
from aqa.report.people import speaker
from aqa.report.words import NBSP, count, length, listed, moment, plain
from aqa.scores import breaks_speech

_OF_CAUSE = {
    "network_loss": "loss on the network",
    "late_arrival": "late packets",
    "sender_stall": "device stopped",
}
"""What those few words are about where the cause says more than the kind."""
HALF = 0.5  # of the first one's cost: from there on the second incident is told, too
MOST_WORDS, MOST_TIMES = 30, 3
UNSURE = 0.60
_CLOCK = re.compile(r"\d\d:\d\d:\d\d")
_SEVERITY = {"critical": 0, "major": 1, "minor": 2}


@dataclass(frozen=True)
class Clause:
    """A clause, and whether it begins with a name, which stays as it is."""

    text: str
    named: bool = False

    def sentence(self) -> str:
        """With a capital and a full stop."""
        return f"{self.text if self.named else self.text[0].upper() + self.text[1:]}."


def headline(analysis: Analysis, found: Incidents) -> str | None:
    """The sentence of the worst incidents that were heard; None where none was.

    The second is told where it cost at least half of the first. A late start stands in front wherever it is critical,
    however few were waiting: it is the first thing that everybody saw.
    """
    felt = [one for one in found.heard if one.impaired_s > 0 and any(map(_told, one.findings))]
    late = [one for one in felt if one.of("late_start")]
    rest = [one for one in felt if one not in late]
    if late and (not rest or (rest[0].cost < HALF * late[0].cost and rest[0].severity != "critical")):
        return clause(analysis, late[0]).sentence()
    if not rest:
        return None
    told = _worst(analysis, rest)
    if late and (late[0].severity == "critical" or late[0].cost >= HALF * rest[0].cost):
        told = _joined(clause(analysis, late[0]), told) or told
    return told.sentence()


def _worst(analysis: Analysis, felt: Sequence[Incident]) -> Clause:
    """The first; with those of the same kind that cost nearly as much, or the next one of another."""
    near = [one for one in felt if one.cost >= HALF * felt[0].cost]
    kind = _plain_kind(felt[0])
    same = [one for one in near if kind is not None and _plain_kind(one) == kind]
    first = clause(analysis, felt[0])
    if len(same) > 1:
        first = _several(analysis, [item for one in same for item in _lead(one)])
    other = next((one for one in near[1:] if one not in same), None)
    return (other and _joined(first, clause(analysis, other))) or first


def _told(item: Finding) -> bool:
    return breaks_speech(item) or item.kind in ("late_start", "room_restart")


def _joined(first: Clause, second: Clause) -> Clause | None:
    """Two clauses in one sentence; None where it would hold too much."""
    text = f"{first.text}; {second.text}"
    fits = len(text.replace(NBSP, " ").split()) <= MOST_WORDS and len(_CLOCK.findall(text)) <= MOST_TIMES
    return Clause(text, first.named) if fits else None


def clause(analysis: Analysis, one: Incident) -> Clause:
    """What was heard of an incident."""
    if late := one.of("late_start"):
        return _late(late[0])
    if one.of("outage", "room_restart"):
        return _stopped(analysis, one)
    if one.wide and one.everyone and len(one.felt()) > 1:
        return _broke_up(analysis, one)
    return _of_some(analysis, one, _lead(one))


def _of_some(analysis: Analysis, one: Incident, lead: list[Finding]) -> Clause:
    """What one participant or device did, or who was hit and how often."""
    alone = len(one.participants) == 1
    if lead[0].kind == "playout_fault":
        return _ran_dry(analysis, lead)
    if alone and one.cause == "sender_stall" and len(lead) > 1:
        return _cut_off(analysis, one, lead)
    if alone and one.cause in ("network_loss", "late_arrival") and len(lead) > 2:
        return _patchy(analysis, one, lead)
    return _several(analysis, lead)


def _late(item: Finding) -> Clause:
    known = json.loads(item.evidence)
    opened = (known.get("room_opened_s") or 0.0) - known.get("scheduled_s", item.start_s)
    what = "the room opened" if opened >= HALF * item.duration_s else "speech began"
    late = opened if opened >= HALF * item.duration_s else item.duration_s
    return Clause(f"{what} {rough(late)} late")


def rough(seconds: float) -> str:
    """A length in whole minutes from ten minutes on: 19 min."""
    return f"{round(seconds / 60)}{NBSP}min" if 600 <= seconds < 3600 else length(seconds)


def _stopped(analysis: Analysis, one: Incident) -> Clause:
    """All sound stopped, after breaking up or at once; until the next room, or for how long."""
    quiet = one.of("outage") or one.of("room_restart")
    start, end = min(f.start_s for f in quiet), max(f.end_s for f in quiet)
    before = [f for f in one.felt() if f not in quiet and f.kind != "room_restart" and f.start_s < start - 1.0]
    stopped = f"all sound stopped for {length(end - start)} at {moment(analysis, start)}"
    for restart in one.of("room_restart"):
        room = json.loads(restart.evidence).get("next_room")
        if room is not None and restart.end_s > start:
            opened = f"until {plain(room)} opened at {moment(analysis, restart.end_s)}"
            stopped = f"all sound stopped from {moment(analysis, start)} {opened}"
    if not before:
        return Clause(stopped)
    first = min(f.start_s for f in before)
    return Clause(f"{_speech_of(one)} broke up{_for(one)} from {moment(analysis, first)}, then {stopped}")


def _broke_up(analysis: Analysis, one: Incident) -> Clause:
    span = f"from {moment(analysis, one.start_s)} to {moment(analysis, one.end_s)}"
    return Clause(f"{_speech_of(one)} broke up{_for(one)} {span}, {length(one.fault_s)} in all")


def _speech_of(one: Incident) -> str:
    return f"speech in {plain(one.rooms[0])}" if len(one.rooms) == 1 else "speech"


def _for(one: Incident) -> str:
    if one.everyone:
        return " for everyone"
    return f" for {listed([plain(name) for name in one.participants])}" if one.participants else ""


def _ran_dry(analysis: Analysis, lead: Sequence[Finding]) -> Clause:
    known = {item.finding_id: item for item in analysis.findings}
    names = {speaker(item, known) for item in lead} - {"everyone"}
    one_s, many_s = f"{words.APOSTROPHE}s device", f"listeners{words.APOSTROPHE} devices"
    whose = f"{names.pop()}{one_s}" if len(names) == 1 else many_s
    total = length(sum(item.duration_s for item in lead))
    if len(lead) == 1:
        return Clause(f"{whose} ran dry for {total} at {moment(analysis, lead[0].start_s)}")
    span = length(max(f.end_s for f in lead) - min(f.start_s for f in lead))
    return Clause(f"{whose} ran dry {len(lead):,} times in {span}, {total} in all")


def _cut_off(analysis: Analysis, one: Incident, lead: Sequence[Finding]) -> Clause:
    short, long = (length(pick(f.duration_s for f in lead)) for pick in (min, max))
    each = f"for {short} each" if short == long else f"for {short} to {long} each"
    return Clause(
        f"{plain(one.participants[0])} was cut off {len(lead)} times, {each}, {_between(analysis, lead)}", True
    )


def _patchy(analysis: Analysis, one: Incident, lead: Sequence[Finding]) -> Clause:
    subject = words.possessive(plain(one.participants[0]))
    if one.cause == "late_arrival":
        return Clause(f"{subject} stuttered {len(lead)} times {_between(analysis, lead)}", True)
    span = f"from {moment(analysis, one.start_s)} to {moment(analysis, one.end_s)}"
    return Clause(f"{subject} was patchy {span}, {length(one.fault_s)} in all", True)


def _between(analysis: Analysis, lead: Sequence[Finding]) -> str:
    first, last = min(f.start_s for f in lead), max(f.end_s for f in lead)
    return f"between {moment(analysis, first)} and {moment(analysis, last)}"


def _several(analysis: Analysis, same: Sequence[Finding]) -> Clause:
    """Findings of one kind: whose, what happened, how often, when."""
    same = sorted(same, key=lambda item: item.start_s)
    known = {item.finding_id: item for item in analysis.findings}
    names = sorted({speaker(item, known) for item in same})
    subject = words.possessive(names[0]) if len(names) == 1 else f"speech of {listed(names)}"
    happened = words.HEARD.get(same[0].kind, (f"had {words.kind_words(same[0].kind)}", ""))[0]
    sure = max(item.confidence for item in same)
    unsure = "may have been affected: it " if sure < UNSURE else ""
    total = length(sum(item.duration_s for item in same))
    if len(same) == 1:
        when = f"for {total} at {moment(analysis, same[0].start_s)}"
    else:
        when = f"{len(same):,} times, {total} in all, {_between(analysis, same)}"
    nobody = same[0].source == "stats" and same[0].track is None  # known by a stream's number alone
    named = names[0] != "mix" and len(names) == 1 and not nobody
    text = f"{subject} {unsure}{happened} {when}" + (f" ({sure:.2f})" if unsure else "")
    return Clause(text if named else text[0].lower() + text[1:], named)


def _lead(one: Incident) -> list[Finding]:
    """The findings of the kind that tells most: of the worst severity, then of most time, in what was heard."""
    told = [item for item in one.findings if _told(item)] or list(one.findings)
    time: dict[str, float] = {}
    for item in told:
        time[item.kind] = time.get(item.kind, 0.0) + item.duration_s
    worst = min(told, key=lambda item: (_SEVERITY[item.severity], -time[item.kind], item.start_s, item.finding_id))
    mixed = [item for item in told if item.kind == worst.kind]
    return [item for item in mixed if item.track in (None, "mix")] or mixed  # the mix holds each fault once


def _plain_kind(one: Incident) -> str | None:
    """The kind that an incident is told by, where it is told by one; None for outages, late starts and the like."""
    if one.wide or one.of("late_start", "outage", "room_restart"):
        return None
    return _lead(one)[0].kind


def name(one: Incident) -> str:
    """A few words for lists and boxes."""
    if one.of("late_start"):
        return "late start"
    if one.of("outage", "room_restart"):
        broke = any(breaks_speech(item) and item.kind != "outage" for item in one.findings)
        where = f"{plain(one.rooms[0])} " if len(one.rooms) == 1 else "room "
        return f"{where}breaks up, then outage" if broke and one.of("capacity") else f"{where}out"
    if one.kinds.keys() == {"capacity"}:
        return "faults follow the load"
    if one.of("unexplained_complaints"):
        return f"complaints that nothing explains ({count(int(one.findings[0].value or 0), 'complaint')})"
    kind = _OF_CAUSE.get(one.cause) if one.heard and one.impaired_s else None
    kind = kind or words.kind_words(_lead(one)[0].kind)
    if one.wide and one.everyone:
        return "speech broke up for everyone" + (f" in {plain(one.rooms[0])}" if one.rooms else "")
    names = listed([plain(who) for who in one.participants])
    return f"{kind}, {names}" if names else kind


def how_long(one: Incident) -> str:
    """How long it lasted: its span, or so much in so long."""
    if one.throughout or one.fault_s == 0 or one.span_s < 1.0:
        return length(one.span_s) if one.span_s > 0 else length(one.fault_s)
    return f"{length(one.fault_s)} in {length(one.span_s)}"
