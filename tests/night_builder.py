"""A launch night as the report sees it: one room too small, an outage, a second room; small, and all made up."""

import dataclasses
import json

import numpy as np
from report_builder import analysis, dropout, event, loss, recording, stream

from aqa.event_model import HistoryRow
from aqa.model import SecondRow, evidence
from aqa.report import verdict

NAMES = ("alice", "bob", "carol")
ROOMS = [
    {"id": "room-1", "opened": "2023-05-24T22:00:00.000Z", "closed": "2023-05-24T22:21:00.000Z"},
    {"id": "room-2", "opened": "2023-05-24T22:24:00.000Z", "closed": "2023-05-24T23:02:00.000Z"},
]
FACTS = {
    "budget": [
        {"objective": "late_start_s", "allowed": 60.0, "used": 1152.0, "used_pct": 1920.0},
        {"objective": "outage_s", "allowed": 10.0, "used": 180.0, "used_pct": 1800.0},
        {"objective": "impaired_seconds", "allowed": 17.7, "used": 310, "used_pct": 1751.4},
        {"objective": "severely_impaired_seconds", "allowed": 3.54, "used": None, "used_pct": None},
    ],
    "listeners": {
        "most": 668_000.0, "listener_seconds": 1.1e9, "impaired_listener_seconds": 1.8e8,
        "severely_impaired_listener_seconds": 1.7e8, "waiting_listener_seconds": 1.2e8,
    },
    "feedback": {
        "complaints": 41, "people": 38, "explained_pct": 92.7, "explained_by_chance_pct": 24.1,
        "findings_complained_of_pct": 61.0, "reaction_s": [1.0, 45.0],
    },
    "coincides": [
        {"with": "listeners", "unit": "listeners", "rho": 0.91, "p_chance": 0.0005, "steps": 62, "step_s": 60.0,
         "knee": 503_000.0, "knee_low": 480_000.0, "knee_high": 530_000.0},
        {"with": "cpu_pct of sfu-1", "unit": "cpu_pct", "rho": None, "p_chance": None, "steps": 0, "step_s": 60.0,
         "knee": None, "knee_low": None, "knee_high": None},
    ],
    "imbalance": [
        {"by": "node", "fault_s_per_hour": {"sfu-1": 512.0, "sfu-7": 3.1}, "worst": "sfu-1", "times_the_mean": 1.99}
    ],
    "together": {
        "packets": {"participants": 3, "faults": 96, "together": 90, "by_chance": 4.1, "p_chance": 0.0005}
    },
    "beats": [
        {"kind": "stall", "where": "0x00000003", "every_s": 30.0, "faults": 14, "coherence": 0.93, "p_chance": 1e-5}
    ],
}  # fmt: skip
SERVER = {"cause": "server_outage", "cause_confidence": 0.86, "room": "room-1"}


def whole(kind, start, end, value, unit, facts, **changes):
    parts = {"source": "event", "scope": "room", "track": None, "recording": None, "room": "room-1", **changes}
    parts |= {"finding_id": f"f-{kind}", "value": value, "unit": unit, "evidence": evidence(**facts)}
    return dropout(start, end - start, kind=kind, **parts)


def broken():
    """Loss of everybody every 20 s from 22:11:40 on, and what was heard of it."""
    found = []
    for at in range(700, 1260, 20):
        facts = {"began_together": 3, "participants_sending": 3, "within_s": 0.4, "p_chance": 0.0005}
        for n, name in enumerate(NAMES):
            root = f"f-{at}-0"
            found.append(
                loss(
                    at + 0.2 * n, 2.0, finding_id=f"f-{at}-{n}", track=name, stream=f"0x0000000{n + 1}", **SERVER,
                    cause_finding_id=None if n == 0 else root, evidence=evidence(cause=facts),
                )
            )  # fmt: skip
        facts = {"heard_after_s": 0.1, "covered_pct": 100.0, "chance_pct": 4.0}
        hole = {**SERVER, "cause_finding_id": root, "evidence": evidence(cause=facts)}
        found.append(dropout(at + 0.1, 1.9, finding_id=f"f-{at}-m", **hole))
    return found


