"""What is said of lost and late packets of a stream, from its row of the table `streams`."""

import json

from aqa.report.words import count, length
from aqa.stream_model import StreamRow

HEARD_S = 0.0005  # made-up sound below half a millisecond is rounding
SAVED_S = 0.05  # RFC 7294's severely concealed second, as in the playout model: less is not worth longer delay


def share(pct: float | None) -> str:
    """A share in per cent: two digits below ten, one above; empty for None."""
    if pct is None:
        return ""
    return "under 0.01 %" if 0 < pct < 0.005 else f"{pct:.1f} %" if pct >= 9.995 else f"{pct:.2f} %"


def lost(row: StreamRow) -> str:
    """How many, in what pattern, and whether copies repaired them; empty if none was lost."""
    if not row.lost or row.lost < 0:
        return ""
    of_all = "" if row.loss_pct is None else f" ({share(row.loss_pct)})"
    pattern = _pattern(row)
    text = f"{count(row.lost, 'packet')} lost"
    text += pattern + of_all if pattern.startswith(" ") else of_all + pattern
    if row.source == "stats":
        return text + (", as the other end reported" if row.direction == "sent" else ", as the receiver counts")
    return text + _repaired(row)


def _pattern(row: StreamRow) -> str:
    """One by one, in one run, or how much of it in bursts of RFC 3611."""
    runs = json.loads(row.loss_histogram)
    if not runs or not row.lost or row.lost == 1:
        return ""
    if runs[0] == row.lost:
        return " one by one"
    if sum(runs) == 1:
        return " in one run"
    text, inside = "", _in_bursts(row)
    if inside and row.loss_bursts and row.burst_duration_mean_ms is not None:
        where = count(row.loss_bursts, "burst")
        average = " on average" if row.loss_bursts > 1 else ""
        of = _part(inside / row.lost)
        text = f", {of} in {where} of {length(row.burst_duration_mean_ms / 1e3)}{average}"
        if row.burst_density_pct is not None and row.burst_density_pct < 95:
            text += f", where {share(row.burst_density_pct)} was lost"
    if row.loss_run_max:
        text += f", at most {row.loss_run_max} in a row"
    return text


def _in_bursts(row: StreamRow) -> float | None:
    """Packets lost inside RFC 3611's bursts, from its densities: lost = Db S + Dg (expected - S), S in bursts."""
    if not row.loss_bursts or row.burst_density_pct is None or not row.lost or not row.expected:
        return None
    inside, outside = row.burst_density_pct / 100, (row.gap_density_pct or 0.0) / 100
    if inside <= outside:
        return None
    return min(inside * (row.lost - outside * row.expected) / (inside - outside), float(row.lost))


def _part(inside: float) -> str:
    for least, word in ((0.995, "all"), (0.85, "most"), (0.55, f"{100 * inside:.0f} %"), (0.45, "half"), (0.0, "")):
        if inside >= least:
            return f"{word or f'{100 * inside:.0f} %'} of them"
    return ""


def _repaired(row: StreamRow) -> str:
    """Whether copies made good what was lost; nothing where none could be seen to."""
    if row.concealed_lost_s is None:
        return ""
    if row.recovered is None:
        unseen = "whether copies repaired them is not measured: payload encrypted, or its codec not known"
        return f"; {unseen}" if row.concealed_lost_s >= HEARD_S else ""
    if row.recovered >= (row.lost or 0) and row.concealed_lost_s < HEARD_S:
        return ", all repaired by copies in later packets" if row.lost != 1 else ", repaired by a copy"
    if row.recovered:
        return f"; {count(row.recovered, 'packet')} repaired by copies in later packets"
    return ""


def late(row: StreamRow) -> list[str]:
    """Late packets with the buffer they were late for, and what another would have cost and saved."""
    if row.overflowed:
        full = f"{count(row.overflowed, 'packet')} thrown away: they came in a rush that overfilled the buffer"
    else:
        full = ""
    if not row.late:
        return [full]
    text = f"{count(row.late, 'packet')} late for a {row.playout_model} buffer"
    if row.concealed_late_s:
        text += f": {length(row.concealed_late_s)} made up"
    else:
        text += ": copies or stretched sound stood in"
    return [text, _other_buffer(row), full]


def _other_buffer(row: StreamRow) -> str:
    """The shortest fixed buffer that saves nine tenths of what any could, if it beats the buffer that was run."""
    choices = json.loads(row.sweep or "[]")
    if not choices or row.concealed_s is None or row.playout_model is None:
        return ""
    own_ms = float(row.playout_model.split()[-2])  # "neteq 60 ms", "fixed 200 ms": the sweep has that delay too
    now = min(choices, key=lambda item: abs(item["delay_ms"] - own_ms))
    least = min(item["concealed_s"] for item in choices)
    enough = now["concealed_s"] - 0.9 * (now["concealed_s"] - least)
    best = next(item for item in choices if item["concealed_s"] <= enough + 1e-9)
    if best["delay_ms"] <= now["delay_ms"] or row.concealed_s - best["concealed_s"] < SAVED_S:
        return ""
    then = length(best["concealed_s"]) if best["concealed_s"] >= HEARD_S else "nothing"
    return (
        f"a fixed buffer of {best['delay_ms']:g} ms would have made up {then} in all,"
        f" one of {now['delay_ms']:g} ms {length(now['concealed_s'])}"
    )
