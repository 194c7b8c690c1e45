"""A microphone that gives nothing for a moment, by the audio levels that a sender wrote into packets (RFC 6464).

Packets flow on, and their level falls amid speech to what no live microphone has, then is back. A codec hides such
a hole from detectors of sound: it fades its last sound out and in again.
"""

import numpy as np

from aqa.model import Doubles, Flags
from aqa.picker import true_runs
from aqa.stream_model import NO_LEVEL, Stream

DEAD_DBOV = -100  # a step of 16 bits is -98 dB of full scale: what is lower was digital silence, no quiet room
SHORTEST_S, LONGEST_S = 0.08, 2.0  # under a few packets: rounding of levels; over two seconds: a mute
LOUD_DB = 15.9  # ITU-T P.56 6.2: margin of its threshold below the active level
BESIDE = 5  # packets, 100 ms: speech is that near on one side at least, or it was a pause
WITHIN = 20  # packets, 400 ms: and that near on the other: words follow each other so
GATED = 1 / 3  # of quiet packets that are dead, from which on pauses of this stream are digital silence anyway
KNOWN = 0.9  # share of packets with a level


def dead_air(stream: Stream) -> Doubles:
    """Start and end of each hole, arrival in seconds since log_start_ns, shape (n, 2).

    None from streams whose pauses are digital silence anyway, by a gate or a suppressor of noise. A hole whose
    packets are not all there is no hole of the microphone.
    """
    kept = np.flatnonzero(~stream.duplicate & ~stream.auxiliary)
    kept = kept[np.argsort(stream.sequence[kept], kind="stable")]
    level = stream.level_dbov[kept].astype(np.float64)
    known = level != NO_LEVEL
    dead: Flags = known & (level <= DEAD_DBOV)
    if not stream.timed or not len(level) or known.mean() < KNOWN or not dead.any() or not (known & ~dead).any():
        return np.empty((0, 2))
    loud = known & ~dead & (level >= _threshold(level[known & ~dead]))
    arrival = (stream.arrival_ns[kept] - stream.log_start_ns) * 1e-9
    inside = [(a, b) for a, b in true_runs(dead).tolist() if a > 0 and b < len(level)]
    runs = [(a, b) for a, b in inside if arrival[b] - arrival[a] <= LONGEST_S]
    short = sum(end - start for start, end in runs)
    if short > GATED * (short + np.count_nonzero(known & ~dead & ~loud)):
        return np.empty((0, 2))
    found = [
        (arrival[start], arrival[end])
        for start, end in runs
        if arrival[end] - arrival[start] >= SHORTEST_S
        and _amid(loud, start, end)
        and _whole(stream.sequence[kept[start - 1 : end + 1]])
    ]
    return np.array(found).reshape(-1, 2)


def _amid(loud: Flags, start: int, end: int) -> bool:
    """Whether there is speech on both sides, and right beside on one."""
    near = loud[max(start - BESIDE, 0) : start].any() or loud[end : end + BESIDE].any()
    return bool(near and loud[max(start - WITHIN, 0) : start].any() and loud[end : end + WITHIN].any())


def _whole(sequence: np.ndarray) -> bool:
    """Whether no packet is missing."""
    return bool((np.diff(sequence) == 1).all())


def _threshold(level: Doubles) -> float:
    """P.56's margin below the mean power of what is not far below it (as `aqa.activity.loud`)."""
    power = 10.0 ** (level / 10.0)
    mean = 0.0
    for _ in range(2):
        mean = float(power[power > mean * 10 ** (-LOUD_DB / 10)].mean())
    return float(10 * np.log10(max(mean, 1e-13)) - LOUD_DB)
