"""Flat tops: sound cut off at full scale, or at a channel's own extreme.

What it finds
-------------
Stretches with runs of equal samples at full scale (0.98 and above), or at the largest or smallest value of the
channel where sound was turned down after it had been clipped. Runs within half a second are one finding.

Why it matters
--------------
A harsh, rattling voice; and clipping at the capture can't be repaired later.

What fools it
-------------
A sine at full scale is not clipped and gives none. Tones below 40 Hz are flat enough at their crests to look so;
synthetic square waves are clipped by nature. After a lossy codec the tops are no longer flat and are not found.

Thresholds and their source
---------------------------
Runs of rate / 6000 samples and at least 3, equal within one step: full-scale monitors ask for 3 at 8 kHz to 24 at
96 kHz (Frontline); flat runs found 0.2 % of clipped samples in PCM with 99 % recall at 1 % false alarms. At least
two runs, or one of 2 ms: a single short one may be one sample's luck. Major from 1 % of the stretch's samples on.

What to do
----------
Lower the capture gain of that participant, or the mixer's; check automatic gain control.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.model import Finding, Track, evidence
from aqa.picker import merge


@dataclass(frozen=True)
class Settings:
    """When flat tops are clipping."""

    merge_ms: float = setting(500.0, "ms", "flat tops up to this far apart are one finding")
    min_runs: int = setting(2, "", "flat tops in a finding, at least")
    min_run_ms: float = setting(2.0, "ms", "a single flat top of this length is enough")
    major_share: float = setting(0.01, "", "share of clipped samples from which it is major")


@detector(Settings)
def clipping(track: Track, settings: Settings) -> Iterator[Finding]:
    """Flat tops, those near each other as one."""
    runs, rate = track.runs.of("clipped"), track.sample_rate_hz
    lengths = runs.end_sample - runs.start_sample
    spans = np.stack([runs.start_sample, runs.end_sample], axis=1)
    for start, end in merge(spans, round(settings.merge_ms * rate / 1000)):
        inside = slice(*np.searchsorted(runs.start_sample, (start, end)))
        count, longest, samples = len(lengths[inside]), int(lengths[inside].max()), int(lengths[inside].sum())
        if count < settings.min_runs and longest < settings.min_run_ms * rate / 1000:
            continue
        share = samples / int(end - start)
        yield Finding(
            channel=track.channel,
            start_s=int(start) / rate,
            end_s=int(end) / rate,
            value=float(samples),
            unit="samples",
            severity="major" if share >= settings.major_share else "minor",
            evidence=evidence(
                runs=count,
                longest_samples=longest,
                share=share,
                level=float(np.abs(runs.value[inside]).max()),
                start_sample=int(start),
                end_sample=int(end),
            ),
        )
