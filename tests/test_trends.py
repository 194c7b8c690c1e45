import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqa import trends
from aqa.event_model import Analysis, EventRow
from aqa.model import Finding
from aqa.settings import Settings
from aqa.store import Store
from aqa.stream_model import StreamRow


def event(name, start, *, impaired=1, speech=1000, recordings=1, streams=0):
    return EventRow(
        event_id=name,
        title=name,
        start_utc=start,
        duration_s=3600.0,
        status="good",
        verdict="",
        recordings=recordings,
        streams=streams,
        findings=1,
        audio_hours=1.0,
        speaker_hours=0.5,
        impaired_seconds=impaired if recordings else None,
        severely_impaired_seconds=0 if recordings else None,
        speech_seconds=speech if recordings else None,
        fingerprint=name,
        settings=Settings().text(),
    )


def put(store, row, *, streams=(), kinds=("dropout",)):
    findings = tuple(Finding(event_id=row.event_id, kind=kind, start_s=0.0, end_s=1.0) for kind in kinds)
    store.write(Analysis(row, (), streams, findings, (), {}), {})


def stream(expected, lost, jitter):
    place = {"log": "a.pcap", "ssrc": "0x00000001", "src": "a", "dst": "b", "payload_type": 111}
    return StreamRow(
        **place, packets=expected - lost, expected=expected, lost=lost, loss_pct=0.0, duplicates=0, reordered=0,
        first_s=0.0, last_s=1.0, jitter_mean_ms=jitter,
    )  # fmt: skip


def weeks(store, shares):
    for i, impaired in enumerate(shares):
        put(
            store, event(f"e{i:02d}", f"2026-{1 + i // 4:02d}-{1 + 7 * (i % 4):02d}T10:00:00.000Z", impaired=impaired)
        )
    return trends.trend_rows(store)


@pytest.mark.parametrize(
    ("start", "week", "day", "month"),
    [
        ("2023-05-24T22:00:00.000Z", "2023-W21", "2023-05-24", "2023-05"),
        ("2027-01-01T00:00:00.000Z", "2026-W53", "2027-01-01", "2027-01"),  # ISO 8601 weeks at the year's end
        (None, "undated", "undated", "undated"),
    ],
)
def test_periods(start, week, day, month):
    assert [trends.period_of(start, period) for period in ("week", "day", "month")] == [week, day, month]


def test_counts_and_rates_go_with_their_exposure(tmp_path):
    store = Store(tmp_path)
    put(store, event("a", "2026-03-02T10:00:00.000Z"), kinds=("dropout", "dropout", "silence"))
    put(store, event("b", "2026-03-03T10:00:00.000Z", streams=1), streams=(stream(1000, 30, 4.0),))
    (row,) = trends.trend_rows(store)
    assert (row["period"], row["events"], row["speaker_hours"]) == ("2026-W10", 2, 1.0)
    assert (row["dropout"], row["dropout_per_speaker_hour"]) == (3, 3.0)
    assert (row["packets_expected"], row["loss_pct"], row["jitter_p95_ms"]) == (1000, 3.0, 4.0)
    assert row["impaired_seconds_pct"] == 0.1
    assert row["signal"] is None


def test_made_up_sound_and_mos_are_those_of_the_streams_where_they_were_measured(tmp_path):
    store = Store(tmp_path)
    heard = dataclasses.replace(stream(1000, 0, 4.0), concealed_s=1.0, played_s=19.0, mos_estimated=4.0)
    other = dataclasses.replace(stream(1000, 0, 4.0), concealed_s=0.0, played_s=80.0, mos_estimated=3.0)
    put(store, event("a", "2026-03-02T10:00:00.000Z", streams=3), streams=(heard, other, stream(1000, 0, 4.0)))
    (row,) = trends.trend_rows(store)
    assert (row["concealed_pct"], row["mos_estimated_p50"]) == (1.0, 3.5)
    put(store, event("b", "2026-04-02T10:00:00.000Z", streams=1), streams=(stream(1000, 0, 4.0),))
    assert trends.trend_rows(store)[1]["concealed_pct"] is None


def test_not_measured_is_never_zero(tmp_path):
    store = Store(tmp_path)
    put(store, event("a", None, recordings=0), kinds=())
    (row,) = trends.trend_rows(store)
    assert row["period"] == "undated"
    assert row["impaired_seconds_pct"] is None
    assert row["loss_pct"] is None
    assert row["dropout"] is None
    assert row["loss"] is None


def test_eleven_weeks_give_no_limits_and_twelve_do(tmp_path):
    assert all(row["centre"] is None for row in weeks(Store(tmp_path / "a"), [5, 6] * 5 + [5]))
    assert all(row["upper_limit"] > row["centre"] for row in weeks(Store(tmp_path / "b"), [5, 6, 9, 4] * 3))


def test_a_week_that_stands_out_and_a_lasting_change(tmp_path):
    rows = weeks(Store(tmp_path), [5, 6, 4, 5, 7, 5, 4, 6, 5, 6, 5, 4, 60])
    assert [row["signal"] for row in rows] == [None] * 12 + ["above"]
    rows = weeks(Store(tmp_path / "x"), [5, 6, 4, 5, 7, 5, 4, 6, 5, 6, 5, 4] + [6, 7] * 4)
    assert "8 in a row above" in (rows[-1]["signal"] or "")


@given(st.lists(st.integers(0, 1000), min_size=12, max_size=20))
def test_limits_are_around_the_centre_and_within_percent(shares):
    rows = [{"period": f"{i}", "impaired_seconds_pct": share / 10} for i, share in enumerate(shares)]
    trends._judge(rows, [1000] * len(rows))
    for row in rows:
        assert 0 <= row["lower_limit"] <= row["centre"] <= row["upper_limit"] <= 100
