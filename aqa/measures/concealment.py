"""Sound that a decoder made up for lost packets: how likely each 5 ms of a channel is to be it.

Two models of boosted trees (`concealment_celt.npz` and `concealment_silk.npz`, learnt by
`tests/accuracy/train_concealment.py`) look at 0.2 s of features around a hop: one for CELT's way, one for that of
SILK and of hybrid. Runs of likely hops are candidates; what likelihood is enough is the detector's affair.
An hour of 48 kHz without a pause takes some 23 s of a core, so the pass does it only where it is asked to.
"""

import logging
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aqa.measures.concealment_context import AFTER, BEFORE, UNLIKELY, judge
from aqa.measures.concealment_kernels import ALIKE, BAND, COLUMNS, HIGH, LEVEL, LOUD, SILENT_DB
from aqa.measures.concealment_rows import HOPS_A_SECOND, Features
from aqa.measures.measure import Found
from aqa.measures.trees import Trees, load
from aqa.model import Flags, Floats
from aqa.picker import merge, true_runs
from aqa.sound_model import Candidates, Series

WAYS = ("celt", "silk")
MODELS = tuple(Path(__file__).with_name(f"concealment_{way}.npz") for way in WAYS)
MEAN_HOPS = (4, 8)  # of each way: 20 ms, a frame of Opus; SILK's single losses can hardly be seen, 40 ms tell more
MOST_ODDS = 4.0  # one hop alone doesn't decide, for or against
STEP = 0.25  # natural log of odds: what a kept value is rounded to
REPEAT_STEP_DB = 0.2
CANDIDATE = -1.0  # least mean log odds of hops in a candidate
APART_HOPS = 2  # candidates up to 10 ms apart are one
MOST = 200_000  # candidates of a channel
NAMES = ("way", "peak_log_odds", "likely_ms", "repeat_db")
"""Of a candidate: which of WAYS; mean log odds at its best; expected length; median repetition at the full rate
of what is between 3 and 8 kHz."""
SHARE_STEP_PCT = 0.25
OFF = (0.0, 1.0)  # of each way: log odds taken off before likelihoods say what share was made up
RATES = ((0.72, 0.33), (8.45, -0.38))
"""Of each way: slope and offset in per cent from what was seen, in hops of those that hold sound, to the share of
sound that was made up. Seen are CELT's expected hops, and of SILK the runs of likely hops: its long losses fade
before they end, so a run stands for 40 ms whatever its length. SILK's is the share of active speech: what it makes up
in a pause is noise like any other. Least squares over 660 stretches of 30 s of speech of the validation split (clean,
bursts, Gilbert's losses of 0 to 20 %)."""
NOTHING = -128  # no media
_UNHEARD = round(UNLIKELY / STEP)  # what is no sound, in steps

Odds = NDArray[np.int8]
_log = logging.getLogger(__name__)


@cache
def models() -> tuple[Trees, ...]:
    """The models that come with the program, one for each of WAYS."""
    return tuple(load(path)[0] for path in MODELS)


class Concealment:
    """Likelihoods while one channel goes by; 3 bytes a hop."""

    def __init__(self, rate: int, lsb: float) -> None:
        del lsb
        self.rate, self.features = rate, Features(rate)
        self.before, self.after = self.features.before, self.features.after
        self.kept: list[tuple[int, Odds]] = []  # first hop; of it and what follows: log odds by way, repetition
        self.rows, self.first = _silence(0), 0

    def take(self, x: Floats, lo: int, hi: int, base: int) -> None:
        """See `x[lo:hi]`: a hop is judged once the 80 ms after it are known."""
        new = self.features.take(x, lo, hi, base)
        if not len(self.rows):
            self.rows, self.first = _silence(BEFORE), new.first - BEFORE
        self._judge(new.values)

    def close(self, x: Floats, at: int, base: int) -> None:
        """The media ends: silence stands for what would follow."""
        del x, at, base
        if len(self.rows):
            self._judge(_silence(AFTER))
        self.features.close()
        self.rows = _silence(0)

    def _judge(self, more: Floats) -> None:
        self.rows = np.concatenate((self.rows, more))
        count = len(self.rows) - BEFORE - AFTER
        if count <= 0:
            return
        repeat = self.rows[BEFORE : BEFORE + count, ALIKE + 1].astype(np.float64) / REPEAT_STEP_DB
        values = np.stack([*(judge(self.rows, model) / STEP for model in models()), repeat])
        self.kept.append((self.first + BEFORE, np.clip(np.rint(values), -127, 127).astype(np.int8)))
        self.rows, self.first = self.rows[count:], self.first + count

    def found(self, samples: int) -> Found:
        """Candidates, and the share that is likely made up of each second's sound."""
        count = samples * HOPS_A_SECOND // self.rate
        kept = np.full((len(WAYS) + 1, count), NOTHING, np.int8)
        for first, some in self.kept:
            kept[:, first : first + some.shape[1]] = some[:, : max(0, count - first)]
        heard = kept[0] > _UNHEARD
        way = int((kept[0] > 0).sum() <= (kept[1] > 0).sum())
        made_up = np.where(heard, _likely(kept[way] * np.float32(STEP) - OFF[way]), 0).astype(np.float32)
        return Found(
            series={"concealment": Series(1.0, ("concealed_pct", "sound_pct"), _seconds(made_up, heard))},
            runs={"concealment": candidates(kept, self.rate)},
            facts={"concealed_pct_estimated": share_pct(_seen(kept[way], made_up, heard, way), heard, way)},
        )


