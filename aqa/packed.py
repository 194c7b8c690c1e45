"""Measured tracks on their way from a worker to the main process."""

import pickle
import zlib
from dataclasses import dataclass, replace

import numpy as np

from aqa.sound_model import Track


@dataclass(frozen=True)
class Packed:
    """A track with its series compressed: the pipe holds what it carries a second time (12 hours are 39 MB)."""

    track: Track  # without series
    parts: tuple[bytes, ...]

    @classmethod
    def of(cls, track: Track) -> "Packed":
        """Pack a track."""
        none = np.zeros(0, np.float32)
        speech = np.zeros(0, np.bool_)
        bare = replace(track, level_dbfs=none, peak_dbfs=none, levels=replace(track.levels, speech=speech), series={})
        parts = (track.level_dbfs.tobytes(), track.peak_dbfs.tobytes(), track.levels.speech.tobytes())
        return cls(bare, tuple(zlib.compress(part, 1) for part in (*parts, pickle.dumps(track.series))))

    def unpacked(self) -> Track:
        """The track as it was, bit for bit."""
        level, peak = (np.frombuffer(zlib.decompress(part), np.float32) for part in self.parts[:2])
        speech = np.frombuffer(zlib.decompress(self.parts[2]), np.bool_)
        levels = replace(self.track.levels, speech=speech)
        series = pickle.loads(zlib.decompress(self.parts[3]))
        return replace(self.track, level_dbfs=level, peak_dbfs=peak, levels=levels, series=series)
