"""What was heard of a stream: a jitter buffer run over its packets.

Two models, both stated with every result: a fixed buffer (`measures/fixed.py`) and an adaptive one after NetEq
(`measures/neteq.py`). Times are seconds since the stream's log_start_ns, on the clock of arrival plus the buffer:
when listeners heard it. Pauses of DTX, mute or comfort noise, telephone events and duplicates conceal nothing;
each stretch starts the buffer anew. Where the clock rate is unknown, and for video, nothing is measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled
from aqa.measures.bins import spread
from aqa.measures.fixed import LATE, LOST, Run, fixed, pieces, sweep_of_slots
from aqa.measures.floor import NEVER
from aqa.measures.neteq import THROWN_AWAY, WAITED_FOR, adaptive
from aqa.measures.neteq_delay import PRESETS
from aqa.measures.slots import Slots, slots_of
from aqa.model import Doubles, Flags, Ints
from aqa.stream_model import Stream

_Kind = TypeVar("_Kind", bound=np.generic)
CAUSES = ("lost", "late", "nothing came")
SWEEP_MS = (20, 40, 60, 80, 100, 120, 160, 200, 300, 400, 500)
INTERRUPTION_S = 0.15  # libwebrtc's interruptionCount: one concealment of 150 ms or longer
MAX_SECONDS = 100_000  # told of one stream: over a day; a clock that lies must not fill memory
SEVERE_S = 0.05  # RFC 7294: severely concealed second; 50 ms is Cisco's and Webex's figure for it


@dataclass(frozen=True)
class Buffer:
    """Which buffer, and how long it is at the start (a fixed one: always)."""

    model: Literal["adaptive", "fixed"] = "adaptive"
    delay_ms: float = 60.0
    preset: Literal["neteq", "neteq-2019"] = "neteq"

    @property
    def name(self) -> str:
        """As tables and findings name it."""
        return f"{self.preset if self.model == 'adaptive' else 'fixed'} {self.delay_ms:g} ms"


@dataclass(frozen=True)
class Playout:
    """What one buffer made of one stream."""

    buffer: Buffer
    slots: Slots
    late: Flags  # of each packet of the stream: came after it was due, or after its buffer had been given up
    overflow: Flags  # of each packet of the stream: thrown away because the buffer was full
    heard_s: Doubles  # of each packet of the stream: when it was, or should have been, heard; NaN: not at all
    start_s: Doubles  # of each concealed interval
    end_s: Doubles
    cause: Ints  # of each concealed interval: index into CAUSES, the one with the largest part
    parts_s: Doubles  # shape (intervals, 3): seconds by cause
    first_slot: Ints
    last_slot: Ints
    recovered: int  # lost or late packets played from a copy
    played_s: float
    accelerated_s: float  # time that playing faster saved
    expanded_s: float  # time that playing slower took
    delay_mean_ms: float | None  # of play over the delay's floor: that of the least delayed packets then
    waiting_mean_ms: float | None  # of packets in the buffer
    delays_ns: Ints  # of all that was played, as delay_mean_ms

    @property
    def delay_p95_ms(self) -> float | None:
        """The buffer's delay, 95th percentile."""
        ordered = np.sort(self.delays_ns)  # three times as fast as partition
        return int(ordered[int(0.95 * (len(ordered) - 1))]) * 1e-6 if len(ordered) else None

    @cached_property
    def lengths_s(self) -> Doubles:
        """Length of each concealed interval."""
        return np.asarray(self.end_s - self.start_s, np.float64)

    @cached_property
    def concealed_s(self) -> float:
        """Sound made up, in all."""
        return float(self.lengths_s.sum())

    @property
    def concealed_pct(self) -> float | None:
        """Of all that was played: W3C webrtc-stats concealedSamples over totalSamplesReceived."""
        whole = self.concealed_s + self.played_s
        return 100 * self.concealed_s / whole if whole > 0 else None

    @property
    def interruptions(self) -> int:
        """Concealed intervals of 150 ms or longer."""
        return int(np.count_nonzero(self.lengths_s >= INTERRUPTION_S - 1e-9))


@dataclass(frozen=True)
class Played:
    """A stream and what was heard of it: what a detector of late packets looks at."""

    stream: Stream
    playout: Playout | None  # None: not measured (unknown clock, video)


