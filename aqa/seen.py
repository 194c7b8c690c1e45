"""One stream of a log looked at closely: its row, and all that detectors find in it."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aqa.detector import Subject
from aqa.hints import utc
from aqa.logs import row_of
from aqa.model import Finding, utc_text
from aqa.playout import Played, play
from aqa.settings import Settings
from aqa.stream_model import StatsTrack, Stream, StreamRow


@dataclass(frozen=True)
class Seen:
    """One stream looked at closely."""

    stream: Stream | StatsTrack
    played: Played | None  # None: counters of one end, no packets
    row: StreamRow
    findings: tuple[Finding, ...]  # seconds since the log's first packet


def look_at(stream: Stream | StatsTrack, settings: Settings) -> Seen:
    """A stream with its row and all that the detectors of packets (or stats) find in it."""
    if isinstance(stream, StatsTrack):
        return Seen(stream, None, row_of(stream, settings), tuple(_findings([stream], settings)))
    played = Played(stream, play(stream, settings.playout.buffer()))
    found = tuple(_findings([stream, played], settings))
    return Seen(stream, played, row_of(stream, settings, played), found)


def _findings(subjects: Sequence[Subject], settings: Settings) -> Iterator[Finding]:
    found = [
        item
        for subject in subjects
        for one in settings.active()
        if isinstance(subject, one.subject)
        for item in one(subject, settings.of(one))
    ]
    for item in sorted(found, key=lambda item: (item.start_s, item.end_s, item.kind)):
        yield dataclasses.replace(item, start_utc=_utc(subjects[0], item.start_s))


def _utc(subject: Subject, second: float) -> str | None:
    start_ns = utc(getattr(subject, "log_start_ns", None))  # a relative clock is no UTC
    return None if start_ns is None else utc_text(start_ns + round(second * 1e9))
