"""What is wrong with a stream, in sentences, from its row of the table `streams` alone.

`faults` are what cost sound or may; `remarks` are what is good to know: what changed, what was not measured and
what to bring. Thresholds are those of the detectors, so that table and report say the same of a stream.
"""

import json
from typing import Any

from aqa.detectors import clock_drift, duplication, jitter, reordering
from aqa.report.loss_words import HEARD_S, late, lost, share
from aqa.report.words import count, event_time, length, significant
from aqa.stream_model import StreamRow

GOOD = "nothing wrong found"
STALL_MS = 500.0  # libwebrtc's "RTP gap": as the playout model's "nothing came", and the detector `stall`
BOTH_SIDES = 0.45  # duplicates of all packets: half is every packet twice, less a few at the edges and losses
MOST_OF = 0.8  # a run of losses that fills so much of a pause is what the pause was
MOST_CHANGES = 2  # of one kind that are told one by one


def sentences(row: StreamRow) -> list[str]:
    """All that is said of a stream: faults, or that there are none in what was measured; then remarks."""
    found, notes = faults(row), remarks(row)
    measured = row.source == "stats" or row.concealed_s is not None
    good = GOOD if measured else f"{GOOD} in its sequence numbers"
    return [*(found or [good]), *notes]


def faults(row: StreamRow) -> list[str]:
    """What is wrong, what costs most first; none if nothing is."""
    told = (
        _concealed(row), _stalled(row), lost(row), *late(row), _uneven(row), _disordered(row), _twice(row),
        _restarted(row), _drifting(row),
    )  # fmt: skip
    return [text for text in told if text]


def remarks(row: StreamRow) -> list[str]:
    """What is no fault: changes inside the stream, pauses of the sender, and what was not measured."""
    return [text for text in (*_changed(row), _paused(row), _worst(row), *_not_measured(row)) if text]


def _concealed(row: StreamRow) -> str:
    if row.source == "stats":
        return _told_concealed(row)
    if row.concealed_s is None or row.concealed_s < HEARD_S:
        return ""
    parts = [
        (length(value), why)
        for value, why in (
            (row.concealed_lost_s, "for lost packets"),
            (row.concealed_late_s, "for late packets"),
            (row.concealed_stall_s, "while nothing came"),
        )
        if value is not None and value >= HEARD_S
    ]
    text = f"{length(row.concealed_s)} of sound made up ({share(row.concealed_pct)})"
    if parts:
        text += f", {parts[0][1]}" if len(parts) == 1 else ": " + ", ".join(" ".join(part) for part in parts)
    if row.interruptions:
        text += f"; {count(row.interruptions, 'interruption')} of 150 ms or longer"
    return text


def _told_concealed(row: StreamRow) -> str:
    """What the receiver itself counts as made up; below a tenth of a per cent nobody hears it."""
    heard = row.concealed_pct if row.audible_concealed_pct is None else row.audible_concealed_pct
    if not heard or heard < 0.1:
        return ""
    more = "" if row.audible_concealed_pct is None else f"; {share(heard)} could be heard"
    return f"the receiver made up {share(row.concealed_pct)} of what it played{more}"


def _stalled(row: StreamRow) -> str:
    pause_ms = row.delta_max_ms or 0.0
    if row.concealed_s is None:
        if pause_ms < STALL_MS:
            return ""
        return f"no packet for {length(pause_ms / 1e3)}: a stall or a pause of the sender; no buffer was run to tell"
    if pause_ms < STALL_MS:
        return ""
    if _all_lost(row):
        return f"nothing came for {length(pause_ms / 1e3)}: what was sent meanwhile was lost"
    return f"nothing came for {length(pause_ms / 1e3)}" if (row.concealed_stall_s or 0.0) >= HEARD_S else ""


def _all_lost(row: StreamRow) -> bool:
    """Whether the longest run of lost packets fills most of the longest pause."""
    run_ms = (row.loss_run_max or 0) * (row.frame_ms or 0.0)
    return run_ms >= MOST_OF * (row.delta_max_ms or 0.0) > 0


def _uneven(row: StreamRow) -> str:
    most = row.jitter_max_ms
    if most is None or most < jitter.Settings().enter_ms:
        return ""
    mean = "" if row.jitter_mean_ms is None else f", {significant(row.jitter_mean_ms)} ms on average"
    return f"packets came unevenly: jitter up to {significant(most)} ms{mean}"


