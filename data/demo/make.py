"""Make the demo event again: three voices, real Opus, a network with faults, a recorder; and the truth beside it.

Needs espeak-ng (voices) besides what `aqa` needs. Run from the project's folder: python data/demo/make.py
"""

import json
import struct
import subprocess
import tempfile
from datetime import UTC, datetime
from math import gcd
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from aqa.opus import Decoder, Encoder

HERE = Path(__file__).parent
RATE, FRAME = 48_000, 960  # 20 ms
LENGTH_S = 74.0
OPENED = datetime(2026, 11, 16, 9, 0, 0, tzinfo=UTC)
RECORDING_FROM_S = 0.5  # the recorder joins this long after the room opened
PLAYOUT_S = 0.12  # jitter buffer of the recorder
SPEAKERS = {
    "alice": (0x1000A11C, "en-gb+f3"),
    "bob": (0x1000B0B0, "en-us+m3"),
    "carol": (0x1000CA01, "en-gb-scotland+f5"),
}
TURNS = (
    (
        "alice",
        1.5,
        "Good morning everybody, and welcome to the Monday room. We have three topics today. First the numbers of "
        "last week, then the plan for the launch, and at the end your questions.",
    ),
    (
        "bob",
        14.0,
        "Thank you. Last week we held forty one rooms. The longest one ran for six hours, and nobody complained "
        "about the sound. Two rooms started late, because the host could not connect. We know why, and it is "
        "mended. The servers were never above sixty percent.",
    ),
    ("alice", 33.2, "That is good to hear. Carol, where are we with the launch?"),
    (
        "carol",
        38.2,
        "We are nearly there. The new servers are in place since Thursday, and every region has two of them. "
        "Yesterday we ran a rehearsal with ten thousand listeners, and the room held. What is still open is the "
        "hand over between rooms. If one of them fails, listeners should be moved within ten seconds.",
    ),
    ("bob", 58.2, "I can take that. Give me until Wednesday, and we will try it on Thursday with real people."),
    ("alice", 65.4, "Perfect. Then let us hear your questions. Please raise your hand, and I will call you."),
)
LOST = {  # participant -> (from, packets), seconds of media time
    "alice": [(9.0, 1)],
    "bob": [(17.0, 1), (19.4, 7), (22.2, 3), (22.4, 2), (24.0, 1), (27.1, 5)],
}
STALL = ("carol", 45.9, 1.4)  # no packet at all for so long: the network drops them
JITTERY = ("bob", 25.0, 31.0)  # arrivals spread by up to 70 ms


def speak(text: str, voice: str, random: np.random.Generator) -> np.ndarray:
    """A spoken text at 48 kHz in a quiet room (-63 dBFS), behind a gate: 15 ms fades, digital silence around."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run(["espeak-ng", "-v", voice, "-s", "155", "-w", file.name, text], check=True)
        sound, rate = soundfile.read(file.name)
    common = gcd(RATE, rate)
    sound = resample_poly(sound, RATE // common, rate // common)
    sound = 0.5 * sound / np.abs(sound).max() + random.normal(0, 0.0007, len(sound))
    fade = np.linspace(0, 1, int(0.015 * RATE))
    sound[: len(fade)] *= fade
    sound[-len(fade) :] *= fade[::-1]
    return sound


def microphones(random: np.random.Generator) -> dict[str, np.ndarray]:
    """What each participant says over the whole length."""
    sounds = {name: np.zeros(int(LENGTH_S * RATE)) for name in SPEAKERS}
    for name, at, text in TURNS:
        said = speak(text, SPEAKERS[name][1], random)
        first = int(at * RATE)
        sounds[name][first : first + len(said)] += said[: len(sounds[name]) - first]
    return sounds


def lost_packets(name: str) -> set[int]:
    """Indices of the packets of a participant that never arrive."""
    lost = {round(at / 0.02) + i for at, count in LOST.get(name, []) for i in range(count)}
    if name == STALL[0]:
        lost |= set(range(round(STALL[1] / 0.02), round((STALL[1] + STALL[2]) / 0.02)))
    return lost


def delays(name: str, count: int, random: np.random.Generator) -> np.ndarray:
    """Network delay of each packet in seconds: 20 ms and a little jitter, a lot of it in the jittery stretch."""
    delay = 0.02 + random.gamma(2.0, 0.0012, count)
    if name == JITTERY[0]:
        first, last = round(JITTERY[1] / 0.02), round(JITTERY[2] / 0.02)
        delay[first:last] = 0.02 + random.uniform(0.0, 0.07, last - first)
    return delay


def record(packets: list[bytes], arrivals: np.ndarray, lost: set[int]) -> tuple[np.ndarray, np.ndarray]:
    """What the recorder makes of one stream, and which frames it had nothing for; shapes (samples,), (frames,).

    A packet whose successors are there when it is due is known to be lost and is concealed. When the buffer has
    run dry for more than a frame there is nothing to decode, and the mixer goes on without this participant.
    """
    decoder, out, empty = Decoder(RATE), np.zeros(len(packets) * FRAME), np.zeros(len(packets), bool)
    here = np.array([np.inf if i in lost else arrivals[i] for i in range(len(packets))])
    for i, packet in enumerate(packets):
        due = i * 0.02 + 0.04 + PLAYOUT_S
        if here[i] <= due:
            frame = decoder.decode(packet)
        elif np.any(here[i + 1 : i + 50] <= due) or np.isfinite(here[i - 1]):
            frame = decoder.conceal(FRAME)
        else:
            empty[i] = True
            continue
        out[i * FRAME : (i + 1) * FRAME] = frame
    return out, empty


def gated(sound: np.ndarray) -> np.ndarray:
    """The mixer adds a participant only while it is heard: frames around -70 dBFS are left out, with fades."""
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
    heard = np.convolve(np.abs(frames).max(axis=1) > 10 ** (-60 / 20), np.ones(9), "same") > 0
    gate = np.repeat(heard.astype(float), FRAME)
    ramp = np.ones(960) / 960
    smooth = np.minimum(np.convolve(gate, ramp, "same"), 1.0)
    return sound[: len(gate)] * np.where(smooth < 1e-9, 0.0, smooth)


def udp_frame(name: str, payload: bytes) -> bytes:
    """Ethernet, IPv4 and UDP around a payload; addresses of RFC 5737."""
    number = list(SPEAKERS).index(name) + 1
    udp = struct.pack("!HHHH", 40_000 + number, 5004, 8 + len(payload), 0) + payload
    address = bytes([192, 0, 2, 10 + number]) + bytes([198, 51, 100, 7])
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0) + address
    words = struct.unpack("!10H", ip)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xFFFF
    ip = ip[:10] + struct.pack("!H", checksum) + ip[12:]
    return b"\x02\x00\x00\x00\x00\x01" + b"\x02\x00\x00\x00\x00\x02" + b"\x08\x00" + ip + udp


def write_pcap(path: Path, captured: list[tuple[float, bytes]]) -> None:
    """A classic pcap file, microseconds, little endian, Ethernet."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1))
        for second, frame in sorted(captured, key=lambda item: item[0]):
            micros = round(second * 1e6)
            stamp = round(OPENED.timestamp()) + micros // 1_000_000
            file.write(struct.pack("<IIII", stamp, micros % 1_000_000, len(frame), len(frame)) + frame)


