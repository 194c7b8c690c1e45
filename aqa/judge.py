"""From measured recordings, packet logs and stats to an `Analysis`: place on one clock, detect, explain, score.

A pure function of small tables: no audio is needed, nothing is read or written.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aqa.dead_capture import cut_capture
from aqa.detector import Subject
from aqa.event_model import Analysis
from aqa.facts import event_facts
from aqa.gather import Flow, FlowKey, flow_key, flow_of, known_of, whole_of
from aqa.model import Finding, SecondRow, evidence
from aqa.on_the_way import placed_on_the_way
from aqa.one_clock import Joined, one_clock
from aqa.pauses import beside_others, of_the_room
from aqa.playout import Played, play
from aqa.receivers import kinds_of, place_of, track_rows, track_seconds_rows
from aqa.report import verdict
from aqa.reported import joined
from aqa.rows import event_row, loudest, packet_row, packet_seconds, recording_row, recording_seconds
from aqa.second_view import left_out, second_facts
from aqa.settings import Settings
from aqa.stream_model import StreamRow
from aqa.streams import stream_row, stream_seconds
from aqa.timeline import Clock, Measured
from aqa.told import history_rows
from aqa.vantages import legs_of, packet_facts
from aqa.why import with_causes


def judge(measured: Measured, settings: Settings, fingerprint: str) -> Analysis:
    """The analysis of one event; status and verdict are worded by the report."""
    joined_clock = one_clock(measured)
    clock = joined_clock.clock
    heard = _heard(measured, settings, clock)
    sound = of_the_room(_in_recordings(measured, settings, joined_clock), measured, clock)
    found = [*sound, *heard.findings, *_in_stats(measured, settings, clock)]
    legs = legs_of(measured)
    found = placed_on_the_way(found, legs, heard.of, clock)
    found.sort(key=_order)
    streams, stats = joined(heard.rows), track_rows(measured, clock)
    whole = whole_of(measured, clock, findings=found, streams=streams, flows=heard.flows, linked=legs.linked)
    known = known_of(measured, clock, whole)
    logs = any(log.streams for log in measured.logs.values())
    place = partial(_of_whole, clock=clock)
    whole = with_causes(known, settings, place, logs=logs)
    findings = list(whole.findings)
    seconds = [*recording_seconds(measured, findings, clock), *heard.seconds, *track_seconds_rows(measured, clock)]
    recordings = [recording_row(measured, path, findings, seconds, clock) for path in sorted(measured.recordings)]
    event = event_row(
        measured, settings, clock, findings=findings, seconds=seconds, recordings=recordings, streams=streams
    )
    received = sum(row.direction == "received" for row in stats)
    facts = event_facts(whole, seconds, settings.objectives) | packet_facts(legs) | second_facts(measured)
    hours = facts["listeners"]["listener_seconds"] / 3600 if "listeners" in facts else None
    event = dataclasses.replace(event, fingerprint=fingerprint, listener_hours=hours, facts=evidence(**facts))
    event = dataclasses.replace(event, stats_tracks=received, stats_kinds=json.dumps(kinds_of(measured)))
    name = event.event_id
    analysis = Analysis(
        event=event,
        recordings=tuple(dataclasses.replace(row, event_id=name) for row in recordings),
        streams=tuple(dataclasses.replace(row, event_id=name) for row in (*streams, *stats)),
        findings=tuple(dataclasses.replace(row, event_id=name) for row in findings),
        seconds=tuple(dataclasses.replace(row, event_id=name) for row in seconds),
        peaks_dbfs={path: loudest(tracks) for path, (_, tracks) in sorted(measured.recordings.items()) if tracks},
        history=tuple(dataclasses.replace(row, event_id=name) for row in history_rows(whole)),
    )
    event = dataclasses.replace(event, status=verdict.status(analysis), verdict=verdict.sentence(analysis))
    return dataclasses.replace(analysis, event=event)


def _order(finding: Finding) -> tuple[float, str]:
    return finding.start_s, finding.finding_id


@dataclass(frozen=True)
class _Heard:
    """What the packet logs gave: findings on the event's clock, rows, and seconds."""

    findings: list[Finding] = field(default_factory=list)
    rows: list[StreamRow] = field(default_factory=list)
    seconds: list[SecondRow] = field(default_factory=list)
    of: dict[str, FlowKey] = field(default_factory=dict)  # finding_id -> its stream
    flows: dict[FlowKey, Flow] = field(default_factory=dict)  # when packets of each stream came, and were loud


