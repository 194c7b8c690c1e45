"""The details of streams: what is drawn is what was measured, and nothing is drawn where nothing was."""

import dataclasses
import re

import pytest
from report_builder import analysis, event, events, in_packets, played, played_seconds, stream

from aqa.model import SecondRow
from aqa.report import bars, delays, html, lanes, markdown, streams
from aqa.report.buffers import choices, sweep_picture

BOX = bars.Box(length_s=10.0, y=0, height=20.0, columns=600)


def second(at, **changes):
    base = {"second": at, "log": "room.pcap", "stream": "0x00000001", "packets": 50, "expected": 50, "lost": 0}
    return SecondRow(**(base | changes))


def paths(markup, look):
    return re.findall(rf'<path class="{look}" d="([^"]*)"', str(markup))


def test_late_is_stacked_on_lost():
    drawn = bars.loss_bars([second(3, lost=5, late=5)], BOX)
    assert paths(drawn, "lost") == ["M3 20v-10.0h1v10.0z"]  # 10 of 40 %: half the height, by the square root
    assert paths(drawn, "late") == ["M3 10.0V5.9h1V10.0h-1z"]  # 20 %: 0.707 of it


def test_late_alone_stands_on_the_base_and_nothing_is_no_bar():
    assert paths(bars.loss_bars([second(3, late=20)], BOX), "late") == ["M3 20.0V0.0h1V20.0h-1z"]
    assert "<path" not in str(bars.loss_bars([second(3), second(4, lost=None, late=None)], BOX))


def test_a_column_shows_its_worst_second():
    hour = bars.Box(length_s=3600.0, y=0, height=20.0, columns=600)
    drawn = bars.loss_bars([second(0, lost=1), second(1, lost=20), second(5, lost=2), second(6, lost=5)], hour)
    assert paths(drawn, "lost") == ["M0 20v-20.0h1v20.0zM1 20v-10.0h1v10.0z"]


def test_made_up_sound_is_the_part_of_the_hatch_that_is_not_covered():
    drawn = bars.made_up_hatch([second(2, concealed_s=0.5), second(3, concealed_s=1.0), second(9)], BOX)
    assert paths(drawn, "cover") == ["M-2 -2V22H2V10.0h1V0.0h1V22H12V-2z"]
    assert "made-up" not in str(bars.made_up_hatch([second(2, concealed_s=0.0)], BOX))


def detail(row=None, rows=(), **changes):
    made = analysis(event(duration_s=10.0), streams=(row or played(),), seconds=rows, **changes)
    return delays.delay_picture(made, made.streams[0])


def test_seconds_without_packets_have_no_line():
    rows = [second(at, delay_max_ms=25.0) for at in (0, 1, 4)] + [second(at, packets=0) for at in (2, 3)]
    drawn = detail(rows=rows)
    assert paths(drawn.picture, "curve") == ["M0 54.0h1V54.0h1M4 54.0h1"]  # top 100 ms, for the buffer has 74
    assert drawn.scale == "0 – 100\N{NO-BREAK SPACE}ms"


def test_a_delay_far_above_all_others_is_cut_off_and_told():
    rows = [second(at, delay_max_ms=5230.0 if at == 7 else 20.0) for at in range(200)]
    drawn = detail(rows=rows)
    assert "the largest is 5,230" in drawn.note
    assert min(float(y) for y in re.findall(r"V([\d.]+)", paths(drawn.picture, "curve")[0])) == 0.0


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (stream(clock_rate_hz=None), "the clock rate is not known"),
        (played(delta_max_ms=None), "the log has no times of arrival"),
    ],
)
def test_no_delay_is_words_and_not_a_curve(row, why):
    drawn = detail(row, [second(at) for at in range(10)])
    assert f"not measured: {why}" in str(drawn.picture)
    assert not paths(drawn.picture, "curve")
    assert 'class="playout"' not in str(drawn.picture)
    assert "delay not measured" in drawn.spoken


def test_flows_that_share_an_ssrc_are_told():
    made = analysis(streams=(played(), played(src="192.0.2.9:9")), seconds=played_seconds())
    assert "2 flows in this log have the same SSRC" in delays.delay_picture(made, made.streams[0]).note


def test_the_sweep_has_a_point_a_buffer_and_marks_the_current_and_the_modelled():
    drawn = str(sweep_picture(played(), 60.0))
    assert drawn.count("<circle") == len(choices(played())) == 3
    assert "settings: 60" in drawn
    assert "neteq 60 ms: 74 ms in the mean" in drawn
    assert all(f">{many}</text>" in drawn for many in (210, 80, 3))
    far = str(sweep_picture(played(playout_delay_mean_ms=2709.0), 60.0))
    assert "modelled" not in far
    assert sweep_picture(stream(), 60.0) is None


