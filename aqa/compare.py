"""Recordings of one room held against each other: which pairs, where to look, and what the sound itself says.

Only recordings that overlap in time and carry the same sound: mix against mix, mix against track, and two of one
track. The levels say where to look, without any audio; then both files are decoded once more, side by side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aqa.decode import open_recording
from aqa.measures import coarse
from aqa.measures.vantage import Alignment, alignment, delays, mono_16k
from aqa.model import Doubles, Floats
from aqa.sound_model import Track
from aqa.timeline import Clock, Measured

LEAST_OVERLAP_S = 20.0  # `coarse` needs as much
MOST_TRIED = 4  # recordings that each one is held against: a room has two or three


@dataclass(frozen=True)
class Plan:
    """Two recordings to be held against each other, and where to look; or why not."""

    first: str
    second: str
    offsets_s: Doubles | None
    why: str = ""


def plans(measured: Measured) -> Iterator[Plan]:
    """Each recording against one before it that may hold the same sound, mixes first.

    Against the first whose levels rise and fall with its own; where there is none, the reason of the first.
    """
    paths = [
        path for path, (media, tracks) in sorted(measured.recordings.items()) if tracks and not media.participants
    ]
    if len(paths) < 2:
        return
    clock = Clock.of(measured)
    paths.sort(key=lambda path: (measured.track(path) != "mix", path))
    level = {path: level_dbfs(measured.recordings[path][1]) for path in paths}
    for at, path in enumerate(paths):
        before = [one for one in paths[:at] if _alike(measured, one, path, clock)]
        refused: list[Plan] = []
        for one in before[:MOST_TRIED]:
            found = coarse.offsets(level[one], level[path])
            if not isinstance(found, str):
                yield Plan(one, path, found)
                break
            refused.append(Plan(one, path, None, found))
        else:
            yield from refused[:1]


def _alike(measured: Measured, one: str, other: str, clock: Clock) -> bool:
    """Whether the two may hold the same sound at the same time."""
    tracks = {measured.track(one), measured.track(other)}
    rooms = {measured.event.recording_table(path).room for path in (one, other)} - {None}
    if ("mix" not in tracks and len(tracks) > 1) or len(rooms) > 1:
        return False
    if one not in clock.recording_ns or other not in clock.recording_ns:
        return True
    spans = [(clock.of_recording(path), clock.of_recording(path) + length_s(measured, path)) for path in (one, other)]
    return min(end for _, end in spans) - max(start for start, _ in spans) >= LEAST_OVERLAP_S


def length_s(measured: Measured, path: str) -> float:
    """Length of a recording that has channels."""
    return max(track.samples / track.sample_rate_hz for track in measured.recordings[path][1])


def level_dbfs(tracks: Sequence[Track]) -> Floats:
    """The 10 ms levels of the loudest channel of a recording that has one, shape (hops,)."""
    out = np.full(max(len(track.level_dbfs) for track in tracks), np.nan, np.float32)
    for track in tracks:
        part = out[: len(track.level_dbfs)]
        np.fmax(part, track.level_dbfs, out=part)
    return out


def compare(one: Path, other: Path, offsets_s: Doubles) -> Alignment:
    """How the second file runs against the first; decodes both, in memory that does not grow with length."""
    sides = [open_recording(path) for path in (one, other)]
    a, b = (mono_16k(side.blocks(), side.sample_rate_hz) for side in sides)
    return alignment(delays(a, b, offsets_s, coarse.PART_S))


def not_aligned(why: str) -> Alignment:
    """Of a pair that could not be held against each other."""
    return Alignment(None, None, None, 0.0, reason=why)
