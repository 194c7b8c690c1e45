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
A sine at full scale is not clipped and gives none. Tones below 50 Hz are flat enough at their crests to look so;
synthetic square waves are clipped by nature. After a lossy codec the tops are no longer flat and are not found: the
spread of magnitudes (evidence `tail_db`) hints at it and is no finding, for limiters and music have the same.

Thresholds and their source
---------------------------
At full scale runs of rate / 6000 samples and at least 3, equal within one step: full-scale monitors ask for 3 at 8
kHz to 24 at 96 kHz (Frontline); and at least two runs in a finding, or one of 2 ms. Below full scale 3 samples
that sound leaves steeply: a crest that is flat within one step over L samples by nature falls by (1 + 2 / L)^2
steps, at most 2.8, one sample later (it is a parabola); so the drop at the steeper side is at least 4 steps and 0.2
% (0.02 dB, what the edges are rounded to). At least 4 of them in the channel at that extreme, for the largest sample
of any sound may have equal neighbours by luck. Major from 1 % of the stretch's samples on.

What to do
----------
Lower the capture gain of that participant, or the mixer's; check automatic gain control.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.model import Finding, evidence
from aqa.picker import merge
from aqa.sound_model import RunTable, Track

FULL_SCALE = 0.98
STEEP_STEPS = 4.0
STEEP_SHARE = 0.002
STEP = 2.0**-15  # of 16 bits, where a track does not tell its own


@dataclass(frozen=True)
class Settings:
    """When flat tops are clipping."""

    merge_ms: float = setting(500.0, "ms", "flat tops up to this far apart are one finding")
    min_runs: int = setting(2, "", "flat tops in a finding, at least")
    min_run_ms: float = setting(2.0, "ms", "a single flat top of this length is enough")
    min_own_runs: int = setting(4, "", "flat tops below full scale in the channel, at least")
    major_share: float = setting(0.01, "", "share of clipped samples from which it is major")


@detector(Settings)
def clipping(track: Track, settings: Settings) -> Iterator[Finding]:
    """Flat tops, those near each other as one."""
    runs, rate = trusted(track, settings), track.sample_rate_hz
    tail_db = _tail_db(track)
    lengths = runs.end_sample - runs.start_sample
    spans = np.stack([runs.start_sample, runs.end_sample], axis=1)
    for start, end in merge(spans, round(settings.merge_ms * rate / 1000)):
        inside = slice(*np.searchsorted(runs.start_sample, (start, end)))
        count, longest, samples = len(lengths[inside]), int(lengths[inside].max()), int(lengths[inside].sum())
        full = bool((np.abs(runs.value[inside]) >= FULL_SCALE).any())
        if full and count < settings.min_runs and longest < settings.min_run_ms * rate / 1000:
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
                tail_db=tail_db,
                level=float(np.abs(runs.value[inside]).max()),
                start_sample=int(start),
                end_sample=int(end),
            ),
        )


def trusted(track: Track, settings: Settings) -> RunTable:
    """Flat tops long enough at full scale, and those below it that are too steep and too many to be natural."""
    runs = track.runs.of("clipped")
    height, length = np.abs(runs.value), runs.end_sample - runs.start_sample
    full = (height >= FULL_SCALE) & (length >= max(3, -(-track.sample_rate_hz // 6000)))
    outside = 10 ** (np.minimum(runs.peak_before_dbfs, runs.peak_after_dbfs) / 20)
    step = track.facts.get("lsb") or STEP
    below = (height < FULL_SCALE) & (height - outside >= np.maximum(STEEP_STEPS * step, STEEP_SHARE * height))
    for side in (runs.value > 0, runs.value < 0):
        if np.count_nonzero(below & side) < settings.min_own_runs:
            below &= ~side
    return runs.where(full | below)


def _tail_db(track: Track) -> float | None:
    """Level that 0.01 % of the samples exceed over that of 1 %: small where sound was clipped or limited."""
    rare, common = track.facts.get("q9999_dbfs"), track.facts.get("q99_dbfs")
    return None if rare is None or common is None else round(rare - common, 2)
