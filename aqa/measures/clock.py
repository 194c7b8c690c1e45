"""RTP clock rates: by payload type, by name, or from how RTP time runs against arrival."""

import numpy as np
from numpy.typing import NDArray

from aqa.measures.skew import lower_hull
from aqa.model import Doubles, Ints

CLOCKS_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 90000)
FASTEST_HZ = CLOCKS_HZ[-1]
TOLERANCE = 0.04  # half the distance between the closest two (44.1 and 48 kHz)
MIN_SPAN_NS = 500_000_000  # over less, 20 ms of jitter is more than the tolerance
MIN_HULL_SPAN_NS = 10_000_000_000

STATIC = {
    0: ("PCMU", 8000), 3: ("GSM", 8000), 4: ("G723", 8000), 5: ("DVI4", 8000), 6: ("DVI4", 16000),
    7: ("LPC", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000), 10: ("L16", 44100), 11: ("L16", 44100),
    12: ("QCELP", 8000), 13: ("CN", 8000), 14: ("MPA", 90000), 15: ("G728", 8000), 16: ("DVI4", 11025),
    17: ("DVI4", 22050), 18: ("G729", 8000), 25: ("CelB", 90000), 26: ("JPEG", 90000), 28: ("nv", 90000),
    31: ("H261", 90000), 32: ("MPV", 90000), 33: ("MP2T", 90000), 34: ("H263", 90000),
}  # fmt: skip
"""RFC 3551 table 4 and 5: payload type, name and clock rate; G.722 samples at 16 kHz but counts at 8 (4.5.2)."""


def infer_clock(arrival_ns: Ints, timestamp: Ints, stretch: NDArray[np.integer]) -> int | None:
    """Clock rate in Hz from how RTP time runs against arrival; None where the packets do not tell.

    The median slope over windows of up to 2 s, snapped to a known rate: robust against jitter (a few per cent of
    a window) and against stalls and DTX pauses (few windows), where one regression over all would bend. Where
    stalls fill most windows, the lower hull of arrival over RTP time is asked: only the least delayed packets.
    """
    arrival = np.maximum.accumulate(arrival_ns)
    if len(arrival) < 2 or arrival[-1] - arrival[0] < MIN_SPAN_NS:
        return None
    lag = int(min(2_000_000_000, (arrival[-1] - arrival[0]) // 3))
    first = np.arange(0, len(arrival), max(1, len(arrival) // 5000))
    last = np.searchsorted(arrival, arrival[first] + lag)
    inside = last < len(arrival)
    first, last = first[inside], last[inside]
    same = stretch[first] == stretch[last]
    first, last = first[same], last[same]
    if len(first) < 8:
        return None
    slopes = (timestamp[last] - timestamp[first]) / (arrival[last] - arrival[first]) * 1e9
    longest = stretch == np.bincount(stretch).argmax()
    return _snap(slopes, 0.4) or _by_hull(arrival[longest], timestamp[longest])


def _by_hull(arrival_ns: Ints, timestamp: Ints) -> int | None:
    if arrival_ns[-1] - arrival_ns[0] < MIN_HULL_SPAN_NS:
        return None
    order = np.argsort(timestamp, kind="stable")
    ticks, seconds = timestamp[order] - timestamp[order[0]], (arrival_ns[order] - arrival_ns[0]) * 1e-9
    hull = lower_hull(ticks.astype(np.float64), seconds)
    run, rise = np.diff(ticks[hull]), np.diff(seconds[hull])
    rising = rise > 0
    weights = np.maximum(rise[rising] * 10, 1).astype(np.int64)[:10_000]  # by their length: 0.1 s each
    weights = np.minimum(weights, 36_000)
    return _snap(np.repeat((run[rising] / rise[rising])[:10_000], weights), 0.8)


def _snap(slopes: Doubles, agreement: float) -> int | None:
    """The known rate at the median slope, if that share of all slopes is near it."""
    if not len(slopes):
        return None
    middle = float(np.median(slopes))
    nearest = min(CLOCKS_HZ, key=lambda hz: abs(hz - middle))
    agree = np.mean(np.abs(slopes / nearest - 1) <= 2 * TOLERANCE)
    return nearest if abs(middle / nearest - 1) <= TOLERANCE and agree >= agreement else None


def named_clock(codec: str | None) -> int | None:
    """Clock rate of a codec written as in SDP: "opus/48000/2" (RFC 8866 6.6)."""
    parts = (codec or "").split("/")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdecimal() and 0 < int(parts[1]) < 1_000_000 else None
