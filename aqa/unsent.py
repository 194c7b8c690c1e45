"""Sound in the mix that nobody sent: hold music, an announcement, a tone of the server itself.

Only where packets say when somebody was loud: a recording alone can't tell music that was meant from music that was
not. It adds to what the detector `unintended_audio` finds in sound alone.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from aqa.model import Finding, evidence
from aqa.whole import Heard, Spans, Whole, length_s, union, within, without

LEAST_S = 10.0  # shorter stretches are join tones, or the mixer's delay
WIDER_S = 1.0  # what is heard up to this long before or after a sender was loud is the sender's: buffer and fades
BRIDGE_S = 2.0  # pauses in music
HALF = 0.5
OF_MUSIC = ("echo", "attenuation")  # music repeats itself, and has rests
FILLED = 0.6  # of a stretch, sound


def unsent(whole: Whole) -> Iterator[Finding]:
    """Stretches of a mix in which something sounded while nobody was loud in the packets of its room."""
    if not whole.sent or any(one.loud is None for one in whole.sent):
        return
    told = union(*(widened(one.loud, WIDER_S) for one in whole.sent if one.loud is not None))
    logged = np.array([[min(one.first_s for one in whole.sent), max(one.last_s for one in whole.sent)]])
    for heard in whole.heard:
        if heard.track != "mix" or not heard.clocked or not heard.intended:
            continue
        known = [(f.start_s, f.end_s) for f in whole.findings if _is_known(f, heard)]
        alone = within(without(heard.speech, union(told, np.array(known).reshape(-1, 2))), logged)
        for start, end in _stretches(alone):
            here = np.array([[start, end]])
            yield Finding(
                kind="unintended_audio",
                source="audio",
                recording=heard.recording,
                room=heard.room,
                track=heard.track,
                start_s=start,
                end_s=end,
                duration_s=end - start,
                value=round(end - start, 3),
                unit="s",
                severity="major" if end - start >= 30 else "minor",
                confidence=0.8,
                cause="unexplained",
                evidence=evidence(
                    found_by="packets: nobody was loud in them",
                    sound_s=length_s(within(here, heard.speech)),
                    streams=len(whole.sent),
                    levels_from=sorted({one.loud_from for one in whole.sent}),
                ),
            )


def not_of_music(findings: Sequence[Finding], music: Sequence[Finding]) -> list[Finding]:
    """The findings without those that unintended sound in the same recording explains."""
    return [item for item in findings if item.kind not in OF_MUSIC or not any(_covers(f, item) for f in music)]


def _covers(sound: Finding, item: Finding) -> bool:
    both_s = min(item.end_s, sound.end_s) - max(item.start_s, sound.start_s)
    return sound.recording == item.recording and both_s >= HALF * item.duration_s


def _is_known(finding: Finding, heard: Heard) -> bool:
    return finding.kind == "unintended_audio" and finding.recording == heard.recording


def widened(spans: Spans, by_s: float) -> Spans:
    """Intervals that begin earlier and end later by so much."""
    return union(spans + np.array([-by_s, by_s])) if len(spans) else spans


def _stretches(alone: Spans) -> Iterator[tuple[float, float]]:
    """Pieces joined over pauses, those of enough length and enough sound in it."""
    joined = union(alone + np.array([0.0, BRIDGE_S])) if len(alone) else alone
    for start, end in joined.tolist():
        last = end - BRIDGE_S
        if last - start >= LEAST_S and length_s(within(alone, np.array([[start, last]]))) >= FILLED * (last - start):
            yield start, last
