"""Speech that a decoder made up for packets that never came: it repeats, stands still and fades.

What it finds
-------------
Stretches of 20 ms and more in which sound looks as Opus makes it up for lost packets, and the share of sound that
looks so. CELT repeats one pitch period, so nearly each loss of full-band music or speech modes is found. SILK and
hybrid (speech at low rates) go on with the last voice and fresh noise: only long losses are found one by one, and
the share of a whole recording says more than its findings do.

Why it matters
--------------
Listeners hear a metallic or smeared syllable, or one that dies away. From three packets on nearly all is heard.

What fools it
-------------
Losses in pauses can't be seen or heard, and single packets repaired from in-band FEC are not made up. Held vowels,
steady tones and music with one instrument repeat by nature. A lossy codec behind the loss hides some of it. Where a
packet log or the receiver's counters are there, they are exact: believe them.

Thresholds and their source
---------------------------
The measure's boosted trees give log odds per 5 ms, averaged over a frame of 20 ms (RFC 6716 2.1.4's usual length).
The least log odds were chosen on the validation split of tests/accuracy, where clean sound (meetings, gated speech,
music, applause, synthetic and full-band speech, noise) gave 10 false alarms an hour. Repetition of 8 dB (a
correlation of 0.92 over 10 ms, flattened) tells CELT's way from SILK's. Severity as of dropouts: from 60 ms (three
frames) nearly all are heard; from 200 ms on it is a freeze.

What to do
----------
Look for loss, late packets and stalls at the same time. Ask for in-band FEC or a longer jitter buffer if losses are
single; for another network path if they come in bursts. The measure is switched on by `measure = true`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from aqa.detector import detector, setting
from aqa.model import Doubles, Finding, Flags, Track, evidence


@dataclass(frozen=True)
class Settings:
    """When a candidate is a finding."""

    measure: bool = setting(False, "true or false", "whether the pass over the recording looks for it at all")
    min_log_odds: float = setting(1.0, "", "least mean log odds of a frame, where the pitch is repeated")
    min_log_odds_fresh: float = setting(1.0, "", "least mean log odds of a frame, where it is not")
    min_likely_ms: float = setting(20.0, "ms", "likely made-up sound in a finding, where the pitch is not repeated")
    min_repeat_db: float = setting(8.0, "dB", "repetition from which on the pitch is repeated")


@detector(Settings)
def concealment(track: Track, settings: Settings) -> Iterator[Finding]:
    """Candidates that are likely enough for the way they were made."""
    found = track.candidates.get("concealment")
    if found is None:
        return
    rate = track.sample_rate_hz
    features = dict(zip(found.columns, found.features.T.astype(np.float64), strict=True))
    repeated = features["repeat_db"] >= settings.min_repeat_db
    for i in np.flatnonzero(_enough(features, repeated, settings)).tolist():
        start, end = int(found.start_sample[i]), min(int(found.end_sample[i]), track.samples)
        length_ms, log_odds = (end - start) / rate * 1000, float(features["peak_log_odds"][i])
        yield Finding(
            channel=track.channel,
            start_s=start / rate,
            end_s=end / rate,
            value=round(length_ms, 1),
            unit="ms",
            severity=_severity(length_ms),
            confidence=round(float(1 / (1 + np.exp(-log_odds))), 2),
            evidence=evidence(
                start_sample=start,
                end_sample=end,
                log_odds=log_odds,
                likely_ms=features["likely_ms"][i],
                repeat_db=features["repeat_db"][i],
                made_by="repeating the pitch (CELT)" if repeated[i] else "going on with fresh noise (SILK, hybrid)",
                concealed_pct_estimated=track.facts.get("concealed_pct_estimated"),
            ),
        )


def _enough(features: dict[str, Doubles], repeated: Flags, settings: Settings) -> Flags:
    """Which candidates are findings."""
    odds = features["peak_log_odds"]
    fresh = (odds >= settings.min_log_odds_fresh) & (features["likely_ms"] >= settings.min_likely_ms)
    return np.asarray(np.where(repeated, odds >= settings.min_log_odds, fresh))


def _severity(length_ms: float) -> Literal["minor", "major", "critical"]:
    if length_ms < 60:
        return "minor"
    return "major" if length_ms < 200 else "critical"
