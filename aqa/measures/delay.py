"""When packets came against when their media was due: jitter, relative delay, pauses, skew.

All of it needs the RTP clock rate. Where a stretch's rate is unknown the values are NaN: not measured.
"""

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled
from aqa.measures.window import least_after
from aqa.model import Doubles, Stream

WINDOW_S = 2.0  # NetEq's history for relative arrival delay (decision_logic.cc, kPacketHistorySizeMs)
MAX_MARKER_SHARE = 0.2
MAX_BEND_S = 0.005  # between a half and the whole: the hull's own error is under 1 ms, queues that move are not
MIN_SKEW_SPAN_S = 10.0  # over less, 1 ms of jitter alone reads as 100 ppm


def media_s(stream: Stream) -> Doubles:
    """Media time of each packet in seconds, from an arbitrary zero per stretch; NaN where the clock is unknown."""
    if len(stream.stretch_clock_hz) == 1 and len(stream.timestamp):  # nearly all: no look-up per packet
        return np.asarray((stream.timestamp - stream.timestamp[0]) / (stream.clock_rate_hz or np.nan), np.float64)
    hz = np.array([np.nan if rate is None else float(rate) for rate in stream.stretch_clock_hz])
    starts = np.flatnonzero(np.diff(stream.stretch, prepend=-1))
    return np.asarray((stream.timestamp - stream.timestamp[starts][stream.stretch]) / hz[stream.stretch], np.float64)


@compiled(
    "void(int64[::1], float64[::1], int32[::1], boolean[::1], boolean[::1], boolean[::1], boolean, float64[::1])"
)
def _jitter_kernel(  # type: ignore[no-untyped-def]
    arrival_ns, media, stretch, duplicate, auxiliary, marker, markers_count, out
):
    jitter, last = 0.0, -1
    for i in range(len(out)):
        out[i] = np.nan
        if duplicate[i] or auxiliary[i] or not np.isfinite(media[i]):
            continue
        if last < 0 or stretch[i] != stretch[last]:
            jitter = 0.0  # nothing to compare with yet
        else:
            if not (markers_count and marker[i]):
                arrived = (arrival_ns[i] - arrival_ns[last]) * 1e-6
                jitter += (abs(arrived - (media[i] - media[last]) * 1e3) - jitter) / 16.0
            out[i] = jitter
        last = i


def jitter_ms(stream: Stream, *, talkspurts: bool = True) -> Doubles:
    """RFC 3550 6.4.1 interarrival jitter after each packet, in arrival order, in ms.

    It starts from 0 in each stretch, whose first packet has none yet (NaN). NaN, and no part in it, for
    duplicates (no news of the network's delay), telephone events (their timestamp stands still: RFC 4733 2.2) and
    where the clock or times of arrival are unknown. With `talkspurts=False` the step into a talkspurt (marker bit,
    RFC 3551 4.1) adds nothing: senders are free with time over a pause.
    """
    if not stream.timed:
        return np.full(len(stream.sequence), np.nan)
    # a video stream marks most frames' ends: there the bit says nothing of pauses
    markers_count = not talkspurts and bool(np.mean(stream.marker) < MAX_MARKER_SHARE)
    out = np.empty(len(stream.sequence))
    _jitter_kernel(
        stream.arrival_ns, media_s(stream), stream.stretch, stream.duplicate, stream.auxiliary, stream.marker,
        markers_count, out,
    )  # fmt: skip
    return out


@compiled("boolean(float64[::1], float64[::1], int32[::1], float64, float64[::1], float64[:, ::1])")
def _delay_kernel(  # type: ignore[no-untyped-def]
    arrival_s, media, stretch, window_s, out, work
):
    """By a moving minimum (`window`) over the packets that have media time; false where arrival falls, undone."""
    when, value, least = work[0], work[1], work[2]
    begin, turn, n, last, back = 0, 0, 0, -1, np.inf
    for i in range(len(out)):
        out[i] = np.nan
        if np.isnan(media[i]):
            continue
        if last >= 0 and stretch[i] != stretch[last]:
            begin, turn, back = n, n, np.inf
        when[n], value[n] = arrival_s[i], arrival_s[i] - media[i]
        if n > begin and when[n] < when[n - 1]:
            return False
        back = min(back, value[n])
        while when[begin] < when[n] - window_s:
            begin += 1
        if begin > turn:
            least_after(value, begin, n + 1, least)
            turn, back = n + 1, np.inf
        out[i] = (value[n] - (min(back, least[begin]) if begin < turn else back)) * 1e3
        n += 1
        last = i
    return True


