"""Sentences about a stream: each is said when its row holds it, and not otherwise."""

import dataclasses
import json

import pytest
from captures import Packet, talk
from hypothesis import given, settings
from hypothesis import strategies as st
from report_builder import stream as row
from report_builder import told
from streams import stream

from aqa.logs import worst_first
from aqa.measures.loss import burst_groups, loss_runs
from aqa.packets import read_log
from aqa.report.loss_words import _in_bursts, share
from aqa.report.stream_words import faults, remarks, sentences
from aqa.stream_model import StreamRow
from aqa.streams import stream_row

NBSP = "\N{NO-BREAK SPACE}"


def said(of: StreamRow) -> list[str]:
    return [text.replace(NBSP, " ") for text in sentences(of)]


def clean(**changes):
    """A row with nothing wrong, of a stream whose clock is known and whose buffer was run."""
    base = row(
        lost=0, loss_pct=0.0, packets=3000, expected=3000, concealed_s=0.0, concealed_pct=0.0, concealed_lost_s=0.0,
        concealed_late_s=0.0, concealed_stall_s=0.0, late=0, interruptions=0, overflowed=0, recovered=0,
        clock_rate_hz=48000, clock_rates="48000", delta_max_ms=40.0, jitter_max_ms=3.0, jitter_mean_ms=1.0,
        frame_ms=20.0, playout_model="neteq 60 ms", loss_run_max=0, loss_histogram=json.dumps([0] * 10),
        last_s=60.0,
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


def runs(*lengths):
    return json.dumps([sum(min(n, 10) == i for n in lengths) for i in range(1, 11)])


def test_a_good_stream_has_nothing_wrong():
    assert said(clean()) == ["nothing wrong found"]


LOST = {"loss_histogram": runs(*[1] * 29), "lost": 29, "loss_pct": 29 / 30}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {**LOST, "recovered": 29},
            "29 packets lost one by one (0.97 %), all repaired by copies in later packets",
        ),
        ({**LOST, "recovered": 9, "concealed_lost_s": 0.4}, "; 9 packets repaired by copies in later packets"),
        ({**LOST, "recovered": None, "concealed_lost_s": 0.58}, "; whether copies repaired them is not measured"),
        ({"lost": 1, "loss_pct": 0.03, "loss_histogram": runs(1)}, "1 packet lost (0.03 %)"),
        ({"lost": 70, "loss_pct": 1.89, "loss_histogram": runs(70)}, "70 packets lost in one run (1.89 %)"),
        (
            {
                "lost": 240, "loss_pct": 12.14, "loss_histogram": runs(*[2] * 120), "expected": 1977,
                "loss_bursts": 14, "burst_density_pct": 24.0, "gap_density_pct": 8.1202,
                "burst_duration_mean_ms": 2100.0, "loss_run_max": 2,
            },
            "240 packets lost (12.1 %), half of them in 14 bursts of 2.1 s on average, where 24.0 % was lost,"
            " at most 2 in a row",
        ),
        (
            {"concealed_s": 12.5, "concealed_pct": 20.0, "concealed_stall_s": 12.5, "delta_max_ms": 12_600.0},
            "nothing came for 12.6 s",
        ),
        (
            {
                "lost": 70, "loss_histogram": runs(70), "loss_run_max": 70, "delta_max_ms": 1_420.0,
                "concealed_s": 1.4, "concealed_pct": 2.0, "concealed_lost_s": 1.4,
            },
            "nothing came for 1.42 s: what was sent meanwhile was lost",
        ),
        (
            {
                "concealed_s": 1.6, "concealed_pct": 2.5, "concealed_late_s": 1.4, "concealed_lost_s": 0.2,
                "interruptions": 2,
            },
            "1.6 s of sound made up (2.50 %): 200 ms for lost packets, 1.4 s for late packets;"
            " 2 interruptions of 150 ms or longer",
        ),
        ({"late": 240, "concealed_late_s": 1.4}, "240 packets late for a neteq 60 ms buffer: 1.4 s made up"),
        ({"late": 1}, "1 packet late for a neteq 60 ms buffer: copies or stretched sound stood in"),
        ({"overflowed": 400}, "400 packets thrown away: they came in a rush that overfilled the buffer"),
        ({"jitter_max_ms": 30.0, "jitter_mean_ms": 12.0}, "jitter up to 30 ms, 12 ms on average"),
        ({"reordered": 3, "reorder_extent_max": 2}, "3 packets out of order (0.10 %), up to 2 behind"),
        ({"duplicates": 1500}, "each packet twice: the capture sees both sides"),
        ({"duplicates": 30}, "30 packets came twice (1.00 %)"),
        ({"resets": 2}, "sequence restarted 2 times"),
        ({"resets": 1}, "sequence restarted once"),
        ({"skew_ppm": -250.0}, "the sender's clock runs 250 ppm fast"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(changes, sentence):
    assert any(sentence in text for text in said(clean(**changes))), said(clean(**changes))
    assert "nothing wrong found" not in said(clean(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"jitter_max_ms": 29.9}, {"reordered": 2, "reorder_extent_max": 2}, {"duplicates": 9},
        {"skew_ppm": 199.0}, {"skew_ppm": 900.0, "last_s": 59.0}, {"concealed_s": 1e-7, "concealed_pct": 1e-6},
        {"jitter_max_ms": None}, {"lost": None, "loss_pct": None}, {"duplicates": None, "reordered": None},
    ],
)  # fmt: skip
def test_what_is_ordinary_is_not(changes):
    assert said(clean(**changes)) == ["nothing wrong found"]


