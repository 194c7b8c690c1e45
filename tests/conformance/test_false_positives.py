"""What is no RTP makes no stream: DNS, QUIC, STUN, games and random bytes in bulk, whatever their ports."""

import struct
from pathlib import Path

import numpy as np
from captures import START_NS, ethernet, ipv4, pcap, udp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from whole_path import read

BULK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(0, 2**32 - 1)
PORTS = st.sampled_from([53, 123, 443, 3478, 5004, 9987, 27015, 50_000])


def streams_of(tmp_path: Path, payloads: list[bytes], port: int) -> int:
    """Streams found in these payloads, one a ms, both ways by turns on one flow, which is the hardest."""
    items = []
    for i, payload in enumerate(payloads):
        ports = (port, 40_000) if i % 2 else (40_000, port)
        items.append((START_NS + i * 1_000_000, ethernet(ipv4(udp(payload, *ports)))))
    log = read(tmp_path, pcap(items))
    assert log.packets == len(payloads)
    return len(log.streams)


@BULK
@given(SEEDS, PORTS, st.integers(20, 400))
def test_random_bytes(tmp_path: Path, seed: int, port: int, count: int) -> None:
    """Obfuscated media (Telegram, Viber): all bits random; a quarter of them has version 2."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 300, count)
    assert streams_of(tmp_path, [rng.bytes(int(n)) for n in sizes], port) == 0


@BULK
@given(SEEDS, PORTS, st.integers(0, 127), st.integers(20, 400))
def test_a_fixed_header_and_random_rest(tmp_path: Path, seed: int, port: int, kind: int, count: int) -> None:
    """A protocol whose first two bytes are RTP's: version 2 and one type; SSRC the same, numbers at random."""
    rng = np.random.default_rng(seed)
    made = [struct.pack(">BB", 0x80, kind) + rng.bytes(6) + b"same" + rng.bytes(40) for _ in range(count)]
    assert streams_of(tmp_path, made, port) == 0


@BULK
@given(SEEDS, st.integers(20, 400), st.booleans())
def test_dns(tmp_path: Path, seed: int, count: int, counts_up: bool) -> None:
    """RFC 1035 4.1.1: id, flags, four counts, a name. Ids count up in old resolvers: from 0x8000 on like RTP's V."""
    rng = np.random.default_rng(seed)
    first = int(rng.integers(0x7FF0, 0x8010))
    made = []
    for i in range(count):
        number = (first + i) & 0xFFFF if counts_up else int(rng.integers(65_536))
        head = struct.pack(">HHHHHH", number, 0x8180 if i % 2 else 0x0100, 1, i % 2, 0, 0)
        made.append(
            head + b"\x03www\x07example\x03com\0\0\x01\0\x01" + (b"\xc0\x0c\0\x01\0\x01" + rng.bytes(10)) * (i % 2)
        )
    assert streams_of(tmp_path, made, 53) == 0


@BULK
@given(SEEDS, st.integers(20, 400), st.integers(0, 20))
def test_quic(tmp_path: Path, seed: int, count: int, id_bytes: int) -> None:
    """RFC 9000 17: long headers (0xC0 and up), then short ones (0x40 to 0x7F, or any with the bit greased, RFC 9287:

    0x80 is not, but 0x00 to 0x3F), a connection id that stays, protected numbers and payload."""
    rng = np.random.default_rng(seed)
    own = rng.bytes(id_bytes)
    made = [bytes([0xC0 | int(rng.integers(64))]) + struct.pack(">IB", 1, id_bytes) + own + rng.bytes(1180)
            for _ in range(4)]  # fmt: skip
    made += [bytes([int(rng.integers(0x80))]) + own + rng.bytes(int(rng.integers(25, 1200))) for _ in range(count)]
    assert streams_of(tmp_path, made, 443) == 0


@BULK
@given(SEEDS, st.integers(20, 400), st.sampled_from([1, 0x101, 0x16, 0x17]))
def test_stun(tmp_path: Path, seed: int, count: int, kind: int) -> None:
    """RFC 8489 5: also with a DATA attribute whose bytes are no RTP (RFC 8656 11.6)."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        inner = rng.bytes(int(rng.integers(12, 100)))
        body = struct.pack(">HH", 0x13, len(inner)) + inner + bytes(-len(inner) % 4)
        made.append(struct.pack(">HHI", kind, len(body), 0x2112A442) + rng.bytes(12) + body)
    assert streams_of(tmp_path, made, 3478) == 0


@BULK
@given(SEEDS, PORTS, st.integers(20, 300), st.sampled_from([0x80, 0x90, 0xA0, 0xBF]), st.sampled_from("<>"))
def test_games_that_count(tmp_path: Path, seed: int, port: int, count: int, first: int, order: str) -> None:
    """A game's packet: a type byte, a flags byte, a 32-bit tick that counts up, its session, and state.

    Read as RTP the tick's upper half stands still as the sequence number, its lower half is the timestamp's upper."""
    rng = np.random.default_rng(seed)
    tick, session = int(rng.integers(2**31)), rng.bytes(6)
    made = [
        bytes([first, i % 7]) + struct.pack(order + "I", tick + i) + session + rng.bytes(60) for i in range(count)
    ]
    found = streams_of(tmp_path, made, port)
    assert found == 0


@BULK
@given(SEEDS, PORTS, st.integers(20, 300))
def test_sequence_numbers_without_time(tmp_path: Path, seed: int, port: int, count: int) -> None:
    """Numbers count up by one behind a byte of version 2, and what would be the timestamp is random: no RTP."""
    rng = np.random.default_rng(seed)
    made = [struct.pack(">BBH", 0x80, 96, i) + rng.bytes(4) + b"same" + rng.bytes(40) for i in range(count)]
    assert streams_of(tmp_path, made, port) == 0