def main() -> None:
    """Make every file of the demo."""
    random = np.random.default_rng(2026)
    captured, holes, mix = [], [], np.zeros(int(LENGTH_S * RATE))
    for name, sound in microphones(random).items():
        encoder = Encoder(RATE, bitrate=24_000, complexity=10)
        packets = [encoder.encode(part) for part in sound.reshape(-1, FRAME)]
        lost, delay = lost_packets(name), delays(name, len(packets), random)
        arrivals = (np.arange(len(packets)) + 1) * 0.02 + delay
        sequence, stamp = int(random.integers(60_000)), int(random.integers(2**31))
        for i, packet in enumerate(packets):
            if i not in lost:
                head = struct.pack(
                    "!BBHII", 0x80, 111 | (0x80 if i == 0 else 0), (sequence + i) & 0xFFFF,
                    (stamp + i * FRAME) & 0xFFFFFFFF, SPEAKERS[name][0],
                )  # fmt: skip
                captured.append((arrivals[i], udp_frame(name, head + packet)))
        recorded, empty = record(packets, arrivals, lost)
        holes += [
            (name, *hole) for hole in np.flatnonzero(np.diff(empty, prepend=False, append=False)).reshape(-1, 2)
        ]
        heard = gated(recorded)
        mix[: len(heard)] += heard
    write_pcap(HERE / "room.pcap", captured)
    # what was said at media time t is in the mix at t + delay_s: 20 ms of frame, 20 ms of path, the jitter buffer
    delay_s = PLAYOUT_S + 0.04
    start = int((RECORDING_FROM_S - delay_s) * RATE)
    soundfile.write(HERE / "mix.flac", mix[start:].clip(-1, 1), RATE, subtype="PCM_16")
    (HERE / "truth.json").write_text(json.dumps(truth(delay_s, holes), indent=1) + "\n")


def truth(delay_s: float, holes: list[tuple[str, int, int]]) -> dict[str, object]:
    """Every fault with its cause; seconds since the room opened, which is the event's second 0."""
    faults = []
    for name, stretches in LOST.items():
        for at, count in stretches:
            faults.append(
                {"kind": "loss", "participant": name, "media_s": at, "packets": count, "cause": "network_loss"}
            )
    name, at, length = STALL
    packets = round(length / 0.02)
    faults.append({"kind": "loss", "participant": name, "media_s": at, "packets": packets, "cause": "network_loss"})
    faults.append({"kind": "stall", "participant": name, "media_s": at, "length_s": length, "cause": "network_loss"})
    faults.append({"kind": "jitter", "participant": JITTERY[0], "start_s": JITTERY[1], "end_s": JITTERY[2]})
    for name, first, last in holes:
        start, long = round(first * 0.02 + delay_s, 3), round((last - first) * 0.02, 3)
        heard = {"participant": name, "start_s": start, "length_s": long}
        faults.append({"kind": "dropout", "track": "mix", **heard, "cause": "network_loss"})
    return {"opened": OPENED.isoformat(), "heard_after_s": delay_s, "faults": faults}


if __name__ == "__main__":
    main()
