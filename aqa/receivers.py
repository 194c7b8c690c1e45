"""What is said of one stats track: its row of the table `streams`, its seconds, whose it is and what it lacks."""

from typing import Any

import numpy as np

from aqa.measures.counters import audible_share, changes, elapsed_s, loss_share, total
from aqa.model import SecondRow
from aqa.stream_model import StatsTrack, StreamRow
from aqa.timeline import Clock, Measured

MAX_SECONDS = 100_000  # rows for one track: over a day; a clock that lies must not fill the store
LONGEST_POLL_S = 61.0  # a poll a minute: where in a longer interval sound was made up, nobody knows


def place_of(measured: Measured, path: str, track: StatsTrack) -> dict[str, Any]:
    """Where a finding of this track belongs: log, room, participant, stream."""
    return {
        "log": path,
        "room": measured.event.log_table(path).room,
        "track": participant(measured, track),
        "stream": _ssrc(track) or None,
    }


def participant(measured: Measured, track: StatsTrack) -> str | None:
    """Whose sound it is: by SSRC, or as the dump names them if event.toml has such a participant.

    Of a playout, whose device it is.
    """
    people = measured.event.manifest
    by_ssrc = None if track.ssrc is None else people.participant_of(track.ssrc)
    named = track.reporter if track.direction == "playout" else track.endpoint
    return by_ssrc or (named if named in people.participants else None)


def carried(track: StatsTrack) -> bool:
    """Whether a single packet was sent or received, or lost: servers announce streams that never come."""
    counters = ("packets_received", "packets_sent", "packets_lost")
    return track.direction != "playout" and any(total(track, name) for name in counters)


def track_rows(measured: Measured, clock: Clock) -> list[StreamRow]:
    """One row per stream that carried anything, on the event's clock."""
    rows = []
    for path, log in sorted(measured.stats.items()):
        table = measured.event.log_table(path)
        base_ns = (clock.zero_ns or 0) - clock.log_shift_ns[path]
        for track in log.tracks:
            if carried(track):
                who, vantage = participant(measured, track), table.vantage or track.vantage
                rows.append(track_row(track, base_ns, room=table.room, participant=who, vantage=vantage))
    return rows


def track_row(
    track: StatsTrack,
    base_ns: int,
    *,
    room: str | None = None,
    participant: str | None = None,
    vantage: str | None = None,
) -> StreamRow:
    """The counts of one track; seconds since `base_ns` (UTC). Losses of a sent stream: as reported back."""
    came = total(track, "packets_sent" if track.direction == "sent" else "packets_received") or 0.0
    lost = total(track, "packets_lost")
    received = came - (lost or 0.0) if track.direction == "sent" else came
    share = loss_share(received, lost)
    jitter, rtt = (track[name][np.isfinite(track[name])] * 1e3 for name in ("jitter_s", "rtt_s"))
    return StreamRow(
        log=track.log,
        room=room,
        participant=participant,
        vantage=vantage or track.vantage,
        ssrc=_ssrc(track),
        src="",
        dst="",
        payload_type=None,
        codec=track.codec,
        packets=round(came),
        expected=None if lost is None else round(received + lost),
        lost=None if lost is None else round(lost),
        loss_pct=None if share is None else 100 * share,
        duplicates=None,
        reordered=None,
        loss_run_max=None,
        first_s=(int(track.time_ns[0]) - base_ns) * 1e-9,
        last_s=(int(track.time_ns[-1]) - base_ns) * 1e-9,
        jitter_ms=float(jitter[-1]) if len(jitter) else None,
        jitter_mean_ms=float(jitter.mean()) if len(jitter) else None,
        jitter_max_ms=float(jitter.max()) if len(jitter) else None,
        source="stats",
        direction=track.direction,
        rtt_ms=float(rtt.mean()) if len(rtt) else None,
        **_concealed(track),
    )


def _ssrc(track: StatsTrack) -> str:
    return "" if track.ssrc is None else f"0x{track.ssrc:08x}"


