"""Mains hum: lines at 50 or 60 Hz and their multiples that stand still.

What it finds
-------------
Stretches of a minute and more in which two or more of the first six harmonics of 50 or 60 Hz stand out of what the
pauses between sounds hold, at exact multiples of one base frequency.

Why it matters
--------------
A ground loop or an unbalanced cable at one participant: everybody hears it as long as that microphone is open.

What fools it
-------------
Fans and refrigerators run at the mains' pace too: their hum is real. A bass that holds one note of just that pitch
for a minute. A microphone that is opened for seconds at a time shows hum too seldom, and hum is not found.

Thresholds and their source
---------------------------
8 dB of prominence and two of six harmonics: measured on 50 and 60 Hz at -50 to -70 dBFS in speech (recall at -60
dBFS 0.93 by a 25th-percentile spectrum of 30 s). One of the two is among the first three, as those are the strongest
of a mains' spectrum. The base is within 0.4 % of nominal (`measures/tones.py`). Two half minutes in a row with the
same base, for one can be music's luck. Steady: the pauses' 25th percentile lies not more than 8 dB over the 10th.

What to do
----------
Have that participant change cable, power supply or USB port, or run the laptop on its battery; a high-pass filter at
150 Hz helps until then.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.measures.tones import HARMONICS, HUM, HUM_S, MAINS_HZ
from aqa.model import Doubles, Finding, Flags, Track, evidence
from aqa.picker import true_runs

SAME_BASE_HZ = 0.2  # as far as mains wander
LOW = 3  # the first harmonics


@dataclass(frozen=True)
class Settings:
    """When lines are hum."""

    min_prominence_db: float = setting(8.0, "dB", "a harmonic stands out by")
    min_harmonics: int = setting(2, "", "harmonics that stand out, at least")
    max_unsteady_db: float = setting(8.0, "dB", "25th percentile of the lines' levels over their 10th, at most")
    min_duration_s: float = setting(60.0, "s", "shortest stretch, in half minutes")
    min_level_db: float = setting(-50.0, "dB", "level of the lines together, relative to active speech")


@detector(Settings)
def hum(track: Track, settings: Settings) -> Iterator[Finding]:
    """Half minutes in a row with the same family of lines."""
    if "hum" not in track.series or track.levels.active_speech_dbfs is None:
        return
    values = track.series["hum"].values.astype(np.float64)
    end_s = track.samples / track.sample_rate_hz
    for mains in MAINS_HZ:
        family = _Family(values, mains)
        shown = family.shown(settings, track.levels.active_speech_dbfs)
        for first, last in true_runs(shown).tolist():
            # the last half minute may be cut short by the recording's end
            if (last - first) * HUM_S >= settings.min_duration_s and family.together(first, last):
                yield _finding(track, family, (first, last), end_s)


class _Family:
    """The columns of one mains frequency, a row per half minute."""

    def __init__(self, values: Doubles, mains: int) -> None:
        self.mains = mains
        self.heights = values[:, [HUM.index(f"prominence_{n}_db_{mains}") for n in range(1, HARMONICS + 1)]]
        self.level, self.unsteady, self.base = (
            values[:, HUM.index(f"{name}_{mains}")] for name in ("level_dbfs", "unsteady_db", "base_hz")
        )

    def shown(self, settings: Settings, speech_dbfs: float) -> Flags:
        """Half minutes in which it stands out; not where it is not measured."""
        out = self.heights >= settings.min_prominence_db
        enough = (out.sum(axis=1) >= settings.min_harmonics) & out[:, :LOW].any(axis=1)
        loud = self.level >= speech_dbfs + settings.min_level_db
        return np.asarray(enough & loud & (self.unsteady <= settings.max_unsteady_db))

    def together(self, first: int, last: int) -> bool:
        """Whether it is one base all along."""
        return bool(np.ptp(self.base[first:last]) <= SAME_BASE_HZ)


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
            unsteady_db=round(float(np.median(family.unsteady[here])), 1),
        ),
    )
