"""From a story to what is left of it: microphones, packets, recordings, series, and the truth beside them."""

import json
import struct
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import soundfile
from captures import pcap

from aqa.opus import Decoder, Encoder
from reenactment.story import (
    BACK_S,
    CRASH_S,
    LENGTH_S,
    MUSIC,
    NAMES,
    ROOM_1,
    ROOM_2,
    SCHEDULED_S,
    Story,
    listeners,
    load,
    story,
)
from reenactment.voices import RATE, music, speech

OPENED = datetime(2023, 5, 24, 22, 0, 0, tzinfo=UTC)
FRAME = 960
STEP_S = FRAME / RATE
BUFFER_S = 0.12
"""What the recorder's fixed buffer waits beyond a packet's usual arrival."""
ANEW_S = 0.5
"""Packets that come later than this after a stall are played from then on: the buffer fills anew."""
NODES = {"alice": ("eu-west", "sfu-1"), "bob": ("us-east", "sfu-1"), "carol": ("eu-west", "sfu-1")}


def microphones(night: Story, random: np.random.Generator) -> dict[str, np.ndarray]:
    """What each microphone hears: its speaker, a quiet room, and for a while the loudspeaker."""
    size = round(LENGTH_S * RATE)
    sounds = {name: random.normal(0, 0.0005, size) for name in NAMES}
    for who, start, end in night.turns:
        said = speech(end - start, who, random)
        first = round(start * RATE)
        sounds[who][first : first + len(said)] += said[: size - first]
    ear, mouth, start, end = night.echo
    first, last, lag = round(start * RATE), round(end * RATE), round(0.18 * RATE)
    sounds[ear][first + lag : last] += 0.25 * sounds[mouth][first : last - lag]
    for who, start, end in night.dead_air:
        sounds[who][round(start * RATE) : round(end * RATE)] = 0.0
    return sounds


@dataclass
class Sender:
    """One stream of one participant in one room."""

    name: str
    ssrc: int
    packets: list[tuple[int, int, float, bytes, int]]  # sequence, timestamp, arrival, payload, level


def sender(night: Story, name: str, sound: np.ndarray, room: int, random: np.random.Generator) -> Sender:
    """Encode, mute, freeze, lose and delay."""
    first, last = ((1.0, CRASH_S), (BACK_S, LENGTH_S - 2.0))[room]
    encoder = Encoder(RATE, bitrate=24_000, complexity=0)
    sequence, stamp, frozen = int(random.integers(60_000)), int(random.integers(2**31)), 0.0
    out = Sender(name, 0x10000000 * (room + 1) + 0x100 * (NAMES.index(name) + 1), [])
    for frame in range(round(first / STEP_S), round(last / STEP_S)):
        at = frame * STEP_S
        if any(who == name and start <= at < end for who, start, end in night.frozen):
            frozen += STEP_S
            continue
        part = sound[frame * FRAME : (frame + 1) * FRAME]
        muted = name == "carol" and not any(start <= at < end for start, end in night.unmuted)
        stamp += FRAME
        if muted:
            continue
        payload = encoder.encode(part.astype(np.float32))
        sequence += 1
        if any(start <= at < end for start, end in night.lost[name]):
            continue
        level = int(np.clip(-20 * np.log10(max(np.sqrt(np.mean(part * part)), 1e-7)), 0, 127))
        out.packets.append((sequence, stamp, arrival(night, name, at, random), payload, level))
    return out


def arrival(night: Story, name: str, at: float, random: np.random.Generator) -> float:
    """A frame is sent when it is full, takes 20 ms and some jitter, and may be held up on its way."""
    came = at + STEP_S + 0.02 + random.gamma(2.0, 0.001)
    held = [end for who, start, end in night.slow if who == name and start <= at < end]
    return max(came, held[0] + 0.05 + (at % 0.02)) if held else came


def recorded(night: Story, senders: list[Sender], sounds_at: int) -> np.ndarray:
    """The mix of one room: each speaker through a fixed buffer, zeros where nothing was there in time."""
    mix = np.zeros(sounds_at)
    for one in senders:
        decoder, track = Decoder(RATE), np.zeros(sounds_at)
        media = {}
        offset = None
        for _, stamp, came, payload, _ in sorted(one.packets, key=lambda item: item[1]):
            place = stamp / RATE
            if offset is None or came - place > offset + ANEW_S:
                offset = came - place
            due = place + offset + BUFFER_S
            media[stamp] = (due, came <= due, payload)
        for due, there, payload in media.values():
            sound = decoder.decode(payload)
            first = round(due * RATE)
            if there and first + FRAME <= sounds_at:
                track[first : first + FRAME] = sound
        mix += only_while_heard(track)
    return mix


