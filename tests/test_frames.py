"""Frames: every link layer and header by hand, dpkt as an independent reader, and nothing read out of bounds."""

import itertools
import struct
from pathlib import Path

import naive
import numpy as np
import pytest
from captures import START_NS, Packet, ethernet, frame, frames, ipv4, ipv6, pcap, rows_together, rtp, talk, udp
from hypothesis import given, settings
from hypothesis import strategies as st

from aqa.formats import pcap as pcap_format
from aqa.frames import BARE, NEVER, ROW, Records, Table

PACKET = Packet(0.0, 7, 1600, 96, True, 0xDEADBEEF, bytes(20))


def parse(*items: bytes, link: int = 1, wire: int | None = None, time_ns: int = START_NS) -> Table:
    buffer = np.frombuffer(b"".join(items), np.uint8).copy()
    sizes = np.array([len(item) for item in items], np.int64)
    n = len(items)
    wires = sizes if wire is None else np.full(n, wire, np.int64)
    table = Table()
    table.add(
        Records(buffer, np.cumsum(sizes) - sizes, sizes, wires, np.full(n, link), np.full(n, time_ns, np.int64))
    )
    return table


def rows_of(table: Table) -> np.ndarray:
    """All candidates, by flow and SSRC, then in file order."""
    grouped = table.grouped()
    found = [rows_together(grouped.rows(key)) for key in grouped.keys(1)]
    return np.concatenate(found) if found else np.zeros(0, ROW)


def only(table: Table) -> tuple[int, int, int, bool, int]:
    (row,) = rows_of(table)
    kind = int(row["type"])
    return int(row["sequence"]), int(row["timestamp"]), kind & 127, kind > 127, int(row["payload_bytes"])


def stun(kind: int, *attributes: tuple[int, bytes]) -> bytes:
    body = b"".join(struct.pack(">HH", a, len(v)) + v + bytes(-len(v) % 4) for a, v in attributes)
    return struct.pack(">HHI", kind, len(body), 0x2112A442) + bytes(12) + body


def tcp(payload: bytes, sequence: int = 1000, *, port: int = 5004) -> bytes:
    return struct.pack(">HHIIBBHHH", port, 6004, sequence, 0, 0x80, 0x18, 999, 0, 0) + bytes(12) + payload


