import gzip
import json
import random
import time

import dumps
import numpy as np
import pytest

from aqa import chunks, jsontext, reports
from aqa.inventory import formats
from aqa.model import InputError
from aqa.packets import is_packet_log
from aqa.stats import HEAD_BYTES, READS, is_stats, read_stats_log


def read(tmp_path, data, name="dump"):
    path = tmp_path / name
    path.write_bytes(data)
    return read_stats_log(path, name=name)


def by_direction(log):
    return {track.direction: track for track in log.tracks}


@pytest.mark.parametrize("form", dumps.FORMS)
class TestOfEveryForm:
    def test_the_same_call_tells_the_same(self, tmp_path, form):
        log = read(tmp_path, dumps.FORMS[form](dumps.call()))
        assert log.format == form.split()[0]
        assert log.warning is None
        tracks = by_direction(log)
        assert set(tracks) == {"received", "sent", "playout"} and len(log.tracks) == 3
        heard = tracks["received"]
        assert (heard.ssrc, heard.codec, heard.mid) == (dumps.SSRC, "opus/48000/2", "0")
        assert heard["packets_received"].tolist() == [49, 98, 147, 196, 245, 294]
        assert heard["packets_lost"].tolist() == [1, 2, 3, 4, 5, 6]
        assert heard["concealed_samples"].tolist() == [960 * at for at in range(1, 7)]
        assert heard["jitter_s"].tolist() == [0.004] * 6
        assert heard["rtt_s"].tolist() == [0.05] * 6
        assert np.isnan(heard["interruptions"]).all(), "what is not in the dump is not measured"
        assert np.diff(heard.time_ns).tolist() == [1_000_000_000] * 5
        assert (log.start_ns, log.end_ns) == tuple((dumps.START_MS + ms) * 1_000_000 for ms in (1000, 6000))

    def test_what_was_sent_comes_with_what_was_reported_back(self, tmp_path, form):
        sent = by_direction(read(tmp_path, dumps.FORMS[form](dumps.call())))["sent"]
        assert sent.ssrc == 77
        assert sent["packets_sent"].tolist() == [50, 100, 150, 200, 250, 300]
        assert sent["packets_lost"].tolist() == [2, 4, 6, 8, 10, 12]
        assert sent["rtt_s"].tolist() == [0.08] * 6

    def test_what_the_device_played_is_a_track_of_its_own(self, tmp_path, form):
        played = by_direction(read(tmp_path, dumps.FORMS[form](dumps.call())))["playout"]
        assert played["synthesized_s"][-1] == pytest.approx(0.6)
        assert played["samples_s"].tolist() == [1, 2, 3, 4, 5, 6]

    def test_compressed_or_with_a_byte_order_mark_it_is_the_same(self, tmp_path, form):
        data = dumps.FORMS[form](dumps.call())
        plain = read(tmp_path, data)
        for other in (gzip.compress(data), b"\xef\xbb\xbf" + data):
            assert is_stats(other[:HEAD_BYTES])
            log = read(tmp_path, other)
            assert [t["packets_received"].tolist() for t in log.tracks] == [
                pytest.approx(t["packets_received"].tolist(), nan_ok=True) for t in plain.tracks
            ]

    def test_only_one_format_claims_it(self, form):
        data = dumps.FORMS[form](dumps.call())
        assert sum(module.sniff(data[:HEAD_BYTES]) for module in formats(READS)) == 1
        assert not is_packet_log(data[:HEAD_BYTES])

    def test_numbers_as_text_are_numbers(self, tmp_path, form):
        calls = [dumps.report(at, packetsLost=f"{at}", ssrc=f"{dumps.SSRC}") for at in (1, 2)]
        heard = by_direction(read(tmp_path, dumps.FORMS[form](calls)))["received"]
        assert heard.ssrc == dumps.SSRC
        assert heard["packets_lost"].tolist() == [1, 2]

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "many", [], {}, True, 10**400])
    def test_what_is_no_number_is_not_measured(self, tmp_path, form, value):
        calls = [dumps.report(at, packetsLost=value) for at in (1, 2)]
        heard = by_direction(read(tmp_path, dumps.FORMS[form](calls)))["received"]
        assert np.isnan(heard["packets_lost"]).all()
        assert heard["packets_received"].tolist() == [49, 98]

    def test_damage_anywhere_gives_a_result_or_an_error_in_bounded_time(self, tmp_path, form):
        data = dumps.FORMS[form](dumps.call(3))
        dice = random.Random(form)
        started = time.monotonic()
        for damaged in (_damaged(data, dice) for _ in range(250)):
            path = tmp_path / "dump"
            path.write_bytes(damaged)
            try:
                log = read_stats_log(path, name="dump")
            except InputError as error:
                assert str(error).startswith("dump: ")
                continue
            for track in log.tracks:
                assert (np.diff(track.time_ns) >= 0).all()
                assert all(len(values) == len(track.time_ns) for values in track.columns.values())
                assert not any(np.isinf(values).any() for values in track.columns.values())
        assert time.monotonic() - started < 60


