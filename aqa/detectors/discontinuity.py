"""Clicks, splices and skips: places where the wave breaks and goes on, without a hole.

What it finds
-------------
Single places, exact to a millisecond, where one or a few samples stick out of what the sound around them predicts:
a click, samples left out (a skip), two stretches joined (a splice). Places within 20 ms are one finding.

Why it matters
--------------
Crackle: a buffer that ran over or dry, a recorder that dropped samples, a clock that was set right by force. A
listener hears ticks, or speech that stumbles.

What fools it
-------------
Mouth clicks, pen and keyboard are real clicks, and castanets and harpsichords begin like one: what is new must stay
behind no louder than before, and the level within 15 dB (lip clicks before a word raise it by 17 to 23 dB: one in a
close full-band recording gave 20 false alarms in 8 minutes). A cut that was cross-faded over a pitch period leaves
nothing. Full-band fricatives and applause hide clicks; in sound without content above a quarter of its sample rate
they stand out best. Below 32 kHz, where speech itself reaches the top of the band, most clicks stay hidden and the
thresholds are stricter.

Thresholds and their source
---------------------------
Essentials of the search are prediction error, isolation, sharpness and sound after over before (Godsill and Rayner,
Digital Audio Restoration, chapter 5, and measurements on speech, meetings and music with injected faults). Error
peak 4 times the 93rd percentile and 2.2 times the largest of the 1-ms peaks within 30 ms (glottal pulses come more
than once), 72 % of its energy within 4 samples; after it no more than 3 times the error before (attacks stay); a
peak of the sixth difference that stands out of its surroundings 6 times, and 2.8 times of the largest. No quieter
than 16 dB below the active speech level, so that what is found can be heard. 10 ms around clipped samples and
around held values, which are dropouts, count as none. Minor; major from five in a second on.

What to do
----------
Look at the recorder's load, at sample-rate conversion and clocks; many in all tracks at once point to the recorder.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.model import Candidates, Doubles, Finding, Flags, Track, evidence
from aqa.picker import merge

FULL_SCALE = 0.98
MASK_S = 0.01
LOW_RATE_HZ = 32_000  # below it sounds of speech reach half the sample rate
LOW_RATE_FACTOR = 2.0
LOW_RATE_LEVEL_DB = 10.0


@dataclass(frozen=True)
class Settings:
    """When a place that stands out is a break."""

    min_ratio: float = setting(4.0, "", "error peak over the 93rd percentile of those around, at least")
    min_isolation: float = setting(2.2, "", "error peak over the largest of those around, at least")
    min_sharpness: float = setting(0.72, "", "share of the error's energy within 4 samples")
    max_after_before: float = setting(3.0, "", "error after over before, at most")
    max_width_samples: float = setting(5.0, "samples", "width of the error peak, at most")
    min_screen_ratio: float = setting(6.0, "", "peak of the sixth difference over the mean of those around")
    min_screen_isolation: float = setting(2.8, "", "peak of the sixth difference over the largest of those around")
    min_peak_db: float = setting(-16.0, "dB", "error peak relative to the active speech level, at least")
    max_level_change_db: float = setting(
        15.0, "dB", "level after less before, at most: beyond it a sound began or ended"
    )
    merge_ms: float = setting(20.0, "ms", "places up to this far apart are one finding")
    major_per_second: int = setting(5, "1/s", "findings within a second from which they are major")


@detector(Settings)
def discontinuity(track: Track, settings: Settings) -> Iterator[Finding]:
    """Places that stand out of what the sound around them predicts."""
    all_, speech = track.candidates.get("discontinuity"), track.levels.active_speech_dbfs
    if all_ is None or speech is None or not len(all_.start_sample):
        return
    values = {name: all_.features[:, i].astype(np.float64) for i, name in enumerate(all_.columns)}
    keep = _stands_out(values, track.sample_rate_hz, speech, settings) & ~_masked(all_, track)
    starts, rate = all_.start_sample[keep], track.sample_rate_hz
    if not len(starts):
        return
    spans = merge(np.stack([starts, starts + 1], axis=1), round(settings.merge_ms * rate / 1000))
    for start, end in spans:
        at = np.flatnonzero(keep)[np.searchsorted(starts, start)]
        near = np.abs(spans[:, 0] - start) <= rate
        kept = {name: float(column[at]) for name, column in values.items()}
        yield _finding(track, (int(start), int(end)), kept, int(near.sum()) >= settings.major_per_second, speech)


def _finding(track: Track, span: tuple[int, int], of: dict[str, float], many: bool, speech: float) -> Finding:
    """One place, with what was measured there."""
    sure = (
        0.5 + 0.2 * min(1.0, np.log(of["isolation"]) / np.log(10)) + 0.2 * min(1.0, np.log(of["ratio"]) / np.log(30))
    )
    return Finding(
        channel=track.channel,
        start_s=span[0] / track.sample_rate_hz,
        end_s=span[1] / track.sample_rate_hz,
        value=round(of["peak_dbfs"] - speech, 1),
        unit="dB",
        severity="major" if many else "minor",
        confidence=round(float(sure), 2),
        evidence=evidence(
            start_sample=span[0],
            end_sample=span[1],
            shape="click of one sample" if of["impulse_share"] > 0.9 else "click, skip or splice",
            active_speech_dbfs=speech,
            **{name: value for name, value in of.items() if name != "top"},
        ),
    )


def _stands_out(of: dict[str, Doubles], rate: int, speech_dbfs: float, settings: Settings) -> Flags:
    """Every threshold at once; at low rates those of ratio, isolation and level are stricter."""
    low = rate < LOW_RATE_HZ
    factor, level = (LOW_RATE_FACTOR, LOW_RATE_LEVEL_DB) if low else (1.0, 0.0)
    after = np.maximum(of["after_before"], of["after_before_wide"])
    return np.asarray(
        (of["ratio"] >= settings.min_ratio * factor)
        & (of["isolation"] >= settings.min_isolation * factor)
        & (of["sharpness"] >= settings.min_sharpness)
        & (after <= settings.max_after_before)
        & (of["width_samples"] <= settings.max_width_samples)
        & (of["screen_ratio"] >= settings.min_screen_ratio)
        & (of["screen_isolation"] >= settings.min_screen_isolation)
        & (of["peak_dbfs"] >= speech_dbfs + settings.min_peak_db + level)
        & (np.abs(of["level_change_db"]) <= settings.max_level_change_db)
        & (of["top"] < FULL_SCALE)
    )


def _masked(of: Candidates, track: Track) -> Flags:
    """Places beside clipped samples, or beside the edges of held values: another fault's."""
    edges = np.sort(np.concatenate([track.runs.start_sample, track.runs.end_sample]))
    if not len(edges):
        return np.zeros(len(of.start_sample), np.bool_)
    after = np.searchsorted(edges, of.start_sample)
    ahead = np.abs(edges[np.minimum(after, len(edges) - 1)] - of.start_sample)
    behind = np.abs(of.start_sample - edges[np.maximum(after - 1, 0)])
    return np.asarray(np.minimum(ahead, behind) <= MASK_S * track.sample_rate_hz)
