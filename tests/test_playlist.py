import shutil
import subprocess

import numpy as np
import pytest
from sound import decode, encode

from aqa.detector import registry
from aqa.model import InputError

RATE = 48_000


def playlist(folder, *lines):
    path = folder / "a.m3u8"
    path.write_text("\n".join(["#EXTM3U", "#EXT-X-VERSION:3", *lines, "#EXT-X-ENDLIST"]))
    return path


@pytest.fixture
def folder(tmp_path):
    """Three segments of two seconds each of one MPEG-TS."""
    data = encode(tmp_path / "whole.ts", "aac", seconds=6).read_bytes()
    cuts = [0, len(data) // 3 // 188 * 188, 2 * len(data) // 3 // 188 * 188, len(data)]
    for index in range(3):
        (tmp_path / f"s{index}.ts").write_bytes(data[cuts[index] : cuts[index + 1]])
    return tmp_path


def segments(*names):
    return [line for name in names for line in ("#EXTINF:2.0,", name)]


def test_segments_are_one_recording(folder):
    whole, _ = decode(folder / "whole.ts")
    samples, media = decode(playlist(folder, *segments("s0.ts", "s1.ts", "s2.ts")))
    np.testing.assert_array_equal(samples, whole)
    assert (media.container, media.missing, media.damaged, media.container_duration_s) == ("hls", (), (), 6.0)


def test_a_segment_that_is_not_there_is_missing_media(folder):
    (folder / "s1.ts").unlink()
    samples, media = decode(playlist(folder, *segments("s0.ts", "s1.ts", "s2.ts")))
    (hole,) = media.missing
    assert hole.end_s - hole.start_s == pytest.approx(2.0)
    assert samples.shape[1] / RATE == pytest.approx(6, abs=0.2)


@pytest.mark.parametrize(
    "name",
    [
        "http://127.0.0.1/a.ts",
        "file:///etc/passwd",
        "/etc/passwd",
        "../a.ts",
        "x/../../a.ts",
        "%2e%2e/a.ts",
        "link.ts",
        "concat:s0.ts|s1.ts",
        "..\\a.ts",
    ],
)
def test_nothing_outside_the_folder(folder, name):
    (folder / "link.ts").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match=r"line 4: .*not inside the playlist's folder"):
        decode(playlist(folder, *segments(name)))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('#EXT-X-KEY:METHOD=AES-128,URI="k"', "encrypted"),
        ("#EXT-X-BYTERANGE:1@2", "split"),
        ("#EXT-X-STREAM-INF:BANDWIDTH=1", "other playlists"),
    ],
)
def test_what_is_refused_says_what_to_do(folder, line, says):
    with pytest.raises(InputError, match=says):
        decode(playlist(folder, line, *segments("s0.ts")))


def test_no_segment_at_all(folder):
    for lines in ([], segments("none.ts")):
        with pytest.raises(InputError, match="none of its segments"):
            decode(playlist(folder, *lines))


def test_a_playlist_that_names_itself(folder):
    with pytest.raises(InputError):
        decode(playlist(folder, *segments("a.m3u8")))


def test_fragmented_mp4_with_a_head(tmp_path):
    source = encode(tmp_path / "whole.m4a", "aac", seconds=6)
    options = ["-c", "copy", "-f", "hls", "-hls_time", "2", "-hls_segment_type", "fmp4", "-hls_list_size", "0"]
    command = ["ffmpeg", "-v", "error", "-i", source, *options, tmp_path / "a.m3u8"]
    try:
        subprocess.run(command, check=True, cwd=tmp_path)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("ffmpeg is not installed or has no HLS")
    samples, media = decode(tmp_path / "a.m3u8")
    assert samples.shape[1] / RATE == pytest.approx(6, abs=0.1)
    assert (media.missing, media.damaged) == ((), ())


def test_a_segment_that_is_there_twice_is_named(folder):
    shutil.copy(folder / "s1.ts", folder / "s2.ts")
    damaged = decode(playlist(folder, *segments("s0.ts", "s1.ts", "s2.ts")))[1].damaged
    (hole,) = [hole for hole in damaged if hole.reason == "segment s2.ts repeats s1.ts"]
    assert (hole.start_s, hole.end_s) == (4.0, 6.0)