def only_while_heard(track: np.ndarray) -> np.ndarray:
    """A mixer leaves out who does not speak: frames around -60 dBFS go, with fades; holes in speech stay holes."""
    frames = track[: len(track) // FRAME * FRAME].reshape(-1, FRAME)
    heard = np.convolve(np.abs(frames).max(axis=1) > 10 ** (-46 / 20), np.ones(25), "same") > 0
    gate = np.convolve(np.repeat(heard.astype(float), FRAME), np.ones(FRAME) / FRAME, "same")
    return np.pad(track[: len(gate)] * np.where(gate < 1e-9, 0.0, np.minimum(gate, 1.0)), (0, len(track) - len(gate)))


def frames_of(senders: list[Sender]) -> list[tuple[int, bytes]]:
    """Ethernet frames with RFC 6464 levels in a one-byte header extension (RFC 8285 4.2), in order of arrival."""
    found = []
    for one in senders:
        number = NAMES.index(one.name) + 1
        for sequence, stamp, came, payload, level in one.packets:
            head = struct.pack(
                "!BBHIIHHBBH", 0x90, 111, sequence & 0xFFFF, stamp & 0xFFFFFFFF, one.ssrc, 0xBEDE, 1, 0x10, level, 0
            )
            found.append((came, _frame(number, head + payload)))
    start = OPENED.timestamp()
    return [(round((start + came) * 1e6) * 1000, frame) for came, frame in sorted(found, key=lambda item: item[0])]


def _frame(number: int, payload: bytes) -> bytes:
    """Ethernet, IPv4 and UDP; addresses of RFC 5737."""
    udp = struct.pack("!HHHH", 40_000 + number, 5004, 8 + len(payload), 0) + payload
    address = bytes([192, 0, 2, 10 + number]) + bytes([198, 51, 100, 7])
    return (
        b"\2" * 12 + b"\x08\x00" + struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + address + udp
    )


def build(folder: Path, seed: int) -> Story:
    """Write the event of one seed into `folder`; truth.json lies beside it, not in it."""
    random, night = np.random.default_rng([seed, 1]), story(seed)
    folder.mkdir(parents=True)
    sounds = microphones(night, random)
    every: list[Sender] = []
    for room, (opened, closed) in enumerate((ROOM_1, ROOM_2)):
        senders = [sender(night, name, sounds[name], room, random) for name in NAMES]
        every += senders
        mix = recorded(night, senders, round((closed + 0.5) * RATE))
        if room == 0:
            first = round(MUSIC[0] * RATE)
            played = music(MUSIC[1] - MUSIC[0], random)
            mix[first : first + len(played)] += played
        for start, end in night.holes:
            mix[round(start * RATE) : round(end * RATE)] = 0.0
        part = mix[round((opened + 0.5) * RATE) :].clip(-1, 1)
        soundfile.write(folder / f"room-{room + 1}-mix.flac", part, RATE, subtype="PCM_16")
    (folder / "night.pcap").write_bytes(pcap(frames_of(every)))
    (folder / "event.toml").write_text(_toml(every))
    _series(folder, night, random)
    truth = [{**asdict(item), "kinds": sorted(item.kinds)} for item in night.truth]
    (folder.parent / f"truth-{seed}.json").write_text(json.dumps(truth, indent=1))
    return night


def utc(second: float) -> str:
    """An event second as RFC 3339."""
    return (OPENED + timedelta(seconds=second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _toml(senders: list[Sender]) -> str:
    lines = [
        "[event]",
        'id = "night"',
        'title = "Launch night, in miniature"',
        f"scheduled_start = {utc(SCHEDULED_S)}",
    ]
    for number, (opened, closed) in enumerate((ROOM_1, ROOM_2), 1):
        lines += ["[[rooms]]", f'id = "room-{number}"', f"opened = {utc(opened)}", f"closed = {utc(closed)}"]
        lines += ["[[recordings]]", f'path = "room-{number}-mix.flac"', f'room = "room-{number}"', 'track = "mix"']
        lines += [f"start = {utc(opened + 0.5)}", 'recorder = "rtpengine"']
    lines += ["[[packet_logs]]", 'path = "night.pcap"', 'vantage = "sfu-in"']
    for name in NAMES:
        region, node = NODES[name]
        numbers = ", ".join(f'"0x{one.ssrc:08x}"' for one in senders if one.name == name)
        lines += [f"[participants.{name}]", f"ssrc = [{numbers}]", f'region = "{region}"', f'node = "{node}"']
    return "\n".join([*lines, "[codecs]", '111 = "opus/48000/2"', ""])


def _series(folder: Path, night: Story, random: np.random.Generator) -> None:
    """listeners.csv, load.csv, feedback.csv and operator.csv."""
    told, busy = ["time,room,listeners"], ["time,node,metric,value"]
    for at in np.arange(0, LENGTH_S, 5.0).tolist():
        room = "room-1" if at < ROOM_1[1] else "room-2"
        told.append(f"{utc(at)},{room},{round(listeners(at) * random.uniform(0.99, 1.01))}")
        busy.append(f"{utc(at)},sfu-1,cpu_pct,{load(at) + random.normal(0, 1.5):.1f}")
    told.append(f"{utc(ROOM_1[1] + 0.5)},room-1,0")
    said = ["time,room,user,kind,text"]
    for item in night.truth:
        many = 0 if item.who == "recorder" or item.end_s - item.start_s < 0.1 else int(random.integers(0, 3))
        for _ in range(many):
            at = item.end_s + random.uniform(3, 30)
            said.append(f"{utc(at)},,u{random.integers(9999)},bad_audio,breaking up")
    for _ in range(5):
        said.append(f"{utc(random.uniform(588, 596))},room-2,w{random.integers(9999)},bad_audio,my phone is silent")
    log = [
        f"{utc(250)},kim,cpu of sfu-1 is red",
        f"{utc(303)},kim,room-1 is gone; opening another",
        f"{utc(331)},kim,room-2 is open",
    ]
    for name, lines in (
        ("listeners", told),
        ("load", busy),
        ("feedback", said),
        ("operator", ["time,who,text", *log]),
    ):
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
