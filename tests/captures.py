"""Captures in plain Python: RTP packets, frames around them, pcap and pcapng files around those."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from aqa.chunks import DamagedError
from aqa.grouping import Scattered
from aqa.model import InputError
from aqa.parse import ROW

START_NS = 1_700_000_000_000_000_000


@dataclass(frozen=True)
class Packet:
    """One RTP packet and when it was captured."""

    arrival_s: float
    sequence: int
    timestamp: int
    payload_type: int = 0
    marker: bool = False
    ssrc: int = 0x1234
    payload: bytes = bytes(160)


def rtp(packet: Packet, *, csrc: int = 0, extension: int | None = None, padding: int = 0) -> bytes:
    first = 0x80 | csrc | (0x10 if extension is not None else 0) | (0x20 if padding else 0)
    out = struct.pack(
        ">BBHII",
        first,
        packet.payload_type | (0x80 if packet.marker else 0),
        packet.sequence & 0xFFFF,
        packet.timestamp & 0xFFFFFFFF,
        packet.ssrc,
    )
    out += bytes(4 * csrc)
    if extension is not None:
        out += struct.pack(">HH", 0xBEDE, extension) + bytes(4 * extension)
    return out + packet.payload + (bytes(padding - 1) + bytes([padding]) if padding else b"")


def udp(payload: bytes, sport: int = 5004, dport: int = 6004) -> bytes:
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


def ipv4(payload: bytes, *, protocol: int = 17, options: bytes = b"", fragment: int = 0) -> bytes:
    size = 20 + len(options)
    head = struct.pack(
        ">BBHHHBBH4s4s", 0x40 | size // 4, 0, size + len(payload), 1, fragment, 64, protocol, 0,
        bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]),
    )  # fmt: skip
    return head + options + payload


def ipv6(payload: bytes, *, following: int = 17) -> bytes:
    head = struct.pack(">IHBB", 0x60000000, len(payload), following, 64)
    return head + bytes(15) + b"\x01" + bytes(15) + b"\x02" + payload


def ethernet(payload: bytes, *, kind: int = 0x0800, vlans: Sequence[int] = ()) -> bytes:
    tags = b"".join(struct.pack(">HH", tag, 7) for tag in vlans)
    return bytes(12) + tags + struct.pack(">H", kind) + payload


def frame(packet: Packet) -> bytes:
    """Ethernet, IPv4, UDP, RTP."""
    return ethernet(ipv4(udp(rtp(packet))))


Frames = Iterable[tuple[int, bytes]]  # capture time in ns since 1970, frame


def frames(packets: Iterable[Packet]) -> list[tuple[int, bytes]]:
    return [(START_NS + round(packet.arrival_s * 1e9), frame(packet)) for packet in packets]


def pcap(items: Frames, *, order: str = "<", nano: bool = False, link: int = 1) -> bytes:
    tick = 1 if nano else 1000
    out = [struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)]
    for time_ns, data in items:
        seconds, rest = divmod(time_ns, 1_000_000_000)
        out += [struct.pack(order + "IIII", seconds, rest // tick, len(data), len(data)), data]
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(
    order: str = "<", *, link: int = 1, resolution: int | None = None, offset_s: int | None = None
) -> bytes:
    body = struct.pack(order + "HHI", link, 0, 0)
    if resolution is not None:
        body += struct.pack(order + "HHB3x", 9, 1, resolution)
    if offset_s is not None:
        body += struct.pack(order + "HHq", 14, 8, offset_s)
    if resolution is not None or offset_s is not None:
        body += bytes(4)
    return block(1, body, order)


def enhanced(units: int, data: bytes, order: str = "<", *, interface_id: int = 0) -> bytes:
    head = struct.pack(order + "IIIII", interface_id, units >> 32, units & 0xFFFFFFFF, len(data), len(data))
    return block(6, head + data, order)


def simple(data: bytes, order: str = "<") -> bytes:
    return block(3, struct.pack(order + "I", len(data)) + data, order)


def pcapng(items: Frames, order: str = "<") -> bytes:
    return section(order) + interface(order, resolution=9) + b"".join(enhanced(t, d, order) for t, d in items)


def talk(
    count: int,
    *,
    hz: int = 8000,
    frame_ms: float = 20.0,
    first: int = 0,
    payload_type: int = 0,
    ssrc: int = 0x1234,
) -> list[Packet]:
    """A faultless stream: one packet every `frame_ms`."""
    step = round(hz * frame_ms / 1000)
    return [Packet(i * frame_ms / 1000, first + i, 1000 + i * step, payload_type, i == 0, ssrc) for i in range(count)]


def drained(module: ModuleType, path: Path, **options: int) -> tuple[list[tuple[int, int, int, bytes]], str]:
    """Time, wire bytes, link and captured bytes of each record that a format gives, and the message it stops with."""
    out: list[tuple[int, int, int, bytes]] = []
    try:
        for records in module.read(path, **options):
            ends = records.offset + records.captured
            columns = (records.time_ns, records.wire, records.link, records.offset, ends)
            out += [
                (int(t), int(w), int(k), records.buffer[a:b].tobytes())
                for t, w, k, a, b in zip(*columns, strict=True)
            ]
    except (DamagedError, InputError) as error:
        return out, str(error)
    return out, ""


def rows_together(of: Scattered) -> np.ndarray:
    """The rows (dtype ROW), one after the other."""
    parts = [(of.one, of.other)[which][first : first + rows] for which, first, rows in of.runs.tolist()]
    return np.concatenate([of.one[:0], *parts]).view(ROW)[:, 0]
