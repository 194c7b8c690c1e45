"""What the packet logs and the room's history say that a finding may be held against."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from aqa.model import Doubles, Finding
from aqa.whole import Sent, Spans, Whole, length_s, union, within

PLAYOUT_S = 0.5
"""A fault in packets is heard up to this much later: jitter buffer (NetEq keeps 200 packets at most, and rarely
more than 0.5 s) plus mixing. It is never heard earlier, clock error apart."""
CLOCK_ERROR_S = 0.05  # what two machines with NTP may differ by; clocks that were set by hand are no better
EXPLAINING = frozenset(("loss", "stall", "late"))
"""Kinds in packets that can explain a hole in sound."""
AROUND_S = 1.0  # a pause between phrases of one who speaks is shorter
BELIEVED = 0.5  # confidence in a fault itself: packets that only a capture lacks explain nothing


EXPLAINED = frozenset(("dropout", "silence", "attenuation", "concealment", "repetition", "discontinuity"))
"""Kinds in sound that missing packets can explain."""


@dataclass(frozen=True)
class Elsewhere:
    """What another recording has at the time of a fault."""

    recording: str
    there: bool  # whether it has a fault then too; else it has speech there
    alike: bool  # whether both hold the same voices (mix and mix)


@dataclass(frozen=True)
class Known:
    """All that may explain a finding, on the event's clock."""

    whole: Whole
    span_s: float = 0.0  # how long the packet logs last; 0: there is none
    clock_error_s: Mapping[str, float] = field(default_factory=dict)  # recording -> error; absent: no common clock
    clock_from: Mapping[str, str] = field(default_factory=dict)  # recording -> settings, metadata, aligned
    recorder: Mapping[str, str] = field(default_factory=dict)  # recording -> profile by name
    elsewhere: Mapping[str, Elsewhere] = field(default_factory=dict)  # finding_id -> what a second recording has
    behind_s: Mapping[str, float] = field(default_factory=dict)  # recording -> how long after its packets it has a
    # sound, where that was measured: else anything up to PLAYOUT_S

    @cached_property
    def packet_faults(self) -> list[Finding]:
        """Losses, stalls and late packets of all streams, those that are believed."""
        faults = (item for item in self.whole.findings if item.kind in EXPLAINING and item.source == "packets")
        return [item for item in faults if item.confidence >= BELIEVED]

    @cached_property
    def _times(self) -> tuple[Doubles, Doubles]:
        """Starts and ends of the packet faults."""
        faults = self.packet_faults
        return np.array([item.start_s for item in faults]), np.array([item.end_s for item in faults])

    def window(self, finding: Finding) -> tuple[float, float]:
        """When packets that are heard as `finding` came, or should have."""
        error = self.clock_error_s.get(finding.recording or "", CLOCK_ERROR_S)
        return finding.start_s - PLAYOUT_S - error, finding.end_s + error

    def near(self, finding: Finding) -> list[Finding]:
        """Packet faults that could be heard as `finding`: of its participant (of anyone, for a mix), in time.

        Whose sender is known to have been silent then could not be heard to be missing.
        """
        low, high = self.window(finding)
        start, end = self._times
        in_time = (self.packet_faults[i] for i in np.flatnonzero((start < high) & (end > low)).tolist())
        return [
            item
            for item in in_time
            if (finding.track in (None, "mix", item.track) or item.track is None) and self._audible(item)
        ]

    def _audible(self, fault: Finding) -> bool:
        """Whether the sender was loud around a packet fault; true where that is not known."""
        loud = [one.loud for one in self.whole.sent if one.stream == fault.stream and one.loud is not None]
        around = np.array([[fault.start_s - 1.0, fault.end_s + 1.0]])
        return not loud or any(len(within(spans, around)) for spans in loud)

    @cached_property
    def chance(self) -> float:
        """Share of the time in which some packet fault would be near anyway: how often chance alone would join."""
        faults = [(f.start_s - CLOCK_ERROR_S, f.end_s + PLAYOUT_S + CLOCK_ERROR_S) for f in self.packet_faults]
        covered = length_s(union(np.array(faults).reshape(-1, 2)))
        return min(covered / self.span_s, 1.0) if self.span_s > 0 else 1.0

    def senders(self, finding: Finding) -> list[Sent]:
        """The streams that carry what `finding` is about: its participant's; for a mix, those of its room."""
        mine = [one for one in self.whole.sent if finding.track in ("mix", one.participant)]
        in_room = [one for one in mine if None in (finding.room, one.room) or one.room == finding.room]
        return in_room or mine

    def loud(self, finding: Finding) -> tuple[float, str] | None:
        """Share of the finding in which a sender was loud by its packets, and by what that is told; None: unknown."""
        senders = [one for one in self.senders(finding) if one.loud is not None]
        if not senders:
            return None
        spans = union(*(one.loud for one in senders if one.loud is not None))
        return self.share(finding, spans), ", ".join(sorted({one.loud_from for one in senders}))

    def sending(self, finding: Finding) -> float:
        """Share of the finding in which packets came from anybody it is about."""
        return self.share(finding, union(*(one.sending for one in self.senders(finding))))

    def heard_around(self, finding: Finding) -> bool:
        """Whether a sender was loud by its packets within AROUND_S of a finding; true where that is not known."""
        spans = [one.loud for one in self.senders(finding) if one.loud is not None]
        around = np.array([[finding.start_s - PLAYOUT_S - AROUND_S, finding.end_s + AROUND_S]])
        return not spans or any(len(within(one, around)) for one in spans)

    def dead(self, finding: Finding) -> bool | None:
        """Whether a sender's microphone gave nothing then; None where no levels tell."""
        spans = [one.dead for one in self.senders(finding) if one.dead is not None]
        return self.share(finding, union(*spans)) > 0 if spans else None

    def _delays(self, finding: Finding) -> list[float]:
        """How long before a finding its packets may have come."""
        behind_s = self.behind_s.get(finding.recording or "")
        if behind_s is None:
            return [float(delay) for delay in np.linspace(0, PLAYOUT_S, 11)]
        error_s = min(self.clock_error_s.get(finding.recording or "", CLOCK_ERROR_S), CLOCK_ERROR_S)
        return [behind_s - error_s, behind_s, behind_s + error_s]

    def share(self, finding: Finding, spans: Spans) -> float:
        """Share of a finding that intervals cover, at the delay that suits best of those that it may have."""
        length = max(finding.end_s - finding.start_s, 1e-9)
        best = 0.0
        for delay in self._delays(finding):
            here = np.array([[finding.start_s - delay, finding.end_s - delay]])
            best = max(best, length_s(within(spans, here)) / length)
        return min(best, 1.0)

    def others_hit(self, finding: Finding) -> Iterator[Finding]:
        """Findings of its kind on other tracks at the same time."""
        for item in self.whole.findings:
            same_time = item.start_s < finding.end_s and item.end_s > finding.start_s
            if (
                same_time
                and item.kind == finding.kind
                and item.recording
                and item.track not in (finding.track, "mix")
            ):
                yield item


def overlapping(findings: Sequence[Finding], start_s: float, end_s: float) -> list[Finding]:
    """Those that lie in part in an interval."""
    return [item for item in findings if item.start_s < end_s and item.end_s > start_s]