def _heard(measured: Measured, settings: Settings, clock: Clock) -> _Heard:
    """Every stream of packets run through the buffer of the settings and judged, one at a time."""
    out, buffer, codecs = _Heard(), settings.playout.buffer(), settings.emodel.codec_rows()
    for path, log in sorted(measured.logs.items()):
        base_ns = (clock.zero_ns or 0) - clock.log_shift_ns[path]
        for stream in log.streams:
            one = Played(stream, play(stream, buffer))
            found = list(_in_stream(measured, settings, clock, path, one))
            out.findings.extend(found)
            row = packet_row(measured, path, stream_row(stream, base_ns, played=one, rows=codecs))
            out.rows.append(row)
            out.flows[flow_key(row)] = flow_of(stream, base_ns)
            out.of.update(dict.fromkeys((item.finding_id for item in found), flow_key(row)))
            out.seconds.extend(packet_seconds(measured, path, stream_seconds(stream, base_ns, played=one), found))
    return out


def _in_recordings(measured: Measured, settings: Settings, joined_clock: Joined) -> Iterator[Finding]:
    clock = joined_clock.clock
    checked = {one.recording: one for one in joined_clock.checked}
    lacking = list(left_out(measured, clock)) if "elided_time" not in settings.off else []
    for path, (media, tracks) in sorted(measured.recordings.items()):
        table = measured.event.recording_table(path)
        own = {"recording": path, "room": table.room, "track": measured.track(path)}
        claimed = dataclasses.replace(media, claims=(*media.claims, *clock.claims(measured, path)))
        sides = [_detected(settings, track) for track in beside_others(measured, path, tracks)]
        here = _detected(settings, claimed) + _join_channels(sides)
        here += _detected(settings, checked[path]) if path in checked else []
        here += [item for lacks, item in lacking if lacks == path]
        here += cut_capture(measured, clock, path, here) if "attenuation" not in settings.off else []
        who = measured.channel_tracks(path)
        for item in here:
            by = {"track": who[item.channel]} if who and item.channel is not None else {}
            yield _placed(item, clock.of_recording(path), clock, own | by, rate=clock.rate(path))


def _in_stream(measured: Measured, settings: Settings, clock: Clock, path: str, one: Played) -> Iterator[Finding]:
    stream = one.stream
    own = {
        "log": path,
        "room": measured.event.log_table(path).room,
        "track": measured.sender(path, stream.ssrc),
        "stream": f"0x{stream.ssrc:08x}",
    }
    shift = clock.second(stream.log_start_ns + clock.log_shift_ns[path])
    for item in [*_detected(settings, stream), *_detected(settings, one)]:
        yield _placed(item, shift, clock, own, of=f"{stream.src}>{stream.dst}")


def _in_stats(measured: Measured, settings: Settings, clock: Clock) -> Iterator[Finding]:
    for path, dump in sorted(measured.stats.items()):
        for track in dump.tracks:
            own = place_of(measured, path, track)
            shift = clock.second(track.log_start_ns + clock.log_shift_ns[path])
            for item in _detected(settings, track):
                yield _placed(item, shift, clock, own, of=f"{track.connection} {track.direction}")


def _of_whole(item: Finding, clock: Clock) -> Finding:
    return _placed(item, 0.0, clock, {"room": item.room, "recording": item.recording})


def _detected(settings: Settings, subject: Subject) -> list[Finding]:
    return [
        item
        for one in settings.active()
        if isinstance(subject, one.subject)
        for item in one(subject, settings.of(one))
    ]


def _join_channels(channels: Sequence[list[Finding]]) -> list[Finding]:
    """A fault at the very same time on all of several channels is one finding, of no channel in particular."""
    if len(channels) < 2:
        return [dataclasses.replace(item, channel=None) for found in channels for item in found]
    where: dict[tuple[str, float, float], list[Finding]] = {}
    for found in channels:
        for item in found:
            where.setdefault((item.kind, item.start_s, item.end_s), []).append(item)
    joined = []
    for same in where.values():
        if len({item.channel for item in same}) == len(channels):
            joined.append(dataclasses.replace(same[0], channel=None))
        else:
            joined.extend(same)
    return joined


def _placed(
    item: Finding, shift_s: float, clock: Clock, own: dict[str, Any], *, of: str = "", rate: float = 1.0
) -> Finding:
    """The finding on the event's clock (`rate` of its seconds in one of its subject's), with its identity.

    The identity is of where it is in its own subject.
    """
    identity = [item.kind, own.get("recording"), own.get("log"), own.get("stream"), of, item.channel]
    text = json.dumps([*identity, f"{item.start_s:.6f}", f"{item.end_s:.6f}"])
    start, end = (round(second * rate + shift_s, 9) for second in (item.start_s, item.end_s))
    return dataclasses.replace(
        item,
        **own,
        finding_id="f-" + hashlib.blake2s(text.encode(), digest_size=5).hexdigest(),
        start_s=start,
        end_s=end,
        start_utc=clock.text(start),
    )
