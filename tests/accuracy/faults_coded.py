"""Faults that a codec makes: concealed packets, and switches of its bandwidth."""

from dataclasses import replace

import numpy as np

from accuracy.faults import AUDIBLE_DB, NOTHING_ABOVE_DB, Faulty, Truth, hop_levels, share_above, spots
from accuracy.material import Clip
from accuracy.opus import CODERS, FRAME, WIDTHS, Coder, Sent, gilbert_elliott, send
from aqa.model import Flags, Floats

BURSTS = (1, 2, 3, 5, 10)
SEGMENT_S = 30.0
LEAST_S = 1.0
CLOSES_S = 5.12  # SILK's low-pass
STEP = 2.0**-15  # recorders keep 16 bits of what was decoded


def concealment(clip: Clip, rng: np.random.Generator, coder: str) -> Faulty:
    """Bursts of 1 to 10 lost packets of 20 ms in active speech, well apart."""
    lost = np.zeros(len(clip.samples) // FRAME + 2, np.bool_)
    for spot in spots(clip, rng, [{"ms": 20 * burst} for burst in BURSTS]):
        first = spot.start // FRAME
        lost[first : first + round(spot.params["ms"] / 20)] = True
    return _truths(clip, send(clip.samples, CODERS[coder], lost), lost, coder)


def loss_rate(clip: Clip, rng: np.random.Generator, coder: str) -> Faulty:
    """Gilbert-Elliott losses of 0 to 20 %, another share every 30 s: for rates."""
    count, each = len(clip.samples) // FRAME + 2, round(SEGMENT_S * 50)
    parts = [gilbert_elliott(each, rng.uniform(0, 0.2), rng.uniform(1, 3), rng) for _ in range(0, count, each)]
    lost = np.concatenate(parts)[:count]
    lost[:50] = False
    return _truths(clip, send(clip.samples, CODERS[coder], lost), lost, coder)


def _truths(clip: Clip, sent: Sent, lost: Flags, coder: str) -> Faulty:
    """One row per burst; what FEC repaired whole (a burst of one, in SILK and hybrid) is not observable."""
    level, measured = hop_levels(sent.clean)
    speech = measured.active_speech_dbfs if measured.active_speech_dbfs is not None else -26.0
    edges = np.flatnonzero(np.diff(np.concatenate(([0], lost.astype(np.int8), [0]))))
    truths = []
    for first, last in edges.reshape(-1, 2).tolist():
        start, end = sent.span(first, last)
        if start >= end:
            continue
        hops = slice(start // 480, (end + 479) // 480)
        loud = float(10 * np.log10(np.mean(10 ** (level[hops].astype(np.float64) / 10)))) - speech
        active = bool(measured.speech[hops].all())
        repaired = CODERS[coder].fec and last - first == 1 and sent.modes[first] != "celt"
        params = {"coder": coder, "mode": sent.modes[first], "burst": last - first, "fec": CODERS[coder].fec}
        seen = active and loud > AUDIBLE_DB and not repaired
        truths.append(Truth("concealment", start, end, params, active, round(loud, 1), seen))
    return Faulty(_kept(sent.samples), clip.rate, STEP, tuple(truths))


def coded_clean(clip: Clip, coder: str) -> Clip:
    """The clip through the codec without loss: clean sound as a room hears it."""
    samples = _kept(send(clip.samples, CODERS[coder]).clean)[0]
    return replace(clip, samples=samples, lsb=STEP)


def switched(clip: Clip, rng: np.random.Generator, narrow: str) -> Faulty:
    """Opus, 48 kb/s, that is told to fall from full band to `narrow` for 2 to 20 s and to come back.

    SILK does not switch at once: it closes and opens a low-pass over 5.12 s (silk/LP_variable_cutoff.c) and switches
    behind it. A fall is where packets say that they are narrow; one that never comes so far, or for less than a
    second, is not observable.
    """
    values = [{"ms": ms, "width": narrow} for ms in (2000, 5000, 20_000)]
    places = list(spots(clip, rng, values, active=False, apart_s=3.0))
    widths = {0: "FB"} | {s.start // FRAME: narrow for s in places} | {s.end // FRAME: "FB" for s in places}
    sent = send(clip.samples, Coder("audio", 48_000), widths=widths)
    wide, orders = {"NB": 4000, "WB": 8000, "SWB": 12_000}[narrow], list(WIDTHS)
    fallen = np.array([orders.index(width) <= orders.index(narrow) for width in sent.widths])
    truths, nexts = [], [s.start // FRAME for s in places[1:]] + [len(fallen)]
    for s, next_ in zip(places, nexts, strict=True):
        first, last, came = _fallen(fallen[:next_], s.start // FRAME, s.end // FRAME)
        start, end = sent.span(first, last)
        seen = came and last - first >= LEAST_S * 50
        seen = seen and share_above(clip.samples[start:end], wide) > NOTHING_ABOVE_DB
        truths.append(Truth("bandwidth_drop", start, end, dict(s.params), s.active, s.level_db, seen))
    return Faulty(_kept(sent.samples), clip.rate, STEP, tuple(truths))


def _fallen(fallen: Flags, first: int, last: int) -> tuple[int, int, bool]:
    """The packets that are narrow since the coder was told so at `first`, until it came back after `last`."""
    narrow = first + np.flatnonzero(fallen[first:last])
    if not len(narrow):
        return first, min(len(fallen), last + round(CLOSES_S * 50)), False
    back = np.flatnonzero(~fallen[last:])
    return int(narrow[0]), last + (int(back[0]) if len(back) else len(fallen) - last), True


def _kept(samples: Floats) -> Floats:
    return np.asarray(np.clip(np.round(samples / STEP), -32768, 32767) * STEP, np.float32)[None]
