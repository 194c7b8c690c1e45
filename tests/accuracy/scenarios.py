"""The table of faults: a name, the kind of finding it asks for, and how to make it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from accuracy import faults, faults_coded, faults_slow
from accuracy.faults import Faulty
from accuracy.material import Clip

SPEECH = ("narrow", "fullband", "meeting", "synthetic", "words", "dialogue", "prompts")
WIDE = ("fullband", "music", "words")  # only what has something above 8 kHz can lose it
PCM, ALL = ("pcm16",), ("pcm16", "mp3", "opus", "aac64")
LOSSY = ("mp3", "opus", "aac64", "aac96")
Make = Callable[[Clip, np.random.Generator], Faulty]


@dataclass(frozen=True)
class Scenario:
    """A fault: the kind it is looked for as, other kinds that say it too, and where it is tried.

    `onset_s`: found if a finding begins within it of the truth (also where they don't overlap); None: by overlap.
    """

    name: str
    kind: str
    make: Make
    also: tuple[str, ...] = ()
    domains: tuple[str, ...] = SPEECH
    recorders: tuple[str, ...] = PCM
    onset_s: float | None = None
    by: tuple[str, ...] = ()
    seconds: tuple[float, float] = (60.0, 90.0)


LENGTHS = [{"ms": ms, "observable": ms > 2.6} for ms in (2, 5, 10, 20, 40, 60, 100, 200, 500)]  # 2.6: see dropout
HOLES = [{"ms": ms} for ms in (10, 20, 40, 60, 100, 500)]
DIPS = [{"ms": ms, "db": db, "ramp_ms": ramp} for ms in (10, 20, 60, 100, 500) for db in (-20, -30, -40)
        for ramp in (0, 2.5)]  # fmt: skip
FRAMES = [{"frame_ms": frame, "times": n, "ms": frame * n} for frame in (10, 20, 40, 60) for n in (1, 2, 5, 10)]
CLICKS = [{"samples": n, "times": 0.5} for n in (1, 2, 3, 5)]


def _edited(kind: str, values: faults.Values, edit: faults.Edit) -> Make:
    return lambda clip, rng: faults.edited(clip, rng, kind, values, edit)


def _skips(*values: dict[str, float]) -> Make:
    return lambda clip, rng: faults.skipped(clip, rng, values)


def _of(make: Callable[..., Faulty], **given: object) -> Make:
    return partial(make, **given)


_LONG, _LEVELS = (60.0, 60.0), (-50, -60, -70)
_ALL = (
    Scenario("zero", "dropout", _edited("dropout", LENGTHS, faults.zero), by=("ms",),
             domains=(*SPEECH, "gated", "music")),
    Scenario("held", "dropout", _edited("dropout", LENGTHS, faults.held), by=("ms",), also=("repetition",)),
    Scenario("zero_coded", "dropout", _edited("dropout", HOLES, faults.zero), ("attenuation",), recorders=LOSSY,
             by=("recorder", "ms")),
    Scenario("attenuated", "attenuation", _edited("attenuation", DIPS, faults.attenuated), ("dropout",),
             by=("db", "ramp_ms", "ms"),
             recorders=("pcm16", "mp3", "opus")),
    Scenario("repeated", "repetition", _edited("repetition", FRAMES, faults.repeated), ("concealment",),
             by=("frame_ms", "times"), recorders=("pcm16", "opus")),
    *(Scenario(f"lost_{c}", "concealment", _of(faults_coded.concealment, coder=c), ("repetition", "attenuation"),
               by=("burst",)) for c in ("celt", "hybrid", "silk", "hybrid_fec")),
    *(Scenario(f"rate_{c}", "concealment", _of(faults_coded.loss_rate, coder=c), ("repetition", "attenuation"),
               seconds=(90.0, 90.0)) for c in ("celt", "hybrid")),
    Scenario("click", "discontinuity", _edited("discontinuity", CLICKS, faults.clicked), onset_s=0.01,
             domains=(*SPEECH, "music"), by=("samples",), recorders=("pcm16", "opus")),
    Scenario("skip", "discontinuity", _skips({"skip_ms": 5}, {"skip_ms": 20}), onset_s=0.01, by=("skip_ms",),
             domains=(*SPEECH, "music"), recorders=("pcm16", "opus")),
    Scenario("splice", "discontinuity", _skips({"skip_ms": 130}, {"skip_ms": 510}), onset_s=0.01, by=("skip_ms",)),
    Scenario("skip_crossfaded", "discontinuity", _skips({"skip_ms": 7.5, "fade_ms": 2.5}, {"skip_ms": 20,
             "fade_ms": 2.5}), onset_s=0.01, by=("skip_ms",)),
    *(Scenario(f"clipped_{pct}{'_soft' * soft}", "clipping", _of(faults_slow.clipping, pct=pct, soft=soft),
               recorders=("pcm16", "opus"), seconds=(20.0, 20.0), by=("pct",))
      for pct, soft in ((0.03, False), (0.2, False), (1.0, False), (1.0, True))),
    Scenario("low_level", "low_level", _of(faults_slow.low_level, dbfs=-50), seconds=_LONG),
    *(Scenario(f"dc_{pct}", "dc_offset", _of(faults_slow.dc_offset, pct=pct), seconds=_LONG, by=("pct",))
      for pct in (0.5, 1.0, 5.0)),
    *(Scenario(f"hum_{hz}_{-db}", "hum", _of(faults_slow.hum, dbfs=db, mains_hz=hz), seconds=_LONG, by=("dbfs",))
      for hz in (50, 60) for db in _LEVELS),
    Scenario("noise_burst", "noise_burst", faults_slow.noise_burst, by=("over_db", "ms"),
             recorders=("pcm16", "opus")),
    Scenario("brick_wall", "bandwidth_drop", faults_slow.brick_wall, domains=WIDE, by=("hz",), seconds=(90.0, 90.0)),
    *(Scenario(f"opus_{w}", "bandwidth_drop", _of(faults_coded.switched, narrow=w), domains=WIDE, by=("width",),
               seconds=(90.0, 90.0)) for w in ("NB", "WB")),
    Scenario("opus_WB_to_NB", "bandwidth_drop", _of(faults_coded.switched, narrow="NB"), domains=("narrow",),
             by=("width",), seconds=(90.0, 90.0)),
    *(Scenario(f"channel_{f}", "channel_fault", _of(faults_slow.channel_fault, fault=f), seconds=_LONG)
      for f in ("dead", "one_sided", "polarity")),
    *(Scenario(f"echo_{ms}_{-db}", "echo", _of(faults_slow.echo, delay_ms=ms, db=db), seconds=_LONG, by=("delay_ms",))
      for ms, db in ((80, -6), (200, -12), (500, -20))),
    *(Scenario(f"unintended_{w}", "unintended_audio", _of(faults_slow.unintended, what=w),
               domains=("narrow", *(("prompts",) if w == "song" else ())), seconds=(150.0, 180.0))
      for w in ("tone", "music", "song")),
    *(Scenario(f"silent_{w}", "silence", _of(faults_slow.silence, what=w), ("dropout",), by=("ms",))
      for w in ("digital", "below_floor", "pause")),
)  # fmt: skip
SCENARIOS = {one.name: one for one in _ALL}
