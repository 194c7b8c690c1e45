"""When packets came against when their media was due: jitter, relative delay, pauses.

All of it needs the RTP clock rate. Where a stretch's rate is unknown the values are NaN: not measured.
"""

import numpy as np

from aqa.compiled import compiled, int64, uint64
from aqa.measures.window import least_after
from aqa.model import Doubles, Ints
from aqa.stream_model import Stream

WINDOW_S = 2.0  # NetEq's history for relative arrival delay (decision_logic.cc, kPacketHistorySizeMs)
MAX_MARKER_SHARE = 0.2


@compiled(
    "UniTuple(float64, 4)(int64[::1], float64[::1], int32[::1], boolean[::1], boolean[::1], boolean[::1], boolean,"
    " float64[::1])"
)
def _jitter_kernel(  # type: ignore[no-untyped-def]
    arrival_ns, media, stretch, duplicate, auxiliary, marker, markers_count, out
):
    """Jitter after each packet; and of how many packets it is known, the last, the sum and the most of it."""
    jitter, last, some = 0.0, uint64(0), False
    known, latest, total, most = 0.0, 0.0, 0.0, 0.0
    for i in range(uint64(0), uint64(len(out))):
        out[i] = np.nan
        if duplicate[i] or auxiliary[i] or not np.isfinite(media[i]):
            continue
        if not some or stretch[i] != stretch[last]:
            jitter, some = 0.0, True  # nothing to compare with yet
        else:
            if not (markers_count and marker[i]):
                arrived = (arrival_ns[i] - arrival_ns[last]) * 1e-6
                jitter += (abs(arrived - (media[i] - media[last]) * 1e3) - jitter) / 16.0
            out[i] = jitter
            known, latest, total, most = known + 1.0, jitter, total + jitter, max(most, jitter)
        last = i
    return known, latest, total, most


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
    return _jitter(stream, markers_count)[0]


def jitter_summary(stream: Stream) -> tuple[float, float, float] | None:
    """The last, the mean and the largest value of `jitter_ms`; None where there is none."""
    known, latest, total, most = _jitter(stream, False)[1] if stream.timed else (0.0, 0.0, 0.0, 0.0)
    return (latest, total / known, most) if known else None


def _jitter(stream: Stream, markers_count: bool) -> tuple[Doubles, tuple[float, float, float, float]]:
    out = np.empty(len(stream.sequence))
    found = _jitter_kernel(
        stream.arrival_ns, stream.media_s, stream.stretch, stream.duplicate, stream.auxiliary, stream.marker,
        markers_count, out,
    )  # fmt: skip
    return out, found


@compiled(
    "boolean(int64[::1], float64[::1], int32[::1], boolean[::1], int64, float64, float64[::1], float64[:, ::1])"
)
def _delay_kernel(  # type: ignore[no-untyped-def]
    arrival_ns, media, stretch, auxiliary, zero_ns, window_s, out, work
):
    """By a moving minimum (`window`) over the packets that have media time; false where arrival falls, undone."""
    when, value, least = work[0], work[1], work[2]
    one = uint64(1)
    begin = turn = n = last = uint64(0)
    back = np.inf
    for i in range(uint64(0), uint64(len(out))):
        if auxiliary[i] or np.isnan(media[i]):
            out[i] = np.nan
            continue
        if stretch[i] != stretch[last]:
            begin, turn, back = n, n, np.inf
        came = (arrival_ns[i] - zero_ns) * 1e-9
        when[n], value[n] = came, came - media[i]
        if n > begin and came < when[n - one]:
            return False
        back = min(back, value[n])
        while when[begin] < came - window_s:
            begin += one
        if begin > turn:
            least_after(value, begin, n + one, least)
            turn, back = n + one, np.inf
        out[i] = (value[n] - (min(back, least[begin]) if begin < turn else back)) * 1e3
        n += one
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
    media, out = stream.media_s, np.empty(len(stream.sequence))
    if not stream.timed:
        return np.full(len(out), np.nan)
    if not _delay_kernel(
        stream.arrival_ns, media, stream.stretch, stream.auxiliary, stream.log_start_ns, WINDOW_S, out,
        np.empty((3, len(out))),
    ):  # fmt: skip
        arrival_s = (stream.arrival_ns - stream.log_start_ns) * 1e-9
        known = np.where(stream.auxiliary, np.nan, media)
        _delay_by_queue(arrival_s, known, stream.stretch, WINDOW_S, out, np.empty(len(out) + 1, np.int64))
    return out


@compiled("boolean(int64[::1], int64[::1], float64[::1], int32[::1], boolean[::1], int64, float64, float64[::1])")
def _delay_at_kernel(  # type: ignore[no-untyped-def]
    places, arrival_ns, media, stretch, auxiliary, zero_ns, window_s, out
):
    """As `_delay_kernel` at some places only, looking back from each.

    False, undone, where arrival falls, and where it would take more steps than going through all is worth.
    """
    falls, steps = False, 4 * len(arrival_ns)  # a step costs a tenth of one of all packets
    for i in range(1, len(arrival_ns)):
        falls |= arrival_ns[i] < arrival_ns[i - 1]
    if falls:
        return False
    for n in range(len(places)):
        at = places[n]
        out[n] = np.nan
        if auxiliary[at] or np.isnan(media[at]):
            continue
        came = (arrival_ns[at] - zero_ns) * 1e-9
        value = came - media[at]
        least, i = value, at - 1
        while i >= 0 and stretch[i] == stretch[at] and (arrival_ns[i] - zero_ns) * 1e-9 >= came - window_s:
            if not auxiliary[i] and not np.isnan(media[i]):
                least = min(least, (arrival_ns[i] - zero_ns) * 1e-9 - media[i])
            i -= 1
        out[n] = (value - least) * 1e3
        steps -= at - i
        if steps < 0:
            return False
    return True


def relative_delay_at_ms(stream: Stream, places: Ints) -> Doubles:
    """What `relative_delay_ms` gives at some places."""
    out = np.empty(len(places))
    if not stream.timed or not _delay_at_kernel(
        places, stream.arrival_ns, stream.media_s, stream.stretch, stream.auxiliary, stream.log_start_ns, WINDOW_S,
        out,
    ):  # fmt: skip
        return np.asarray(relative_delay_ms(stream)[places])
    return out


@compiled("int64(int64[::1], int64[::1], float64[::1], int32[::1], boolean[::1], boolean[::1], int64, float64[::1])")
def _ipdv_kernel(  # type: ignore[no-untyped-def]
    arrival_ns, sequence, media, stretch, duplicate, auxiliary, zero_ns, out
):
    """As `ipdv_ms` where sequence numbers rise: how many pairs there are; -1 where they do not."""
    n = last = uint64(0)
    some, before = False, 0.0
    for i in range(uint64(0), uint64(len(out))):
        if duplicate[i] or auxiliary[i] or not np.isfinite(media[i]):
            continue
        delay = (arrival_ns[i] - zero_ns) * 1e-9 - media[i]
        if some:
            if sequence[i] < sequence[last]:
                return -1
            if sequence[i] - sequence[last] == 1 and stretch[i] == stretch[last]:
                out[n] = abs(delay - before) * 1e3
                n += uint64(1)
        last, before, some = i, delay, True
    return int64(n)


def ipdv_ms(stream: Stream) -> Doubles:
    """Magnitude of the difference in delay of packets with neighbouring sequence numbers (RFC 5481 4.1), in ms.

    Shape (pairs,); pairs over a loss, a reset, duplicates, telephone events and unknown clocks have none.
    """
    media, out = stream.media_s, np.empty(len(stream.sequence))
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
