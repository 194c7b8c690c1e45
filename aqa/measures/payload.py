"""What the first bytes of payloads and header extensions tell: Opus, copies of earlier packets, audio levels.

Payloads encrypted by SRTP look random: Opus is believed only where what packets say of their length agrees with RTP
time all along, which chance does not do.
"""

import numpy as np
from numpy.typing import NDArray

from aqa.model import Ints
from aqa.stream_model import NO_LEVEL

OPUS_HZ = 48_000  # RFC 7587 4.1: RTP time always counts at 48 kHz
MIN_AGREEING = 0.95
MIN_STEPS = 20
MIN_LEVELS = 8  # different values that an audio level takes; a media id or an orientation has fewer


def _frame_ticks() -> Ints:
    """Duration of one frame by the table-of-contents byte, in ticks of 48 kHz (RFC 6716 3.1, table 2)."""
    silk, hybrid, celt = (480, 960, 1920, 2880), (480, 960), (120, 240, 480, 960)
    by_config = [*silk * 3, *hybrid * 2, *celt * 4]
    return np.repeat(np.array(by_config, np.int64), 8)


_FRAME_TICKS = _frame_ticks()
LONGEST_TICKS = 5760  # 120 ms (RFC 6716 3.2.5)


def opus_ticks(head: NDArray[np.uint16]) -> Ints:
    """Media in Opus packets with these first two payload bytes, in ticks of 48 kHz (RFC 6716 3.2); 0: no Opus."""
    first, second = head & 0xFF00, head & 0x00FF
    toc = (first >> 8).astype(np.int64)
    code = toc & 3
    frames = np.where(code == 0, 1, np.where(code == 3, second & 63, 2))
    ticks = _FRAME_TICKS[toc] * frames
    return np.where(ticks <= LONGEST_TICKS, ticks, 0)


def is_opus(head: NDArray[np.uint16], sequence: Ints, timestamp: Ints) -> bool:
    """Whether packets in sequence are each as long as the next one's RTP time says, and not all for one reason."""
    follows = np.flatnonzero(np.diff(sequence) == 1)
    steps = timestamp[follows + 1] - timestamp[follows]
    speaking = (steps > 0) & (steps <= LONGEST_TICKS)  # over a pause of DTX, time runs on by more
    if speaking.sum() < MIN_STEPS:
        return False
    ticks = opus_ticks(head[follows])[speaking]
    return bool(np.mean(ticks == steps[speaking]) >= MIN_AGREEING)


def opus_copies(head: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """1 where an Opus packet carries a copy of the one before (LBRR, RFC 6716 4.2.4), else 0.

    Seen in packets of one frame in SILK or hybrid mode: after one voice-activity bit per 20 ms comes the flag.
    """
    toc = (head >> 8).astype(np.int64)
    speech = (toc >> 3 < 16) & (toc & 3 == 0)
    silk_frames = np.maximum(_FRAME_TICKS[toc] // 960, 1)
    flag = (head & 0xFF).astype(np.int64) >> (7 - silk_frames) & 1
    copies: NDArray[np.uint8] = (speech & (flag == 1)).astype(np.uint8)
    return copies


def red_type(types: NDArray[np.uint8], copies: NDArray[np.uint8], primary: NDArray[np.uint8]) -> int | None:
    """The payload type that is RED (RFC 2198), by how it looks: every packet wraps one and the same other type."""
    for kind in np.unique(types[types >= 96]).tolist():
        mine = types == kind
        wrapped = primary[mine & (copies > 0)]
        if len(wrapped) >= MIN_STEPS and len(wrapped) >= 0.5 * mine.sum() and np.all(wrapped == wrapped[0]):
            return int(kind) if wrapped[0] != kind and wrapped[0] >= 96 else None
    return None


def levels_dbov(one: NDArray[np.uint16], other: NDArray[np.uint16], named: int | None) -> NDArray[np.int16]:
    """Audio level of each packet (RFC 6464 3) from two header extension elements of one byte; NO_LEVEL where none.

    `named` is the element's id where SDP gives it; else an element is believed to be the level if it is on most
    packets and takes many values.
    """
    out = np.full(len(one), NO_LEVEL, np.int16)
    if not one.any():
        return out
    for column in (one, other):
        name, value = column >> 8, column & 127
        found = np.bincount(name, minlength=2)[1:].argmax() + 1 if named is None else named
        mine = name == found
        if named is None and (mine.mean() < 0.5 or len(np.unique(value[mine])) < MIN_LEVELS):
            continue
        take = mine & (out == NO_LEVEL)
        out[take] = -value[take].astype(np.int16)
    return out
