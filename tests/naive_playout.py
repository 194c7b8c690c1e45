"""Naive twins of the buffers: lists, sets and loops over all packets, as the words of the modules say it."""

import math
from dataclasses import dataclass, field
from itertools import pairwise

from aqa.measures import neteq
from aqa.measures.neteq_delay import Preset

MS = 1_000_000
NEVER = 2**63 - 1


@dataclass
class Slot:
    """One packet of media: when it came, what it holds, how many are missing before it."""

    sequence: int
    arrival: int
    media: int
    frame: int
    lost: int
    copies: int
    order: int  # place in the log


@dataclass
class Heard:
    late: list[bool]
    holes: list[tuple[int, int]] = field(default_factory=list)
    played: int = 0
    stretched: int = 0
    shortened: int = 0
    recovered: int = 0
    thrown: int = 0


def of_slots(slots) -> list[list[Slot]]:
    """Slots of each stretch as objects."""
    rank = {int(k): i for i, k in enumerate(slots.by_arrival)}
    rows = [
        Slot(*(int(a[k]) for a in (slots.sequence, slots.arrival_ns, slots.media_ns, slots.frame_ns, slots.lost)),
             int(slots.copies[k]), rank[k])
        for k in range(len(slots))
    ]  # fmt: skip
    edges = slots.bounds.tolist()
    return [rows[a:b] for a, b in pairwise(edges)]


def floors(slots: list[Slot]) -> list[int]:
    offset = [s.arrival - s.media for s in slots]
    clock = [max(s.arrival for s in slots[: k + 1]) for k in range(len(slots))]
    out = []
    for k, slot in enumerate(slots):
        # the window's first slot is the first that is young enough, whatever lies behind it
        past = min(offset[j] for j in range(k + 1) if slots[j].media >= slot.media - 2000 * MS)
        ahead = min(offset[j] for j in range(k, len(slots)) if clock[j] <= clock[k] + 1000 * MS)
        out.append(max(past, ahead) if clock[-1] >= clock[k] + 1000 * MS else past)
    return out


def copy_of(wanted: int, slots: list[Slot]) -> int:
    """When the first copy of a packet came."""
    return min((s.arrival for s in slots if 0 < s.sequence - wanted <= s.copies), default=NEVER)


