"""Two series of one event held against each other: lagged correlation, its odds by chance, and the point of change.

Both are regular series of the same step (NaN: not measured). Nothing here says what causes what.
"""

from dataclasses import dataclass

import numpy as np

from aqa.model import Doubles

SHUFFLES = 999  # the odds by chance are counted, not assumed
WEAK = 0.3  # "medium" (Cohen 1988): below it a tenth of the shuffles will do
LEAST = 8  # values that both series have: with fewer nothing is said
RESAMPLED = 200  # of the knee: its interval is between the 2.5th and 97.5th percentile of these


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation, of the largest that ties allow, at the lag that suits best."""

    rho: float
    lag: int  # steps that the second series comes after the first
    p: float  # share of shuffles of the second that correlate as well at any lag
    values: int


@dataclass(frozen=True)
class Knee:
    """y stays flat until x reaches a point, and goes up by a constant slope from there."""

    at: float
    low: float  # 95 % interval, by resampling
    high: float
    before: float  # y below the knee
    slope: float  # y per x above it
    better_pct: float  # of the squares that a straight line leaves, how much it leaves less


def correlation(driver: Doubles, effect: Doubles, most_lag: int, seed: int = 0) -> Correlation | None:
    """How well `effect` follows `driver`, up to `most_lag` steps later; None where too little is known.

    The odds by chance compare the best lag with that of the effect shuffled in blocks of the cube root of its length
    (Kunsch 1989), so that what comes in bursts stays so. What both follow for a third reason is not told apart.
    """
    best = _best(driver, effect, most_lag)
    if best is None:
        return None
    rho, lag, values = best
    random, size = np.random.default_rng(seed), len(effect)
    block = max(1, round(size ** (1 / 3)))
    which = np.arange(-(-size // block) * block).reshape(-1, block)
    as_good, tries = 0, SHUFFLES if rho >= WEAK else SHUFFLES // 10
    for _ in range(tries):
        order = random.permutation(which).ravel()
        other = _best(driver, effect[order[order < size]], most_lag)
        as_good += other is not None and other[0] >= rho - 1e-12
    return Correlation(rho, lag, (1 + as_good) / (1 + tries), values)


def _best(driver: Doubles, effect: Doubles, most_lag: int) -> tuple[float, int, int] | None:
    found = []
    for lag in range(most_lag + 1):
        x, y = driver[: len(driver) - lag], effect[lag:]
        known = np.isfinite(x) & np.isfinite(y)
        if known.sum() >= LEAST:
            found.append((_rank_correlation(x[known], y[known]), lag, int(known.sum())))
    most = max((rho for rho, _, _ in found), default=0.0)
    return next((one for one in found if one[0] >= most - uncertainty(one[2])), None)


def uncertainty(values: int) -> float:
    """The standard error of no rank correlation (Kendall 1948): of two that are as good, the simpler is meant."""
    return float(1 / np.sqrt(values - 1))


def _rank_correlation(x: Doubles, y: Doubles) -> float:
    """Spearman's rho as a share of the largest that tied values allow: 1 if y never falls where x rises.

    Without ties that is rho itself. Faults that begin beyond a point are nothing, many times over, before it: of
    forty values with nine faults the largest rho is 0.72, however strictly they follow.
    """
    a, b = _ranks(x), _ranks(y)
    a, b = a - a.mean(), b - b.mean()
    largest = float((np.sort(a) * np.sort(b)).sum())
    return float((a * b).sum()) / largest if largest > 0 else 0.0


def _ranks(values: Doubles) -> Doubles:
    """Ranks from 0; equal values share their mean rank."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts + 1) / 2)[which], np.float64)


def knee(x: Doubles, y: Doubles, seed: int = 0) -> Knee | None:
    """The segmented fit of y over x (Muggeo 2003, by trying every place); None with too few values or no rise."""
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < LEAST or len(np.unique(x)) < LEAST // 2:
        return None
    found = _fit(x, y)
    if found is None:
        return None
    random = np.random.default_rng(seed)
    tries = []
    for _ in range(RESAMPLED):
        pick = random.integers(0, len(x), len(x))
        again = _fit(x[pick], y[pick])
        if again is not None:
            tries.append(again[0])
    low, high = np.percentile(tries, (2.5, 97.5)) if tries else (np.nan, np.nan)
    at, before, slope, left = found
    straight = float(np.square(y - np.polyval(np.polyfit(x, y, 1), x)).sum())
    all_of_it = float(np.square(y - y.mean()).sum())
    better = 100 * (1 - left / straight) if straight > 1e-9 * all_of_it else 0.0
    return Knee(at, float(low), float(high), before, slope, better)


def _fit(x: Doubles, y: Doubles) -> tuple[float, float, float, float] | None:
    """Knee, y before it, slope after it and the squares left; of the places that leave the least."""
    places = np.unique(x)[:-1]
    best = None
    for at in places.tolist():
        over = np.maximum(x - at, 0.0)
        spread = over - over.mean()
        power = float((spread * spread).sum())
        if power == 0:
            continue
        slope = float((spread * (y - y.mean())).sum()) / power
        before = float(y.mean() - slope * over.mean())
        left = float(np.square(y - before - slope * over).sum())
        if slope > 0 and (best is None or left < best[3]):
            best = (at, before, slope, left)
    return best
