"""Captures made and then damaged, by the thousand: run as a script, it reads each and says what went wrong.

    NUMBA_BOUNDSCHECK=1 python tests/hostile.py 20000

Everything a log may answer is a result or an InputError; no index may leave its array, and no length that lies may
cost more than itself.
"""

import gzip
import random
import struct
import sys
import tempfile
import time
from pathlib import Path

from captures import (
    START_NS,
    Packet,
    enhanced,
    ethernet,
    frames,
    interface,
    ipv4,
    ipv6,
    pcap,
    pcapng,
    rtp,
    section,
    simple,
    talk,
    udp,
)  # fmt: skip
from test_frames import FRAMES, parse

from aqa import packets
from aqa.model import InputError
from aqa.streams import stream_row, stream_seconds

EDGES = (0, 1, 2, 4, 0x7F, 0x80, 0xBE, 0xFE, 0xFF)


def sip(rng: random.Random) -> bytes:
    return (
        b"INVITE sip:a SIP/2.0\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nc=IN IP4 10.0.0.2\r\n"
        b"m=audio %d RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\n" % rng.choice((6004, 0, 99999))
    )


def rtcp(rng: random.Random) -> bytes:
    blocks = rng.randrange(4)
    report = struct.pack(">BBHIQIII", 0x80 | blocks, 200, 6 + 6 * blocks, 0x1234, rng.getrandbits(64), 1, 2, 3)
    report += rng.randbytes(24 * blocks)
    return report + struct.pack(">BBHIBB", 0x81, 202, 3, 0x1234, 1, 5) + b"alice\0" + rng.randbytes(rng.randrange(9))


def media(rng: random.Random, packet: Packet) -> bytes:
    shape = rng.random()
    if shape < 0.7:
        return rtp(packet)
    if shape < 0.8:
        return rtp(packet, csrc=rng.randrange(16), extension=rng.randrange(4), padding=rng.randrange(9))
    if shape < 0.9:
        return struct.pack(">HH", 0x4000, len(rtp(packet))) + rtp(packet)
    if shape < 0.95:
        return rtcp(rng)
    return sip(rng)


def chain(rng: random.Random, data: bytes) -> bytes:
    """IPv6 with extension headers (RFC 8200 4), most of which lead to UDP, some to each other without end."""
    out, following = udp(data), 17
    for _ in range(rng.choice((1, 1, 2, 3, 20))):
        kind = rng.choice((0, 43, 44, 51, 60, 135))
        size = {44: 0, 51: 1}.get(kind, rng.choice((0, 0, 1, 255)))
        out = bytes([following, size]) + bytes({44: 6, 51: 10}.get(kind, 8 * size + 6)) + out
        following = kind
    return ethernet(ipv6(out, following=following), kind=0x86DD)


