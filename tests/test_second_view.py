"""Two recordings of one room: what only one of them has, and where they part, known because they were built."""

import dataclasses
import json

import numpy as np
import pairs
import pytest
import soundfile
import soxr
from reenactment.voices import RATE, speech
from wholes import fault, sent, spans, whole

from aqa import causes
from aqa.activity import LOOK_AHEAD_S
from aqa.known import Elsewhere, Known
from aqa.measures.vantage import Alignment, Step
from aqa.model import Finding
from aqa.pipeline import Options, analyze
from aqa.report.whole_rows import whole_event
from aqa.second_view import to_first, to_second
from aqa.store import Store
from aqa.timeline import Compared


def talk(seconds, seed=0):
    """Speech of one voice over a quiet room."""
    random = np.random.default_rng(seed)
    out = np.concatenate([speech(12.0, "alice", random) for _ in range(int(seconds // 12) + 1)])
    out = out[: round(seconds * RATE)]
    return out + random.normal(0, 0.0005, len(out))


def run(tmp_path, toml="", rate=RATE, **sounds):
    folder = tmp_path / "recordings" / "e"
    folder.mkdir(parents=True)
    for name, sound in sounds.items():
        soundfile.write(folder / f"{name}.flac", np.clip(sound, -1, 1), rate, subtype="PCM_16")
    (folder / "event.toml").write_text(toml)
    outcome = analyze([tmp_path / "recordings"], Options(tmp_path / "data", tmp_path / "reports"))
    assert outcome.problems == []
    return Store(tmp_path / "data").analysis("e")


def second(analysis):
    (row,) = json.loads(analysis.event.facts)["second_recordings"]
    return row


def holed(x, *holes):
    out = x.copy()
    for start, end in holes:
        out[round(start * RATE) : round(end * RATE)] = 0.0
    return out


def loud_spots(x, length_s, many, free=()):
    """Starts of the loudest stretches, apart from each other and from others."""
    power = np.convolve(np.square(x), np.ones(round(length_s * RATE)), "valid")[:: RATE // 100]
    found = []
    for at in np.argsort(power)[::-1].tolist():
        if all(abs(at / 100 - other) > 3 for other in (*found, *free)) and 3 < at / 100 < len(x) / RATE - 3:
            found.append(at / 100)
        if len(found) == many:
            return sorted(found)
    raise AssertionError


def dropout(analysis, recording, at):
    (found,) = [
        f for f in analysis.findings if (f.kind, f.recording) == ("dropout", recording) and abs(f.start_s - at) < 0.1
    ]
    return found


def in_b(at):
    """Where a second of the first recording is in the second one of the test below."""
    return (at + 1.5 - (0.08 if at > 70 else 0.0)) * (1 + 40e-6)


def test_offset_drift_a_skip_and_whose_the_holes_are(tmp_path):
    """b lags 1.5 s, runs 40 ppm fast and leaves out 80 ms at 70 s; both have one hole, each has one of its own."""
    x = talk(120)
    both, own_a, own_b = loud_spots(x, 0.12, 3, free=(70.0,))
    a = holed(x, (both, both + 0.12), (own_a, own_a + 0.12))
    cut = round(70 * RATE)
    b = np.concatenate([np.zeros(round(1.5 * RATE)), x[:cut], x[cut + round(0.08 * RATE) :]])
    b = soxr.resample(b, RATE, RATE * (1 + 40e-6))
    b = holed(b, *((at, at + 0.12) for at in (in_b(both), in_b(own_b))))
    analysis = run(tmp_path, a=a, b=b)
    row = second(analysis)
    assert (row["first"], row["second"]) == ("a.flac", "b.flac")
    assert row["offset_s"] == pytest.approx(1.5, abs=0.005)
    assert row["drift_ppm"] == pytest.approx(40, abs=2)
    (step,) = [f for f in analysis.findings if f.kind == "elided_time"]
    assert (step.recording, step.value) == ("b.flac", pytest.approx(0.08, abs=0.001))
    assert (step.start_s + step.end_s) / 2 == pytest.approx(71.5, abs=0.1) and step.duration_s < 1.5
    alone_a = dropout(analysis, "a.flac", own_a)
    alone_b = dropout(analysis, "b.flac", in_b(own_b))
    assert alone_a.cause == alone_b.cause == "recorder"
    assert json.loads(alone_a.evidence)["cause"]["has_it_not"] == "b.flac"
    assert dropout(analysis, "a.flac", both).cause == "not_measurable"  # in the room, and no packets to say why
    (part,) = [part for part in whole_event(analysis) if part.title == "Second recordings"]
    assert part.rows[0][:2] == ("b.flac", "a.flac") and part.rows[0][-1].startswith("1")


def test_ten_minutes_through_another_codec(tmp_path):
    """b lags 2.3 s, runs 30 ppm fast, has its own noise, went through Opus at 24 kb/s and lacks 60 ms at 400 s."""
    x, cut = pairs.speech(21, 600.0), 400 * pairs.RATE
    one = pairs.spoken(x, bitrate=24_000)
    coded = pairs.decoded(one, np.zeros(len(one.packets), np.bool_))
    b = np.concatenate([np.zeros(round(2.3 * pairs.RATE)), coded[:cut], coded[cut + round(0.06 * pairs.RATE) :]])
    b = pairs.recording([b], start_s=0.0, drift_ppm=30.0, noise_db=-50, seed=8)
    analysis = run(tmp_path, rate=pairs.RATE, a=x, b=b)
    row = second(analysis)
    assert row["offset_s"] == pytest.approx(2.3 + LOOK_AHEAD_S, abs=0.005)
    assert row["drift_ppm"] == pytest.approx(30, abs=2)
    ((at_s, size_s),) = row["steps"]
    assert (at_s, size_s) == (pytest.approx(400, abs=0.3), pytest.approx(-0.06, abs=0.001))
    (step,) = [f for f in analysis.findings if f.kind == "elided_time"]
    assert (step.recording, step.value) == ("b.flac", pytest.approx(0.06, abs=0.001))


def test_unrelated_recordings_are_refused_and_it_is_said(tmp_path):
    analysis = run(tmp_path, a=talk(40), b=talk(40, seed=5))
    assert second(analysis)["offset_s"] is None
    lines = {row["what"]: row["why"] for row in json.loads(analysis.event.not_measured)}
    assert "not of the same room" in lines["b.flac against a.flac"]
    assert not [f for f in analysis.findings if f.kind == "elided_time"]


ROOMS = '[[recordings]]\npath = "a.flac"\nroom = "1"\n[[recordings]]\npath = "b.flac"\nroom = "{}"\n'
STARTS = (
    '[[recordings]]\npath = "a.flac"\nstart = 2023-05-24T22:00:00Z\n'
    '[[recordings]]\npath = "b.flac"\nstart = 2023-05-24T22:00:{}Z\n'
)
TRACKS = '[[recordings]]\npath = "a.flac"\ntrack = "alice"\n[[recordings]]\npath = "b.flac"\ntrack = "{}"\n'


@pytest.mark.parametrize(
    ("toml", "held"),
    [(ROOMS.format(1), True), (ROOMS.format(2), False), (STARTS.format("05"), True), (STARTS.format("25"), False),
     (TRACKS.format("bob"), False), (TRACKS.format("mix"), True), (TRACKS.format("alice"), True)],
)  # fmt: skip
def test_only_what_can_hold_the_same_sound_is_compared(tmp_path, toml, held):
    x = talk(30)
    facts = json.loads(run(tmp_path, toml, a=x, b=x[RATE:]).event.facts)
    assert ("second_recordings" in facts) == held


@pytest.mark.parametrize("known", ["a", "b"])
def test_a_second_recording_gives_the_first_its_start(tmp_path, known):
    """b began 2 s after a; only one of the two says when it began."""
    start = {"a": "22:00:00", "b": "22:00:02"}
    x = talk(60)
    toml = f'[[recordings]]\npath = "{known}.flac"\nstart = 2023-05-24T{start[known]}Z\n'
    rows = {row.recording: row for row in run(tmp_path, toml, a=x, b=x[2 * RATE :]).recordings}
    other = rows["b.flac" if known == "a" else "a.flac"]
    assert other.start_from == "aligned"
    assert rows["b.flac"].start_s - rows["a.flac"].start_s == pytest.approx(2.0, abs=0.005)
    assert rows["a.flac"].start_utc == "2023-05-24T22:00:00.000Z"
    assert other.start_error_ms == pytest.approx(50, abs=5)


def test_times_go_there_and_back_over_steps():
    pair = Compared("a", "b", Alignment(2.0, 100.0, 0.1, 1.0, (Step(10.0, -0.5, 0.01), Step(20.0, 0.2, 0.01))))
    assert to_second(pair, 5.0) == pytest.approx(7.0005)
    assert to_second(pair, 15.0) == pytest.approx(16.5015)
    for at in (0.0, 5.0, 9.9, 12.0, 19.9, 25.0, 1000.0):
        assert to_first(pair, to_second(pair, at)) == pytest.approx(at, abs=1e-6)


def known(there, alike=True, **streams):
    hole = fault("dropout", 10, 10.2, source="audio", recording="a.wav", track="mix", finding_id="f")
    return hole, Known(
        whole(findings=(hole,), sent=[sent("bob", **streams)]),
        span_s=1000.0,
        clock_error_s={"a.wav": 0.05},
        elsewhere={"f": Elsewhere("b.wav", there, alike)},
    )


def test_only_one_recorder_is_the_recorder_s():
    found = causes.only_one_recorder(*known(there=False))
    assert (found.cause, found.cause_confidence) == ("recorder", 0.9)
    assert causes.only_one_recorder(*known(there=True)) is None
    assert causes.only_one_recorder(*known(there=False, alike=False)) is None


def test_in_both_it_is_no_recorder_s():
    loud = {"loud": spans((0, 100)), "loud_from": "level"}
    hole, facts = known(there=True, **loud)
    assert isinstance(hole, Finding)
    found = causes.in_both(hole, facts)
    assert found.cause == "unexplained" and "in the room" in json.loads(found.evidence)["cause"]["why"]
    assert causes.explain([hole], facts)[0].cause == "unexplained"
    assert causes.in_both(*known(there=False, **loud)) is None
    assert causes.in_both(*known(there=True, loud=spans(), loud_from="level")) is None


def test_what_both_have_and_packets_explain_is_surer():
    lost = fault("loss", 9.9, 10.1, source="packets", cause="network_loss", track="bob", finding_id="p")
    sure = {}
    for there in (True, False):
        hole, facts = known(there=there, alike=False)
        found = causes.missing_packets(hole, dataclasses.replace(facts, whole=whole(findings=(lost, hole))))
        sure[there] = found.cause_confidence
        assert json.loads(found.evidence)["cause"].get("also_in") == ("b.wav" if there else None)
    assert sure[True] > sure[False]
    assert sure[True] <= 0.97
