"""What faults cost: impaired and severely impaired seconds of active speech.

`impaired-seconds/1`: a second of the event is *impaired* if any fault that breaks up speech lies inside active
speech in it, and *severely impaired* if more than 50 ms do (the limit that Webex and CUCM use for severely
concealed seconds, after RFC 7294). Active speech is ITU-T P.56 activity; a fault with active speech within
500 ms of it is inside active speech, for the hole itself has no level. Faults that overlap count once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from aqa.model import HOP_S, Doubles, Finding, SecondRow, Track

FORMULA = "impaired-seconds/1"
SEVERE_S = 0.05  # more than this of a second: 5 %, RFC 7294 severely concealed seconds
BRIDGE_S = 0.5  # speech this near to a fault makes the fault one inside speech
BREAKING = frozenset(
    "dropout attenuation concealment repetition discontinuity noise_burst clipping echo unintended_audio "
    "concealed_audio interruption playout_fault outage".split()
)
"""Kinds that always break up speech. A silence does only where packets show why; see `breaks_speech`."""
_NO_CAUSE = frozenset(("intended", "unexplained", "not_measurable"))


@dataclass(frozen=True)
class Impairment:
    """The parts of the score `impaired-seconds/1`."""

    speech_seconds: int
    impaired_seconds: int
    severely_impaired_seconds: int


def breaks_speech(finding: Finding) -> bool:
    """Whether a finding counts as a fault that listeners heard inside speech."""
    if finding.kind == "silence":
        return finding.cause not in _NO_CAUSE
    return finding.kind in BREAKING and finding.cause != "intended"


def seconds_of_recording(
    recording: str, track: str, *, channels: Sequence[Track], findings: Iterable[Finding], start_s: float
) -> list[SecondRow]:
    """One row per second of the event that a recording touches.

    `findings` are those of this recording on the event's clock; `start_s` is the event second of its sample 0.
    Channels are joined: the loudest counts, and a fault on any.
    """
    if not channels:
        return []
    hops = max(len(item.level_dbfs) for item in channels)
    second = np.floor(start_s + (np.arange(hops) + 0.5) * HOP_S).astype(np.int64)
    first = int(second[0]) if hops else 0
    peak, power, speech, fault = (np.full(hops, -np.inf), np.full(hops, -np.inf), np.zeros(hops), np.zeros(hops))
    found = [item for item in findings if breaks_speech(item)]
    for item in channels:
        n = len(item.level_dbfs)
        here = [f for f in found if f.channel in (None, item.channel)]
        cover = coverage(here, hops=n, start_s=start_s)
        active = item.levels.speech | bridged(item.levels.speech, here, start_s=start_s)
        peak[:n] = np.fmax(peak[:n], item.peak_dbfs)
        power[:n] = np.fmax(power[:n], item.level_dbfs)
        speech[:n] = np.maximum(speech[:n], active)
        fault[:n] = np.maximum(fault[:n], cover * active)
    rows = []
    for at in range(first, int(second[-1]) + 1 if hops else first):
        part = slice(*np.searchsorted(second, [at, at + 1]))
        rows.append(
            SecondRow(
                second=at,
                recording=recording,
                track=track,
                peak_dbfs=_measured(peak[part].max(initial=-np.inf)),
                level_dbfs=_measured(_mean_level(power[part])),
                speech_s=round(float(speech[part].sum()) * HOP_S, 4),
                fault_s=round(float(fault[part].sum()) * HOP_S, 6),
            )
        )
    return rows


def coverage(findings: Iterable[Finding], *, hops: int, start_s: float) -> Doubles:
    """Share of each 10 ms hop that any of the findings covers; shape (hops,)."""
    cover = np.zeros(hops)
    for start, end in _union([(f.start_s - start_s, f.end_s - start_s) for f in findings]):
        low, high = max(start / HOP_S, 0.0), min(end / HOP_S, float(hops))
        if high <= low:
            continue
        first, last = int(low), min(int(np.ceil(high)), hops)
        cover[first:last] += 1.0
        cover[first] -= low - first
        cover[last - 1] -= last - high
    return np.clip(cover, 0.0, 1.0)


def bridged(speech: np.ndarray, findings: Iterable[Finding], *, start_s: float) -> np.ndarray:
    """Hops inside findings that have active speech within BRIDGE_S of either end; shape of `speech`."""
    inside = np.zeros(len(speech), bool)
    near = round(BRIDGE_S / HOP_S)
    for item in findings:
        low = max(int((item.start_s - start_s) / HOP_S), 0)
        high = int(np.ceil((item.end_s - start_s) / HOP_S))
        if speech[max(low - near, 0) : low].any() or speech[high : high + near].any():
            inside[low:high] = True
    return inside


def impairment(seconds: Iterable[SecondRow]) -> Impairment | None:
    """The score of these rows (of one recording, or of a whole event); None where no sound was measured."""
    speech: set[int] = set()
    fault: dict[int, float] = {}
    measured = False
    for row in seconds:
        if row.recording is None or row.speech_s is None:
            continue
        measured = True
        if row.speech_s > 0:
            speech.add(row.second)
            fault[row.second] = max(fault.get(row.second, 0.0), row.fault_s or 0.0)
    if not measured:
        return None
    return Impairment(
        speech_seconds=len(speech),
        impaired_seconds=sum(value > 0 for value in fault.values()),
        severely_impaired_seconds=sum(value > SEVERE_S for value in fault.values()),
    )


def _union(intervals: list[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for start, end in sorted(intervals):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _mean_level(levels_db: np.ndarray) -> float:
    known = levels_db[np.isfinite(levels_db)]
    return float(10 * np.log10(np.mean(10 ** (known / 10)))) if len(known) else -np.inf


def _measured(value: float) -> float | None:
    return round(float(value), 2) if np.isfinite(value) else None
