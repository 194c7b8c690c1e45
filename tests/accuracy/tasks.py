"""One clip made, recorded and judged by every detector and peer: what a worker process does."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from sound import Sound

from accuracy import peers
from accuracy.evaluate import Heard, intervals
from accuracy.faults import Truth
from accuracy.faults_coded import SEGMENT_S
from accuracy.material import one_clip
from accuracy.recorders import record
from accuracy.scenarios import SCENARIOS
from accuracy.sources import stable
from aqa.detector import Detector, registry
from aqa.measures.concealment_kernels import QUIET_DB
from aqa.measures.track import OPTIONAL, measure
from aqa.model import Floats
from aqa.sound_model import Track

CLEAN, RATE = "clean", "rate_"
FAULT_SEED = 1_000  # fault clips are other clips than the clean ones
Rows = list[tuple[float, float, float]]  # start, end, confidence
Rates = list[tuple[float, float]]  # of 30 s each: per cent of the sound that was made up, in truth and as said


@dataclass(frozen=True)
class Task:
    """A clip to judge; `scenario` is "clean" or the name of one."""

    scenario: str
    split: str
    domain: str
    recorder: str
    seed: int
    seconds: tuple[float, float]
    kind: str | None = None  # only who looks for this kind
    peers: bool = True


@dataclass
class Done:
    """What came of a task: findings by tool."""

    task: Task
    seconds: float
    rows: dict[str, Rows]
    truths: tuple[Truth, ...] = ()
    params: list[dict[str, object]] = field(default_factory=list)
    shares: Rates = field(default_factory=list)


def detectors() -> dict[str, Detector]:
    """aqa's detectors of sound that look at one measured channel, by kind."""
    return {kind: one for kind, one in registry().items() if one.source == "audio" and one.subject is Track}


def perform(task: Task) -> Done:
    """The clip of the task, with its fault, recorded and judged; peers on the first channel of PCM alone."""
    clip = one_clip(task.split, task.domain, task.seed, seconds=task.seconds)
    samples, lsb, truths = clip.samples[None], clip.lsb, ()
    kinds = _kinds(task)
    if task.scenario != CLEAN:
        rng = np.random.default_rng(stable(task.scenario, task.domain, task.seed))
        faulty = SCENARIOS[task.scenario].make(clip, rng)
        samples, lsb, truths = faulty.samples, faulty.lsb, faulty.truths
    samples, lsb = record(samples, task.recorder, lsb)
    rows = judged(samples, lsb, kinds & set(detectors()))
    if task.recorder == "pcm16" and task.peers:
        mono = np.ascontiguousarray(samples[0])
        competing = {name: find for name, (of, find) in peers.peers().items() if kinds & set(of)}
        rows |= {name: [(a, b, 1.0) for a, b in find(mono)] for name, find in competing.items()}
    shares = made_up_shares(samples, lsb, truths) if task.scenario.startswith(RATE) else []
    params = [t.params | {"recorder": task.recorder, "domain": task.domain, "level": _level(t)} for t in truths]
    return Done(task, samples.shape[1] / clip.rate, rows, truths, params, shares)


def _kinds(task: Task) -> set[str]:
    """The kinds that are looked for in the clip: those that the fault may be found as, of clean sound all."""
    of = [SCENARIOS[task.scenario]] if task.scenario != CLEAN else list(SCENARIOS.values())
    return {kind for one in of if task.kind in (None, one.kind) for kind in (one.kind, *one.also)}


def _level(truth: Truth) -> str:
    """The clean sound of a fault relative to active speech, in three classes."""
    return "loud" if truth.level_db > -5 else "mid" if truth.level_db > -15 else "faint"


def judged(samples: Floats, lsb: float, kinds: set[str]) -> dict[str, Rows]:
    """aqa's findings by kind, over all channels; what two channels say of one time is one."""
    tracks = measure(Sound(samples, 48_000, lsb=lsb), optional=OPTIONAL)
    out: dict[str, Rows] = {}
    for kind in sorted(kinds):
        found = [(f.start_s, f.end_s, f.confidence) for track in tracks for f in detectors()[kind](track)]
        out[f"aqa {kind}"] = found if len(tracks) == 1 else merged(found)
    return out


def made_up_shares(samples: Floats, lsb: float, truths: Sequence[Truth]) -> Rates:
    """What `concealed_pct_estimated` says of each 30 s as if they were a recording, beside the truth.

    The share is that of sound, as there: of hops within 40 dB of the speech; in SILK and hybrid only what was made up
    in active speech counts.
    """
    size, out = round(SEGMENT_S * 48_000), []
    for at in range(0, samples.shape[1] - size + 1, size):
        track = measure(Sound(samples[:1, at : at + size], 48_000, lsb=lsb), optional=OPTIONAL)[0]
        made_up = np.zeros(size, np.bool_)
        for one in truths:
            if one.observable or one.params["mode"] == "celt":
                made_up[max(one.start_sample - at, 0) : max(one.end_sample - at, 0)] = True
        sound = track.level_dbfs > (track.levels.active_speech_dbfs or 0.0) - QUIET_DB
        said = track.facts["concealed_pct_estimated"]
        if said is not None and sound.any():
            out.append((100 * float(made_up.reshape(-1, 480).mean(axis=1)[sound].mean()), said))
    return out


def merged(rows: Rows) -> Rows:
    """Overlapping rows as one, with the highest confidence."""
    out: Rows = []
    for start, end, confidence in sorted(rows):
        if out and start < out[-1][1]:
            out[-1] = out[-1][0], max(end, out[-1][1]), max(confidence, out[-1][2])
        else:
            out.append((start, end, confidence))
    return out


def heard(done: Done, tools: list[str]) -> Heard:
    """The findings of one tool, or of several together, beside the truth."""
    rows = [row for tool in tools for row in done.rows.get(tool, [])]
    rows = merged(rows) if len(tools) > 1 else rows
    rate = 48_000
    return Heard(
        truths=intervals([(t.start_sample / rate, t.end_sample / rate) for t in done.truths]),
        findings=intervals([(a, b) for a, b, _ in rows]),
        confidence=np.array([c for _, _, c in rows], np.float64),
        observable=np.array([t.observable for t in done.truths], np.bool_),
        seconds=done.seconds,
        params=done.params,
    )
