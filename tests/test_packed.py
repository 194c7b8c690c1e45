"""Streams on their way: bit for bit what they were, in order, and small."""

import dataclasses

import numpy as np
from captures import Packet, talk
from streams import stream

from aqa.packed_streams import PackedStreams
from aqa.stream_model import Stream


def same(one: Stream, other: Stream) -> bool:
    pairs = [(getattr(one, item.name), getattr(other, item.name)) for item in dataclasses.fields(one)]
    return all(np.array_equal(a, b) and a.dtype == b.dtype if isinstance(a, np.ndarray) else a == b for a, b in pairs)


def test_streams_come_back_as_they_were_in_order_of_their_first_packet() -> None:
    rng = np.random.default_rng(1)
    odd = [Packet(p.arrival_s + float(rng.random()), p.sequence, p.timestamp, 96) for p in talk(50, first=65_500)]
    first, second = stream(talk(60)), dataclasses.replace(stream(odd), ssrc=9)
    packed = PackedStreams()
    for one in (second, first):
        packed.add(one)
    got = packed.sorted()
    assert len(got) == 2 and got
    assert [same(a, b) for a, b in zip(got, (first, second), strict=True)] == [True, True]
    assert same(got[1], second) and [same(a, b) for a, b in zip(got[:1], [first], strict=True)] == [True]


def test_a_packet_takes_few_bytes() -> None:
    rng = np.random.default_rng(2)
    packets = [Packet(p.arrival_s + float(rng.normal(0.1, 0.002)), p.sequence, p.timestamp) for p in talk(20_000)]
    packed = PackedStreams()
    packed.add(stream(packets))
    assert len(packed._packed[0][1]) / 20_000 < 8
