"""Naive twins of the compiled packet code: dpkt and plain Python, packet by packet."""

import io
import struct

import dpkt


def candidates(capture: bytes) -> list[tuple[int, str, int, int, int, int, bool, int]]:
    """(time ns, flow, SSRC, sequence, timestamp, type, marker, payload bytes) of each RTP candidate."""
    reader = dpkt.pcap.UniversalReader(io.BytesIO(capture))
    out = []
    for seconds, data in reader:
        found = _rtp_of(data)
        if found is not None:
            out.append((round(seconds * 1e6) * 1000, *found))
    return out


def _rtp_of(data: bytes) -> tuple | None:
    ip = dpkt.ethernet.Ethernet(data).data
    udp = getattr(ip, "data", None)
    if not isinstance(ip, dpkt.ip.IP | dpkt.ip6.IP6) or not isinstance(udp, dpkt.udp.UDP):
        return None
    raw = bytes(udp.data)
    if len(raw) < 12 or raw[0] >> 6 != 2 or 64 <= raw[1] & 127 <= 95:
        return None
    size = 12 + 4 * (raw[0] & 15)
    if raw[0] & 16:
        if len(raw) < size + 4:
            return None
        size += 4 + 4 * struct.unpack(">H", raw[size + 2 : size + 4])[0]
    left = len(raw) - size
    if left >= 0 and raw[0] & 32:
        left = left - raw[-1] if raw[-1] else -1
    if left < 0:
        return None
    sequence, timestamp, ssrc = struct.unpack(">HII", raw[2:12])
    flow = f"{ip.src.hex()}:{udp.sport}>{ip.dst.hex()}:{udp.dport}"
    return flow, ssrc, sequence, timestamp, raw[1] & 127, raw[1] >= 128, left


def jitter_ms(arrival_s: list[float], timestamp: list[int], hz: int) -> list[float]:
    """RFC 3550 A.8, literally, after each packet but the first."""
    jitter, transit, out = 0.0, None, []
    for arrival, ticks in zip(arrival_s, timestamp, strict=True):
        now = arrival * hz - ticks
        if transit is not None:
            jitter += (1.0 / 16.0) * (abs(now - transit) - jitter)
            out.append(jitter / hz * 1000)
        transit = now
    return out


def bursts(received: list[bool], gmin: int = 16) -> list[tuple[int, int]]:
    """RFC 3611 4.7.2: longest runs that start and end with a loss, without `gmin` good ones in a row."""
    lost = [i for i, got in enumerate(received) if not got]
    out: list[list[int]] = []
    for i in lost:
        if out and i - out[-1][1] - 1 < gmin:
            out[-1][1] = i
        else:
            out.append([i, i])
    return [(a, b) for a, b in out if b > a]
