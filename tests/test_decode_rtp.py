"""Recordings of packets decoded: where sound lies, what stands in for lost packets, and who is who."""

import base64
import json
import struct
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from captures import START_NS, Packet, rtp
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import decode, tone

from aqa.decode import open_recording
from aqa.decode_rtp import RtpDecoder, is_sound
from aqa.detector import registry
from aqa.measures.track import measure
from aqa.model import InputError
from aqa.opus import Encoder
from aqa.pipeline import Options, analyze
from aqa.recordings import discover
from aqa.report.clips import read_span
from aqa.sound_model import Track
from aqa.sound_packets import primary
from aqa.store import Store

JANUS = "mjr/meetecho+janus-gateway"
ROOMS = "room-recording/jitsi+jitsi-multitrack-recorder"


def opus(seconds=2.0, **options):
    encoder = Encoder(48_000, bitrate=32_000, **options)
    return [encoder.encode(frame) for frame in tone(seconds).reshape(-1, 960)]


def mjr(path, packets, **info):
    """(arrival ms, RTP) as an mjr file."""
    text = json.dumps({"t": "a", "c": "opus", "s": 0, "u": START_NS // 1000} | info).encode()
    body = b"".join(b"MEET" + struct.pack(">IH", ms, len(raw)) + raw for ms, raw in packets)
    path.write_bytes(b"MJR00002" + struct.pack(">H", len(text)) + text + body)
    return path


def sent(payloads, kept=lambda i: True, at=lambda i: 960 * i, kind=111):
    return [
        (20 * i, rtp(Packet(0, 65_500 + i, 2**32 - 9600 + at(i), kind, payload=raw)))
        for i, raw in enumerate(payloads) if kept(i)
    ]  # fmt: skip


def level(wave):
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))


def test_all_there_is_as_it_was(tmp_path):
    samples, media = decode(mjr(tmp_path / "a.mjr", sent(opus())))
    assert samples.shape == (1, 96_000) and not np.isnan(samples).any()
    assert level(samples[0, 9600:]) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)
    assert (media.container, media.codec, media.samples, media.start_ns) == ("mjr", "opus", 96_000, START_NS)
    assert (media.damaged, media.concealed, media.missing, media.error) == ((), (), (), None)


def test_reordered_and_repeated_packets_change_nothing(tmp_path):
    whole, _ = decode(mjr(tmp_path / "a.mjr", sent(opus())))
    mixed = sent(opus())
    mixed[30], mixed[33] = mixed[33], mixed[30]
    mixed.insert(50, mixed[48])
    again, _ = decode(mjr(tmp_path / "b.mjr", mixed))
    assert np.array_equal(whole, again)


@pytest.mark.parametrize("fec", [0, 1])
def test_lost_packets_are_made_up_and_said(tmp_path, fec):
    lost = {40, 60, 61, 62}
    payloads = opus(inband_fec=fec, packet_loss_perc=20 * fec)
    samples, media = decode(mjr(tmp_path / "a.mjr", sent(payloads, lambda i: i not in lost)))
    assert samples.shape == (1, 96_000)
    assert [(hole.start_s, hole.end_s) for hole in media.concealed] == [(0.8, 0.82), (1.2, 1.26)]
    assert level(samples[0, 40 * 960 : 41 * 960]) > 0.1
    found = [item for one in _findings(tmp_path / "a.mjr") for item in one if item.kind == "dropout"]
    assert found == []


def test_in_band_fec_is_used(tmp_path):
    """Speech-like sound changes from frame to frame: what FEC brings back is nearer to the original than a guess."""
    random = np.random.default_rng(1)
    pitch = np.repeat(random.uniform(90, 240, 100), 960)
    wave = (0.2 * np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / 48_000))).astype(np.float32)
    encoder = Encoder(48_000, bitrate=24_000, inband_fec=1, packet_loss_perc=30)
    payloads = [encoder.encode(frame) for frame in wave.reshape(-1, 960)]
    whole, _ = decode(mjr(tmp_path / "a.mjr", sent(payloads)))
    lost, errors = set(range(20, 100, 7)), []
    for drop_next in (False, True):  # with the packet that follows lost too, there is nothing to take it from
        kept = (lambda i: i not in lost and i - 1 not in lost) if drop_next else (lambda i: i not in lost)
        made, _ = decode(mjr(tmp_path / "b.mjr", sent(payloads, kept)))
        cut = [slice(960 * i + 300, 960 * i + 960) for i in lost]
        errors.append(float(np.mean([level(whole[0, part] - made[0, part]) for part in cut])))
    assert errors[0] < 0.8 * errors[1]


