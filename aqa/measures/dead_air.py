"""A microphone that gives nothing for a moment, by the audio levels that a sender wrote into packets (RFC 6464).

Packets flow on, and their level falls amid speech to what no live microphone has, then is back. A codec hides such
a hole from detectors of sound: it fades its last sound out and in again.
"""

import numpy as np

from aqa.model import NO_LEVEL, Doubles, Flags, Stream
from aqa.picker import true_runs

DEAD_DBOV = -100  # a step of 16 bits is -98 dB of full scale: what is lower was digital silence, no quiet room
SHORTEST_S, LONGEST_S = 0.08, 2.0  # under a few packets: rounding of levels; over two seconds: a mute
LOUD_DB = 15.9  # ITU-T P.56 6.2: margin of its threshold below the active level
BESIDE = 5  # packets, 100 ms: speech is that near on both sides, or it was a pause
KNOWN = 0.9  # share of packets with a level


def dead_air(stream: Stream) -> Doubles:
    """Start and end of each hole, arrival in seconds since log_start_ns, shape (n, 2).

    None from streams whose pauses are digital silence anyway: a gate or a suppressor of noise, whose holes do not
    begin and end in speech. A hole whose packets are not all there is no hole of the microphone.
    """
    kept = np.flatnonzero(~stream.duplicate & ~stream.auxiliary)
    kept = kept[np.argsort(stream.sequence[kept], kind="stable")]
    level = stream.level_dbov[kept].astype(np.float64)
    none = np.empty((0, 2))
    if not stream.timed or not len(level) or np.mean(level != NO_LEVEL) < KNOWN:
        return none
    dead: Flags = (level != NO_LEVEL) & (level <= DEAD_DBOV)
    live = level[~dead & (level != NO_LEVEL)]
    if not dead.any() or not len(live):
        return none
    loud = ~dead & (level != NO_LEVEL) & (level >= _threshold(live))
    arrival = (stream.arrival_ns[kept] - stream.log_start_ns) * 1e-9
    found, gates = [], 0
    for start, end in true_runs(dead).tolist():
        if start == 0 or end == len(level) or not _whole(stream.sequence[kept[start - 1 : end + 1]]):
            continue
        span = float(arrival[start]), float(arrival[end])
        if not SHORTEST_S <= span[1] - span[0] <= LONGEST_S:
            continue
        hard = loud[max(start - BESIDE, 0) : start].any() and loud[end : end + BESIDE].any()
        found += [span] if hard else []
        gates += not hard
    return np.array(found).reshape(-1, 2) if len(found) > gates else none


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
