import json

import pytest

from aqa.emodel import Row
from aqa.model import InputError
from aqa.playout import Buffer
from aqa.settings import Settings, read_settings


def read(tmp_path, text):
    path = tmp_path / "aqa.toml"
    path.write_text(text)
    return read_settings(path)


def test_the_example_of_the_interface(tmp_path):
    found = read(
        tmp_path,
        """
        [detectors]
        off = ["hum"]
        [detectors.silence]
        min_duration_s = 3.0
        [playout]
        model = "fixed"
        delay_ms = 60
        """,
    )
    assert found.off == {"hum"}
    assert found.detectors["silence"].min_duration_s == 3.0
    assert found.overrides() == {
        "detectors": {"off": ["hum"], "silence": {"min_duration_s": 3.0}},
        "playout": {"model": "fixed"},
    }


def test_a_row_of_the_e_model_and_the_buffer(tmp_path):
    text = """
        [playout]
        preset = "neteq-2019"
        [emodel.rows.Opus]
        ie = 5.0
        bpl = 20.0
        scale = "FB"
        source = "our lab"
        """
    found = read(tmp_path, text)
    assert found.playout.buffer() == Buffer("adaptive", 60.0, "neteq-2019")
    assert found.emodel.codec_rows() == {"opus": Row("Opus (our lab)", "FB", 5.0, 20.0)}
    assert json.loads(found.text())["emodel"]["rows"]["Opus"]["source"] == "our lab"


def test_off_switches_a_detector_off(tmp_path):
    assert "silence" not in [d.kind for d in read(tmp_path, '[detectors]\noff = ["silence"]').active()]


def test_no_file_is_all_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_settings(None) == Settings()
    assert Settings().overrides() == {}


def test_the_defaults_written_out_are_the_defaults(tmp_path):
    assert read(tmp_path, "").text() == Settings().text()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[detectors.silnce]", "silnce"),
        ("[detectors.silence]\nmin_s = 1", "min_s"),
        ('[detectors.silence]\nmin_duration_s = "long"', "min_duration_s"),
        ('[detectors]\noff = ["humm"]', "humm"),
        ('[playout]\nmodel = "clever"', "playout.model"),
        ("[playout]\ndelay_ms = -1", "playout.delay_ms"),
        ('[playout]\npreset = "neteq-1999"', "playout.preset"),
        ("[emodel.rows.opus]\nie = 5", "emodel.rows.opus.bpl"),
    ],
)
def test_mistakes_name_the_key(tmp_path, text, named):
    with pytest.raises(InputError, match=named):
        read(tmp_path, text)


def test_a_settings_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none\.toml: can't be read"):
        read_settings(tmp_path / "none.toml")