def test_a_long_loss_is_made_up_for_a_second_then_silent(tmp_path):
    samples, media = decode(mjr(tmp_path / "a.mjr", sent(opus(4.0), lambda i: not 50 <= i < 150)))
    assert samples.shape == (1, 192_000)
    assert [(hole.start_s, hole.end_s) for hole in media.concealed] == [(1.0, 3.0)]
    assert (samples[0, 97_000:143_900] == 0).all()
    assert level(samples[0, 150 * 960 + 960 :]) > 0.15


def test_a_mute_is_silence_and_no_packet_is_made_up(tmp_path):
    """Numbers unbroken, RTP time goes on: the sender had nothing to send."""
    packets = sent(opus(), at=lambda i: 960 * i + (48_000 if i >= 50 else 0))
    samples, media = decode(mjr(tmp_path / "a.mjr", packets))
    assert samples.shape == (1, 144_000) and media.concealed == ()
    assert (samples[0, 48_000:96_000] == 0).all()


def test_a_loss_at_the_head_of_a_pause_is_no_longer_than_its_packets(tmp_path):
    packets = sent(opus(), lambda i: i != 50, at=lambda i: 960 * i + (48_000 if i > 50 else 0))
    samples, media = decode(mjr(tmp_path / "a.mjr", packets))
    assert [(hole.start_s, hole.end_s) for hole in media.concealed] == [(1.0, 1.02)]
    assert (samples[0, 48_960:96_960] == 0).all()


def test_a_pause_of_dtx_is_comfort_noise_and_no_loss(tmp_path):
    encoder = Encoder(48_000, bitrate=24_000, dtx=1)
    quiet = np.random.default_rng(0).normal(0, 1e-3, 48_000 * 2).astype(np.float32)
    wave = np.concatenate((tone(1.0), quiet))
    payloads = [encoder.encode(frame) for frame in wave.reshape(-1, 960)]
    spoken = [i for i, raw in enumerate(payloads) if len(raw) > 2 or i % 20 == 0]  # one packet each 400 ms
    packets = [(20 * i, rtp(Packet(0, n, 960 * i, 111, payload=payloads[i]))) for n, i in enumerate(spoken)]
    assert len(packets) < 120
    samples, media = decode(mjr(tmp_path / "a.mjr", packets))
    assert media.concealed == () and samples.shape[1] > 130_000
    assert not (samples[0, 60_000:120_000] == 0).all()


def test_time_that_jumps_is_left_out(tmp_path):
    packets = sent(opus(), at=lambda i: 960 * i - (10_000_000 if i >= 50 else 0))  # back: a clock that began anew
    samples, _ = decode(mjr(tmp_path / "a.mjr", packets))
    assert samples.shape[1] == 96_000
    packets = [(0, rtp(Packet(0, i, i * (2**31 - 1), 111, payload=raw))) for i, raw in enumerate(opus(0.4))]
    decoder = RtpDecoder(mjr(tmp_path / "b.mjr", packets))  # 12 hours each time
    assert int(decoder._tracks[0].plan.position[-1]) <= 86_400 * 48_000 + 960 * 30


def test_a_payload_that_can_t_be_decoded_is_damage(tmp_path):
    payloads = opus()
    payloads[50] = b"\xff\xff\xff"
    samples, media = decode(mjr(tmp_path / "a.mjr", sent(payloads)))
    assert samples.shape == (1, 96_000)
    assert [(hole.start_s, hole.end_s) for hole in media.damaged] == [(1.0, 1.02)]


def test_red_is_taken_off(tmp_path):
    payloads = opus()
    red = [b"\x6f" + payloads[0]]
    for before, now in pairwise(payloads):
        red.append(
            struct.pack(">BHB", 0x80 | 111, 960 << 2 | len(before) >> 8, len(before) & 255) + b"\x6f" + before + now
        )
    whole, _ = decode(mjr(tmp_path / "a.mjr", sent(payloads)))
    again, media = decode(mjr(tmp_path / "b.mjr", sent(red, kind=63), **{"or": 63}))
    assert media.codec == "opus" and np.array_equal(whole, again)
    red[50] = b"\x6f"  # nothing in it
    _, media = decode(mjr(tmp_path / "c.mjr", sent(red, kind=63), **{"or": 63}))
    assert [(hole.start_s, hole.end_s) for hole in media.damaged] == [(1.0, 1.02)]


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_a_red_payload_may_lie(raw):
    assert raw.endswith(primary(raw))


