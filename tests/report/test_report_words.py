import pytest
from report_builder import BAD, analysis, dropout, event, events, explained, loss, recording

from aqa.model import CAUSES, KINDS
from aqa.report import facts, verdict, words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.48, "480 ms"),
        (0.0051, "5.1 ms"),
        (4.2, "4.2 s"),
        (59.9, "59.9 s"),
        (105, "1 min 45 s"),
        (3720, "1 h 02 min"),
    ],
)
def test_lengths(seconds, text):
    assert words.length(seconds).replace(words.NBSP, " ") == text


@pytest.mark.parametrize(
    ("confidence", "text"),
    [
        (0.97, "almost certainly (0.97)"),
        (0.8, "very likely (0.80)"),
        (0.6, "likely (0.60)"),
        (0.4, "possibly (0.40)"),
    ],
)
def test_certainty_has_its_number(confidence, text):
    assert words.certainty(confidence) == text


def test_numbers():
    assert words.number(-1234.5, 1, "dB") == f"{words.MINUS}1,234.5{words.NBSP}dB"
    assert words.number(None) == "not measured"
    assert words.number(0.0, 0) == "0"  # zero is a measurement


def test_times():
    made = analysis()
    assert words.moment(made, 700.12, milliseconds=True) == "09:11:40.120"
    assert words.event_time(700.12, milliseconds=True) == "00:11:40.120"
    assert words.moment(events()["no clock"], 700.12) == "00:11:40"


def test_every_kind_and_cause_has_its_words():
    assert sorted(words.LETTERS) == sorted(kind for kinds in KINDS.values() for kind in kinds)
    assert len(set(words.LETTERS.values())) == len(words.LETTERS)
    assert sorted(words.CAUSES) == sorted(CAUSES)


@pytest.mark.parametrize(
    ("name", "status", "sentence"),
    [
        ("bad", "bad", "bob's speech was cut out for 1.5 s at 09:01:40."),
        ("clean", "good", "Nothing wrong was heard in 10 min 0 s of monday."),
        ("no packets", "bad", "Speech in the mix was cut out for 1.5 s at 09:01:40."),
        (
            "unreadable",
            "not_measured",
            "Nothing can be said about the sound: the only recording is unreadable. "
            "Packets of the only stream arrived without a fault.",
        ),
        ("packets only", "not_measured", "Nothing was recorded. 75 packets of bob did not arrive."),
        ("no clock", "bad", "Speech in the mix was cut out for 1.5 s at 00:01:40 (event time)."),
        ("empty", "not_measured", "Nothing was recorded."),
    ],
)
def test_the_verdict(name, status, sentence):
    made = events()[name].event
    assert made.status == status
    plain = made.verdict.replace(words.NBSP, " ").replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    assert plain == sentence
    assert len(plain.split()) <= 30


def test_little_recorded_is_never_good():
    made = analysis(recordings=[recording(duration_s=120.0)])
    assert made.event.status == "not_measured"
    assert "the rest was not measured" in made.event.verdict


def test_intended_silence_is_no_fault():
    made = analysis(findings=(dropout(cause="intended"),))
    assert made.event.status == "good"
    assert verdict.faults(made) == []


def test_within_the_budget_is_good_and_a_critical_hole_is_not():
    minor = dropout(length=0.02, severity="minor")
    assert analysis(event(impaired_seconds=1), findings=(minor,)).event.status == "good"
    assert analysis(event(impaired_seconds=1), findings=(dropout(),)).event.status == "bad"


def test_the_facts_name_cause_certainty_remedy_and_formula():
    told = {fact.label: fact.text for fact in facts.facts(analysis(event(**BAD), findings=(loss(), explained())))}
    assert told["Why"].startswith("Very likely (0.93) packets were lost on the network")
    assert "not measured" in told["How long, who"]  # listeners
    assert told["Do first"].endswith(".")
    assert "impaired-seconds/2" in told["Budget"]
    assert "3 are allowed" in told["Budget"]


def test_no_cause_is_named_without_evidence():
    told = {fact.label: fact.text for fact in facts.facts(events()["no packets"])}
    assert told["Why"].startswith("Not measurable: there is no packet log, so network, server and device can")
