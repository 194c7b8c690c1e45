"""A constant voltage under the sound: its mean is not zero.

What it finds
-------------
Stretches of at least 10 s in which the mean of every second stays on one side of zero at nearly one value, of half a
per cent of full scale or more; in quiet recordings of a tenth of the active speech level or more.

Why it matters
--------------
It is not heard itself; it takes headroom (clipping begins earlier on one side), clicks at every mute and cut, and
raises every level that is measured. It shows a defective sound card, cable or converter.

What fools it
-------------
Very low sound (wind, a passing truck, music below 20 Hz) shifts the mean of single seconds, to and fro: a stretch
counts only if its seconds agree. A recorder's idle pattern of one or two steps of 16 bits is far below.

Thresholds and their source
---------------------------
0.5 % of full scale is -46 dBFS, the level of a quiet room's noise in a recording of speech at -26 dBFS. For quieter
speech the limit falls with it, to a tenth of its level (-20 dB), but not below 0.05 % (16 steps of 16 bits):
converters specify offsets of a few steps. Agreement: the quarters of the seconds differ by less than 0.3 of the
median; natural low sound changes sign.

What to do
----------
Change or repair the sound card or cable of that participant, or put a high-pass filter (20 Hz) after the capture.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.model import Doubles, Finding, evidence
from aqa.picker import Rule, pick
from aqa.sound_model import Track


@dataclass(frozen=True)
class Settings:
    """When a mean is an offset."""

    least: float = setting(0.005, "", "mean of a second, full scale 1")
    of_speech: float = setting(0.1, "", "or this share of the active speech level (RMS), where that is less")
    floor: float = setting(0.0005, "", "but never less than this, full scale 1")
    min_duration_s: float = setting(10.0, "s", "shortest stretch")
    merge_s: float = setting(2.0, "s", "seconds without it that do not end a stretch")
    spread: float = setting(0.3, "", "largest difference between the quarters of the seconds, by their median")
    major: float = setting(0.05, "", "major from this mean on, full scale 1")


@detector(Settings)
def dc_offset(track: Track, settings: Settings) -> Iterator[Finding]:
    """Stretches of seconds with one mean that is not zero."""
    series, speech = track.series.get("offset"), track.levels.active_speech_dbfs
    if series is None or speech is None:
        return
    means = np.asarray(series.values[:, 0], np.float64)
    least = min(settings.least, max(settings.floor, settings.of_speech * 10 ** (speech / 20)))
    rule = Rule(least, minimum=round(settings.min_duration_s), merge=round(settings.merge_s))
    found = [(int(a), int(b), side) for side in (1, -1) for a, b in pick(side * means, rule)]
    for first, last, side in sorted(found):
        inside = means[first:last]
        low, middle, high = np.nanpercentile(side * inside, (25, 50, 75))
        if high - low <= settings.spread * middle:
            yield _finding(track, (first, last), inside, settings)


def _finding(track: Track, seconds: tuple[int, int], means: Doubles, settings: Settings) -> Finding:
    mean = float(np.nanmedian(means))
    return Finding(
        channel=track.channel,
        start_s=float(seconds[0]),
        end_s=min(float(seconds[1]), track.samples / track.sample_rate_hz),
        value=round(100 * mean, 3),
        unit="% of full scale",
        severity="major" if abs(mean) >= settings.major else "minor",
        confidence=0.95 if abs(mean) >= settings.least else 0.8,
        evidence=evidence(
            mean=mean,
            least_second=float(np.nanmin(means)),
            largest_second=float(np.nanmax(means)),
            active_speech_dbfs=track.levels.active_speech_dbfs,
        ),
    )
