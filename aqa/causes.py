"""What explains a finding: sound and packets joined on one clock, with the evidence a sceptic would ask for.

One rule is one function: it sees a finding and what is known around it, and gives a cause or nothing. The first rule
that gives one wins. What has no common clock is not joined, and the cause is `not_measurable`, with the reason.
Faults in packets that everybody had at once are judged before, in `everybody.py`.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

from aqa.agreement import combined
from aqa.known import EXPLAINED, PLAYOUT_S, Known, overlapping
from aqa.model import Finding, evidence
from aqa.recorders import PROFILES
from aqa.whole import Whole

CAPTURED = frozenset(("clipping", "low_level", "hum", "dc_offset", "noise_burst", "echo", "channel_fault"))
"""Kinds in sound that come with a microphone, a room or a sound card."""
FADES = frozenset(("attenuation", "concealment"))
"""Kinds that leave some sound, as a pause does."""
HALF = 0.5
LONG_S = 1.0  # quiet of this length, in packets as in sound, is a pause of the room whatever its edges
ENOUGH_LOUD = 0.3  # of a finding: speech has pauses
IN_BOTH = 0.5  # how sure a second recording with the same fault makes it that it came from before both
ALL_LOUD = 0.8  # of a finding: no pause of speech lies in it
DIGITAL = 0.6  # how sure digital zero alone makes it that no decoder has written it: mutes in a mixer do so too
SURPRISING = 0.75  # of the confidence that packets are the cause, where this recorder does not show them so

Rule = Callable[[Finding, Known], Finding | None]


def explain(findings: Sequence[Finding], known: Known | None) -> list[Finding]:
    """The findings with cause, confidence and evidence; `known` is None where there is no packet log."""
    return [_explained(finding, known) for finding in findings]


def _explained(finding: Finding, known: Known | None) -> Finding:
    if finding.cause != "not_measurable":  # its own detector, or `everybody`, has proved it
        return finding
    found = _by_itself(finding)
    if found is None and known is None:
        found = _with(finding, "not_measurable", why="no packet log")
    for rule in RULES:
        found = found or rule(finding, known or Known(Whole(0.0)))
    found = found or _with(finding, "unexplained", why=f"no lost packet and no stall up to {PLAYOUT_S:g} s before it")
    return (faded(found) or found) if found.cause in ("unexplained", "not_measurable") else found


def _by_itself(finding: Finding) -> Finding | None:
    """What nothing else is needed for, or nothing else could help."""
    if finding.source == "packets":
        return _with(finding, "unexplained")
    if finding.source == "stats":  # a receiver's counters are held against themselves, not against other clocks
        return _with(finding, "not_measurable", why="the stream's own counters show no loss and no lateness")
    if finding.kind in ("damaged_media", "unreadable"):
        return _with(finding, "recorder", sure=0.9, why="the file itself can't be read there")
    return None


def faded(finding: Finding) -> Finding | None:
    """Digital silence that sound fades into and out of: mutes, gates and DTX do so, failures cut.

    Confidence 0.6: of faded gates 0.02 % are hard-edged, and of failures after which a codec's decoder fades out
    some are soft; what packets show comes first.
    """
    if finding.kind != "silence" or json.loads(finding.evidence).get("edges") != "soft":
        return None
    return _with(finding, "intended", sure=0.6, why="sound fades out and in, as with a mute, gate or DTX")


def captured(finding: Finding, known: Known) -> Finding | None:
    """What a microphone does stays with one participant, whatever packets do."""
    if finding.kind not in CAPTURED:
        return None
    alone = finding.track not in (None, "mix") and not any(known.others_hit(finding))
    if not alone and finding.kind == "echo":  # a server adds none: a microphone has picked up a loudspeaker
        return _with(finding, "sender_capture", sure=0.5, why="echo is made where a microphone hears a loudspeaker")
    if not alone:
        return _with(finding, "unexplained", why="missing packets don't make it, and it is not known to be of one")
    return _with(finding, "sender_capture", sure=0.65, only_on=finding.track)


def not_of_packets(finding: Finding, known: Known) -> Finding | None:
    """Kinds that missing packets don't make are not held against them."""
    if finding.kind in EXPLAINED or finding.source in ("container", "event"):
        return None
    return _with(finding, "unexplained", why="missing packets don't make it")


