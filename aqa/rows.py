"""Rows of the tables `recordings`, `streams`, `seconds` and `events` from what was measured and found."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from aqa.detectors import clipping
from aqa.event_model import EventRow
from aqa.manifest import Manifest
from aqa.measures.bands import bandwidth_hz
from aqa.model import Finding, Floats, SecondRow, utc_ns, utc_text
from aqa.receivers import unknown_of_listeners
from aqa.scores import FORMULA, impairment, seconds_of_recording
from aqa.settings import Settings
from aqa.sound_model import Media, RecordingRow, Track
from aqa.sound_rows import sound_columns
from aqa.stream_model import StreamRow
from aqa.timeline import Clock, Measured, duration

CLOCKLESS = ("aac", "mp3", "ac3", "eac3", "amr", "amrnb", "amrwb")
"""Containers, by FFmpeg's names, that are bare frames: what is cut out of them leaves no trace."""


def recording_seconds(measured: Measured, findings: list[Finding], clock: Clock) -> list[SecondRow]:
    """One row per second and recording."""
    rows = []
    for path, (_, tracks) in sorted(measured.recordings.items()):
        here = [item for item in findings if item.recording == path]
        start = clock.of_recording(path)
        track = measured.track(path)
        rows += seconds_of_recording(path, track, channels=tracks, findings=here, start_s=start)
    return rows


def packet_seconds(
    measured: Measured, path: str, rows: Iterable[SecondRow], found: Iterable[Finding]
) -> Iterator[SecondRow]:
    """The seconds of one stream of packets, with who sent it and what of each lies inside stalls."""
    stalls = [item for item in found if item.kind == "stall"]
    for row in rows:
        overlaps = (min(f.end_s, row.second + 1) - max(f.start_s, row.second) for f in stalls)
        stalled = round(sum(max(part, 0.0) for part in overlaps), 6)
        who = measured.sender(path, int(row.stream or "0", 16))
        yield dataclasses.replace(row, log=path, track=who, stalled_s=stalled)


def packet_row(measured: Measured, path: str, row: StreamRow) -> StreamRow:
    """The row of one stream of packets, with what the event says of its log and sender."""
    table, who = measured.event.log_table(path), measured.sender(path, int(row.ssrc, 16))
    return dataclasses.replace(row, log=path, room=table.room, vantage=table.vantage, participant=who)


def recording_row(
    measured: Measured, path: str, findings: Iterable[Finding], seconds: Sequence[SecondRow], clock: Clock
) -> RecordingRow:
    """The row of one recording."""
    media, tracks = measured.recordings[path]
    table = measured.event.recording_table(path)
    score = impairment(row for row in seconds if row.recording == path)
    file = next(item for item in measured.inputs if item.path == path)
    active = [t.levels.active_speech_dbfs for t in tracks if t.levels.active_speech_dbfs is not None]
    shares = [s for t in tracks if (s := t.facts.get("concealed_pct_estimated")) is not None]
    floors = [t.levels.noise_floor_dbfs for t in tracks if t.levels.noise_floor_dbfs is not None]
    runs = [clipping.trusted(t, clipping.Settings()) for t in tracks]
    known = path in clock.recording_ns
    sound = sound_columns(media, tracks, measured.channel_tracks(path))
    return RecordingRow(
        recording=path,
        room=table.room,
        track=measured.track(path),
        recorder=table.recorder,
        sha256=file.sha256,
        bytes=file.bytes,
        container=media.container,
        codec=media.codec,
        sample_rate_hz=media.sample_rate_hz or None,
        channels=media.channels or None,
        duration_s=media.samples / media.sample_rate_hz if media.sample_rate_hz else 0.0,
        container_duration_s=media.container_duration_s,
        missing_s=round(sum(hole.end_s - hole.start_s for hole in media.missing), 6),
        start_s=clock.of_recording(path),
        start_utc=utc_text(clock.recording_ns[path]) if known else None,
        start_from=clock.recording_from[path],
        start_error_ms=clock.start_error_ms(path),
        active_speech_level_dbfs=max(active, default=None),
        speech_activity_pct=_activity(tracks),
        noise_floor_dbfs=min(floors, default=None),
        bandwidth_hz=_bandwidth_hz(tracks),
        concealed_pct_estimated=max(shares, default=None),
        clipped_samples=int(sum((r.end_sample - r.start_sample).sum() for r in runs)) if tracks else None,
        findings=sum(f.recording == path and f.cause != "intended" for f in findings),
        impaired_seconds=score.impaired_seconds if score else None,
        severely_impaired_seconds=score.severely_impaired_seconds if score else None,
        **sound,
        notes=json.dumps(_notes(media, sound["false_stereo"]), ensure_ascii=False),
    )


def _notes(media: Media, false_stereo: bool | None) -> list[str]:
    """What a reader should know of a recording that is no fault."""
    equal = ["both channels hold the same sound (false stereo)"] if false_stereo else []
    return [*media.notes, *equal]


def _activity(tracks: Sequence[Track]) -> float | None:
    masks = [track.levels.speech for track in tracks if len(track.levels.speech)]
    return round(100 * max(float(mask.mean()) for mask in masks), 2) if masks else None


def _bandwidth_hz(tracks: Sequence[Track]) -> int | None:
    """None also where one channel has no wall."""
    limits = [bandwidth_hz(track) for track in tracks if track.levels.active_speech_dbfs is not None]
    known = [limit for limit in limits if limit is not None]
    return max(known) if known and len(known) == len(limits) else None


