"""For and against an incident: measured facts with number and time, and what is not known; never left out."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from aqa.event_model import Analysis
from aqa.incidents import Incident, Incidents
from aqa.model import Finding
from aqa.report import words
from aqa.report.history import lines_of
from aqa.report.people import listening, reach
from aqa.report.phrases import clause, how_long, name
from aqa.report.reasons import cause_of, coincidence, why
from aqa.report.remedies import do_first
from aqa.report.way_words import where_lost
from aqa.report.words import NBSP, count, length, moment, plain, significant

REACTION_S = (1.0, 45.0)  # a complaint comes this much after (aqa/detectors/unexplained_complaints.py)


@dataclass(frozen=True)
class Told:
    """An incident in words, for a page or a text."""

    one: Incident
    what: str
    when: str
    how_long: str
    who: str
    why: str
    pro: tuple[str, ...]
    contra: tuple[str, ...]
    do_first: str
    kinds: str


def told(analysis: Analysis, one: Incident, found: Incidents) -> Told:
    """An incident with its evidence."""
    what = clause(analysis, one).sentence() if one.impaired_s > 0 and one.heard else _unheard(one)
    start, end = moment(analysis, one.start_s), moment(analysis, one.end_s)
    who = reach(one) if not one.heard else f"{reach(one)}; {listening(one)}"
    kinds = " · ".join(f"{words.LETTERS[kind]} {words.kind_words(kind)} {many:,}" for kind, many in one.kinds.items())
    pro, contra = tuple(for_it(analysis, one)), tuple(against(analysis, one, found))
    when = start if start == end else f"{start} {words.DASH} {end}"
    unheard = "" if one.impaired_s > 0 or not one.heard else ", not heard"
    return Told(one, what, when, how_long(one) + unheard, who, why(analysis, one), pro, contra, do_first(one), kinds)


def _unheard(one: Incident) -> str:
    """What no listener heard: the kind, and the recordings that have it."""
    where = sorted({item.recording for item in one.findings if item.recording}) if not one.heard else []
    named = name(one)
    return f"{named[0].upper()}{named[1:]}{' in ' + words.listed([plain(it) for it in where]) if where else ''}."


def for_it(analysis: Analysis, one: Incident) -> Iterator[str]:
    """Each line one measured fact."""
    for kind in one.kinds:
        mine = one.of(kind)
        total, first = sum(item.duration_s for item in mine), mine[0]
        if kind not in ("capacity", "late_start"):
            at = moment(analysis, first.start_s)
            several = f"{len(mine):,}, {length(total)} in all, from {at}"
            many = f"of {length(total)} at {at}" if len(mine) == 1 else several
            yield f"{words.kind_words(kind).capitalize()} {many}."
    shared = [item for item in one.findings if "began_together" in cause_of(item)]
    if shared:
        known = cause_of(shared[0])
        same = [
            f"{what} {plain(known[f'shared_{what}'])}" for what in ("node", "region") if f"shared_{what}" in known
        ]
        of = f", all of them of {' and '.join(same)}, others not" if same else ""
        yield (
            f"{words.kind_words(shared[0].kind).capitalize()} began on {known['began_together']} of "
            f"{count(known['participants_sending'], 'stream')} within {length(known['within_s'])} at "
            f"{moment(analysis, shared[0].start_s)}{of}; p by chance {known.get('p_chance', 0.0):.2g}."
        )
    covered = [item for item in one.findings if "covered_pct" in cause_of(item)]
    if covered:
        half = sum(cause_of(item)["covered_pct"] >= 50 for item in covered)
        yield f"Holes in the sound that lie over packets that never came, or too late: {half} of {len(covered)}."
    yield from where_lost(one.findings)
    yield from _capacity(one)
    for item in one.of("late_start", "outage"):
        yield from _numbers(item)
    said = [
        row for row in lines_of(analysis, "complaint")
        if one.start_s + REACTION_S[0] <= row.time_s <= one.end_s + REACTION_S[1]
    ]  # fmt: skip
    if said:
        quoted = next((plain(row.text) for row in said if row.text), "")
        yield (
            count(len(said), "complaint")
            + " in its time"
            + (f", first: \N{LEFT DOUBLE QUOTATION MARK}{quoted}\N{RIGHT DOUBLE QUOTATION MARK}." if quoted else ".")
        )


def _capacity(one: Incident) -> Iterator[str]:
    for item in one.of("capacity"):
        known = json.loads(item.evidence)
        rho, p, lag = (known.get(name) for name in ("rho", "p_chance", "lag_s"))
        text = f"Faults coincide with {plain(known['coincides_with'])}: they rose as {coincidence(one)}"
        after = f", {length(lag)} after" if lag else ""
        numbers = f"rank correlation {words.number(rho, 2)}{after}, p by chance {words.number(p, 4)}"
        yield f"{text}; {numbers}."


def _numbers(item: Finding) -> Iterator[str]:
    """What was measured of a late start or an outage."""
    for key, value in json.loads(item.evidence).items():
        if isinstance(value, int | float) and not isinstance(value, bool) and value:
            what, _, unit = key.rpartition("_")
            amount = length(value) if unit == "s" and value > 0 else significant(value)
            shown = f"{amount}{NBSP}%" if unit == "pct" else amount
            yield f"{(what if unit in ('s', 'pct') else key).replace('_', ' ').capitalize()}: {shown}."


def against(analysis: Analysis, one: Incident, found: Incidents) -> Iterator[str]:
    """What speaks against the cause, and what is not known."""
    yield from sorted(
        {f"{text[0].upper()}{text[1:]}." for item in one.findings if (text := cause_of(item).get("against"))}
    )
    holes = [item for item in one.felt() if item.source == "audio"]
    bare = [item for item in holes if item.cause in ("unexplained", "not_measurable")]
    if holes and bare:
        yield f"{len(bare)} of {count(len(holes), 'fault')} in the sound have no evidence in packets."
    chance = max((cause_of(item).get("chance_pct", 0.0) for item in one.findings), default=0.0)
    if chance >= 5:
        yield f"By chance alone packets would have been missing in {chance:.0f}{NBSP}% of the time."
    if one.of("capacity"):
        yield "That faults coincide with a series does not show that it made them."
    beside = [other for other in found.ranked if other is not one and _overlap(one, other)]
    if beside:
        names = ", ".join(f"{other.rank} {name(other)}" for other in beside[:3])
        yield f"At the same time, not explained by this: {names}."
    if one.listeners_most is None and one.heard:
        yield "How many listened: not measured (no listeners.csv)."
    if one.heard and not analysis.event.stats_tracks:
        yield f"What listeners{words.APOSTROPHE} devices played: not measured (no stats of a receiver)."


def _overlap(one: Incident, other: Incident) -> bool:
    return (
        other.start_s < one.end_s and other.end_s > one.start_s and other.cause in ("unexplained", "not_measurable")
    )