IP = ipv4(udp(rtp(PACKET)))
SIX = ipv6(udp(rtp(PACKET)))
FRAMES = {
    "ethernet": (1, ethernet(IP)),
    "vlan": (1, ethernet(IP, vlans=[0x8100])),
    "qinq": (1, ethernet(IP, vlans=[0x88A8, 0x8100])),
    "ethernet padding": (1, ethernet(IP) + bytes(9)),
    "raw": (101, IP),
    "raw 228": (228, IP),
    "null": (0, struct.pack("<I", 2) + IP),
    "loop": (108, struct.pack(">I", 24) + SIX),
    "cooked": (113, bytes(14) + b"\x08\x00" + IP),
    "cooked 2": (276, b"\x86\xdd" + bytes(18) + SIX),
    "ipv4 options": (101, ipv4(udp(rtp(PACKET)), options=bytes(8))),
    "ip in ip": (101, ipv4(IP, protocol=4)),
    "ipv6 in ipv4": (101, ipv4(SIX, protocol=41)),
    "hop by hop and destination": (
        229,
        ipv6(b"\x3c\x00" + bytes(6) + b"\x11\x01" + bytes(14) + udp(rtp(PACKET)), following=0),
    ),
    "ipv6 authentication": (229, ipv6(b"\x11\x04" + bytes(22) + udp(rtp(PACKET)), following=51)),
    "ipv6 whole in a fragment header": (229, ipv6(b"\x11\x00" + bytes(6) + udp(rtp(PACKET)), following=44)),
    "mpls": (1, ethernet(struct.pack(">II", 0x00010040, 0x00020140) + IP, kind=0x8847)),
    "pseudowire": (1, ethernet(struct.pack(">II", 0x00010140, 0) + ethernet(IP), kind=0x8847)),
    "snap": (1, bytes(12) + struct.pack(">H", 8 + len(IP)) + b"\xaa\xaa\x03\0\0\0\x08\0" + IP),
    "pppoe": (1, ethernet(b"\x11\0\0\x07" + struct.pack(">H", 2 + len(IP)) + b"\0\x21" + IP, kind=0x8864)),
    "ppp": (9, b"\xff\x03\0\x21" + IP),
    "ppp, protocol of one byte": (9, b"\x57" + SIX),
    "gre": (101, ipv4(b"\0\0\x08\0" + IP, protocol=47)),
    "gre with checksum, key and sequence": (101, ipv4(b"\xb0\0\x86\xdd" + bytes(12) + SIX, protocol=47)),
    "gre of ethernet": (101, ipv4(b"\0\0\x65\x58" + ethernet(IP), protocol=47)),
    "pptp": (101, ipv4(b"\x30\x81\x88\x0b" + bytes(12) + b"\xff\x03\0\x21" + IP, protocol=47)),
    "erspan": (101, ipv4(b"\x10\0\x88\xbe" + bytes(12) + ethernet(IP), protocol=47)),
    "gtp": (101, ipv4(udp(struct.pack(">BBHI", 0x30, 255, len(IP), 9) + IP, dport=2152))),
    "vxlan": (101, ipv4(udp(b"\x08" + bytes(7) + ethernet(IP), dport=4789))),
    "turn channel": (101, ipv4(udp(struct.pack(">HH", 0x4000, 32) + rtp(PACKET)))),
    "turn data indication": (101, ipv4(udp(stun(0x0017, (0x0012, bytes(8)), (0x0013, rtp(PACKET)))))),
    "turn send indication": (101, ipv4(udp(stun(0x0016, (0x8022, b"abc"), (0x0013, rtp(PACKET)))))),
    "tcp, rfc 4571": (101, ipv4(tcp(struct.pack(">H", 32) + rtp(PACKET)), protocol=6)),
    "tcp, interleaved": (101, ipv4(tcp(b"$\0" + struct.pack(">H", 32) + rtp(PACKET)), protocol=6)),
    "tcp, turn channel": (101, ipv4(tcp(struct.pack(">HH", 0x4001, 32) + rtp(PACKET)), protocol=6)),
    "csrc, extension, padding": (101, ipv4(udp(rtp(PACKET, csrc=3, extension=2, padding=5)))),
}


@pytest.mark.parametrize("name", FRAMES)
def test_every_link_layer_and_header_chain_leads_to_the_packet(name: str) -> None:
    link, data = FRAMES[name]
    assert only(parse(data, link=link)) == (7, 1600, 96, True, 20)


