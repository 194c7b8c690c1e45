"""G.711 against the values of the Recommendation, FFmpeg as an oracle, and what stands in for lost packets."""

import av
import numpy as np
import pytest
from sound import tone

from aqa import g711


@pytest.mark.parametrize(("law", "codec"), [("pcmu", "pcm_mulaw"), ("pcma", "pcm_alaw")])
def test_every_level_is_that_of_ffmpeg(law, codec):
    decoder = av.CodecContext.create(codec, "r")
    decoder.sample_rate, decoder.layout = 8000, "mono"
    (frame,) = decoder.decode(av.Packet(bytes(range(256))))
    assert (g711.LEVELS[law] * 32768).tolist() == frame.to_ndarray().reshape(-1).tolist()


def test_extremes_of_the_tables():
    mu, a = g711.LEVELS["pcmu"] * 32768, g711.LEVELS["pcma"] * 32768
    assert (mu[0x80], mu[0x00], mu[0xFF], mu[0x7F]) == (32124, -32124, 0, 0)  # 8031 x 4, and both zeros
    assert (a[0xAA], a[0x2A], a[0xD5], a[0x55]) == (32256, -32256, 8, -8)  # 4032 x 8, and the least


def encoded(wave):
    levels = g711.LEVELS["pcma"]
    return bytes(np.abs(levels[None, :] - np.asarray(wave)[:, None]).argmin(axis=1).astype(np.uint8))


def test_a_lost_packet_goes_on_in_pitch_and_fades():
    wave = tone(0.2, rate=8000, hertz=100.0, amplitude=0.5)
    decoder = g711.Decoder("pcma")
    decoder.decode(encoded(wave))
    made = decoder.conceal(800)
    ideal = tone(0.3, rate=8000, hertz=100.0, amplitude=0.5)[1600:]
    assert np.abs(made[:80] - ideal[:80]).max() < 0.03  # 10 ms as they were
    assert 0 < np.abs(made[240:320]).max() < 0.4
    assert (made[480:] == 0).all()  # nothing after 60 ms


def test_before_any_packet_there_is_nothing_to_make_it_of():
    assert (g711.Decoder("pcmu").conceal(160) == 0).all()
