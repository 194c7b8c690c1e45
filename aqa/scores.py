"""What faults cost: impaired and severely impaired seconds of active speech.

`impaired-seconds/2`: a second of the event is *impaired* if any fault that breaks up speech lies inside active
speech in it, and *severely impaired* if more than 50 ms do (the limit that Webex and CUCM use for severely
concealed seconds, after RFC 7294). Active speech is ITU-T P.56 activity; a fault with active speech within
500 ms of it is inside active speech, for the hole itself has no level. Faults that overlap count once.

Which kinds count, and why. What takes speech away or puts something else in its place for as long as the finding
lasts counts with its length (BREAKING). Conditions, which go on for minutes while every word is understood (hum,
dc_offset, low_level, bandwidth_drop, channel_fault, noise), never count: each would make every second severely
impaired and hide the holes among them; they stand in the report by themselves. A minor clipping is in between: its
stretch holds few flat tops, apart by up to half a second, so it impairs its seconds, but never severely (SLIGHT).
A silence counts where packets show why, or where it was cut into sound hard (its detector calls that major).
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from aqa.model import HOP_S, Finding, Flags, Floats, SecondRow
from aqa.sound_model import Track

FORMULA = "impaired-seconds/2"
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
    """The parts of the score `impaired-seconds/2`."""

    speech_seconds: int
    impaired_seconds: int
    severely_impaired_seconds: int


def breaks_speech(finding: Finding) -> bool:
    """Whether a finding counts as a fault that listeners heard inside speech."""
    if finding.kind == "silence":
        cut = finding.severity != "minor" and json.loads(finding.evidence).get("edges") == "hard"
        return (cut and finding.cause != "intended") or finding.cause not in _NO_CAUSE
    return finding.kind in BREAKING and finding.cause != "intended"


def _slight(finding: Finding) -> bool:
    """SLIGHT: impairs the seconds that it touches, and never severely."""
    return finding.kind == "clipping" and finding.severity == "minor"


def seconds_of_recording(
    recording: str, track: str, *, channels: Sequence[Track], findings: Iterable[Finding], start_s: float
) -> list[SecondRow]:
    """One row per second of the event that a recording touches.

    `findings` are those of this recording on the event's clock; `start_s` is the event second of its sample 0.
    Channels are joined: the loudest counts, and a fault on any.
    """
    found = [item for item in findings if breaks_speech(item)]
    masks = [_cover_and_speech(item, found, start_s=start_s) for item in channels]
    hops = max((len(item.level_dbfs) for item in channels), default=0)
    rows = []
    for at in range(math.floor(start_s), math.ceil(start_s + hops * HOP_S)):
        # hops whose middle lies inside the second
        first, last = (max(math.ceil((second - start_s) / HOP_S - 0.5), 0) for second in (at, at + 1))
        part = slice(first, min(last, hops))
        if part.start >= part.stop:
            continue
        active = _joined([mask[2][part] for mask in masks], part.stop - part.start)
        whole, slight = (
            float(_joined([mask[which][part] * mask[2][part] for mask in masks], part.stop - part.start).sum())
            * HOP_S
            for which in (0, 1)
        )
        rows.append(
            SecondRow(
                second=at,
                recording=recording,
                track=track,
                peak_dbfs=_measured(_joined([item.peak_dbfs[part] for item in channels], 0).max(initial=-np.inf)),
                level_dbfs=_measured(_mean_level(_joined([item.level_dbfs[part] for item in channels], 0))),
                speech_s=round(float(active.sum()) * HOP_S, 4),
                fault_s=round(max(whole, min(slight, SEVERE_S)), 6),
            )
        )
    return rows


def _cover_and_speech(item: Track, found: Sequence[Finding], *, start_s: float) -> tuple[Floats, Floats, Flags]:
    """Share of each hop that faults of this channel cover, and slight ones; the active speech, bridged over them."""
    here = [f for f in found if f.channel in (None, item.channel)]
    hops = len(item.level_dbfs)
    whole = coverage([f for f in here if not _slight(f)], hops=hops, start_s=start_s)
    slight = coverage([f for f in here if _slight(f)], hops=hops, start_s=start_s)
    return whole, slight, item.levels.speech | bridged(item.levels.speech, here, start_s=start_s)


def _joined(parts: Sequence[np.ndarray], least: int) -> np.ndarray:
    """The largest of the channels at each hop; a channel may end before another."""
    joined = np.full(max([least, *(len(part) for part in parts)]), -np.inf if not least else 0.0)
    for part in parts:
        joined[: len(part)] = np.fmax(joined[: len(part)], part)
    return joined


def coverage(findings: Iterable[Finding], *, hops: int, start_s: float) -> Floats:
    """Share of each 10 ms hop that any of the findings covers; shape (hops,)."""
    cover = np.zeros(hops, np.float32)
    for start, end in _union([(f.start_s - start_s, f.end_s - start_s) for f in findings]):
        low, high = max(start / HOP_S, 0.0), min(end / HOP_S, float(hops))
        if high <= low:
            continue
        first, last = int(low), min(int(np.ceil(high)), hops)
        cover[first:last] += 1.0
        cover[first] -= low - first
        cover[last - 1] -= last - high
    return np.clip(cover, 0.0, 1.0, out=cover)


def bridged(speech: Flags, findings: Iterable[Finding], *, start_s: float) -> Flags:
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
