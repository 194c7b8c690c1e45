"""pcapng: sections, interfaces and their clocks, and files that end or lie anywhere."""

import struct
from pathlib import Path

import pytest
from captures import START_NS, block, enhanced, frames, interface, pcapng, section, simple, talk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aqa import chunks
from aqa.formats import pcapng as reader
from aqa.frames import NEVER

ITEMS = frames(talk(5))


def drain(path: Path, **options: int) -> tuple[list[tuple[int, bytes]], str]:
    """Times and frames that a file gives, and the message it stops with."""
    out: list[tuple[int, bytes]] = []
    try:
        for records in reader.read(path, **options):
            ends = records.offset + records.captured
            columns = zip(records.time_ns.tolist(), records.offset.tolist(), ends.tolist(), strict=True)
            out += [(time, records.buffer[a:b].tobytes()) for time, a, b in columns]
    except chunks.DamagedError as error:
        return out, str(error)
    return out, ""


def read(tmp_path: Path, raw: bytes) -> tuple[list[tuple[int, bytes]], str]:
    path = tmp_path / "a"
    path.write_bytes(raw)
    return drain(path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("chunk_bytes", [9, 300, 1 << 20])
def test_both_byte_orders(tmp_path: Path, order: str, chunk_bytes: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(pcapng(ITEMS, order))
    assert reader.sniff(path.read_bytes()[:64])
    assert drain(path, chunk_bytes=chunk_bytes) == (ITEMS, "")


@pytest.mark.parametrize(
    ("resolution", "units", "time_ns"),
    [
        (None, 1_700_000_000_123_456, 1_700_000_000_123_456_000),  # section 4.2: 10^-6 unless stated
        (0, 1_700_000_000, 1_700_000_000_000_000_000),
        (3, 1_700_000_000_123, 1_700_000_000_123_000_000),
        (9, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
        (12, 5_123_456_789_012, 5_123_456_789),
        (0x80 | 10, (7 << 10) | 512, 7_500_000_000),
        (0x80 | 40, (7 << 40) | (1 << 39), 7_500_000_000),
        (0x80 | 0, 7, 7_000_000_000),
        (127, 5, NEVER),
    ],
)
def test_clocks_of_interfaces(tmp_path: Path, resolution: int | None, units: int, time_ns: int) -> None:
    raw = section() + interface(resolution=resolution) + enhanced(units, b"abcd")
    assert read(tmp_path, raw) == ([(time_ns, b"abcd")], "")


def test_the_offset_of_an_interface_counts_in_seconds(tmp_path: Path) -> None:
    raw = section(">") + interface(">", resolution=9, offset_s=-3600) + enhanced(START_NS, b"abcd", ">")
    assert read(tmp_path, raw)[0][0][0] == START_NS - 3600 * 10**9


def test_sections_of_both_byte_orders_and_several_interfaces(tmp_path: Path) -> None:
    raw = (
        section() + interface(resolution=9) + interface(resolution=3) + enhanced(5, b"aa")
        + enhanced(7, b"b", interface_id=1)
        + section(">") + interface(">", resolution=6) + enhanced(9, b"c", ">")
    )  # fmt: skip
    assert read(tmp_path, raw) == ([(5, b"aa"), (7_000_000, b"b"), (9_000, b"c")], "")


def test_simple_packets_have_no_time_and_unknown_blocks_are_passed_over(tmp_path: Path) -> None:
    raw = section() + interface(resolution=9) + simple(b"abcde") + block(0xBAD, bytes(40)) + enhanced(5, b"x")
    assert read(tmp_path, raw) == ([(NEVER, b"abcde"), (5, b"x")], "")


def test_old_packet_blocks_are_read(tmp_path: Path) -> None:
    old = block(2, struct.pack("<HHIIII", 0, 0, 0, 5, 3, 3) + b"xyz")
    assert read(tmp_path, section() + interface(resolution=9) + old) == ([(5, b"xyz")], "")


GOOD = section() + interface(resolution=9) + enhanced(5, b"abcd")


@pytest.mark.parametrize(
    "bad",
    [
        struct.pack("<II", 6, 0) + bytes(40),  # length 0
        struct.pack("<II", 6, 8) + bytes(40),  # shorter than a block can be
        struct.pack("<II", 6, 33) + bytes(40),  # not a multiple of 4
        struct.pack("<II", 6, 0xFFFFFFFC) + bytes(40),
        block(6, bytes(20))[:-4] + struct.pack("<I", 4),  # the length at the end says otherwise
        enhanced(5, b"abcd", interface_id=7),  # no such interface
        block(6, struct.pack("<IIIII", 0, 0, 5, 4000, 4000) + b"abcd"),  # more bytes than the block has
        struct.pack("<III", 0x0A0D0D0A, 28, 0x12345678) + bytes(16),  # a section without byte order
        block(1, b""),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [40, 1 << 20])
def test_a_block_that_lies_costs_itself_only(tmp_path: Path, bad: bytes, chunk_bytes: int) -> None:
    path = tmp_path / "lie"
    path.write_bytes(GOOD + bad + GOOD)
    assert drain(path, chunk_bytes=chunk_bytes) == ([(5, b"abcd"), (5, b"abcd")], "")
    assert sum(records.lies for records in reader.read(path, chunk_bytes=chunk_bytes)) == 1


def test_a_packet_before_any_interface_is_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, section() + enhanced(5, b"abcd"))[0] == []


def test_a_file_cut_anywhere_gives_what_is_whole(tmp_path: Path) -> None:
    raw = pcapng(ITEMS)
    head = len(section()) + len(interface(resolution=9))
    size = (len(raw) - head) // len(ITEMS)
    path = tmp_path / "cut"
    for end in range(12, len(raw)):
        path.write_bytes(raw[:end])
        got, why = drain(path)
        assert got == ITEMS[: max(0, end - head) // size]
        whole = end == len(section()) or (end >= head and (end - head) % size == 0)
        assert (why == "") == whole, end


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_random_changes_never_break_it(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(pcapng(ITEMS))
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "mutated"
    path.write_bytes(raw)
    got, _ = drain(path, chunk_bytes=data.draw(st.sampled_from([64, 4096])))
    assert sum(len(item) for _, item in got) <= len(raw)


def test_many_interfaces_are_bounded(tmp_path: Path) -> None:
    many = section() + interface() * (reader.MAX_INTERFACES + 1)
    raw = many + enhanced(5, b"x") + enhanced(5, b"y", interface_id=reader.MAX_INTERFACES)
    assert read(tmp_path, raw) == ([(5000, b"x")], "")
