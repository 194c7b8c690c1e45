"""Streams for tests of measures and detectors, without a file in between."""

from collections.abc import Mapping, Sequence

import numpy as np
from captures import START_NS, Packet

from aqa.measures import rtp
from aqa.stream_model import Stream


def arrivals(packets: Sequence[Packet]) -> rtp.Arrivals:
    return rtp.Arrivals(
        np.array([START_NS + round(p.arrival_s * 1e9) for p in packets], np.int64),
        np.array([p.sequence & 0xFFFF for p in packets], np.uint16),
        np.array([p.timestamp & 0xFFFFFFFF for p in packets], np.uint32),
        np.array([p.payload_type for p in packets], np.uint8),
        np.array([p.marker for p in packets], np.bool_),
        np.array([len(p.payload) for p in packets], np.int64),
        np.array([int.from_bytes(p.payload[:2].ljust(2, b"\0"), "big") for p in packets], np.uint16),
        *(np.zeros(len(packets), np.uint8) for _ in range(2)),
        *(np.zeros(len(packets), np.uint16) for _ in range(2)),
    )


def stream(packets: Sequence[Packet], codecs: Mapping[int, str] | None = None) -> Stream:
    place = rtp.Place("test.pcap", START_NS, packets[0].ssrc, "10.0.0.1:5004", "10.0.0.2:6004")
    return rtp.make_stream(place, arrivals(packets), rtp.Named(codecs or {}))
