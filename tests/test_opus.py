import numpy as np
import pytest

from aqa.opus import Decoder, Encoder, version

TONE = (0.3 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.float32)


def packets():
    encoder = Encoder(48_000, bitrate=32_000)
    return [encoder.encode(frame) for frame in TONE.reshape(-1, 960)]


def test_a_tone_survives_and_a_lost_packet_is_concealed():
    decoder, out = Decoder(), []
    for i, packet in enumerate(packets()):
        out.append(decoder.conceal(960) if i == 25 else decoder.decode(packet))
    sound = np.concatenate(out)
    assert len(sound) == len(TONE)
    assert np.sqrt(np.mean(sound[9600:19200] ** 2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)
    assert np.abs(sound[25 * 960 : 26 * 960]).max() > 0.05  # made up, not silent


def test_garbage_is_an_error_and_no_crash():
    with pytest.raises(ValueError, match="libopus"):
        Decoder().decode(b"\xff\xff\xff")


def test_the_version_is_named():
    assert "libopus" in version()
