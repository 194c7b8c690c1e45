"""One clock for recordings and packets: each recording held against what packets say of loudness."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aqa.activity import Activity, activity
from aqa.align import MIN_CONFIDENCE, Aligned, Alignment, Refused, align
from aqa.compare import length_s, level_dbfs
from aqa.known import CLOCK_ERROR_S
from aqa.model import Doubles
from aqa.second_view import to_first, to_second
from aqa.sound_model import Track
from aqa.timeline import Clock, Measured

VANTAGES = ("recorder", "sfu-in", None, "sender", "receiver", "sfu-out")
"""Of one SSRC in several logs, the log nearest to what was recorded counts: its delay is the recorder's."""
MIN_HOLE_S = 0.01  # a shorter run of zeros is no packet: the shortest in use last 10 ms


@dataclass(frozen=True)
class Joined:
    """The clock with the recordings that were found on it, and what is to be said of it."""

    clock: Clock
    checked: tuple[Aligned, ...]  # recordings whose start was given, and was held against packets


@dataclass(frozen=True)
class _Voice:
    """One sender's activity and where it belongs."""

    room: str | None
    who: str | None
    activity: Activity
    origin_ns: int  # UTC of its second 0


def one_clock(measured: Measured) -> Joined:
    """The clock of the event; its recordings placed by evidence where their start is unknown or contradicted.

    A start that was given is kept where the evidence does not contradict it. What neither packets nor anybody places
    is placed by another recording of the same sound, if that one's start is known.
    """
    found = _by_packets(measured)
    return dataclasses.replace(found, clock=_by_others(measured, found.clock))


def _by_packets(measured: Measured) -> Joined:
    """The clock by what was given and by what packets say."""
    clock = Clock.of(measured)
    paths = [
        path for path, (media, tracks) in sorted(measured.recordings.items()) if tracks and not media.participants
    ]
    voices = list(_voices(measured, clock)) if paths else []
    if not voices:  # recordings with participants are made of packets: theirs is the packets' clock already
        return Joined(clock, ())
    found: dict[str, Alignment] = {}
    checked, refused = [], {}
    for path in paths:
        result = _placed(measured, path, voices, clock)
        if isinstance(result, Refused):
            refused[path] = result.reason
            continue
        given_ns = clock.recording_ns.get(path)
        if given_ns is not None:
            one = Aligned(path, length_s(measured, path), given_ns, clock.recording_from[path], result)
            checked.append(one)
            if result.confidence < MIN_CONFIDENCE:
                continue  # too little to say anything against, or for, what was given
        found[path] = result
    placed = dataclasses.replace(_with(measured, found, checked), refused=refused)
    return Joined(placed, tuple(checked))


def _by_others(measured: Measured, clock: Clock) -> Clock:
    """The clock with recordings whose start only a second recording tells."""
    new: dict[str, int] = {}
    errors, drifts = dict(clock.error_s), dict(clock.drift_ppm)
    for pair in measured.compared:
        for known, unknown, place in ((pair.first, pair.second, to_first), (pair.second, pair.first, to_second)):
            if pair.alignment.offset_s is None or known not in clock.recording_ns or unknown in clock.recording_ns:
                continue
            new[unknown] = clock.recording_ns[known] + round(place(pair, 0.0) * 1e9)
            errors[unknown] = clock.error_s.get(known, CLOCK_ERROR_S) + (pair.alignment.error_ms or 0.0) / 1000
            sign = 1.0 if unknown == pair.second else -1.0
            drifts[unknown] = clock.drift_ppm.get(known, 0.0) + sign * (pair.alignment.drift_ppm or 0.0)
    if not new:
        return clock
    kept = {path: ns for path, ns in clock.recording_ns.items() if clock.recording_from[path] == "aligned"}
    placed = Clock.of(measured, kept | new)
    refused = {path: why for path, why in clock.refused.items() if path not in new}
    return dataclasses.replace(placed, error_s=errors, behind_s=clock.behind_s, drift_ppm=drifts, refused=refused)


def _voices(measured: Measured, clock: Clock) -> Iterator[_Voice]:
    """What each sender's packets say, from the log nearest to a recorder; logs without UTC have no say."""
    seen: set[tuple[str | None, int]] = set()
    tables = {path: measured.event.log_table(path) for path in measured.logs}
    for path in sorted(measured.logs, key=lambda path: (VANTAGES.index(tables[path].vantage), path)):
        log, room = measured.logs[path], tables[path].room
        for stream in log.streams if log.start_ns is not None else ():
            if (room, stream.ssrc) in seen:
                continue
            said = activity(stream)
            if said is not None:
                seen.add((room, stream.ssrc))
                who = measured.sender(path, stream.ssrc)
                yield _Voice(room, who, said, stream.log_start_ns + clock.log_shift_ns[path])


def _placed(measured: Measured, path: str, voices: Sequence[_Voice], clock: Clock) -> Alignment | Refused:
    """Where one recording lies: a participant's by that one's packets, a mix by those of all in its room."""
    room, track = measured.event.recording_table(path).room, measured.track(path)
    here = [one for one in voices if room is None or one.room is None or one.room == room]
    own = [one for one in here if one.who == track]
    tracks = measured.recordings[path][1]
    return align(
        level_dbfs(tracks),
        [(one.activity, one.origin_ns) for one in own or here],
        clock.recording_ns.get(path),
        holes_s=_holes_s(tracks[0]) if len(tracks) == 1 else None,
        dip_ends_s=_dip_ends_s(tracks[0]) if len(tracks) == 1 else None,
    )


def _holes_s(track: Track) -> Doubles:
    """Stretches of digital zero, shape (n, 2)."""
    runs = track.runs.of("constant")
    keep = (runs.value == 0) & (runs.end_sample - runs.start_sample >= MIN_HOLE_S * track.sample_rate_hz)
    return np.stack([runs.start_sample[keep], runs.end_sample[keep]], axis=1) / track.sample_rate_hz


def _dip_ends_s(track: Track) -> Doubles | None:
    """Where dips end, in seconds; None for a recording in which none were looked for."""
    dips = track.candidates.get("dip")
    return None if dips is None else np.sort(dips.end_sample) / track.sample_rate_hz


def _with(measured: Measured, found: Mapping[str, Alignment], checked: Sequence[Aligned]) -> Clock:
    """The clock with what was found: second 0 moves where a recording begins earlier than all that was known."""
    kept = {one.recording: one for one in checked if not one.contradicted}
    starts = {path: one.start_ns for path, one in found.items() if path not in kept}
    return dataclasses.replace(
        Clock.of(measured, starts),
        error_s={p: one.error_s + (kept[p].unexplained_s if p in kept else 0.0) for p, one in found.items()},
        behind_s={path: one.later_s for path, one in kept.items() if path in found},
        drift_ppm={path: one.drift_ppm for path, one in found.items() if one.drift_told},
    )