def no_common_clock(finding: Finding, known: Known) -> Finding | None:
    """Sound can't be held against packets without a common clock, nor with one that errs by more than its length."""
    if finding.recording is None:
        return None
    if finding.recording not in known.clock_error_s:
        return _with(finding, "not_measurable", why="the recording's start in UTC is not known")
    error_s = known.clock_error_s[finding.recording]
    if error_s > max(finding.end_s - finding.start_s, PLAYOUT_S / 2):
        why = f"its clock may be off by {error_s:.3g} s, which is longer than it lasts"
        return _with(finding, "not_measurable", why=why)
    return None


def elided(finding: Finding, known: Known) -> Finding | None:
    """A recording that is too short: by what packets lack, or by the recorder's own fault."""
    if finding.kind != "elided_time":
        return None
    here = overlapping(known.packet_faults, finding.start_s, finding.end_s)
    lacking = sum(item.end_s - item.start_s for item in here)
    short = float(finding.value or 0.0)
    if lacking > 0 and abs(lacking - short) <= 0.25 * max(lacking, short):
        return _with(finding, "elided_time", sure=0.85, packets_lack_s=lacking, root=here[0].finding_id)
    if lacking < HALF * short:
        return _with(finding, "recorder", sure=0.85, packets_lack_s=lacking)
    return _with(finding, "unexplained", packets_lack_s=lacking)


def only_one_recorder(finding: Finding, known: Known) -> Finding | None:
    """A fault that another recording of the same voices has not, where there is speech: nobody else heard it."""
    other = known.elsewhere.get(finding.finding_id)
    if other is None or other.there or not other.alike:
        return None
    return _with(finding, "recorder", sure=0.9, has_it_not=other.recording)


def in_both(finding: Finding, known: Known) -> Finding | None:
    """A fault that two recordings have, and packets do not explain: it was in the room, and no recorder's."""
    other = known.elsewhere.get(finding.finding_id)
    if other is None or not other.there or known.sending(finding) < 1 - HALF:
        return None
    loud = known.loud(finding)
    if loud is None or loud[0] < ENOUGH_LOUD:
        return None
    why = f"{other.recording} has it too, so it was in the room, and packets came"
    return _with(finding, "unexplained", why=why, loud_pct=100 * loud[0], also_in=other.recording)


def missing_packets(finding: Finding, known: Known) -> Finding | None:
    """A hole in sound that coincides with packets that never came, or too late.

    Confidence = (0.5 + 0.45 x share of the hole that the packet fault covers at its best delay up to PLAYOUT_S)
    x (1 - chance), chance being the share of time in which a packet fault would be near anyway, up to one half;
    never above the packet fault's own.
    """
    near = known.near(finding)
    if not near:
        return None
    shares = [(_share(finding, item), item) for item in near]
    share, best = max(shares, key=lambda pair: (round(pair[0], 3), -abs(pair[1].start_s - finding.start_s)))
    if finding.source == "container" and share < HALF:
        return None
    chance = known.chance
    cause = best.cause if best.cause not in ("not_measurable", "unexplained") else "network_loss"
    sure = (0.5 + 0.45 * share) * (1 - min(chance, 0.5))
    ceiling = best.cause_confidence if best.cause in ("server_outage", "server_restart") else None
    root = best.cause_finding_id or best.finding_id
    as_recorded = _as_the_recorder_does(finding, known)
    sure *= 1.0 if as_recorded.get("fits_recorder", True) else SURPRISING
    other = known.elsewhere.get(finding.finding_id)
    if other is not None and other.there:  # two recordings have it: it came to both, as missing packets do
        sure = combined(sure, IN_BOTH)
        as_recorded["also_in"] = other.recording
    return _with(
        finding,
        cause,
        sure=round(min(sure, ceiling or 1.0), 3),
        root=root,
        packet_fault={
            "kind": best.kind,
            "start_s": best.start_s,
            "end_s": best.end_s,
            "stream": best.stream,
            "participant": best.track,
            "value": best.value,
            "unit": best.unit,
        },
        heard_after_s=finding.start_s - best.start_s,
        covered_pct=100 * share,
        chance_pct=100 * chance,
        clock_from=known.clock_from.get(finding.recording or "", "unknown"),
        **as_recorded,
    )


def restarted(finding: Finding, known: Known) -> Finding | None:
    """Quiet while all streams ended and began again."""
    if finding.kind not in EXPLAINED:
        return None
    for item in known.whole.findings:
        if item.kind == "room_restart" and item.cause == "server_restart" and _share(finding, item) >= HALF:
            return _with(finding, "server_restart", sure=item.cause_confidence, root=item.finding_id)
    return None


