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
and 0.95 of the wall less that between 1.1 and 1.25 of it, smoothed over 120 ms: a frame of active speech with 16 dB
shows the wall (by the measurements of the project, which found 95 % of Opus' switches so), one under 12 dB denies it.
In the stretch 85 % show it, and the loudest frames (85th percentile) have 20 dB less above it than below. Against
the channel's other speech within 30 s they lose 15 dB above it; 20 dB from 12 kHz on, where codecs come and go with
the bits that they have: there a stretch counts from 5 s on (Opus begins calls at 12 kHz for 2 s or so).

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
VOTERS = 25  # frames: half a second on both sides
MERGE = 10  # frames without speech that says anything
ENTER, MOST = 0.85, 0.75  # of the voters begin a stretch, and keep it going
HIGH_KHZ = 12
CLEAR_DB = 6.0  # over the narrow stretch's level above the wall: sound is back


@dataclass(frozen=True)
class Settings:
    """When a wall is a drop."""

    wall_db: float = setting(16.0, "dB", "height of the wall, at least")
    min_duration_s: float = setting(1.2, "s", "shortest drop")
    min_high_duration_s: float = setting(5.0, "s", "shortest drop to 12 kHz and up")
    min_speech_s: float = setting(0.8, "s", "speech in it that shows the wall, at least")
    min_share: float = setting(0.85, "", "share of its speech that shows the wall, at least")
    around_s: float = setting(30.0, "s", "where it is looked for what the channel is like without the wall")
    contrast_db: float = setting(20.0, "dB", "loud frames' level below the wall over that above it, at least")
    min_step_db: float = setting(15.0, "dB", "fall of the loud frames above the wall, beyond that below it")
    min_high_step_db: float = setting(20.0, "dB", "the same at walls of 12 kHz and up, where little is heard")


@dataclass(frozen=True)
class _Wall:
    """What is known of one wall, per frame: levels below and above it, its height, and whether speech shows it."""

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
        least_s = settings.min_high_duration_s if wall.khz >= HIGH_KHZ else settings.min_duration_s
        for drop in _drops(wall, settings):
            if drop.last - drop.first < least_s * HOPS:
                continue
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
        confidence=round(float(np.clip(0.5 + (drop.step_db - 15) / 60 + (drop.share - 0.85), 0.3, 0.95)), 2),
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
    rule = Rule(ENTER, MOST, round(settings.min_duration_s * HOPS), MERGE)
    stretches = pick(share, rule).tolist()
    outside = wall.speech.copy()
    for first, last in stretches:
        outside[first:last] = False
    for first, last in stretches:
        drop = _drop(wall, outside, (first, last), settings)
        if drop is not None:
            yield drop


def _drop(wall: _Wall, outside: Flags, span: tuple[int, int], settings: Settings) -> _Drop | None:
    """The stretch with its ends made exact; None if it is no drop."""
    first, last = span
    inside = np.flatnonzero(wall.speech[first:last]) + first
    if len(inside) < settings.min_speech_s * HOPS:
        return None
    ceiling = float(np.quantile(wall.above[inside], 0.8)) + CLEAR_DB
    reach = round(settings.around_s * HOPS)
    beside = np.flatnonzero(outside[max(0, first - reach) : last + reach]) + max(0, first - reach)
    own, other = _loud(wall, inside), _loud(wall, beside)
    fall = other[1] - own[1] - max(0.0, other[0] - own[0])
    contrast = own[0] - own[1]
    least = settings.min_step_db if wall.khz < HIGH_KHZ else settings.min_high_step_db
    if not (fall >= least and contrast >= settings.contrast_db and len(beside) >= HOPS):
        return None
    first, last = _exact(wall.above, first, last, ceiling)
    share = float((wall.height[first:last][wall.speech[first:last]] > settings.wall_db).mean())
    if share < settings.min_share or last - first < settings.min_duration_s * HOPS:
        return None
    return _Drop(wall.khz, first, last, fall, contrast, share)


def _loud(wall: _Wall, at: NDArray[np.int64]) -> tuple[float, float]:
    """What the loudest frames of some have before and behind the wall, each in its own order."""
    if not len(at):
        return np.nan, np.nan
    return float(np.quantile(wall.below[at], 0.85)), float(np.quantile(wall.above[at], 0.85))


def _exact(above: Floats, first: int, last: int, ceiling: float) -> tuple[int, int]:
    """The ends moved by up to a second to where sound above the wall stops and begins again."""
    votes = np.where(above > ceiling, 1, -1)  # NaN: no sound
    start, end = max(0, first - VOTERS), min(len(above), last + VOTERS)
    middle = (first + last) // 2
    before = np.concatenate([[0], np.cumsum(votes[start : min(first + VOTERS, middle)])])
    after = np.concatenate([[0], np.cumsum(votes[max(last - VOTERS, middle) : end][::-1])])
    # the split that puts most of the loud frames outside and most of the quiet ones inside
    return start + int(before.argmax()), end - int(after.argmax())