def fixed(stretches: list[list[Slot]], delay: int) -> Heard:
    """Each packet against its time; holes are joined where media is."""
    out = Heard([])
    for slots in stretches:
        floor, until, hole = floors(slots), slots[0].media, None
        for k, slot in enumerate(slots):
            before = floor[max(k - 1, 0)]
            pieces = []  # length, heard from, is it there in time
            if slot.lost:
                unit = min(slots[k - 1].frame, max(slot.media - until, 0) // slot.lost)
                for i in range(slot.lost):
                    due = until + before + delay
                    there = copy_of(slot.sequence - slot.lost + i, slots) <= due
                    out.recovered += there
                    out.played += unit * there
                    pieces.append((unit, due, there))
                    until += unit
            rise = max(floor[k] - before, 0)
            pause = slot.media > until
            shift = (rise, slot.media + before + delay, slot.arrival <= slot.media + before + delay)
            due = slot.media + floor[k] + delay
            late = slot.arrival > due
            there = not late or copy_of(slot.sequence, slots) <= due
            out.late.append(late)
            out.played += slot.frame * there
            out.recovered += late and there
            out.stretched += rise if shift[2] else 0
            for i, (length, start, in_time) in enumerate([*pieces, shift, (slot.frame, due, there)]):
                if i == len(pieces) and pause:
                    hole = None
                if length == 0:
                    continue
                if in_time:
                    hole = None
                elif hole is None:
                    out.holes.append((start, start + length))
                    hole = len(out.holes) - 1
                else:
                    out.holes[hole] = (out.holes[hole][0], max(out.holes[hole][1], start + length))
            until = max(until, slot.media + slot.frame)
        hole = None
    return out


class Histogram:
    """histogram.cc: shares of 20 ms buckets that sum to 1."""

    def __init__(self, forget: float, weight: float) -> None:
        self.share, self.base, self.weight, self.adds, self.forget = [0.0] * 100, forget, weight, 0, 0.0

    def add(self, bucket: int) -> None:
        self.adds += 1
        if self.weight:
            self.forget = min(self.base, max(0.0, 1 - self.weight / self.adds))
        elif self.adds > 1:
            self.forget += (self.base - self.forget) / 4
        self.share = [value * self.forget for value in self.share]
        self.share[bucket] += 1 - self.forget

    def quantile(self, share: float) -> int:
        return next(i for i in range(100) if i == 99 or 1 - sum(self.share[: i + 1]) <= 1 - share + 1e-9)


class NetEq:
    """One stretch through the adaptive buffer."""

    def __init__(self, slots: list[Slot], preset: Preset, start: int, out: Heard) -> None:
        self.slots, self.preset, self.out, self.start = slots, preset, out, start
        self.queue = sorted(range(len(slots)), key=lambda k: slots[k].order)
        self.flags = ["in time"] * len(slots)
        self.came: list[int] = []
        self.histogram = Histogram(preset.forget, preset.start_weight)
        self.orders = Histogram(0.9993, preset.start_weight)
        self.underrun_ms, self.reorder_ms, self.seen = start / MS, 0.0, False
        self.most_ms, self.since = 0.0, slots[self.queue[0]].arrival
        self.now = self.since + start
        self.next, self.left, self.until = 0, 0, slots[0].media
        self.covered, self.noise, self.level = 0, False, start
        self.stretched_at = self.since - 50 * MS
        self.held = 0
        self.copied = any(slot.copies for slot in slots)

    @property
    def target(self) -> float:
        return max(self.underrun_ms, self.reorder_ms) * MS

    def offset(self, k: int) -> int:
        return self.slots[k].arrival - self.slots[k].media

    def floor(self) -> int:
        newest = self.slots[self.came[-1]].arrival
        return min(self.offset(k) for k in self.came if self.slots[k].arrival >= newest - 2000 * MS)

    def span(self) -> int:
        newest = self.slots[max(self.came)]
        return newest.media + newest.frame - self.slots[self.next].media

    def absorb(self) -> None:
        while len(self.came) < len(self.queue) and self.slots[self.queue[len(self.came)]].arrival <= self.now:
            k = self.queue[len(self.came)]
            reordered = bool(self.came) and k < max(self.came)
            self.came.append(k)
            self.weigh(k, reordered)
            if k >= self.next:
                self.held += 1
                if self.held > 200:
                    self.flush(k)

    def weigh(self, k: int, reordered: bool) -> None:
        delay_ms, arrival = (self.offset(k) - self.floor()) / MS, self.slots[k].arrival
        weighed, value = False, None
        if not self.preset.resample_ns:
            value = delay_ms
        elif not reordered:
            if arrival - self.since > self.preset.resample_ns:
                value, self.most_ms, self.since, weighed = self.most_ms, 0.0, arrival, True
            self.most_ms = max(self.most_ms, delay_ms)
        if value is not None and value < 2000:
            self.histogram.add(int(value) // 20)
            self.underrun_ms = (1 + self.histogram.quantile(self.preset.quantile)) * 20
        if self.preset.reorder:
            self.orders.add(min(int(delay_ms) // 20, 99) if reordered else 0)
            self.seen |= reordered
            if self.seen and (reordered or weighed):
                self.reorder_ms = self.least_cost()

    def least_cost(self) -> float:
        share = self.orders.share
        costs = [
            max(0.0, b * 20 - self.underrun_ms) + 2000 * sum(share[b + 1 :])
            for b in range(100)
            if b == 0 or sum(share[b:]) >= 1e-9
        ]
        lowest = min(costs)
        return (1 + next(b for b, cost in enumerate(costs) if cost <= lowest + 1e-7)) * 20

    def flush(self, k: int) -> None:
        for j in range(self.next, max(self.came) + 1):
            if j != k:
                thrown = self.slots[j].arrival <= self.slots[k].arrival
                self.flags[j] = "thrown" if thrown else "late"
        self.next, self.left, self.until, self.held = k, 0, self.slots[k].media, 1

    def run(self) -> None:
        while self.next < len(self.slots):
            self.absorb()
            slot = self.slots[self.next]
            if not self.left and slot.media > self.until:
                due = slot.media + self.floor() + int(max(self.underrun_ms, self.reorder_ms)) * MS
                nominal = self.now + slot.media - self.until
                self.now = max(self.now, min(max(nominal, due), due + 20 * MS))
                self.until, self.noise, self.covered = slot.media, True, 0
            elif not self.left and slot.arrival <= self.now:
                more = len(self.came) < len(self.slots)
                if self.covered >= 50 * MS and more and self.span() < self.target / 2:
                    self.conceal(10 * MS)
                else:
                    self.play(slot)
            elif self.copied and self.left > 1 and self.covered >= self.slots[self.next - 1].frame > 0:
                unit = self.slots[self.next - 1].frame
                self.left, self.until, self.covered = self.left - 1, self.until + unit, self.covered - unit
            elif copy_of(slot.sequence - self.left, self.slots) <= self.now:
                self.recover(slot)
            else:
                self.missing(slot)
        self.out.late += [flag == "late" for flag in self.flags]
        self.out.thrown += self.flags.count("thrown")

    def advance(self) -> None:
        self.next += 1
        self.left = self.slots[self.next].lost if self.next < len(self.slots) else 0

    def play(self, slot: Slot) -> None:
        change = self.change(slot) if not self.covered and slot.frame else 0
        self.out.played += slot.frame
        self.out.stretched += max(change, 0)
        self.out.shortened += max(-change, 0)
        self.now += slot.frame + change
        self.until = max(self.until, slot.media + slot.frame)
        self.covered, self.noise = 0, False
        self.held -= 1
        self.advance()

    def change(self, slot: Slot) -> int:
        target, span = min(self.target, 150 * slot.frame), self.span()
        if self.preset.by_level:
            low = max(0.75 * target, target - 85 * MS)
            high, level = max(target, low + 20 * MS), self.level
        else:
            low, level = target, self.now - slot.media - self.floor()
            young = [self.offset(k) for k in self.came if self.slots[k].arrival >= self.now - 2000 * MS]
            high = target + 20 * MS + max(max(young, default=self.floor()) - self.floor(), 0)
        allowed = self.now - self.stretched_at >= 50 * MS
        change = 0
        if level >= 4 * high and span >= 30 * MS:
            change = -neteq.FAST_CUT_NS
        elif allowed and level >= high and span >= 30 * MS:
            change = -neteq.ASSUMED_PITCH_NS
        elif allowed and level < low:
            change = neteq.ASSUMED_PITCH_NS
        change = max(change, -slot.frame)
        if change:
            self.stretched_at = self.now
        if self.preset.by_level:
            factor = next(
                f for most, f in ((20, 251), (60, 252), (140, 253), (math.inf, 254)) if self.underrun_ms <= most
            )
            share = (factor / 256) ** (slot.frame / (10 * MS))
            self.level = int(share * (self.level + change) + (1 - share) * span)
        return change

    def recover(self, slot: Slot) -> None:
        previous = self.slots[self.next - 1] if self.next else slot
        unit = previous.frame if self.left else slot.frame
        self.out.played += unit
        self.out.recovered += 1
        self.now, self.until, self.covered = self.now + unit, self.until + unit, 0
        if self.left:
            self.left -= 1
        else:
            self.flags[self.next] = "late"
            self.advance()

    def conceal(self, length: int) -> None:
        holes = self.out.holes
        if holes and holes[-1][1] == self.now:
            holes[-1] = (holes[-1][0], self.now + length)
        else:
            holes.append((self.now, self.now + length))
        self.now += length
        self.covered += length

    def missing(self, slot: Slot) -> None:
        there = [j for j in range(self.next, len(self.slots)) if j in self.came and self.slots[j].arrival <= self.now]
        unit = self.slots[self.next - 1].frame if self.next else slot.frame
        if not there:
            coming = self.slots[self.queue[len(self.came)]].arrival
            if self.noise:
                self.now = coming
                return
            if not self.left:
                self.flags[self.next] = "late"
            whole = math.ceil((coming - self.now) / (10 * MS)) * 10 * MS
            lost = self.left * unit - self.covered
            self.conceal(min(whole, lost) if lost > 0 else whole)
            return
        if not self.left:
            self.flags[self.next] = "late"
        found = there[0]
        media = self.slots[found].media - self.until
        leap = min(media, (self.slots[found].sequence - slot.sequence + self.left) * unit)
        if self.covered >= min(leap, 100 * MS) or leap >= 1000 * MS:
            for j in range(self.next, found):
                self.flags[j] = "late"
            self.next, self.left = found, 0
            self.until = self.until + leap if media > leap else self.slots[found].media
        else:
            self.conceal(min(10 * MS, leap - self.covered))


def adaptive(stretches: list[list[Slot]], preset: Preset, start: int) -> Heard:
    out = Heard([])
    for slots in stretches:
        NetEq(slots, preset, start, out).run()
    return out
