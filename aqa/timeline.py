"""One clock per event: where its second 0 is, and where each recording and packet log begins on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aqa.history import History
from aqa.measures.vantage import Alignment
from aqa.model import utc_ns, utc_text
from aqa.packets import PacketLog
from aqa.recordings import EventInput
from aqa.sound_model import Claim, Media, Track
from aqa.stream_model import StatsLog


@dataclass(frozen=True)
class Input:
    """One input file of an event."""

    path: str  # inside the event
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Compared:
    """Two recordings of one room, by path, and how the second runs against the first."""

    first: str
    second: str
    alignment: Alignment


@dataclass(frozen=True)
class Measured:
    """All that the measuring of one event gave."""

    event: EventInput
    inputs: Sequence[Input]
    recordings: Mapping[str, tuple[Media, Sequence[Track]]]
    logs: Mapping[str, PacketLog]
    stats: Mapping[str, StatsLog] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)  # input -> why it could not be read, or not whole
    history: History = field(default_factory=History)
    compared: Sequence[Compared] = ()

    def channel_tracks(self, path: str) -> tuple[str, ...]:
        """The participant of each channel of a recording; empty where channels are no participants."""
        told = self.recordings[path][0].participants if path in self.recordings else ()
        manifest = self.event.manifest
        return tuple(manifest.participant_of(ssrc) or name or self.event.track_name(path) for name, ssrc in told)

    def track(self, path: str) -> str:
        """The track of a recording as a whole: its only participant, or as set, or the mix."""
        names = self.channel_tracks(path)
        alone = len(names) == 1 and not self.event.recording_table(path).track
        return names[0] if alone else self.event.track_name(path)

    def sender(self, path: str, ssrc: int) -> str | None:
        """Who sends with this SSRC, by event.toml, else by the log itself where it names participants."""
        told = self.recordings[path][0].participants if path in self.recordings else ()
        named = next((name for name, of in told if of == ssrc and name), None)
        return self.event.manifest.participant_of(ssrc) or named


@dataclass(frozen=True)
class Clock:
    """Where second 0 of the event is, and where each recording and log begins on it."""

    zero_ns: int | None  # UTC of second 0; None: no clock known
    recording_ns: Mapping[str, int]  # UTC of sample 0, where known
    recording_from: Mapping[str, str]
    log_shift_ns: Mapping[str, int]  # from times of a log or stats dump to UTC: clock_offset_s, and where it begins
    error_s: Mapping[str, float] = field(default_factory=dict)  # of a recording against packets, where measured
    behind_s: Mapping[str, float] = field(default_factory=dict)  # how much later than its packets it has a sound,
    # where its start was given and the packets do not contradict it: buffer and mixer; 0 where start is aligned
    drift_ppm: Mapping[str, float] = field(default_factory=dict)  # above 0: fast against packets, where told
    refused: Mapping[str, str] = field(default_factory=dict)  # recording -> why packets could not place it

    @classmethod
    def of(cls, measured: Measured, aligned: Mapping[str, int] | None = None) -> "Clock":
        """Second 0 is the earliest room opening, recording or packet with a known UTC, or first sample of stats.

        `aligned` gives the UTC of sample 0 of recordings that packets have placed: it counts before all else.
        """
        starts: dict[str, int] = dict(aligned or {})
        came_from = dict.fromkeys(starts, "aligned")
        for path, (media, _) in measured.recordings.items():
            if path in starts:
                continue
            table = measured.event.recording_table(path)
            came_from[path] = "settings" if table.start else "metadata" if media.start_ns is not None else "unknown"
            if table.start is not None:
                starts[path] = utc_ns(table.start)
            elif media.start_ns is not None:
                starts[path] = media.start_ns
        logs = (*measured.logs, *measured.stats)
        shifts = {path: round(measured.event.log_table(path).clock_offset_s * 1e9) for path in logs}
        known = [utc_ns(room.opened) for room in measured.event.manifest.rooms if room.opened]
        known += starts.values()
        known += [log.start_ns + shifts[path] for path, log in measured.logs.items() if log.start_ns is not None]
        if not known:  # a device may have been on long before the room: its stats count where nothing else does
            known = [log.start_ns + shifts[path] for path, log in measured.stats.items() if log.start_ns is not None]
        zero_ns = min(known, default=None)
        for path, log in measured.logs.items():  # no UTC: its first packet stands for second 0, as a sample 0 does
            if log.start_ns is None and log.streams:
                shifts[path] += (zero_ns or 0) - log.streams[0].log_start_ns
        return cls(zero_ns, starts, came_from, shifts)

    def second(self, utc: int) -> float:
        """Event second of a UTC time."""
        return (utc - (self.zero_ns or 0)) / 1e9

    def of_recording(self, path: str) -> float:
        """Event second of sample 0 (0 where its start is not known)."""
        return self.second(self.recording_ns[path]) if path in self.recording_ns else 0.0

    def claims(self, measured: Measured, path: str) -> tuple[Claim, ...]:
        """How long a recording would be that ran until its room closed; none where either time is not known."""
        named = measured.event.recording_table(path).room
        room = next((room for room in measured.event.manifest.rooms if room.id == named), None)
        if named is None or room is None or room.closed is None or path not in self.recording_ns:
            return ()
        seconds = (utc_ns(room.closed) - self.recording_ns[path]) / 1e9
        return (Claim("the closing of its room", seconds, sure=False),)

    def start_error_ms(self, path: str) -> float | None:
        """How far the start of a recording may be off the packets' clock, buffers included; None: not measured."""
        if path not in self.error_s:
            return None
        return round(1000 * (self.error_s[path] + abs(self.behind_s.get(path, 0.0))), 3)

    def rate(self, path: str) -> float:
        """Event seconds in a second of the recording's own clock."""
        return 1.0 / (1.0 + self.drift_ppm.get(path, 0.0) * 1e-6)

    def from_recording(self, path: str, second: float) -> float:
        """Event second of a second after the recording's sample 0."""
        return self.of_recording(path) + second * self.rate(path)

    def to_recording(self, path: str, second: float) -> float:
        """Seconds after the recording's sample 0 of an event second: the inverse."""
        return (second - self.of_recording(path)) / self.rate(path)

    def text(self, second: float) -> str | None:
        """UTC of an event second, where the event has a clock."""
        return None if self.zero_ns is None else utc_text(self.zero_ns + round(second * 1e9))


def duration(measured: Measured, clock: Clock) -> float:
    """Seconds from second 0 to the last known media, packet or sample of stats."""
    ends = []
    for path, (media, _) in measured.recordings.items():
        start, rate = clock.of_recording(path), media.sample_rate_hz
        missing_s = sum(hole.end_s - hole.start_s for hole in media.missing)
        ends.append(start + (media.samples / rate if rate else 0.0) + missing_s)
        ends += [start + hole.end_s for hole in (*media.missing, *media.damaged)]
    for path, log in measured.logs.items():
        if log.end_ns is not None:
            ends.append(clock.second(log.end_ns + clock.log_shift_ns[path]))
    for path, dump in measured.stats.items():
        if dump.end_ns is not None:
            ends.append(clock.second(dump.end_ns + clock.log_shift_ns[path]))
    ends += [clock.second(utc_ns(room.closed)) for room in measured.event.manifest.rooms if room.closed]
    return round(max(ends, default=0.0), 6)