def recorder_alone(finding: Finding, known: Known) -> Finding | None:
    """Packets came, and somebody was loud in them: what the recording lacks only the recorder has lost."""
    if finding.kind not in EXPLAINED and finding.kind != "missing_media":
        return None
    sending, loud = known.sending(finding), known.loud(finding)
    if sending < 1 - HALF:
        return None
    if loud is not None and loud[0] >= ENOUGH_LOUD:
        sure = round(0.6 + 0.35 * min(loud[0], 1.0), 2)
        if (
            finding.kind == "dropout" and loud[0] >= ALL_LOUD
        ):  # zeros are no sound that a decoder makes of loud packets: a second witness
            sure = combined(sure, DIGITAL)
        return _with(
            finding, "recorder", sure=sure, packets_came_pct=100 * sending, loud_pct=100 * loud[0], by=loud[1]
        )
    if finding.kind == "missing_media":  # sound or not: the packets' time is not in the file
        return _with(finding, "recorder", sure=0.9, packets_came_pct=100 * sending)
    if loud is None and finding.kind in ("dropout", "repetition", "discontinuity"):
        return _with(finding, "recorder", sure=0.6, packets_came_pct=100 * sending, loud="not measured")
    return None


def silent_sender(finding: Finding, known: Known) -> Finding | None:
    """Packets came, and what was in them was silent: a pause if the sound fades, else the capture."""
    if finding.kind not in EXPLAINED or known.sending(finding) < 1 - HALF:
        return None
    loud = known.loud(finding)
    if loud is None or loud[0] > 0.1:
        return None
    facts: dict[str, Any] = {
        "packets_came_pct": 100 * known.sending(finding),
        "loud_pct": 100 * loud[0],
        "by": loud[1],
    }
    if not known.heard_around(finding):
        return _with(finding, "unexplained", why="what sounds around it is in nobody's packets", **facts)
    if finding.kind == "silence" or finding.end_s - finding.start_s > LONG_S:
        return _with(finding, "intended", sure=0.8, why="packets came and carried a pause", **facts)
    if finding.kind in FADES and known.dead(finding) is False:
        return _with(finding, "intended", sure=0.6, why="its microphone was live and quiet: a pause", **facts)
    return _with(finding, "sender_capture", sure=0.7, **facts)


def nothing_sent(finding: Finding, known: Known) -> Finding | None:
    """No packets and none missing: muted, or between words with DTX."""
    if finding.kind not in ("silence", "attenuation") or not known.senders(finding):
        return None
    if known.sending(finding) > HALF or known.near(finding):
        return None
    why = "no packets came and none is missing: muted, DTX, or not there"
    return _with(finding, "intended", sure=0.85, why=why)


RULES: tuple[Rule, ...] = (
    captured,
    not_of_packets,
    only_one_recorder,
    no_common_clock,
    elided,
    missing_packets,
    restarted,
    in_both,
    recorder_alone,
    silent_sender,
    nothing_sent,
)
"""In this order; each stands alone and is tested alone."""


def _share(finding: Finding, item: Finding) -> float:
    """Share of the hole that the packet fault covers, at the delay of 0 to PLAYOUT_S that suits it best."""
    delay = min(max(finding.start_s - item.start_s, 0.0), PLAYOUT_S)
    overlap = min(finding.end_s, item.end_s + delay) - max(finding.start_s, item.start_s + delay)
    return min(max(overlap / max(finding.end_s - finding.start_s, 1e-9), 0.0), 1.0)


def _as_the_recorder_does(finding: Finding, known: Known) -> dict[str, Any]:
    """Whether the fault looks as this recorder makes missing packets look."""
    name = known.recorder.get(finding.recording or "")
    profile = PROFILES.get(name or "")
    if profile is None:
        return {"recorder": name} if name else {}
    facts: dict[str, Any] = {
        "recorder": name,
        "recorder_makes": profile.words,
        "fits_recorder": profile.fits(finding.kind),
    }
    if not facts["fits_recorder"]:
        facts["against"] = f"of missing packets {name} makes {profile.words}"
    return facts


def _with(
    finding: Finding,
    cause: str,
    *,
    sure: float | None = None,
    root: str | None = None,
    **facts: Any,
) -> Finding:
    known = json.loads(finding.evidence)
    return dataclasses.replace(
        finding,
        cause=cause,
        cause_confidence=sure,
        cause_finding_id=root,
        evidence=evidence(**(known | ({"cause": facts} if facts else {}))),
    )