def _disordered(row: StreamRow) -> str:
    limits = reordering.Settings()
    if not row.reordered or (row.reordered < limits.min_packets and row.reorder_extent_max < limits.min_extent):
        return ""
    of_all = share(100 * row.reordered / row.packets)
    return f"{count(row.reordered, 'packet')} out of order ({of_all}), up to {row.reorder_extent_max} behind"


def _twice(row: StreamRow) -> str:
    if not row.duplicates or row.duplicates < duplication.Settings().min_packets:
        return ""
    if row.duplicates >= BOTH_SIDES * row.packets:
        return "each packet twice: the capture sees both sides of one device, or the network doubles them"
    return f"{count(row.duplicates, 'packet')} came twice ({share(100 * row.duplicates / row.packets)})"


def _restarted(row: StreamRow) -> str:
    return (
        f"sequence restarted {_times(row.resets)}: a new sender or encoder under the same SSRC" if row.resets else ""
    )


def _times(many: int) -> str:
    return "once" if many == 1 else f"{many:,} times"


def _drifting(row: StreamRow) -> str:
    limits = clock_drift.Settings()
    long_enough = row.last_s - row.first_s >= limits.min_span_s
    if row.skew_ppm is None or not long_enough or abs(row.skew_ppm) < limits.min_ppm:
        return ""
    way = "fast" if row.skew_ppm < 0 else "slow"
    return f"the sender's clock runs {significant(abs(row.skew_ppm))} ppm {way} against the capture's"


_CHANGED = {
    "payload type": ("payload type", ""),
    "clock_rate_hz": ("clock rate", " Hz"),
    "frame_ms": ("frame length", " ms"),
}
"""What changes are told; bit rate is not: encoders vary it all the time."""


def _changed(row: StreamRow) -> list[str]:
    found: dict[str, list[dict[str, Any]]] = {}
    for item in json.loads(row.changes):
        found.setdefault(item["what"], []).append(item)
    return [_change(*_CHANGED[what], items) for what, items in found.items() if what in _CHANGED]


def _change(name: str, unit: str, items: list[dict[str, Any]]) -> str:
    if len(items) <= MOST_CHANGES:
        steps = [f"from {_value(i['from'])} to {_value(i['to'])}{unit} at {event_time(i['at_s'])}" for i in items]
        return f"{name} changed {', then '.join(steps)}"
    values = sorted({value for i in items for value in (i["from"], i["to"]) if value is not None})
    spread = f"between {_value(values[0])} and {_value(values[-1])}{unit}" if len(values) > 1 else ""
    return f"{name} changed {_times(len(items))} {spread}, first at {event_time(items[0]['at_s'])}"


def _value(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"


def _paused(row: StreamRow) -> str:
    """A pause that cost no sound: nothing was sent, or all of it came later and the buffer had enough in store."""
    pause_ms = row.delta_max_ms or 0.0
    if row.concealed_s is None or pause_ms < STALL_MS or _all_lost(row) or (row.concealed_stall_s or 0.0) >= HEARD_S:
        return ""
    return (
        f"longest pause {length(pause_ms / 1e3)}, and no sound missing in it: mute, DTX, or packets held up that the"
        " buffer could wait for"
    )


def _worst(row: StreamRow) -> str:
    """Where it was worst, if the stream as a whole was much better (a fifth of the scale's range: 0.5 MOS)."""
    low, whole = row.worst_interval_mos, row.mos_estimated
    if low is None or whole is None or row.worst_interval_start_s is None or whole - low < 0.5:
        return ""
    return f"worst 10 s from {event_time(max(row.worst_interval_start_s, 0.0))}: estimated MOS {low:.1f}"


def _not_measured(row: StreamRow) -> list[str]:
    if row.source == "stats":
        return [] if row.lost is not None else ["losses are not counted in these stats"]
    if row.delta_max_ms is None:
        return ["the log holds no times of arrival: no figures of jitter, pauses, late packets"]
    if row.clock_rate_hz is None or "?" in row.clock_rates:
        where = "" if row.clock_rate_hz is None else " in part of the stream"
        name = f"--codec {row.payload_type}=NAME/RATE"
        return [
            f"clock rate not known{where}: late packets, made-up sound and jitter not measured;"
            f" name the codec with [codecs] in event.toml or {name} (as 111=opus/48000/2)"
        ]
    return []
