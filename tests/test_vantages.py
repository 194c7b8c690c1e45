"""One room logged at several places: who lost what, known because it was built."""

import dataclasses
import json

import captures
import numpy as np
import pytest
from captures import Packet
from streams import stream

from aqa.incidents import incidents
from aqa.measures.legs import matched
from aqa.pipeline import Options, analyze
from aqa.report.evidence import told
from aqa.report.whole_rows import whole_event
from aqa.store import Store
from aqa.stream_model import Reported
from aqa.vantages import Legs, View, _leg, packet_facts

ALICE, BOB = 0xA11CE, 0xB0B


def sent(ssrc=ALICE, count=1500, first=100, stamp=5000):
    return [Packet(i * 0.02, first + i, stamp + 160 * i, 0, i == 0, ssrc) for i in range(count)]


def come(packets, delay_s, lost=(), held=(), jitter_s=0.001, seed=0, off_s=0.0):
    """What a log sees: `lost` numbers are not there; from `held` (start, end) packets come at its end."""
    random, out = np.random.default_rng([seed, packets[0].ssrc]), []
    for i, p in enumerate(packets):
        at = p.arrival_s + delay_s + random.exponential(jitter_s)
        for start, end in held:
            at = end + 1e-3 * (at - start) if start <= at < end else at
        out += [] if i in lost else [dataclasses.replace(p, arrival_s=at + off_s)]
    return sorted(out, key=lambda p: p.arrival_s)


def frames(*streams, source=1, target=2):
    """Frames between two hosts of 10.0.0.x."""
    packets = sorted((p for one in streams for p in one), key=lambda p: p.arrival_s)
    ends = bytes([10, 0, 0, 1, 10, 0, 0, 2]), bytes([10, 0, 0, source, 10, 0, 0, target])
    return [(at, data.replace(*ends)) for at, data in captures.frames(packets)]


def run(tmp_path, vantages=None, names=True, **logs):
    folder = tmp_path / "recordings" / "e"
    folder.mkdir(parents=True)
    for name, items in logs.items():
        (folder / f"{name}.pcap").write_bytes(captures.pcap(items))
    lines = [f'[[packet_logs]]\npath = "{n}.pcap"\nvantage = "{v}"' for n, v in (vantages or {}).items()]
    lines += [f'[participants.alice]\nssrc = ["{ALICE}"]', f'[participants.bob]\nssrc = ["{BOB}"]'] if names else []
    (folder / "event.toml").write_text("\n".join(lines) + "\n")
    outcome = analyze([tmp_path / "recordings"], Options(tmp_path / "data", tmp_path / "reports"))
    assert outcome.problems == []
    return Store(tmp_path / "data").analysis("e")


def path(finding):
    return json.loads(finding.evidence).get("path", {})


def of(analysis, log, *kinds):
    return [f for f in analysis.findings if f.log == f"{log}.pcap" and f.kind in kinds]


def ways(analysis):
    return json.loads(analysis.event.facts).get("path", [])


UP, DOWN = set(range(400, 406)), set(range(900, 904))
IN_OUT = {"a": "sfu-in", "b": "sfu-out"}


def test_lost_before_between_and_counted_once(tmp_path):
    """Clocks five seconds apart; the later log lacks all, the earlier what was lost before it."""
    a = frames(come(sent(), 0.01, UP))
    b = frames(come(sent(), 0.015, UP | DOWN, seed=1, off_s=5.0))
    analysis = run(tmp_path, IN_OUT, a=a, b=b)
    (row,) = ways(analysis)
    assert (row["from"], row["to"], row["order_by"], row["between"]) == ("a.pcap", "b.pcap", "settings", "server")
    assert (row["missing_before"], row["lost_between"], row["matched"]) == (6, 4, 1490)
    (first,) = of(analysis, "a", "loss")
    again, new = of(analysis, "b", "loss")
    assert (path(again)["arose"], path(again)["same_as"]) == ("before", first.finding_id)
    assert (again.cause, again.cause_finding_id) == ("network_loss", first.finding_id)
    assert (path(new)["arose"], path(new)["lost_between"], new.cause) == ("between", 4, "server_outage")
    found = incidents(analysis)
    placed = [f.finding_id for one in found.ranked for f in one.findings] + [f.finding_id for f in found.small]
    assert first.finding_id in placed and new.finding_id in placed and again.finding_id not in placed
    assert [f.finding_id for f in found.again] == [again.finding_id]


