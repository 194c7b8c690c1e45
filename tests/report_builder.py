"""Small analyses for the tests of the report: what an event can be."""

import dataclasses
import json

import numpy as np

from aqa.event_model import Analysis, EventRow
from aqa.model import Finding, SecondRow, evidence
from aqa.report import verdict
from aqa.scores import FORMULA
from aqa.settings import Settings
from aqa.sound_model import RecordingRow
from aqa.stream_model import StreamRow

START = "2026-11-16T09:00:00.000Z"
ROOMS = [{"id": "monday", "opened": START, "closed": "2026-11-16T09:10:00.000Z"}]


def event(**changes):
    base = EventRow(
        event_id="e1",
        title="Monday",
        start_utc=START,
        duration_s=600.0,
        status="not_measured",
        verdict="",
        recordings=1,
        streams=1,
        findings=0,
        audio_hours=1 / 6,
        speaker_hours=0.1,
        impaired_seconds=0,
        severely_impaired_seconds=0,
        speech_seconds=400,
        formula=FORMULA,
        fingerprint="f",
        inputs=json.dumps([{"path": "mix.wav", "bytes": 1000, "sha256": "0" * 64}]),
        settings=Settings().text(),
        not_measured=json.dumps([{"what": "Devices", "why": "no stats", "bring": "getStats dumps"}]),
        rooms=json.dumps(ROOMS),
    )
    return dataclasses.replace(base, **changes)


