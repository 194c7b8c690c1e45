"""Mains hum: lines at 50 or 60 Hz and their multiples that stand still.

What it finds
-------------
Stretches of a minute and more in which two or more of the first six harmonics of 50 or 60 Hz keep their phase for
half a minute at a time, at exact multiples of one base frequency.

Why it matters
--------------
A ground loop or an unbalanced cable at one participant: everybody hears it as long as that microphone is open.

What fools it
-------------
Fans and refrigerators run at the mains' pace too: their hum is real. A synthetic bass that holds one note of just
that pitch for a minute. A microphone that is opened for seconds at a time shows hum too seldom, and hum is not found.

Thresholds and their source
---------------------------
A line's score is its power over what noise of the same power around would have in 1/30 Hz (1 on average, and 120 for
a line alone, as there are four amplitudes a second). Two of six harmonics have 10 in the mean of two half minutes in
a row, one of the two among the first three, as those are the strongest of a mains' spectrum; all six together have
25 in each of them, and noise 7 to 21 at the base that suits it best. In 5 hours of clean sound of eight domains the
most was 8.5 for the second of two harmonics (a real recording with hum of its own); hum at -60 dBFS in speech of -10
to -42 dBFS has 11 and more. The base is within 0.4 % of nominal (`measures/mains.py`), and within 0.05 Hz the same in
both half minutes, as mains do not change faster (ENTSO-E: 0.01 Hz or so in that time).

What to do
----------
Have that participant change cable, power supply or USB port, or run the laptop on its battery; a high-pass filter at
150 Hz helps until then.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.measures.mains import HARMONICS, HUM, HUM_S, MAINS_HZ, QUARTERS
from aqa.model import Doubles, Finding, Flags, evidence
from aqa.picker import true_runs
from aqa.sound_model import Track

SAME_BASE_HZ = 0.05
LOW = 3  # the first harmonics


@dataclass(frozen=True)
class Settings:
    """When lines are hum."""

    min_score: float = setting(10.0, "", "a harmonic's power over the noise around it, in 1/30 Hz, at least")
    min_harmonics: int = setting(2, "", "harmonics that have it, at least")
    min_score_together: float = setting(25.0, "", "all harmonics' scores, in each half minute")
    min_duration_s: float = setting(60.0, "s", "shortest stretch, in half minutes")
    min_level_db: float = setting(-50.0, "dB", "level of the lines together, relative to active speech")


@detector(Settings)
def hum(track: Track, settings: Settings) -> Iterator[Finding]:
    """Half minutes in a row with the same family of lines."""
    if "hum" not in track.series or track.series["hum"].columns != HUM or track.levels.active_speech_dbfs is None:
        return
    values = track.series["hum"].values.astype(np.float64)
    end_s = track.samples / track.sample_rate_hz
    families = [_Family(values, mains) for mains in MAINS_HZ]
    shown = [family.shown(settings, track.levels.active_speech_dbfs) for family in families]
    both = np.logical_and.reduce(shown)  # mains have one frequency: a sound that repeats exactly has lines everywhere
    for family, pairs in zip(families, shown, strict=True):
        for first, last in true_runs(pairs & ~both).tolist():
            # a pair more than there are pairs; the last half minute may be cut short by the recording's end
            if (last + 1 - first) * HUM_S >= settings.min_duration_s:
                yield _finding(track, family, (first, last + 1), end_s)


class _Family:
    """The columns of one mains frequency, a row per half minute."""

    def __init__(self, values: Doubles, mains: int) -> None:
        self.mains = mains
        self.heights = values[:, [HUM.index(f"prominence_{n}_db_{mains}") for n in range(1, HARMONICS + 1)]]
        self.level, self.base = (values[:, HUM.index(f"{name}_{mains}")] for name in ("level_dbfs", "base_hz"))

    def shown(self, settings: Settings, speech_dbfs: float) -> Flags:
        """Pairs of half minutes in which it stands out; not where one is not measured. One fewer than rows."""
        over = 10 ** (self.heights / 10)
        score = over / (1 + over / QUARTERS)
        out = (score[:-1] + score[1:]) / 2 >= settings.min_score
        enough = (out.sum(axis=1) >= settings.min_harmonics) & out[:, :LOW].any(axis=1)
        each = (score.sum(axis=1) >= settings.min_score_together) & (
            self.level >= speech_dbfs + settings.min_level_db
        )
        same = np.abs(np.diff(self.base)) <= SAME_BASE_HZ
        return np.asarray(enough & each[:-1] & each[1:] & same)


def _finding(track: Track, family: _Family, rows: tuple[int, int], end_s: float) -> Finding:
    here = slice(*rows)
    level = float(np.median(family.level[here]))
    heights = np.median(family.heights[here], axis=0)
    over = level - (track.levels.noise_floor_dbfs or level)
    return Finding(
        channel=track.channel,
        start_s=float(rows[0] * HUM_S),
        end_s=min(float(rows[1] * HUM_S), end_s),
        value=round(level, 1),
        unit="dBFS",
        severity="major" if level > (track.levels.active_speech_dbfs or 0.0) - 25 else "minor",
        confidence=round(float(np.clip(0.5 + 0.02 * np.sort(heights)[-2], 0.5, 0.97)), 2),
        evidence=evidence(
            mains_hz=family.mains,
            base_hz=round(float(np.median(family.base[here])), 3),
            prominence_db=[round(float(height), 1) for height in heights],
            level_dbfs=round(level, 1),
            over_noise_floor_db=round(over, 1),
        ),
    )
