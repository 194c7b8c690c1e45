"""Which pauses are of the whole room, and how loud the others of an event are: what needs more than one track."""

import dataclasses
import json
from collections.abc import Iterable, Iterator

import numpy as np

from aqa.detectors.low_level import OTHERS
from aqa.model import HOP_S, Finding
from aqa.sound_model import Track
from aqa.timeline import Clock, Measured

TALKING = 0.1  # share of a pause in which others are in active speech: then somebody was talking
MIX = "mix"


def of_the_room(findings: Iterable[Finding], measured: Measured, clock: Clock) -> Iterator[Finding]:
    """The findings without long pauses during which somebody else of the event spoke.

    A pause of the mix is held against its own other channels only: that participants speak and the mix does not is
    no pause.
    """
    for item in findings:
        if not _is_pause(item) or not _others_talk(item, measured, clock):
            yield item


def _is_pause(finding: Finding) -> bool:
    return finding.kind == "silence" and json.loads(finding.evidence).get("class") == "long_pause"


def _others_talk(pause: Finding, measured: Measured, clock: Clock) -> bool:
    for path, (_, tracks) in measured.recordings.items():
        if path != pause.recording and (pause.track == MIX or measured.track(path) == MIX):
            continue
        start_s = clock.of_recording(path)
        first, last = (max(round((at - start_s) / HOP_S), 0) for at in (pause.start_s, pause.end_s))
        for track in tracks:
            own = path == pause.recording and pause.channel in (None, track.channel)
            said = track.levels.speech[first:last]
            if not own and len(said) and float(said.mean()) >= TALKING:
                return True
    return False


def beside_others(measured: Measured, path: str, tracks: Iterable[Track]) -> list[Track]:
    """The tracks of a recording as detectors are to see them: with the level of the other tracks of the event.

    Channels that are participants are no stereo pair: their series `pair` is left out.
    """
    own = list(tracks)
    people = bool(measured.channel_tracks(path))
    beside = [level for other in measured.recordings if other != path for level in _speech(measured, other)]
    out = []
    for track in own:
        others = beside + ([level for one in own if one is not track for level in _levels(one)] if people else [])
        series = {name: one for name, one in track.series.items() if name != "pair" or not people}
        facts = {**track.facts, **({OTHERS: float(np.median(others))} if others else {})}
        out.append(dataclasses.replace(track, series=series, facts=facts))
    return out


def _speech(measured: Measured, path: str) -> list[float]:
    """Levels of a participant's recording; the mix is nobody."""
    if measured.track(path) == MIX:
        return []
    return [level for track in measured.recordings[path][1] for level in _levels(track)]


def _levels(track: Track) -> list[float]:
    """The active speech level of a track that has speech: that rises 12 dB above its own noise."""
    level, snr = track.levels.active_speech_dbfs, track.levels.speech_snr_db
    return [level] if level is not None and snr is not None and snr >= 12 else []
