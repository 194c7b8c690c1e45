"""Two recordings of one room held against each other: how far one lags the other, window by window.

Neither has to be whole or in step: the coarse offset comes from the 10 ms level series, the exact one from the
sound itself (`aqa.measures.gcc`), in one pass whose memory does not grow with length. A time t of `a` is t + delay in
`b`; a step of the delay below zero is sound that `b` lacks, one above zero is time that `b` holds too much.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from aqa.measures import gcc
from aqa.model import Doubles, Floats
from aqa.sound_model import Block

WINDOW_S, HOP_S = 0.5, 0.1  # where steps of 2.5 to 60 ms were recovered to 0.5 ms (tests/accuracy of this project)
SAME_S = 0.001  # windows that agree so well have one delay
AGREE = 3  # windows that make a new delay: one alone is an outlier
LOST = 20  # windows without any delay, two seconds, after which the coarse offset is trusted again
KEPT = 10  # windows whose median is the present delay: one second, in which 100 ppm make 0.1 ms
REACH_S = 4.0  # how far back a step is looked for in the sound


@dataclass(frozen=True)
class Step:
    """A change of the delay: at `time_s` of the first recording, to within `error_s`."""

    time_s: float
    size_s: float
    error_s: float


@dataclass(frozen=True)
class Delays:
    """The delay of `b` behind `a` where it could be told; arrays of one length, times at the windows' middles."""

    time_s: Doubles
    delay_s: Doubles
    strength: Doubles  # peak of the correlation over its RMS: more than gcc.STRONG
    windows: int  # that held sound, with or without a delay
    steps: tuple[Step, ...]


@dataclass
class _Track:
    """The delay as it is followed from window to window."""

    recent: list[float]
    pending: list[tuple[float, float]]  # time, delay of windows that say something else
    last_s: float = 0.0  # middle of the last window that agreed
    silent: int = 0  # windows since any delay was told

    @property
    def delay_s(self) -> float:
        return float(np.median(self.recent))


