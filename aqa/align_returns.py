"""How exactly a recording lies among packets that were lost: sound that comes back where packets come back.

What a decoder conceals fades, and rises again with the first packet after the loss: the end of a dip, which is known
to 1 ms (`aqa/measures/dips.py`). Speech has dips of its own, at no time that packets know. So the ends of all dips
are held against the ends of all losses: those that belong together lie on one line, the rest lie anywhere.

Measured on 18 pairs of ten minutes (five readers of LibriSpeech; libopus voip at 24 and 32 kb/s, audio at 64 kb/s,
DTX; 3 % lost; 770 to 6,200 dips beside 320 to 370 losses): 20 to 120 ends per pair within 2 ms of one line, and 0 to
6 in any other 2 ms from 40 ms before to 6 ms after it.
"""

from dataclasses import replace

import numpy as np

from aqa.align_fine import Line, Windows, least_squares
from aqa.model import Doubles

REACH_S = 0.04  # of sizes: their windows scatter by no more, else they do not agree (align_fine.AGREE_S)
CELL_S = 0.001  # of a dip's ends
WIDTH = 3  # cells: a codec's sound is back within 2.5 ms (overlap of CELT, RFC 6716 4.3.7), and a cell to round
MOST_SLOPE = 50e-6  # on both sides of the line's: the largest error of sizes was 8 ppm over ten minutes
MOST_TRIED = 400
FAR_S = 0.005  # two and a half times how late voip's sound comes back (2 ms)
ROUNDS = 5
MIN_RETURNS = 12
ABOVE = 6.0  # standard deviations of chance (Poisson): of 80 offsets and 400 slopes none comes so far


def by_returns(dip_ends_s: Doubles, lost_s: Doubles, line: Line) -> Line | None:
    """The line through ends of dips (seconds of the recording) that are ends of lost packets' runs.

    `lost_s` are runs of lost packets, shape (n, 2), in seconds after the packets' first value, as `line` has them.
    None where no line stands out from chance.
    """
    x, y = _pairs(dip_ends_s, np.sort(lost_s[:, 1]), line)
    if len(x) < MIN_RETURNS:
        return None
    middle = float(x.mean())
    off = y - line.at_s - line.slope * x
    place, slope, many = _densest(x - middle, off)
    chance = len(x) * WIDTH * CELL_S / (2 * REACH_S)
    if many < max(MIN_RETURNS, chance + ABOVE * np.sqrt(chance)):
        return None
    at_s, slope = line.at_s + place - slope * middle, line.slope + slope
    return _with(line, _through(x, y, at_s, slope))


def _through(x: Doubles, y: Doubles, at_s: float, slope: float) -> Line:
    """The line through the points beside one, by Tukey's biweight: what lies FAR_S off says nothing."""
    for _ in range(ROUNDS):
        weight = np.clip(1 - ((y - at_s - slope * x) / FAR_S) ** 2, 0.0, None) ** 2
        found = least_squares(Windows(x, y, weight), weight > 0)
        at_s, slope = found.at_s, found.slope
    return found


def _with(sizes: Line, returns: Line) -> Line:
    """The line of returns with the slope of both, each by its error: what they measure errs independently."""
    parts = np.array([[one.slope, max(one.slope_error, 1e-9) ** -2] for one in (returns, sizes)])
    slope = float(np.average(parts[:, 0], weights=parts[:, 1]))
    scatter = returns.scatter_s * float(np.sqrt(parts[0, 1] / parts[:, 1].sum()))  # so that its error is that of both
    at_s = returns.at(returns.middle_s) - slope * returns.middle_s
    return replace(returns, at_s=at_s, slope=slope, scatter_s=scatter)


def _pairs(ends_s: Doubles, lost_s: Doubles, line: Line) -> tuple[Doubles, Doubles]:
    """Each end of a dip and each end of a loss within REACH_S of where the line has it: when, and their distance."""
    expected = ends_s + line.at_s + line.slope * ends_s
    low, high = (np.searchsorted(lost_s, expected + by) for by in (-REACH_S, REACH_S))
    count = high - low
    which = np.repeat(low - np.cumsum(count) + count, count) + np.arange(count.sum())
    x = np.repeat(ends_s, count)
    return x, lost_s[which] - x


def _densest(x: Doubles, off: Doubles) -> tuple[float, float, float]:
    """Place and slope of the band, WIDTH cells wide, that holds most points, and how many those are."""
    span = max(float(np.ptp(x)), 1.0)
    steps = min(int(np.ceil(MOST_SLOPE * span / CELL_S)), MOST_TRIED // 2)  # the ends move by a cell or less
    edges = np.arange(-REACH_S, REACH_S + CELL_S, CELL_S)
    best = (0.0, 0.0, -1.0)
    for slope in np.linspace(-MOST_SLOPE, MOST_SLOPE, 2 * steps + 1).tolist():
        held = np.convolve(np.histogram(off - slope * x, edges)[0], np.ones(WIDTH), "valid")
        top = int(np.argmax(held))
        if held[top] > best[2] or (held[top] == best[2] and abs(slope) < abs(best[1])):
            best = (float(edges[top]) + WIDTH * CELL_S / 2, slope, float(held[top]))
    return best