def fragments(rng: random.Random, data: bytes) -> bytes:
    """One piece of a datagram: the first, with more to come; a later one; or one that overlaps (RFC 791 3.2)."""
    whole = udp(data)
    cut = rng.choice((8, 16, 24, 96))
    offset = rng.choice((0, 0, cut // 8, cut // 8 - 1, 0x1FFF))
    more = 0x2000 if offset == 0 or rng.random() < 0.3 else 0
    return ethernet(ipv4(whole[:cut] if offset == 0 else whole[cut:], fragment=more | offset))


def wrapped(rng: random.Random, data: bytes, shape: int) -> bytes:
    """In what few captures have: extension headers, fragments, TURN over TCP."""
    if shape == 4:
        return chain(rng, data)
    if shape == 5:
        return fragments(rng, data)
    head = struct.pack(">HHIIBBHHH", 1, 3478, 1000, 0, 0x50, 0x18, 9, 0, 0)
    value = struct.pack(">HH", 0x13, len(data)) + data + bytes(-len(data) % 4)
    return ethernet(ipv4(head + struct.pack(">HHI", 0x17, len(value), 0x2112A442) + bytes(12) + value, protocol=6))


def framed(rng: random.Random, packet: Packet) -> bytes:
    data, shape = media(rng, packet), rng.randrange(12)
    if 4 <= shape <= 6:
        return wrapped(rng, data, shape)
    if shape == 0:
        return ethernet(ipv6(udp(data)), kind=0x86DD)
    if shape == 1:
        return ethernet(ipv4(udp(data)), vlans=[0x88A8, 0x8100])
    if shape == 2:
        return ethernet(ipv4(b"\0\0\x08\0" + ipv4(udp(data)), protocol=47))
    if shape == 3:
        head = struct.pack(">HHIIBBHHH", 1, 2, 1000 + 40 * packet.sequence, 0, 0x50, 0x18, 9, 0, 0)
        return ethernet(ipv4(head + struct.pack(">H", len(data)) + data, protocol=6))
    return ethernet(ipv4(udp(data)))


def rtpdump(packets_sent: list[tuple[int, bytes]]) -> bytes:
    """rtptools' form: text, a header of 16 bytes, then packets with their lengths and ms."""
    out = b"#!rtpplay1.0 10.0.0.2/6004\n" + struct.pack(">IIIHH", START_NS // 10**9, 0, 0x0A000002, 6004, 0)
    for at, data in packets_sent:
        out += struct.pack(">HHI", 8 + len(data), len(data), max((at - START_NS) // 10**6, 0) & 0xFFFFFFFF) + data
    return out


def mjr(rng: random.Random, packets_sent: list[tuple[int, bytes]]) -> bytes:
    """Janus' form: the newest with times, or the oldest without."""
    if rng.random() < 0.3:
        body = b"".join(b"MEETECHO" + struct.pack(">H", len(data)) + data for _, data in packets_sent)
        return b"MEETECHO" + struct.pack(">H", 5) + b"audio" + body
    info = b'{"t": "a", "c": "opus", "s": 1700000000000000, "u": 1700000001000000}'
    out = b"MJR00002" + struct.pack(">H", len(info)) + info
    for at, data in packets_sent:
        out += b"MEET" + struct.pack(">IH", max((at - START_NS) // 10**6, 0) & 0xFFFFFFFF, len(data)) + data
    return out


def bare(rng: random.Random) -> bytes:
    """A file of packets without frames: rtpdump or mjr."""
    sent = [
        (START_NS + round(p.arrival_s * 1e9) + rng.choice((0, 0, 5_000_000, -(10**9))), media(rng, p))
        for p in talk(rng.randint(4, 60), first=rng.choice((0, 65_530)), payload_type=rng.choice((0, 111)))
    ]
    return rtpdump(sent) if rng.random() < 0.5 else mjr(rng, sent)


def capture(rng: random.Random) -> bytes:
    """A small capture of one to three streams, with loss, duplicates, jumps and times that go back."""
    items = []
    for stream in range(rng.randint(1, 3)):
        first = rng.choice((0, 65_530, rng.randrange(65_536)))
        kind = rng.choice((0, 8, 96, 111))
        for packet in talk(rng.randint(4, 30), first=first, payload_type=kind, ssrc=0x1234 + stream):
            if rng.random() < 0.1:
                continue
            at = START_NS + round(packet.arrival_s * 1e9) + rng.choice((0, 0, 0, 5_000_000, -(10**12), 10**16))
            items += [(max(at, 0), framed(rng, packet))] * rng.choice((1, 1, 1, 2))
    order, form = rng.choice("<>"), rng.randrange(4)
    if form == 0:
        return pcapng(items, order)
    if form == 1:
        blocks = [interface(order, resolution=rng.randrange(256), offset_s=rng.choice((0, -1, 2**62)))]
        blocks += [rng.choice((enhanced(t, d, order), simple(d, order))) for t, d in items]
        return section(order) + b"".join(blocks)
    return pcap(items, order=order, nano=form == 3, link=1)


def damaged(rng: random.Random, raw: bytes) -> bytes:
    """A few bytes changed, cut out, put in or swapped; whole fields set to what lies most."""
    data = bytearray(raw)
    for _ in range(rng.choice((0, 1, 1, 2, 4, 12))):
        at, how = rng.randrange(len(data) or 1), rng.randrange(6)
        if how < 2 and data:
            data[at] = rng.choice((*EDGES, rng.randrange(256)))
        elif how == 2:
            lie = rng.choice((0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x40000, rng.getrandbits(32)))
            data[at & ~3 : (at & ~3) + 4] = struct.pack("<I", lie)
        elif how == 3:
            del data[at : at + rng.randint(1, 40)]
        elif how == 4:
            data[at:at] = rng.randbytes(rng.randint(1, 40))
        else:
            del data[at:]
    return bytes(data)


def warm_up(path: Path) -> None:
    """Compile what a capture needs: no capture is to blame for that."""
    path.write_bytes(pcap(frames(talk(40))))
    for stream in packets.read_log(path, name="a", codecs={}).streams:
        stream_row(stream, stream.log_start_ns)


def run(count: int, seed: int, path: Path) -> None:
    """Read `count` captures, each as it was made or damaged, some packed; anything but a result is raised."""
    rng = random.Random(seed)
    warm_up(path)
    for number in range(count):
        raw = damaged(rng, bare(rng) if rng.random() < 0.15 else capture(rng))
        path.write_bytes(gzip.compress(raw, 1)[: rng.choice((None, -9))] if rng.random() < 0.05 else raw)
        before = time.process_time()
        try:
            log = packets.read_log(path, name="a", codecs={})
        except InputError as error:
            assert str(error).startswith("a: "), (number, error)
            continue
        streams = list(log.streams)
        assert sum(len(stream.arrival_ns) for stream in streams) <= log.packets + len(raw) // 14, number
        for stream in (
            streams if number % 5 == 0 else ()
        ):  # what follows from packets is read-only arithmetic, and slow
            row = stream_row(stream, stream.log_start_ns)
            assert row.expected >= 1 and row.lost >= 0 and row.packets == len(stream.arrival_ns), number
            if number % 100 == 0:  # a jump in time makes many
                stream_seconds(stream, stream.log_start_ns)
        assert time.process_time() - before < 60, number


def most_mb() -> int:
    """The most memory that this process has had (not, as ru_maxrss has it, what its parent had when it was made)."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) >> 10


def every_link_layer(seed: int) -> None:
    """Each kind of frame cut at every byte, and with bytes changed."""
    rng = random.Random(seed)
    for link, whole in FRAMES.values():
        for end in range(len(whole) + 1):
            parse(whole[:end], link=link, wire=len(whole))
        for _ in range(150):
            data = bytearray(whole)
            for _ in range(rng.randint(1, 4)):
                data[rng.randrange(len(data))] = rng.choice((*EDGES, rng.randrange(256)))
            parse(bytes(data), link=link, wire=rng.choice((0, len(data), 1 << 40)))


if __name__ == "__main__":
    every_link_layer(1)
    with tempfile.TemporaryDirectory() as folder:
        run(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1, Path(folder) / "a")
    print(f"done {sys.argv[1]}, {most_mb()} MB")
