"""Recordings of one room held against each other: which pairs, where to look, and what the sound itself says.

Only recordings that overlap in time and carry the same sound: mix against mix, mix against track, and two of one
track. The levels say where to look, without any audio; then both files are decoded once more, side by side.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aqa.decode import open_recording
from aqa.measures import coarse
from aqa.measures.vantage import Alignment, alignment, delays, mono_16k
from aqa.model import Doubles, Floats
from aqa.timeline import Clock, Measured

LEAST_OVERLAP_S = 20.0  # `coarse` needs as much


def pairs_of(measured: Measured) -> Iterator[tuple[str, str]]:
    """Each recording against the first mix of its room, or the first of its own track where there is no mix."""
    paths = [
        path for path, (media, tracks) in sorted(measured.recordings.items()) if tracks and not media.participants
    ]
    if len(paths) < 2:
        return
    starts = Clock.of(measured)
    paths.sort(key=lambda path: (measured.track(path) != "mix", path))
    for at, path in enumerate(paths):
        first = next((one for one in paths[:at] if _alike(measured, one, path, starts)), None)
        if first is not None:
            yield first, path


def _alike(measured: Measured, one: str, other: str, clock: Clock) -> bool:
    """Whether the two may hold the same sound at the same time."""
    tracks = {measured.track(one), measured.track(other)}
    rooms = {measured.event.recording_table(path).room for path in (one, other)} - {None}
    if ("mix" not in tracks and len(tracks) > 1) or len(rooms) > 1:
        return False
    if one not in clock.recording_ns or other not in clock.recording_ns:
        return True
    spans = [
        (clock.of_recording(path), clock.of_recording(path) + _length_s(measured, path)) for path in (one, other)
    ]
    return min(end for _, end in spans) - max(start for start, _ in spans) >= LEAST_OVERLAP_S


def _length_s(measured: Measured, path: str) -> float:
    return max(track.samples / track.sample_rate_hz for track in measured.recordings[path][1])


def where_to_look(measured: Measured, one: str, other: str) -> Doubles | str:
    """Offsets of the second behind the first by their levels (`coarse.offsets`), or why there are none."""
    return coarse.offsets(level_dbfs(measured, one), level_dbfs(measured, other))


def level_dbfs(measured: Measured, path: str) -> Floats:
    """The 10 ms levels of the loudest channel."""
    tracks = measured.recordings[path][1]
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