def play(stream: Stream, buffer: Buffer) -> Playout | None:
    """Run `buffer` over the packets of a stream; None for video, and where its clock or its arrivals are unknown."""
    slots = slots_of(stream) if stream.timed else None
    if slots is None:
        return None
    delay_ns = round(buffer.delay_ms * 1e6)
    if buffer.model == "fixed":
        run = fixed(slots, pieces(slots), delay_ns)
    else:
        run = adaptive(slots, PRESETS[buffer.preset], delay_ns)
    holes = run.holes
    played, expanded, accelerated, recovered = run.totals.tolist()
    mean_ms, wait_ms, delays_ns, heard_s = _heard(slots, run)
    return Playout(
        buffer=buffer,
        slots=slots,
        late=_of_packets(stream, slots, run.flags == WAITED_FOR, False),
        overflow=_of_packets(stream, slots, run.flags == THROWN_AWAY, False),
        heard_s=_of_packets(stream, slots, heard_s, np.nan),
        start_s=_seconds(holes[:, 0]),
        end_s=_seconds(holes[:, 1]),
        cause=np.argmax(holes[:, 2:5], axis=1),
        parts_s=_seconds(holes[:, 2:5]),
        first_slot=holes[:, 5],
        last_slot=holes[:, 6],
        recovered=recovered,
        played_s=played * 1e-9,
        accelerated_s=accelerated * 1e-9,
        expanded_s=expanded * 1e-9,
        delay_mean_ms=mean_ms,
        waiting_mean_ms=wait_ms,
        delays_ns=delays_ns,
    )


def _seconds(ns: Ints) -> Doubles:
    return np.asarray(ns * 1e-9, np.float64)


def _of_packets(stream: Stream, slots: Slots, of_slots: NDArray[_Kind], other: float) -> NDArray[_Kind]:
    """Of each packet what its slot has, and `other` of those without one."""
    if slots.plain:
        return of_slots
    out = np.full(len(stream.sequence), other, of_slots.dtype)
    out[slots.packet] = of_slots
    return out


@compiled("int64(int64[::1], int64[::1], int64[::1], int64[::1], float64[::1], float64[::1])")
def _heard_kernel(delay, heard, arrival, kept, sums, heard_s):  # type: ignore[no-untyped-def]
    """Delays of what was played, into `kept`, and how many; `sums`: of them, and of their waits."""
    n = 0
    for i in range(len(delay)):
        heard_s[i] = heard[i] * 1e-9 if heard[i] != NEVER else np.nan
        if delay[i] != NEVER:
            kept[n] = delay[i]
            sums[0] += delay[i]
            sums[1] += heard[i] - arrival[i]
            n += 1
    return n


def _heard(slots: Slots, run: Run) -> tuple[float | None, float | None, Ints, Doubles]:
    """Of what was played the mean delay and wait in ms, and delays in ns; and when each slot was heard, in s."""
    kept, sums, heard_s = np.empty(len(run.delay), np.int64), np.zeros(2), np.empty(len(run.delay))
    n = _heard_kernel(run.delay, run.heard, slots.arrival_ns, kept, sums, heard_s)
    if n == 0:
        return None, None, kept[:0], heard_s
    delay_ns, wait_ns = (sums / n).tolist()
    return delay_ns * 1e-6, wait_ns * 1e-6, kept[:n], heard_s


@dataclass(frozen=True)
class Choice:
    """What a fixed buffer of one delay would have made of a stream."""

    delay_ms: float  # that it adds for the least delayed packets, mouth to ear
    late: int  # packets
    dropouts: int  # concealed intervals
    concealed_s: float


def sweep(stream: Stream, delays_ms: Sequence[float] = SWEEP_MS) -> list[Choice] | None:
    """Fixed buffers of each delay, from one pass; None where `play` gives None."""
    slots = slots_of(stream)
    return None if slots is None else sweep_slots(slots, delays_ms)


def sweep_slots(slots: Slots, delays_ms: Sequence[float] = SWEEP_MS) -> list[Choice]:
    """As `sweep`, from slots made before."""
    delays = sorted(delays_ms)
    rows = sweep_of_slots(slots, np.array([round(ms * 1e6) for ms in delays], np.int64)).tolist()
    return [Choice(ms, late, holes, ns * 1e-9) for ms, (late, holes, ns) in zip(delays, rows, strict=True)]