def findings():
    knee = {
        "coincides_with": "listeners",
        "knee": 503e3,
        "knee_low": 480e3,
        "knee_high": 530e3,
        "rho": 0.91,
        "p_chance": 0.0005,
    }
    late = {"scheduled_s": -1140.0, "room_opened_s": 0.0, "first_speech_s": 12.0}
    unknown = {"cause": "unexplained", "cause_confidence": None}
    return [
        whole("late_start", -1140, 12, 1152.0, "s", late, **unknown),
        whole("capacity", 690, 1260, 503e3, "listeners", knee, severity="major", **SERVER),
        whole("outage", 1260, 1440, 180.0, "s", {"no_room_open_pct": 100.0}, **SERVER),
        whole("room_restart", 1260, 1440, 180.0, "s", {"next_room": "room-2"}, **SERVER),
        *broken(),
        *(
            dropout(at, 0.6, finding_id=f"f-c{at}", room="room-2", track="carol", severity="major",
                    cause="network_loss", cause_confidence=0.96)
            for at in (2000, 2400, 2900, 3500)
        ),
        dropout(1700, 0.2, finding_id="f-tiny", room="room-2", track="bob", severity="minor"),
        dropout(2477, 4.2, finding_id="f-hole", kind="missing_media", source="container", scope="recorder",
                recording="room-2.wav", room="room-2", severity="minor", cause="recorder", cause_confidence=0.97,
                evidence=evidence(cause={"packets_came_pct": 100.0})),
        dropout(1800, 600, finding_id="f-mute", kind="silence", track="bob", cause="intended", severity="minor"),
    ]  # fmt: skip


def history():
    """Listeners, load, complaints and the operator log."""
    rows = []
    for at in range(0, 1260, 20):
        rows.append(HistoryRow(series="listeners", place="room-1", time_s=at, value=668_000 * (at / 1240) ** 0.6))
    for at in range(1440, 3720, 20):
        rows.append(HistoryRow(series="listeners", place="room-2", time_s=at, value=min(300_000, 900 * (at - 1440))))
    for node, top in (("sfu-1", 100.0), ("sfu-7", 40.0), ("sfu-9", 20.0)):
        for at in range(0, 3720, 30):
            rows.append(HistoryRow(series="load", place=node, metric="cpu_pct", time_s=at, value=min(top, at / 8)))
    for n in range(40):
        rows.append(
            HistoryRow(
                series="complaint",
                place="room-1",
                time_s=720 + 15 * n,
                who=f"u{n}",
                kind="bad_audio",
                text="choppy <b>sound</b>",
            )
        )
    log = [(42, "hold music on"), (918, "paged: stalls in room-1"), (1260, "room-1 ended"), (1440, "room-2 opened")]
    rows += [HistoryRow(series="operator", time_s=at, who="op", text=text) for at, text in log]
    return tuple(rows)  # fmt: skip


def night(**changes):
    """The whole of it."""
    files = ("room-1.wav", "room-2.wav", "listeners.csv", "load.csv", "feedback.csv", "operator.csv", "room.pcap")
    row = event(
        event_id="launch", title="Launch night", start_utc="2023-05-24T22:00:00.000Z", duration_s=3720.0,
        impaired_seconds=310, severely_impaired_seconds=290, findings=130, streams=3, recordings=2,
        rooms=json.dumps(ROOMS), facts=evidence(**FACTS), listener_hours=3e5,
        inputs=json.dumps([{"path": name, "bytes": 9, "sha256": "0" * 64} for name in files]), **changes,
    )  # fmt: skip
    tapes = [
        recording(recording="room-1.wav", room="room-1", duration_s=1260.0, impaired_seconds=290),
        recording(recording="room-2.wav", room="room-2", duration_s=2275.8, missing_s=4.2, start_s=1440.0),
    ]
    senders = [
        stream(participant=name, ssrc=f"0x0000000{n + 1}", last_s=3720.0, lost=400 * (n + 1), expected=180_000)
        for n, name in enumerate(NAMES)
    ]
    seconds = [
        SecondRow(
            second=s, log="room.pcap", stream=f"0x0000000{n + 1}", track=name, packets=45, expected=50,
            lost=9 if 700 <= s < 1260 and s % 20 < 2 else 0, delay_max_ms=20.0,
        )
        for n, name in enumerate(NAMES) for s in range(3720) if not 1260 <= s < 1440
    ]  # fmt: skip
    made = analysis(
        row, recordings=tapes, streams=senders, findings=sorted(findings(), key=lambda f: f.start_s), seconds=seconds
    )
    wave = np.where(np.arange(126_000) % 300 < 220, -18.0, -55.0).astype(np.float32)
    made = dataclasses.replace(
        made, history=history(), peaks_dbfs={"room-1.wav": wave, "room-2.wav": np.resize(wave, 228_000)}
    )
    said = {"status": verdict.status(made), "verdict": verdict.sentence(made)}
    return dataclasses.replace(made, event=dataclasses.replace(made.event, **said))
