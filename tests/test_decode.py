import shutil
import socket
import struct
import subprocess

import av
import numpy as np
import pytest
import soundfile
from sound import Sound, decode, encode, noise, tone

from aqa.clock import Clock
from aqa.decode import HEAD_BYTES, is_media, looks_like_media, open_recording
from aqa.measures.track import measure
from aqa.model import InputError

RATE = 48_000
CODECS = {"a.ogg": "libopus", "a.opus": "libopus", "a.webm": "libopus", "a.mka": "flac", "a.mp3": "libmp3lame",
          "a.m4a": "aac", "a.mp4": "aac", "a.ts": "aac", "a.aac": "aac"}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("media")
    return {name: encode(folder / name, codec) for name, codec in CODECS.items()}


def wav(path, x, rate=RATE, **keywords):
    soundfile.write(path, x, rate, **keywords)
    return path


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_keeps_its_length_and_its_place(files, name):
    samples, media = decode(files[name])
    assert (media.sample_rate_hz, media.channels, media.missing, media.damaged) == (RATE, 1, (), ())
    assert media.samples == samples.shape[1]
    assert abs(media.samples - 10 * RATE) <= 2048
    assert abs(np.sqrt(np.mean(samples[0, RATE:-RATE] ** 2)) - 0.3 / 2**0.5) < 0.02


@pytest.mark.parametrize("name", CODECS)
def test_as_many_samples_as_ffmpeg(files, name):
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    command = ["ffmpeg", "-v", "error", "-i", files[name], "-f", "f32le", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    assert decode(files[name])[0].shape[1] == len(raw) // 4


@pytest.mark.parametrize(
    ("name", "subtype", "lsb"),
    [
        ("a.wav", "PCM_16", 2**-15),
        ("a.wav", "PCM_24", 2**-23),
        ("a.wav", "FLOAT", 2**-15),
        ("a.w64", "PCM_16", 2**-15),
        ("a.aiff", "PCM_16", 2**-15),
        ("a.flac", "PCM_24", 2**-23),
        ("a.rf64", "PCM_16", 2**-15),
    ],
)
def test_pcm_is_exact(tmp_path, name, subtype, lsb):
    x = np.stack([noise(2), noise(2, seed=1)], axis=1)
    decoder = open_recording(wav(tmp_path / name, x, 16_000, subtype=subtype))
    assert (decoder.lsb, decoder.channels, decoder.sample_rate_hz) == (lsb, 2, 16_000)
    np.testing.assert_array_equal(decode(tmp_path / name)[0], x.T)


@pytest.mark.parametrize("samples", [0, 1, 100])
def test_tiny(tmp_path, samples):
    got, media = decode(wav(tmp_path / "a.wav", np.zeros(samples), 8000))
    assert (got.shape, media.samples, media.damaged) == ((1, samples), samples, ())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"hello, this is text\n" * 50, "no sound file"),
        (b"RIFF\0\0\0\0WAVE" + b"x" * 500, "no sound"),
        (b"OggS" + bytes(500), "no sound"),
        (b"fLaC" + b"\xff" * 500, "no sound"),
        (b"\x1aE\xdf\xa3" + bytes(90), "no sound"),
    ],
)
def test_what_is_no_sound_says_so(tmp_path, content, says):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says) as error:
        open_recording(path)
    assert "a.wav" in str(error.value)
    assert "recorder" in str(error.value)


def test_a_folder_and_a_missing_file(tmp_path):
    for path in (tmp_path, tmp_path / "none.wav"):
        with pytest.raises(InputError, match="can't be opened"):
            open_recording(path)


@pytest.mark.parametrize(("name", "codec"), [("h.ogg", "libopus"), ("h.webm", "libopus"), ("h.mp4", "aac")])
def test_a_hole_between_packets_is_missing_media(tmp_path, name, codec):
    size = 960 if codec == "libopus" else 1024
    path = encode(tmp_path / name, codec, drop=lambda index: 4 * RATE <= index * size < 6 * RATE)
    samples, media = decode(path)
    (hole,) = media.missing
    assert hole.end_s - hole.start_s == pytest.approx(2.0, abs=0.025)
    assert hole.start_s == pytest.approx(4.0, abs=0.03)
    assert abs(samples.shape[1] - 10 * RATE) < 2048
    assert np.isnan(samples[0, round(hole.start_s * RATE) : round(hole.end_s * RATE)]).all()
    assert np.isnan(samples).sum() == samples.shape[1] - media.samples
    measured = measure(open_recording(path))[0]
    assert np.isnan(measured.level_dbfs).sum() in (199, 200)


def test_a_truncated_flac_gives_what_is_there_and_says_what_is_not(tmp_path):
    x = noise(10, RATE)
    path = wav(tmp_path / "a.flac", x)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    samples, media = decode(path)
    assert 4 * RATE < media.samples < 6 * RATE
    np.testing.assert_array_equal(samples[0], x[: media.samples])
    (hole,) = media.damaged
    assert hole.start_s == pytest.approx(media.samples / RATE)
    assert hole.end_s == 10
    assert "fetch it again" in hole.reason


def test_a_truncated_wav(tmp_path):
    path = wav(tmp_path / "a.wav", noise(2), 16_000)
    path.write_bytes(path.read_bytes()[:-RATE])
    _, media = decode(path)
    assert media.samples == 2 * 16_000 - RATE // 2
    assert len(media.damaged) == 1
    assert media.container_duration_s > media.samples / media.sample_rate_hz


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_whose_header_was_never_finished(tmp_path, size):
    path = wav(tmp_path / "a.wav", noise(2), 16_000)
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = struct.pack("<I", size)
    path.write_bytes(data)
    _, media = decode(path)
    assert (media.samples, media.damaged) == (32_000, ())


