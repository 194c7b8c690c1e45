"""`aqa packets` against tshark on one capture, in one run: `make benchmark`.

Makes a capture of 500 G.711 streams of 10,100 packets each, 1 % of them lost (740 MB), lets both tools read it from
the page cache in turn, and prints wall time, ratio and the largest memory of each. Ratios are what counts: seconds
differ between machines, and between runs on a busy one.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RECORD = np.dtype(
    [
        ("second", "<u4"), ("microsecond", "<u4"), ("captured", "<u4"), ("wire", "<u4"),
        ("ethernet", "u1", 14), ("ip", "u1", 20),
        ("source_port", ">u2"), ("target_port", ">u2"), ("length", ">u2"), ("checksum", ">u2"),
        ("first", "u1"), ("type", "u1"), ("sequence", ">u2"), ("timestamp", ">u4"), ("ssrc", ">u4"),
        ("payload", "u1", 78),
    ]
)  # fmt: skip
FRAME = RECORD.itemsize - 16
START_S = 1_700_000_000
TSHARK = ("tshark", "-q", "-n", "-o", "rtp.heuristic_rtp:TRUE", "-z", "rtp,streams", "-r")


def make(path: Path, streams: int, packets: int) -> None:
    """The capture: every stream a packet each 20 ms with up to 30 us of jitter, one in a hundred missing."""
    rng = np.random.default_rng(1)
    with path.open("wb") as file:
        file.write(np.array([0xA1B2C3D4, 2 | 4 << 16, 0, 0, 65_535, 1], "<u4").tobytes())
        for begin in range(0, packets, 1000):
            number = np.arange(begin, min(begin + 1000, packets))[:, None]
            records = np.zeros((len(number), streams), RECORD)
            time_us = number * 20_000 + np.arange(streams) * 40 + rng.integers(0, 30, records.shape)
            records["second"], records["microsecond"] = START_S + time_us // 1_000_000, time_us % 1_000_000
            records["captured"] = records["wire"] = FRAME
            records["ethernet"][..., 12] = 8
            records["ip"] = _ip()
            records["source_port"], records["target_port"] = 10_000 + 2 * np.arange(streams), 30_000
            records["length"] = FRAME - 34
            records["first"], records["sequence"] = 0x80, number & 0xFFFF
            records["timestamp"], records["ssrc"] = number * 160, 1000 + np.arange(streams)
            file.write(records[rng.random(records.shape) > 0.01].tobytes())


def _ip() -> np.ndarray:
    header = np.zeros(20, np.uint8)
    header[[0, 2, 3, 8, 9]] = 0x45, (FRAME - 14) >> 8, (FRAME - 14) & 255, 64, 17
    header[12:16], header[16:20] = (10, 0, 0, 1), (10, 0, 0, 2)
    return header


def timed(command: list[str]) -> tuple[float, int, bytes]:
    """Seconds from start to end, largest resident memory in MB, and what was printed."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return time.perf_counter() - began, usage.ru_maxrss >> 10, out


def main() -> None:
    """Make, run, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--packets", type=int, default=10_100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmark.pcap"
        make(path, options.streams, options.packets)
        aqa = [sys.executable, "-m", "aqa.cli", "packets", str(path)]
        rows = json.loads(timed([*aqa, "--json"])[2])  # compiles the kernels, which are kept; reads the file
        commands = [aqa, [*aqa, "--json"], *([[*TSHARK, str(path)]] if shutil.which("tshark") else [])]
        rounds = [[timed(each) for each in commands] for _ in range(options.rounds)]  # in turn: noise hits all alike
        size_mb = path.stat().st_size / 1e6
    total = sum(row["packets"] for row in rows)
    assert len(rows) == options.streams
    print(f"{total:,} packets in {len(rows)} streams, {size_mb:.0f} MB")
    names = ("aqa packets", "aqa packets --json", "tshark")
    best = {name: min(runs)[0] for name, runs in zip(names, zip(*rounds, strict=True), strict=False)}
    for name, runs in zip(names, zip(*rounds, strict=True), strict=False):
        ratio = f", {best['tshark'] / best[name]:.1f} times as fast as tshark" if "tshark" in best else ""
        most = max(run[1] for run in runs)
        print(f"{name + ':':20} best {best[name]:.2f} s of {len(runs)}, {most} MB{ratio * (name != 'tshark')}")
    if "tshark" not in best:
        print("tshark is not installed: nothing to compare with")


if __name__ == "__main__":
    main()
