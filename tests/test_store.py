import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sound import noise, track

from aqa import channel_tables
from aqa.event_model import TABLES, EventRow
from aqa.model import InputError
from aqa.packed import Packed
from aqa.pipeline import Options, analyze
from aqa.sound_model import Candidates, Series
from aqa.store import Store
from aqa.tables import schema

DEMO = Path(__file__).parent.parent / "data" / "demo"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    analyze([DEMO], Options(data=folder / "data", reports=folder / "reports", jobs=2))
    return Store(folder / "data")


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_table_has_its_declared_columns(store, table):
    assert dict(store.table(table, "demo").schema) == schema(table)


def test_what_is_read_is_what_was_written(store, tmp_path):
    analysis = store.analysis("demo")
    assert analysis.event.event_id == "demo"
    assert [f.name for f in dataclasses.fields(EventRow)] == list(store.table("events", "demo").columns)
    assert len(analysis.peaks_dbfs["mix.flac"]) == pytest.approx(7366, abs=20)
    again = Store(tmp_path)
    again.write(analysis, {})
    assert again.analysis("demo").findings == analysis.findings
    assert again.analysis("demo").seconds == analysis.seconds


def test_a_track_hour_takes_5_mb_or_less(store):
    hours = store.table("recordings", "demo")["duration_s"].sum() / 3600
    size = sum((store.root / table / "demo.parquet").stat().st_size for table in ("series", "runs", "measures"))
    assert size / hours < 5e6


def test_tables_are_sorted(store):
    seconds = store.table("series", "demo")
    assert seconds.equals(seconds.sort("recording", "channel", "second", "hop"))
    assert store.table("findings", "demo")["start_s"].is_sorted()


def test_an_event_is_there_only_with_its_events_file(store, tmp_path):
    assert Store(tmp_path).events() == []
    with pytest.raises(InputError, match="no event 'x'"):
        Store(tmp_path).analysis("x")


def test_a_damaged_table_is_told_with_its_name(tmp_path):
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "x.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(InputError, match=r"x\.parquet: not a readable table"):
        Store(tmp_path).events()
    assert Store(tmp_path).event("x") is None


def test_dtypes_stay_narrow():
    assert schema("series")["level_dbfs"] == pl.Float32


def test_candidates_and_slower_series_are_kept():
    heard = track(noise(0.5))
    heard = dataclasses.replace(
        heard,
        series={"bands": Series(0.02, ("low_db", "high_db"), np.array([[1, 2], [3, np.nan]], np.float32))},
        candidates={"echo": Candidates(np.array([7]), np.array([9]), ("lag_ms",), np.array([[80]], np.float32))},
    )
    runs = channel_tables.runs({"a": [heard]})
    assert runs.select("kind", "start_sample", "end_sample", "columns", "value").rows() == [
        ("echo", 7, 9, "lag_ms", None)
    ]
    assert runs["features"].to_list() == [[80.0]]
    kept = channel_tables.measures({"a": [heard]}).collect()
    assert kept.select("name", "column", "hop_s", "row").rows() == [
        ("bands", "low_db", 0.02, 0),
        ("bands", "high_db", 0.02, 0),
    ]
    assert kept["values"].to_list()[0] == [1.0, 3.0]
    assert dict(kept.schema) == schema("measures")


def test_a_packed_track_is_unpacked_as_it_was():
    heard = dataclasses.replace(track(noise(0.5)), series={"b": Series(0.02, ("x",), np.ones((3, 1), np.uint8))})
    back = Packed.of(heard).unpacked()
    np.testing.assert_array_equal(back.series["b"].values, heard.series["b"].values)
    np.testing.assert_array_equal(back.level_dbfs, heard.level_dbfs)


def test_unlikely_candidates_keep_their_place_only(store):
    runs = store.table("runs", "demo").filter(pl.col("kind") == "dip")
    kept = runs["features"].is_not_null()
    assert 0 < kept.sum() < len(runs) / 4
    assert (kept == runs["columns"].is_not_null()).all()


def test_a_slower_series_is_cut_into_lists():
    values = np.arange(2.0 * (channel_tables.ROWS + 5)).reshape(-1, 2)
    heard = dataclasses.replace(track(noise(0.5)), series={"b": Series(0.02, ("x", "y"), values)})
    kept = channel_tables.measures({"a": [heard]}).collect()
    assert kept.select("column", "row").rows() == [(c, r) for c in "xy" for r in (0, channel_tables.ROWS)]
    np.testing.assert_array_equal(np.concatenate(kept["values"].to_list()[2:]), values[:, 1])