def mono_16k(blocks: Iterable[Block], rate: int) -> Iterator[Floats]:
    """The mean of all channels at 16 kHz, arrays of any length; what is missing is zeros.

    `blocks` are those of a decoder, so a file can be read again for this without being held.
    """
    import soxr  # noqa: PLC0415 - comes with librosa; not needed unless there are two recordings

    resampler, end = soxr.ResampleStream(rate, gcc.RATE_HZ, 1, dtype="float32"), 0
    for block in blocks:
        while block.start > end:
            hole = np.zeros(min(block.start - end, rate), np.float32)
            end += len(hole)
            yield resampler.resample_chunk(hole)
        mean = np.nan_to_num(block.samples.mean(axis=0, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        end += len(mean)
        yield resampler.resample_chunk(mean)
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def delays(a: Iterable[Floats], b: Iterable[Floats], offsets_s: Doubles, every_s: float) -> Delays:
    """The delay of `b` behind `a`, both mono at 16 kHz in pieces of any length.

    `offsets_s` is where to look first, one value per `every_s` seconds of `a` (`aqa.measures.coarse`). Memory is
    bounded by the largest of the differences between them and some ten seconds of sound.
    """
    first, second = gcc.Pieces(a), gcc.Pieces(b)
    track = _Track([float(offsets_s[0])], [])
    rows: list[tuple[float, float, float]] = []
    steps: list[Step] = []
    windows, index = 0, 0
    while first.has(round((index * HOP_S + WINDOW_S) * gcc.RATE_HZ)):
        start_s = index * HOP_S
        index += 1
        expected_s = track.delay_s
        if track.silent > LOST:
            expected_s = float(offsets_s[min(int(start_s / every_s), len(offsets_s) - 1)])
        found = gcc.delay(first, second, start_s, expected_s, WINDOW_S)
        windows += found.sound
        if found.strength <= gcc.STRONG:
            track.silent += found.sound
            continue
        rows.append((start_s + WINDOW_S / 2, found.delay_s, found.strength))
        step = _follow(track, *rows[-1][:2], first, second)
        steps += [step] if step is not None else []
    table = np.array(rows, np.float64).reshape(-1, 3)
    return Delays(table[:, 0], table[:, 1], table[:, 2], windows, tuple(steps))


def _follow(track: _Track, time_s: float, delay_s: float, a: gcc.Pieces, b: gcc.Pieces) -> Step | None:
    """Take one window's delay into the track; the step that it proves, if it does."""
    track.silent = 0
    if not track.last_s or abs(delay_s - track.delay_s) <= SAME_S:
        track.recent = [*track.recent[-KEPT + 1 :], delay_s] if track.last_s else [delay_s]
        track.last_s, track.pending = time_s, []
        return None
    track.pending = [item for item in track.pending if abs(item[1] - delay_s) <= SAME_S] + [(time_s, delay_s)]
    if len(track.pending) < AGREE:
        return None
    before, after = track.delay_s, float(np.median([delay for _, delay in track.pending]))
    lo = max(track.last_s, time_s - REACH_S) - WINDOW_S / 2
    at_s, error_s = gcc.change(a, b, (lo, track.pending[0][0] + WINDOW_S / 2), (before, after))
    track.recent, track.last_s, track.pending = [delay for _, delay in track.pending], time_s, []
    return Step(at_s, after - before, error_s)


@dataclass(frozen=True)
class Alignment:
    """How the clock of `b` runs against that of `a`; without an offset there is a reason."""

    offset_s: float | None  # delay of `b` at the start of `a`, before any step
    drift_ppm: float | None  # of the delay: positive when `b` counts more seconds than `a`
    error_ms: float | None  # of one window's delay against the line, its robust standard deviation
    confidence: float  # share of the windows with sound that lie on the line
    steps: tuple[Step, ...] = ()
    reason: str = ""


LEAST_STEP_S = 0.002  # NetEq takes out and puts in a pitch period of 2.5 ms or more (accelerate.cc), told to 0.5 ms
LEAST_WINDOWS = 20
LEAST_SHARE = 0.3  # of windows with sound; unrelated pairs gave 0.02 at most
ON_LINE_S = 0.002
MOST_POINTS = 600  # whose pairs give the slope: 180 thousand of them


def alignment(delays: Delays) -> Alignment:
    """Offset, drift and steps by a robust line through delays (Theil 1950, Sen 1968), steps taken out first.

    Refused, with the reason, where too few windows lie on any line: such recordings are not of one room.
    """
    if len(delays.time_s) < LEAST_WINDOWS:
        return Alignment(None, None, None, 0.0, reason="too little sound in common")
    steps = tuple(step for step in delays.steps if abs(step.size_s) >= LEAST_STEP_S)
    sizes = np.array([step.size_s for step in steps])
    before = delays.time_s[:, None] > np.array([step.time_s for step in steps])[None, :]
    level = delays.delay_s - before @ sizes
    slope, offset_s = _line(delays.time_s, level)
    off = np.abs(level - offset_s - slope * delays.time_s)
    share = float(np.sum(off <= ON_LINE_S)) / max(delays.windows, 1)
    if share < LEAST_SHARE:
        why = f"only {share:.0%} of the windows with sound agree on one delay: not of the same room and time"
        return Alignment(None, None, None, share, reason=why)
    error_ms = 1482.6 * float(np.median(off))
    return Alignment(offset_s, slope * 1e6, error_ms, min(share, 1.0), steps)


def _line(x: Doubles, y: Doubles) -> tuple[float, float]:
    """Median of the slopes between pairs of points, and of what is left at 0."""
    some = np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).round().astype(int)
    first, second = np.triu_indices(len(some), 1)
    rise, run = (values[some][second] - values[some][first] for values in (y, x))
    far = run > (x[-1] - x[0]) / 10  # neighbours say nothing of the slope
    slope = float(np.median(rise[far] / run[far]))
    return slope, float(np.median(y - slope * x))