def _damaged(data, dice):
    """One way in which files go wrong: cut, flipped bits, lost or doubled lines, values that can't be."""
    kind = dice.randrange(5)
    if kind == 0:
        return data[: dice.randrange(len(data))]
    if kind == 1:
        at = dice.randrange(len(data))
        return data[:at] + bytes([data[at] ^ (1 << dice.randrange(8))]) + data[at + 1 :]
    if kind == 2:
        lines = data.split(b"\n")
        del lines[dice.randrange(len(lines))]
        return b"\n".join(lines)
    if kind == 3:
        lines = data.split(b"\n")
        return b"\n".join([*lines, lines[dice.randrange(len(lines))], *lines[1:]])
    old = dice.choice([b"49", b"0.004", b'"audio"', b"1700000001000", b"4660", b"960", b'"IT01"', b"{", b"}"])
    new = dice.choice([b'"x"', b"NaN", b"1e999", b"-1", b"-1e308", b"null", b"[]", b"{}", b"18446744073709551616"])
    return data.replace(old, new, dice.randrange(1, 4))


class TestLines:
    def test_a_torn_last_line_costs_only_itself(self, tmp_path):
        data = dumps.jitsi(dumps.call())
        log = read(tmp_path, data[:-40])
        assert log.warning.startswith("dump: line 9: ") and "one line is left out" in log.warning
        assert by_direction(log)["received"]["packets_lost"].tolist() == [1, 2, 3, 4, 5]

    def test_a_cut_gzip_keeps_what_came_before(self, tmp_path):
        data = gzip.compress(dumps.jitsi(dumps.call(400)))
        log = read(tmp_path, data[: len(data) // 2])
        assert "compression is damaged" in log.warning
        assert len(by_direction(log)["received"].time_ns) > 50

    def test_a_line_without_end_is_told_where(self, tmp_path, monkeypatch):
        monkeypatch.setattr(jsontext, "LONGEST_LINE", 1 << 16)
        monkeypatch.setitem(chunks.pieces.__kwdefaults__, "chunk_bytes", 1 << 16)
        log = read(tmp_path, dumps.jitsi(dumps.call(2)) + b'["getstats", "' + b"x" * (1 << 18))
        assert "a record of more than" in log.warning
        assert len(by_direction(log)["received"].time_ns) == 2

    def test_a_connection_made_anew_forgets_the_old_one_s_stats(self, tmp_path):
        first = dumps.jitsi(dumps.call(2))
        again = json.dumps(["create", "PC_0", {}, dumps.START_MS]).encode() + b"\n"
        delta = {"IT01": {"packetsReceived": 9, "timestamp": 0}, "timestamp": dumps.START_MS + 9000}
        stray = json.dumps(["getstats", "PC_0", delta, dumps.START_MS + 9000]).encode()
        heard = by_direction(read(tmp_path, first + again + stray))["received"]
        assert len(heard.time_ns) == 2, "what is changed of an unknown stat is no sample"

    def test_ids_left_out_have_not_changed(self, tmp_path):
        data = dumps.jitsi(dumps.call(2))
        delta = {"V": {"packetsReceived": 15, "timestamp": 0}, "timestamp": dumps.START_MS + 3000}
        later = {"IT01": {"packetsLost": 7, "timestamp": 0}, "timestamp": dumps.START_MS + 4000}
        for one in (delta, later):
            data += json.dumps(["getstats", "PC_0", one, one["timestamp"]]).encode() + b"\n"
        heard = by_direction(read(tmp_path, data))["received"]
        assert heard["packets_lost"].tolist() == [1, 2, 7]
        assert heard["packets_received"].tolist() == [49, 98, 98]

    def test_the_newer_rtcstats_marks_what_is_gone(self, tmp_path):
        data = dumps.rtcstats(dumps.call(2))
        gone = json.dumps(["g", "PC_0", {"IT01": None, "t": dumps.START_MS + 3000}, 1000]).encode() + b"\n"
        still = json.dumps(["g", "PC_0", {"t": dumps.START_MS + 4000}, 1000]).encode() + b"\n"
        tracks = by_direction(read(tmp_path, data + gone + still))
        assert len(tracks["received"].time_ns) == 2
        assert len(tracks["sent"].time_ns) == 4, "what is left out has not changed"


class TestDocuments:
    def test_one_too_large_to_hold_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(jsontext, "MOST_BYTES", 1000)
        with pytest.raises(InputError, match=r"dump: at byte .* MB of JSON in one piece; split it"):
            read(tmp_path, dumps.internals(dumps.call()))

    def test_one_of_more_values_than_can_be_held_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(jsontext, "MOST_VALUES", 100)
        with pytest.raises(InputError, match="more than 100 values in one document"):
            read(tmp_path, dumps.internals(dumps.call()))

    def test_one_nested_too_deeply_is_refused(self, tmp_path):
        data = b'{"PeerConnections": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
        with pytest.raises(InputError, match="nested too deeply"):
            read(tmp_path, data)

    def test_the_last_of_two_equal_keys_holds(self, tmp_path):
        stat = b'"type": "inbound-rtp", "kind": "audio", "timestamp": 1.7e12, "ssrc": 1, "ssrc": 2'
        data = b'{"IT01": {' + stat + b"}}"
        assert read(tmp_path, data).tracks[0].ssrc == 2

    def test_series_without_times_are_spread_evenly(self, tmp_path):
        log = read(tmp_path, dumps.internals(dumps.call(), timestamps=False))
        heard = by_direction(log)["received"]
        assert heard["packets_lost"].tolist() == [1, 2, 3, 4, 5, 6]
        assert np.diff(heard.time_ns).tolist() == [1_000_000_000] * 5

    def test_a_property_that_came_up_later_is_not_shifted_to_the_front(self, tmp_path):
        calls = dumps.call()
        for one in calls[:2]:
            del one["IT01"]["concealedSamples"]
        heard = by_direction(read(tmp_path, dumps.internals(calls)))["received"]
        assert heard["concealed_samples"].tolist() == pytest.approx(
            [np.nan, np.nan, 2880, 3840, 4800, 5760], nan_ok=True
        )

    @pytest.mark.parametrize("shape", [list, dict])
    def test_a_single_report_is_one_sample(self, tmp_path, shape):
        one = dumps.report(5)
        content = one if shape is dict else [{"id": key, **stat} for key, stat in one.items()]
        log = read(tmp_path, json.dumps(content, indent=2).encode())
        assert [len(track.time_ns) for track in log.tracks] == [1, 1, 1]

    def test_stats_in_one_list_begin_anew_where_an_id_comes_again(self, tmp_path):
        flat = [{"id": key, **stat} for one in dumps.call(3) for key, stat in one.items()]
        heard = by_direction(read(tmp_path, json.dumps(flat).encode()))["received"]
        assert heard["packets_lost"].tolist() == [1, 2, 3]


class TestDialects:
    def test_goog_names_in_text_and_ms(self, tmp_path):
        stat = {
            "type": "ssrc", "mediaType": "audio", "ssrc": "4660", "packetsReceived": "50", "packetsLost": "-1",
            "googJitterReceived": "12", "googCodecName": "opus", "googTrackId": "t", "audioOutputLevel": "32767",
        }  # fmt: skip
        line = {"ssrc_4660_recv": {**stat, "timestamp": 0}, "timestamp": dumps.START_MS}
        first = json.dumps(["create", "PC_0", {}, dumps.START_MS]).encode() + b"\n"
        log = read(tmp_path, first + json.dumps(["getstats", "PC_0", line, dumps.START_MS]).encode())
        (heard,) = log.tracks
        assert (heard.direction, heard.ssrc, heard.codec) == ("received", 4660, "opus")
        assert heard["jitter_s"].tolist() == [0.012]
        assert heard["audio_level"].tolist() == [1.0]
        assert np.isnan(heard["packets_lost"]).all(), "-1 is that dialect's word for not known"

    def test_concealment_in_a_track_object_belongs_to_the_stream(self, tmp_path):
        one = dumps.report(3, trackId="TR")
        for name in ("concealedSamples", "silentConcealedSamples", "totalSamplesReceived"):
            one["TR"] = {"type": "track", "kind": "audio", **one.get("TR", {}), name: one["IT01"].pop(name)}
        heard = by_direction(read(tmp_path, json.dumps(one).encode()))["received"]
        assert heard["concealed_samples"].tolist() == [2880]

    def test_a_loss_below_zero_is_kept_in_standard_stats(self, tmp_path):
        heard = by_direction(read(tmp_path, json.dumps(dumps.report(3, packetsLost=-4)).encode()))["received"]
        assert heard["packets_lost"].tolist() == [-4]

    def test_a_bridge_s_counts_are_of_its_ingress(self, tmp_path):
        counted = {"num_received_packets": 83, "cumulative_packets_lost": 2, "jitter": 2.5, "media_type": "audio"}
        receiver = {"Node Incoming statistics tracker 989": {"1292517411": counted, "num_input_packets": 207}}
        endpoints = {"92aac468": {"statsId": "Lottie-1R0", "transceiver": {"RTP receiver 92aac468": receiver}}}
        entry = {"endpoints": endpoints, "timestamp": dumps.START_MS}
        line = {"statsSessionId": "x", "type": "stats-entry", "data": json.dumps(entry)}
        log = read(tmp_path, json.dumps(line).encode())
        (came,) = log.tracks
        assert (came.vantage, came.ssrc, came.endpoint) == ("sfu-in", 1292517411, "Lottie-1R0")
        assert came["jitter_s"].tolist() == [0.0025]
        assert any("written by a server" in note for note in log.notes)

    def test_names_are_made_safe(self, tmp_path):
        line = json.dumps(["identity", None, {"displayName": "d\x1b[31m\u202e" + "x" * 300}, dumps.START_MS]).encode()
        (heard, *_) = read(tmp_path, line + b"\n" + dumps.jitsi(dumps.call(1)).split(b"\n", 2)[2]).tracks
        assert heard.reporter.startswith("d\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}xxx")
        assert len(heard.reporter) == 100


class TestLimits:
    def test_more_samples_than_can_be_held_stop_it(self, tmp_path, monkeypatch):
        monkeypatch.setattr(reports, "MOST_SAMPLES", 7)
        log = read(tmp_path, dumps.jitsi(dumps.call()))
        assert "more than 7 samples" in log.warning
        assert sum(len(track.time_ns) for track in log.tracks) == 7

    def test_more_stats_than_a_call_can_have_stop_it(self, tmp_path, monkeypatch):
        monkeypatch.setattr(reports, "MOST_STATS", 3)
        with pytest.raises(InputError, match=r"^dump: more than 3 stats in one report; split the dump; export"):
            read(tmp_path, dumps.getstats_lines(dumps.call(1)))


NO_DUMPS = [b"", b"\n\n", b"{}", b"[]", b'["a", "b", 1]', b"hello", b"\x1f\x8b\x08\x00", b"{" * 9]


@pytest.mark.parametrize("data", [*NO_DUMPS, b'{"id": 1, "type": "track"}'])
def test_what_is_no_dump_is_refused_with_a_reason(tmp_path, data):
    assert not is_stats(data)
    with pytest.raises(InputError, match="dump: byte 0: "):
        read(tmp_path, data)


class TestCorpus:
    def test_no_two_formats_claim_one_file(self, corpus):
        told = {}
        for path in sorted(corpus.rglob("*")):
            if path.is_file():
                with path.open("rb") as file:
                    head = file.read(HEAD_BYTES)
                stats, packets = is_stats(head), is_packet_log(head)  # each raises where two of its own say yes
                assert not (stats and packets), path
                if stats:
                    told[path.relative_to(corpus).as_posix()] = read_stats_log(path, name=path.name).format
        assert all(name.startswith("webrtc-stats/") for name in told)
        assert sorted(told.values()) == sorted(
            ["getstats"] * 5
            + ["rtcstats_jitsi"] * 18
            + ["jitsi_server"] * 3
            + ["webrtc_internals"] * 2
            + ["rtcstats"]
        )

    @pytest.mark.parametrize(
        ("name", "most"),
        [
            ("firefox-relay", 50),
            ("chrome-relay", 113),
            ("google-legacy-stats-multiple-pc", 171),
            ("google-legacy-stats-p2p", 212),
            ("google-standard-stats-p2p", 36),
        ],
    )
    def test_the_most_packets_lost_in_any_stream(self, corpus, name, most):
        path = corpus / "webrtc-stats" / "jitsi+rtcstats-server" / name
        log = read_stats_log(path, name=name, kinds=("audio", "video"))
        lost = [track["packets_lost"] for track in log.tracks if track.direction == "received"]
        assert max(float(np.nanmax(values)) for values in lost if np.isfinite(values).any()) == most
