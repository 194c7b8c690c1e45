"""A moment of an event as people write it: event time, seconds, or UTC."""

import re
from datetime import UTC, datetime

from aqa.event_model import Analysis
from aqa.model import InputError
from aqa.report.words import event_time, moment

_CLOCK = re.compile(r"(\d{1,2}:)?\d{1,3}:\d{1,2}(\.\d+)?|\d+(\.\d+)?")
DAY_S = 86_400.0


def second_of(analysis: Analysis, text: str) -> float:
    """The event second that `text` names: 00:18:24 or seconds of event time, 22:18:24Z, or an RFC 3339 time.

    A clock time that does not lie in the event as event time is taken as UTC. InputError where it is no time, or
    lies outside of the event.
    """
    wanted = text.strip()
    found = [at for at in _readings(analysis, wanted) if 0 <= at <= analysis.event.duration_s]
    if not found:
        raise InputError(f"--at {text}: {_outside(analysis)}")
    return found[0]


def _readings(analysis: Analysis, text: str) -> list[float]:
    """What the text may mean, event time first."""
    bare = text.upper().removesuffix("Z")
    if _CLOCK.fullmatch(bare):
        seconds = 0.0
        for part in bare.split(":"):
            seconds = seconds * 60 + float(part)
        as_utc = [] if ":" not in bare else _of_day(analysis, seconds)
        return as_utc if bare != text.upper() else [seconds, *as_utc]
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise InputError(f"--at {text}: not a time; write 00:18:24, seconds, 22:18:24Z or 2023-05-24T22:18:24Z")
    start = _start(analysis)
    return [] if start is None else [(when - start).total_seconds()]


def _of_day(analysis: Analysis, seconds: float) -> list[float]:
    """Seconds of a day in UTC as event seconds: on the day that the event began, and on the next ones."""
    start = _start(analysis)
    if start is None or seconds >= DAY_S:
        return []
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    first = seconds - (start - midnight).total_seconds()
    days = int(analysis.event.duration_s // DAY_S) + 2
    return [first + DAY_S * day for day in range(days)]


def _start(analysis: Analysis) -> datetime | None:
    text = analysis.event.start_utc
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def _outside(analysis: Analysis) -> str:
    end = analysis.event.duration_s
    utc = "its UTC is not known"
    if analysis.event.start_utc is not None:
        utc = f"{moment(analysis, 0.0)} to {moment(analysis, end)} UTC"
    return f"outside of the event, which lasts from 00:00:00 to {event_time(end)} event time ({utc})"