def test_a_pause_that_cost_nothing_is_a_remark():
    quiet = clean(delta_max_ms=9_000.0)
    assert not faults(quiet)
    assert "longest pause 9 s, and no sound missing in it" in said(quiet)[1]
    assert not remarks(clean(delta_max_ms=499.0))


def test_an_unknown_clock_is_said_with_the_remedy_and_never_as_good():
    unknown = clean(
        clock_rate_hz=None, clock_rates="?", concealed_s=None, concealed_pct=None, late=None, payload_type=98,
        delta_max_ms=700.0,
    )  # fmt: skip
    first, *_, last = said(unknown)
    assert first.startswith("no packet for 700 ms: a stall or a pause of the sender")
    assert "clock rate not known" in last
    assert "--codec 98=NAME/RATE (as 111=opus/48000/2)" in last
    calm = said(dataclasses.replace(unknown, delta_max_ms=40.0))
    assert calm[0] == "nothing wrong found in its sequence numbers"


def test_no_times_of_arrival_are_said():
    assert "the log holds no times of arrival" in said(clean(delta_max_ms=None, jitter_max_ms=None))[-1]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ([(1.0, 20.0, 40.0)], "frame length changed from 20 to 40 ms at 00:00:01"),
        ([(1, 20.0, 40.0), (2, 40.0, 60.0), (3, 60.0, 20.0)], "frame length changed 3 times between 20 and 60 ms"),
    ],
)
def test_changes_are_remarks(changes, sentence):
    text = json.dumps([{"at_s": at, "what": "frame_ms", "from": a, "to": b} for at, a, b in changes])
    assert said(clean(changes=text))[0] == "nothing wrong found"
    assert said(clean(changes=text))[1].startswith(sentence)
    rate = json.dumps([{"at_s": 1.0, "what": "bitrate_kbps", "from": 10, "to": 30}])
    assert said(clean(changes=rate)) == ["nothing wrong found"]


