"""How exactly a recording lies among packets: the fine part of the alignment (`aqa/align.py`).

Windows of 30 s, each with a parabolic peak, a Theil-Sen line over them (Theil 1950, Sen 1968), then least squares
over those that agree. Packet sizes follow no level but its rises: an encoder spends most on what it could not
foresee. So the recording's levels are first turned into what sizes they would make.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aqa.align_search import MAX_DRIFT_PPM, Wave
from aqa.model import HOP_S, Doubles, Flags, Floats

WINDOW_S, MIN_WINDOW_S = 30.0, 5.0
WINDOWS = 6  # at least so many, where the recording is long enough for windows of MIN_WINDOW_S
MOST_WINDOWS = 400
AGREE_S = (0.01, 0.04)  # scatter of windows that belong together: of good ones 0.5 to 6 ms, measured (module's tests)
PAUSES_AGREE_S = (0.1, 0.2)  # of windows that only pauses place: those are announced up to 200 ms late
HOLE_S, MIN_HOLES = 0.003, 5  # holes of packets are exact but for the recorder's clock; three lie on a line by chance
FIT_REACH = 10  # hops: the coarse search is within 40 ms, and sizes lead levels by up to 30 ms
_ONSET = (0.18, -1.1, 1.0, 0.38, -0.19)
"""Weights of the 20 ms before and after a frame's own (in the middle) in its packet's size.

Least squares over 600 s of made and 600 s of read speech (LibriSpeech) through libopus 1.x, voip at 16, 32 and
64 kb/s: the same shape in each, and half as strong in audio (CELT) at 32 and 64 kb/s, there up to 8 ms later.
"""


def _kernels() -> tuple[Doubles, ...]:
    """What of levels around a hop may show in a packet's size: its rise, its loudness for 0.4 s, its own level."""
    onset = np.zeros(13)
    for step, weight in zip((-4, -2, 0, 2, 4), _ONSET, strict=True):
        onset[6 + step - 1 : 6 + step + 2] += weight * np.array([0.5, 1.0, 0.5])
    return onset, np.full(41, 4 / 41), np.ones(1)


@dataclass(frozen=True)
class Windows:
    """Windows of the recording: their middles, and where among the packets the recording begins by each."""

    middle_s: Doubles
    at_s: Doubles
    weight: Doubles


@dataclass(frozen=True)
class Line:
    """Where sample 0 lies, in seconds after the packets' first value, how that moves, and what scatters."""

    at_s: float
    slope: float  # of at_s per second of the recording
    agree: Flags
    scatter_s: float
    middle_s: float  # weighted mean of the windows' middles
    spread_s: float  # their weighted standard deviation

    def at(self, second: float) -> float:
        """Where sample 0 lies by what is found at this second of the recording."""
        return self.at_s + self.slope * second

    @property
    def slope_error(self) -> float:
        """One standard error of the slope."""
        return self.scatter_s / (float(np.sqrt(max(self.agree.sum() - 2, 1))) * max(self.spread_s, 1e-9))


