"""Stats dumps and stats tracks in plain Python: what a receiver counted, and the files that tell it."""

import json

import numpy as np

from aqa.stream_model import StatsTrack

START_MS = 1_700_000_000_000
RATE = 48_000
SSRC = 0x1234


def track(step_s=1.0, *, direction="received", ssrc=SSRC, first_s=0.0, **columns):
    """A stats track polled every `step_s`; columns are the totals at each poll."""
    size = max((len(values) for values in columns.values()), default=0)
    start_ns = START_MS * 1_000_000
    times = start_ns + np.round((first_s + np.arange(size) * step_s) * 1e9).astype(np.int64)
    return StatsTrack(
        log="dump", connection="PC_0", direction=direction, vantage="receiver", ssrc=ssrc, name="IT01", mid="0",
        track_id=None, codec="opus/48000/2", endpoint=None, reporter="dora", log_start_ns=start_ns, time_ns=times,
        columns={name: np.asarray(values, np.float64) for name, values in columns.items()},
    )  # fmt: skip


def talk(shares, step_s=1.0, *, silent=0.0, lost=None, **more):
    """A received track of which these shares of each interval were made up and heard (and `silent` not heard)."""
    heard = np.concatenate([[0.0], np.cumsum(np.asarray(shares) * step_s * RATE)])
    played = np.arange(len(heard)) * step_s * RATE
    quiet = played * silent
    return track(
        step_s,
        packets_received=np.arange(len(heard)) * step_s * 50,
        packets_lost=np.zeros(len(heard)) if lost is None else np.concatenate([[0.0], np.cumsum(lost)]),
        samples_received=played,
        concealed_samples=heard + quiet,
        silent_concealed_samples=quiet,
        **more,
    )


def inbound(at, **changes):
    """One inbound-rtp report of a call that loses a packet and makes up 20 ms a second."""
    return {
        "type": "inbound-rtp", "kind": "audio", "ssrc": SSRC, "timestamp": START_MS + 1000 * at, "codecId": "C",
        "mid": "0", "packetsReceived": 49 * at, "packetsLost": at, "jitter": 0.004, "totalSamplesReceived": RATE * at,
        "concealedSamples": 960 * at, "silentConcealedSamples": 0, "playoutId": "AP", "transportId": "T",
        **changes,
    }  # fmt: skip


def report(at, **changes):
    """All stats of one poll: what is received, sent, played out, and on which path."""
    now = START_MS + 1000 * at
    return {
        "C": {"type": "codec", "mimeType": "audio/opus", "clockRate": 48000, "channels": 2, "timestamp": now},
        "T": {"type": "transport", "selectedCandidatePairId": "P", "timestamp": now},
        "P": {"type": "candidate-pair", "currentRoundTripTime": 0.05, "timestamp": now},
        "AP": {
            "type": "media-playout", "kind": "audio", "synthesizedSamplesDuration": 0.1 * at,
            "totalSamplesDuration": 1.0 * at, "timestamp": now,
        },
        "IT01": inbound(at, **changes),
        "V": {"type": "inbound-rtp", "kind": "video", "ssrc": 9, "packetsReceived": 5 * at, "timestamp": now},
        "OT": {"type": "outbound-rtp", "kind": "audio", "ssrc": 77, "packetsSent": 50 * at, "timestamp": now},
        "RI": {
            "type": "remote-inbound-rtp", "kind": "audio", "ssrc": 77, "localId": "OT", "packetsLost": 2 * at,
            "roundTripTime": 0.08, "timestamp": now - 300,
        },
    }  # fmt: skip


def compressed(reports):
    """Delta compression as rtcstats and Jitsi do it: what changed, times equal to the newest as 0."""
    base = {}
    for one in reports:
        newest = max(stat["timestamp"] for stat in one.values())
        delta = {}
        for key, stat in one.items():
            changed = {k: v for k, v in stat.items() if base.get(key, {}).get(k) != v}
            delta[key] = {**changed, "timestamp": 0 if stat["timestamp"] == newest else stat["timestamp"]}
        base = one
        yield {**delta, "timestamp": newest}


