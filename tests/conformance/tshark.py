"""tshark as an oracle: what it says of the streams of a capture, where it differs from us, and by which of its rules.

PYTHONPATH=.:tests:tests/conformance python tests/conformance/tshark.py FOLDER > differences.md
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aqa import packets, streams
from aqa.measures.clock import STATIC
from aqa.stream_model import Stream, StreamRow

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
    "few packets": (
        "aqa: one to four packets do not tell RTP from chance (MIN_PACKETS); tshark's heuristic takes "
        "each packet by itself, and makes 13 streams of one packet each of Telegram's random bytes"
    ),
    "time jumps in a short stream": (
        "tie: nine packets of a retransmission stream in TURN over TCP, whose timestamps go 0, "
        "2313019855, +3870, -3870; under ten packets aqa asks for no fault at all"
    ),
    "port of another protocol": (
        "aqa: RTP by dpkt too (363 packets of two SSRCs, steps of one, media time with them); tshark "
        "takes UDP port 443 for QUIC"
    ),
    "rtp over tcp": (
        "aqa: RFC 4571 frames (length 1212 each, version 2, steps of one, 1200 bytes of A-law per 150 "
        "ms); tshark has no heuristic for RTP over TCP"
    ),
    "packets of another protocol": (
        "aqa: 27 packets of 172 bytes go on with the SSRC, numbers and timestamps of the same stream (by "
        "dpkt); tshark calls them T.38, as the call had been there before"
    ),
    "no clock": (
        "aqa: tshark knows no clock of a dynamic type without SDP and prints 0; aqa infers it from the packets"
    ),
    "no clock for either": ("tie: too few packets, or an odd clock; tshark prints 0, aqa nothing"),
    "duplicates as gain": (
        "aqa: tshark's lost is span less packets, so each duplicate takes one loss away (as RFC 3550 A.3 "
        "does); theirs is ours less the duplicates, exactly"
    ),
    "telephone events": (
        "aqa: an event's timestamp stands still (RFC 4733 2.2); tshark has no clock for it and passes it "
        "over, but for the time of the last packet: the next packet's jitter is a spike"
    ),
    "clock change": ("aqa: the second clock of the stream is inferred; tshark's figures are of the first 20 packets"),
    "marked packets": (
        "definition: tshark leaves packets with a marker bit, comfort noise and those whose timestamp is "
        "behind out of mean and maximum; RFC 3550 6.4.1 leaves none out, and a pause is one whatever ends "
        "it"
    ),
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


def known_clocks(stream: Stream) -> dict[int, int]:
    """The clocks that tshark knows: RFC 3551's, and those of SDP."""
    hz = {kind: rate for kind, (_, rate) in STATIC.items()} | {19: 8000}
    if stream.clock_rate_from == "sdp" and stream.clock_rate_hz:
        hz |= dict.fromkeys(set(stream.payload_types[~stream.auxiliary].tolist()), stream.clock_rate_hz)
    return hz


def _jitter_reason(stream: Stream, row: StreamRow, theirs: Theirs) -> str:
    if theirs.jitter_max_ms == 0:
        return "no clock" if row.jitter_max_ms is not None else "no clock for either"
    if "," in row.clock_rates:
        return "clock change"
    if stream.auxiliary.any() and not (stream.payload_types == 13).any():
        return "telephone events"
    return "marked packets"


def _of_stream(stream: Stream, row: StreamRow, theirs: Theirs) -> Iterator[tuple[str, str, str, str]]:
    """Field, theirs, ours and why of each difference in one stream."""
    whole = theirs.packets == row.packets
    if not whole:
        yield "packets", str(theirs.packets), str(row.packets), "packets of another protocol"
    if theirs.lost != row.lost:
        assert theirs.lost == (row.lost or 0) - (row.duplicates or 0)
        yield "lost", str(theirs.lost), str(row.lost), "duplicates as gain"
    for name in ("delta_max_ms", "jitter_mean_ms", "jitter_max_ms"):
        their, our = getattr(theirs, name), getattr(row, name)
        if our is None or abs(their - our) > CLOSE_MS:
            why = "marked packets" if name == "delta_max_ms" else _jitter_reason(stream, row, theirs)
            yield (
                name,
                f"{their:.3f}",
                "-" if our is None else f"{our:.3f}",
                why if whole else "packets of another protocol",
            )


def differences(path: Path) -> Iterator[Difference]:
    """All of one capture; where both have the same packets, tshark's figures are those of the replica."""
    theirs = tshark_streams(path)
    for stream in packets.read_log(path, name=path.name, codecs={}).streams:
        who = f"0x{stream.ssrc:08x} {stream.src} > {stream.dst}"
        row = streams.stream_row(stream, stream.log_start_ns)
        one = theirs.pop((stream.ssrc, stream.src, stream.dst), None)
        if one is None:
            why = "port of another protocol" if stream.dst.endswith(":443") else "rtp over tcp"
            yield Difference(path.name, who, "stream", "-", f"{row.packets} packets", why)
            continue
        if one.packets == row.packets:
            again = replica(stream, hz=known_clocks(stream))
            same = zip((one.delta_max_ms, one.jitter_mean_ms, one.jitter_max_ms), again, strict=True)
            assert all(abs(a - b) < 0.002 for a, b in same), (path.name, who, one, again)
        for item in _of_stream(stream, row, one):
            yield Difference(path.name, who, *item)
    for (ssrc, src, dst), one in theirs.items():
        why = "few packets" if one.packets < 5 else "time jumps in a short stream"
        yield Difference(path.name, f"0x{ssrc:08x} {src} > {dst}", "stream", f"{one.packets} packets", "-", why)


def captures_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".pcap", ".pcapng"))


def markdown(found: list[Difference]) -> str:
    """The differences as two tables: the kinds with who is right and why, then each one."""
    number = Counter(item.why for item in found)
    lines = ["| kind | number | who is right, and why |", "|---|--:|---|"]
    lines += [f"| {why} | {n} | {REASONS[why]} |" for why, n in number.most_common()]
    lines += ["", "| capture | stream | field | tshark | aqa | kind |", "|---|---|---|--:|--:|---|"]
    lines += [f"| {d.log} | {d.stream} | {d.field} | {d.theirs} | {d.ours} | {d.why} |" for d in found]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown([item for path in captures_of(Path(sys.argv[1])) for item in differences(path)]), end="")
