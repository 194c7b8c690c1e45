"""When packets came against when their media was due: jitter, relative delay, pauses.

All of it needs the RTP clock rate. Where a stretch's rate is unknown the values are NaN: not measured.
"""

import numpy as np

from aqa.compiled import compiled
from aqa.measures.window import least_after
from aqa.model import Doubles, Stream

WINDOW_S = 2.0  # NetEq's history for relative arrival delay (decision_logic.cc, kPacketHistorySizeMs)
MAX_MARKER_SHARE = 0.2


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
