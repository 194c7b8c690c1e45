"""What arrives of a clip that was sent as Opus over a network that loses packets, by libopus itself.

Packet i of 20 ms is the samples [960 i - lookahead, 960 (i + 1) - lookahead) here, since the encoder's look-ahead
(312 samples at 48 kHz, 120 for lowdelay) is taken off again. Concealment may change up to three frames after it.
"""

from dataclasses import dataclass

import numpy as np

from aqa.model import Flags, Floats
from aqa.opus import AUDIO, LOW_DELAY, VOIP, Decoder, Encoder, version

FRAME = 960
WIDTHS = {"NB": 1101, "MB": 1102, "WB": 1103, "SWB": 1104, "FB": 1105}  # OPUS_BANDWIDTH_*
APPLICATIONS = {"voip": VOIP, "audio": AUDIO, "lowdelay": LOW_DELAY}
__all__ = ["CODERS", "FRAME", "WIDTHS", "Coder", "Sent", "gilbert_elliott", "send", "version"]


@dataclass(frozen=True)
class Coder:
    """The settings of an encoder, and whether the receiver uses in-band FEC."""

    application: str = "voip"
    bitrate: int = 32_000
    fec: bool = False
    dtx: bool = False
    complexity: int = 9
    width: str = "FB"

    def encoder(self) -> Encoder:
        loss = {"inband_fec": 1, "packet_loss_perc": 20} if self.fec else {}
        return Encoder(48_000, APPLICATIONS[self.application], bitrate=self.bitrate, dtx=int(self.dtx),
                       complexity=self.complexity, max_bandwidth=WIDTHS[self.width], **loss)  # fmt: skip


CODERS = {
    "celt": Coder("audio", 64_000),
    "hybrid": Coder("voip", 32_000),
    "silk": Coder("voip", 16_000, width="WB"),
    "hybrid_fec": Coder("voip", 32_000, fec=True),
}


@dataclass(frozen=True)
class Sent:
    """What the receiver plays, aligned with what was sent; the same without loss; each packet's mode and width."""

    samples: Floats
    clean: Floats
    modes: tuple[str, ...]
    widths: tuple[str, ...]
    lookahead: int

    def span(self, first: int, last: int) -> tuple[int, int]:
        """The samples of packets [first, last)."""
        end = min(last * FRAME - self.lookahead, len(self.samples))
        return max(0, first * FRAME - self.lookahead), end


def send(samples: Floats, coder: Coder, lost: Flags | None = None, widths: dict[int, str] | None = None) -> Sent:
    """`samples` (n,) through encoder and decoder; `lost` by packet; `widths` switches the bandwidth at packets."""
    encoder = coder.encoder()
    ahead = encoder.lookahead
    packets = []
    for i, frame in enumerate(np.pad(samples, (0, ahead + (-len(samples) - ahead) % FRAME)).reshape(-1, FRAME)):
        if widths and i in widths:
            encoder.set(max_bandwidth=WIDTHS[widths[i]])
        packets.append(encoder.encode(frame))
    window = slice(ahead, ahead + len(samples))
    clean = _decode(packets, np.zeros(len(packets), np.bool_), coder)[window]
    played = clean if lost is None else _decode(packets, lost, coder)[window]
    return Sent(played, clean, tuple(map(_mode, packets)), tuple(map(_width, packets)), ahead)


def _decode(packets: list[bytes], lost: Flags, coder: Coder) -> Floats:
    """Decoded one by one; a lost packet is concealed, or taken from its successor where FEC is used."""
    decoder, out = Decoder(), []
    for i, packet in enumerate(packets):
        if i >= len(lost) or not lost[i]:
            out.append(decoder.decode(packet))
            continue
        follows = coder.fec and i + 1 < len(packets) and not lost[i + 1 : i + 2].any()
        out.append(decoder.conceal(FRAME, packets[i + 1] if follows else None))
    return np.concatenate(out)


def _mode(packet: bytes) -> str:
    """silk, hybrid or celt: RFC 6716 3.1, table 2."""
    config = packet[0] >> 3
    return "silk" if config < 12 else "hybrid" if config < 16 else "celt"


def _width(packet: bytes) -> str:
    """NB, MB, WB, SWB or FB: RFC 6716 3.1, table 2."""
    config = packet[0] >> 3
    if config < 12:
        return ("NB", "MB", "WB")[config // 4]
    return ("SWB", "FB")[(config - 12) // 2] if config < 16 else ("NB", "WB", "SWB", "FB")[(config - 16) // 4]


def gilbert_elliott(count: int, share: float, burst: float, rng: np.random.Generator) -> Flags:
    """Which of `count` packets are lost: Gilbert's two states with mean loss `share` and mean burst `burst`."""
    lost, state = np.zeros(count, np.bool_), False
    leave = 1 / burst
    enter = leave * share / max(1e-9, 1 - share)
    for i, chance in enumerate(rng.random(count)):
        state = chance >= leave if state else chance < enter
        lost[i] = state
    return lost
