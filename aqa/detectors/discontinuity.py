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
Mouth clicks, pen and keyboard are real clicks, and plucked strings, castanets and plosives begin like one. A cut that
was cross-faded over a pitch period leaves nothing. A click is found where it stands out of what can't be predicted:
noise, applause and full-band fricatives hide it, and at 8 and 16 kHz, where speech fills the whole band, so do the
pulses of the voice: there half of the clicks of half the RMS around can't be seen at all.

Thresholds and their source
---------------------------
Sound is whitened by linear prediction, and a wrong sample looked for with the predictor run backwards (Godsill and
Rayner, Digital Audio Restoration, chapter 5). The score is the log odds of boosted trees, which see how far a place
stands out of the 30 ms on each side, how sharp it is, and what is louder after it than before; no absolute level
(tests/accuracy/train_clicks.py says what they learnt from). Its default leaves 5 false alarms per hour of clean
speech on the validation split (4.5 hours): 3 at 44.1 and 48 kHz, 3 at 8 and 11 at 16 kHz; in single words that
amateurs spoke close to a microphone 16. To the eye many are breaks in the recordings themselves: mice and lips, a
step in a meeting. It finds, at 48 kHz, alone or in crackle, 0.50 of clicks of half the RMS around, 0.76 of those of 1
or 4 times it, 0.70 of skips of 5 ms, 0.74 of 10 and 20 ms, and 0.78 of splices; at 16 kHz half as many, at 8 kHz a
third. A wrong sample more than 24 dB below the sound beside it is not heard (most of what music gave in validation
lay 38 dB and more below), nor one 30 dB below the active speech level. Where the level changes by more than 30 dB a
sound begins or ends. 10 ms around clipped samples and around held values, which are dropouts, count
as none. Confidence is Platt's line through the score on the same split, for a room with 60 faults an hour. Minor;
major from five in a second on.

What to do
----------
Look at the recorder's load, at sample-rate conversion and clocks; many in all tracks at once point to the recorder.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.clicks import MEANING, MIN_SCORE, Limits, confidence, heard, judged
from aqa.detector import detector, setting
from aqa.model import Finding, evidence
from aqa.picker import merge
from aqa.sound_model import Track

SHOWN = (
    "match_isolation_db", "match_over_high_db", "error_isolation_db", "sharpness", "impulse_share", "width_samples",
    "after_before_db", "level_change_db", "size_db", "peak_dbfs", "around_dbfs",
)  # fmt: skip
"""What of the candidate's features is shown with a finding."""


@dataclass(frozen=True)
class Settings:
    """When a place that stands out is a break."""

    min_score: float = setting(MIN_SCORE, "", MEANING)
    min_peak_db: float = setting(Limits.min_peak_db, "dB", "error peak relative to the active speech level, at least")
    min_size_db: float = setting(Limits.min_size_db, "dB", "wrong sample relative to the sound beside it, at least")
    max_level_change_db: float = setting(
        Limits.max_level_change_db, "dB", "level after less before, at most: beyond it a sound began or ended"
    )
    merge_ms: float = setting(20.0, "ms", "places up to this far apart are one finding")
    major_per_second: int = setting(5, "1/s", "findings within a second from which they are major")


@detector(Settings)
def discontinuity(track: Track, settings: Settings) -> Iterator[Finding]:
    """Places that stand out of what the sound around them predicts."""
    all_, speech, rate = track.candidates.get("discontinuity"), track.levels.active_speech_dbfs, track.sample_rate_hz
    if all_ is None or speech is None or not len(all_.start_sample):
        return
    score = judged(track)
    limits = Limits(settings.min_peak_db, settings.min_size_db, settings.max_level_change_db)
    keep = np.flatnonzero((score >= settings.min_score) & heard(track, limits))
    starts = all_.start_sample[keep]
    spans = merge(np.stack([starts, starts + 1], axis=1), round(settings.merge_ms * rate / 1000))
    for start, end in spans.tolist():
        at = keep[np.searchsorted(starts, start) : np.searchsorted(starts, end)]
        best = int(at[np.argmax(score[at])])
        near = int((np.abs(spans[:, 0] - start) <= rate).sum())
        of = dict(zip(all_.columns, all_.features[best].astype(np.float64).tolist(), strict=True))
        yield _finding(track, (start, end), of, float(score[best]), near >= settings.major_per_second)


def _finding(track: Track, span: tuple[int, int], of: dict[str, float], score: float, many: bool) -> Finding:
    """One place, with what was measured there."""
    speech = track.levels.active_speech_dbfs
    assert speech is not None
    return Finding(
        channel=track.channel,
        start_s=span[0] / track.sample_rate_hz,
        end_s=span[1] / track.sample_rate_hz,
        value=round(of["peak_dbfs"] - speech, 1),
        unit="dB",
        severity="major" if many else "minor",
        confidence=confidence(score),
        evidence=evidence(
            start_sample=span[0],
            end_sample=span[1],
            shape="click of one sample" if of["impulse_share"] > 0.9 else "click, skip or splice",
            active_speech_dbfs=speech,
            score=score,
            **{name: of[name] for name in SHOWN},
        ),
    )
