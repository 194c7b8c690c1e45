"""Memory grows with what is kept of a recording and with nothing else: measured in processes of their own."""

import struct
import subprocess
import sys

import numpy as np
import pytest
from sound import noise, track

MEASURE = """
import sys
from pathlib import Path
from aqa.decode import open_recording
from aqa.measures.track import measure
tracks = measure(open_recording(Path(sys.argv[1])))
status = Path("/proc/self/status").read_text().splitlines()  # ru_maxrss counts what the parent had, too
most = next(line.split()[1] for line in status if line.startswith("VmHWM"))
track = tracks[0]
kept = track.level_dbfs.nbytes + track.peak_dbfs.nbytes + sum(each.values.nbytes for each in track.series.values())
print(most, len(track.level_dbfs), len(track.runs.kind), kept)
"""


def recording(path, seconds, rate):
    """A mono WAV: a second of noise at each tenth of its length, sparse zeros between."""
    size = seconds * rate * 2
    loud = (noise(1, rate) * 32767).astype("<i2").tobytes()
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", min(size + 36, 0xFFFFFFFF)) + b"WAVEfmt ")
        file.write(struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16) + b"data")
        file.write(struct.pack("<I", min(size, 0xFFFFFFFF)))
        for tenth in range(10):
            file.seek(44 + tenth * size // 10 // 2 * 2)
            file.write(loud)
        file.truncate(44 + size)
    return path


def peak_mb(path):
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    kilobytes, hops, runs, kept = map(int, done.stdout.split())
    return kilobytes / 1024, hops, runs, kept / 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is on Linux only")
def test_memory_is_bounded(tmp_path):
    track(noise(1))  # compiles the kernels where that was not done yet: numba's own memory is not a recording's
    hour, hops, runs, kept = peak_mb(recording(tmp_path / "hour.wav", 3600, 48_000))
    assert (hops, runs) == (360_000, 10)
    assert hour <= 500
    long, hops, _, more = peak_mb(recording(tmp_path / "long.wav", 12 * 3600, 8_000))
    assert hops == 12 * 360_000
    assert more <= 80  # tables: 6 MB an hour
    assert long <= hour + 2 * (more - kept) + 50  # parts and the whole that is made of them
    assert np.isfinite(long)
