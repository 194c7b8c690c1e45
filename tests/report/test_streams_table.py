"""The table of streams: it fits, what matters most stays, and inputs can't steer the terminal."""

import dataclasses
import re
import textwrap
from itertools import pairwise

import pytest
from captures import frames, pcap, talk
from hypothesis import given
from hypothesis import strategies as st
from report_builder import stream as row
from typer.testing import CliRunner

from aqa.cli import app
from aqa.report.streams_table import shortened, streams_text, wrapped

LONG = row(
    src="[2001:db8:1111:2222:3333:4444:5555:6666]:50004", dst="[2001:db8:1111:2222:3333:4444:5555:7777]:40000",
    codec="opus/48000/2", concealed_s=1.25, jitter_ms=12.34, mos_estimated=3.21, late=7, delta_max_ms=1234.0,
    mos_model="G.107.2 / Opus; delay of the neteq 60 ms buffer only", playout_model="neteq 60 ms",
)  # fmt: skip

GOLDEN_80 = """\
ssrc        from            codec  lost %  late  jitter ms  made up s  est. MOS
0x00000001  [200…66]:50004  opus     0.03     7       12.3       1.25       3.2
"""


def text(rows, width=100, **more):
    return streams_text(rows, {"room.pcap": []}, width=width, **more).replace("\N{NO-BREAK SPACE}", " ")


def test_80_columns_are_readable():
    assert text([LONG], 80).startswith(GOLDEN_80), text([LONG], 80)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160, 240])
def test_every_line_fits(width):
    lines = text([LONG, dataclasses.replace(LONG, log="other.pcap", resets=3, duplicates=9999)], width).split("\n")
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("ssrc") and "lost %" in lines[0]


def test_more_room_shows_more():
    heads = [re.split(r"\s{2,}", text([LONG], width).split("\n")[0]) for width in (80, 100, 160, 240)]
    assert all(set(narrow) <= set(wide) for narrow, wide in pairwise(heads))
    assert [len(head) for head in heads] == [8, 9, 15, 15]
    assert LONG.src in text([LONG], 240) and LONG.dst in text([LONG], 240)


def test_an_address_is_cut_in_the_middle():
    assert shortened("192.168.100.200:50004", 13) == "192.\N{HORIZONTAL ELLIPSIS}00:50004"
    assert shortened("10.0.0.1:5004", 13) == "10.0.0.1:5004"


def test_the_rest_is_counted_not_hidden():
    many = [dataclasses.replace(LONG, ssrc=f"0x{i:08x}") for i in range(45)]
    short = text(many, most=40)
    assert "0x00000027" in short and "0x00000028" not in short
    assert "5 more streams" in short and "--all" in short
    assert "more stream" not in text(many)


def test_logs_are_named_where_there_are_several():
    two = [dataclasses.replace(LONG, log="a/x.pcap"), dataclasses.replace(LONG, log="b/y.pcap")]
    assert "in x.pcap" in text(two) and "in y.pcap" in text(two)
    same = [dataclasses.replace(LONG, log="a/x.pcap"), dataclasses.replace(LONG, log="b/x.pcap")]
    assert "in a/x.pcap" in text(same) and "in b/x.pcap" in text(same)


def test_what_is_not_measured_is_n_m_and_the_model_is_named():
    none = text([row(concealed_s=None, jitter_ms=None)])
    cells = dict(zip(*(re.split(r"\s{2,}", line) for line in none.split("\n")[:2]), strict=True))
    assert [cells[name] for name in ("late", "jitter ms", "made up s", "est. MOS")] == ["n/m"] * 4
    assert cells["lost %"] == "0.03"
    assert "est. MOS of 1 stream: G.107.2 / Opus; delay of the neteq 60 ms buffer only." in text([LONG], 160)


def test_no_stream_is_said():
    assert text([]) == "no RTP stream"


@pytest.mark.parametrize("field", ["src", "dst", "codec", "log", "mos_model"])
def test_names_can_t_steer_the_terminal(field):
    evil = dataclasses.replace(LONG, **{field: "a\x1b[31mb\u202ec\n"})
    other = dataclasses.replace(LONG, log="other", mos_model="another")
    shown = text([evil, other], 240)
    assert "\x1b" not in shown and "\u202e" not in shown
    assert len(shown.split("\n")) == len(text([LONG, other], 240).split("\n"))


def test_a_capture_that_cut_its_packets_is_noted(tmp_path):
    whole = pcap(frames(talk(50)))
    cut, at = whole[:24], 24
    while at < len(whole):  # keep 60 bytes of each packet: headers and a little payload
        size = int.from_bytes(whole[at + 8 : at + 12], "little")
        cut += whole[at : at + 8] + (60).to_bytes(4, "little") + whole[at + 12 : at + 16] + whole[at + 16 : at + 76]
        at += 16 + size
    (tmp_path / "cut.pcap").write_bytes(cut)
    ran = CliRunner().invoke(app, ["packets", str(tmp_path / "cut.pcap")], env={"COLUMNS": "200"})
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert "cut.pcap: 50 packets are in it only in part" in ran.stdout


WORD = st.text("abc,.\u00e4", min_size=1, max_size=6)
WORDS = st.lists(WORD | st.builds("{}\u00a0{}".format, WORD, WORD), max_size=60)  # as a number and its unit


@given(WORDS.map(" ".join), st.integers(20, 60))
def test_text_is_wrapped_as_pythons_own_does(text: str, width: int) -> None:
    own = textwrap.fill(text, width, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False)
    assert wrapped(text, width, "    ").strip() == own.strip()


@given(st.text(st.characters(codec="utf-8"), max_size=200), st.integers(1, 30))
def test_nothing_of_a_text_is_lost_by_wrapping_and_lines_are_no_longer_than_asked(text: str, width: int) -> None:
    lines = wrapped(text, width, "  ").split("\n")
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(len(line) <= max(width, 5) for line in lines)
