"""How hard sound is cut at a hole: what the detectors of dropouts and of silence share."""

import numpy as np

from aqa.model import Doubles
from aqa.sound_model import RunTable

HARD_DB = -26.5  # harder side plus 0.7 times the softer; where it comes from stands in `detectors/dropout.py`
QUIET_SIDE_DB = -20.0
QUIET_SIDE_EDGE_DB = -14.0
SOFTER_SIDE = 0.7
FADE_STEP = 1.5 * 2.0**-15


def hardness(runs: RunTable, speech_dbfs: float, rate: int) -> Doubles:
    """Peak of the edge over the level beside it in dB, of both sides; little trusted where that level is low."""
    click_db = 10 * np.log10(rate / 100) - 2  # nearly all energy of the 10 ms in one sample: no sound but a click
    sides = []
    for level, peak in ((runs.before_dbfs, runs.peak_before_dbfs), (runs.after_dbfs, runs.peak_after_dbfs)):
        edge = 20 * np.log10(np.maximum(10 ** (peak / 20) - FADE_STEP, 1e-6)) - level
        edge = np.where(edge > click_db, -np.inf, edge)
        sides.append(np.where(level > speech_dbfs + QUIET_SIDE_DB, edge, np.minimum(edge, QUIET_SIDE_EDGE_DB)))
    return np.asarray(np.maximum(*sides) + SOFTER_SIDE * np.minimum(*sides))


def longest(runs: RunTable, start: int, end: int) -> RunTable | None:
    """The longest run that lies between `start` and `end` or reaches into it, as a table of one."""
    inside = (runs.start_sample < end) & (runs.end_sample > start)
    length = np.where(inside, runs.end_sample - runs.start_sample, 0)
    if not inside.any():
        return None
    return runs.where(np.arange(len(length)) == int(np.argmax(length)))