@compiled("void(float64[::1], float64[::1], int32[::1], float64, float64[::1], int64[::1])")
def _delay_by_queue(  # type: ignore[no-untyped-def]
    arrival_s, media, stretch, window_s, out, queue
):
    """As `_delay_kernel` for any order of arrival, by a queue of rising values."""
    first, end, last = 0, 0, -1
    for i in range(len(out)):
        out[i] = np.nan
        if np.isnan(media[i]):
            continue
        if last >= 0 and stretch[i] != stretch[last]:
            first = end
        value = arrival_s[i] - media[i]
        while end > first and arrival_s[queue[end - 1]] - media[queue[end - 1]] >= value:
            end -= 1
        queue[end] = i
        end += 1
        while arrival_s[queue[first]] < arrival_s[i] - window_s:
            first += 1
        out[i] = (value - (arrival_s[queue[first]] - media[queue[first]])) * 1e3
        last = i


def relative_delay_ms(stream: Stream) -> Doubles:
    """Arrival less media time less the least of it in the last 2 s (RFC 5481 4.2 PDV, minimum moving), in ms.

    The moving minimum takes drift out. NaN for telephone events, and where clock or times of arrival are unknown.
    """
    media = media_s(stream)
    media[stream.auxiliary | (not stream.timed)] = np.nan
    arrival_s = (stream.arrival_ns - stream.log_start_ns) * 1e-9
    out = np.empty(len(media))
    if not _delay_kernel(arrival_s, media, stream.stretch, WINDOW_S, out, np.empty((3, len(media)))):
        _delay_by_queue(arrival_s, media, stream.stretch, WINDOW_S, out, np.empty(len(media) + 1, np.int64))
    return out


@compiled("int64(int64[::1], int64[::1], float64[::1], int32[::1], boolean[::1], boolean[::1], int64, float64[::1])")
def _ipdv_kernel(  # type: ignore[no-untyped-def]
    arrival_ns, sequence, media, stretch, duplicate, auxiliary, zero_ns, out
):
    """As `ipdv_ms` where sequence numbers rise: how many pairs there are; -1 where they do not."""
    n, last, before = 0, -1, 0.0
    for i in range(len(out)):
        if duplicate[i] or auxiliary[i] or not np.isfinite(media[i]):
            continue
        delay = (arrival_ns[i] - zero_ns) * 1e-9 - media[i]
        if last >= 0:
            if sequence[i] < sequence[last]:
                return -1
            if sequence[i] - sequence[last] == 1 and stretch[i] == stretch[last]:
                out[n] = abs(delay - before) * 1e3
                n += 1
        last, before = i, delay
    return n


def ipdv_ms(stream: Stream) -> Doubles:
    """Magnitude of the difference in delay of packets with neighbouring sequence numbers (RFC 5481 4.1), in ms.

    Shape (pairs,); pairs over a loss, a reset, duplicates, telephone events and unknown clocks have none.
    """
    media, out = media_s(stream), np.empty(len(stream.sequence))
    pairs = _ipdv_kernel(
        stream.arrival_ns, stream.sequence, media, stream.stretch, stream.duplicate, stream.auxiliary,
        stream.log_start_ns, out,
    )  # fmt: skip
    if pairs >= 0:
        return out[:pairs]
    delay_s = (stream.arrival_ns - stream.log_start_ns) * 1e-9 - media
    kept = np.flatnonzero(~stream.duplicate & ~stream.auxiliary & np.isfinite(delay_s))
    order = np.argsort(stream.sequence[kept], kind="stable")
    kept = kept[order]
    number = stream.sequence[kept]
    stretch, delay_s = stream.stretch[kept], delay_s[kept]
    next_to = (number[1:] - number[:-1] == 1) & (stretch[1:] == stretch[:-1])
    return np.asarray(np.abs(delay_s[1:] - delay_s[:-1])[next_to] * 1e3, np.float64)


def pauses_ms(stream: Stream) -> Doubles:
    """Time since the packet before, in ms; the first packet has 0. NaN where times of arrival are unknown."""
    if not stream.timed:
        return np.full(len(stream.arrival_ns), np.nan)
    return np.asarray(np.diff(stream.arrival_ns, prepend=stream.arrival_ns[:1]) * 1e-6, np.float64)


