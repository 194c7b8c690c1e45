"""What a format knows of a log beside its packets, by functions that it may or may not have.

`codecs(path)`: codec by payload type. `untimed(path)`: why the file does not say when its packets came, or None.
"""

import dataclasses
from pathlib import Path
from types import ModuleType

from aqa.chunks import DamagedError
from aqa.stream_model import Stream

EARLIEST_NS = 694_224_000_000_000_000
"""1992: RTP is no older (RFC 1889 is of 1996), so an earlier time is a clock that was never set, and no UTC."""


def codecs(module: ModuleType, path: Path) -> dict[int, str]:
    """ "opus/48000/2" by payload type, as the file itself says; empty where it does not."""
    said = getattr(module, "codecs", None)
    try:
        return dict(said(path)) if said else {}
    except DamagedError:  # reading the packets says it
        return {}


def untimed(module: ModuleType, path: Path) -> str | None:
    """Why nothing can be said of when packets came; None where it can."""
    said = getattr(module, "untimed", None)
    return str(reason) if said and (reason := said(path)) else None


def without_times(stream: Stream) -> Stream:
    """A stream whose packets only have a place in media time: jitter, delay, pauses and skew are not measured."""
    return dataclasses.replace(stream, timed=False)


def utc(time_ns: int | None) -> int | None:
    """A time, where it can be UTC."""
    return time_ns if time_ns is not None and time_ns >= EARLIEST_NS else None
