import dataclasses
import json

import dumps
import numpy as np
import pytest

from aqa.detector import registry
from aqa.detectors.concealed_audio import Settings

concealed_audio = registry()["concealed_audio"]
CLEAN = [0.0] * 10


def test_a_hit_spans_its_polls_and_says_what_was_counted():
    track = dumps.talk([*CLEAN, 0.3, 0.3, *CLEAN])
    (found,) = concealed_audio(track)
    assert (found.start_s, found.end_s) == (10.0, 12.0)
    assert (found.value, found.unit, found.severity) == (pytest.approx(30.0), "%", "critical")
    assert (found.stream, found.log) == ("0x00001234", "dump")
    facts = json.loads(found.evidence)
    assert facts["made_up_s"] == pytest.approx(0.6)
    assert facts["before"]["concealed_samples"] == 0
    assert facts["after"]["concealed_samples"] == pytest.approx(0.6 * 48_000)
    assert facts["polling_period_s"] == 1.0
    assert facts["listener"] == "dora"


def test_a_near_miss_is_400_ms_less_what_is_allowed():
    assert concealed_audio(dumps.talk([*CLEAN, 0.44, *CLEAN])) == []
    assert len(concealed_audio(dumps.talk([*CLEAN, 0.46, *CLEAN]))) == 1


@pytest.mark.parametrize(("share", "severity"), [(0.06, "minor"), (0.08, "major"), (0.21, "critical")])
def test_its_share_is_its_severity(share, severity):
    (found,) = concealed_audio(dumps.talk([share] * 60))
    assert found.severity == severity


def test_silent_concealment_is_no_finding():
    assert concealed_audio(dumps.talk(CLEAN * 3, silent=0.95)) == []


def test_without_a_count_of_silent_samples_nothing_is_judged():
    track = dumps.talk([0.5] * 20)
    columns = {name: values for name, values in track.columns.items() if name != "silent_concealed_samples"}
    assert concealed_audio(dataclasses.replace(track, columns=columns)) == []


def test_a_restart_of_the_counters_is_not_judged():
    one = dumps.talk([0.0] * 5)
    columns = {name: np.concatenate([values + 1e6, values]) for name, values in one.columns.items()}
    assert concealed_audio(dumps.track(**columns)) == []


def test_what_is_sent_or_played_out_is_not_looked_at():
    track = dumps.talk([0.5] * 20)
    assert concealed_audio(dataclasses.replace(track, direction="sent")) == []
    assert concealed_audio(dataclasses.replace(track, direction="playout")) == []


class TestCause:
    def cause(self, **columns):
        (found,) = concealed_audio(dumps.talk([0.0, 0.3, 0.3, 0.0], **columns))
        return found.cause, found.cause_confidence

    def test_packets_lost_that_cover_it(self):
        assert self.cause(lost=[0, 15, 15, 0]) == ("network_loss", 0.8)

    def test_packets_lost_that_cover_little_of_it(self):
        assert self.cause(lost=[0, 1, 0, 0]) == ("network_loss", 0.5)

    def test_packets_lost_elsewhere_say_nothing(self):
        assert self.cause(lost=[9, 0, 0, 9]) == ("not_measurable", None)

    def test_packets_thrown_away_came_too_late(self):
        assert self.cause(packets_discarded=[0, 0, 7, 14, 14]) == ("late_arrival", 0.7)

    @pytest.mark.parametrize(("ms", "cause"), [(10, "not_measurable"), (60, "late_arrival")])
    def test_a_buffer_that_grew_was_late_packets(self, ms, cause):
        emitted = np.arange(5) * 48_000.0
        waited = np.array([0, 0.06, 0.06 + ms / 1000, 0.06 + ms / 1000, 0.06])
        delay = np.cumsum(waited * 48_000)
        assert self.cause(buffer_emitted=emitted, buffer_delay_s=delay)[0] == cause


def test_the_edge_is_a_setting():
    track = dumps.talk([*CLEAN, 0.44, *CLEAN])
    assert len(concealed_audio(track, Settings(opens_ms=300.0))) == 1
    assert concealed_audio(dumps.talk([0.3] * 9), Settings(allowed_pct=31.0)) == []