def test_g711_is_decoded_at_its_own_rate(tmp_path):
    from test_g711 import encoded

    wave = tone(1.0, rate=8000)
    payloads = [encoded(frame) for frame in wave.reshape(-1, 160)]
    packets = [(20 * i, rtp(Packet(0, i, 160 * i, 8, payload=raw))) for i, raw in enumerate(payloads) if i != 20]
    samples, media = decode(mjr(tmp_path / "a.mjr", packets, c="pcma"))
    assert (media.sample_rate_hz, media.codec, samples.shape) == (8000, "pcma", (1, 8000))
    assert np.abs(samples[0, :3200] - wave[:3200]).max() < 0.02
    assert [(hole.start_s, hole.end_s) for hole in media.concealed] == [(0.4, 0.42)]


def test_a_cut_file_gives_what_it_holds_and_says_so(tmp_path):
    path = mjr(tmp_path / "a.mjr", sent(opus()))
    path.write_bytes(path.read_bytes()[:-10])
    samples, media = decode(path)
    assert samples.shape == (1, 95_040)
    assert "the file ends inside a packet" in (media.error or "")


@pytest.mark.parametrize("info", [{"t": "v", "c": "vp8"}, {"e": True}, {"c": "g722"}, {"t": "d", "c": "text"}])
def test_what_is_no_sound_is_not_taken_for_a_recording(tmp_path, info):
    path = mjr(tmp_path / "a.mjr", sent(opus(0.2)), **info)
    assert not is_sound(path.read_bytes()[:4096])
    with pytest.raises(InputError, match="no sound file"):
        open_recording(path)


@pytest.mark.parametrize("packets", [[], [(0, b"")], [(0, b"\x80\xc8" + bytes(26))], sent([b"abc"] * 9, kind=9)])
def test_without_a_packet_of_sound_it_is_an_error(tmp_path, packets):
    with pytest.raises(InputError, match=r"a\.mjr: no packet of sound that can be decoded"):
        open_recording(mjr(tmp_path / "a.mjr", packets))


def base64_of(raw):
    return base64.b64encode(raw).decode()


def room(path, tracks):
    """Jitsi's JSON: tag -> (first sample, payloads, kept)."""
    lines = [{"event": "start", "sequenceNumber": "1", "start": {"tag": tag}} for tag in tracks]
    packets = [
        (at + 960 * i, {"tag": tag, "chunk": i, "timestamp": str(at + 960 * i), "payload": base64_of(raw)})
        for tag, (at, payloads, kept) in tracks.items() for i, raw in enumerate(payloads) if kept(i)
    ]  # fmt: skip
    packets.sort(key=lambda item: item[0])
    lines += [{"event": "media", "sequenceNumber": "2", "media": media} for _, media in packets]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def always(i):
    return True


def test_participants_are_channels_on_one_clock(tmp_path):
    path = room(tmp_path / "a.json", {"ann-1": (4800, opus(3.0), always), "bob-2": (52_800, opus(1.0), always)})
    samples, media = decode(path)
    assert samples.shape == (2, 144_000)
    assert media.participants == (("ann-1", 1), ("bob-2", 2))
    assert (samples[1, :48_000] == 0).all() and (samples[1, 96_000:] == 0).all()
    assert level(samples[1, 57_600:96_000]) > 0.15


@settings(max_examples=8, deadline=None)
@given(st.sets(st.integers(1, 98), max_size=20), st.sampled_from([2000, 20_000, 1 << 22]))
def test_pieces_and_losses_never_move_sound(tmp_path_factory, lost, chunk_bytes):
    """What is read in pieces of any size is the same, and each packet that came lies where its time says."""
    folder = tmp_path_factory.mktemp("room")
    payloads = opus()
    path = room(folder / "a.json", {"a-1": (0, payloads, lambda i: i not in lost), "b-2": (30_000, payloads, always)})
    decoder = RtpDecoder(path)
    read = decoder._module.read
    decoder._module = type("Small", (), {"read": staticmethod(lambda p: read(p, chunk_bytes=chunk_bytes)),
                                         "start_ns": staticmethod(lambda p: None), "__name__": "x"})  # fmt: skip
    blocks = list(decoder.blocks())
    samples = np.concatenate([block.samples for block in blocks], axis=1)
    assert [block.start for block in blocks] == np.cumsum([0, *(b.samples.shape[1] for b in blocks)])[:-1].tolist()
    assert samples.shape == (2, 126_000)
    assert np.array_equal(samples, decode(path)[0])
    made = sum(round((hole.end_s - hole.start_s) * 50) for hole in decoder.media.concealed)
    assert made == len(lost)


