"""A measured track on its way from a worker to the main process."""

import zlib
from dataclasses import dataclass, replace

import numpy as np

from aqa.model import Track


@dataclass(frozen=True)
class Packed:
    """A track with its series compressed: the pipe holds what it carries a second time (12 hours are 39 MB)."""

    track: Track  # without series
    series: tuple[bytes, ...]

    @classmethod
    def of(cls, track: Track) -> "Packed":
        """Pack a track."""
        none = np.zeros(0, np.float32)
        speech = np.zeros(0, np.bool_)
        bare = replace(track, level_dbfs=none, peak_dbfs=none, levels=replace(track.levels, speech=speech))
        parts = (track.level_dbfs, track.peak_dbfs, track.levels.speech)
        return cls(bare, tuple(zlib.compress(part.tobytes(), 1) for part in parts))

    def unpacked(self) -> Track:
        """The track as it was, bit for bit."""
        level, peak = (np.frombuffer(zlib.decompress(part), np.float32) for part in self.series[:2])
        speech = np.frombuffer(zlib.decompress(self.series[2]), np.bool_)
        levels = replace(self.track.levels, speech=speech)
        return replace(self.track, level_dbfs=level, peak_dbfs=peak, levels=levels)
