"""Why an incident happened and how sure that is: a sentence from its root finding, never more than was measured."""

import json
from collections.abc import Callable
from typing import Any

from aqa.event_model import Analysis
from aqa.incidents import Incident
from aqa.model import Finding
from aqa.report import words
from aqa.report.words import APOSTROPHE, NBSP, count, length, number, plain, significant
from aqa.stream_model import StreamRow

NAMED = 0.40  # below this no cause is named
NO_LOG = f"there is no packet log, so network, server and device can{APOSTROPHE}t be told apart"


def why(analysis: Analysis, one: Incident) -> str:
    """Certainty with its number, the cause in plain words and the strongest evidence; and what coincides."""
    with_it = coincidence(one)
    if one.cause_confidence is None or one.cause_confidence < NAMED:
        also = f" It coincides: faults rose as {with_it}." if with_it else ""
        return f"{_unknown(one)}{also}"
    sure = words.certainty(one.cause_confidence)
    reason = REASONS.get(one.cause, _plain)(analysis, one)
    began = one.cause == "server_outage"  # it is of the faults that rose, not of what ended them
    also = (f", as {with_it}" if began else f"; before, faults rose as {with_it}") if with_it else ""
    return f"{sure[0].upper() + sure[1:]} {reason}{also}."


def cause_of(finding: Finding) -> dict[str, Any]:
    """The evidence for the cause of a finding."""
    found = json.loads(finding.evidence).get("cause", {})
    return found if isinstance(found, dict) else {}


def coincidence(one: Incident) -> str:
    """With what faults coincide, and where they begin: never a cause. Empty where nothing was found."""
    for item in one.of("capacity"):
        known = json.loads(item.evidence)
        ends = [known.get(name) for name in ("knee_low", "knee_high")]
        low, high = ("not known" if end is None else significant(end) for end in ends)
        if known["coincides_with"] == "listeners":
            about = f"{float(f'{item.value or 0.0:.2g}'):,.0f}"
            return f"listeners passed about {about} (95{NBSP}% interval {low} to {high})"
        what = plain(known["coincides_with"]).replace("_pct", "")
        return f"{what} passed about {significant(item.value or 0.0)}"
    return ""


def _unknown(one: Incident) -> str:
    """Why no cause is named: what was looked at, or what there was not to look at."""
    felt = one.felt() or list(one.findings)
    told = next((text for item in felt if (text := cause_of(item).get("why"))), "")
    if one.cause == "not_measurable":
        return f"Not measurable: {NO_LOG if told in ('no packet log', '') else told}."
    listen = " Listen to the clip first." if any(item.source == "audio" for item in felt) else ""
    return f"Cause unknown: {told}.{listen}" if told else f"Cause unknown.{listen}"


def _plain(analysis: Analysis, one: Incident) -> str:
    return words.CAUSES[one.cause]


def _server(analysis: Analysis, one: Incident) -> str:
    """The server: everybody's packets at once."""
    room = f"the server of {plain(one.rooms[0])}" if len(one.rooms) == 1 else "the server"
    for item in one.findings:
        known = cause_of(item)
        if "began_together" in known:
            many, sending = known["began_together"], known["participants_sending"]
            every = "both streams" if many == 2 else f"all {many} streams"
            all_of = every if many == sending else f"{many} of {sending} streams"
            return (
                f"{room} failed: {words.kind_words(item.kind)} began on {all_of} within {length(known['within_s'])}"
            )
    for item in one.findings:
        known = cause_of(item)
        if "nobody_s" in known:
            many = count(known["streams_stalled"], "stream")
            return f"{room} was out: no packet came on any of {many} for {length(known['nobody_s'])}"
    return f"{room} failed"


def _restart(analysis: Analysis, one: Incident) -> str:
    for item in one.of("room_restart"):
        known = json.loads(item.evidence)
        if "streams_ended" in known:
            within = length(known["ended_within_ms"] / 1000)
            many = len(known["streams_ended"])
            return f"the server restarted: all {many} streams ended within {within} and began again with new SSRCs"
    return words.CAUSES["server_restart"]