def advice(choices: Sequence[Choice], delay_ms: float) -> str | None:
    """The shortest buffer that would save nearly all that a longer one can, as a sentence; None if none would.

    "Nearly": nine of ten, so that one straggler does not ask for half a second.
    """
    now = next((item for item in choices if item.delay_ms >= delay_ms), None)
    longer = [item for item in choices if now and item.delay_ms > now.delay_ms]
    if now is None or not longer:
        return None
    most = now.dropouts - min(item.dropouts for item in longer)
    if most <= 0:
        return _advice_in_seconds(now, longer)
    best = next(item for item in longer if now.dropouts - item.dropouts >= 0.9 * most)
    return (
        f"with a fixed buffer of {best.delay_ms:g} ms, {now.dropouts - best.dropouts} of {now.dropouts} concealed"
        f" intervals would not have been heard, for {best.delay_ms - now.delay_ms:g} ms more delay than"
        f" {now.delay_ms:g} ms"
    )


def _advice_in_seconds(now: Choice, longer: Sequence[Choice]) -> str | None:
    """Where a longer buffer has no fewer intervals, but shorter ones: what it would have saved in seconds."""
    most = now.concealed_s - min(item.concealed_s for item in longer)
    if most <= SEVERE_S:
        return None
    best = next(item for item in longer if now.concealed_s - item.concealed_s >= 0.9 * most)
    return (
        f"with a fixed buffer of {best.delay_ms:g} ms, {now.concealed_s - best.concealed_s:.1f} s of"
        f" {now.concealed_s:.1f} s of concealed sound would not have been needed, for"
        f" {best.delay_ms - now.delay_ms:g} ms more delay than {now.delay_ms:g} ms"
    )


@dataclass(frozen=True)
class ConcealedSeconds:
    """Seconds with concealment (RFC 7294)."""

    concealed: int  # seconds with any
    severe: int  # with more than 50 ms
    weighted_by: str  # "speech", or "nothing": every second counts, heard or not


def concealed_seconds(playout: Playout, speech: Flags | None = None, hop_s: float = 0.01) -> ConcealedSeconds:
    """Concealed and severely concealed seconds, on the clock of hearing from log_start_ns on.

    `speech`, shape (hops,), tells per hop of `hop_s` from log_start_ns on whether there was any: concealment
    elsewhere is not counted. None: not weighted. Lost, late and missing sound counts; stretching does not.
    """
    start, end = playout.start_s, playout.end_s
    if speech is not None:
        start, end = _inside(start, end, speech, hop_s)
    _, amounts = seconds_of(start, end)
    concealed, severe = (int(np.count_nonzero(amounts > least + 1e-9)) for least in (0.0, SEVERE_S))
    return ConcealedSeconds(concealed, severe, "nothing" if speech is None else "speech")


def _inside(start: Doubles, end: Doubles, speech: Flags, hop_s: float) -> tuple[Doubles, Doubles]:
    """The parts of intervals that lie in speech."""
    edges = np.flatnonzero(np.diff(speech.astype(np.int8), prepend=0, append=0)) * hop_s
    pairs = [
        (max(a, s), min(b, e))
        for a, b in zip(start.tolist(), end.tolist(), strict=True)
        for s, e in edges.reshape(-1, 2).tolist()
        if s < b and e > a
    ]
    found = np.array(pairs, np.float64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def seconds_of(start_s: Doubles, end_s: Doubles) -> tuple[int, Doubles]:
    """How much of intervals falls into each second: the first second, and seconds from there on."""
    if not len(start_s):
        return 0, np.zeros(0)
    low, high = int(np.floor(start_s.min())), int(np.floor(end_s.max()))
    return low, spread(start_s, end_s, 1.0, low, min(high - low + 1, MAX_SECONDS))


def cause_share_s(playout: Playout) -> dict[str, float]:
    """Concealed seconds by cause: lost, late, nothing came."""
    return {CAUSES[at]: float(playout.parts_s[:, at].sum()) for at in (LOST, LATE, 2)}