def test_worst_streams_come_first():
    quiet, lossy, bad = (played(ssrc=f"0x0000000{n}", concealed_pct=p) for n, p in ((2, 0.1), (3, 5.0), (1, 0.0)))
    found = (in_packets("stall", 200.0, 4.0, stream="0x00000001"),)
    made = analysis(streams=(quiet, lossy, bad), findings=found)
    assert [row.ssrc[-1] for row in streams.worst_streams(made)] == ["1", "3", "2"]


def many_streams(count, length):
    rows = [played(ssrc=f"0x{n:08x}", participant=f"p{n}") for n in range(count)]
    seconds = [one for row in rows for one in played_seconds(length, stream=row.ssrc, track=row.participant)]
    return analysis(event(duration_s=float(length)), streams=rows, seconds=seconds)


def test_twenty_streams_of_an_hour_are_small_and_more_are_not_drawn():
    page = html.report_html(many_streams(25, 3600), {})
    assert page.count('<details class="stream"') == 20
    assert "The worst 20 of 25 streams" in page
    assert len(page.encode()) < 2_500_000


def test_the_page_tells_what_the_packets_prove():
    page = html.report_html(events()["played"], {}).replace("\N{NO-BREAK SPACE}", " ")
    for text in (
        "With a fixed buffer of 200 ms, 77 of 80 concealed intervals",
        "RFC 3611 4.7.2",
        "0.0021",
        "G.107.2 / Opus VBR 28 kb/s",
        "MOS 1.7 from 09:02:10",
        "09:01:01 frame: 20 ms → 60 ms",
        "an estimate, not a listening test",
        "0.4 %</td>",  # 120 late of 30,000
        "rtp.ssrc == 0x00000001",
    ):
        assert text in page, text


def test_what_was_not_measured_is_not_zero():
    page = html.report_html(events()["no clock rate"], {})
    assert "not measured: the clock rate is not known" in page
    assert "Not measured: the clock rate is not known." in page
    assert "<circle" not in page


def test_markdown_has_the_bursts_and_buffers_of_the_worst_five():
    text = markdown.report_markdown(many_streams(7, 60))
    assert text.count("| loss in bursts (RFC 3611 4.7.2)") == text.count("| fixed buffer |") == 5
    streams = text.split("\n## Streams\n")[1].split("\n## ")[0]
    assert streams.count("\n### ") == 5
    assert "The worst 5 of 7; every one is in report.json." in text
    assert "| 60\N{NO-BREAK SPACE}ms | 4.20\N{NO-BREAK SPACE}s | 80 | 120 |" in text


def test_what_rtcp_said_is_told_where_there_is_any():
    assert streams.details(analysis(streams=(played(),)))[0].reported == []
    told = streams.details(analysis(streams=(played(rtt_ms=81.4),)))[0].reported
    assert told == [("round trip", "81\N{NO-BREAK SPACE}ms")]


def test_small_kinds_of_packets_are_shown_in_a_close_view_alone():
    found = (in_packets("jitter", 120.0, 60.0), in_packets("stream_reset", 400.0, 0.02))
    for length, hidden in ((600.0, False), (601.0, True)):
        made = analysis(event(duration_s=length), findings=found)
        picture = "".join(str(lane.picture) for lane in lanes.timeline(made))
        group = re.search(r'<g class="close"[^>]*>', picture).group()
        assert ('visibility="hidden"' in group) is hidden
        assert ">Ji</text>" in picture
        assert 'class="reset"' in picture
        assert 'class="reset"' not in picture[picture.index(group) : picture.index("</g>")]


def test_the_key_has_the_marks_of_packets():
    text = {words: str(sign) for sign, words in lanes.key(events()["played"])}
    for kind, mark in (("late", "hollow-packet"), ("stall", "black"), ("stream reset", "reset"), ("jitter", "tick")):
        assert mark in next(sign for words, sign in text.items() if words.startswith(f"{kind}:"))
    assert any("hollow on them: late" in words for words in text)
    assert not any("a receiver made up" in words for words in text)  # its bars are drawn for stats alone


def test_hostile_text_in_a_stream_stays_text():
    row = dataclasses.replace(played(), participant="<script>x</script>", mos_model="<b>|", sweep_advice="<i>|")
    made = analysis(streams=(row,), seconds=played_seconds())
    page, text = html.report_html(made, {}), markdown.report_markdown(made)
    assert "<script>x" not in page
    assert "<b>|" not in page
    assert "<script>" not in text
    assert "<i>" not in text
