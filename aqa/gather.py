"""All that is known of an event put on its own clock, for what is judged of the event as a whole."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from aqa.activity import activity, loud
from aqa.history import Line, Point
from aqa.known import CLOCK_ERROR_S, Known
from aqa.measures.dead_air import dead_air
from aqa.model import HOP_S, Finding, Flags, utc_ns
from aqa.picker import true_runs
from aqa.second_view import elsewhere
from aqa.sound_model import Track
from aqa.stream_model import Stream, StreamRow
from aqa.timeline import Clock, Measured, duration
from aqa.whole import Heard, Room, Said, Sent, Spans, Values, Whole, union

DIGITAL_DBFS = -190.0


FlowKey = tuple[str, str, str, str]
"""Log, SSRC, source and destination of a stream."""
PAUSE_NS = 500_000_000  # between packets: DTX sends every 400 ms (RFC 7587 3.1.3)


def flow_key(row: StreamRow) -> FlowKey:
    """Which stream a row is of."""
    return row.log, row.ssrc, row.src, row.dst


@dataclass(frozen=True)
class Flow:
    """When packets of a stream came, when somebody spoke in them, when its microphone was dead; event seconds."""

    sending: Spans
    loud: Spans | None
    loud_from: str
    dead: Spans | None = None


def flow_of(stream: Stream, base_ns: int) -> Flow:
    """What the packets of one stream say of its sender; `base_ns` is the event's second 0 on the log's clock."""
    found = activity(stream)
    if found is None:
        return Flow(_sending_spans(stream, base_ns), None, "")
    said = loud(found)
    shift_s = (stream.log_start_ns - base_ns) * 1e-9
    dead = dead_air(stream) + shift_s if found.kind == "level" else None
    return Flow(_sending_spans(stream, base_ns), said.speaking + shift_s, found.kind, dead)


def _sending_spans(stream: Stream, base_ns: int) -> Spans:
    """When packets of a stream came, in seconds since `base_ns`; pauses of over half a second are none."""
    arrival = np.sort(stream.arrival_ns) - base_ns
    cuts = np.flatnonzero(np.diff(arrival) > PAUSE_NS)
    first, last = arrival[np.append(0, cuts + 1)], arrival[np.append(cuts, len(arrival) - 1)]
    return np.asarray(np.stack((first, last), axis=1) * 1e-9, np.float64)


def known_of(measured: Measured, clock: Clock, whole: Whole) -> Known:
    """What findings may be held against: the whole event, and how sure its clocks are."""
    logs = [log for log in measured.logs.values() if log.streams and log.end_ns is not None]
    spans = [((log.end_ns or 0) - log.streams[0].log_start_ns) / 1e9 for log in logs]
    tables = {path: measured.event.recording_table(path) for path in measured.recordings}
    told = {path for path, came in clock.recording_from.items() if came == "aligned"} | set(clock.behind_s)
    return Known(
        whole,
        span_s=max(spans, default=0.0),
        clock_error_s={path: clock.error_s.get(path, CLOCK_ERROR_S) for path in clock.recording_ns},
        clock_from=dict(clock.recording_from),
        recorder={path: table.recorder.lower() for path, table in tables.items() if table.recorder},
        elsewhere=elsewhere(measured, clock, whole.findings),
        behind_s={path: clock.behind_s.get(path, 0.0) for path in clock.error_s if path in told},
    )


def whole_of(
    measured: Measured,
    clock: Clock,
    *,
    findings: Sequence[Finding],
    streams: Sequence[StreamRow],
    flows: Mapping[FlowKey, Flow],
    linked: Collection[FlowKey] = (),
) -> Whole:
    """The event as detectors of event kinds see it; `findings` and `streams` are those of its parts.

    `linked` are the streams whose packets another log holds as well.
    """
    manifest, history = measured.event.manifest, measured.history
    scheduled = manifest.event.scheduled_start
    return Whole(
        duration_s=duration(measured, clock),
        scheduled_s=clock.second(utc_ns(scheduled)) if scheduled and clock.zero_ns is not None else None,
        rooms=_rooms(measured, clock),
        heard=tuple(_heard(measured, clock)),
        sent=tuple(_sent(measured, findings, streams, flows, linked)),
        listeners=_by_where(history.listeners, clock),
        load=_by_node(history.load, clock),
        complaints=_said(history.feedback, clock),
        operator=_said(history.operator, clock),
        findings=tuple(findings),
    )


def _rooms(measured: Measured, clock: Clock) -> tuple[Room, ...]:
    if clock.zero_ns is None:
        return ()
    return tuple(
        Room(
            room.id,
            clock.second(utc_ns(room.opened)) if room.opened else None,
            clock.second(utc_ns(room.closed)) if room.closed else None,
        )
        for room in measured.event.manifest.rooms
    )


def _heard(measured: Measured, clock: Clock) -> Iterator[Heard]:
    """Each recording that could be read; its channels joined."""
    alone = len(measured.recordings) == 1
    for path, (_, tracks) in sorted(measured.recordings.items()):
        if not tracks:
            continue
        table, start, rate = measured.event.recording_table(path), clock.of_recording(path), clock.rate(path)
        speech = union(*(_spans(track.levels.speech, start, rate) for track in tracks))
        yield Heard(
            recording=path,
            room=table.room,
            track=measured.track(path),
            intended=table.intended_audio,
            start_s=start,
            end_s=clock.from_recording(path, max(track.samples / track.sample_rate_hz for track in tracks)),
            speech=speech,
            digital=_spans(_digital(tracks), start, rate),
            clocked=path in clock.recording_ns or (alone and clock.zero_ns is None),
        )


def _digital(tracks: Sequence[Track]) -> Flags:
    """Hops in which no channel holds anything but zeros."""
    out = np.ones(max(len(track.level_dbfs) for track in tracks), np.bool_)
    for track in tracks:
        out[: len(track.level_dbfs)] &= ~(track.level_dbfs > DIGITAL_DBFS)
    return out


def _spans(mask: Flags, start_s: float, rate: float) -> Spans:
    return np.asarray(true_runs(mask) * HOP_S * rate + start_s, np.float64)


def _sent(
    measured: Measured,
    findings: Sequence[Finding],
    streams: Sequence[StreamRow],
    flows: Mapping[FlowKey, Flow],
    linked: Collection[FlowKey],
) -> Iterator[Sent]:
    for row in streams:
        if row.source != "packets":
            continue
        who = measured.event.manifest.participants.get(row.participant or "")
        mine = [
            f
            for f in findings
            if f.kind == "stall" and (f.stream, f.log) == (row.ssrc, row.log) and f.recording is None
        ]
        stalls = union(np.array([(f.start_s, f.end_s) for f in mine]).reshape(-1, 2))
        flow = flows[flow_key(row)]
        yield Sent(
            row.ssrc, row.log, row.room, row.participant, who.node if who else None, who.region if who else None,
            row.vantage, row.cname, row.first_s, row.last_s, stalls, flow.sending, flow.loud, flow.loud_from,
            flow.dead, flow_key(row) in linked,
        )  # fmt: skip


def _by_where(points: Sequence[Point] | None, clock: Clock) -> dict[str, Values] | None:
    if points is None or clock.zero_ns is None:
        return None
    ordered = sorted(points, key=lambda point: point.where)
    return {where: _values(list(group), clock) for where, group in groupby(ordered, key=lambda point: point.where)}


def _by_node(points: Sequence[Point] | None, clock: Clock) -> dict[tuple[str, str], Values] | None:
    if points is None or clock.zero_ns is None:
        return None
    ordered = sorted(points, key=lambda point: (point.where, point.metric))
    groups = groupby(ordered, key=lambda point: (point.where, point.metric))
    return {key: _values(list(group), clock) for key, group in groups}


def _values(points: Sequence[Point], clock: Clock) -> Values:
    return Values(
        np.array([clock.second(point.time_ns) for point in points]), np.array([point.value for point in points])
    )


def _said(lines: Sequence[Line] | None, clock: Clock) -> tuple[Said, ...] | None:
    if lines is None or clock.zero_ns is None:
        return None
    return tuple(
        Said(clock.second(line.time_ns), line.who, line.room or None, line.kind, line.text) for line in lines
    )
