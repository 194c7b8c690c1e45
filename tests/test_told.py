import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from wholes import complaint, series, whole

from aqa.told import MOST_POINTS, history_rows, thinned
from aqa.whole import Values


@given(arrays(np.float64, st.integers(0, 300), elements=st.integers(-9, 9).map(float)), st.integers(4, 100))
def test_a_thinned_series_keeps_its_ends_and_its_extremes(value, most):
    kept = thinned(Values(np.arange(len(value), dtype=float), value), most)
    assert len(kept) <= max(most, 4)
    assert np.all(np.diff(kept) > 0)
    if len(value):
        assert {kept[0], kept[-1]} == {0, len(value) - 1}
        assert (value[kept].min(), value[kept].max()) == (value.min(), value.max())


def test_all_that_was_told_of_an_event_becomes_rows():
    long = Values(np.arange(10_000, dtype=float), np.sin(np.arange(10_000)))
    rows = history_rows(
        whole(
            listeners={"r1": series((0, 5), (10, 9)), "": series((3, 1))},
            load={("sfu-1", "cpu_pct"): long},
            complaints=[complaint(12.5, "u1", text="choppy")],
            operator=[complaint(20, "op", kind="", room="", text="restarted")],
        )
    )
    told = [(row.series, row.place, row.time_s, row.value) for row in rows if row.series == "listeners"]
    assert told == [("listeners", None, 3, 1), ("listeners", "r1", 0, 5), ("listeners", "r1", 10, 9)]
    assert 1900 <= sum(row.series == "load" for row in rows) <= MOST_POINTS
    said = [(row.series, row.place, row.time_s, row.who, row.kind, row.text) for row in rows if row.text]
    assert said == [
        ("complaint", "r1", 12.5, "u1", "bad_audio", "choppy"), ("operator", None, 20, "op", None, "restarted"),
    ]  # fmt: skip
    assert history_rows(whole()) == ()
