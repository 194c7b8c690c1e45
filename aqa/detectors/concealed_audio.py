"""Sound that the receiver made up and let be heard, more than ears forgive.

What it finds
-------------
Stretches in which a receiver's own counters say that it played invented sound: concealedSamples less
silentConcealedSamples of totalSamplesReceived (W3C webrtc-stats), over 5 % of the time, once 400 ms more than that
has added up.

Why it matters
--------------
Made-up sound is what lost and late packets become: it repeats and fades what was last said. Short stretches pass
unnoticed, longer ones sound robotic, drawn out or cut off. It is the nearest thing to what was heard that a
receiver can tell.

What fools it
-------------
Concealment of a muted speaker is silent and does not count. A burst in a long polling period is spread over it: at
10 s, 900 ms at once are needed where 1 s polls see 450 ms. Browsers without silentConcealedSamples (Firefox,
Safari of before 2021, Chrome's old goog* names) are not judged. Good concealment of a steady vowel can't be heard.

Thresholds and their source
---------------------------
5 % allowed, opens after 400 ms of excess, closes after 8 s clean: ObserveRTC's rule, after Webex's "severely
concealed second" (more than 5 % of it). From 7 % major: Microsoft CQD calls a stream Poor (ratio above 0.07). From
20 % critical: Webex's limit of a poor short call.

What to do
----------
Look at loss and lateness on the way to this listener. Packets lost: turn on in-band FEC or RED, look at the uplink
of the speaker and the downlink of the listener. Packets late or thrown away: look at jitter and at the jitter
buffer's target. Neither: look at the speaker's sending.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.measures.bucket import Episode, episodes
from aqa.measures.counters import audible_share, changes, elapsed_s, played_s
from aqa.model import Finding, evidence
from aqa.stream_model import StatsTrack

MEANING = "samples made up before playout, silent ones among them; of all samples played (W3C webrtc-stats)"
_SHOWN = ("concealed_samples", "silent_concealed_samples", "samples_received", "packets_received", "packets_lost")


@dataclass(frozen=True)
class Settings:
    """When made-up sound is too much."""

    allowed_pct: float = setting(5.0, "%", "share of made-up sound that is let pass")
    opens_ms: float = setting(400.0, "ms", "made-up sound beyond that share from which on it is a finding")
    closes_s: float = setting(8.0, "s", "clean time that ends it")
    major_pct: float = setting(7.0, "%", "share from which on a finding is major")
    critical_pct: float = setting(20.0, "%", "share from which on a finding is critical")
    buffer_rise_ms: float = setting(20.0, "ms", "rise of the jitter buffer's delay that counts as lateness")


@detector(Settings)
def concealed_audio(track: StatsTrack, settings: Settings) -> Iterator[Finding]:
    """One finding per episode, from the poll before its first bad interval to the end of its last."""
    if track.direction != "received":
        return
    for episode in episodes(
        audible_share(track),
        played_s(track),
        elapsed_s(track),
        allowed=settings.allowed_pct / 100,
        opens_s=settings.opens_ms / 1000,
        closes_s=settings.closes_s,
    ):
        yield _finding(track, episode, settings)


def _sum(track: StatsTrack, counter: str, episode: Episode) -> float | None:
    """What a counter rose by in an episode; None where that is nowhere known."""
    parts = changes(track, counter)[episode.first : episode.last + 1]
    return float(np.nansum(parts)) if np.isfinite(parts).any() else None


def _finding(track: StatsTrack, episode: Episode, settings: Settings) -> Finding:
    inside = slice(episode.first, episode.last + 1)
    share, played = audible_share(track)[inside], played_s(track)[inside]
    known = np.isfinite(share)
    concealed_s = float((share[known] * played[known]).sum())
    value = 100 * concealed_s / float(played[known].sum())
    cause, sure = _cause(track, episode, concealed_s, settings)
    before = episode.first - 1
    return Finding(
        start_s=float(track.time_ns[before] - track.log_start_ns) * 1e-9,
        end_s=float(track.time_ns[episode.last] - track.log_start_ns) * 1e-9,
        scope="stream",
        log=track.log,
        stream=None if track.ssrc is None else f"0x{track.ssrc:08x}",
        value=value,
        unit="%",
        severity=(
            "critical" if value >= settings.critical_pct else "major" if value >= settings.major_pct else "minor"
        ),
        cause=cause,
        cause_confidence=sure,
        evidence=evidence(
            made_up_s=concealed_s,
            meaning=MEANING,
            before={name: track[name][before] for name in _SHOWN},
            after={name: track[name][episode.last] for name in _SHOWN},
            polling_period_s=float(np.median(elapsed_s(track)[inside])),
            listener=track.reporter,
        ),
    )


def _cause(track: StatsTrack, episode: Episode, concealed_s: float, settings: Settings) -> tuple[str, float | None]:
    """Only what this stream's own counters show."""
    lost, came = _sum(track, "packets_lost", episode), _sum(track, "packets_received", episode)
    if lost is not None and lost > 0:
        packets = lost + (came or 0.0)
        lost_s = lost / packets * float(np.nansum(played_s(track)[episode.first : episode.last + 1]))
        return "network_loss", 0.8 if lost_s >= 0.5 * concealed_s else 0.5
    if (_sum(track, "packets_discarded", episode) or 0.0) > 0:
        return "late_arrival", 0.7
    if lost == 0 and (came or 0.0) > 0 and _buffer_rise_ms(track, episode) >= settings.buffer_rise_ms:
        return "late_arrival", 0.5
    return "not_measurable", None


def _buffer_rise_ms(track: StatsTrack, episode: Episode) -> float:
    """By how much sound waited longer in the jitter buffer than in the interval before, ms; NaN: not known."""
    emitted = changes(track, "buffer_emitted")
    waited = np.full(len(emitted), np.nan)
    np.divide(changes(track, "buffer_delay_s"), emitted, out=waited, where=emitted > 0)
    during = waited[episode.first : episode.last + 1]
    known = during[np.isfinite(during)]
    return 1000 * float(np.median(known) - waited[episode.first - 1]) if len(known) else np.nan