def windows(track: Wave, packets: Wave, line: Line, reach_s: float) -> Windows:
    """The best match of each window within `reach_s` of the line."""
    n, reach = len(track.value), round(reach_s / HOP_S)
    size = round(np.clip(n * HOP_S / WINDOWS, MIN_WINDOW_S, WINDOW_S) / HOP_S)
    found = []
    for a in range(0, max(n - size + 1, 1), max(size, n // MOST_WINDOWS)):
        part = track.value[a : a + size]
        middle_s = (a + len(part) / 2) * HOP_S
        shift = round(line.at(middle_s) / HOP_S)
        peak = _peak(part, packets, a + shift - reach, 2 * reach)
        if peak is not None:
            found.append((middle_s, (shift - reach + peak[0]) * HOP_S, peak[1]))
    table = np.array(found).reshape(-1, 3)
    return Windows(table[:, 0], table[:, 1], table[:, 2])


def _peak(part: Floats, packets: Wave, low: int, lags: int) -> tuple[float, float] | None:
    """Lag of the best match in hops, and its weight; None where there is too little to match, or no peak."""
    high = low + lags + len(part)
    if low < 0 or high > len(packets.value) or packets.known[low:high].mean() < 0.3:
        return None
    there = packets.value[low:high]
    c = np.correlate(there, part, "valid").astype(np.float64)
    best = int(np.argmax(c))
    if best in (0, lags) or c[best] <= 0:
        return None
    lag = best + (c[best + 1] - c[best - 1]) / (2 * (2 * c[best] - c[best - 1] - c[best + 1]))
    energy = float((there**2).sum()) * float((part**2).sum()) * len(part) / len(there)
    match = min(c[best] ** 2 / max(energy, 1e-9), 0.9)  # squared correlation; noise of a peak falls as it rises
    return lag, match / (1 - match)


def fit(found: Windows, agree_s: tuple[float, float] = AGREE_S) -> Line | None:
    """Theil-Sen, then weighted least squares over what lies near it; None for no window."""
    x, y = found.middle_s, found.at_s
    if not len(x):
        return None
    i, j = np.triu_indices(len(x), 1)
    most = 1.5 * MAX_DRIFT_PPM * 1e-6
    slope = float(np.clip(np.median((y[j] - y[i]) / (x[j] - x[i])), -most, most)) if len(i) else 0.0
    line = Line(float(np.median(y - slope * x)), slope, np.ones(len(x), np.bool_), 0.0, float(x.mean()), 0.0)
    for _ in range(3):
        off = np.abs(y - line.at_s - line.slope * x)
        agree = off <= np.clip(3 * 1.4826 * np.median(off), *agree_s)
        if agree.sum() < 3:
            return Line(line.at_s, line.slope, agree, float(off.mean()), float(x.mean()), float(x.std()))
        line = least_squares(found, agree)
    return line


def least_squares(found: Windows, agree: Flags) -> Line:
    """The weighted line of least squares over those that agree."""
    x, y, w = found.middle_s[agree], found.at_s[agree], found.weight[agree]
    mean_x, mean_y = float(np.average(x, weights=w)), float(np.average(y, weights=w))
    variance = float(np.average((x - mean_x) ** 2, weights=w))
    slope = float(np.average((x - mean_x) * (y - mean_y), weights=w)) / max(variance, 1e-9)
    scatter = np.sqrt(np.average((y - mean_y - slope * (x - mean_x)) ** 2, weights=w))
    return Line(mean_y - slope * mean_x, slope, agree, float(scatter), mean_x, float(np.sqrt(variance)))


def as_sizes(track: Wave, packets: Wave, line: Line) -> Wave:
    """The recording's levels as the packet sizes that they would make: kernels weighted as fits this pair best."""
    basis = np.stack([np.correlate(np.pad(track.value, len(k) // 2), k, "valid") for k in _kernels()])
    best = -1.0
    weights: Doubles = np.zeros(len(basis))
    for lag in range(-FIT_REACH, FIT_REACH + 1):
        there = _along(packets.value, len(track.value), line, lag)
        known = np.isfinite(there)
        products, energy = basis[:, known] @ there[known], float((there[known] ** 2).sum())
        found = np.asarray(np.linalg.solve(basis[:, known] @ basis[:, known].T + np.eye(len(basis)), products))
        if energy > 0 and (match := float(products @ found) / energy) > best:
            best, weights = match, found
    return Wave((weights @ basis).astype(np.float32), track.known)


def _along(value: Floats, count: int, line: Line, lag: int) -> Doubles:
    """The packets' values at each hop of the recording, `lag` hops later than the line says; NaN outside."""
    hop = np.arange(count)
    at = np.rint(hop + line.at(0.0) / HOP_S + line.slope * hop + lag).astype(np.int64)
    inside = (at >= 0) & (at < len(value))
    return np.where(inside, value[np.clip(at, 0, len(value) - 1)], np.nan)


def by_holes(holes_s: Doubles, lost_s: Doubles, line: Line) -> Line | None:
    """The line through holes of the recording (shape (n, 2)) that are packets lost at `lost_s` (after first value).

    A hole counts if one run of lost packets, and no other, is as long as it within HOLE_S and lies within 40 ms of
    the line. None for fewer than MIN_HOLES, or where most of them do not agree: then they are something else.
    """
    found = []
    for start, end in holes_s.tolist():
        expected = start + line.at(start)
        near = np.flatnonzero(np.abs(lost_s[:, 0] - expected) < AGREE_S[1])
        alike = [k for k in near if abs((lost_s[k, 1] - lost_s[k, 0]) - (end - start)) < HOLE_S]
        if len(alike) == 1:
            found.append((start, float(lost_s[alike[0], 0]) - start, 1.0))
    table = np.array(found).reshape(-1, 3)
    if len(table) < MIN_HOLES:
        return None
    exact = fit_within(Windows(*table.T), HOLE_S)
    return exact if exact.agree.mean() > 0.5 else None


def fit_within(found: Windows, off_s: float) -> Line:
    """Theil-Sen and least squares over what lies within `off_s` of it."""
    x, y = found.middle_s, found.at_s
    i, j = np.triu_indices(min(len(x), MOST_WINDOWS), 1)
    step = max(len(x) // MOST_WINDOWS, 1)
    px, py = x[::step][:MOST_WINDOWS], y[::step][:MOST_WINDOWS]
    apart = px[j] > px[i]
    slope = float(np.median((py[j] - py[i])[apart] / (px[j] - px[i])[apart]))
    agree = np.abs(y - slope * x - np.median(y - slope * x)) <= off_s
    return least_squares(found, agree) if agree.sum() >= 3 else Line(0.0, 0.0, agree, 0.0, 0.0, 0.0)


def level_only(kinds: Sequence[str]) -> bool:
    """Whether levels are held against levels: then nothing has to be turned into sizes."""
    return set(kinds) == {"level"}
