"""Holes and damage of known place and length in every container: exact to 20 ms."""

import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest
from sound import decode, encode

from aqa.detector import registry
from aqa.frame_times import jitter_s, steady

RATE = 48_000
FRAMES = {"a.ogg": ("libopus", 960), "a.webm": ("libopus", 960), "a.mka": ("aac", 1024), "a.m4a": ("aac", 1024),
          "o.mp4": ("libopus", 960), "a.ts": ("aac", 1024), "o.ts": ("libopus", 960)}  # fmt: skip
EXACT_S = 0.022  # a frame of AAC


@pytest.mark.parametrize("lost", [1, 2, 3, 60])
@pytest.mark.parametrize("name", FRAMES)
def test_lost_packets_are_found_one_by_one(tmp_path, name, lost):
    codec, size = FRAMES[name]
    gone = {start + i for start in (100, 350) for i in range(lost)}
    _, media = decode(encode(tmp_path / name, codec, drop=lambda index: index in gone))
    assert media.damaged == ()
    assert [h.end_s - h.start_s for h in media.missing] == pytest.approx([lost * size / RATE] * 2, abs=0.002)
    within_s = 1.0 if name == "a.ogg" else EXACT_S  # a page of Ogg, here of a second, has one time for all of it
    assert [h.start_s for h in media.missing] == pytest.approx([100 * size / RATE, 350 * size / RATE], abs=within_s)


def pages(data):
    found, at = [], 0
    while at < len(data):
        count = data[at + 26]
        length = 27 + count + sum(data[at + 27 : at + 27 + count])
        found.append(data[at : at + length])
        at += length
    return found


def granule_s(page):
    return int.from_bytes(page[6:14], "little") / RATE


@pytest.mark.parametrize("lost", [1, 2, 3])
@pytest.mark.parametrize("way", ["gone", "damaged"])
def test_pages_of_ogg(tmp_path, lost, way):
    path = encode(tmp_path / "a.ogg", "libopus")
    kept = pages(path.read_bytes())
    bad = range(5, 5 + lost)
    broken = [page[:-1] + bytes([page[-1] ^ 0x55]) if i in bad else page for i, page in enumerate(kept)]
    path.write_bytes(b"".join(page for i, page in enumerate(broken) if way == "damaged" or i not in bad))
    (hole,) = decode(path)[1].missing
    assert hole.start_s == pytest.approx(granule_s(kept[4]) - 312 / RATE, abs=EXACT_S)
    assert hole.end_s == pytest.approx(granule_s(kept[4 + lost]) - 312 / RATE, abs=EXACT_S)


@pytest.mark.parametrize("lost", [1, 2, 5, 20])
def test_packets_of_a_transport_stream(tmp_path, lost):
    path = encode(tmp_path / "a.ts", "aac", seconds=20)
    whole = decode(path)[1].samples
    data = path.read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    audio = [i for i, packet in enumerate(packets) if (packet[1] & 31) << 8 | packet[2] == 256]
    gone = set(audio[len(audio) // 2 : len(audio) // 2 + lost])
    path.write_bytes(b"".join(packet for i, packet in enumerate(packets) if i not in gone))
    samples, media = decode(path)
    holes = (*media.damaged, *media.missing)
    assert sum(h.end_s - h.start_s for h in holes) == pytest.approx((whole - media.samples) / RATE, abs=EXACT_S)
    assert samples.shape[1] == pytest.approx(whole, abs=EXACT_S * RATE)
    assert all(9 < hole.start_s < 11.5 for hole in holes)


@pytest.mark.parametrize("codec", ["libvorbis", "libopus", "flac"])
@pytest.mark.parametrize("suffix", ["ogg", "mka"])
def test_whole_files_have_no_holes(tmp_path, corpus, codec, suffix):
    source = corpus / "speech" / "snakers4+silero-vad" / "test.wav"
    path = tmp_path / f"a.{suffix}"
    command = ["ffmpeg", "-v", "error", "-i", source, "-c:a", codec, path]
    try:
        subprocess.run(command, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip(f"ffmpeg is not installed or has no {codec}")
    media = decode(path)[1]
    assert (media.missing, media.damaged) == ((), ())
    assert registry()["elided_time"](media) == []


def frames(times_s):
    for at_s in times_s:
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), round(at_s * RATE)
        yield frame


def test_a_stamp_that_is_late_for_itself_is_no_hole():
    times = np.arange(50) * 0.02
    late = times.copy()
    late[20] += 0.04
    told = [at_s for _, at_s in steady(frames(late))]
    assert told == pytest.approx(times)
    held = times + np.where(np.arange(50) >= 20, 0.04, 0.0)
    assert [at_s for _, at_s in steady(frames(held))] == pytest.approx(held)


def test_how_much_times_jitter():
    times = np.arange(100) * 0.02
    assert jitter_s([]) == 0.0
    assert jitter_s(frames(times + (np.arange(100) >= 50))) == pytest.approx(0, abs=1e-6)
    assert jitter_s(frames(times + np.random.default_rng(0).uniform(0, 0.02, 100))) > 0.003
