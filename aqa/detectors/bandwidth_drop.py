"""Sound that loses its upper frequencies all at once: full band falls to telephone width.

What it finds
-------------
Stretches of 1.2 s and more in which sound ends as at a wall at 4, 6, 8, 12, 16 or 20 kHz, where the same channel had
more above that wall right before or after. A channel that is narrow all along has lost nothing and gives none.

Why it matters
--------------
Speech turns dull and s and f can't be told apart. A sender's codec does it when its bitrate falls, a bridge when a
telephone joins, a recorder when it changes its input.

What fools it
-------------
Music whose cymbals or strings pause over a bass; long vowels and humming of a very clean voice. A switch in a pause
without noise is placed at the next sound that shows it; a channel whose own noise is as faint above the wall as a
codec's silence shows it in speech alone. Two talkers of different bandwidth on a mix, one after the other for
seconds, are reported: on a mix that is what is heard. Opus' speech mode (SILK) closes and opens its band over 5 s:
the drop is found from the second on in which nothing is left.

Thresholds and their source
---------------------------
Walls: the bandwidths of Opus (RFC 6716 2.1.3) and 16 kHz of MP3 and AAC. The wall's height is the power between 0.8
and 0.95 of the wall less that between 1.1 and 1.25 of it, smoothed over 120 ms. A frame, in speech or in the noise of
a pause, shows the wall where it is 16 dB high and nothing is left behind it: no more than 6 dB over what the channel
has there at its faintest (-100 dBFS: 16 bits have noise there) and over what a codec's filters let through (30 dB
under the sound before it). One under 12 dB denies it. In the stretch 70 % show it, half of the frames within 3 dB.
Frames are held against others of the channel within 30 s that are as loud before the wall (in steps of 6 dB): half of
them lose 13 dB behind it, three quarters 9 dB. 20 and 14 dB at 6 kHz, where instruments end; 26 and 20 dB from 12 kHz
on, in speech, and where it was 46 dB under the speech at least: codecs come and go there with the bits that they
have. Chosen on the validation split: 23 of 24 switches of Opus from wide to narrow band, 1.5 false alarms an hour.

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
from aqa.model import Finding, Flags, Floats, evidence
from aqa.picker import Rule, pick
from aqa.sound_model import Track

WIDE_DB = 12.0  # a wall this low is none
VOTERS = 25  # frames: half a second on both sides
MERGE = 10  # frames that say nothing
ENTER, MOST = 0.85, 0.75  # of the voters begin a stretch, and keep it going
MIDDLE_KHZ, HIGH_KHZ = 6, 12
CLEAR_DB = 6.0  # over the narrow stretch's level above the wall: sound is back
LEAK_DB = 30.0
FAINTEST_DBFS, FAINTEST_FRAMES = -100.0, 25
LEFT_DB = 6.0  # over the leak and the faintest; twice that denies the wall
ALIKE_DB, ALIKE_FRAMES, KNOWN = 6.0, 10, 0.3  # frames as loud, how many at least, and for what share they are known


@dataclass(frozen=True)
class Settings:
    """When a wall is a drop."""

    wall_db: float = setting(16.0, "dB", "height of the wall, at least")
    min_duration_s: float = setting(1.2, "s", "shortest drop")
    min_high_duration_s: float = setting(2.0, "s", "shortest drop to 12 kHz and up")
    min_shown_s: float = setting(0.8, "s", "sound in it that could show the wall, at least")
    min_share: float = setting(0.7, "", "share of it that shows the wall, at least")
    max_left_db: float = setting(3.0, "dB", "median left behind it, over the leak and the faintest")
    around_s: float = setting(30.0, "s", "where it is looked for what the channel is like without the wall")
    contrast_db: float = setting(20.0, "dB", "loud frames' level below the wall over that above it, at least")
    min_step_db: float = setting(13.0, "dB", "fall behind the wall of half of the frames, at least")
    min_middle_step_db: float = setting(20.0, "dB", "the same at 6 kHz, where instruments end")
    min_high_step_db: float = setting(26.0, "dB", "the same at walls of 12 kHz and up, where little is heard")
    min_high_level_db: float = setting(-46.0, "dB", "loud frames behind such a wall, relative to active speech")


@dataclass(frozen=True)
class _Wall:
    """What is known of one wall, per frame: levels below and above it, whether it could be seen, is, and is not."""

    khz: int
    below: Floats
    above: Floats
    exact: Floats  # `above` as measured, not smoothed
    left_db: Floats
    lit: Flags
    shows: Flags
    denies: Flags


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
    """Stretches in which sound ends at a wall that the channel has not always."""
    if "bands" not in track.series or track.levels.active_speech_dbfs is None:
        return
    taken = np.zeros(len(track.series["bands"].values), np.bool_)
    narrow = taken.copy()  # at this wall or at a lower one
    speech = speech_of(track)
    for wall in _walls(track, settings):
        stretches = _stretches(wall, settings)
        for first, last in stretches:
            narrow[first:last] = True
        for span in stretches:
            drop = _drop(wall, span, ~narrow, settings)
            if drop is None or (wall.khz >= HIGH_KHZ and not _heard(wall, span, ~narrow, (track, speech), settings)):
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
        confidence=round(float(np.clip(0.6 + (drop.step_db - 13) / 60 + (drop.share - 0.85), 0.3, 0.95)), 2),
        evidence=evidence(
            bandwidth_hz=drop.khz * 1000,
            over_beside_db=round(drop.step_db, 1),
            contrast_db=round(drop.height_db, 1),
            share_of_sound=round(drop.share, 2),
        ),
    )


def _walls(track: Track, settings: Settings) -> Iterator[_Wall]:
    """The walls below half the sample rate that any sound may show, lowest first."""
    bands = decibels(track.series["bands"])
    for i, khz in enumerate(WALLS_KHZ):
        below, above = _smooth(bands[:, 2 * i]), _smooth(bands[:, 2 * i + 1])
        height = below - above
        behind = np.sort(above[height >= WIDE_DB - 2])  # where a pause is quiet it is on both sides: not there
        if len(behind) < FAINTEST_FRAMES:
            continue
        faintest = min(FAINTEST_DBFS, float(behind[FAINTEST_FRAMES - 1]))
        left = above - np.maximum(faintest, below - LEAK_DB)
        lit = np.isfinite(height) & (below >= faintest + settings.wall_db)
        shows = lit & (height > settings.wall_db) & (left <= LEFT_DB)
        denies = lit & ((height < WIDE_DB) | (left > 2 * LEFT_DB))
        yield _Wall(khz, below, above, bands[:, 2 * i + 1], left, lit, shows, denies)


def _smooth(level: Floats) -> Floats:
    """Mean in dB over three frames (120 ms)."""
    padded = np.pad(level, 1, "edge")
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3, np.float32)


def _stretches(wall: _Wall, settings: Settings) -> list[tuple[int, int]]:
    """Stretches that show the wall, frame by frame held against its neighbours."""
    shows, denies = (np.convolve(votes, np.ones(VOTERS), "same") for votes in (wall.shows, wall.denies))
    rule = Rule(ENTER, MOST, round(settings.min_duration_s * HOPS), MERGE)
    return [(first, last) for first, last in pick(shows / np.maximum(shows + denies, 1), rule).tolist()]


def _drop(wall: _Wall, span: tuple[int, int], outside: Flags, settings: Settings) -> _Drop | None:
    """The stretch with its ends made exact; None if it is no drop."""
    first, last = span
    inside = np.flatnonzero(wall.lit[first:last]) + first
    if len(inside) < settings.min_shown_s * HOPS or float(np.median(wall.left_db[inside])) > settings.max_left_db:
        return None
    contrast = _loud(wall.below, inside) - _loud(wall.above, inside)
    half, most = _falls(wall, inside, _beside(span, outside, settings))
    least, shortest = _least(wall.khz, settings)
    if not (half >= least[0] and most >= least[1] and contrast >= settings.contrast_db):
        return None
    ceiling = float(np.quantile(wall.above[inside], 0.8)) + CLEAR_DB
    first, last = _exact(wall.exact, first, last, ceiling)
    shown = int(wall.shows[first:last].sum())
    share = shown / max(1, int((wall.shows | wall.denies)[first:last].sum()))
    if share < settings.min_share or last - first < shortest * HOPS:
        return None
    return _Drop(wall.khz, first, last, half, contrast, share)


def _least(khz: int, settings: Settings) -> tuple[tuple[float, float], float]:
    """Falls that half and three quarters of the frames have at least, and the shortest drop in s."""
    if khz >= HIGH_KHZ:
        return (settings.min_high_step_db, settings.min_high_step_db - 6), settings.min_high_duration_s
    if khz == MIDDLE_KHZ:
        return (settings.min_middle_step_db, settings.min_middle_step_db - 6), settings.min_duration_s
    return (settings.min_step_db, settings.min_step_db - 4), settings.min_duration_s


def _beside(span: tuple[int, int], outside: Flags, settings: Settings) -> NDArray[np.int64]:
    """Frames around that show no wall."""
    start = max(0, span[0] - round(settings.around_s * HOPS))
    return np.flatnonzero(outside[start : span[1] + round(settings.around_s * HOPS)]) + start


def _falls(wall: _Wall, inside: NDArray[np.int64], beside: NDArray[np.int64]) -> tuple[float, float]:
    """What half and three quarters of the frames have lost, against others as loud before the wall; NaN: unknown."""
    loud = np.floor(wall.below / np.float32(ALIKE_DB))
    fall = np.full(len(inside), np.nan)
    for step in np.unique(loud[inside]).tolist():
        alike = wall.above[beside[loud[beside] == step]]
        if len(alike) >= ALIKE_FRAMES:
            here = loud[inside] == step
            fall[here] = float(np.median(alike)) - wall.above[inside[here]]
    known = fall[np.isfinite(fall)]
    if len(known) < max(1.0, KNOWN * len(fall)):
        return np.nan, np.nan
    return float(np.median(known)), float(np.quantile(known, 0.25))


def _heard(wall: _Wall, span: tuple[int, int], outside: Flags, of: tuple[Track, Flags], settings: Settings) -> bool:
    """Whether it falls in speech, and what is lost could be heard beside it."""
    track, speech = of
    inside = wall.lit[span[0] : span[1]]
    beside = _beside(span, outside & wall.lit, settings)
    if len(beside) < FAINTEST_FRAMES or float(speech[span[0] : span[1]][inside].mean()) < 1 / 2:
        return False
    level = _loud(wall.above, beside) - (track.levels.active_speech_dbfs or 0.0)
    return level >= settings.min_high_level_db


def _loud(level: Floats, at: NDArray[np.int64]) -> float:
    """The level that the loudest of some frames have."""
    return float(np.quantile(level[at], 0.85))


def _exact(above: Floats, first: int, last: int, ceiling: float) -> tuple[int, int]:
    """The ends moved by up to a second to where sound above the wall stops and begins again."""
    votes = np.where(above > ceiling, 1, -1)  # NaN: no sound
    start, end = max(0, first - VOTERS), min(len(above), last + VOTERS)
    middle = (first + last) // 2
    before = np.concatenate([[0], np.cumsum(votes[start : min(first + VOTERS, middle)])])
    after = np.concatenate([[0], np.cumsum(votes[max(last - VOTERS, middle) : end][::-1])])
    # the split that puts most of the loud frames outside and most of the quiet ones inside
    return start + int(before.argmax()), end - int(after.argmax())
