"""How numbers, times and kinds are written: common words, units after no-break spaces, a true minus."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from aqa.model import Finding
from aqa.stream_model import StreamRow

if TYPE_CHECKING:  # a table of streams needs words alone
    from aqa.event_model import Analysis

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"
DASH = "\N{EN DASH}"
NOT_MEASURED = "not measured"
NOT_APPLICABLE = "\N{EN DASH}"
UNDRAWN = ("capacity", "room_restart", "unexplained_complaints")
"""Kinds without a mark: the box of their incident stands for them."""
MOST_NAMES = 3  # that a sentence can hold
LONGEST_NAME = 40

LETTERS = {
    "dropout": "Dr", "attenuation": "At", "silence": "Si", "concealment": "Co", "repetition": "Re",
    "discontinuity": "Di", "clipping": "Cl", "low_level": "Ll", "bandwidth_drop": "Bw", "noise_burst": "Nb",
    "hum": "Hu", "dc_offset": "Dc", "channel_fault": "Ch", "echo": "Ec", "unintended_audio": "Un",
    "missing_media": "Mm", "damaged_media": "Dm", "elided_time": "El", "clock_mismatch": "Cm", "unreadable": "Ur",
    "loss": "Lo", "late": "La", "jitter": "Ji", "stall": "St", "reordering": "Ro", "duplication": "Du",
    "stream_reset": "Sr", "clock_drift": "Cd", "concealed_audio": "Ca", "interruption": "In",
    "playout_fault": "Pf", "late_start": "Ls", "room_restart": "Rr", "outage": "Ou", "capacity": "Cp",
    "unexplained_complaints": "Uc",
}  # fmt: skip
"""The two letters of each kind, as drawn in marks."""

MEANINGS = {
    "dropout": "a hole in speech",
    "attenuation": "a dip in speech that is not silent",
    "silence": "longer than a natural pause",
    "repetition": "sound that was heard twice, bit for bit",
    "discontinuity": "a click, or samples left out",
    "clipping": "too loud for the recording, tops cut off",
    "low_level": "a speaker who is far too quiet",
    "dc_offset": "a constant voltage under the sound",
    "channel_fault": "one side of stereo dead, quiet or upside down",
    "bandwidth_drop": "speech that lost its upper frequencies",
    "noise_burst": "a burst of noise over speech",
    "hum": "mains hum under the sound",
    "echo": "the same sound again, later and fainter",
    "unintended_audio": "music on hold, a steady tone, or sound that nobody sent",
    "missing_media": "media that the recording lacks",
    "damaged_media": "media that could not be decoded",
    "unreadable": "a recording that can't be read",
    "loss": "packets that never came",
    "late": "packets that came after their playout",
    "jitter": "packets at uneven times",
    "stall": "no packets at all",
    "reordering": "packets that overtook others",
    "duplication": "packets that came twice",
    "stream_reset": "numbers or times of packets that began anew",
    "clock_drift": "a sender whose clock runs fast or slow",
    "concealed_audio": "sound that a receiver made up and let be heard",
    "interruption": "sound that broke off at a receiver",
    "playout_fault": "a listener's device that ran dry",
    "late_start": "speech began later than announced",
    "outage": "nobody could be heard",
    "room_restart": "the room ended and was opened again",
    "capacity": "faults follow how many listened, or the load",
    "unexplained_complaints": "complaints that no finding explains",
    "elided_time": "time that a recording leaves out",
}
"""One line per kind for the key under the timeline; a kind without one is explained by its name."""

HEARD = {
    "dropout": ("was cut out", "cut out of speech"),
    "attenuation": ("dipped", "of dips in speech"),
    "silence": ("fell silent", "of silence"),
    "concealment": ("was made up", "of made-up speech"),
    "repetition": ("was repeated", "of repeated sound"),
    "discontinuity": ("clicked", "of clicks"),
    "clipping": ("was distorted by clipping", "of clipping"),
    "echo": ("was heard twice", "of echo"),
    "bandwidth_drop": ("turned dull", "of dull speech"),
    "noise_burst": ("was drowned by a burst of noise", "of noise bursts"),
    "hum": ("hummed", "of hum"),
    "unintended_audio": ("held unintended sound", "of unintended sound"),
    "interruption": ("was interrupted", "of interruptions"),
    "concealed_audio": ("was partly made up by a listener's device", "of made-up speech"),
    "playout_fault": ("stuttered on a listener's device", "of stutter"),
    "loss": ("had gaps where packets were lost", "of lost speech"),
    "late": ("had gaps where packets came too late", "of late speech"),
    "stall": ("was cut off", "without packets"),
}
"""Kind in sound -> what happened to speech, and the noun for its length."""

CAUSES = {
    "network_loss": "packets were lost on the network",
    "late_arrival": "packets came too late",
    "sender_stall": "the sender's device stopped sending",
    "server_outage": "the server was out",
    "server_restart": "the server restarted",
    "sender_capture": "the sender's microphone or capture failed",
    "recorder": "the recorder failed, not the room",
    "elided_time": "the recorder left time out",
    "playout_device": "the listener's device ran dry",
    "intended": "intended: mute, gate or DTX",
    "unexplained": "cause unknown",
    "not_measurable": "not measurable",
}
"""Each cause of the closed list in plain words."""


def certainty(confidence: float) -> str:
    """The word for a confidence, always with its number: `very likely (0.86)`; below 0.40 no cause is named."""
    scale = ((0.95, "almost certainly"), (0.80, "very likely"), (0.60, "likely"), (0.40, "possibly"))
    word = next((text for least, text in scale if confidence >= least), "unknown")
    return f"{word} ({confidence:.2f})"


def length(seconds: float) -> str:
    """A length of time: 480 ms, 4.2 s, 1 min 45 s, 1 h 02 min."""
    if seconds < 0.9995:
        return f"{significant(seconds * 1000)}{NBSP}ms"
    if seconds < 59.95:
        return f"{significant(seconds)}{NBSP}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}{NBSP}min {whole % 60}{NBSP}s"
    return f"{whole // 3600}{NBSP}h {whole % 3600 // 60:02d}{NBSP}min"


def significant(value: float, digits: int = 3) -> str:
    """A number to `digits` significant digits, without exponent or needless zeros."""
    if not math.isfinite(value):
        return NOT_MEASURED
    places = max(digits - 1 - math.floor(math.log10(abs(value))), 0) if value else 0
    text = f"{value:,.{places}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", MINUS)


def plain(text: str) -> str:
    """A name as a sentence can hold it: no control or direction characters, not too long."""
    kept = "".join(
        c if c.isprintable() or c == "\N{ZERO WIDTH JOINER}" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    return kept if len(kept) <= LONGEST_NAME else kept[: LONGEST_NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"


def number(value: float | None, digits: int = 1, unit: str = "") -> str:
    """A number with thousands commas and a true minus; `not measured` for None."""
    if value is None:
        return NOT_MEASURED
    text = f"{value:,.{digits}f}".replace("-", MINUS)
    return f"{text}{NBSP}{unit}" if unit else text


def count(many: int, noun: str, nouns: str = "") -> str:
    """`1 dropout`, `2 dropouts`."""
    return f"{many:,}{NBSP}{noun if many == 1 else nouns or noun + 's'}"


def event_time(seconds: float, *, milliseconds: bool = False) -> str:
    """Event seconds as 00:11:40 or 00:11:40.120."""
    thousandths = round(abs(seconds) * 1000)
    sign = MINUS if seconds < 0 and thousandths else ""
    whole, rest = divmod(thousandths, 1000)
    text = f"{sign}{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{text}.{rest:03d}" if milliseconds else text


def moment(analysis: "Analysis", seconds: float, *, milliseconds: bool = False) -> str:
    """An event second as the time of day in UTC, with its date past midnight; event time where no UTC is known."""
    if analysis.event.start_utc is None:
        return event_time(seconds, milliseconds=milliseconds)
    start = datetime.fromisoformat(analysis.event.start_utc).astimezone(UTC)
    when = start + timedelta(seconds=seconds)
    text = f"{when:%H:%M:%S}" if when.date() == start.date() else f"{when:%Y-%m-%d %H:%M:%S}"
    return f"{text}.{when.microsecond // 1000:03d}" if milliseconds else text


def date(analysis: "Analysis") -> str:
    """The date of the event in UTC, ISO; empty where no UTC is known."""
    return (analysis.event.start_utc or "")[:10]


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; of more, how many."""
    if len(names) > MOST_NAMES:
        return f"{names[0]}, {names[1]} and {len(names) - 2} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def kind_words(kind: str) -> str:
    """The name of a kind without underscores."""
    return kind.replace("_", " ")


def measured(finding: Finding) -> str:
    """The value that made a finding, with its unit in the right number."""
    if finding.value is None:
        return NOT_APPLICABLE
    unit = (
        finding.unit[:-1]
        if finding.value == 1 and finding.unit.endswith("s") and len(finding.unit) > 2
        else finding.unit
    )
    return f"{significant(finding.value, 4)}{NBSP}{unit}"


def who(finding: Finding) -> str:
    """Whose a finding is, as shown in tables."""
    return finding.track or finding.stream or finding.recording or ""


def codec(row: StreamRow) -> str:
    """The codec of a stream, or its payload type, or that neither is known."""
    return row.codec or (NOT_MEASURED if row.payload_type is None else f"type {row.payload_type}")


def possessive(name: str) -> str:
    """Whose speech: `carol's speech`; the mix is `speech in the mix`."""
    return "speech in the mix" if name == "mix" else f"{name}\N{RIGHT SINGLE QUOTATION MARK}s speech"
