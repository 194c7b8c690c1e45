"""What changed inside a stream: payload type, clock rate, frame length, bit rate. No fault, but good to know."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.measures.slots import Slots
from aqa.playout import Played
from aqa.stream_model import Stream

MAX_CHANGES = 50  # told of one stream: a sender that changes all the time must not fill the store


def changes(played: Played, base_s: float) -> list[dict[str, Any]]:
    """Changes of one stream in time order: at_s (seconds, `base_s` at log_start_ns), what, from, to."""
    stream = played.stream
    series: list[tuple[str, NDArray[np.int64], NDArray[Any]]] = []
    several_types = stream.payload_types.max() != stream.payload_types.min()
    if several_types or len(stream.stretch_clock_hz) > 1:
        media = np.flatnonzero(~stream.auxiliary & ~stream.duplicate)
        series.append(("payload type", media, stream.payload_types[media]))
        hz = np.array([rate or 0 for rate in stream.stretch_clock_hz])[stream.stretch[media]]
        series.append(("clock_rate_hz", media, hz))
    if played.playout is not None:
        slots = played.playout.slots
        if slots.frame_ns.max() - slots.frame_ns.min() > 50_000:
            frames = (slots.frame_ns + 50_000) // 100_000
            steady = np.zeros(len(frames), np.bool_)  # a frame before a pause or loss is not told: three alike are
            steady[2:] = (frames[2:] == frames[1:-1]) & (frames[1:-1] == frames[:-2])
            series.append(("frame_ms", slots.packet[steady], frames[steady]))
        series.append(_rates(stream, slots))
    found: list[dict[str, Any]] = [
        {
            "at_s": round(int(stream.arrival_ns[where[i]] - stream.log_start_ns) * 1e-9 + base_s, 3),
            "what": what,
            "from": _plain(what, values[i - 1]),
            "to": _plain(what, values[i]),
        }
        for what, where, values in series
        if len(values) > 1
        for i in (np.flatnonzero(values[1:] != values[:-1]) + 1)[:MAX_CHANGES].tolist()
    ]
    return sorted(found, key=lambda item: item["at_s"])[:MAX_CHANGES]


def _plain(what: str, value: Any) -> float | int | None:
    if what == "frame_ms":
        return float(value) / 10
    return int(value) or (0 if what == "payload type" else None)


_RATE_S = 10.0
_RATE_STEP = 2.0  # the largest packets of 10 s of speech are alike within this, even at a variable rate


def _rates(stream: Stream, slots: Slots) -> tuple[str, NDArray[np.int64], NDArray[np.int64]]:
    """Bit rate in kb/s of the largest packets of each 10 s, held until it doubles or halves; and where it begins.

    The largest, as a variable rate falls in pauses of speech without the encoder having been set anew.
    """
    size = slots.of_packets(stream.payload_bytes)
    longest, shortest = float(slots.frame_ns.max()), float(slots.frame_ns.min())
    if size.max() * longest < _RATE_STEP * size.min() * shortest:
        return "bitrate_kbps", np.zeros(0, np.int64), np.zeros(0, np.int64)  # no rate is twice another
    block = (slots.arrival_ns * (1e-9 / _RATE_S)).astype(np.int64)
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    kbps = size * 8e6 / np.maximum(slots.frame_ns, 1)
    kbps[slots.frame_ns == 0] = 0.0
    most, packets = np.maximum.reduceat(kbps, starts), np.diff(starts, append=len(slots))
    where: list[int] = []
    held: list[float] = []
    for at, rate in enumerate(most.tolist()):
        if packets[at] < 50 or rate <= 0:  # a pause of DTX has a rate of its own
            continue
        if not held or not held[-1] / _RATE_STEP < rate < held[-1] * _RATE_STEP:
            where.append(int(slots.packet[starts[at]]))
            held.append(rate)
    return "bitrate_kbps", np.array(where, np.int64), np.rint(held).astype(np.int64)
