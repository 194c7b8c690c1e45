"""Where a recording may lie among packets: the coarse search of the alignment (`aqa/align.py`).

Levels in dB less their mean over some seconds, correlated by FFT over the whole of both, in segments of five minutes
that are summed along lines of drift: any start is found, and 200 ppm smear nothing.
"""

from dataclasses import dataclass

import numpy as np

from aqa.model import HOP_S, Doubles, Flags, Floats

MEAN_S = 3.0  # of the moving mean that is taken out: gains and talkers go, syllables and pauses stay
COARSE = 4  # hops in a value: 40 ms, where syllables last 100 ms and more
SEGMENT_S = 300.0  # 200 ppm smear it by 60 ms, less than a syllable
MOST_SEGMENTS = 16  # bounds memory: a longer recording has longer segments, and finds less drift
MAX_DRIFT_PPM = 200.0  # two cheap crystals of 100 ppm against each other
SMEAR_S = 0.03  # what the ends may be off between two drifts that are tried
MIN_OVERLAP_S = 20.0
NEXT_S = 1.5  # from here on another place is another place: no correlation of speech with itself is wider
NEAR_S = 2.0  # of a start that was given: buffers, clocks set by NTP
NEAR_LESS = 1.0  # standard deviations by which a place near the given start may be lower and still be taken
FLOOR_DBFS = -75.0  # below it nothing is speech; digital zero stands no further out than this


@dataclass(frozen=True)
class Wave:
    """A series less its moving mean, of standard deviation 1 where it is known, 0 where it is not."""

    value: Floats
    known: Flags


def wave(level_db: Doubles, hop_s: float = HOP_S, mean_s: float = MEAN_S) -> Wave:
    """The changes of a level series in dB; NaN is not known."""
    known = np.isfinite(level_db)
    if not known.any():
        return Wave(np.zeros(len(level_db), np.float32), known)
    low, high = np.percentile(level_db[known], (1, 99.5))
    x = np.where(known, np.clip(level_db, max(low, FLOOR_DBFS), max(high, FLOOR_DBFS)), 0.0)
    width = round(mean_s / hop_s)
    x = np.where(known, x - _moving(x, width) / np.maximum(_moving(known.astype(float), width), 1e-9), 0.0)
    deviation = float(np.sqrt((x**2).sum() / known.sum()))
    return Wave(np.clip(x / max(deviation, 1e-9), -3, 3).astype(np.float32), known)


def _moving(x: Doubles, width: int) -> Doubles:
    total = np.concatenate(([0.0], np.cumsum(x)))
    at = np.arange(len(x))
    low, high = np.maximum(at - width // 2, 0), np.minimum(at + width // 2 + 1, len(x))
    return np.asarray((total[high] - total[low]) / width, np.float64)


def coarser(level_db: Doubles) -> Doubles:
    """Mean power of COARSE values each, in dB; NaN where half of them or more are not known."""
    rows = level_db[: len(level_db) // COARSE * COARSE].reshape(-1, COARSE)
    known = np.isfinite(rows)
    power = np.where(known, 10.0 ** (np.clip(rows, FLOOR_DBFS, 20) / 10), 0.0).sum(axis=1)
    count = known.sum(axis=1)
    return np.where(count > COARSE // 2, 10 * np.log10(np.maximum(power / np.maximum(count, 1), 1e-9)), np.nan)


@dataclass(frozen=True)
class Place:
    """A place of the recording among the packets."""

    at_s: float  # of sample 0, from the first packet
    drift_ppm: float
    peak: float
    next_best: float
    near_prior: bool = False


def _drifts(span_s: float) -> Doubles:
    """Drifts to try: so close that the ends of the recording are never further off than SMEAR_S."""
    steps = int(np.ceil(MAX_DRIFT_PPM * 1e-6 * span_s / 2 / SMEAR_S))
    return np.linspace(-MAX_DRIFT_PPM, MAX_DRIFT_PPM, 2 * steps + 1) if steps else np.zeros(1)


def search(track: Wave, packets: Wave, hop_s: float) -> tuple[Doubles, Doubles]:
    """Correlation at each place and its best drift; place k is k + 1 - len(track) values after the first packet.

    Each sum of products is divided by the root of the sum of products of squares: what chance alone would give,
    however little the two overlap there; -inf where that is under MIN_OVERLAP_S.
    """
    n, m = len(track.value), len(packets.value)
    size = max(round(SEGMENT_S / hop_s), -(-n // MOST_SEGMENTS))
    import scipy.fft  # noqa: PLC0415 - a tenth of a second, and what only reads packets needs none of it

    length = scipy.fft.next_fast_len(m + size, real=True)
    spectra = [scipy.fft.rfft(x, length) for x in (packets.value, packets.value**2)]
    parts, chance = [], np.zeros(n + m - 1, np.float32)
    for a in range(0, n, size):
        part = track.value[a : a + size]
        product, squares = (
            scipy.fft.irfft(whole * np.conj(scipy.fft.rfft(x, length)), length)
            for whole, x in zip(spectra, (part, part**2), strict=True)
        )
        k = np.arange(-(len(part) - 1), m)  # lags of this part
        parts.append((a, len(part), product[k].astype(np.float32)))
        chance[n - 1 - a + k[0] :][: len(k)] += squares[k].astype(np.float32)
    drifts = _drifts(n * hop_s)
    best, which = np.full(n + m - 1, -np.inf, np.float32), np.zeros(n + m - 1, np.float32)
    for drift in drifts:
        total = np.zeros(n + m - 1, np.float32)
        for a, count, product in parts:
            begin = n - 1 - a - (count - 1) + round((a + count / 2) * drift * 1e-6)
            low, high = max(begin, 0), min(begin + len(product), n + m - 1)
            total[low:high] += product[low - begin : high - begin]
        better = total > best
        best[better], which[better] = total[better], drift
    enough = chance > MIN_OVERLAP_S / hop_s
    return np.where(enough, best / np.sqrt(np.maximum(chance, 1e-9)), -np.inf), which.astype(np.float64)


def coarse(track_db: Doubles, packets_db: Doubles, prior_s: float | None = None) -> Place | None:
    """The best place of the recording; one within NEAR_S of `prior_s` if none elsewhere is much better.

    Both are 10 ms levels in dB, NaN where not known; None where either says nothing or they can't overlap.
    """
    hop_s = COARSE * HOP_S
    here, there = wave(coarser(track_db), hop_s), wave(coarser(packets_db), hop_s)
    if not here.value.any() or not there.value.any():
        return None
    score, drift = search(here, there, hop_s)
    finite = np.isfinite(score)
    if not finite.any():
        return None
    middle = float(np.median(score[finite]))
    score = (score - middle) / max(1.4826 * float(np.median(np.abs(score[finite] - middle))), 1e-9)  # MAD to sigma
    at_s = (np.arange(len(score)) + 1 - len(here.value)) * hop_s
    best, near = int(np.argmax(score)), False
    if prior_s is not None:
        around = np.where(np.abs(at_s - prior_s) <= NEAR_S, score, -np.inf)
        near = bool(around.max() >= score[best] - NEAR_LESS)
        best = int(np.argmax(around)) if near else best
    away = (np.abs(at_s - at_s[best]) > NEXT_S) & finite
    return Place(float(at_s[best]), float(drift[best]), float(score[best]), float(score[away].max(initial=0.0)), near)
