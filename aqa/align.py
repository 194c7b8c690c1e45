"""The clock of a recording against the clock of packets, by matching when somebody was loud.

The recording's 10 ms levels are held against what the packets of all its streams say together (`aqa/activity.py`):
coarse over the whole of both (`aqa/align_search.py`), then window by window (`aqa/align_fine.py`); at last by what
lost packets have left: holes, which are exact, or sound that rises where they come back (`aqa/align_returns.py`).
The error comes from the scatter of the windows, the confidence from how many agree and how far the best place stands
out. A pair that does not belong together is refused.

What is found is when the packets of a sound came, with the least delay: a recorder that waits in a jitter buffer
writes it that much later, and no content can tell its buffer from its clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aqa.activity import LOST, Activity
from aqa.align_fine import PAUSES_AGREE_S, Line, as_sizes, by_holes, fit, level_only, windows
from aqa.align_returns import by_returns
from aqa.align_search import FLOOR_DBFS, MAX_DRIFT_PPM, Place, coarse, wave
from aqa.model import HOP_S, Doubles, Floats
from aqa.picker import true_runs

MAX_GRID_S = 86_400.0  # a clock that lies must not fill memory
REACH_S, FINE_REACH_S = 0.4, 0.12
FINE_MEAN_S = 0.5  # syllables stay, phrases go: what moves slowly says nothing of milliseconds
BIAS_S = {"level": 0.003, "size": 0.01, "talkspurt": 0.2}
"""How far decoded sound may lie from what is said of it, by codec and by voice: levels 0 to 3 ms, sizes 0 to 8 ms
(tests/test_align.py); a pause is announced up to 200 ms late (Opus DTX: ten silent frames)."""
HOLE_BIAS_S, RETURN_BIAS_S = 0.002, 0.003  # zeros, and sound that comes back: 0.1 to 2.5 ms late, measured
PRIOR_DRIFT = 5e-5  # standard deviation between two clocks: crystals of 20 to 100 ppm
MIN_PEAK, MIN_PEAK_NEAR = 7.0, 5.0
MIN_AHEAD, SURE_AHEAD = 2.0, 8.0
MIN_AGREE, MIN_SHARE = 3, 0.5


@dataclass(frozen=True)
class Alignment:
    """Where sample 0 of a recording lies on the packets' clock, and how fast the recording's clock runs."""

    start_ns: int  # UTC by the packets' clock
    drift_ppm: float  # above 0: the recording's clock runs fast
    drift_told: bool  # whether that is three standard errors and more from none
    error_s: float  # of any of its times: two standard errors and the codec's bias
    confidence: float  # 0 to 1
    based_on: tuple[str, ...]  # kinds of activity, and "lost packets"
    windows: int  # that agree
    windows_of: int  # that could be judged
    peak: float  # height of the best place in standard deviations of all places
    next_best: float  # of the best other place


@dataclass(frozen=True)
class Refused:
    """Why a recording and packets are not joined."""

    reason: str


@dataclass(frozen=True)
class Predicted:
    """What the packets say a mix of them sounds like: 10 ms levels from `first_s` after `base_ns` on."""

    base_ns: int
    first_s: float
    level_db: Doubles  # NaN: a lost packet would decide
    sent_db: Doubles  # NaN also where nobody sends anything
    lost_s: Doubles  # shape (n, 2): runs of lost packets, since first_s


Sources = Sequence[tuple[Activity, int]]
"""Streams of one mix, each with the UTC in ns of its second 0."""


def predicted(activities: Sources) -> Predicted:
    """The power of all streams together."""
    base_ns = min(origin for _, origin in activities)
    placed = [(one, (origin - base_ns) * 1e-9) for one, origin in activities]
    first = min(one.first_s + shift for one, shift in placed)
    last = max(one.last_s + shift for one, shift in placed)
    hops = int(min(last - first, MAX_GRID_S) / HOP_S) + 1
    power, lost = np.zeros(hops), np.zeros(hops)
    for one, shift in placed:
        one.add_to(power, lost, first - shift)
    level = 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DBFS / 10)))
    level[lost > 0.1 * power] = np.nan
    holes = [_lost_of(one) + shift - first for one, shift in placed]
    return Predicted(base_ns, first, level, np.where(power > 0, level, np.nan), np.concatenate(holes))


def _lost_of(one: Activity) -> Doubles:
    """Runs of lost packets, in seconds since log_start_ns, shape (n, 2)."""
    runs = [piece.log_s(np.asarray(true_runs(piece.value == LOST) * HOP_S, np.float64)) for piece in one.pieces]
    return np.concatenate([run.reshape(-1, 2) for run in runs])


def align(
    level_dbfs: Floats,
    activities: Sources,
    prior_ns: int | None = None,
    *,
    holes_s: Doubles | None = None,
    dip_ends_s: Doubles | None = None,
) -> Alignment | Refused:
    """Where a recording lies on the clock of packets.

    `level_dbfs` are its 10 ms levels, shape (hops,), NaN where there is no media; `prior_ns` the UTC of sample 0 if
    one was given, near which less evidence is enough; `holes_s` its stretches of digital zero, shape (n, 2), and
    `dip_ends_s` where its dips end, shape (n,): both are held against packets that were lost.
    """
    if not activities:
        return Refused("no packets say how loud it was")
    packets = predicted(activities)
    prior_s = None if prior_ns is None else (prior_ns - packets.base_ns) * 1e-9 - packets.first_s
    level = np.asarray(level_dbfs, np.float64)
    place = coarse(level, packets.level_db, prior_s)
    if place is None:
        return Refused("there is no sound, or less than 20 s of it beside packets")
    why = _unlikely(place)
    if why is not None:
        return Refused(why)
    kinds = sorted({one.kind for one, _ in activities})
    line = _line(level, packets, place, kinds)
    if line is None or line.agree.sum() < MIN_AGREE or line.agree.mean() < MIN_SHARE:
        return Refused("parts of the recording do not agree on one clock")
    if abs(line.slope) - 3 * line.slope_error > MAX_DRIFT_PPM * 1e-6:
        return Refused("its clock would have to drift by over 200 ppm")
    return _stated(packets, place, line, _exact(packets, line, holes_s, dip_ends_s), kinds)


@dataclass(frozen=True)
class _Exact:
    """A line through what lost packets have left, and how far all of it may lie off."""

    line: Line
    bias_s: float


def _exact(packets: Predicted, line: Line, holes_s: Doubles | None, dip_ends_s: Doubles | None) -> _Exact | None:
    holes = None if holes_s is None else by_holes(holes_s, packets.lost_s, line)
    if holes is not None:
        return _Exact(holes, HOLE_BIAS_S)
    returns = None if dip_ends_s is None else by_returns(dip_ends_s, packets.lost_s, line)
    return None if returns is None else _Exact(returns, RETURN_BIAS_S)


def _unlikely(place: Place) -> str | None:
    least = MIN_PEAK_NEAR if place.near_prior else MIN_PEAK
    if place.peak >= least and place.peak - place.next_best >= MIN_AHEAD:
        return None
    return f"no place stands out: the best is {place.peak:.1f} deviations high, the next {place.next_best:.1f}"


def _line(level: Doubles, packets: Predicted, place: Place, kinds: Sequence[str]) -> Line | None:
    rough = Line(place.at_s, -place.drift_ppm * 1e-6, np.zeros(0, np.bool_), 0.0, 0.0, 0.0)
    first = windows(wave(level), wave(packets.level_db), rough, REACH_S)
    if set(kinds) == {"talkspurt"}:
        return fit(first, PAUSES_AGREE_S)
    line = fit(first)
    if line is None:
        return None
    here, there = (wave(db, mean_s=FINE_MEAN_S) for db in (level, packets.sent_db))
    if not level_only(kinds):
        here = as_sizes(here, there, line)
    return fit(windows(here, there, line, FINE_REACH_S))


def _stated(packets: Predicted, place: Place, line: Line, exact: _Exact | None, kinds: Sequence[str]) -> Alignment:
    best = exact.line if exact else line
    shrunk = PRIOR_DRIFT**2 / (PRIOR_DRIFT**2 + best.slope_error**2)
    slope = best.slope * shrunk  # least squares with what is known of crystals: a minute tells nothing of ppm
    at_s = best.at(best.middle_s) - slope * best.middle_s
    reach_s = np.sqrt(3) * best.spread_s  # from the middle to the ends
    scatter_s = 2 * best.scatter_s / np.sqrt(max(best.agree.sum(), 1))
    drift_s = 2 * best.slope_error * np.sqrt(shrunk) * reach_s
    bias_s = exact.bias_s if exact else max(BIAS_S[kind] for kind in kinds)
    ahead = (place.peak - place.next_best) / SURE_AHEAD
    return Alignment(
        start_ns=packets.base_ns + round((packets.first_s + at_s) * 1e9),
        drift_ppm=round(-slope * 1e6, 3),
        drift_told=bool(abs(best.slope) > 3 * best.slope_error),
        error_s=float(np.hypot(scatter_s, drift_s) + bias_s),
        confidence=round(float(line.agree.mean()) * min(ahead, 1.0), 3),
        based_on=(*kinds, *(("lost packets",) if exact else ())),
        windows=int(line.agree.sum()),
        windows_of=len(line.agree),
        peak=round(place.peak, 2),
        next_best=round(place.next_best, 2),
    )


BUFFER_S = 0.5  # a recorder's jitter buffer and mixer write a sound this much later than its packets came, at most
CLOCK_S = 0.05  # what two machines that keep time by NTP may differ by
MIN_CONFIDENCE = 0.6  # for evidence to be believed against a start that was given


@dataclass(frozen=True)
class Aligned:
    """A recording whose start was given, and what its sound and the packets say of it."""

    recording: str
    length_s: float
    given_ns: int  # UTC of sample 0
    given_from: str  # settings or metadata
    found: Alignment

    @property
    def later_s(self) -> float:
        """By how much the start given is later than the one found: a buffer's wait, if nothing is wrong."""
        return (self.given_ns - self.found.start_ns) * 1e-9

    @property
    def unexplained_s(self) -> float:
        """What of that is no wait in a buffer: below 0 or above BUFFER_S; without sign."""
        return max(-self.later_s, self.later_s - BUFFER_S, 0.0)

    @property
    def contradicted(self) -> bool:
        """Whether the evidence is sure enough, and further off than its error and two clocks' together."""
        sure = self.found.confidence >= MIN_CONFIDENCE
        return sure and self.unexplained_s > self.found.error_s + CLOCK_S
