"""What a recording's row says of its loudness and levels, from its measured channels."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from aqa.measures.loudness import heard, together
from aqa.measures.pair import same
from aqa.sound_model import Media, Track

RATED = (
    "plcmos",
    "plcmos_lowest",
    "plcmos_lowest_at_s",
    "dnsmos_overall",
    "dnsmos_signal",
    "dnsmos_background",
    "mos_windows",
)


def sound_columns(media: Media, tracks: Sequence[Track], names: Sequence[str]) -> dict[str, Any]:
    """The columns of loudness and levels of a RecordingRow; None where nothing was measured.

    `names` are the participants of the channels, where channels are participants: then each is given by itself too.
    """
    powers = [track.series["loudness"].values[:, 0] for track in tracks if "loudness" in track.series]
    whole = heard(together(powers, media.layout))
    alone = {
        name: _tenth(heard(together([power])).integrated_lufs) for name, power in zip(names, powers, strict=False)
    }
    peaks = _facts(tracks, "true_peak_dbtp")
    offsets = _facts(tracks, "dc_offset")
    return {
        "loudness_lufs": _tenth(whole.integrated_lufs),
        "loudness_range_lu": _tenth(whole.range_lu),
        "momentary_max_lufs": _tenth(whole.momentary_max_lufs),
        "short_term_max_lufs": _tenth(whole.short_term_max_lufs),
        "true_peak_dbtp": max(peaks, default=None),
        "dc_offset": max(offsets, key=abs, default=None),
        "speech_snr_db": max(_facts(tracks, "speech_snr_db"), default=None),
        "false_stereo": _false_stereo(tracks, names),
        **{name: max(_facts(tracks, name), default=None) for name in RATED},
        "loudness_by_track": json.dumps(alone, ensure_ascii=False) if alone else None,
    }


def _false_stereo(tracks: Sequence[Track], names: Sequence[str]) -> bool | None:
    """None for one channel, and where channels are participants."""
    pair = tracks[0].series.get("pair") if tracks and not names else None
    return None if pair is None else same(pair)


def _facts(tracks: Sequence[Track], name: str) -> list[float]:
    """What is known of a fact, over the channels."""
    return [value for track in tracks if (value := track.facts.get(name)) is not None and np.isfinite(value)]


def _tenth(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
