"""tshark on every capture of the corpus: no difference but those that `tshark.py` explains, so many of each kind."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from tshark import REASONS, captures_of, differences

COUNTS = {
    "no clock for either": 114, "no clock": 64, "few packets": 41, "marked packets": 16, "duplicates as gain": 9,
    "telephone events": 4, "clock change": 2, "packets of another protocol": 2, "port of another protocol": 2,
    "rtp over tcp": 1, "time jumps in a short stream": 1,
}  # fmt: skip


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_every_difference_has_a_reason(corpus: Path) -> None:
    """Where both see the same packets, `tshark.replica` gives tshark's pause and jitter to 2 us, packet by packet:

    the rules it is written by are the whole difference. Lost differs by the duplicates, exactly.
    """
    found = [item for path in captures_of(corpus) for item in differences(path)]
    assert Counter(item.why for item in found) == COUNTS
    assert set(COUNTS) == set(REASONS)