def test_the_report_says_where(tmp_path):
    long = set(range(900, 960))
    a, b = frames(come(sent(), 0.01, UP)), frames(come(sent(), 0.015, UP | long, seed=1))
    analysis = run(tmp_path, {"a": "sfu-out", "b": "receiver"}, a=a, b=b)
    found = incidents(analysis)
    lines = [line for one in found.ranked for line in told(analysis, one, found).pro]
    assert "60\xa0packets lost between a.pcap and b.pcap." in lines
    (part,) = [part for part in whole_event(analysis) if part.title == "Where on the way"]
    assert part.rows[0][:5] == ("alice", "a.pcap (sfu-out)", "b.pcap (receiver)", "6", "60")
    assert {f.cause for f in of(analysis, "b", "loss")} == {"network_loss"}
    assert max(f.cause_confidence for f in of(analysis, "b", "loss")) == 0.93
    assert "b.pcap" in (tmp_path / "reports" / "e" / "report.md").read_text()


def test_one_sender_at_two_logs_is_not_everybody(tmp_path):
    """Without names: two streams of one SSRC are one sender, whose own losses are no server's."""
    lost = {i for at in range(100, 1400, 100) for i in range(at, at + 5)}
    a, b = frames(come(sent(), 0.01, lost)), frames(come(sent(), 0.02, lost, seed=1))
    analysis = run(tmp_path, {"a": "sfu-in", "b": "receiver"}, names=False, a=a, b=b)
    assert {f.cause for f in analysis.findings if f.kind == "loss"} == {"network_loss"}
    assert all("same_as" in path(f) for f in of(analysis, "b", "loss"))


def test_losses_of_all_behind_the_server_are_one_receiver_s_network(tmp_path):
    """All streams lose together: from the receiver's log alone that is the server's; the server's own log knows."""
    onsets = np.random.default_rng(5).choice(np.arange(100, 1400, 12), 12, replace=False).tolist()
    lost = {i for at in onsets for i in range(at, at + 5)}
    clean = [come(sent(ssrc), 0.01, seed=2) for ssrc in (ALICE, BOB, 0xC)]
    holed = [come(sent(ssrc), 0.02, lost, seed=3) for ssrc in (ALICE, BOB, 0xC)]
    analysis = run(tmp_path, {"a": "sfu-out", "b": "receiver"}, a=frames(*clean), b=frames(*holed))
    causes = {f.cause for f in of(analysis, "b", "loss")}
    assert causes == {"network_loss"}
    alone = run(tmp_path / "alone", {"b": "receiver"}, b=frames(*holed))
    assert {f.cause for f in of(alone, "b", "loss")} == {"server_outage"}


def test_a_colliding_ssrc_is_not_joined(tmp_path):
    a, b = frames(come(sent(), 0.01)), frames(come(sent(first=40_000, stamp=9), 0.02, DOWN))
    analysis = run(tmp_path, IN_OUT, a=a, b=b)
    (row,) = ways(analysis)
    assert "another sender" in row["why"] and "from" not in row
    assert all(not path(f) for f in analysis.findings)
    (part,) = [part for part in whole_event(analysis) if part.title == "Where on the way"]
    assert part.rows == () and "another sender" in part.note


def test_an_ssrc_in_one_log_only_has_no_way(tmp_path):
    a, b = frames(come(sent(), 0.01, UP)), frames(come(sent(BOB), 0.02, DOWN))
    analysis = run(tmp_path, IN_OUT, a=a, b=b)
    assert ways(analysis) == []
    assert all(not path(f) for f in analysis.findings)


def test_copies_and_restarts_change_nothing(tmp_path):
    packets = [*sent(count=700), *(dataclasses.replace(p, arrival_s=p.arrival_s + 14.0)
                                   for p in sent(count=700, first=30_000, stamp=2**31))]  # fmt: skip
    a = come(packets, 0.01, {200})
    b = come(packets, 0.02, {200, 300, 301, 1000}, seed=1)
    b = sorted([*b, *(dataclasses.replace(p, arrival_s=p.arrival_s + 0.003) for p in b[::50])],
               key=lambda p: p.arrival_s)  # fmt: skip
    analysis = run(tmp_path, IN_OUT, a=frames(a), b=frames(b))
    (row,) = ways(analysis)
    assert (row["matched"], row["missing_before"], row["lost_between"]) == (1396, 1, 3)


def test_a_stall_on_the_way_is_not_the_sender_s(tmp_path):
    held = [(10.0, 11.2)]
    alone = run(tmp_path / "alone", {"b": "receiver"}, b=frames(come(sent(), 0.02, held=held, seed=1)))
    assert [f.cause for f in of(alone, "b", "stall")] == ["sender_stall"]
    a, b = frames(come(sent(), 0.01)), frames(come(sent(), 0.02, held=held, seed=1, off_s=-3.0))
    analysis = run(tmp_path, {"a": "sfu-in", "b": "receiver"}, a=a, b=b)
    (found,) = of(analysis, "b", "stall")
    assert (found.cause, path(found)["arose"]) == ("late_arrival", "between")
    assert path(found)["passed_before"] == pytest.approx(57, abs=4)


