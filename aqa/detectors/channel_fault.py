"""A stereo recording with one side dead, far too quiet, or of the wrong polarity.

What it finds
-------------
Of the first two channels of a recording, judged per second where the louder side is active: a side that is 50 dB or
more below the other all along (dead); stretches of 10 s in which a side holds the same sound as the other 20 dB or
more below it (quiet); and stretches of 10 s in which the sides are the same sound upside down (polarity).

Why it matters
--------------
With headphones half of the sound is gone; of opposite polarity, whoever listens to a mono sum hears nothing at all.

What fools it
-------------
Two callers on two sides: neither is dead while the other speaks, for their sounds are not the same; so a side counts
as quiet only where its sound is that of the other, and as dead only if it never spoke. Recordings whose channels are
known to be participants are not judged. Two equal sides (false stereo) are no fault. Music with widened stereo may
be negatively correlated for a moment, not for 10 s at 0.8.

Thresholds and their source
---------------------------
20 dB: no stereo image is made with more than 15 to 20 dB between sides (a source is heard fully at one side from 15
dB on: Blauert, Spatial Hearing, 3.1); 50 dB is beyond any microphone's crosstalk within one recording. Correlation of
magnitude 0.8, of plain products over a second: the same sound but for noise; the sides of natural stereo pairs are
not below -0.3 for long. 10 s: longer than a phrase. Active is the active speech level less 15.9 dB (ITU-T P.56's
margin).

What to do
----------
Check the cable (a balanced plug in an unbalanced socket gives opposite polarity, a half-inserted one a dead side),
the panning in the mixer, and which channels the recorder was given.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.model import Doubles, Finding, Flags, evidence
from aqa.picker import Rule, pick
from aqa.sound_model import Track

MARGIN_DB = 15.9  # ITU-T P.56 6.1


@dataclass(frozen=True)
class Settings:
    """When two sides do not fit."""

    dead_db: float = setting(50.0, "dB", "dead if this far below the other side all along")
    quiet_db: float = setting(20.0, "dB", "too quiet if this far below the other side")
    alike: float = setting(0.8, "", "correlation from which on the sides are the same sound")
    min_duration_s: float = setting(10.0, "s", "active seconds in a finding, at least")
    merge_s: float = setting(5.0, "s", "seconds in between that do not end a finding")


@detector(Settings)
def channel_fault(track: Track, settings: Settings) -> Iterator[Finding]:
    """This side dead or too quiet, or the two upside down to each other."""
    series = track.series.get("pair")
    if series is None or not len(series.values):
        return
    own, other, product = np.asarray(series.values, np.float64).T
    with np.errstate(invalid="ignore"):
        below_db = 10 * np.log10((other + 1e-20) / (own + 1e-20))
        alike = product / np.sqrt(own * other + 1e-30)
    active = _active(np.fmax(own, other))
    if active.sum() < settings.min_duration_s:
        return
    dead = active & (below_db >= settings.dead_db)
    if dead[active].all():
        first, last = np.flatnonzero(active)[[0, -1]].tolist()
        yield _finding(track, "dead", (first, last + 1), below_db[active], alike[active])
        return
    quiet = active & (below_db >= settings.quiet_db) & (np.abs(alike) >= settings.alike)
    turned = active & (alike <= -settings.alike) & (np.abs(below_db) < settings.quiet_db)
    for fault, flags in (("quiet", quiet), ("polarity", turned)):
        for first, last in _stretches(flags, active, settings):
            inside = slice(first, last)
            here = flags[inside]
            yield _finding(track, fault, (first, last), below_db[inside][here], alike[inside][here])


def _active(power: Doubles) -> Flags:
    """Seconds that are not far below the usual loud second of the louder side."""
    known = power[np.isfinite(power) & (power > 1e-11)]
    if not len(known):
        return np.zeros(len(power), np.bool_)
    loud = float(np.mean(known[known >= np.median(known)]))
    return np.asarray(np.nan_to_num(power) >= loud * 10 ** (-MARGIN_DB / 10))


def _stretches(flags: Flags, active: Flags, settings: Settings) -> Iterator[tuple[int, int]]:
    """Stretches of enough flagged seconds, which are four fifths of the active ones there at least."""
    where = np.flatnonzero(flags)
    for first, last in pick(flags.astype(np.float64), Rule(1.0, merge=round(settings.merge_s))).tolist():
        inside = where[(where >= first) & (where < last)]
        if len(inside) >= settings.min_duration_s and len(inside) >= 0.8 * active[first:last].sum():
            yield first, last


def _finding(track: Track, fault: str, seconds: tuple[int, int], below_db: Doubles, alike: Doubles) -> Finding:
    return Finding(
        channel=track.channel,
        start_s=float(seconds[0]),
        end_s=min(float(seconds[1]), track.samples / track.sample_rate_hz),
        value=round(float(np.median(alike)), 3) if fault == "polarity" else round(float(np.median(below_db)), 1),
        unit="correlation" if fault == "polarity" else "dB",
        severity="major",
        confidence=0.9,
        evidence=evidence(
            fault=fault,
            below_other_side_db=min(float(np.median(below_db)), 200.0),
            correlation=float(np.median(alike)),
            active_seconds=len(alike),
        ),
    )
