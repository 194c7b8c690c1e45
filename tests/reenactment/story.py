"""The night in miniature: what happens when, drawn from a seed. Seconds since the first room opened."""

from dataclasses import dataclass, field

import numpy as np

LENGTH_S = 600.0
ROOM_1, ROOM_2 = (0.0, 302.0), (330.0, 600.0)
SCHEDULED_S = 5.0
MUSIC = (5.0, 62.0)
CRASH_S = 300.0
BACK_S = 332.0
KNEE = 300_000
NAMES = ("alice", "bob", "carol")
CAPTURE = frozenset(("dropout", "attenuation", "silence", "concealment", "discontinuity"))
HOLES = frozenset(("dropout", "attenuation", "silence", "concealment", "loss", "stall", "late", "discontinuity"))


@dataclass(frozen=True)
class Fault:
    """One fault as it truly was."""

    who: str  # participant, or "everybody", "recorder", "room"
    start_s: float
    end_s: float
    cause: str
    kinds: frozenset[str]  # that a finding of it may have


@dataclass
class Story:
    """Everything that happens."""

    turns: list[tuple[str, float, float]]  # who speaks
    lost: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # on the way, per participant
    frozen: list[tuple[str, float, float]] = field(default_factory=list)  # the sender's device stood still
    dead_air: list[tuple[str, float, float]] = field(default_factory=list)  # the sender's microphone gave zeros
    slow: list[tuple[str, float, float]] = field(default_factory=list)  # packets held up, then all at once
    echo: tuple[str, str, float, float] = ("alice", "bob", 0.0, 0.0)  # whose microphone hears whom
    holes: list[tuple[float, float]] = field(default_factory=list)  # in the recording alone
    unmuted: list[tuple[float, float]] = field(default_factory=list)  # carol
    truth: list[Fault] = field(default_factory=list)

    def speaking(self, at: float) -> str | None:
        """Who speaks then."""
        return next((who for who, start, end in self.turns if start <= at < end), None)


def listeners(at: float) -> float:
    """They grow to half a million; half of them find the second room."""
    if at < CRASH_S:
        return 500_000 * (at / CRASH_S) ** 1.2
    return 0.0 if at < ROOM_2[0] else 250_000 * (1 - np.exp(-(at - ROOM_2[0]) / 40))


def load(at: float) -> float:
    """Processor of the first server in per cent."""
    return min(100.0, 12 + 80 * listeners(at) / 420_000) if at < CRASH_S else 3.0


def story(seed: int) -> Story:
    """One night."""
    random = np.random.default_rng(seed)
    turns = _turns(random)
    night = Story(turns, lost={name: [] for name in NAMES})
    night.unmuted = [(start - 2.0, end + 2.0) for who, start, end in turns if who == "carol"]
    said = [turn for turn in turns if turn[2] - turn[1] > 8]
    _echo(night, said, random)
    _everybody(night, random)
    _bad_uplink(night, random)
    _own_faults(night, [turn for turn in said if turn[1] > BACK_S], random)
    last = CRASH_S
    first = turns[0][1]
    again = next(start for _, start, _ in turns if start > BACK_S)
    night.truth += [
        Fault("room", SCHEDULED_S, first, "unexplained", frozenset(("late_start",))),
        Fault("room", MUSIC[0], MUSIC[1], "unexplained", frozenset(("unintended_audio",))),
        Fault("room", ROOM_1[1], ROOM_2[0], "server_outage", frozenset(("room_restart",))),
        Fault("room", last, again, "server_outage", frozenset(("outage",))),
    ]
    return night


def _turns(random: np.random.Generator) -> list[tuple[str, float, float]]:
    """Who speaks when: turns of 10 to 24 s in both rooms, the next one beginning a second or so after."""
    turns, who = [], 0
    for first, last in ((float(random.uniform(66, 74)), CRASH_S), (BACK_S + 2.0, LENGTH_S - 4)):
        at = first
        while at < last - 6:
            end = min(at + random.uniform(10, 24), last)
            turns.append((NAMES[who % 3], at, end))
            at, who = end + random.uniform(0.4, 1.4), who + int(random.integers(1, 3))
    return turns


