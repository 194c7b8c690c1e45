"""What containers tell of themselves: chains, ends that are no ends, checksums. Files are built, then broken."""

import re
import shutil
import subprocess

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from sound import decode, encode, noise, tone

from aqa.ends import adts_bytes, mpeg_bytes
from aqa.flac import damaged_frames
from aqa.model import InputError
from aqa.ogg import links, pages

RATE = 48_000
KINDS = {
    "opus": ("libopus", 48_000, "mono"), "opus2": ("libopus", 48_000, "stereo"),
    "flac": ("flac", 48_000, "mono"), "flac44": ("flac", 44_100, "mono"), "flac2": ("flac", 48_000, "stereo"),
}  # fmt: skip


def ogg(path, kind, hertz, seconds=3):
    """A tone as Ogg; its bytes."""
    codec, rate, layout = KINDS[kind]
    x, count = tone(seconds, rate, hertz), 2 if layout == "stereo" else 1
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        for at in range(0, len(x), 960):
            wave = np.stack([x[at : at + 960]] * count, axis=1).reshape(1, -1)
            data, kept = (wave, "flt") if codec == "libopus" else ((wave * 32767).astype(np.int16), "s16")
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=kept, layout=layout)
            frame.sample_rate, frame.pts = rate, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


def hertz_at(samples, rate, at_s):
    part = samples[round(at_s * rate) : round((at_s + 0.2) * rate)]
    return float(np.argmax(np.abs(np.fft.rfft(part * np.hanning(len(part)))))) * rate / len(part)


@pytest.mark.parametrize(
    ("one", "other"),
    [("opus", "opus"), ("opus", "opus2"), ("opus2", "opus"), ("flac", "flac44"), ("flac44", "opus2"),
     ("flac", "opus"), ("flac2", "flac")],
)  # fmt: skip
def test_a_chain_is_followed_to_its_end(tmp_path, one, other):
    """Nothing is lost where rate, channels or codec change: both tones at their places, equally loud, no fault."""
    path = tmp_path / "c.ogg"
    path.write_bytes(ogg(tmp_path / "a", one, 400) + ogg(tmp_path / "b", other, 1000))
    samples, media = decode(path)
    rate = KINDS[one][1]
    assert (media.sample_rate_hz, media.channels) == (rate, 2 if one.endswith("2") else 1)
    assert (media.missing, media.damaged) == ((), ())
    assert samples.shape[1] / rate == pytest.approx(6, abs=0.02)
    assert hertz_at(samples[0], rate, 1.5) == pytest.approx(400, abs=5)
    assert hertz_at(samples[0], rate, 4.5) == pytest.approx(1000, abs=5)
    for channel in samples:
        first, last = (np.std(channel[round(a * rate) : round((a + 1) * rate)]) for a in (1, 4))
        assert 20 * np.log10(last / first) == pytest.approx(0, abs=0.3)
    assert media.notes[0] == "a chain of 2 files in one"
    changes = [note for note in media.notes if "format changes" in note]
    assert len(changes) == (one != other)
    if changes:
        assert float(re.search(r"at ([\d.]+) s", changes[0])[1]) == pytest.approx(3, abs=0.02)


def test_a_hole_in_a_later_link_is_placed_on_the_whole_time_line(tmp_path):
    hole = encode(tmp_path / "b.ogg", "libopus", seconds=10, drop=lambda index: 200 <= index < 300)
    path = tmp_path / "c.ogg"
    path.write_bytes(ogg(tmp_path / "a", "flac", 400) + hole.read_bytes())
    (found,) = decode(path)[1].missing
    assert (found.start_s, found.end_s) == (pytest.approx(7, abs=0.03), pytest.approx(9, abs=0.03))


def test_a_link_that_can_not_be_decoded_costs_itself(tmp_path):
    middle = bytearray(ogg(tmp_path / "b", "opus", 700))
    middle[28:36] = b"NotOpus!"
    path = tmp_path / "c.ogg"
    path.write_bytes(ogg(tmp_path / "a", "opus", 400) + bytes(middle) + ogg(tmp_path / "d", "opus", 1000))
    samples, media = decode(path)
    (hole,) = media.damaged
    assert hole.start_s == pytest.approx(3, abs=0.02) and "link of the chain" in hole.reason
    assert hertz_at(samples[0], RATE, 4.5) == pytest.approx(1000, abs=5)