def candidates(kept: Odds, rate: int) -> Candidates:
    """Runs in which the mean over MEAN_HOPS is not unlikely, of each way, in order.

    `kept` (3, hops): log odds of each way in steps, repetition in steps.
    """
    starts, ends, features = [], [], []
    for way in range(len(WAYS)):
        mean, likely = _means(kept[way], MEAN_HOPS[way]), _likely(kept[way] * np.float32(STEP))
        for a, b in _runs(mean):
            starts.append(-(-a * rate // HOPS_A_SECOND))
            ends.append(-(-b * rate // HOPS_A_SECOND))
            expected = likely[a:b].sum() * 1000 / HOPS_A_SECOND
            features.append((way, mean[a:b].max(), expected, np.median(kept[-1, a:b]) * REPEAT_STEP_DB))
    order = np.argsort(np.array(starts, np.int64), kind="stable")
    values = np.array(features, np.float32).reshape(-1, len(NAMES))
    return Candidates(np.array(starts, np.int64)[order], np.array(ends, np.int64)[order], NAMES, values[order])


def _runs(mean: Floats) -> list[tuple[int, int]]:
    runs = merge(true_runs(mean >= CANDIDATE), APART_HOPS)
    if len(runs) > MOST:
        _log.warning("more than %d candidates of concealment in a channel: the later ones are left out", MOST)
    return [(int(a), int(b)) for a, b in runs[:MOST]]


def _seen(odds: Odds, made_up: Floats, heard: Flags, way: int) -> float:
    """What the share of sound is told from: expected hops of CELT, runs of likely hops of SILK."""
    return float(made_up.sum(dtype=np.float64)) if way == 0 else float(len(true_runs((odds > 0) & heard)))


def share_pct(seen: float, heard: Flags, way: int) -> float | None:
    """Share of the sound that was made up, from what was seen of it; None where there is no sound."""
    if not heard.any():
        return None
    slope, offset = RATES[way]
    return min(max(slope * 100 * seen / int(heard.sum()) + offset, 0.0), 100.0)


def _silence(hops: int) -> Floats:
    """Rows of what is not there."""
    rows = np.zeros((hops, len(COLUMNS)), np.float32)
    rows[:, (LEVEL, HIGH, LOUD, BAND, BAND + 1)] = SILENT_DB
    return rows


def _likely(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-log_odds)), np.float32)


def _means(odds: Odds, hops: int) -> Floats:
    """Mean log odds of the `hops` around each hop, one more after it than before where they are even."""
    clear = np.clip(odds.astype(np.float32) * np.float32(STEP), -MOST_ODDS, MOST_ODDS)
    padded = np.pad(clear, ((hops - 1) // 2, hops // 2), constant_values=-MOST_ODDS)
    means = sum(padded[i : i + len(odds)] for i in range(hops)) / np.float32(hops)
    return np.asarray(means, np.float32)


def _seconds(likely: Floats, heard: Flags) -> Floats:
    """Share in per cent of each second that is likely made up, and that holds sound at all: (seconds, 2)."""
    seconds = -(-len(likely) // HOPS_A_SECOND)
    room = np.zeros((2, seconds * HOPS_A_SECOND), np.float32)
    room[0, : len(likely)], room[1, : len(heard)] = likely, heard
    shares = 100 * room.reshape(2, seconds, HOPS_A_SECOND).mean(axis=2).T
    return np.ascontiguousarray(np.rint(shares / SHARE_STEP_PCT) * np.float32(SHARE_STEP_PCT))