def _network(analysis: Analysis, one: Incident) -> str:
    """Loss of one against the others; of a single hole the packets that cover it."""
    single = next((item for item in one.felt() if "covered_pct" in cause_of(item)), None)
    if single is not None and len(one.felt()) < 3:
        return f"packets were lost on the network: {_covers(analysis, single)}"
    mine = _loss_pct([row for row in analysis.packet_streams if row.participant in one.participants])
    others = _loss_pct([row for row in analysis.packet_streams if row.participant not in one.participants])
    names = [plain(name) for name in one.participants]
    whose = f" in the packets of {words.listed(names)}" if names else ""
    if mine is None:
        return f"packets were lost on the network{whose}"
    against = f", {number(others, 1)}{NBSP}% for the others" if others is not None else ""
    return f"packets were lost on the network{whose}: {number(mine, 1)}{NBSP}% there{against}"


def _loss_pct(rows: list[StreamRow]) -> float | None:
    expected = sum(row.expected or 0 for row in rows)
    return 100 * sum(row.lost or 0 for row in rows) / expected if expected else None


def _covers(analysis: Analysis, item: Finding) -> str:
    known = cause_of(item)
    because = next((one for one in analysis.findings if one.finding_id == item.cause_finding_id), None)
    if because is None:
        return f"they cover {known['covered_pct']:.0f}{NBSP}% of the hole"
    in_count = because.value is not None and because.unit != "s"
    amount = f" of {significant(because.value or 0.0)}{NBSP}{because.unit}" if in_count else ""
    name = plain(because.track or because.stream or "")
    text = f"a {because.kind}{amount} ({length(because.duration_s)}) in the packets of {name}"
    covers = f"it covers {known['covered_pct']:.0f}{NBSP}% of it"
    after = known.get("heard_after_s")
    before = "" if after is None else f", {length(max(after, 0.0))} before the hole"
    return f"{text}{before}; {covers}"


def _late(analysis: Analysis, one: Incident) -> str:
    """How many came late with this buffer, and what a longer one would have left."""
    rows = [row for row in analysis.packet_streams if row.participant in one.participants and row.late]
    if len(rows) != 1 or not rows[0].packets:
        return words.CAUSES["late_arrival"]
    row, buffer = rows[0], json.loads(analysis.event.settings)["playout"]["delay_ms"]
    share = 100 * (row.late or 0) / row.packets
    after = f"{significant(share, 2)}{NBSP}% after their playout time"
    text = f"packets came too late: {after} with {buffer:g}{NBSP}ms at first"
    for choice in json.loads(row.sweep or "[]"):
        if choice["late"] <= (row.late or 0) / 4:
            left = significant(100 * choice["late"] / row.packets, 2)
            return f"{text}; with a fixed {choice['delay_ms']:g}{NBSP}ms it would have been {left}{NBSP}%"
    return text


def _sender(analysis: Analysis, one: Incident) -> str:
    whose = f"{_one_sender(one)} device"
    unbroken = [item for item in one.of("stall") if json.loads(item.evidence).get("sequence") == "unbroken"]
    return f"{whose} stopped sending" + (": no sequence numbers are missing" if unbroken else "")


def _one_sender(one: Incident) -> str:
    named = len(one.participants) == 1
    return f"{plain(one.participants[0])}{APOSTROPHE}s" if named else f"the sender{APOSTROPHE}s"


def _capture(analysis: Analysis, one: Incident) -> str:
    return f"{_one_sender(one)} microphone or capture: it is on no other track"


def _recorder(analysis: Analysis, one: Incident) -> str:
    for item in one.findings:
        came = cause_of(item).get("packets_came_pct")
        if came is not None:
            return f"the recorder: packets of {came:.0f}{NBSP}% of this time are in the log"
    return "the recorder, not the room"


def _device(analysis: Analysis, one: Incident) -> str:
    many = len({item.log for item in one.findings if item.log})
    return f"the devices: no packet was lost or late (stats of {count(many, 'receiver')})"


REASONS: dict[str, Callable[[Analysis, Incident], str]] = {
    "server_outage": _server,
    "server_restart": _restart,
    "network_loss": _network,
    "late_arrival": _late,
    "sender_stall": _sender,
    "sender_capture": _capture,
    "recorder": _recorder,
    "playout_device": _device,
}
"""Cause -> the reason in plain words with its evidence."""
