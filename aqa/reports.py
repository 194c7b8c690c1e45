"""getStats() reports, one after the other, as tracks that grow sample by sample."""

import dataclasses
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aqa.dialects import Direction, Poll, about_of, direction_of, epoch_ns, kind_of, ssrc_of, values_of
from aqa.stream_model import StatsTrack

MOST_SAMPLES = 4_000_000  # over a thousand hours of one stream at one a second; what is held must have a limit
MOST_TRACKS = 10_000
MOST_STATS = 10_000  # in one report: a call of a hundred makes some 1,500
Place = tuple[str, Direction, int | str]
"""Connection, direction, and SSRC (or id, where there is none): what makes a track."""


class TooMuchError(Exception):
    """The dump holds more samples than can be held; those before it are good."""


@dataclass(frozen=True)
class Sample:
    """What one poll says of one stream."""

    connection: str
    direction: Direction
    name: str  # id of its stats
    ssrc: int | None
    time_ns: int
    values: Mapping[str, float]
    about: Mapping[str, str]
    vantage: str = "receiver"

    @property
    def place(self) -> Place:
        """The track that it belongs to."""
        own = self.name if self.ssrc is None or self.direction == "playout" else self.ssrc
        return self.connection, self.direction, own

    def beside(self, other: "Sample") -> "Sample":
        """Both in one: two dialects tell of one stream side by side (2016). What `self` knows holds."""
        values, about = {**other.values, **self.values}, {**other.about, **self.about}
        return Sample(
            self.connection, self.direction, self.name, self.ssrc, self.time_ns, values, about, self.vantage
        )


@dataclass
class _Growing:
    """A track while samples come."""

    first: Sample
    about: dict[str, str] = field(default_factory=dict)  # mid, track_id, codec, endpoint
    time_ns: "array[int]" = field(default_factory=lambda: array("q"))
    columns: "dict[str, array[float]]" = field(default_factory=dict)

    def add(self, sample: Sample) -> None:
        before = len(self.time_ns)
        self.about.update(sample.about)
        self.time_ns.append(sample.time_ns)
        for name, value in sample.values.items():
            column = self.columns.get(name)
            if column is None:
                column = self.columns[name] = array("d", [np.nan]) * before
            column.append(value)
        for column in self.columns.values():
            if len(column) <= before:
                column.append(np.nan)

    def track(self, log: str, start_ns: int, reporter: str | None) -> StatsTrack:
        first, about = self.first, self.about
        time_ns = np.array(self.time_ns, np.int64)
        order = np.argsort(time_ns, kind="stable")  # a device's clock may have been set back
        return StatsTrack(
            log=log,
            connection=first.connection,
            direction=first.direction,
            vantage=first.vantage,
            ssrc=first.ssrc,
            name=first.name,
            mid=about.get("mid"),
            track_id=about.get("track_id"),
            codec=about.get("codec"),
            endpoint=about.get("endpoint") or (reporter if first.direction == "sent" else None),
            reporter=reporter,
            log_start_ns=start_ns,
            time_ns=time_ns[order],
            columns={name: np.array(values, np.float64)[order] for name, values in self.columns.items()},
        )


class Collector:
    """Tracks grown from reports; `kinds` are the media kinds that count."""

    def __init__(self, kinds: Iterable[str] = ("audio",)) -> None:
        self.kinds = frozenset(kinds)
        self.reporter: str | None = None  # who wrote the dump, as soon as it says so
        self._growing: dict[Place, _Growing] = {}
        self._samples = 0

    def add(
        self, connection: str, time_ns: int | None, reports: Mapping[str, Any], fresh: Iterable[str] | None = None
    ) -> None:
        """One getStats() report: stats by id; `fresh` are the ids that were polled this time (all, where None).

        `time_ns` is the UTC of the poll, for stats without a time of their own. TooMuchError past MOST_SAMPLES.
        """
        if len(reports) > MOST_STATS:
            raise TooMuchError(f"more than {MOST_STATS} stats in one report; split the dump")
        poll = Poll({str(key)[:200]: report for key, report in reports.items() if isinstance(report, Mapping)})
        found: dict[Place, Sample] = {}
        for key in poll.stats if fresh is None else fresh:
            sample = self._sample(connection[:200], time_ns, str(key)[:200], poll)
            if sample is not None:
                known = found.get(sample.place)
                found[sample.place] = sample if known is None else known.beside(sample)
        for sample in found.values():
            self.sample(sample)

    def _sample(self, connection: str, time_ns: int | None, key: str, poll: Poll) -> Sample | None:
        """What the stats say of the stream `key`; None where it is none, or of another kind, or of no known time."""
        report = poll.at(key)
        direction = direction_of(key, report)
        when = epoch_ns(report.get("timestamp")) or time_ns
        if direction is None or when is None:
            return None
        kind = kind_of(report, poll)
        if kind not in self.kinds and (kind or direction != "playout"):
            return None
        values, ssrc = values_of(key, report, poll, direction), ssrc_of(report)
        vantage = "sender" if direction == "sent" else "receiver"
        sample = Sample(connection, direction, key, ssrc, when, values, {}, vantage)
        known = self._growing.get(sample.place)
        if known is None or "codec" not in known.about:  # it may come up later, and names stay what they are
            sample = dataclasses.replace(sample, about=about_of(report, poll))
        return sample

    def sample(self, sample: Sample) -> None:
        """One sample of one track."""
        if self._samples >= MOST_SAMPLES or len(self._growing) > MOST_TRACKS:
            raise TooMuchError(f"more than {MOST_SAMPLES} samples or {MOST_TRACKS} streams; split the dump")
        self._growing.setdefault(sample.place, _Growing(sample)).add(sample)
        self._samples += 1

    def tracks(self, log: str) -> tuple[StatsTrack, ...]:
        """The tracks, by first sample, then connection, direction and SSRC."""
        start = min((min(track.time_ns) for track in self._growing.values()), default=0)
        made = [track.track(log, start, self.reporter) for track in self._growing.values()]
        return tuple(sorted(made, key=lambda t: (int(t.time_ns[0]), t.connection, t.direction, t.ssrc or 0, t.name)))
