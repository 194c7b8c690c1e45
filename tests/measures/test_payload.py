"""Opus told from other payloads, copies of lost packets, audio levels: by hand, and on real Opus."""

from pathlib import Path

import numpy as np
import pytest

from aqa import opus, packets
from aqa.measures.payload import is_opus, levels_dbov, opus_copies, opus_ticks, red_type
from aqa.stream_model import NO_LEVEL


def heads(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array([first << 8 | second for first, second in pairs], np.uint16)


@pytest.mark.parametrize(
    ("config", "code", "count", "ms"),
    [(0, 0, 0, 10), (3, 0, 0, 60), (12, 0, 0, 10), (15, 1, 0, 40), (16, 0, 0, 2.5), (31, 0, 0, 20), (31, 3, 6, 120)],
)
def test_packet_lengths_are_those_of_rfc_6716(config: int, code: int, count: int, ms: float) -> None:
    """RFC 6716 3.1 table 2 and 3.2."""
    assert opus_ticks(heads((config << 3 | code, count))).tolist() == [ms * 48]


def test_a_packet_of_more_than_120_ms_is_no_opus() -> None:
    assert opus_ticks(heads((31 << 3 | 3, 7))).tolist() == [0]


def test_the_flag_stands_behind_one_voice_bit_per_20_ms() -> None:
    """RFC 6716 4.2.3, 4.2.4: config 1 is 20 ms, 2 is 40 ms, 3 is 60 ms; config 16 and up has no SILK."""
    found = opus_copies(heads((1 << 3, 0b01000000), (1 << 3, 0b10111111), (2 << 3, 0b00100000), (3 << 3, 0b00010000),
                              (16 << 3, 0xFF), (1 << 3 | 1, 0xFF)))  # fmt: skip
    assert found.tolist() == [1, 0, 1, 1, 0, 0]


def test_the_flag_is_what_libopus_sets() -> None:
    """An encoder told of loss adds copies of active speech; one that is not told adds none."""
    noise = np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32)
    for loss, expected in ((30, True), (0, False)):
        encoder = opus.Encoder(bitrate=24_000, inband_fec=int(loss > 0), packet_loss_perc=loss)
        made = [encoder.encode(noise[at : at + 960]) for at in range(0, 47_000, 960)]
        flags = opus_copies(heads(*((item[0], item[1]) for item in made)))
        assert bool(flags.any()) is expected


def test_random_payload_is_not_opus() -> None:
    rng = np.random.default_rng(2)
    numbers = np.arange(2000)
    assert not is_opus(rng.integers(0, 65536, 2000).astype(np.uint16), numbers, numbers * 960)
    assert is_opus(heads(*[(15 << 3, 9)] * 100), np.arange(100), np.arange(100) * 960)


def test_red_wraps_one_type_all_along() -> None:
    types = np.full(100, 63 + 64, np.uint8)
    assert red_type(types, np.ones(100, np.uint8), np.full(100, 111, np.uint8)) == 127
    assert red_type(types, np.ones(100, np.uint8), np.arange(100, dtype=np.uint8)) is None


def test_levels_are_told_from_other_extensions() -> None:
    rng = np.random.default_rng(3)
    level = (1 << 8 | rng.integers(10, 90, 200)).astype(np.uint16)
    name = np.full(200, 4 << 8 | ord("0"), np.uint16)
    assert levels_dbov(name, level, None).tolist() == (-(level & 127).astype(int)).tolist()
    assert (levels_dbov(name, name, None) == NO_LEVEL).all()
    assert levels_dbov(name, name, 4).tolist() == [-48] * 200


def test_real_opus_with_and_without_copies(corpus: Path) -> None:
    path = corpus / "rtp-pcap" / "asterisk+testsuite" / "16_bit_48khz_60_fec_rtp.pcapng"
    (stream,) = packets.read_log(path, name="a", codecs={}).streams
    assert stream.codec == "opus" and stream.copies_known
