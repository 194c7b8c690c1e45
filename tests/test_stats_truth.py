"""Against rtcstats-server's own results for its own dumps, and why they differ where they do.

What that tool counts is the last value of a counter; ours is `total`, which is the same where nothing began anew.
Its defects, each seen below by name:
  1. it divides lost by received, and says 0 where lost >= received (StatsAggregator.js: METRICS);
  2. it lists what a far sender says of itself (remote-outbound-rtp has packetsSent) as a track that this end sent,
     under the SSRC of a received stream and with that stream's concealment;
  3. it reads a sent stream's packets from Firefox's remote-inbound-rtp: 0 of 7,726, and the same SSRC as received;
  4. what is not counted (concealment in Firefox and Safari, losses without an RTCP report) it calls 0.
"""

import json

import numpy as np
import pytest

from aqa.measures.counters import loss_share, total
from aqa.stats import read_stats_log

COUNTER = {"receiverTracks": ("received", "packets_received"), "senderTracks": ("sent", "packets_sent")}
ECHOED = {  # defect 2: received streams among the sent
    ("chrome-standard-multiple-p2p", "PC_0", 2889766682),
    ("chrome-standard-multiple-p2p", "PC_3", 1047537249),
    ("chrome-standard-multiple-p2p", "PC_3", 3890837313),
    ("chrome-standard-multiple-p2p", "PC_4", 4223390196),
}
FIREFOX_SENT = ("firefox-standard-stats-sfu", "PC_0", 1426121629)  # defect 3
NEVER_REPORTED = {("safari-standard-stats", "PC_0", 1449778799)}  # defect 4, losses


def results(corpus):
    """(Dump, connection, list, row) of every audio track in every result file."""
    folder = corpus / "webrtc-stats" / "jitsi+rtcstats-server" / "results"
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text())
        for part in found if isinstance(found, list) else [found]:
            for connection, pc in part.get("features", part).get("aggregates", {}).items():
                for kind in COUNTER:
                    for row in pc["tracks"][kind]:
                        if row["mediaType"] == "audio":
                            yield path.stem.removesuffix("-result"), connection, kind, row


def test_packets_losses_and_concealment_are_those_of_the_tool_but_for_its_defects(corpus):
    logs, compared, defects, concealed = {}, 0, set(), 0
    for dump, connection, kind, row in results(corpus):
        if dump not in logs:
            path = corpus / "webrtc-stats" / "jitsi+rtcstats-server" / dump
            logs[dump] = {(t.connection, t.direction, t.ssrc): t for t in read_stats_log(path, name=dump).tracks}
        direction, counter = COUNTER[kind]
        place = (dump, connection, int(row["ssrc"]))
        track = logs[dump].get((connection, direction, int(row["ssrc"])))
        if direction == "sent" and place in ECHOED:
            assert track is None and (connection, "received", int(row["ssrc"])) in logs[dump]
            defects.add(place)
            continue
        if place == FIREFOX_SENT:
            sent = logs[dump][connection, "sent", int(row["ssrc"])]
            assert (total(sent, "packets_sent"), (connection, "received", sent.ssrc) in logs[dump]) == (7726, False)
            defects.add(place)
            continue
        assert total(track, counter) == row["packets"], place
        if place in NEVER_REPORTED and direction == "sent":
            assert total(track, "packets_lost") is None
            defects.add(place)
        else:
            lost = total(track, "packets_lost")
            assert lost == row["packetsLost"], place
            assert row["packetsLostPct"] == pytest.approx(100 * lost / max(row["packets"], 1), abs=0.01), "defect 1"
        played = total(track, "samples_received")
        if direction == "received" and played:
            concealed += 1
            share = 100 * total(track, "concealed_samples") / played
            assert share == pytest.approx(row["concealedPercentage"], abs=0.0051), place
        elif direction == "received":
            assert row["concealedPercentage"] == 0  # defect 4, or a stream that nothing came of
        compared += 1
    assert defects == ECHOED | {FIREFOX_SENT} | NEVER_REPORTED
    assert (compared, concealed) == (32, 9)


def test_our_loss_rate_is_of_what_should_have_come():
    assert loss_share(100, 100) == 0.5, "the tool says 0"
    assert loss_share(0, 50) == 1.0, "the tool says 0"
    assert loss_share(99, 1) == pytest.approx(0.01)


def test_most_of_what_is_made_up_for_a_silent_speaker_is_silent(corpus):
    path = corpus / "webrtc-stats" / "jitsi+rtcstats-server" / "google-standard-stats-p2p"
    log = read_stats_log(path, name="google")
    track = next(t for t in log.tracks if t.ssrc == 2566963332)
    made_up, silent = (total(track, name) for name in ("concealed_samples", "silent_concealed_samples"))
    assert (made_up, silent) == (2165527, 2154883)
    assert np.isnan(track["interruptions"]).all()
