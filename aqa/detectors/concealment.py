"""Speech that a decoder made up for packets that never came: it repeats, stands still and fades.

What it finds
-------------
Stretches of 20 ms and more in which sound looks as Opus makes it up for lost packets, and the share of sound that
looks so. CELT copies one pitch period, breath and all, and 93 in 100 of its losses are found. SILK and hybrid
(speech at low rates) go on with the last voice and fresh noise: two fifths of the losses of three packets and more
are found, hardly any single one.

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
Two models of boosted trees give log odds per 5 ms: one of CELT's way, averaged over 20 ms (the usual frame of RFC
6716 2.1.4), one of SILK's and hybrid's, averaged over 40 ms. Figures are of the validation split of tests/accuracy,
where the thresholds were set too: 2.1 hours of clean speech in PCM (spoken words, acted dialogue, announcements,
narrow and full-band speech, meetings, gated and synthetic speech), the same after Opus at 32 kb/s, 21 minutes after
MP3, and 19 minutes each way of music, applause and noise. CELT from 1.0 on: 2.8 false alarms an hour of speech in PCM
(15 in synthetic speech, 6 in words, 0 elsewhere), 0.9 after Opus, none after MP3, none in music, applause and noise.
Frames of one stream begin at multiples of 20 ms: where at least 8 candidates of log odds 0.5 share a phase (binomial
tail below 0.01), those of that phase count from -0.5 on. Recall for 1, 2, 3, 5 and 10 packets in active speech is
then .93, .99, .99, .99 and .99 of 136 bursts each (.93, .98 and .99 for 1, 2 and more without the phase; .79 for 1 in
meetings and synthetic speech). SILK and hybrid from 0.5 on: 6.2 false alarms an hour in PCM, 6.2 after Opus, 8.4
after MP3, three fifths of them in synthetic speech (39 an hour of that; at most 12 in any other in PCM and Opus).
Recall is .06, .28, .42, .41 and .36 in hybrid and .00, .28, .39, .37 and .41 in SILK; from -0.2 on it would be .42 to
.45 for three packets and more, at 21 an hour. libopus 1.6.1 and 1.3.1 conceal alike. Where the recorder encodes once
more, the copy is blurred: CELT's 1, 2, 3, 5 and 10 are found .87, .97, .98, 1.0 and .98 after MP3 at 128 kb/s, .79,
.97, .93, .98 and .95 after AAC at 96, .40 to .83 after AAC at 64, .16 to .62 after Opus. `concealed_pct_estimated`
was fitted there too, and is off by 0.4 per cent of the sound in 30 s without losses. In the test split, used once
(2026-11-23), the same models found .96, .95 and .98 of CELT's 1, 2, 3 and more packets at 21 false alarms an hour, 10
of the 15 in one minute of a meeting, and .28 and .39 of SILK's and hybrid's 3 and more; the share was off by 1.1 per
cent of the sound in 30 s of CELT and by 2.8 in hybrid (72 each with losses of 0 to 20 %, r .96 and .68). Severity as
of dropouts: from 60 ms (three frames) nearly all are heard; from 200 ms on it is a freeze.

What to do
----------
Look for loss, late packets and stalls at the same time. Ask for in-band FEC or a longer jitter buffer if losses are
single; for another network path if they come in bursts. The measure is switched on by `measure = true`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from aqa.detector import detector, setting
from aqa.model import Doubles, Finding, Flags, Ints, evidence
from aqa.sound_model import Candidates, Track

FRAME_S = 0.02  # RFC 6716 2.1.4: the usual frame
PHASE_S = 0.005  # how finely a candidate's start is known
LEAST_STRONG = 8  # candidates that a common phase is looked for in
CHANCE = 0.01  # that starts without a common phase look as if they had one
LOOKS = ("pitch repeated (CELT)", "fresh noise (SILK, hybrid)")
_STEPS = round(FRAME_S / PHASE_S)


@dataclass(frozen=True)
class Settings:
    """When a candidate is a finding."""

    measure: bool = setting(False, "true or false", "whether the pass over the recording looks for it at all")
    min_log_odds: float = setting(1.0, "natural log", "least mean log odds of 20 ms that look as CELT makes them")
    min_log_odds_strong: float = setting(
        0.5, "natural log", "least log odds of those of CELT that a phase is looked for in"
    )
    min_log_odds_in_phase: float = setting(-0.5, "natural log", "least log odds where frames begin in that phase")
    min_log_odds_silk: float = setting(
        0.5, "natural log", "least mean log odds of 40 ms that look as SILK or hybrid makes them"
    )


@detector(Settings)
def concealment(track: Track, settings: Settings) -> Iterator[Finding]:
    """Candidates that are likely enough for the way they were made."""
    found = track.candidates.get("concealment")
    if found is None:
        return
    of = dict(zip(found.columns, found.features.T.astype(np.float64), strict=True))
    silk, in_phase = of["way"] > 0, _in_phase(of, found.start_sample, track.sample_rate_hz, settings)
    worth = max(0.0, settings.min_log_odds - settings.min_log_odds_in_phase)
    credit = np.where(in_phase, worth, 0.0)
    margin = of["peak_log_odds"] + credit - np.where(silk, settings.min_log_odds_silk, settings.min_log_odds)
    for i in _apart(found, np.flatnonzero(margin >= 0), margin):
        yield _finding(track, found, i, {name: float(column[i]) for name, column in of.items()}, float(credit[i]))


def _in_phase(of: dict[str, Doubles], start_sample: Ints, rate: int, settings: Settings) -> Flags:
    """Which candidates of CELT begin where others do within a frame; those of SILK begin too vaguely."""
    phase, celt = _phases(start_sample, rate), of["way"] == 0
    common = _common(phase[celt & (of["peak_log_odds"] >= settings.min_log_odds_strong)])
    return np.asarray(celt & _is_in(phase, common))


def _apart(found: Candidates, kept: Ints, margin: Doubles) -> list[int]:
    """Of those that overlap, the clearest; in order."""
    out: list[int] = []
    for i in kept.tolist():
        if out and found.start_sample[i] < found.end_sample[out[-1]]:
            if margin[i] > margin[out[-1]]:
                out[-1] = i
        else:
            out.append(i)
    return out


def _finding(track: Track, found: Candidates, i: int, of: dict[str, float], credit: float) -> Finding:
    """One candidate; `credit` is what its phase is worth."""
    rate = track.sample_rate_hz
    start, end = int(found.start_sample[i]), min(int(found.end_sample[i]), track.samples)
    length_ms = (end - start) / rate * 1000
    return Finding(
        channel=track.channel,
        start_s=start / rate,
        end_s=end / rate,
        value=round(length_ms, 1),
        unit="ms",
        severity=_severity(length_ms),
        confidence=_confidence(of["peak_log_odds"] + credit),
        evidence=evidence(
            start_sample=start,
            end_sample=end,
            log_odds=of["peak_log_odds"],
            likely_ms=of["likely_ms"],
            repeat_db=of["repeat_db"],
            looks=LOOKS[int(of["way"])],
            in_phase_with_others=credit > 0,
            concealed_pct_estimated=track.facts.get("concealed_pct_estimated"),
        ),
    )


def _phases(start_sample: Ints, rate: int) -> Ints:
    """Where in a frame's length each candidate begins, in steps of PHASE_S."""
    return np.asarray(np.rint(start_sample / rate / PHASE_S).astype(np.int64) % _STEPS)


def _common(strong: Ints) -> int | None:
    """The phase that more candidates begin at, or one step after, than chance explains; None where there is none.

    By chance half of the starts fall into two neighbouring steps of four: the binomial tail, times the four pairs
    that it could have been.
    """
    if len(strong) < LEAST_STRONG:
        return None
    counts = np.bincount(strong, minlength=_STEPS)
    pairs = counts + np.roll(counts, -1)
    best, share = int(np.argmax(pairs)), 2 / _STEPS
    tail = sum(
        math.comb(len(strong), k) * share**k * (1 - share) ** (len(strong) - k)
        for k in range(int(pairs[best]), len(strong) + 1)
    )
    return best if tail * _STEPS < CHANCE else None


def _is_in(phase: Ints, common: int | None) -> Flags:
    if common is None:
        return np.zeros(len(phase), np.bool_)
    return np.asarray((phase - common) % _STEPS < 2)


def _confidence(log_odds: float) -> float:
    """The model's own."""
    return round(min(0.99, 1 / (1 + math.exp(-log_odds))), 2)


def _severity(length_ms: float) -> Literal["minor", "major", "critical"]:
    if length_ms < 60:
        return "minor"
    return "major" if length_ms < 200 else "critical"
