"""The streams of packet logs and stats dumps, without an event around them: rows, and findings of one stream.

Seconds are those since the first packet of the log. Nothing is detected unless it is asked for.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from aqa.detector import Subject
from aqa.hints import utc
from aqa.manifest import Manifest
from aqa.model import Finding, InputError, StatsTrack, Stream, StreamRow, utc_text
from aqa.packets import read_log
from aqa.playout import Played, play
from aqa.receivers import carried, track_row
from aqa.settings import Settings
from aqa.stats import holds_stats, read_stats_log
from aqa.streams import stream_row


@dataclass(frozen=True)
class OneLog:
    """One packet log or stats dump, read."""

    name: str
    streams: tuple[Stream | StatsTrack, ...]
    left_out: Mapping[str, int]  # frames in no stream, by reason
    warning: str | None  # why it was not read to its end
    notes: tuple[str, ...]  # what it does not hold, in words for people


def read_one(file: Path, codecs: Mapping[int, str]) -> OneLog:
    """A packet log or stats dump, told by content; InputError if nothing of it can be read."""
    if holds_stats(file):
        dump = read_stats_log(file, name=str(file))
        tracks = tuple(track for track in dump.tracks if carried(track))
        empty = sum(track.direction != "playout" for track in dump.tracks) - len(tracks)
        unused = (f"{empty} stream{'s' * (empty > 1)} without a packet: announced, never used",) if empty else ()
        return OneLog(str(file), tracks, {}, dump.warning, (*dump.notes, *unused))
    log = read_log(file, name=str(file), codecs=codecs)
    notes = [log.note] if log.note else []
    if log.cut_packets:
        notes.append(
            f"{log.cut_packets:,} packets are in it only in part (snap length): losses and times are right,"
            " copies inside payloads may not be seen"
        )
    return OneLog(str(file), log.streams, log.skipped, log.warning, tuple(notes))


def codecs_of(texts: Sequence[str]) -> dict[int, str]:
    """`111=opus/48000/2` as event.toml's [codecs] has it; InputError says what is wrong with one."""
    found: dict[int, str] = {}
    for text in texts:
        kind, _, name = text.partition("=")
        try:
            found |= Manifest.model_validate({"codecs": {kind.strip(): name.strip()}}).codecs
        except ValidationError as error:
            raise InputError(
                f"--codec {text}: write payload type (0 to 127), =, name/clock rate in Hz/channels:"
                " for example 111=opus/48000/2"
            ) from error
    return found


def row_of(stream: Stream | StatsTrack, settings: Settings, played: Played | None = None) -> StreamRow:
    """The row of one stream, with the buffer and the E-model rows of the settings."""
    if isinstance(stream, StatsTrack):
        return track_row(stream, stream.log_start_ns)
    buffer, rows = settings.playout.buffer(), settings.emodel.codec_rows()
    return stream_row(stream, stream.log_start_ns, playout=buffer, played=played, rows=rows)


def cost(row: StreamRow) -> tuple[float, float, float, float]:
    """What "worst" means: seconds of made-up sound, then shares lost and late, then largest jitter.

    Where no buffer was run, lost (of stats: audibly made-up) shares of the stream's time stand for made-up sound.
    """
    span_s = row.last_s - row.first_s
    lost_pct = max(row.loss_pct or 0.0, 0.0)
    heard_pct = row.concealed_pct if row.audible_concealed_pct is None else row.audible_concealed_pct
    made_up_pct = lost_pct if heard_pct is None else heard_pct
    made_up_s = made_up_pct / 100 * span_s if row.concealed_s is None else row.concealed_s
    return made_up_s, lost_pct, (row.late or 0) / max(row.packets, 1), row.jitter_max_ms or 0.0


def worst_first(rows: Sequence[StreamRow]) -> list[StreamRow]:
    """The rows by `cost`, the dearest first; like ones by log and SSRC."""
    return sorted(rows, key=lambda row: ([-part for part in cost(row)], row.log, row.ssrc))


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
