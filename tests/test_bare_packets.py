"""Single packets as bare records: what RTP is, what RTCP is, and what is neither; aiortc's own packets."""

import numpy as np
import pytest
from captures import START_NS
from test_frames import rows_of

from aqa import sound_packets
from aqa.frames import BARE, Records, Table

AIORTC = "rtp-bin/aiortc+aiortc"


def bare(raw: bytes, *, wire: int | None = None) -> Records:
    one = np.ones(1, np.int64)
    sizes = (len(raw) * one, (len(raw) if wire is None else wire) * one)
    return Records(
        np.frombuffer(bytearray(raw or b"\0"), np.uint8), 0 * one, *sizes, BARE * one, START_NS * one, (("", ""),)
    )


def parsed(raw: bytes, **options: int) -> Table:
    table = Table()
    table.add(bare(raw, **options))
    return table


@pytest.mark.parametrize(
    ("name", "sequence", "timestamp", "kind", "marker", "payload"),
    [  # as aiortc's own tests have them (tests/test_rtp.py)
        ("rtp", 15743, 3937035252, 0, False, 160),
        ("rtp_dtmf", 24152, 4021352124, 101, True, 4),
        ("rtp_only_padding", 27759, 4044047131, 120, False, 0),
        ("rtp_only_padding_with_header_extensions", 22138, 3171065731, 98, False, 0),
        ("rtp_with_csrc", 16082, 144, 0, False, 160),
        ("rtp_with_sdes_mid", 14156, 1327210925, 111, True, 54),
    ],
)
def test_rtp(corpus, name, sequence, timestamp, kind, marker, payload):
    raw = (corpus / AIORTC / f"{name}.bin").read_bytes()
    (row,) = rows_of(parsed(raw))
    assert (int(row["sequence"]), int(row["timestamp"])) == (sequence, timestamp)
    assert (int(row["type"]) & 127, bool(row["type"] > 127)) == (kind, marker)
    assert int(row["payload_bytes"]) == payload
    part = sound_packets.part(bare(raw))
    assert part.size.tolist() == ([payload] if payload else [])
    if payload:
        padding = raw[-1] if raw[0] & 32 else 0
        assert int(part.start[0]) == len(raw) - padding - payload


def test_rtcp_is_no_rtp_and_invalid_rtcp_is_only_counted(corpus):
    files = sorted((corpus / AIORTC).glob("rtcp_*.bin"))
    assert len(files) > 10
    for path in files:
        raw = path.read_bytes()
        table = parsed(raw)
        assert len(rows_of(table)) == 0 and sum(table.skipped().values()) == 1, path.name
        assert len(sound_packets.part(bare(raw)).start) == 0
        if len(raw) >= 12:
            assert table.skipped() == {"RTCP": 1}, path.name


def test_every_packet_cut_at_every_byte(corpus):
    for path in sorted((corpus / AIORTC).glob("*.bin")):
        raw = path.read_bytes()
        for size in range(len(raw)):
            for wire in (size, len(raw)):
                table = parsed(raw[:size], wire=wire)
                rows = rows_of(table)
                assert len(rows) + sum(table.skipped().values()) == 1
                assert (rows["payload_bytes"] <= max(wire - 12, 0)).all()
            part = sound_packets.part(bare(raw[:size]))
            assert (part.start + part.size <= size).all() and (part.size > 0).all()