def loudest(tracks: Sequence[Track]) -> Floats:
    """The 10 ms peaks of the loudest channel; shape (hops,), NaN = no media."""
    if len(tracks) == 1:
        return tracks[0].peak_dbfs
    hops = max(len(track.peak_dbfs) for track in tracks)
    loudest = np.full(hops, np.nan, np.float32)
    for track in tracks:
        loudest[: len(track.peak_dbfs)] = np.fmax(loudest[: len(track.peak_dbfs)], track.peak_dbfs)
    return loudest


def event_row(
    measured: Measured,
    settings: Settings,
    clock: Clock,
    *,
    findings: Sequence[Finding],
    seconds: Sequence[SecondRow],
    recordings: Sequence[RecordingRow],
    streams: Sequence[StreamRow] = (),
) -> EventRow:
    """The row of the event; status and verdict are worded by the report."""
    score = impairment(seconds)
    manifest = measured.event.manifest
    faults = [item for item in findings if item.cause != "intended"]
    named = [row.track for row in recordings if row.track != "mix"]
    speech = [row.speech_s or 0.0 for row in seconds if row.recording and (not named or row.track in named)]
    return EventRow(
        event_id=measured.event.event_id,
        title=manifest.event.title or measured.event.event_id,
        start_utc=None if clock.zero_ns is None else utc_text(clock.zero_ns),
        duration_s=duration(measured, clock),
        status="not_measured",
        verdict="",
        recordings=len(recordings),
        streams=len(streams),
        findings=len(faults),
        critical=sum(item.severity == "critical" for item in faults),
        audio_hours=sum(row.duration_s for row in recordings) / 3600,
        speaker_hours=sum(speech) / 3600,
        impaired_seconds=score.impaired_seconds if score else None,
        severely_impaired_seconds=score.severely_impaired_seconds if score else None,
        speech_seconds=score.speech_seconds if score else None,
        formula=FORMULA,
        fingerprint="",
        inputs=json.dumps([dataclasses.asdict(item) for item in measured.inputs]),
        settings=settings.text(),
        not_measured=json.dumps(_not_measured(measured, settings, clock, streams), ensure_ascii=False),
        rooms=json.dumps(_rooms(manifest), ensure_ascii=False),
        problems=json.dumps([text for _, text in sorted(measured.problems.items())], ensure_ascii=False),
    )


def _rooms(manifest: Manifest) -> list[dict[str, str | None]]:
    return [
        {
            "id": room.id,
            "opened": utc_text(utc_ns(room.opened)) if room.opened else None,
            "closed": utc_text(utc_ns(room.closed)) if room.closed else None,
        }
        for room in manifest.rooms
    ]


def _not_measured(
    measured: Measured, settings: Settings, clock: Clock, rows: Sequence[StreamRow]
) -> list[dict[str, str]]:
    """What was not measured, why, and what to bring to measure it."""
    lines: list[tuple[str, str, str]] = []
    if not any(tracks for _, tracks in measured.recordings.values()):
        lines.append(("What was heard", "there is no recording that can be read", "a recording of the mix"))
    if not rows:
        why = "there is no packet log with RTP in it"
        lines.append(("Network, server or device as causes", why, "a packet capture of the room's server"))
    for path in sorted(set(measured.recordings) - set(clock.recording_ns)):
        if rows:
            bring = f'start = ... of "{path}" in event.toml'
            against = f"; held against the packets, {clock.refused[path]}" if path in clock.refused else ""
            lines.append((f"Causes of faults in {path}", f"its start in UTC is not known{against}", bring))
    lines += _of_recordings(measured)
    for path, log in sorted(measured.logs.items()):
        if log.note:
            lines.append((f"When packets came in {path}", log.note, "a packet capture of the room's server"))
    for row in rows:
        if row.clock_rate_hz is None:
            what = f"Jitter and times in ms of stream {row.ssrc} in {row.log}"
            lines.append((what, "its clock rate is not known", f"[codecs] {row.payload_type} = ... in event.toml"))
    lines += _not_estimated(rows)
    lines += unknown_of_listeners(measured)
    lines += [(f"{name}, or parts of it", why, "the whole file") for name, why in sorted(measured.problems.items())]
    used = {*measured.event.recordings, *measured.event.logs, *measured.event.stats, "event.toml"}
    for name in sorted(set(measured.event.others) - used):
        lines.append(
            (name, "not a recording, packet log or stats dump that is known here", "a format listed in README")
        )
    lines += [(f"Findings of kind {kind}", "switched off in the settings", "") for kind in sorted(settings.off)]
    return [{"what": what, "why": why, "bring": bring} for what, why, bring in lines]


def _of_recordings(measured: Measured) -> Iterator[tuple[str, str, str]]:
    for path, (media, _) in sorted(measured.recordings.items()):
        if media.container in CLOCKLESS and media.samples:
            what = f"Media that {path} lacks"
            yield what, f"{media.container} frames carry no times", "a recording in Ogg, MP4 or Matroska"
    for pair in measured.compared:
        if pair.alignment.reason:
            what = f"{pair.second} against {pair.first}"
            yield what, pair.alignment.reason, "recordings of one room that overlap in time"


def _not_estimated(rows: Sequence[StreamRow]) -> list[tuple[str, str, str]]:
    """Streams without an estimate of MOS, those with the same reason in one line."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.mos_estimated is None and row.mos_model and row.clock_rate_hz is not None:
            reasons.setdefault(row.mos_model.removeprefix("not measured: "), []).append(row.ssrc)
    lines = []
    for reason, names in sorted(reasons.items()):
        why, _, bring = reason.partition("; ")
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        lines.append((f"Estimated MOS of {', '.join(names[:3])}{more}", why, bring))
    return lines