def jitsi(reports):
    lines = [
        ["connectionInfo", None, {"userAgent": "Chrome", "statsFormat": "chrome_standard"}, START_MS],
        ["identity", None, {"displayName": "dora", "endpointId": "59e48073"}, START_MS],
        ["create", "PC_0", {"iceServers": []}, START_MS],
    ]
    lines += [["getstats", "PC_0", delta, delta["timestamp"] + 3] for delta in compressed(reports)]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


_NUMBERS = {
    "transportId": 5, "mimeType": 6, "clockRate": 7, "channels": 8, "ssrc": 10, "kind": 11, "codecId": 12,
    "packetsReceived": 14, "packetsLost": 15, "jitter": 16, "mid": 18, "totalSamplesReceived": 51,
    "concealedSamples": 52, "silentConcealedSamples": 53, "totalSamplesDuration": 59, "playoutId": 62,
    "localId": 74, "roundTripTime": 75, "packetsSent": 79, "synthesizedSamplesDuration": 109,
    "selectedCandidatePairId": 125, "currentRoundTripTime": 152,
}  # fmt: skip
_TYPES = {
    "inbound-rtp": 1, "outbound-rtp": 2, "remote-inbound-rtp": 3, "transport": 5, "candidate-pair": 6,
    "media-playout": 13, "codec": 14,
}  # fmt: skip


def rtcstats(reports):
    """The newer form: numbers for names, unchanged stats left out, time since the line before."""
    lines = ["RTCStatsDump", json.dumps({"startTime": START_MS, "fileFormat": 3})]
    lines.append(json.dumps([39, "PC_0", {}, START_MS]))
    base = {}
    for one in reports:
        newest, delta = max(stat["timestamp"] for stat in one.values()), {}
        for key, stat in one.items():
            changed = {k: v for k, v in stat.items() if base.get(key, {}).get(k) != v}
            if stat["timestamp"] == newest:
                changed.pop("timestamp", None)
            named = {_NUMBERS.get(k, "t" if k == "timestamp" else k): v for k, v in changed.items()}
            if "type" in named:
                named["type"] = _TYPES[named["type"]]
            if named:
                delta[key] = named
        base = one
        lines.append(json.dumps(["g", "PC_0", {**delta, "t": newest}, 1000]))
    return "".join(line + "\n" for line in lines).encode()


def internals(reports, *, timestamps=True):
    """Chrome's own form: one series per property, as JSON text; `timestamps` since Chrome 117."""
    series = {}
    for one in reports:
        for key, stat in one.items():
            for name, value in stat.items():
                if name != "type" and (timestamps or name != "timestamp"):
                    series.setdefault(f"{key}-{name}", (stat["type"], [], []))
                    series[f"{key}-{name}"][1].append(value)
                    series[f"{key}-{name}"][2].append(stat["timestamp"])
    stats = {
        name: {
            "statsType": kind, "values": json.dumps(values), "startTime": str(np.datetime64(times[0], "ms")) + "Z",
            "endTime": str(np.datetime64(times[-1], "ms")) + "Z",
        }
        for name, (kind, values, times) in series.items()
    }  # fmt: skip
    return json.dumps({"PeerConnections": {"6411-1": {"url": "x", "stats": stats}}, "UserAgent": "Chrome"}).encode()


def getstats_lines(reports):
    return "".join(json.dumps({"time": START_MS, "pc": "PC_0", "stats": one}) + "\n" for one in reports).encode()


def getstats_document(reports):
    """A list of reports, each a Map spread out, indented over many lines."""
    return json.dumps(
        [[{"key": key, "value": stat} for key, stat in one.items()] for one in reports], indent=1
    ).encode()


def events_of_2016(reports):
    events = [{"time": "2023-11-14T22:13:20.000Z", "type": "getStats", "value": one} for one in reports]
    return json.dumps({"PeerConnections": {}, "url": "x", "peerConnections": {"PC_0": events}}).encode()


FORMS = {
    "rtcstats_jitsi": jitsi,
    "rtcstats": rtcstats,
    "webrtc_internals": internals,
    "getstats": getstats_lines,
    "getstats document": getstats_document,
    "webrtc_internals 2016": events_of_2016,
}


def call(polls=6):
    return [report(at) for at in range(1, polls + 1)]
