"""The same speech again: a fainter copy 60 to 520 ms later.

What it finds
-------------
Stretches of 20 s and more in which the spectrum is rippled by a copy of the sound itself, always at the same lag.

Why it matters
--------------
Talkers who hear themselves late stop talking; listeners hear everything twice. One participant's loudspeaker reaches
a microphone, or somebody listens to two copies of the room.

What fools it
-------------
Music that repeats itself sample by sample (loops), and effects that are meant (delay, slap-back). Far walls: a hall's
own echo of 60 ms and more is found, and is one. An echo canceller that wakes up and falls asleep, or a copy through a
jitter buffer that stretches time, has no steady lag and is not found. Lags over 520 ms are not looked for.

Thresholds and their source
---------------------------
A copy of gain g gives a peak of g in the cepstrum of the mean log spectrum (Bogert, Healy, Tukey 1963). Speech alone
has peaks of 2 to 4.6 times the noise around, at another lag each time: 6 times, at one lag within 1 ms, in two
windows of 10 s in a row (12 in one of them) is beyond that. Echoes with other peaks half as high at many lags are
rhythm.

What to do
----------
Find who is not heard twice: that participant's loudspeaker feeds a microphone; ask for headphones, look at the
canceller. On a recording of the mix alone look for a second bot or a bridge that returns its own sound.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.measures.tones import ECHO, ECHO_S
from aqa.model import Doubles, Finding, evidence
from aqa.sound_model import Track


@dataclass(frozen=True)
class Settings:
    """When a peak is an echo."""

    min_over_noise: float = setting(6.0, "", "height of the peak over the noise around it")
    min_best_over_noise: float = setting(9.0, "", "the same in one window at least")
    min_over_next: float = setting(1.35, "", "height of the peak over the next highest, in the median")
    same_lag_ms: float = setting(1.0, "ms", "lags this near are one echo's")
    min_windows: int = setting(2, "", "windows of 10 s in a row, at least")


@detector(Settings)
def echo(track: Track, settings: Settings) -> Iterator[Finding]:
    """Windows in a row with a peak at one lag."""
    if "echo" not in track.series:
        return
    values = dict(zip(ECHO, track.series["echo"].values.astype(np.float64).T, strict=True))
    over = values["height"] / np.maximum(values["noise"], 1e-3)
    shown = over >= settings.min_over_noise
    first = 0
    while first < len(over):
        last = first
        while last < len(over) and shown[last] and _same(values["lag_ms"], first, last, settings):
            last += 1
        inside = slice(first, last)
        first = max(last, first + 1)
        if last - inside.start >= settings.min_windows and _clear(values, over, inside, settings):
            yield _finding(track, values, over, inside)


def _same(lag_ms: Doubles, first: int, at: int, settings: Settings) -> bool:
    return bool(abs(lag_ms[at] - lag_ms[first]) <= settings.same_lag_ms)


def _clear(values: dict[str, Doubles], over: Doubles, inside: slice, settings: Settings) -> bool:
    """One window is beyond doubt, and the lag stands alone."""
    alone = np.median(values["height"][inside] / np.maximum(values["next_height"][inside], 1e-3))
    return bool(over[inside].max() >= settings.min_best_over_noise and alone >= settings.min_over_next)


def _finding(track: Track, values: dict[str, Doubles], over: Doubles, inside: slice) -> Finding:
    gain_db = 20 * float(np.log10(np.median(values["height"][inside])))
    return Finding(
        channel=track.channel,
        start_s=float(inside.start * ECHO_S),
        end_s=min(float(inside.stop * ECHO_S), track.samples / track.sample_rate_hz),
        value=round(float(np.median(values["lag_ms"][inside])), 1),
        unit="ms",
        severity="major" if gain_db > -15 else "minor",
        confidence=round(float(np.clip(0.4 + 0.03 * np.median(over[inside]), 0.4, 0.95)), 2),
        evidence=evidence(
            lag_ms=round(float(np.median(values["lag_ms"][inside])), 1),
            level_db=round(gain_db, 1),
            over_noise=round(float(np.median(over[inside])), 1),
            windows=inside.stop - inside.start,
        ),
    )