def _concealed(track: StatsTrack) -> dict[str, Any]:
    """Shares of made-up sound in per cent; None where the end does not count it."""
    played, made_up = total(track, "samples_received"), total(track, "concealed_samples")
    silent = total(track, "silent_concealed_samples")
    if not played or made_up is None:
        return {"concealed_pct": None, "audible_concealed_pct": None}
    audible = None if silent is None else 100 * max(made_up - silent, 0.0) / played
    return {"concealed_pct": 100 * made_up / played, "audible_concealed_pct": audible}


def track_seconds_rows(measured: Measured, clock: Clock) -> list[SecondRow]:
    """One row per second and received track in which made-up sound is counted."""
    rows = []
    for path, log in sorted(measured.stats.items()):
        base_ns = (clock.zero_ns or 0) - clock.log_shift_ns[path]
        for track in log.tracks:
            if track.direction == "received" and carried(track):
                rows += track_seconds(track, base_ns, participant(measured, track))
    return rows


def track_seconds(track: StatsTrack, base_ns: int, who: str | None) -> list[SecondRow]:
    """Made-up sound that could be heard, second by second since `base_ns`: each interval's share, spread over it."""
    share, passed = audible_share(track), elapsed_s(track)
    ends = (track.time_ns - base_ns) * 1e-9
    found: dict[int, float] = {}
    for at in np.flatnonzero(np.isfinite(share) & (passed <= LONGEST_POLL_S)).tolist():
        start, end = float(ends[at - 1]), float(ends[at])
        for second in range(int(np.floor(start)), int(np.ceil(end))):
            part = min(end, second + 1) - max(start, second)
            found[second] = found.get(second, 0.0) + part * float(share[at])
        if len(found) > MAX_SECONDS:
            break
    return [
        SecondRow(second=second, log=track.log, stream=_ssrc(track) or None, track=who, concealed_s=round(made_up, 6))
        for second, made_up in sorted(found.items())[:MAX_SECONDS]
    ]


_NEEDED = {
    "concealed_audio": "silent_concealed_samples",
    "interruption": "interruptions",
    "playout_fault": "synthesized_s",
}
"""Kind of finding -> the counter without which it can't be looked for."""


def kinds_of(measured: Measured, path: str | None = None) -> list[str]:
    """The kinds of finding that counters in the stats (of one dump, or of all) allow to look for."""
    tracks = [t for name, dump in measured.stats.items() if path in (None, name) for t in dump.tracks]
    return [kind for kind, name in _NEEDED.items() if any(np.isfinite(changes(t, name)).any() for t in tracks)]


_MISSING = {
    "concealed_audio": ("Made-up sound that could be heard", "silent concealment", "a dump of Chrome 88 or newer"),
    "interruption": ("Interruptions, as receivers count them", "interruptions", "a dump of a libwebrtc program"),
    "playout_fault": ("Devices that ran dry", "what was made up at playout", "a dump of Chrome 117 or newer"),
}


def unknown_of_listeners(measured: Measured) -> list[tuple[str, str, str]]:
    """What, why, and what to bring: what stats would tell of listeners, and these do not."""
    lines = [
        (f"Listeners, by {path}", note, "") for path, dump in sorted(measured.stats.items()) for note in dump.notes
    ]
    heard = {
        track.log
        for dump in measured.stats.values()
        for track in dump.tracks
        if track.direction == "received" and track.vantage == "receiver" and carried(track)
    }
    if not heard:
        bring = "getStats or rtcstats dumps"
        return [("What listeners' devices played", "there are no stats of a receiver", bring), *lines]
    for kind, (what, counter, bring) in _MISSING.items():
        lacking = [path for path in sorted(heard) if kind not in kinds_of(measured, path)]
        if lacking:
            named = lacking[0] if len(lacking) == 1 else f"{len(lacking)} of {len(heard)} stats dumps"
            lines.append((what, f"there is no count of {counter} in {named}", bring))
    return lines
