"""What one pass over the packets of a stream counts: order, copies, pauses."""

from dataclasses import dataclass

from aqa.compiled import compiled, uint64
from aqa.stream_model import Stream


@dataclass(frozen=True)
class Order:
    """Counts of one stream."""

    first_ns: int  # UTC of the earliest arrival, and of the latest
    last_ns: int
    pause_ns: int  # the longest from one arrival to the next
    duplicates: int
    reordered: int  # RFC 4737 3.3: below a sequence number already seen; duplicates are not counted
    steps_back: int  # times that the number fell from one packet to the next, duplicates left out


@compiled("UniTuple(int64, 6)(int64[::1], int64[::1], boolean[::1])")
def _order_kernel(arrival, sequence, duplicate):  # type: ignore[no-untyped-def]
    first, last, pause, highest, before = arrival[0], arrival[0], 0, sequence[0], sequence[0]
    copies, reordered, back = 0, 0, 0
    for i in range(uint64(0), uint64(len(arrival))):
        first, last = min(first, arrival[i]), max(last, arrival[i])
        if i > 0:
            pause = max(pause, arrival[i] - arrival[i - uint64(1)])
        highest = max(highest, sequence[i])
        if duplicate[i]:
            copies += 1
        else:
            reordered += sequence[i] < highest
            back += sequence[i] < before
            before = sequence[i]
    return first, last, pause, copies, reordered, back


def order_of(stream: Stream) -> Order:
    """The counts of a stream."""
    return Order(*_order_kernel(stream.arrival_ns, stream.sequence, stream.duplicate))
