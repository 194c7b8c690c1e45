"""Sound that is heard again, bit for bit: stuck buffers and repeated frames.

What it finds
-------------
Stretches that equal the sound 5 to 200 ms before them, sample by sample, over 90 % of that time. A frame repeated
many times is one finding, with the count. It runs from the first repeated sample to the last.

Why it matters
--------------
A stutter or a robot's voice: a driver or a mixer that ran dry plays its last buffer again, a receiver fills in for a
lost packet with the one before.

What fools it
-------------
Loops of synthetic music that repeat within 200 ms are bit for bit the same as a fault; where they fill three tenths
of the recording they count as its nature. Speech synthesis plays the same noise again, but for part of a lag. Tones
and buzzes of a generator have a period: what follows its own pattern within the frame, what already went on before
it, or what sets in out of silence gives none. After a lossy codec, resampling or dither nothing is equal any more,
and nothing is found. Correlation does not replace equality. It was tried on frames of 10 to 60 ms, flattened and
from 3 to 8 kHz alone, less what it was before the repeat. On the validation split of tests/accuracy, with no false
alarm in 18 minutes of natural speech, meetings and music, it found .98 of frames after MP3 at 128 kb/s, .48 after AAC
at 64 and .36 after Opus at 32; synthetic speech, whose periods are copies, gave 300 to 500 false alarms an hour all
the same.

Thresholds and their source
---------------------------
90 % of the lag: all repeats of 10 to 60 ms in PCM speech, none in clean speech and noise. Correlation with itself
at shorter lags, or with the sound before, below 0.9998: steady vowels reach 0.9994, generators' tones 0.99999.
Level: 30 dB below the active speech level at most, so that it can be heard; what came before it no more than 60 dB
below it. At least half of its samples differ from the one before. Minor below 60 ms of repeated sound, critical
from 200 ms on, as dropouts are.

What to do
----------
Look for packets lost or late at the same time; with none, at the load of the mixer and of the sender's computer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from aqa.detector import detector, setting
from aqa.model import Doubles, Finding, Flags, evidence
from aqa.sound_model import Candidates, Track


@dataclass(frozen=True)
class Settings:
    """When sound that comes twice is a fault."""

    max_correlation: float = setting(0.9998, "", "with itself at a shorter lag, or with the sound before, at most")
    min_level_db: float = setting(-30.0, "dB", "level relative to the active speech level, at least")
    min_before_db: float = setting(-60.0, "dB", "level of what came before it, relative to its own, at least")
    min_changing_share: float = setting(0.5, "", "share of its samples that differ from the one before, at least")
    min_share: float = setting(0.9, "", "share of the lag that is repeated, at least")
    max_share: float = setting(0.3, "", "share of the recording that is repeated, from which it is its nature")


@detector(Settings)
def repetition(track: Track, settings: Settings) -> Iterator[Finding]:
    """Repeats of natural sound."""
    runs, speech = track.candidates.get("repetition"), track.levels.active_speech_dbfs
    if runs is None or speech is None or not len(runs.start_sample):
        return
    of = {name: runs.features[:, i].astype(np.float64) for i, name in enumerate(runs.columns)}
    rate, lengths = track.sample_rate_hz, runs.end_sample - runs.start_sample
    keep = np.flatnonzero(_natural(of, speech, settings) & (lengths >= settings.min_share * of["lag_samples"]))
    if lengths[keep].sum() > max(settings.max_share * track.samples, rate):
        return
    for i in keep:
        yield _finding(track, runs, int(i), {name: float(column[i]) for name, column in of.items()})


def _natural(of: dict[str, Doubles], speech_dbfs: float, settings: Settings) -> Flags:
    """Repeats of what a microphone may have heard, and a listener can."""
    return np.asarray(
        (np.maximum(of["own_period"], of["same_before"]) < settings.max_correlation)
        & (of["level_dbfs"] >= speech_dbfs + settings.min_level_db)
        & (of["before_dbfs"] >= of["level_dbfs"] + settings.min_before_db)
        & (of["changing_share"] >= settings.min_changing_share)
    )


def _finding(track: Track, runs: Candidates, i: int, of: dict[str, float]) -> Finding:
    """One repeat, with its count."""
    start, end, rate = int(runs.start_sample[i]), int(runs.end_sample[i]), track.sample_rate_hz
    length_ms = (end - start) / rate * 1000
    return Finding(
        channel=track.channel,
        start_s=start / rate,
        end_s=end / rate,
        value=round(length_ms, 3),
        unit="ms",
        severity=_severity(length_ms),
        confidence=round(0.98 - 0.2 * max(0.0, of["own_period"], of["same_before"]) ** 16, 2),
        evidence=evidence(
            start_sample=start,
            end_sample=end,
            lag_ms=of["lag_samples"] / rate * 1000,
            times=max(1, round((end - start) / of["lag_samples"])),
            active_speech_dbfs=track.levels.active_speech_dbfs,
            **of,
        ),
    )


def _severity(length_ms: float) -> Literal["minor", "major", "critical"]:
    if length_ms < 60:
        return "minor"
    return "major" if length_ms < 200 else "critical"