def recording(**changes):
    base = RecordingRow(
        recording="mix.wav", room="monday", track="mix", sha256="0" * 64, bytes=1000, codec="pcm", duration_s=600.0,
        start_utc=START, start_from="settings", impaired_seconds=0, severely_impaired_seconds=0,
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


def stream(**changes):
    base = StreamRow(
        log="room.pcap", room="monday", participant="bob", ssrc="0x00000001", src="192.0.2.1:1", dst="192.0.2.2:2",
        payload_type=111, packets=29_990, expected=30_000, lost=10, loss_pct=0.033, duplicates=0, reordered=0,
        first_s=0.0, last_s=600.0,
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


def dropout(start=100.0, length=1.5, **changes):
    base = Finding(
        finding_id=f"f-{round(start * 1000):x}", kind="dropout", source="audio", track="mix", recording="mix.wav",
        start_s=start, end_s=start + length, duration_s=length, value=length * 1000, unit="ms", severity="critical",
        confidence=0.99, evidence=evidence(cause={"why": "no packet log"}),
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


def loss(start=99.9, length=1.5, **changes):
    base = Finding(
        finding_id="f-loss", kind="loss", source="packets", scope="stream", track="bob", stream="0x00000001",
        log="room.pcap", start_s=start, end_s=start + length, duration_s=length, value=75.0, unit="packets",
        severity="critical", cause="network_loss", cause_confidence=0.8,
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


def told(**changes):
    """A row of the table of streams that a receiver's stats gave."""
    base = stream(
        log="dora.rtcstats", participant=None, vantage="receiver", ssrc="0x00000002", src="", dst="",
        payload_type=None, duplicates=None, reordered=None, loss_run_max=None, source="stats", direction="received",
        concealed_pct=3.0, audible_concealed_pct=2.5, rtt_ms=80.0,
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


def made_up(start=50.0, length=4.0, **changes):
    base = Finding(
        finding_id="f-made-up", kind="concealed_audio", source="stats", scope="stream", stream="0x00000002",
        log="dora.rtcstats", start_s=start, end_s=start + length, duration_s=length, value=22.0, unit="%",
        severity="critical", cause="network_loss", cause_confidence=0.8,
        evidence=evidence(made_up_s=0.9, before={"packets_lost": 1.0}, after={"packets_lost": 40.0}),
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


def ran_dry(**changes):
    base = Finding(
        finding_id="f-dry", kind="playout_fault", source="stats", log="dora.rtcstats", start_s=70.0, end_s=75.0,
        duration_s=5.0, value=300.0, unit="ms", severity="major", cause="playout_device", cause_confidence=0.85,
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


def explained(**changes):
    facts = {"heard_after_s": 0.1, "covered_pct": 100.0, "chance_pct": 1.0}
    return dropout(
        cause="network_loss",
        cause_confidence=0.93,
        cause_finding_id="f-loss",
        evidence=evidence(cause=facts),
        **changes,
    )


SWEEP = [
    {"delay_ms": 20, "late": 900, "dropouts": 210, "concealed_s": 18.0},
    {"delay_ms": 60, "late": 120, "dropouts": 80, "concealed_s": 4.2},
    {"delay_ms": 200, "late": 2, "dropouts": 3, "concealed_s": 0.3},
]


def played(**changes):
    """A stream that a playout model was run on, with all that is measured then."""
    base = stream(
        codec="opus", clock_rate_hz=48_000, clock_rate_from="sdp", late=120, loss_pct=1.5, pdv_p95_ms=81.0,
        jitter_ms=9.0, jitter_mean_ms=8.0, jitter_max_ms=44.0, delta_max_ms=900.0, loss_bursts=3,
        burst_density_pct=25.0, gap_density_pct=0.2, burst_duration_mean_ms=480.0, gap_duration_mean_ms=30_000.0,
        burst_r=1.4, loss_run_max=11, loss_histogram="[40, 9, 2, 0, 0, 0, 0, 0, 0, 1]", ge_p=0.0021, ge_r=0.61,
        playout_model="neteq 60 ms", playout_delay_mean_ms=74.0, concealed_s=3.5, concealed_pct=0.6,
        concealed_lost_s=1.0, concealed_late_s=2.5, concealed_stall_s=0.0, sweep=json.dumps(SWEEP),
        sweep_advice="with a fixed buffer of 200 ms, 77 of 80 concealed intervals would not have been heard",
        r_factor=88.0, mos_estimated=3.4, mos_model="G.107.2 / Opus VBR 28 kb/s (Ie 18.5, Bpl 10.6)", ie_eff=55.0,
        delay_impairment=0.4, worst_interval_mos=1.7, worst_interval_start_s=130.0,
        changes=json.dumps([{"at_s": 61.5, "what": "frame_ms", "from": 20.0, "to": 60.0}]),
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


def played_seconds(length=600, **changes):
    """Seconds of such a stream: faults of every sort, and a stall from 200 to 204 in which no packet came."""
    base = {"log": "room.pcap", "stream": "0x00000001", "track": "bob"} | changes
    return [
        SecondRow(second=s, packets=0, expected=0, lost=0, late=0, stalled_s=1.0, concealed_s=1.0, **base)
        if 200 <= s < 204
        else SecondRow(
            second=s, packets=49 - s % 3, expected=50, lost=s % 3, late=s % 5, stalled_s=0.0,
            delay_max_ms=20.0 + 37 * s % 160, concealed_s=0.02 * (s % 7), **base,
        )
        for s in range(length)
    ]  # fmt: skip


def in_packets(kind, start, length, **changes):
    """A finding in packets of any kind."""
    return loss(start, length, kind=kind, finding_id=f"f-{kind}", severity="major", value=None, unit="", **changes)


def analysis(row=None, *, recordings=None, streams=None, findings=(), seconds=None):
    """An analysis with its status and verdict worded."""
    seconds = (
        tuple(seconds)
        if seconds
        else tuple(
            SecondRow(
                second=s, log="room.pcap", stream="0x00000001", track="bob", packets=49, expected=50, lost=s == 100
            )
            for s in range(600)
        )
    )
    if any(one.source == "stats" for one in streams or ()):
        seconds += tuple(
            SecondRow(second=s, log="dora.rtcstats", stream="0x00000002", concealed_s=0.22) for s in range(50, 54)
        )
    made = Analysis(
        row or event(),
        (recording(),) if recordings is None else tuple(recordings),
        (stream(),) if streams is None else tuple(streams),
        tuple(findings),
        seconds,
        {"mix.wav": np.tile(np.linspace(-60, -6, 100, dtype=np.float32), 600)},
    )
    said = {"status": verdict.status(made), "verdict": verdict.sentence(made)}
    return dataclasses.replace(made, event=dataclasses.replace(made.event, **said))


BAD = {"impaired_seconds": 9, "severely_impaired_seconds": 4, "findings": 2}


def events():
    """One analysis of each sort, by name."""
    from night_builder import night

    unreadable = Finding(
        finding_id="f-u",
        kind="unreadable",
        source="container",
        recording="mix.wav",
        track="mix",
        start_s=0.0,
        end_s=0.0,
    )
    nothing = {"impaired_seconds": None, "severely_impaired_seconds": None, "speech_seconds": None}
    return {
        "bad": analysis(event(**BAD), findings=(loss(), explained())),
        "launch night": night(),
        "clean": analysis(),
        "no packets": analysis(event(**BAD, streams=0), streams=(), findings=(dropout(),)),
        "unreadable": analysis(event(**nothing), recordings=[recording(duration_s=0.0)], findings=(unreadable,)),
        "packets only": analysis(event(**nothing, recordings=0), recordings=(), findings=(loss(),)),
        "stats only": analysis(
            event(**nothing, recordings=0, streams=0, stats_tracks=1),
            recordings=(),
            streams=(told(), told(ssrc="0x00000003", lost=None, loss_pct=None, expected=None, direction="sent")),
            findings=(made_up(), ran_dry()),
        ),
        "stats and packets": analysis(streams=(stream(), told(participant="bob")), findings=(made_up(track="bob"),)),
        "played": analysis(
            streams=(played(),),
            seconds=played_seconds(),
            findings=(
                loss(),
                in_packets("stall", 200.0, 4.0),
                in_packets("late", 130.0, 2.0),
                in_packets("jitter", 120.0, 60.0),
                in_packets("reordering", 300.0, 1.0),
                in_packets("duplication", 310.0, 1.0),
                in_packets("stream_reset", 400.0, 0.02),
                in_packets("clock_drift", 0.0, 600.0),
            ),
        ),
        "no clock rate": analysis(
            streams=(
                stream(clock_rate_hz=None, delta_max_ms=20.0, mos_model="not measured: the clock rate is not known"),
            )
        ),
        "no clock": analysis(event(**BAD, start_utc=None, rooms="[]"), findings=(dropout(),)),
        "empty": analysis(event(**nothing, duration_s=0.0, rooms="[]"), recordings=(), streams=()),
    }