def test_another_buffer_is_named_only_where_it_beats_the_one_that_was_run():
    sweep = [
        {"delay_ms": ms, "late": 1, "dropouts": 1, "concealed_s": s} for ms, s in ((60, 5.0), (120, 0.4), (500, 0.3))
    ]
    late = clean(late=9, concealed_late_s=1.4, concealed_s=1.4, concealed_pct=2.0, sweep=json.dumps(sweep))
    assert (
        "a fixed buffer of 120 ms would have made up 400 ms in all, one of 60 ms 5 s" in said(late)
    ), said(late)  # fmt: skip
    assert not any("fixed" in text for text in said(dataclasses.replace(late, concealed_s=0.44)))
    sweep[1]["concealed_s"] = sweep[2]["concealed_s"] = 0.0
    assert any("made up nothing in all" in t for t in said(dataclasses.replace(late, sweep=json.dumps(sweep))))


def test_stats_say_what_the_end_itself_counted():
    assert "the receiver made up 3.00 % of what it played; 2.50 % could be heard" in said(told())
    silent = told(audible_concealed_pct=0.0, lost=0, loss_pct=0.0)
    assert said(silent) == ["nothing wrong found"]
    assert said(told(lost=None, loss_pct=None, concealed_pct=None, audible_concealed_pct=None))[-1] == (
        "losses are not counted in these stats"
    )
    assert any("as the other end reported" in text for text in said(told(direction="sent")))


def test_the_worst_ten_seconds_are_told_where_they_stand_out():
    worse = clean(mos_estimated=3.5, worst_interval_mos=2.1, worst_interval_start_s=40.0)
    assert said(worse)[-1] == "worst 10 s from 00:00:40: estimated MOS 2.1"
    assert said(dataclasses.replace(worse, worst_interval_mos=3.1)) == ["nothing wrong found"]


CAPTURES = {  # what the corpus publishes of each, as a sentence of its first stream
    "asterisk+testsuite/16_bit_48khz_60_fec_dropped.pcapng": (
        "29 packets lost one by one (0.97 %), all repaired by copies in later packets"
    ),
    "asterisk+testsuite/16_bit_48khz_60_fec_rtp.pcapng": "nothing wrong found",
    "asterisk+testsuite/A_party_g711a.pcap": "nothing wrong found",
    "asterisk+testsuite/opus-2013785496.pcap": "nothing wrong found",  # its telephone events are no loss
    "BelledonneCommunications+mediastreamer2/firstvalid.pcapng": "nothing wrong found",
    "BelledonneCommunications+mediastreamer2/poor_jitter_quality_22.pcapng": "nothing came for 12.6 s",
    "BelledonneCommunications+mediastreamer2/opus-poor-quality.pcapng": "nothing came for 793 ms",
    "BelledonneCommunications+mediastreamer2/audio-80-75-0c60.pcapng": "240 packets lost (12.1 %), all of them in",
    "BelledonneCommunications+mediastreamer2/rtp-534late-24loss-7000total.pcapng": "24 packets lost (0.34 %)",
    "hdiniz+rtpdump/sample1_ipv4_amr-nb.pcap": "each packet twice: the capture sees both sides",
}


@pytest.mark.parametrize("name", CAPTURES)
def test_real_captures_say_what_is_known_of_them(corpus, name):
    log = read_log(corpus / "rtp-pcap" / name, name=name, codecs={})
    rows = worst_first([stream_row(item, item.log_start_ns) for item in log.streams])
    assert any(text.startswith(CAPTURES[name]) for text in said(rows[0])), said(rows[0])


def test_small_shares_are_not_rounded_to_nothing():
    assert [share(x) for x in (0.0, 0.001, 0.5, 9.99, 12.14)] == [
        "0.00 %",
        "under 0.01 %",
        "0.50 %",
        "9.99 %",
        "12.1 %",
    ]


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(1, 398), min_size=1, max_size=120))
def test_the_share_lost_in_bursts_follows_from_the_row(gone):
    kept: list[Packet] = [p for p in talk(400) if p.sequence not in gone]
    found = stream(kept)
    counts = [int(loss_runs(found).count[group].sum()) for group in burst_groups(loss_runs(found))]
    inside = sum(many for many in counts if many > 1)
    got = _in_bursts(stream_row(found, found.log_start_ns))
    assert (got or 0.0) == pytest.approx(inside, abs=1e-6)