@compiled("int64(float64[::1], float64[::1], int64[::1])")
def _hull_kernel(x, y, hull):  # type: ignore[no-untyped-def]
    """Lower convex hull (Andrew's monotone chain) of points ordered by x: indices into `hull`, their number."""
    n = 0
    for i in range(len(x)):
        while n >= 2 and (x[hull[n - 1]] - x[hull[n - 2]]) * (y[i] - y[hull[n - 2]]) <= (
            y[hull[n - 1]] - y[hull[n - 2]]
        ) * (x[i] - x[hull[n - 2]]):
            n -= 1
        hull[n] = i
        n += 1
    return n


def lower_hull(x: Doubles, y: Doubles) -> NDArray[np.int64]:
    """Indices of the points on the lower convex hull; `x` must not fall."""
    hull = np.empty(len(x), np.int64)
    return hull[: _hull_kernel(x, y, hull)]


def skew_ppm(stream: Stream) -> float | None:
    """Slope of arrival time against media time, less one, in ppm: negative when the sender's clock runs fast.

    The slope of the lower hull's edge under the middle of the points (Moon, Skelly, Towsley 1999): queueing only
    ever adds delay, so the least delayed packets show the clocks. None where the longest stretch with a clock
    spans less than 10 s, where times of arrival are unknown, and where its halves say something else than the whole:
    then the delay has changed its level (a new route, a queue that never emptied), which no slope tells from clocks.
    """
    points = _delay_points(stream)
    if points is None:
        return None
    x, y = points
    middle = int(np.searchsorted(x, x[-1] / 2))
    halves = [lower_hull(x[:middle], y[:middle]), middle + lower_hull(x[middle:], y[middle:])]
    both = np.concatenate(halves)
    whole = _slope_at(both[lower_hull(x[both], y[both])], x, y, float(x.mean()))
    for hull, half in zip(halves, (x[:middle], x[middle:]), strict=True):
        if whole is None or len(half) < 2:
            return None
        part = _slope_at(hull, x, y, float(half.mean()))
        if part is not None and abs(part - whole) * float(half[-1] - half[0]) > MAX_BEND_S:
            return None
    return whole * 1e6 if whole is not None else None


@compiled("int64(int64[::1], float64[::1], int32[::1], boolean[::1], float64[::1], float64[::1])")
def _points_kernel(arrival_ns, media, stretch, auxiliary, x, y):  # type: ignore[no-untyped-def]
    """As `_delay_points` for a single stretch whose media time never falls: how many; -1 where it is not so."""
    n, first = 0, 0
    for i in range(len(media)):
        if auxiliary[i] or not np.isfinite(media[i]):
            continue
        if n == 0:
            first = i
        if stretch[i] != stretch[first]:
            return -1
        x[n] = media[i] - media[first]
        if n > 0 and x[n] < x[n - 1]:
            return -1
        y[n] = (arrival_ns[i] - arrival_ns[first]) * 1e-9 - x[n]
        n += 1
    return n


def _delay_points(stream: Stream) -> tuple[Doubles, Doubles] | None:
    """Media time and delay of the longest stretch with a clock, ordered by media time, both from 0; seconds."""
    media = media_s(stream)
    x, y = np.empty(len(media)), np.empty(len(media))
    n = _points_kernel(stream.arrival_ns, media, stream.stretch, stream.auxiliary, x, y) if stream.timed else 0
    if n >= 0:
        return (x[:n], y[:n]) if n > 0 and x[n - 1] >= MIN_SKEW_SPAN_S else None
    good = np.isfinite(media) & ~stream.auxiliary & stream.timed
    if not good.any():
        return None
    longest = np.bincount(stream.stretch[good]).argmax()
    good &= stream.stretch == longest
    order = np.argsort(media[good], kind="stable")
    x, arrival = media[good][order], stream.arrival_ns[good][order]
    y = (arrival - arrival[0]) * 1e-9
    if x[-1] - x[0] < MIN_SKEW_SPAN_S:
        return None
    x = x - x[0]
    return x, np.asarray(y - x, np.float64)  # the delay itself: slopes near zero keep their digits


def _slope_at(hull: NDArray[np.int64], x: Doubles, y: Doubles, middle: float) -> float | None:
    """Slope of the hull's edge under `middle`; `hull` are indices into `x` and `y`."""
    edge = int(np.clip(np.searchsorted(x[hull], middle), 1, len(hull) - 1)) if len(hull) > 1 else 0
    if edge == 0:
        return None
    rise, run = np.diff(y[hull])[edge - 1], np.diff(x[hull])[edge - 1]
    return float(rise / run) if run > 0 else None