REFUSED = {
    "unknown link layer": (127, ethernet(IP)),
    "not IP": (1, ethernet(IP, kind=0x0806)),
    "neither UDP nor RTP over TCP": (101, ipv4(bytes(40), protocol=6)),
    "ICMP": (101, ipv4(bytes(8) + IP, protocol=1)),
    "later IP fragment": (101, ipv4(udp(rtp(PACKET)), fragment=185)),
    "cut off before its headers end": (1, ethernet(IP)[:50]),
    "malformed": (101, b"\x44" + IP[1:]),
    "RTCP": (101, ipv4(udp(b"\x80\xc8" + bytes(26)))),
    "STUN": (101, ipv4(udp(bytes(20)))),
    "DTLS": (101, ipv4(udp(b"\x16\xfe\xfd" + bytes(20)))),
    "SIP": (101, ipv4(udp(b"INVITE sip:bob@example.org SIP/2.0\r\n"))),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_no_candidate_is_counted_by_its_reason(reason: str) -> None:
    link, data = REFUSED[reason]
    assert parse(data, link=link, wire=len(data) + 500).skipped() == {reason: 1}


@pytest.mark.parametrize(
    "payload",
    [
        b"\x40\x00" + bytes(20),  # TURN channel whose length is not that of the datagram
        b"\x05" + bytes(20),  # none of RFC 7983 7
        b"\x80\x00" + bytes(9),  # shorter than the fixed header
        b"\x8f\x00" + bytes(20),  # 15 CSRCs that do not fit
        b"\x90\x00" + bytes(10) + b"\xbe\xde\x00\xff",  # extension longer than the packet
        b"\x90\x00" + bytes(10),  # no room for the extension's head
        b"\xa0\x00" + bytes(10) + b"\x00",  # padding of zero (RFC 3550 5.1: counts itself)
        b"\xa0\x00" + bytes(10) + b"\x05",  # padding longer than the packet
    ],
)
def test_payloads_that_can_not_be_rtp(payload: bytes) -> None:
    assert parse(ipv4(udp(payload)), link=101).skipped() == {"not RTP": 1}


def test_a_packet_of_padding_only_is_rtp() -> None:
    only_padding = Packet(0.0, 7, 1600, 96, True, 1, b"")
    assert only(parse(ipv4(udp(rtp(only_padding, padding=200))), link=101))[4] == 0


def test_a_capture_that_cuts_packets_keeps_their_length() -> None:
    whole = ethernet(ipv4(udp(rtp(talk(1)[0]))))
    assert only(parse(whole[:54], wire=len(whole)))[4] == 160


def test_a_frame_without_time_is_skipped() -> None:
    assert parse(ethernet(IP), time_ns=NEVER).skipped() == {"no capture time": 1}


def test_flow_and_ssrc_are_told_apart() -> None:
    one = [frame(p) for p in talk(3)]
    other = [ethernet(ipv4(udp(rtp(p), sport=9))) for p in talk(2)]
    third = [frame(p) for p in talk(1, ssrc=5)]
    keys = rows_of(parse(*one, *other, *third))["key"]
    assert keys.tolist() == [0, 0, 0, 1, 1, 2]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 15), st.none() | st.integers(0, 6), st.integers(0, 255)), max_size=12))
def test_agrees_with_dpkt(shapes: list[tuple[int, int | None, int]]) -> None:
    items = [
        (START_NS + i * 20_000_000, ethernet(ipv4(udp(rtp(PACKET, csrc=c, extension=x, padding=p)))))
        for i, (c, x, p) in enumerate(shapes)
    ]
    expected = naive.candidates(pcap(items))
    rows = rows_of(parse(*(data for _, data in items))) if items else rows_of(Table())
    assert rows["payload_bytes"].tolist() == [row[-1] for row in expected]
    assert rows["sequence"].tolist() == [row[3] for row in expected]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([1, 0, 101, 113, 276, 229]), st.binary(max_size=120), st.integers(0, 200))
def test_random_bytes_never_break_it(link: int, data: bytes, wire: int) -> None:
    table = parse(data, link=link, wire=wire)
    assert len(rows_of(table)) + sum(table.skipped().values()) == 1


def test_agrees_with_dpkt_on_a_real_call(corpus: Path) -> None:
    path = corpus / "rtp-pcap" / "asterisk+testsuite" / "A_party_g711a.pcap"
    expected = naive.candidates(path.read_bytes())
    table = Table()
    for records in pcap_format.read(path):
        table.add(records)
    rows = [tuple(row) for row in rows_of(table)[["sequence", "timestamp", "payload_bytes"]].tolist()]
    assert rows == [(row[3], row[4], row[7]) for row in expected if row[1] == expected[0][1]] or sorted(
        rows
    ) == sorted((row[3], row[4], row[7]) for row in expected)
    assert len(expected) > 5000


def test_frames_carry_their_time() -> None:
    times = [time for time, _ in frames(talk(4))]
    assert np.diff(times).tolist() == [20_000_000] * 3


def test_a_bare_packet_is_of_the_flow_that_its_link_names() -> None:
    raw = [rtp(Packet(0.0, n, 160 * n)) for n in range(3)]
    sizes = [len(item) for item in raw]
    starts = np.cumsum([0, *sizes[:-1]])
    table = Table()
    table.add(
        Records(
            np.frombuffer(b"".join(raw), np.uint8).copy(), starts, np.array(sizes), np.array(sizes),
            np.array([BARE + 1, BARE + 1, BARE]), np.array([1, 2, 3]),
            [("a", "b"), ("alice", "bob")],
        )
    )  # fmt: skip
    rows = rows_of(table)
    assert rows["sequence"].tolist() == [0, 1, 2]
    assert [table.ends(int(key)) for key in rows["key"]] == [
        ("alice", "bob", 0x1234), ("alice", "bob", 0x1234), ("a", "b", 0x1234),
    ]  # fmt: skip