def test_a_stall_in_the_sender_s_own_log_is_the_sender_s_at_both(tmp_path):
    packets = [dataclasses.replace(p, arrival_s=p.arrival_s + (1.5 if i >= 700 else 0)) for i, p in enumerate(sent())]
    a, b = frames(come(packets, 0.0)), frames(come(packets, 0.02, seed=1, off_s=2.0))
    analysis = run(tmp_path, {"a": "sender", "b": "sfu-in"}, a=a, b=b)
    (first,), (again,) = of(analysis, "a", "stall"), of(analysis, "b", "stall")
    assert (first.cause, first.cause_confidence) == ("sender_stall", 0.95)
    assert (again.cause, again.cause_confidence, path(again)["same_as"]) == ("sender_stall", 0.95, first.finding_id)


def test_late_packets_are_late_where_the_delay_arose(tmp_path):
    a, b = frames(come(sent(), 0.01)), frames(come(sent(), 0.02, held=[(10.0, 10.4)], seed=1))
    analysis = run(tmp_path, {"a": "sfu-out", "b": "receiver"}, a=a, b=b)
    (found,) = of(analysis, "b", "late")
    assert path(found)["arose"] == "between"
    assert path(found)["delay_between_ms"] == pytest.approx(395, abs=25)
    assert path(found)["delay_before_ms"] < 20


def test_what_only_a_capture_dropped_is_no_loss(tmp_path):
    a, b = frames(come(sent(), 0.01, UP)), frames(come(sent(), 0.02, seed=1))
    analysis = run(tmp_path, IN_OUT, a=a, b=b)
    (found,) = of(analysis, "a", "loss")
    assert (found.cause, found.confidence, found.severity) == ("unexplained", 0.2, "minor")
    assert path(found)["in_next_log"] == 6
    assert ways(analysis)[0]["dropped_by_first_capture"] == 6


def test_order_by_addresses_in_one_log(tmp_path):
    """A server that keeps SSRCs, captured on both sides in one file."""
    into = frames(come(sent(), 0.01, UP), source=1, target=2)
    out = frames(come(sent(), 0.012, UP | DOWN, seed=1), source=2, target=3)
    analysis = run(tmp_path, a=sorted(into + out))
    (row,) = ways(analysis)
    assert (row["order_by"], row["between"], row["missing_before"], row["lost_between"]) == (
        "addresses",
        "server",
        6,
        4,
    )


@pytest.mark.parametrize(
    ("lost", "jitter_s", "by"), [(set(range(500, 530)), 1e-5, "lost packets"), ((), 0.004, "jitter")]
)
def test_order_by_packets(tmp_path, lost, jitter_s, by):
    first = come(sent(), 0.01)
    random = np.random.default_rng(4)
    then = sorted(
        (dataclasses.replace(p, arrival_s=p.arrival_s + 0.01 + random.exponential(jitter_s)) for p in first
         if p.sequence - 100 not in lost), key=lambda p: p.arrival_s)  # fmt: skip
    analysis = run(tmp_path, z_first=frames(first, source=7, target=8), a_then=frames(then, source=5, target=6))
    (row,) = ways(analysis)
    assert (row["from"], row["to"], row["order_by"]) == ("z_first.pcap", "a_then.pcap", by)


def test_no_order_is_said(tmp_path):
    a, b = frames(come(sent(), 0.01)), frames(come(sent(), 0.01, seed=1))
    (row,) = ways(run(tmp_path, a=a, b=b))
    assert row["why"] == "nothing tells which log was taken first"


def test_three_logs_make_two_ways(tmp_path):
    a = frames(come(sent(), 0.005, UP))
    b = frames(come(sent(), 0.01, UP | DOWN, seed=1))
    c = frames(come(sent(), 0.03, UP | DOWN | {1200}, seed=2))
    rows = ways(run(tmp_path, {"a": "sender", "b": "sfu-in", "c": "receiver"}, a=a, b=b, c=c))
    assert [(row["from"], row["to"], row["missing_before"], row["lost_between"]) for row in rows] == [
        ("a.pcap", "b.pcap", 6, 4), ("b.pcap", "c.pcap", 10, 1),
    ]  # fmt: skip


def test_what_is_lost_behind_the_last_log_only_rtcp_says():
    view = View("a.pcap", stream(come(sent(count=200), 0.01)))
    then = stream(come(sent(count=200), 0.02, {50, 51}, seed=1))
    told = dataclasses.replace(then, reported=Reported(reports=3, lost=9))
    for reported, after in ((then, None), (told, 7)):
        found = Legs((_leg(view, View("b.pcap", reported), "settings", matched(view.stream, reported)),))
        (row,) = packet_facts(found)["path"]
        assert (row["lost_between"], row["lost_after"]) == (2, after)