def _echo(night: Story, said: list[tuple[str, float, float]], random: np.random.Generator) -> None:
    """While bob speaks in the first room, alice's loudspeaker is in her microphone."""
    mine = [turn for turn in said if turn[0] == "bob" and 70 < turn[1] < 170] or said[:1]
    _, start, end = mine[int(random.integers(len(mine)))]
    night.echo = ("alice", "bob", start, end)
    night.truth.append(Fault("alice", start, end, "sender_capture", frozenset(("echo",))))


MOST_PER_S = 0.4


def _everybody(night: Story, random: np.random.Generator) -> None:
    """Past the knee the server loses packets of all, more of them the more listen; now and then it stands still."""
    at = next(t for t in np.arange(0, CRASH_S, 0.5).tolist() if listeners(t) > KNEE)
    while True:
        at += random.exponential(1 / MOST_PER_S)
        if at > CRASH_S - 6:
            return
        if random.uniform() > (0.04 + 0.5 * (listeners(at) - KNEE) / KNEE) / MOST_PER_S:
            continue  # thinned: as many as the listeners of that moment make
        length = random.uniform(0.8, 1.6) if random.uniform() < 0.2 else 0.02 * int(random.integers(2, 12))
        for name in NAMES:
            begin = at + random.uniform(0, 0.25)
            night.lost[name].append((begin, begin + length))
        night.truth.append(Fault("everybody", at, at + length + 0.25, "server_outage", HOLES))
        at += length + 1.0


def _bad_uplink(night: Story, random: np.random.Generator) -> None:
    """Bob's own network loses a burst every few seconds, before the knee and in the second room."""
    at = 75.0
    knee = next(t for t in np.arange(0, CRASH_S, 0.5).tolist() if listeners(t) > KNEE)
    while at < LENGTH_S - 10:
        at += random.exponential(7.0)
        if knee - 4 < at < BACK_S + 4 or at > LENGTH_S - 10:
            continue
        length = 0.02 * int(random.integers(1, 8))
        night.lost["bob"].append((at, at + length))
        night.truth.append(Fault("bob", at, at + length, "network_loss", HOLES))
        at += length + 1.5


def _own_faults(night: Story, said: list[tuple[str, float, float]], random: np.random.Generator) -> None:
    """In the second room: a device that freezes, a microphone that cuts out, late packets, a recorder with holes."""
    free = [(who, start + 2, end - 2) for who, start, end in said if end - start > 9]
    spots = [(who, at) for who, start, end in free for at in np.arange(start, end - 1.6, 3.2).tolist()]
    busy = [item.start_s for item in night.truth]
    spots = [(who, at) for who, at in spots if all(abs(at - other) > 2.0 for other in busy)]
    order = [spots[i] for i in random.permutation(len(spots))]
    for who, at in _take(order, lambda who: who != "bob", 2):
        night.frozen.append((who, at, at + 1.2))
        night.truth.append(Fault(who, at, at + 1.2, "sender_stall", HOLES))
    for who, at in _take(order, lambda who: who != "bob", 3):
        night.dead_air.append((who, at, at + 0.3))
        night.truth.append(Fault(who, at, at + 0.3, "sender_capture", CAPTURE))
    for who, at in _take(order, lambda who: who != "bob", 3):
        night.slow.append((who, at, at + 0.4))
        night.truth.append(Fault(who, at, at + 0.4, "late_arrival", HOLES))
    for _, at in _take(order, lambda _: True, 6):
        length = float(random.uniform(0.04, 0.4))
        night.holes.append((at, at + length))
        night.truth.append(Fault("recorder", at, at + length, "recorder", CAPTURE | {"missing_media"}))


def _take(order, wanted, count):  # type: ignore[no-untyped-def]
    """The first spots that suit, taken out of the list."""
    taken = [spot for spot in order if wanted(spot[0])][:count]
    for spot in taken:
        order.remove(spot)
    return taken
