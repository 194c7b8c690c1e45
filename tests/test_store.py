import dataclasses
from pathlib import Path

import polars as pl
import pytest

from aqa.model import TABLES, EventRow, InputError
from aqa.pipeline import Options, analyze
from aqa.store import Store, schema

DEMO = Path(__file__).parent.parent / "data" / "demo"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    analyze([DEMO], Options(data=folder / "data", reports=folder / "reports", jobs=2))
    return Store(folder / "data")


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_table_has_its_declared_columns(store, table):
    assert dict(store.table(table, "demo").schema) == schema(table)


def test_what_is_read_is_what_was_written(store):
    analysis = store.analysis("demo")
    assert analysis.event.event_id == "demo"
    assert [f.name for f in dataclasses.fields(EventRow)] == list(store.table("events", "demo").columns)
    assert len(analysis.peaks_dbfs["mix.flac"]) == pytest.approx(7366, abs=20)
    again = Store(store.root)
    again.write(analysis, {})
    assert again.analysis("demo").findings == analysis.findings
    assert again.analysis("demo").seconds == analysis.seconds


def test_a_track_hour_takes_5_mb_or_less(store):
    hours = store.table("recordings", "demo")["duration_s"].sum() / 3600
    size = sum((store.root / table / "demo.parquet").stat().st_size for table in ("series", "runs"))
    assert size / hours < 5e6


def test_tables_are_sorted(store):
    seconds = store.table("series", "demo")
    assert seconds.equals(seconds.sort("recording", "channel", "hop"))
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
