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


def rtpproxy_walk(raw: bytes) -> tuple[list[tuple[int, int, int]], int, bool]:
    """Records of rtpproxy's, little-endian: offset, bytes and time; where it stopped, and whether at a lie."""
    found, at, before = [], 0, None
    while at + 30 <= len(raw):
        family, time_s, size = *struct.unpack_from("<H", raw, at), *struct.unpack_from("<dH", raw, at + 20)
        fine = family in (2, 10, 28, 30) and 0 < size <= 8192 and 631_152_000 <= time_s <= 4_102_444_800
        if not fine or (before is not None and abs(time_s - before) > 86_400):
            return found, at, True
        if at + 30 + size > len(raw):
            break
        found.append((at + 30, size, int(time_s) * 10**9 + int((time_s - int(time_s)) * 1e9 + 0.5)))
        before = time_s
        at += 30 + size
    return found, at, False
