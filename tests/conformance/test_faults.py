"""Captures that are damaged, lie or are out of the ordinary: each item of the list of faults, and its tests.

P1   cut in a header, a record, a payload: formats/test_pcap, test_pcapng (every byte), test_rtpdump, test_mjr,
     test_rtpproxy; 0 bytes: test_packets
P2   lengths that lie: formats/test_pcap (a record costs itself only); captured 0, captured above wire: here
P3   pcapng: formats/test_pcapng (each lie alone, clocks, sections, interfaces); all of it mixed: here
P4   byte orders, ns, modified: formats/test_pcap; a second file behind the first, editcap as oracle: here
P5   snaplen: test_frames (length is kept); whole path, less than an RTP header: here
P6   time: here
P7   counting: test_rfc3550, test_signals, measures/test_rtp; RED and FEC: measures/test_payload, test_playout
P8   collision: test_rfc3550; a flood, a change of SSRC, a port used again: here; the cap: test_frames
P9   RTP headers that lie: test_frames (payloads that can not be RTP, dpkt as oracle)
P10  RTCP: test_rtcp (each byte), test_bare_packets; in a log: here
P11  link layers: test_frames (cut and changed: hostile.py); depth without end, checksums: here
P12  gzip: formats/test_pcap; zstd, names that lie: here
P13  no RTP: test_false_positives, test_packets (the corpus), measures/test_rtp
P14  other formats: formats/test_rtpdump, test_mjr, test_rtpproxy, test_stats_formats, test_packet_table
"""

