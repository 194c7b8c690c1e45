"""No packets at all, for longer than any buffer holds, while there should have been some.

What it finds
-------------
Pauses of more than 500 ms between two packets of an RTP stream that media time or sequence numbers do not explain:
media time moved on by less than half of the pause, or the packets missing from the count would have filled half.

Why it matters
--------------
Listeners hear nothing, or the last sound drawn out, for the length of it.

What fools it
-------------
A pause of DTX, mute or hold in which RTP time runs on with the wall clock and the count is unbroken is none, and
is not reported. A sender that stops its media clock while muted looks like a stall. A pause with a restart of
count or media time behind it is not judged. Where the clock rate is unknown, media time is judged by the usual
packet of the stream.

Thresholds and their source
---------------------------
500 ms: libwebrtc's "RTP gap" (alerts.cc: choppy or robotic audio is unavoidable). From 2 s critical: the default
of silence detectors (ffmpeg silencedetect). Half of the pause: midway between explained and not.

What to do
----------
Sequence unbroken: look at the sender (processor, capture device, browser tab in the background) and, if media
caught up afterwards, at queues on the way. Sequence numbers missing: the network was cut; compare with a log from
the other side.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aqa.detector import detector, setting
from aqa.measures.delay import pauses_ms
from aqa.model import Doubles, Finding, evidence
from aqa.stream_model import Stream


@dataclass(frozen=True)
class Settings:
    """When a pause is a stall."""

    min_pause_ms: float = setting(500.0, "ms", "shortest pause")
    unexplained_share: float = setting(0.5, "0 to 1", "share of the pause that media time leaves unexplained")
    critical_s: float = setting(2.0, "s", "pause from which on a finding is critical")
    catch_up_s: float = setting(2.0, "s", "time after the pause in which media may catch up")


@dataclass(frozen=True)
class _Pause:
    """What is known of a pause before packet `at`; seconds."""

    at: int
    pause_s: float
    missing: int  # sequence numbers
    media_s: float  # how far media time went on
    frame_s: float  # usual media of a packet

    @property
    def missing_s(self) -> float:
        return self.missing * self.frame_s


@detector(Settings)
def stall(stream: Stream, settings: Settings) -> Iterator[Finding]:
    """One finding per stall, from the last packet before it to the first after it."""
    long = np.flatnonzero(pauses_ms(stream) > settings.min_pause_ms)
    if not len(long):
        return
    media = _media(stream)
    top = np.maximum.accumulate(stream.sequence)
    frame_s = _usual_frame(stream, media)
    for at in long.tolist():
        pause = _measure(stream, media, top, frame_s, at)
        if pause is None:
            continue
        unexplained = max(pause.pause_s - pause.media_s, pause.missing_s)
        if unexplained >= settings.unexplained_share * pause.pause_s:
            yield _finding(stream, media, pause, settings)


def _media(stream: Stream) -> Doubles:
    """Media time in seconds; by the stream's usual pace where the clock rate is unknown."""
    media = stream.media_s.copy()
    unknown = np.isnan(media)
    if unknown.any():
        ticks = np.diff(stream.timestamp)
        gone = np.diff(stream.arrival_ns) * 1e-9
        usual = (ticks > 0) & (gone > 0) & (np.diff(stream.stretch) == 0)
        pace = float(np.median(gone[usual]) / np.median(ticks[usual])) if usual.any() else np.nan
        media[unknown] = stream.timestamp[unknown] * pace
    return media


def _usual_frame(stream: Stream, media: Doubles) -> float:
    """Median media time between packets that follow each other, seconds."""
    steps = np.diff(media)
    follows = (np.diff(stream.sequence) == 1) & (np.diff(stream.stretch) == 0) & (steps > 0)
    return float(np.median(steps[follows])) if follows.any() else 0.0


def _measure(stream: Stream, media: Doubles, top: np.ndarray, frame_s: float, at: int) -> _Pause | None:
    """The pause before packet `at`; None where a restart lies in it or nothing can be said."""
    same = stream.stretch[at] == stream.stretch[at - 1]
    if not same and stream.stretch_reset[int(stream.stretch[at])]:
        return None
    missing = max(int(stream.sequence[at] - top[at - 1]) - 1, 0)
    pause_s = float(stream.arrival_ns[at] - stream.arrival_ns[at - 1]) * 1e-9
    went_on = float(media[at] - media[at - 1]) if same else np.nan
    if np.isnan(went_on):
        went_on = pause_s  # a new clock or count of time: only missing packets can tell
    return _Pause(at, pause_s, missing, went_on, frame_s)


def _caught_up_s(stream: Stream, media: Doubles, pause: _Pause, within_s: float) -> float:
    """How much of the delay that the pause brought was gone soon after, seconds."""
    at = pause.at
    after = slice(at, int(at + np.searchsorted(stream.arrival_ns[at:], stream.arrival_ns[at] + int(within_s * 1e9))))
    same = stream.stretch[after] == stream.stretch[at]
    gained = (stream.arrival_ns[after] - stream.arrival_ns[at]) * 1e-9 - (media[after] - media[at])
    return max(0.0, -float(np.nanmin(gained[same], initial=0.0)))


def _finding(stream: Stream, media: Doubles, pause: _Pause, settings: Settings) -> Finding:
    caught_up_s = _caught_up_s(stream, media, pause, settings.catch_up_s)
    cause, confidence = _cause(pause, caught_up_s)
    end_s = float(stream.arrival_ns[pause.at] - stream.log_start_ns) * 1e-9
    return Finding(
        start_s=end_s - pause.pause_s,
        end_s=end_s,
        scope="stream",
        log=stream.log,
        stream=f"0x{stream.ssrc:08x}",
        value=pause.pause_s,
        unit="s",
        severity="critical" if pause.pause_s >= settings.critical_s else "major",
        cause=cause,
        cause_confidence=confidence,
        evidence=evidence(
            sequence="unbroken" if pause.missing == 0 else f"{pause.missing} missing",
            media_advanced_s=pause.media_s,
            caught_up_s=caught_up_s,
            last_sequence_before=int(stream.sequence[pause.at - 1]) & 0xFFFF,
            first_sequence_after=int(stream.sequence[pause.at]) & 0xFFFF,
        ),
    )


def _cause(pause: _Pause, caught_up_s: float) -> tuple[str, float | None]:
    """Only what the packets themselves show: nothing missing, nothing was lost on the way."""
    if pause.missing == 0:  # media that catches up was made in time and held back somewhere, not surely there
        held_back = caught_up_s >= 0.5 * (pause.pause_s - pause.media_s)
        return "sender_stall", 0.5 if held_back else 0.8
    if pause.missing_s >= 0.5 * pause.pause_s:
        return "network_loss", 0.8
    return "not_measurable", None
