import pytest

from aqa.history import read_history
from aqa.pipeline import Options, analyze


def read(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_history(folder, [f"{name}.csv" for name in files])


def test_each_series_is_read_in_order_of_time(tmp_path):
    found = read(
        tmp_path,
        listeners="time,room,listeners\n2023-05-24T22:00:10Z,r1,20\n2023-05-24T22:00:00.5Z,r1,10\n",
        load="time,node,metric,value\n2023-05-24T22:00:00+02:00,sfu-1,cpu_pct,31.5\n",
        feedback='time,room,user,kind,text\n2023-05-24T22:00:00Z,r1,u1,echo,"I hear, twice"\n',
        operator="time,who,text\n2023-05-24T22:00:00Z,kim,restart\n",
    )
    assert [point.value for point in found.listeners] == [10, 20]
    assert (found.load[0].time_ns, found.load[0].where, found.load[0].metric) == (
        1684958400 * 10**9,
        "sfu-1",
        "cpu_pct",
    )
    assert (found.feedback[0].who, found.feedback[0].kind, found.feedback[0].text) == ("u1", "echo", "I hear, twice")
    assert found.operator[0].text == "restart"
    assert found.problems == {}


def test_what_is_not_there_is_not_empty(tmp_path):
    found = read_history(tmp_path, [])
    assert (found.listeners, found.load, found.feedback, found.operator) == (None, None, None, None)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("yesterday,r1,5", "listeners.csv: line 3: time = 'yesterday' is not an RFC 3339 time"),
        ("2023-05-24T22:00:00,r1,5", "line 3: time"),  # no zone
        ("2023-05-24T25:00:00Z,r1,5", "line 3: time"),
        ("2023-05-24T22:00:00Z,r1,many", "listeners.csv: line 3: listeners = 'many' is not a number"),
        ("2023-05-24T22:00:00Z,r1,-1", "line 3: listeners"),
        ("2023-05-24T22:00:00Z,r1,nan", "line 3: listeners"),
        ("2023-05-24T22:00:00Z,r1,1e999", "line 3: listeners"),
        ("2023-05-24T22:00:00Z", "line 3: listeners"),
    ],
)
def test_a_line_that_cant_be_read_costs_itself_and_names_its_place(tmp_path, row, said):
    good = "2023-05-24T22:00:00Z,r1,7"
    found = read(tmp_path, listeners=f"time,room,listeners\n{good}\n{row}\n\n{good}\n")
    assert [point.value for point in found.listeners] == [7, 7]
    assert said in found.problems["listeners.csv"]


def test_a_file_without_its_columns_says_what_they_are(tmp_path):
    found = read(tmp_path, load="when,what\n1,2\n")
    assert "load.csv: line 1: no column 'time'; the header is time,node,metric,value" in found.problems["load.csv"]
    assert found.load == []


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe\x00", b'time,listeners\n"2023', b"\xef\xbb\xbftime,listeners\n"])
def test_hostile_files_raise_nothing(tmp_path, raw):
    found = read(tmp_path, listeners=raw)
    assert found.listeners == []


def test_many_wrong_lines_are_counted(tmp_path):
    found = read(tmp_path, operator="time,text\n" + "x,y\n" * 50)
    assert found.problems["operator.csv"].endswith("and 47 more lines")


def test_a_wrong_series_costs_only_itself(tmp_path):
    root = tmp_path / "in"
    (root / "night").mkdir(parents=True)
    (root / "night" / "event.toml").write_text("")
    (root / "night" / "listeners.csv").write_text("time,room,listeners\n2023-05-24T22:00:00Z,r1,many\n")
    done = analyze([root], Options(data=tmp_path / "data", reports=tmp_path / "reports"))
    assert done.analysed == ["night"]
    assert len(done.problems) == 1
    assert "listeners.csv: line 2: listeners = 'many' is not a number" in done.problems[0]