def test_an_ogg_cut_exactly_between_two_pages_is_said(tmp_path):
    data = encode(tmp_path / "a.ogg", "libopus").read_bytes()
    assert decode(tmp_path / "a.ogg")[1].damaged == ()
    starts = [page.start for page in pages(tmp_path / "a.ogg")]
    assert starts == [at for at in range(len(data)) if data[at : at + 4] == b"OggS"]
    for cut in (starts[-1], starts[len(starts) // 2], starts[-1] - 50):
        (tmp_path / "b.ogg").write_bytes(data[:cut])
        samples, media = decode(tmp_path / "b.ogg")
        (hole,) = media.damaged
        assert hole.start_s == hole.end_s == pytest.approx(samples.shape[1] / RATE)
        assert "no end of stream" in hole.reason


def test_bytes_between_pages_are_passed_over(tmp_path):
    data = encode(tmp_path / "a.ogg", "libopus").read_bytes()
    starts = [page.start for page in pages(tmp_path / "a.ogg")]
    cut = starts[4]
    (tmp_path / "b.ogg").write_bytes(data[:cut] + b"OggX" * 30_000 + data[cut:])
    (one,) = links(tmp_path / "b.ogg")
    assert one.finished
    assert len(list(pages(tmp_path / "b.ogg"))) == len(starts)


def test_a_file_without_a_page(tmp_path):
    (tmp_path / "a.ogg").write_bytes(b"OggS" + bytes(500))
    with pytest.raises(InputError, match="no sound"):
        decode(tmp_path / "a.ogg")


def broken_flac(tmp_path, at, channels=2):
    """Noise as FLAC with one bit changed at `at` (0 to 1) of its length."""
    x = np.stack([noise(10, RATE, seed=k) for k in range(channels)], axis=1)
    soundfile.write(tmp_path / "a.flac", x, RATE)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[round(at * len(data))] ^= 4
    (tmp_path / "b.flac").write_bytes(data)
    return x.T


@pytest.mark.parametrize("at", [0.1, 0.31, 0.5, 0.77, 0.95])
def test_a_changed_bit_of_flac_is_found_to_the_frame(tmp_path, at):
    """libsndfile and FFmpeg decode it without a word; what differs from the original lies inside what is named."""
    x = broken_flac(tmp_path, at)
    assert decode(tmp_path / "a.flac")[1].damaged == ()
    samples, media = decode(tmp_path / "b.flac")
    (hole,) = media.damaged
    assert hole.end_s - hole.start_s == pytest.approx(4096 / RATE)
    kept = np.nan_to_num(samples[:, : x.shape[1]])
    wrong = np.flatnonzero((kept != x[:, : kept.shape[1]]).any(axis=0))
    assert len(wrong) == 0 or (hole.start_s * RATE <= wrong[0] and wrong[-1] < hole.end_s * RATE)


def test_damaged_frames_agree_with_ffmpeg(corpus):
    """FFmpeg's own check of CRC-16, which nobody has on, names the same frames of files of the corpus."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    for name in ("test.flac", "seq-3341-1-16bit.flac"):
        path = corpus / "audio-defects" / "MTG+essentia-audio" / name
        command = ["ffmpeg", "-v", "error", "-err_detect", "crccheck+explode", "-i", path, "-f", "null", "-"]
        text = subprocess.run(command, capture_output=True, text=True, check=False).stderr
        told = {int(value) for value in re.findall(r"CRC error at PTS (\d+)", text)}
        found = {part.start for part in damaged_frames(path)}
        assert told <= found
        assert bool(told) == bool(found)


def test_a_false_header_inside_a_frame_is_no_boundary(tmp_path):
    """An hour of noise holds some; here FLAC of noise at many block sizes, all whole."""
    for index, rate in enumerate((8_000, 44_100, 96_000)):
        path = tmp_path / f"{index}.flac"
        soundfile.write(path, noise(20, rate, seed=index), rate)
        assert damaged_frames(path) == []


@given(st.binary(max_size=300), st.integers(0, 40))
def test_any_bytes_are_walked_to_their_end(data, at):
    """No header, whatever it claims, leads outside."""
    for length in (mpeg_bytes, adts_bytes):
        assert 0 <= length(data, at) < 20_000


@pytest.mark.parametrize("keep", [60, 100, 187])
def test_a_transport_stream_that_ends_inside_a_packet(tmp_path, keep):
    data = encode(tmp_path / "a.ts", "aac").read_bytes()
    assert decode(tmp_path / "a.ts")[1].damaged == ()
    cut = len(data) * 2 // 3 // 188 * 188
    (tmp_path / "b.ts").write_bytes(data[: cut + keep])
    (hole,) = decode(tmp_path / "b.ts")[1].damaged
    assert f"{keep} of its 188 bytes" in hole.reason


def test_a_transport_stream_that_ends_inside_a_pes(tmp_path):
    """Cut between packets of 188 bytes: said exactly where the PES before states that more comes."""
    data = encode(tmp_path / "a.ts", "aac").read_bytes()
    units = len(data) // 188
    said = 0
    for cut in range(units // 2, units // 2 + 20):
        (tmp_path / "b.ts").write_bytes(data[: cut * 188])
        following = data[cut * 188 : cut * 188 + 188]
        sound = (following[1] & 0x1F) << 8 | following[2] == 0x100
        damaged = decode(tmp_path / "b.ts")[1].damaged
        if sound:
            assert bool(damaged) == (not following[1] & 0x40)
        said += bool(damaged)
    assert said


@pytest.mark.parametrize(("name", "codec"), [("a.mp3", "libmp3lame"), ("a.aac", "aac")])
def test_bare_frames_that_end_inside_one(tmp_path, name, codec):
    data = encode(tmp_path / name, codec).read_bytes()
    length = mpeg_bytes if name == "a.mp3" else adts_bytes
    at = next(i for i in range(len(data)) if length(data, i) and length(data, i + length(data, i)))
    if name == "a.mp3":
        at += length(data, at)  # the first holds the length that is stated (Xing), the rest is bare
    frames = data[at:]
    ends, here = [], 0
    while size := length(frames, here):
        here += size
        ends.append(here)
    for extra, expected in ((0, 0), (20, 1)):
        path = tmp_path / f"b{extra}{name[1:]}"
        path.write_bytes(frames[: ends[len(ends) // 2] + extra])
        holes = [hole for hole in decode(path)[1].damaged if "ends inside a frame" in hole.reason]
        assert len(holes) == expected
