"""The presentation clock of one recording: where decoded sound belongs, what is missing and what is damaged.

Times of single frames jitter (10 minutes of Vorbis gave 6,776 false holes when each frame was checked), and a
recorder's clock drifts; so a hole is a *jump* of the difference between presented and counted time. How large it must
be follows from how much the times of this very file jitter: exact times show the loss of a single packet.
"""

from dataclasses import dataclass

import numpy as np

from aqa.model import Floats, InputError
from aqa.sound_model import Hole

TOLERANCE_S = 0.06  # three 20 ms packets: what containers' own rounding and pre-skip were seen to reach
LEAST_S = 0.009  # where times are exact: the shortest packet of a room is 10 ms, Matroska rounds to 1 ms
STEADY = 3.0  # a jump is this many times what the times jittered by of late
FADE = 0.98  # of that memory, per frame: 50 frames are a second
DRIFT = 1e-3  # the difference may creep by 1000 ppm before it is a jump; crystals keep to 100
RESET_S = 1.0  # times that fall back by more begin anew (chained Ogg, wrapped TS)
ROUNDING_S = 0.01  # headers that lack a padding byte or a tag's length are off by less
JUMP_LIMIT_S = 86_400.0  # holes of more than a day, over all channels, are wrong times: each hop costs memory
RATES_HZ = (1_000, 768_000)
CHANNELS = 256


@dataclass(frozen=True)
class _Span:
    start: int
    end: int
    reason: str


class Clock:
    """Sample positions on the presentation clock, and the list of what is not sound."""

    def __init__(
        self,
        rate: int,
        channels: int = 1,
        gapless: bool = False,
        jitter_s: float = TOLERANCE_S / STEADY,
        least_s: float = LEAST_S,
    ) -> None:
        self.rate = rate
        self._least = least_s * rate
        self._jitter = jitter_s * rate  # of presented times, of late; in samples
        self._limit = round(JUMP_LIMIT_S / channels * rate)  # samples that may yet be skipped
        self.gapless = gapless  # a format that can't leave media out: what is missing was damaged
        self.position = 0  # end of what was placed
        self.decoded = 0
        self._anchor: int | None = None  # presented time of position 0
        self._creep = 0.0
        self._open: str | None = None  # reason of damage whose end the next presented time tells
        self._missing: list[_Span] = []
        self._damaged: list[_Span] = []

    def place(self, presented: int | None, length: int) -> int:
        """Start of the next `length` samples, whose container time is `presented` (in samples; None: unknown)."""
        if presented is not None:
            self._follow(presented, length)
        self._open = None
        start = self.position
        self.position += length
        self.decoded += length
        return start

    def _follow(self, presented: int, length: int) -> None:
        """Move on where the presented time jumps ahead; never back."""
        if self._anchor is None:
            self._anchor = presented - self.position
        ahead = presented - self._anchor - self.position - self._creep
        if ahead < -RESET_S * self.rate or ahead > self._limit:
            if ahead > 0:
                self.damage(0, "its presentation times jump by more than a day: the jump is left out")
            self._anchor, self._creep = presented - self.position, 0.0
        elif (self._open is not None or self.gapless) and ahead >= 1:
            reason = self._open or "a part that can't be decoded"
            self._skip(self._damaged, round(ahead), reason)
        elif ahead > min(TOLERANCE_S * self.rate, max(self._least, STEADY * self._jitter)):
            self._skip(self._missing, round(ahead), "no media was recorded")
        else:
            self._creep += float(np.clip(ahead, -DRIFT * length, DRIFT * length))
            self._jitter = max(abs(ahead), FADE * self._jitter)

    def miss(self, length: int, reason: str) -> None:
        """`length` samples that the container says are missing here."""
        self._skip(self._missing, length, reason)

    def lose(self, length: int, reason: str) -> None:
        """`length` samples here can't be decoded at all."""
        self._skip(self._damaged, length, reason)

    def wrong(self, start: int, end: int, reason: str) -> None:
        """Media between two positions that can be decoded, and should not be there."""
        self._add(self._damaged, start, end, reason)

    def _skip(self, spans: list[_Span], length: int, reason: str) -> None:
        """Move on by `length` samples, as far as the limit allows."""
        length = min(length, self._limit)
        if length > 0:
            self._limit -= length
            self._add(spans, self.position, self.position + length, reason)
            self.position += length

    def append(self, other: "Clock") -> None:
        """What another clock saw, behind what this one did."""
        for mine, theirs in ((self._missing, other._missing), (self._damaged, other._damaged)):
            mine.extend(_Span(s.start + self.position, s.end + self.position, s.reason) for s in theirs)
        self.position += other.position
        self.decoded += other.decoded

    def damage(self, length: int, reason: str) -> None:
        """Media that should be here, `length` samples by the packet's word, and could not be decoded."""
        self._add(self._damaged, self.position, self.position + min(max(length, 0), self._limit), reason)
        self._open = reason

    def shorter(self, stated: int, reason: str) -> None:
        """The container stated `stated` samples in all; what lacks at the end is damage, if it is plausible."""
        if self.position + ROUNDING_S * self.rate < stated < self.position + JUMP_LIMIT_S * self.rate:
            self._damaged = [span for span in self._damaged if span.start < self.position]
            self._add(self._damaged, self.position, stated, reason)

    def clean(self, start: int, samples: Floats) -> Floats:
        """`samples` (channels, n) with what is no number set to 0 and counted as damage."""
        bad = ~np.isfinite(samples)
        if not bad.any():
            return samples
        at = np.flatnonzero(bad.any(axis=0))
        for part in np.split(at, np.flatnonzero(np.diff(at) > TOLERANCE_S * self.rate) + 1):
            reason = "samples that are no numbers (NaN or infinite), taken as 0"
            self._add(self._damaged, start + int(part[0]), start + int(part[-1]) + 1, reason)
        return np.where(bad, np.float32(0), samples).astype(np.float32)

    def _add(self, spans: list[_Span], start: int, end: int, reason: str) -> None:
        """Append a span, or lengthen the last one of the same reason that it touches."""
        near = TOLERANCE_S * self.rate if spans is self._damaged else 0
        if spans and spans[-1].reason == reason and start <= spans[-1].end + near:
            start, end = spans[-1].start, max(spans.pop().end, end)
        spans.append(_Span(start, end, reason))

    @property
    def missing(self) -> tuple[Hole, ...]:
        """Stretches without media."""
        return tuple(Hole(s.start / self.rate, s.end / self.rate, s.reason) for s in self._missing)

    @property
    def damaged(self) -> tuple[Hole, ...]:
        """Stretches whose media was damaged, ordered by start."""
        spans = sorted(self._damaged, key=lambda s: (s.start, s.end))
        return tuple(Hole(s.start / self.rate, s.end / self.rate, s.reason) for s in spans)


def check_format(name: str, rate: int, channels: int) -> None:
    """Refuse what no room recorder writes: a 744 kB FLAC can state 134 MHz and decode to 11 GB."""
    if not RATES_HZ[0] <= rate <= RATES_HZ[1]:
        raise InputError(f"{name}: a sample rate of {rate} Hz is outside 1 kHz to 768 kHz; convert it first")
    if not 1 <= channels <= CHANNELS:
        raise InputError(f"{name}: {channels} channels are more than {CHANNELS}; split it first")
