"""libopus through ctypes: the encoder, and the decoder with concealment and in-band FEC that PyAV can't reach.

The library is the one inside PyAV's wheel, else the system's `libopus.so.0`; no system package is needed.
API: https://opus-codec.org/docs/opus_api-1.5/ (groups Encoder, Decoder, CTLs).
"""

import ctypes
import ctypes.util
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from aqa.model import Floats

VOIP, AUDIO, LOW_DELAY = 2048, 2049, 2051  # OPUS_APPLICATION_*
_GET_LOOKAHEAD = 4027
_SET = {
    "bitrate": 4002, "max_bandwidth": 4004, "vbr": 4006, "complexity": 4010, "inband_fec": 4012,
    "packet_loss_perc": 4014, "dtx": 4016,
}  # fmt: skip
_MOST_PACKET = 4000  # bytes; what the API documentation recommends
_MOST_FRAME = 5760  # samples: 120 ms at 48 kHz


@cache
def library() -> ctypes.CDLL:
    """The loaded library; OSError naming the remedy where there is none."""
    spec = find_spec("av")
    beside = Path(spec.origin).parent.parent if spec and spec.origin else Path()
    bundled = sorted(str(path) for path in beside.glob("av.libs/libopus*"))
    for name in [*bundled, ctypes.util.find_library("opus"), "libopus.so.0"]:
        try:
            found = ctypes.CDLL(name or "")
            found.opus_encoder_create.restype = ctypes.c_void_p
            found.opus_decoder_create.restype = ctypes.c_void_p
            found.opus_get_version_string.restype = ctypes.c_char_p
        except (OSError, AttributeError):
            continue
        return found
    raise OSError("no libopus: install PyAV from its wheel, or the system package libopus0")


def version() -> str:
    """The library's own version text, for tables of accuracy."""
    return bytes(library().opus_get_version_string()).decode()


class Encoder:
    """Mono float samples at `rate` to Opus packets; options by the names of OPUS_SET_* (bitrate=32000, dtx=1)."""

    def __init__(self, rate: int = 48_000, application: int = VOIP, **options: int) -> None:
        error = ctypes.c_int()
        self._state = ctypes.c_void_p(library().opus_encoder_create(rate, 1, application, ctypes.byref(error)))
        _check(error.value)
        self.set(**options)

    def set(self, **options: int) -> None:
        """Change options between frames."""
        for name, value in options.items():
            _check(library().opus_encoder_ctl(self._state, _SET[name], ctypes.c_int(value)))

    @property
    def lookahead(self) -> int:
        """Samples at `rate` by which the decoded sound comes late."""
        samples = ctypes.c_int()
        _check(library().opus_encoder_ctl(self._state, _GET_LOOKAHEAD, ctypes.byref(samples)))
        return samples.value

    def encode(self, frame: Floats) -> bytes:
        """One packet of one frame; shape (samples,), 2.5 to 60 ms."""
        samples = np.ascontiguousarray(frame, np.float32)
        packet = ctypes.create_string_buffer(_MOST_PACKET)
        pointer = samples.ctypes.data_as(ctypes.c_void_p)
        size = library().opus_encode_float(self._state, pointer, len(samples), packet, _MOST_PACKET)
        return packet.raw[: _check(size)]

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            library().opus_encoder_destroy(self._state)


class Decoder:
    """Opus packets to mono float samples; a missing packet is concealed, or taken from its successor's FEC."""

    def __init__(self, rate: int = 48_000) -> None:
        error = ctypes.c_int()
        self._state = ctypes.c_void_p(library().opus_decoder_create(rate, 1, ctypes.byref(error)))
        _check(error.value)

    def decode(self, packet: bytes) -> Floats:
        """The samples of one packet."""
        return self._decode(packet, _MOST_FRAME, fec=False)

    def conceal(self, samples: int, successor: bytes | None = None) -> Floats:
        """`samples` in place of a lost packet: made up, or from the in-band FEC of the packet that follows."""
        return self._decode(successor, samples, fec=successor is not None)

    def _decode(self, packet: bytes | None, most: int, *, fec: bool) -> Floats:
        out = np.empty(most, np.float32)
        pointer = out.ctypes.data_as(ctypes.c_void_p)
        size = 0 if packet is None else len(packet)
        count = _check(library().opus_decode_float(self._state, packet, size, pointer, most, int(fec)))
        return out[:count]

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            library().opus_decoder_destroy(self._state)


def _check(code: int) -> int:
    if code < 0:
        raise ValueError(f"libopus: error {code}")
    return code