def test_a_segment_out_of_order_is_named(folder):
    _, media = decode(playlist(folder, *segments("s1.ts", "s0.ts", "s2.ts")))
    reasons = [hole.reason for hole in media.damaged if "out of order" in hole.reason]
    assert len(reasons) == 1
    assert reasons[0].startswith("segment s0.ts is out of order: its times go back by ")


def test_a_discontinuity_may_go_back(folder):
    lines = [*segments("s1.ts"), "#EXT-X-DISCONTINUITY", *segments("s0.ts")]
    assert not any("order" in hole.reason for hole in decode(playlist(folder, *lines))[1].damaged)


def test_lengths_that_the_segments_do_not_hold_are_elided_time(folder):
    lines = [line.replace("2.0", "3.0") for line in segments("s0.ts", "s1.ts", "s2.ts")]
    (found,) = registry()["elided_time"](decode(playlist(folder, *lines))[1])
    assert found.value == pytest.approx(3.0, abs=0.1)
    assert "EXTINF" in found.evidence


def test_segments_that_are_missing_are_named(folder):
    (folder / "s1.ts").unlink()
    (hole,) = decode(playlist(folder, *segments("s0.ts", "s1.ts", "s2.ts")))[1].missing
    assert "s1.ts" in hole.reason


def notes(folder, *lines):
    return decode(playlist(folder, *lines))[1].notes


def test_segments_longer_than_the_target_are_told(folder):
    """RFC 8216 4.3.3.1: rounded to the nearest second, none may be longer; 2.4 s is two."""
    target = "#EXT-X-TARGETDURATION:2"
    fine = ["#EXTINF:2.4,", "s0.ts", "#EXTINF:1.6,", "s1.ts", "#EXTINF:2.0,", "s2.ts"]
    assert notes(folder, target, *fine) == ()
    (note,) = notes(folder, target, "#EXTINF:2.5,", "s0.ts", *segments("s1.ts", "s2.ts"))
    assert note.startswith("1 segments are longer than the target duration of 2 s, most of all s0.ts with 2.5 s")


def test_discontinuities_and_a_missing_end_are_told(folder):
    path = playlist(folder, *segments("s0.ts"), "#EXT-X-DISCONTINUITY", *segments("s1.ts"))
    assert [note[:32] for note in decode(path)[1].notes] == ["the playlist marks 1 discontinui"]
    path.write_text(path.read_text().replace("#EXT-X-ENDLIST", ""))
    assert "no end mark" in decode(path)[1].notes[-1]


def test_a_segment_that_is_named_twice(folder):
    damaged = decode(playlist(folder, *segments("s0.ts", "s1.ts", "s1.ts")))[1].damaged
    assert "segment s1.ts is named twice" in [hole.reason for hole in damaged]


def test_a_gap_that_the_writer_owns_up_to(folder):
    lines = ["#EXTINF:2.0,", "s0.ts", "#EXTINF:2.0,", "#EXT-X-GAP", "s1.ts", "#EXTINF:2.0,", "s2.ts"]
    (hole,) = decode(playlist(folder, *lines))[1].missing
    assert hole.end_s - hole.start_s == pytest.approx(2.0)


@pytest.mark.parametrize("lacks_s", [0.0, 0.3, 12.5])
def test_dates_tell_what_lacks_over_a_discontinuity(folder, lacks_s):
    first = "#EXT-X-PROGRAM-DATE-TIME:2023-05-24T22:00:00.000Z"
    second = f"#EXT-X-PROGRAM-DATE-TIME:2023-05-24T22:00:{2 + lacks_s:06.3f}+00:00"
    lines = [first, *segments("s0.ts"), "#EXT-X-DISCONTINUITY", second, *segments("s1.ts")]
    samples, media = decode(playlist(folder, *lines))
    assert media.start_ns == 1_684_965_600 * 10**9
    assert len(media.missing) == (lacks_s > 0.5)
    if media.missing:
        (hole,) = media.missing
        assert (hole.start_s, hole.end_s) == (pytest.approx(2, abs=0.15), pytest.approx(2 + lacks_s, abs=0.001))
        assert samples.shape[1] / RATE == pytest.approx(4 + lacks_s, abs=0.2)
