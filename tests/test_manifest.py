import pytest

from aqa.manifest import read_manifest, safe_id
from aqa.model import InputError

FULL = """
[event]
id = "2023-05-24-launch"
title = "Launch night"
scheduled_start = 2023-05-24T22:00:00Z
[[rooms]]
id = "room-1"
opened = 2023-05-24T21:58:00Z
closed = 2023-05-24T22:21:00Z
[[recordings]]
path = "room-1-mix.opus"
room = "room-1"
track = "mix"
start = 2023-05-24T21:58:02Z
recorder = "egress"
intended_audio = true
[[packet_logs]]
path = "room-1.pcap"
room = "room-1"
vantage = "recorder"
clock_offset_s = 0.0
[participants.alice]
ssrc = ["0x1000"]
region = "eu-west"
node = "sfu-3"
[codecs]
111 = "opus/48000/2"
"""


def manifest(folder, text, files=()):
    path = folder / "event.toml"
    path.write_text(text)
    for name in files:
        (folder / name).touch()
    return read_manifest(path)


def test_everything_of_the_interface_is_read(tmp_path):
    found = manifest(tmp_path, FULL, ["room-1-mix.opus", "room-1.pcap"])
    assert found.event.id == "2023-05-24-launch"
    assert found.recordings[0].start.isoformat() == "2023-05-24T21:58:02+00:00"
    assert found.participant_of(0x1000) == "alice"
    assert found.participant_of(0x1001) is None
    assert found.codecs == {111: "opus/48000/2"}


def test_an_empty_file_is_all_defaults(tmp_path):
    assert manifest(tmp_path, "").event.id is None


def test_all_mistakes_are_told_at_once_with_file_key_and_value(tmp_path):
    text = """
    titel = "x"
    [event]
    id = "../up"
    scheduled_start = 2023-05-24T22:00:00
    [[packet_logs]]
    path = "/etc/passwd"
    vantage = "somewhere"
    [participants.bob]
    ssrc = ["0x1ffffffff"]
    [codecs]
    300 = "opus"
    """
    with pytest.raises(InputError) as caught:
        manifest(tmp_path, text)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(str(tmp_path / "event.toml")) for line in lines)
    for key in ("titel", "event.id", "event.scheduled_start", "path", "vantage", "participants.bob.ssrc", "codecs"):
        assert any(key in line for line in lines), key
    assert any("'../up'" in line for line in lines)


@pytest.mark.parametrize("path", ["../x.wav", "/x.wav", ""])
def test_paths_stay_inside_the_event(tmp_path, path):
    with pytest.raises(InputError, match="inside the event's folder"):
        manifest(tmp_path, f'[[recordings]]\npath = "{path}"')


def test_a_named_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match=r"mix\.wav.*no such file"):
        manifest(tmp_path, '[[recordings]]\npath = "mix.wav"')


@pytest.mark.parametrize("text", ["[event", "\x00", "a = 1\na = 2"])
def test_no_toml(tmp_path, text):
    with pytest.raises(InputError, match="not TOML"):
        manifest(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "safe"), [("launch", "launch"), ("a b/c", "a_b_c"), ("..", "event"), ("", "event"), ("näher", "näher")]
)
def test_safe_id(name, safe):
    assert safe_id(name) == safe
