"""The whole default inventory against ffmpeg's level filters on one recording, in one run: `make benchmark`.

Makes an hour of 48 kHz mono WAV (346 MB: a voice of syllables and pauses over a room's noise), lets all measures and
all detectors of sound, and `ffmpeg -af silencedetect,astats,ebur128` go over it in turn, and prints the processor
time of each and the ratio: both use one core.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

RATE = 48_000
FILTERS = "silencedetect,astats,ebur128"
PASS = """
import sys, time
from pathlib import Path
from aqa.decode import open_recording
from aqa.detector import registry
from aqa.measures.track import measure
from aqa.sound_model import Track
inventory = [one for one in registry().values() if one.subject is Track]
def listen(path):
    return [find(track) for track in measure(open_recording(Path(path))) for find in inventory]
listen(sys.argv[2])  # loads what is compiled
began = time.process_time()
listen(sys.argv[1])
print(time.process_time() - began)
"""


def voice(seconds: int, rng: np.random.Generator) -> np.ndarray:
    """Syllables of 60 to 250 ms with pauses between, every few seconds a longer one; shape (seconds * RATE,)."""
    out = rng.normal(0, 10 ** (-62 / 20), seconds * RATE)
    at, pitch_hz = 0.2, 120.0
    while at < seconds - 1:
        length_s = rng.uniform(0.06, 0.25)
        pitch_hz = float(np.clip(pitch_hz * rng.uniform(0.9, 1.1), 80, 260))
        time_s = np.arange(int(length_s * RATE)) / RATE
        tones = sum(np.cos(2 * np.pi * k * pitch_hz * time_s + k * k) / k for k in range(1, int(9000 / pitch_hz)))
        breath = rng.normal(0, 0.4, len(time_s))
        begin = int(at * RATE)
        out[begin : begin + len(time_s)] += 0.05 * np.sin(np.pi * time_s / length_s) * (tones + breath)
        at += length_s + (rng.uniform(0.3, 1.5) if rng.random() < 0.15 else rng.uniform(0.01, 0.1))
    return out


def make(path: Path, minutes: int) -> None:
    """So many minutes; each is the same voice at another level."""
    rng = np.random.default_rng(1)
    minute = voice(60, rng)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for _ in range(minutes):
            file.write(np.roll(minute, rng.integers(len(minute))) * 10 ** rng.uniform(-0.4, 0.2))


def ours(path: Path, short: Path) -> float:
    """Processor seconds of measures and detectors, without start-up."""
    done = subprocess.run([sys.executable, "-c", PASS, path, short], capture_output=True, text=True, check=True)
    return float(done.stdout)


def theirs(path: Path) -> float:
    """Processor seconds of ffmpeg."""
    before = os.times()
    command = ["ffmpeg", "-nostats", "-loglevel", "error", "-i", path, "-af", FILTERS, "-f", "null", "-"]
    subprocess.run(command, capture_output=True, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Make, run, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, short = Path(folder) / "hour.wav", Path(folder) / "short.wav"
        make(path, options.minutes)
        make(short, 1)
        mine = min(ours(path, short) for _ in range(options.rounds))
        peer = min(theirs(path) for _ in range(options.rounds)) if shutil.which("ffmpeg") else None
    print(f"{options.minutes} minutes of 48 kHz mono WAV, processor time, best of {options.rounds}")
    print(f"aqa, all measures and detectors of sound: {mine:.2f} s")
    if peer is None:
        print("ffmpeg is not installed: nothing to compare with")
    else:
        print(f"ffmpeg -af {FILTERS}: {peer:.2f} s")
        print(f"aqa over ffmpeg: {mine / peer:.2f}")


if __name__ == "__main__":
    main()
