"""G.711: mu-law and A-law to float samples, and what stands in for a lost packet (ITU-T G.711 and its Appendix I)."""

import numpy as np

from aqa.model import Floats

RATE_HZ = 8000
_PITCH = range(40, 121)  # samples: 66 to 200 Hz, Appendix I 2.3
_KEPT = 390  # samples of history, Appendix I 2.2
_WHOLE, _GONE = 80, 480  # full level for 10 ms, then down by a fifth each 10 ms: nothing after 60 ms (I.2.7)


def _mulaw() -> Floats:
    """The 256 levels of table 2a/G.711, full scale 1 (8159 of 14 bits is 32636 of 16)."""
    code = ~np.arange(256) & 255
    size = ((2 * (code & 15) + 33) << (code >> 4 & 7)) - 33
    return (np.where(code & 128, -size, size) * 4 / 32768).astype(np.float32)


def _alaw() -> Floats:
    """The 256 levels of table 1a/G.711, full scale 1; even bits are inverted on the wire."""
    code = np.arange(256) ^ 0x55
    segment = code >> 4 & 7
    size = np.where(segment == 0, 2 * (code & 15) + 1, (2 * (code & 15) + 33) << np.maximum(segment - 1, 0))
    return (np.where(code & 128, size, -size) * 8 / 32768).astype(np.float32)


LEVELS = {"pcmu": _mulaw(), "pcma": _alaw()}


class Decoder:
    """Packets of one stream to mono float samples at 8 kHz; a missing one is made of the pitch before it."""

    def __init__(self, law: str) -> None:
        self._levels = LEVELS[law]
        self._history = np.zeros(_KEPT, np.float32)

    def decode(self, packet: bytes) -> Floats:
        """The samples of one packet, one a byte."""
        out = self._levels[np.frombuffer(packet, np.uint8)]
        self._history = np.concatenate((self._history, out))[-_KEPT:]
        return out

    def conceal(self, samples: int, successor: bytes | None = None) -> Floats:
        """`samples` in place of lost packets: the last pitch period over and over, faded out within 60 ms."""
        del successor  # nothing of the loss is in it
        period = self._period()
        at = np.arange(samples)
        fade = np.clip(1 - (at - _WHOLE) / (_GONE - _WHOLE), 0, 1)
        return np.asarray(self._history[len(self._history) - period + at % period] * fade, np.float32)

    def _period(self) -> int:
        """Lag of the highest normalised correlation of the last 20 ms."""
        last = self._history[-160:]
        scores = []
        for lag in _PITCH:
            before = self._history[-160 - lag : -lag]
            scores.append(float(last @ before) / float(np.sqrt(before @ before) + 1e-9))
        return _PITCH[int(np.argmax(scores))]