@pytest.mark.parametrize("pieces", [[20, 90, 130, 200], [34, 68, 102], [150]])
def test_packets_that_cross_tcp_segments_are_found(pieces: list[int]) -> None:
    """RFC 4571: a packet whose header lies in one segment counts there; the next begins where its length says."""
    made = [rtp(Packet(0.0, n, 160 * n, payload=bytes(20))) for n in range(8)]
    stream = b"".join(struct.pack(">H", len(item)) + item for item in made)
    cuts = [0, *pieces, len(stream)]
    segments = [ipv4(tcp(stream[a:b], 5000 + a), protocol=6) for a, b in itertools.pairwise(cuts)]
    found = rows_of(parse(*segments, link=101))["sequence"].tolist()
    headers = [34 * n for n in range(8)]
    whole = [n for n, at in enumerate(headers) if not any(at < cut < at + 14 for cut in pieces)]
    assert set(whole) <= set(found) and found == sorted(found)


def test_several_packets_in_one_segment() -> None:
    made = [rtp(Packet(0.0, n, 160 * n, payload=bytes(20))) for n in range(8)]
    stream = b"".join(struct.pack(">H", len(item)) + item for item in made)
    table = parse(ipv4(tcp(stream), protocol=6), link=101)
    assert rows_of(table)["sequence"].tolist() == list(range(8))
    assert table.skipped() == {}


def test_the_first_fragment_counts_with_its_whole_length() -> None:
    whole = udp(rtp(Packet(0.0, 7, 1600, payload=bytes(3000))))
    first, second = ipv4(whole[:1480], fragment=0x2000), ipv4(whole[1480:2960], fragment=0x2000 | 185)
    table = parse(first, second, link=101)
    assert only(table)[4] == 3000
    assert table.skipped() == {"later IP fragment": 1}


def test_sip_and_rtcp_are_kept_as_they_came() -> None:
    table = parse(ipv4(udp(b"\x80\xc9" + bytes(6))), ipv4(udp(b"SIP/2.0 200 OK\r\n")), link=101)
    assert [(item.src, item.dst, item.data) for item in table.messages] == [
        ("10.0.0.1:5004", "10.0.0.2:6004", b"\x80\xc9" + bytes(6)),
        ("10.0.0.1:5004", "10.0.0.2:6004", b"SIP/2.0 200 OK\r\n"),
    ]


def test_a_flood_of_made_up_ssrcs_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqa.frames.MAX_KEYS", 50)
    table = parse(*(ipv4(udp(rtp(Packet(0.0, 1, 1, ssrc=n)))) for n in range(80)), link=101)
    assert len(rows_of(table)) == 25  # the half of it is for another thread
    assert table.skipped() == {"more flows than are followed": 55}


def test_rows_beyond_what_memory_holds_come_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aqa.grouping.SPILL_ROWS", 7)
    table = Table()
    for n in range(40):
        one, other = (rtp(Packet(0.0, n, 160 * n, ssrc=ssrc)) for ssrc in (5, 6))
        part = parse(ipv4(udp(one)), ipv4(udp(other)), link=101)
        rows = rows_of(part).view(np.uint64).reshape(-1, 4)
        table.rows.room(len(rows))[: len(rows)] = rows
        table.rows.took(len(rows), n)
    table._count = 2
    grouped = table.grouped()
    assert grouped.keys(40) == [0, 1] and grouped.keys(41) == []
    assert [rows_together(grouped.rows(key))["sequence"].tolist() for key in (0, 1)] == [list(range(40))] * 2


def test_levels_of_rfc_6464_are_read() -> None:
    packet = rtp(PACKET, extension=1)
    raw = packet[:16] + bytes([0x10, 0x80 | 33, 0, 0]) + packet[20:]
    (row,) = rows_of(parse(ipv4(udp(raw)), link=101))
    assert (int(row["extension"]), int(row["extension_2"])) == (1 << 8 | 0x80 | 33, 0)
