"""Holes of a microphone that packets tell of and sound confirms: it is quieter then, by whatever its codec left.

It adds to what the detector `attenuation` finds in sound alone, where a recording is on the packets' clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.compare import level_dbfs
from aqa.known import PLAYOUT_S
from aqa.measures.dead_air import dead_air
from aqa.model import HOP_S, Doubles, Finding, evidence
from aqa.one_clock import VANTAGES
from aqa.timeline import Clock, Measured

QUIETER_DB = 6.0  # half the amplitude: what is left of a faded codec frame, or of others who speak, is more below
AROUND = 50  # hops on each side, half a second
SURE = 0.85  # two witnesses: the sender's own level and the sound
FLOOR_DBFS = -100.0
MAJOR_S = 0.2  # a syllable
OVERLAP = 0.5  # of a hole that another finding covers: it is told already
TOLD = frozenset(("dropout", "silence", "attenuation", "concealment"))


def cut_capture(measured: Measured, clock: Clock, path: str, others: list[Finding]) -> Iterator[Finding]:
    """Holes in the recording at `path` for which a sender's microphone was dead; seconds of the recording.

    `others` is what was found in it already, in its seconds: what is told is not told again.
    """
    media, tracks = measured.recordings[path]
    if path not in clock.recording_ns or media.participants or not tracks:
        return
    known = np.nan_to_num(level_dbfs(tracks), nan=FLOOR_DBFS).astype(np.float64)
    level = np.clip(known, FLOOR_DBFS, 0.0)
    for dead in sorted(_dead(measured, clock, path), key=lambda item: item.start_s):
        place = _quietest(level, clock.to_recording(path, dead.start_s), dead.length_s)
        if place is not None and not any(_covers(item, place) for item in others):
            yield _finding(dead, place)


@dataclass(frozen=True)
class _Dead:
    """A hole by packets, on the event's clock."""

    who: str | None
    log: str
    ssrc: int
    start_s: float
    length_s: float


@dataclass(frozen=True)
class _Place:
    """Where the sound is quieter, in seconds of the recording, and by how much."""

    start_s: float
    end_s: float
    quieter_db: float


def _finding(dead: _Dead, place: _Place) -> Finding:
    length_s = place.end_s - place.start_s
    return Finding(
        kind="attenuation",
        source="audio",
        scope="track",
        start_s=place.start_s,
        end_s=place.end_s,
        duration_s=round(length_s, 9),
        value=round(-place.quieter_db, 1),
        unit="dB",
        severity="minor" if length_s < MAJOR_S else "major",
        confidence=0.8,
        cause="sender_capture",
        cause_confidence=SURE,
        evidence=evidence(
            found_by="packets: their level (RFC 6464) is digital silence amid speech, and none is missing",
            cause={
                "who": dead.who,
                "log": dead.log,
                "stream": f"0x{dead.ssrc:08x}",
                "dead_s": dead.length_s,
                "quieter_db": place.quieter_db,
            },
        ),
    )


def _dead(measured: Measured, clock: Clock, path: str) -> Iterator[_Dead]:
    """Those of the voices in a recording; of a stream in several logs by one of them."""
    room, track = measured.event.recording_table(path).room, measured.track(path)
    tables = {name: measured.event.log_table(name) for name in measured.logs}
    seen: set[int] = set()
    for name in sorted(measured.logs, key=lambda name: (VANTAGES.index(tables[name].vantage), name)):
        log, elsewhere = measured.logs[name], len({room, tables[name].room} - {None}) > 1
        for stream in log.streams if log.start_ns is not None and not elsewhere else ():
            who = measured.sender(name, stream.ssrc)
            if stream.ssrc in seen or track not in ("mix", who):
                continue
            seen.add(stream.ssrc)
            shift = clock.second(stream.log_start_ns + clock.log_shift_ns[name])
            for start, end in dead_air(stream).tolist():
                yield _Dead(who, name, stream.ssrc, start + shift, end - start)


def _quietest(level: Doubles, start_s: float, length_s: float) -> _Place | None:
    """Where the sound is quietest for so long, up to PLAYOUT_S after the packets; None: it is not."""
    hops, first = max(round(length_s / HOP_S), 1), round(start_s / HOP_S)
    last = first + round(PLAYOUT_S / HOP_S)
    if first < 0 or last + hops > len(level):
        return None
    sums = np.cumsum(np.concatenate(([0.0], level[first : last + hops])))
    means = (sums[hops:] - sums[:-hops]) / hops
    at = first + int(np.argmin(means))
    around = np.concatenate([level[max(at - AROUND, 0) : at], level[at + hops : at + hops + AROUND]])
    if not len(around):
        return None
    speaking = float(10 * np.log10(np.mean(10 ** (around / 10))))
    quieter = speaking - float(means.min())
    return _Place(at * HOP_S, (at + hops) * HOP_S, quieter) if quieter >= QUIETER_DB else None


def _covers(item: Finding, place: _Place) -> bool:
    common = min(item.end_s, place.end_s) - max(item.start_s, place.start_s)
    return item.kind in TOLD and common >= OVERLAP * (place.end_s - place.start_s)
