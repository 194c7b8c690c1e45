"""Which packets of a log are sound, in which order they are decoded, and where each lies on a common clock."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.frames import BARE, NEVER, Records
from aqa.measures.sequence import extend, unwrap_time
from aqa.model import Flags, Ints

RATES_HZ = {"opus": 48_000, "pcmu": 8000, "pcma": 8000}
"""What can be decoded: codec, and the rate that both its RTP clock and its samples have here (RFC 7587 4.1)."""
RED = "red"
"""Payloads of RFC 2198: here always around Opus, as WebRTC has it."""
LONGEST_S = 0.12  # media of one packet (RFC 6716 3.2.5)
STATIC = {0: "pcmu", 8: "pcma"}  # RFC 3551 table 4


@dataclass(frozen=True)
class Part:
    """RTP packets of one buffer, in file order; one value per packet in each array."""

    flow: Ints
    ssrc: Ints
    sequence: NDArray[np.uint16]
    timestamp: NDArray[np.uint32]
    kind: Ints  # payload type
    start: Ints  # of the payload in the buffer
    size: Ints
    time_ns: Ints


@dataclass(frozen=True)
class _Stamps:
    """What is kept of each packet of one stream until its place is known: 15 bytes."""

    sequence: NDArray[np.uint16]
    timestamp: NDArray[np.uint32]
    kind: NDArray[np.uint8]
    time_ns: Ints


@dataclass(frozen=True)
class Channel:
    """One SSRC of one flow: what is decoded, in the order of its media."""

    flow: int
    ssrc: int
    codec: str
    rank: Ints  # of each of its packets in file order: place in the order of media, -1 for one that is left out
    position: Ints  # of each packet in the order of media: its first sample on the common clock
    lost: Ints  # of each packet in the order of media: how many are missing before it


def part(records: Records) -> Part:
    """The RTP packets among bare records, headers taken off (RFC 3550 5.1, 5.3.1)."""
    data, end = records.buffer, records.offset + records.captured
    keep = (records.link >= BARE) & (records.captured >= 12) & (records.time_ns != NEVER)
    flow, time_ns, end, at = records.link[keep] - BARE, records.time_ns[keep], end[keep], records.offset[keep]
    first, second = data[at].astype(np.int64), data[at + 1].astype(np.int64)
    start = at + 12 + 4 * (first & 15)
    extended = (first & 16 > 0) & (start + 4 <= end)
    word = np.where(extended, start, at)
    start = start + np.where(extended, 4 + 4 * _number(data, word + 2, 2), 0)
    padding = np.where(first & 32 > 0, data[np.maximum(end - 1, 0)].astype(np.int64), 0)
    size = end - start - padding
    fine = (first >> 6 == 2) & ((second & 127 < 64) | (second & 127 > 95)) & (size > 0)  # RFC 5761 4: no RTCP
    columns = (
        flow, _number(data, at + 8, 4), _number(data, at + 2, 2).astype(np.uint16),
        _number(data, at + 4, 4).astype(np.uint32), second & 127, start, size, time_ns,
    )  # fmt: skip
    return Part(*(column[fine] for column in columns))


def _number(data: NDArray[np.uint8], at: Ints, size: int) -> Ints:
    """Big-endian numbers of `size` bytes."""
    out = np.zeros(len(at), np.int64)
    for i in range(size):
        out = out << 8 | data[at + i].astype(np.int64)
    return out


def primary(payload: bytes) -> bytes:
    """The newest block of a RED payload (RFC 2198 3), behind the copies of earlier ones; empty where it lies."""
    at, copies = 0, 0
    while at + 4 <= len(payload) and payload[at] & 128:
        copies += int.from_bytes(payload[at + 2 : at + 4], "big") & 0x3FF
        at += 4
    return payload[at + 1 + copies :]


def keys(one: Part) -> Iterator[tuple[tuple[int, int], Flags]]:
    """Flow and SSRC, and which packets are theirs."""
    pairs = np.stack((one.flow, one.ssrc), axis=1)
    unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
    for index, (flow, ssrc) in enumerate(unique.tolist()):
        yield (flow, ssrc), inverse.reshape(-1) == index


def channels(parts: Iterable[Part], codecs: Mapping[int, str], *, most_s: float) -> list[Channel]:
    """Every stream of sound, by first packet; `most_s`: pauses add up to that at most, what goes beyond is left out.

    All have one rate: that of the codec with the most packets.
    """
    found: dict[tuple[int, int], list[_Stamps]] = {}
    for one in parts:
        for key, mine in keys(one):
            kept = _Stamps(
                one.sequence[mine], one.timestamp[mine], one.kind[mine].astype(np.uint8), one.time_ns[mine]
            )
            found.setdefault(key, []).append(kept)
    whole = {key: _joined(pieces) for key, pieces in found.items()}
    named = {key: _codec(one.kind, codecs) for key, one in whole.items()}
    counts: dict[int, int] = {}
    for key, codec in named.items():
        if codec:
            counts[RATES_HZ[codec]] = counts.get(RATES_HZ[codec], 0) + len(whole[key].kind)
    rate = max(counts, key=lambda hz: counts[hz], default=0)
    chosen = {key: one for key, one in whole.items() if named[key] and RATES_HZ[named[key]] == rate}
    zero_ns = min((int(one.time_ns.min()) for one in chosen.values()), default=0)
    limit = round(most_s / max(len(chosen), 1) * rate)
    out = [
        _channel(key, one, _decodable(one.kind, named[key], codecs), named[key], zero_ns=zero_ns, limit=limit)
        for key, one in chosen.items()
    ]
    return sorted(out, key=lambda item: (int(item.position[0]), item.flow, item.ssrc))


def _joined(pieces: list[_Stamps]) -> _Stamps:
    columns = ([getattr(piece, name) for piece in pieces] for name in _Stamps.__dataclass_fields__)
    return _Stamps(*(np.concatenate(column) for column in columns))


def _name(kind: int, codecs: Mapping[int, str]) -> str:
    name = codecs.get(kind, "").split("/")[0].lower() or STATIC.get(kind, "")
    return "opus" if name == RED else name if name in RATES_HZ else ""


def _codec(kind: NDArray[np.uint8], codecs: Mapping[int, str]) -> str:
    """The codec of most packets that can be decoded; empty if there is none."""
    usual = np.bincount(kind, minlength=128)
    names = [(int(usual[k]), _name(k, codecs)) for k in range(128) if usual[k] and _name(k, codecs)]
    return max(names, default=(0, ""))[1]


def _decodable(kind: NDArray[np.uint8], codec: str, codecs: Mapping[int, str]) -> Flags:
    table = np.array([_name(k, codecs) == codec for k in range(128)])
    return np.asarray(table[kind])


def _channel(key: tuple[int, int], packets: _Stamps, fine: Flags, codec: str, *, zero_ns: int, limit: int) -> Channel:
    """One stream in the order of its media: by segment and sequence number, each number once."""
    extended, segment = extend(packets.sequence)
    order = np.lexsort((extended, segment))
    order = order[segment[order] >= 0]
    steps = np.diff(extended[order], prepend=-1)
    same = np.diff(segment[order], prepend=-1) == 0
    missing = np.cumsum(np.where(same, np.maximum(steps - 1, 0), 0))  # up to each packet, events and all
    mine = fine[order] & ~(same & (steps == 0))
    order, missing = order[mine], missing[mine]
    rank = np.full(len(packets.kind), -1, np.int64)
    rank[order] = np.arange(len(order))
    limit -= (first := min(_samples(int(packets.time_ns[order].min()) - zero_ns, codec), limit))
    same = np.diff(segment[order]) == 0
    longest = round(LONGEST_S * RATES_HZ[codec])
    ahead = _steps(np.diff(unwrap_time(packets.timestamp)[order]), same, limit, longest)
    position = first + np.concatenate(([0], np.cumsum(ahead)))
    return Channel(*key, codec, rank, position.astype(np.int64), np.diff(missing, prepend=missing[:1]))


def _samples(time_ns: int, codec: str) -> int:
    return max(0, round(time_ns * RATES_HZ[codec] / 1e9))


def _steps(steps: Ints, same: Flags, limit: int, longest: int) -> Ints:
    """Media time from packet to packet; where it restarts, falls or goes too far, the usual step stands in."""
    plain = steps[(steps > 0) & (steps <= longest)]
    usual = int(np.median(plain)) if len(plain) else 0
    wrong = ~same | (steps <= 0) | (steps > limit)
    out = np.where(wrong, usual, steps)
    pauses = np.cumsum(np.maximum(out - usual, 0))
    return np.asarray(np.where(pauses > limit, np.minimum(out, usual), out), np.int64)
