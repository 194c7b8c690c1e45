"""tshark as an oracle: what it says of the streams of a capture, where it differs from us, and by which of its rules.

    PYTHONPATH=.:tests:tests/conformance python tests/conformance/tshark.py FOLDER > differences.md
"""

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aqa import packets, streams
from aqa.measures.clock import STATIC
from aqa.model import Stream, StreamRow

CLOSE_MS = 0.01
Key = tuple[int, str, str]


@dataclass(frozen=True)
class Theirs:
    """One stream as `tshark -z rtp,streams` prints it."""

    packets: int
    lost: int
    delta_max_ms: float
    jitter_mean_ms: float
    jitter_max_ms: float


@dataclass(frozen=True)
class Difference:
    """One field of one stream in which tshark and we differ, and why (a key of REASONS)."""

    log: str
    stream: str
    field: str
    theirs: str
    ours: str
    why: str


REASONS = {
    "few packets": "aqa: one to four packets do not tell RTP from chance (`measures/rtp.py`, MIN_PACKETS); tshark's"
    " heuristic takes each packet by itself, and Telegram's random bytes make 13 streams so",
    "port of another protocol": "aqa: the packets are RTP by dpkt too (steps of one, media time with them); tshark"
    " gave the flow to another dissector by its port or by an earlier description, and never asked its heuristic",
    "packets of another protocol": "aqa: as above for a part of the stream's packets; SDP had named the port for T.38,"
    " and the sender went on with RTP (version 2, same SSRC, numbers going on)",
    "no clock": "aqa: tshark knows no clock of a dynamic payload type without SDP, and prints 0; the clock inferred"
    " from the packets gives a jitter",
    "too short for a clock": "tie: neither knows the clock; tshark prints 0, aqa nothing",
    "duplicates as gain": "aqa: tshark's lost is span less packets, so each duplicate takes one loss away (RFC 3550 A.3"
    " does it too); no more were lost in truth than numbers are missing",
    "duplicates in jitter": "aqa: a second copy, microseconds after the first, says nothing of the network's delay;"
    " RFC 3550 A.8 runs on each packet that is valid, and A.1 leaves what to do with duplicates open",
    "telephone events": "aqa: the timestamp of an event stands still (RFC 4733 2.2); tshark skips events for want of a"
    " clock but moves the time of the last packet on, so the first packet after each is a spike",
    "marked packets": "definition: tshark leaves packets with a marker bit out of the mean, and of the maximum of"
    " jitter and pause; in video the bit is on each frame's last packet. RFC 3550 6.4.1 leaves none out",
    "comfort noise": "definition: tshark leaves comfort noise, and the packet after it, out of mean and maximum",
    "back in time": "definition: tshark leaves packets whose timestamp steps back out of mean and maximum",
}
"""Why a field differs: who is right, and how that is known. The replica below gives tshark's figure for each."""


def tshark_streams(path: Path) -> dict[Key, Theirs]:
    """Streams by SSRC, source and destination; tshark may print one twice, as its first packets had another name."""
    command = ["tshark", "-q", "-n", "-o", "rtp.heuristic_rtp:TRUE", "--enable-heuristic", "rtp_udp"]
    command += ["-z", "rtp,streams", "-r", str(path)]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    out = {}
    for line in text.splitlines():
        words = [word for word in line.split() if word != "X"]
        if len(words) > 14 and words[6].startswith("0x"):
            key = int(words[6], 16), f"{words[2]}:{words[3]}", f"{words[4]}:{words[5]}"
            assert key not in out, (path, key)
            values = (float(words[i]) for i in (-4, -2, -1))
            out[key] = Theirs(int(words[-9]), int(words[-8]), *values)
    return out


def replica(stream: Stream, *, hz: dict[int, int]) -> tuple[float, float, float]:
    """Longest pause, mean and largest jitter in ms as Wireshark's tap-rtp-analysis.c has them, packet by packet.

    `hz`: the clocks that tshark knows, by payload type. First, marked, comfort noise, after it and back in time:
    such packets are left out of mean and maximum, though the mean's weight counts them.
    """
    jitter = mean = most = pause = 0.0
    nominal = before_ms = stamp = 0.0  # stamp: the furthest
    kind = -1
    columns = zip(stream.arrival_ns, stream.timestamp, stream.payload_types, stream.marker, strict=True)
    for n, (arrival_ns, ticks, now, marked) in enumerate(columns):
        at_ms = int(arrival_ns - stream.arrival_ns[0]) * 1e-6
        rate = hz.get(int(now), 0)
        media = int(ticks - stream.timestamp[0]) / rate * 1000 if rate else 0.0
        if n:
            if rate:
                jitter = (15 * jitter + abs(at_ms - before_ms - (media - nominal))) / 16
                nominal = media
            if not marked and now not in (13, 19) and kind not in (13, 19) and ticks >= stamp:
                pause = max(pause, at_ms - before_ms)
                if rate:
                    most, mean = max(most, jitter), (mean * (n - 1) + jitter) / n
        before_ms, stamp, kind = at_ms, max(stamp, ticks), int(now)
    return pause, mean, most
