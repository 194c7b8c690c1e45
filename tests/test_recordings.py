import gzip
import os
import struct

import dumps
import numpy as np
import pytest
import soundfile

from aqa.model import InputError
from aqa.recordings import MARKER, discover

PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)


def wav(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(800), 8000)


def pcap(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PCAP)


def shape(events):
    return {event.event_id: (event.recordings, event.logs) for event in events}


def test_a_folder_is_an_event_and_loose_files_go_by_stem(tmp_path):
    wav(tmp_path / "launch" / "mix.wav")
    pcap(tmp_path / "launch" / "logs" / "room.pcap")
    wav(tmp_path / "standup.wav")
    pcap(tmp_path / "standup.pcap")
    wav(tmp_path / "other.wav")
    assert shape(discover([tmp_path])) == {
        "launch": (["mix.wav"], ["logs/room.pcap"]),
        "other": (["other.wav"], []),
        "standup": (["standup.wav"], ["standup.pcap"]),
    }


def test_folders_of_folders_are_looked_into(tmp_path):
    wav(tmp_path / "2026" / "w21" / "a" / "mix.wav")
    assert list(shape(discover([tmp_path]))) == ["a"]


def test_a_folder_with_event_toml_is_one_event_when_named_itself(tmp_path):
    wav(tmp_path / "a.wav")
    wav(tmp_path / "b.wav")
    (tmp_path / "event.toml").write_text('[event]\nid = "x"')
    assert shape(discover([tmp_path])) == {"x": (["a.wav", "b.wav"], [])}


def test_stats_are_told_by_content_with_any_suffix_or_none(tmp_path):
    folder = tmp_path / "e"
    folder.mkdir()
    dump = dumps.jitsi(dumps.call(1))
    for name in ("59c86272-03ea", "a.json", "b.jsonl", "c.log", "d.txt", "e.json.gz"):
        (folder / name).write_bytes(gzip.compress(dump) if name.endswith(".gz") else dump)
    (folder / "room.json").write_text('{"streams": []}')
    (event,) = discover([tmp_path])
    assert event.stats == ["59c86272-03ea", "a.json", "b.jsonl", "c.log", "d.txt", "e.json.gz"]
    assert (event.recordings, event.logs, event.others) == ([], [], ["room.json"])


def test_a_loose_dump_belongs_to_the_recording_of_its_stem(tmp_path):
    wav(tmp_path / "standup.wav")
    (tmp_path / "standup.jsonl").write_bytes(dumps.rtcstats(dumps.call(1)))
    (tmp_path / "alone").write_bytes(dumps.internals(dumps.call(1)))
    found = {event.event_id: (event.recordings, event.stats) for event in discover([tmp_path])}
    assert found == {"standup": (["standup.wav"], ["standup.jsonl"]), "alone": ([], ["alone"])}


def test_files_are_told_by_content(tmp_path):
    wav(tmp_path / "e" / "sound.wav")
    (tmp_path / "e" / "sound.wav").rename(tmp_path / "e" / "sound.pcap")
    pcap(tmp_path / "e" / "log.wav")
    (tmp_path / "e" / "notes.txt").write_text("hello")
    assert shape(discover([tmp_path])) == {"e": (["sound.pcap"], ["log.wav"])}


def test_a_name_shows_what_was_meant(tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "empty.pcap").touch()
    (tmp_path / "text.opus").write_text("not sound")
    assert shape(discover([tmp_path])) == {"empty": (["empty.wav"], ["empty.pcap"]), "text": (["text.opus"], [])}


def test_output_folders_are_never_read(tmp_path):
    wav(tmp_path / "e" / "mix.wav")
    wav(tmp_path / "reports" / "e" / "clips" / "1.wav")
    wav(tmp_path / "older" / "e" / "clips" / "1.wav")
    (tmp_path / "older" / MARKER).touch()
    found = discover([tmp_path], [tmp_path / "data", tmp_path / "reports"])
    assert [event.root.name for event in found] == ["e"]


def test_symlinks_lead_nowhere_outside(tmp_path):
    wav(tmp_path / "outside" / "x.wav")
    wav(tmp_path / "in" / "e" / "mix.wav")
    (tmp_path / "in" / "e" / "x.wav").symlink_to(tmp_path / "outside" / "x.wav")
    (tmp_path / "in" / "e" / "loop").symlink_to(tmp_path / "in")
    assert shape(discover([tmp_path / "in"])) == {"e": (["mix.wav"], [])}


def test_no_device_or_pipe_is_opened(tmp_path):
    wav(tmp_path / "e" / "mix.wav")
    os.mkfifo(tmp_path / "e" / "pipe.wav")
    assert shape(discover([tmp_path])) == {"e": (["mix.wav"], [])}


def test_equal_names_in_two_folders_stay_two_events(tmp_path):
    wav(tmp_path / "w1" / "room" / "mix.wav")
    wav(tmp_path / "w2" / "room" / "mix.wav")
    assert list(shape(discover([tmp_path]))) == ["w1-room", "w2-room"]


def test_a_wrong_event_toml_costs_its_own_event(tmp_path):
    wav(tmp_path / "bad" / "mix.wav")
    (tmp_path / "bad" / "event.toml").write_text("[evnt]")
    wav(tmp_path / "good" / "mix.wav")
    bad, good = discover([tmp_path])
    assert "evnt" in bad.error
    assert good.error is None


def test_segments_of_a_playlist_are_no_recordings_of_their_own(tmp_path):
    wav(tmp_path / "e" / "seg0.wav")
    (tmp_path / "e" / "live.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nseg0.wav\n")
    (event,) = discover([tmp_path])
    assert event.recordings == ["live.m3u8"]
    assert "seg0.wav" in event.files


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        discover([tmp_path / "nothing"])


@pytest.mark.parametrize(("names", "track"), [('[participants."bob"]\n', "bob"), ("", "mix")])
def test_a_recording_named_after_a_participant_is_that_track(tmp_path, names, track):
    wav(tmp_path / "e" / "bob.wav")
    (tmp_path / "e" / "event.toml").write_text(names)
    (event,) = discover([tmp_path])
    assert event.track_name("bob.wav") == track