import gzip
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
import zstandard
from captures import (
    START_NS,
    Packet,
    block,
    enhanced,
    ethernet,
    frame,
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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_frames import parse
from whole_path import capture, found, kinds, only, read, row

from aqa import chunks
from aqa.model import InputError
from aqa.stream_model import StreamRow

FEW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CLEAN = talk(60)
YEAR_S = 365 * 86_400


def clean_row(tmp_path: Path) -> StreamRow:
    return row(only(tmp_path, CLEAN))


class TestLengths:
    """P2"""

    @pytest.mark.parametrize(("captured", "wire"), [(0, 214), (0, 0), (54, 20)])
    def test_no_bytes_or_more_than_on_the_wire(self, tmp_path: Path, captured: int, wire: int) -> None:
        """A record that keeps nothing is a packet cut to nothing; one of more than the wire had lies."""
        record = struct.pack("<IIII", START_NS // 10**9, 500_000, captured, wire) + bytes(captured)
        raw = pcap(frames(CLEAN[:25])) + record + pcap(frames(CLEAN[25:]))[24:]
        log = read(tmp_path, raw)
        assert (row(log.streams[0]).packets, row(log.streams[0]).lost) == (60, 0)
        assert log.cut_packets == (captured == 0 and wire > 0)
        assert (log.warning is None) == (captured <= wire and wire > 0)


PLAIN = [(t, d) for t, d in frames(CLEAN)]


@st.composite
def pcapng_files(draw: st.DrawFn) -> bytes:
    """Sixty packets in one to four sections of either byte order, with all sorts of blocks between them."""
    out, at = b"", 0
    for last in (*sorted(draw(st.lists(st.integers(0, 60), max_size=3))), 60):
        order = draw(st.sampled_from("<>"))
        out += section(order) + interface(order, resolution=9)
        for t, d in PLAIN[at:last]:
            out += draw(st.sampled_from([b"", b"", b"", *(between(order))])) + enhanced(t, d, order)
        at = last
    return out


def between(order: str) -> list[bytes]:
    """Blocks that are no packet of the stream; those that lie have lengths that can be seen to be wrong."""
    option = struct.pack(order + "HH", 1, 0xFFFF) + b"x" * 40  # longer than its block
    return [
        block(0xBAD, bytes(40), order), block(0x40000BAD, b"custom", order),  # custom blocks, copied or not
        block(5, bytes(12), order), block(4, bytes(4), order), block(0x7777_7777, b"", order),
        interface(order, resolution=127), block(1, struct.pack(order + "HHI", 1, 0, 0) + option, order),
        simple(b"no time", order),
        enhanced(5, b"no such interface", order, interface_id=4000),
        block(6, struct.pack(order + "IIIII", 0, 0, 5, 4000, 4000), order),
    ]  # fmt: skip


class TestPcapng:
    """P3"""

    @FEW
    @given(pcapng_files())
    def test_blocks_of_all_sorts_cost_no_packet(self, tmp_path: Path, raw: bytes) -> None:
        log = read(tmp_path, raw)
        got = row(log.streams[0])
        assert (got.packets, got.lost, got.duplicates) == (60, 0, 0)
        assert got.jitter_max_ms == pytest.approx(0, abs=1e-3)

    def test_packets_before_any_interface(self, tmp_path: Path) -> None:
        """Section 4.2: an interface is declared before its packets; those that are not have no link and no clock."""
        early = b"".join(enhanced(t, d) for t, d in PLAIN[:10])
        late = b"".join(enhanced(t, d) for t, d in PLAIN[10:])
        log = read(tmp_path, section() + early + interface(resolution=9) + late)
        assert row(log.streams[0]).packets == 50
        assert "10 records" in (log.warning or "")


class TestForms:
    """P4"""

    def test_a_second_file_behind_the_first(self, tmp_path: Path) -> None:
        """`cat a.pcap b.pcap`: the second header is one record that lies; its packets are read."""
        log = read(tmp_path, pcap(PLAIN[:30], nano=True) + pcap(PLAIN[30:], nano=True))
        assert (row(log.streams[0]).packets, row(log.streams[0]).lost) == (60, 0)
        assert "1 records" in (log.warning or "")

    @pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap is not installed")
    @pytest.mark.parametrize("form", ["pcap", "nsecpcap", "modpcap", "pcapng"])
    def test_editcap_s_forms_tell_the_same(self, tmp_path: Path, form: str) -> None:
        (tmp_path / "in").write_bytes(pcapng(PLAIN))
        subprocess.run(["editcap", "-F", form, tmp_path / "in", tmp_path / "out"], check=True, capture_output=True)
        got = row(read(tmp_path, (tmp_path / "out").read_bytes()).streams[0])
        assert got == clean_row(tmp_path)


class TestCutPackets:
    """P5"""

    @pytest.mark.parametrize(("keep", "packets"), [(42 + 12, 60), (42 + 11, 0), (42 + 4, 0), (42, 0), (20, 0)])
    def test_statistics_without_payload(self, tmp_path: Path, keep: int, packets: int) -> None:
        """Ethernet, IPv4 and UDP take 42 bytes, RTP's header 12: with those, sizes are what UDP says."""
        out = pcap([])
        for t, d in PLAIN:
            out += struct.pack("<IIII", t // 10**9, t % 10**9 // 1000, keep, len(d)) + d[:keep]
        log = read(tmp_path, out)
        assert log.cut_packets == 60
        assert sum(row(s).packets for s in log.streams) == packets
        if packets:
            assert log.streams[0].payload_bytes.tolist() == [160] * 60
        else:
            assert log.skipped == {"cut off before its headers end": 60}


class TestTime:
    """P6"""

    def test_capture_time_that_steps_back(self, tmp_path: Path) -> None:
        """A clock set back by 5 ms between two packets: |D| = 5 ms once, J = 5/16; nothing is below 0."""
        items = [(t - (5_000_000 if i >= 30 else 0), d) for i, (t, d) in enumerate(PLAIN)]
        got = row(capture(tmp_path, items).streams[0])
        assert got.jitter_max_ms == pytest.approx(5 / 16)
        assert (got.lost, got.delta_max_ms) == (0, pytest.approx(20))

    @pytest.mark.parametrize("jump_s", [YEAR_S, -YEAR_S, 3600, -3600])
    def test_a_jump_is_said_and_negative_nowhere(self, tmp_path: Path, jump_s: int) -> None:
        items = [(t + (jump_s * 10**9 if i >= 30 else 0), d) for i, (t, d) in enumerate(PLAIN)]
        (stream,) = capture(tmp_path, items).streams
        got = row(stream)
        assert (got.packets, got.lost) == (60, 0)
        assert got.first_s == 0 and got.last_s >= 0
        assert got.jitter_max_ms is not None and got.jitter_max_ms >= 0
        assert ("stall" if jump_s > 0 else "stream_reset") in kinds(stream)
        if jump_s < 0:
            assert got.jitter_max_ms == pytest.approx(0, abs=1e-3)  # the clock's, not the network's
        assert all(f.end_s >= f.start_s for f in found(stream))

    @pytest.mark.parametrize("start_s", [0, 1, 2**31, 2**32 - 2])
    def test_1970_and_2106(self, tmp_path: Path, start_s: int) -> None:
        """A pcap counts seconds in 32 unsigned bits: 1970-01-01 to 2106-02-07. Figures are those of today."""
        items = [(t - START_NS + start_s * 10**9, d) for t, d in PLAIN]
        got = row(capture(tmp_path, items).streams[0])
        today = clean_row(tmp_path)
        assert (got.packets, got.lost, got.jitter_max_ms) == (60, 0, pytest.approx(today.jitter_max_ms, abs=1e-9))
        assert (got.first_s, got.last_s) == (0, pytest.approx(1.18))

    def test_equal_stamps(self, tmp_path: Path) -> None:
        """All at once: the clock of PCMU is known, so each of 59 steps has |D| = 20 ms and J nears 20."""
        got = row(capture(tmp_path, [(START_NS, d) for _, d in PLAIN]).streams[0])
        assert got.jitter_ms == pytest.approx(20 * (1 - (15 / 16) ** 59))
        assert (got.lost, got.delta_max_ms, got.skew_ppm) == (0, 0, None)


class TestFloods:
    """P8"""

    def test_a_hundred_thousand_made_up_ssrcs(self, tmp_path: Path) -> None:
        """One packet each around a real stream: one stream, and the rest is counted."""
        items = list(PLAIN)
        for n in range(100_000):
            items.append(
                (START_NS + n * 10_000, ethernet(ipv4(udp(rtp(Packet(0, n, n, ssrc=n + 99_999, payload=b""))))))
            )
        log = capture(tmp_path, sorted(items, key=lambda item: item[0]))
        assert [(s.ssrc, row(s).packets, row(s).lost) for s in log.streams] == [(0x1234, 60, 0)]
        assert log.skipped == {"no stream of RTP": 100_000}

    def test_an_ssrc_that_changes_and_a_port_used_again(self, tmp_path: Path) -> None:
        """Three sources one after the other on one flow: three streams in order, none of which loses."""
        items = []
        for n, ssrc in enumerate((7, 5, 9)):
            items += [
                (t + n * 2 * 10**9, frame(p))
                for (t, _), p in zip(PLAIN, talk(60, ssrc=ssrc, first=n * 9000), strict=True)
            ]
        log = capture(tmp_path, items)
        assert [(s.ssrc, row(s).packets, row(s).lost, s.src) for s in log.streams] == [
            (ssrc, 60, 0, "10.0.0.1:5004") for ssrc in (7, 5, 9)
        ]


class TestRtcp:
    """P10"""

    @FEW
    @given(st.integers(200, 207), st.integers(0, 31), st.integers(0, 65_535), st.binary(max_size=60))
    def test_lengths_and_counts_that_lie(self, tmp_path: Path, kind: int, count: int, size: int, body: bytes) -> None:
        lie = struct.pack(">BBH", 0x80 | count, kind, size) + body
        log = capture(tmp_path, [*PLAIN, (START_NS + 10**9, ethernet(ipv4(udp(lie))))])
        assert (row(log.streams[0]).packets, row(log.streams[0]).lost) == (60, 0)
        assert log.skipped == {"RTCP": 1}


class TestDepth:
    """P11: what nests without end is given up after sixteen headers."""

    @pytest.mark.parametrize("kind", ["ipv6 extensions", "gre", "ip in ip", "vlan", "mpls"])
    def test_chains_without_end(self, kind: str) -> None:
        inner = ipv4(udp(rtp(CLEAN[0])))
        if kind == "ipv6 extensions":  # hop-by-hop after hop-by-hop, each of 8 bytes
            raw, link = ipv6(bytes(8) * 200, following=0), 229
        elif kind == "vlan":
            raw, link = ethernet(inner, vlans=[0x8100] * 40), 1
        elif kind == "mpls":
            raw, link = ethernet(bytes(4) * 40 + inner, kind=0x8847), 1
        else:
            raw, link = inner, 101
            for _ in range(40):
                raw = ipv4(b"\0\0\x08\0" + raw, protocol=47) if kind == "gre" else ipv4(raw, protocol=4)
        assert parse(raw, link=link).skipped() == {"malformed": 1}

    def test_eight_vlans_are_read(self, tmp_path: Path) -> None:
        items = [
            (t, ethernet(ipv4(udp(rtp(p))), vlans=[0x88A8] * 7 + [0x8100]))
            for (t, _), p in zip(PLAIN, CLEAN, strict=True)
        ]
        assert row(capture(tmp_path, items).streams[0]).packets == 60

    def test_checksums_are_not_asked(self, tmp_path: Path) -> None:
        """Network cards fill checksums in after the capture has seen the packet (offload): garbage is usual."""
        items = [(t, d[:24] + b"\xba\xad" + d[26:40] + b"\xde\xad" + d[42:]) for t, d in PLAIN]
        assert row(capture(tmp_path, items).streams[0]) == clean_row(tmp_path)


class TestPacked:
    """P12"""

    WHOLE = pcap(PLAIN, nano=True)

    @pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
    def test_members_and_frames_in_a_row(self, tmp_path: Path, pack) -> None:
        log = read(tmp_path, pack(self.WHOLE[:1000]) + pack(self.WHOLE[1000:]))
        assert (row(log.streams[0]), log.warning) == (clean_row(tmp_path), None)

    @pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
    def test_cut_anywhere(self, tmp_path: Path, pack) -> None:
        """An error, or a part with a warning: never a whole answer, never more packets than were sent."""
        packed = pack(self.WHOLE)
        for end in range(5, len(packed) - 1, 7):
            try:
                log = read(tmp_path, packed[:end])
            except InputError as error:
                assert str(error).startswith("log: ")
                continue
            assert log.warning is not None and log.packets <= 60, end

    def test_a_bomb_of_zstd(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(chunks, "_FREE_BYTES", 1 << 20)
        record = struct.pack("<IIII", 1, 1, 60, 60) + bytes(60)
        packed = zstandard.ZstdCompressor().compress(pcap([]) + record * 100_000)
        assert "expands to more than" in (read(tmp_path, packed).warning or "")

    @pytest.mark.parametrize("name", ["a.pcap.gz", "a.zst", "a.pcapng", "a"])
    def test_names_that_lie(self, tmp_path: Path, name: str) -> None:
        """What a file is, its first bytes say."""
        from aqa import packets

        (tmp_path / name).write_bytes(self.WHOLE)
        log = packets.read_log(tmp_path / name, name=name, codecs={})
        assert (log.format, log.packets) == ("pcap", 60)