@pytest.mark.parametrize("name", ["a.flac", "a.mp3", "a.ogg", "a.mp4"])
def test_a_damaged_middle_costs_the_middle_only(tmp_path, files, name):
    path = tmp_path / name
    if name == "a.flac":
        wav(path, noise(10, RATE))
    else:
        shutil.copy(files[name], path)
    data, random = bytearray(path.read_bytes()), np.random.default_rng(1)
    middle = len(data) // 2
    data[middle : middle + 2000] = random.bytes(2000)
    path.write_bytes(data)
    samples, media = decode(path)
    holes = (*media.damaged, *media.missing)
    assert holes
    assert all(2.5 < hole.start_s < 7.5 and hole.end_s - hole.start_s < 1.5 for hole in holes)
    assert samples.shape[1] > 9.4 * RATE
    assert np.isfinite(samples[0, -RATE:]).all()


def test_no_numbers_are_damage_and_become_0(tmp_path):
    x = noise(2).copy()
    x[16_000:16_010], x[20_000] = np.nan, np.inf
    samples, media = decode(wav(tmp_path / "a.wav", x, 16_000, subtype="FLOAT"))
    assert [(hole.start_s, hole.end_s) for hole in media.damaged] == [(1.0, 1.000625), (1.25, 1.2500625)]
    assert not samples[0, 16_000:16_010].any()


def test_another_rate_in_the_middle(tmp_path):
    with av.open(str(tmp_path / "a.mp3"), "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=44_100, layout="mono")
        for start in range(0, 2 * 44_100, 1152):
            frame = av.AudioFrame.from_ndarray(tone(1, 44_100)[None, :1152].copy(), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44_100, start
            container.mux(stream.encode(frame))
    other = encode(tmp_path / "b.mp3", "libmp3lame", seconds=3)
    path = tmp_path / "c.mp3"
    path.write_bytes((tmp_path / "a.mp3").read_bytes() + other.read_bytes())
    _, media = decode(path)
    assert (media.sample_rate_hz, media.channels) == (44_100, 1)
    assert media.samples / 44_100 == pytest.approx(5, abs=0.2)


def test_a_huge_rate_is_refused(tmp_path):
    path = wav(tmp_path / "a.wav", np.zeros(10), 8000)
    data = bytearray(path.read_bytes())
    data[24:28] = struct.pack("<I", 134_000_000)
    path.write_bytes(data)
    with pytest.raises(InputError, match="134000000 Hz"):
        open_recording(path)


def test_a_start_time_in_the_file(tmp_path):
    bext = bytes(320) + b"2023-05-24" + b"22:00:00" + struct.pack("<Q", 8000 * 79_200) + bytes(300)
    path = wav(tmp_path / "a.wav", np.zeros(80), 8000)
    data = path.read_bytes()
    path.write_bytes(data[:12] + b"bext" + struct.pack("<I", len(bext)) + bext + data[12:])
    assert decode(path)[1].start_ns == 1_684_965_600 * 10**9


def test_content_tells_media(corpus):
    for file in corpus.glob("speech/*/*.*"):
        with file.open("rb") as opened:
            head = opened.read(HEAD_BYTES)
        known = file.suffix in (".wav", ".flac", ".ogg", ".opus", ".mp3", ".mp4") and file.name != "invalid.wav"
        assert is_media(head) == known, file
    assert looks_like_media(corpus / "a.m3u8", b"#EXTM3U\n") and not looks_like_media(corpus / "a.txt", b"#EXTM3U\n")
    assert not is_media(b"") and not is_media(b"\xd4\xc3\xb2\xa1" + bytes(40))


@pytest.mark.parametrize("channels", [9, 16])
def test_many_channels(tmp_path, channels):
    x = np.stack([noise(1, seed=index) for index in range(channels)], axis=1)
    path = wav(tmp_path / "a.caf", x, 16_000)
    np.testing.assert_array_equal(decode(path)[0], x.T)


def test_nothing_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was tried"))
    (tmp_path / "a.sdp").write_text("v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n")
    (tmp_path / "a.wav").write_text("ffconcat version 1.0\nfile http://127.0.0.1/a.wav\n")
    for name in ("a.sdp", "a.wav"):
        with pytest.raises(InputError):
            open_recording(tmp_path / name)


def clocked(*frames, rate=1000):
    clock = Clock(rate)
    return [clock.place(presented, length) for presented, length in frames], clock


def test_the_clock_tolerates_jitter_and_drift_and_never_goes_back():
    random = np.random.default_rng(0)
    frames = [(round(20 * i * 1.0002 + random.uniform(-25, 25)), 20) for i in range(50_000)]
    starts, clock = clocked(*frames)
    assert not clock.missing
    assert starts == list(range(0, 1_000_000, 20))


def test_the_clock_sees_a_jump_and_forgets_a_reset():
    starts, clock = clocked((5000, 20), (5020, 20), (5240, 20), (100, 20), (120, 20), (5120, 20))
    assert starts == [0, 20, 240, 260, 280, 5280]
    assert [(hole.start_s, hole.end_s) for hole in clock.missing] == [(0.04, 0.24), (0.3, 5.28)]


def test_a_jump_of_more_than_a_day_is_left_out_and_said():
    starts, clock = clocked((0, 20), (10**9, 20), (10**9 + 20, 20))
    assert starts == [0, 20, 40]
    assert "more than a day" in clock.damaged[0].reason


def test_sources_of_the_tests_are_sources():
    assert measure(Sound(noise(1)))[0].samples == 16_000
