"""Sound that loses its upper frequencies all at once: full band falls to telephone width.

What it finds
-------------
Stretches of 1.2 s and more in which speech ends as at a wall at 4, 6, 8, 12, 16 or 20 kHz, where the same channel had
sound above that wall right before or after. A channel that is narrow all along has lost nothing and gives none.

Why it matters
--------------
Speech turns dull and s and f can't be told apart. A sender's codec does it when its bitrate falls, a bridge when a
telephone joins, a recorder when it changes its input.

What fools it
-------------
Music whose cymbals or strings pause over a bass; long vowels and humming of a very clean voice. A switch in a pause
without noise is placed at the next sound that shows it. Two talkers of different bandwidth on a mix, one after the
other for seconds, are reported: on a mix that is what is heard.

Thresholds and their source
---------------------------
Walls: the bandwidths of Opus (RFC 6716 2.1.3) and 16 kHz of MP3 and AAC. The wall's height is the power between 0.8
and 0.95 of the wall less that between 1.1 and 1.25 of it, on active frames smoothed over 120 ms; 16 dB by the
measurements of the project (recall 0.95, precision 0.92 for Opus NB and WB). Above the wall the level falls at the
edge by 15 dB at least, in active frames' medians.

What to do
----------
Look at the sender's bitrate and its network at that time; pin the codec's minimum bandwidth; look for a telephone
gateway that joined.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.detector import detector, setting
from aqa.measures.bands import HOPS, WALLS_KHZ, decibels, speech_of
from aqa.model import Finding, Flags, Floats, Track, evidence
from aqa.picker import Rule, pick

WIDE_DB = 12.0  # a wall this low is none
VOTERS = 31  # frames: 0.6 s on both sides
MOST = 0.65  # of the voters keep a stretch going
CLEAR_DB = 6.0  # over the narrow stretch's level above the wall: sound is back


@dataclass(frozen=True)
class Settings:
    """When a wall is a drop."""

    wall_db: float = setting(16.0, "dB", "height of the wall, at least")
    min_duration_s: float = setting(1.2, "s", "shortest drop")
    min_speech_s: float = setting(0.8, "s", "speech in it that shows the wall, at least")
    min_share: float = setting(0.8, "", "share of its speech that shows the wall, at least")
    around_s: float = setting(3.0, "s", "where it is looked for what the channel is like without the wall")
    contrast_db: float = setting(20.0, "dB", "loud frames' level below the wall over that above it, at least")
    min_step_db: float = setting(12.0, "dB", "what that differs by from the sound beside")


@dataclass(frozen=True)
class _Wall:
    """What is known beside one wall: per frame, the levels below and above it, its height, and whether speech is there."""

    khz: int
    below: Floats
    above: Floats
    height: Floats
    speech: Flags


@dataclass(frozen=True)
class _Drop:
    khz: int
    first: int
    last: int
    step_db: float
    height_db: float
    share: float


@detector(Settings)
def bandwidth_drop(track: Track, settings: Settings) -> Iterator[Finding]:
    """Stretches in which speech ends at a wall that the channel has not always."""
    if "bands" not in track.series or track.levels.active_speech_dbfs is None:
        return
    taken = np.zeros(len(track.series["bands"].values), np.bool_)
    for wall in _walls(track, settings):
        for drop in _drops(wall, settings):
            if not taken[drop.first : drop.last].any():
                taken[drop.first : drop.last] = True
                yield _finding(track, drop)


def _finding(track: Track, drop: _Drop) -> Finding:
    start_s, end_s = drop.first / HOPS, min(drop.last / HOPS, track.samples / track.sample_rate_hz)
    return Finding(
        channel=track.channel,
        start_s=start_s,
        end_s=end_s,
        value=float(drop.khz * 1000),
        unit="Hz",
        severity="major" if drop.khz <= 4 else "minor",
        confidence=round(float(np.clip(0.5 + (drop.step_db - 12) / 60 + (drop.share - 0.8), 0.3, 0.95)), 2),
        evidence=evidence(
            bandwidth_hz=drop.khz * 1000,
            over_beside_db=round(drop.step_db, 1),
            contrast_db=round(drop.height_db, 1),
            share_of_speech=round(drop.share, 2),
        ),
    )


def _walls(track: Track, settings: Settings) -> Iterator[_Wall]:
    """The walls below half the sample rate, lowest first."""
    bands, speech = decibels(track.series["bands"]), speech_of(track)
    for i, khz in enumerate(WALLS_KHZ):
        below, above = bands[:, 2 * i], bands[:, 2 * i + 1]
        if not np.isfinite(above).any():
            continue
        height = _smooth(below) - _smooth(above)
        # a wall needs sound in front of it: enough to show it over what is behind it at the quietest
        lit = below > float(np.nanquantile(above, 0.02)) + settings.wall_db
        yield _Wall(khz, below, above, height, speech & lit & np.isfinite(height))


def _smooth(level: Floats) -> Floats:
    """Mean in dB over three frames (120 ms)."""
    padded = np.pad(level, 1, "edge")
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3, np.float32)


def _drops(wall: _Wall, settings: Settings) -> Iterator[_Drop]:
    """Stretches whose speech shows the wall, frame by frame held against its neighbours, where they qualify."""
    shows = np.convolve(wall.speech & (wall.height > settings.wall_db), np.ones(VOTERS), "same")
    denies = np.convolve(wall.speech & (wall.height < WIDE_DB), np.ones(VOTERS), "same")
    share = shows / np.maximum(shows + denies, 1)
    rule = Rule(settings.min_share, MOST, round(settings.min_duration_s * HOPS), HOPS)
    for first, last in pick(share, rule).tolist():
        drop = _drop(wall, first, last, settings)
        if drop is not None:
            yield drop


def _drop(wall: _Wall, first: int, last: int, settings: Settings) -> _Drop | None:
    """The stretch [first, last) with its ends made exact; None if it is no drop."""
    inside = wall.speech[first:last]
    if inside.sum() < settings.min_speech_s * HOPS:
        return None
    ceiling = float(np.quantile(wall.above[first:last][inside], 0.8)) + CLEAR_DB
    first, last = _exact(wall.above, max(0, first - VOTERS), last + VOTERS, ceiling)
    share = float((wall.height[first:last][wall.speech[first:last]] > settings.wall_db).mean())
    own = _contrast(wall, slice(first, last))
    beside = [_contrast(wall, span) for span in _beside(first, last, settings)]
    step = own - min(beside)
    if last - first < settings.min_duration_s * HOPS or own < settings.contrast_db or step < settings.min_step_db:
        return None
    return _Drop(wall.khz, first, last, step, own, share)


def _exact(above: Floats, first: int, last: int, ceiling: float) -> tuple[int, int]:
    """Without the frames at both ends that have sound above the wall."""
    loud: NDArray[np.int64] = np.flatnonzero(above[first:last] > ceiling)
    middle = (last - first) // 2
    early, late = loud[loud < middle], loud[loud >= middle]
    start = first + int(early[-1]) + 1 if len(early) else first
    return start, (first + int(late[0]) if len(late) else last)


def _beside(first: int, last: int, settings: Settings) -> tuple[slice, slice]:
    reach = round(settings.around_s * HOPS)
    return slice(max(0, first - reach), first), slice(last, last + reach)


def _contrast(wall: _Wall, span: slice) -> float:
    """The loud frames' level before the wall less that behind it, each in its own order; inf: too little speech."""
    speech = wall.speech[span]
    if speech.sum() < HOPS // 2:
        return np.inf
    loud = [float(np.quantile(side[span][speech], 0.85)) for side in (wall.below, wall.above)]
    return loud[0] - loud[1]