def test_memory_does_not_grow_with_length(tmp_path):
    payloads = opus(0.2) * 10
    peaks = []
    for times in (30, 120):
        path = mjr(tmp_path / "a.mjr", sent(payloads * times))
        decoder = RtpDecoder(path)
        tracemalloc.start()
        for _ in decoder.blocks():
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 20_000_000  # 24,000 packets: 8 MB of file; decoded it would be 460 MB


def _findings(path):
    tracks = measure(open_recording(path))
    kinds = [item for item in registry().values() if item.subject is Track]
    return [[found for kind in kinds for found in kind(track, kind.settings())] for track in tracks]


def test_janus_own_sound(corpus):
    samples, media = decode(corpus / JANUS / "rec-sample-audio.mjr")
    assert samples.shape == (1, round(10.58 * 48_000)) and media.concealed == () and media.damaged == ()
    (track,) = measure(open_recording(corpus / JANUS / "rec-sample-audio.mjr"))
    assert -30 < track.levels.active_speech_dbfs < -10
    assert 0.3 < float(track.levels.speech.mean()) < 0.9
    assert _findings(corpus / JANUS / "rec-sample-audio.mjr") == [[]]


@pytest.mark.parametrize(
    ("name", "count", "seconds", "concealed"),
    [("sample", 3, 22.2, []), ("sample-stereo", 2, 37.16, [10.98, 15.86, 37.08]), ("sample-short", 2, 7.39, [])],
)
def test_rooms_of_jitsi(corpus, name, count, seconds, concealed):
    path = corpus / ROOMS / f"{name}.json"
    samples, media = decode(path)
    assert samples.shape == (count, round(media.samples)) and media.samples / 48_000 == pytest.approx(
        seconds, abs=0.005
    )
    assert [hole.start_s for hole in media.concealed] == pytest.approx(concealed, abs=1e-3)
    assert all(hole.end_s - hole.start_s == pytest.approx(0.02) for hole in media.concealed)
    for track, found in zip(measure(open_recording(path)), _findings(path), strict=True):
        assert -30 < track.levels.active_speech_dbfs < -10
        assert [item for item in found if item.kind != "silence"] == []  # pauses between turns are real


def test_one_file_is_recording_and_log_of_its_event(tmp_path):
    folder = tmp_path / "in" / "show"
    folder.mkdir(parents=True)
    hole = (4800, opus(4.0), lambda i: not 100 <= i < 103)
    room(folder / "room.json", {"ann-1": hole, "bob-2": (52_800, opus(1.0), always)})
    mjr(folder / "carol.mjr", sent(opus(2.0)))
    (folder / "event.toml").write_text(
        '[participants.ann]\nssrc = ["0x1"]\n[participants.carol]\nssrc = ["0x1234"]\n'
    )
    (event,) = discover([tmp_path / "in"])
    assert event.recordings == event.logs == ["carol.mjr", "room.json"]
    outcome = analyze([tmp_path / "in"], Options(tmp_path / "data", tmp_path / "reports"))
    assert (outcome.analysed, outcome.problems) == (["show"], [])
    analysis = Store(tmp_path / "data").analysis("show")
    rows = {row.recording: row for row in analysis.recordings}
    assert (rows["room.json"].track, rows["room.json"].channels) == ("mix", 2)
    assert rows["carol.mjr"].track == "carol"
    streams = {(row.log, row.participant): row for row in analysis.streams}
    assert set(streams) == {("room.json", "ann"), ("room.json", "bob-2"), ("carol.mjr", "carol")}
    assert streams["room.json", "ann"].lost == 3 and streams["room.json", "ann"].jitter_ms is None
    assert streams["carol.mjr", "carol"].jitter_ms is not None
    (loss,) = [item for item in analysis.findings if item.kind == "loss"]
    assert (loss.track, round(loss.start_s, 3), loss.value) == ("ann", 2.0, 3)


def test_a_stretch_of_a_recording_of_packets_can_be_heard(tmp_path):
    path = room(tmp_path / "a.json", {"ann-1": (0, opus(3.0), always), "bob-2": (96_000, opus(1.0), always)})
    whole, _ = decode(path)
    assert np.array_equal(read_span(path, 0.5, 2.25), whole.sum(axis=0)[24_000:108_000])
    assert np.array_equal(read_span(path, 1.0, 2.0, channel=1), np.zeros(48_000, np.float32))
    assert np.array_equal(read_span(path, 2.9, 9.0, channel=0), whole[0, 139_200:])
