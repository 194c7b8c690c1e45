"""Running totals as what happened in each interval between two samples: restarts and wrapped counters understood.

Every function gives arrays of shape (samples,): the value of the interval that ends with the sample. The first
sample ends none (NaN). An interval is not judged (NaN) where no time passed or the counters began anew in it.
"""

import numpy as np

from aqa.model import Doubles, Flags
from aqa.stream_model import StatsTrack

WRAP = 2.0**32
_WRAP_STEP = 2.0**24  # a wrapped counter went on by less: 5 minutes of samples at 48 kHz
_STEADY = ("packets_received", "packets_sent", "samples_received", "buffer_emitted", "playout_samples")
"""Counters that never fall while a stream lives: where one does, all of its counters began anew."""
_SIGNED = "packets_lost"  # RFC 3550 6.4.1: cumulative number of packets lost, negative where copies came


def elapsed_s(track: StatsTrack) -> Doubles:
    """Seconds since the sample before."""
    return _after_first(np.diff(track.time_ns) * 1e-9, len(track.time_ns))


def restarts(track: StatsTrack) -> Flags:
    """Whether the counters began anew since the sample before."""
    found = np.zeros(len(track.time_ns), np.bool_)
    for name in _STEADY:
        found[1:] |= _steps(track[name]) < 0
    return found


def changes(track: StatsTrack, counter: str) -> Doubles:
    """By how much a counter rose since the sample before; NaN where that is not known.

    `packets_lost` may fall by itself (copies count as less loss), any other counter that does is not judged.
    """
    values = _values(track, counter)
    steps = _after_first(np.diff(values) if counter == _SIGNED else _steps(values), len(values))
    steps[restarts(track) | ~(elapsed_s(track) > 0)] = np.nan
    if counter != _SIGNED:
        steps[steps < 0] = np.nan
    return steps


def total(track: StatsTrack, counter: str) -> float | None:
    """What a counter counted in all, before restarts and after; None where it was never there."""
    values = _values(track, counter)
    ends = np.flatnonzero(np.append(restarts(track)[1:], True))
    found, start = [], 0
    for end in ends.tolist():
        part = values[start : end + 1]
        part = part[np.isfinite(part)]
        if len(part):
            wraps = 0 if counter == _SIGNED else int(((np.diff(part) < 0) & (_steps(part) >= 0)).sum())
            found.append(float(part[-1]) + wraps * WRAP)
        start = end + 1
    return sum(found) if found else None


def audible_share(track: StatsTrack) -> Doubles:
    """Share of the samples played that the receiver made up and that were not silent, 0 to 1.

    W3C webrtc-stats: concealedSamples less silentConcealedSamples, of totalSamplesReceived (which holds both).
    NaN where nothing was played or the browser does not count silent concealment.
    """
    made_up = changes(track, "concealed_samples") - changes(track, "silent_concealed_samples")
    return _share(np.maximum(made_up, 0.0), changes(track, "samples_received"))


def played_s(track: StatsTrack) -> Doubles:
    """Seconds of sound played since the sample before; the time that passed where sound is not counted in seconds.

    A computer that slept for an hour played nothing in it.
    """
    played, passed = changes(track, "samples_s"), elapsed_s(track)
    return np.where(np.isfinite(played), np.minimum(played, passed), passed)


def synthesized_share(track: StatsTrack) -> Doubles:
    """Share of the time played that the device made up because it ran dry (media-playout), 0 to 1."""
    return _share(changes(track, "synthesized_s"), changes(track, "samples_s"))


def loss_share(received: float | None, lost: float | None) -> float | None:
    """Lost of all that should have come, 0 to 1; below 0 where copies outnumber losses. None: not measured."""
    if received is None or lost is None or received + lost <= 0:
        return None
    return lost / (received + lost)


def _share(part: Doubles, whole: Doubles) -> Doubles:
    out = np.full(len(part), np.nan)
    known = (whole > 0) & np.isfinite(part)
    out[known] = np.minimum(part[known] / whole[known], 1.0)
    return out


def _values(track: StatsTrack, counter: str) -> Doubles:
    """The values; losses as signed 32 bit numbers: Firefox wrote -31399 as 4294935897."""
    values = track[counter]
    if counter != _SIGNED:
        return values
    return np.where((values >= WRAP / 2) & (values < WRAP), values - WRAP, values)


def _steps(values: Doubles) -> Doubles:
    """Differences; those of a 32 bit counter that wrapped are what it went on by. Shape (samples - 1,)."""
    steps = np.diff(values)
    wrapped = (steps < 0) & (values[:-1] < WRAP) & (steps + WRAP < _WRAP_STEP)
    return np.where(wrapped, steps + WRAP, steps)


def _after_first(steps: Doubles, size: int) -> Doubles:
    out = np.full(size, np.nan)
    out[1:] = steps
    return out
