"""pcap: byte orders, resolutions, gzip, and files that end or lie anywhere."""

import gzip
import struct
from pathlib import Path

import pytest
from captures import START_NS, frames, pcap, talk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aqa import chunks
from aqa.formats import pcap as reader
from aqa.frames import Records

ITEMS = frames(talk(5))


def drain(path: Path, **options: int) -> tuple[list[tuple[int, bytes]], str]:
    """Times and frames that a file gives, and the message it stops with."""
    out: list[tuple[int, bytes]] = []
    try:
        for records in reader.read(path, **options):
            out += unpack(records)
    except chunks.DamagedError as error:
        return out, str(error)
    return out, ""


def unpack(records: Records) -> list[tuple[int, bytes]]:
    ends = records.offset + records.captured
    return [
        (int(time), records.buffer[a:b].tobytes())
        for time, a, b in zip(records.time_ns, records.offset, ends, strict=True)
    ]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("chunk_bytes", [7, 1000, 1 << 20])
def test_both_byte_orders_and_resolutions(tmp_path: Path, order: str, nano: bool, chunk_bytes: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(pcap(ITEMS, order=order, nano=nano))
    assert reader.sniff(path.read_bytes()[:64])
    assert drain(path, chunk_bytes=chunk_bytes) == (ITEMS, "")


def test_nanoseconds_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(pcap([(START_NS + 123_456_789, b"x" * 60)], nano=True))
    assert drain(path)[0][0][0] == START_NS + 123_456_789


def test_the_modified_format_has_longer_records(tmp_path: Path) -> None:
    head = struct.pack("<IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 65535, 1)
    record = struct.pack("<IIIIIHBB", 10, 5, 4, 4, 0, 0, 0, 0) + b"abcd"
    path = tmp_path / "a"
    path.write_bytes(head + record * 2)
    assert drain(path)[0] == [(10_000_005_000, b"abcd")] * 2


def test_gzip_is_told_by_content(tmp_path: Path) -> None:
    path = tmp_path / "not-called-gz.pcap"
    raw = pcap(ITEMS)
    path.write_bytes(gzip.compress(raw[:100]) + gzip.compress(raw[100:]))  # two members are one stream
    assert reader.sniff(chunks.head(path))
    assert drain(path, chunk_bytes=50)[0] == [(t // 1000 * 1000, d) for t, d in ITEMS]


def test_a_cut_gzip_file_keeps_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    packed = gzip.compress(pcap(frames(talk(400))))
    path.write_bytes(packed[: len(packed) // 2])
    got, why = drain(path)
    assert got and "compression is damaged" in why


def test_a_bomb_is_not_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_FREE_BYTES", 1 << 20)
    path = tmp_path / "bomb.gz"
    record = struct.pack("<IIII", 1, 1, 60, 60) + bytes(60)
    path.write_bytes(gzip.compress(pcap([]) + record * 100_000))
    got, why = drain(path, chunk_bytes=1 << 16)
    assert "expands to more than" in why and len(got) < 100_000


def test_a_file_cut_anywhere_gives_what_is_whole(tmp_path: Path) -> None:
    raw = pcap(ITEMS)
    size = (len(raw) - 24) // len(ITEMS)
    path = tmp_path / "cut"
    for end in range(4, len(raw)):
        path.write_bytes(raw[:end])
        got, why = drain(path)
        whole = max(0, end - 24) // size
        assert got == ITEMS[:whole]
        assert (why == "") == (end >= 24 and (end - 24) % size == 0), end


@pytest.mark.parametrize("lie", [0xFFFFFFFF, 0x80000000, 262_145, 1, 5000])
@pytest.mark.parametrize("at", [0, 2, 4])
@pytest.mark.parametrize("chunk_bytes", [70, 1 << 20])
def test_a_record_that_lies_costs_itself_only(tmp_path: Path, lie: int, at: int, chunk_bytes: int) -> None:
    items = frames(talk(8))
    raw = bytearray(pcap(items, nano=True))
    size = (len(raw) - 24) // len(items)
    struct.pack_into("<I", raw, 24 + at * size + 8, lie)
    path = tmp_path / "lie"
    path.write_bytes(raw)
    lies, got = 0, []
    for records in reader.read(path, chunk_bytes=chunk_bytes):
        lies += records.lies
        got += unpack(records)
    assert [item for item in got if item in items] == items[:at] + items[at + 1 :]
    assert lies == 1


def test_a_last_record_that_lies_is_a_cut_file(tmp_path: Path) -> None:
    raw = bytearray(pcap(ITEMS))
    size = (len(raw) - 24) // len(ITEMS)
    struct.pack_into("<II", raw, 24 + 4 * size + 8, 5000, 5000)
    path = tmp_path / "lie"
    path.write_bytes(raw)
    got, why = drain(path)
    assert got == ITEMS[:4]
    assert f"at byte {24 + 4 * size}:" in why and "copy the file again" in why


def test_bytes_lost_in_the_middle_cost_the_records_they_were_in(tmp_path: Path) -> None:
    items = frames(talk(50))
    raw = pcap(items, nano=True)
    size = (len(raw) - 24) // len(items)
    path = tmp_path / "hole"
    path.write_bytes(raw[: 24 + 10 * size + 30] + raw[24 + 12 * size + 7 :])
    got = [item for item in drain(path)[0] if item in items]
    assert got[:10] == items[:10] and got[-37:] == items[13:]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_random_changes_never_break_it(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(pcap(ITEMS))
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(4, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "mutated"
    path.write_bytes(raw)
    got, _ = drain(path, chunk_bytes=data.draw(st.sampled_from([64, 4096])))
    assert sum(len(item) for _, item in got) <= len(raw)
