"""The benchmark as one Markdown table: a line per class and length or level, beside the best peer of the same run."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from accuracy.evaluate import Heard, by, evaluate, matched
from accuracy.scenarios import SCENARIOS, Scenario
from accuracy.tasks import CLEAN, Done, heard

HEAD = ("class", "fault", "stored as", "n", "recall [95 %]", "false/h", "clean min", "edge p50/p95 ms", "F1@60/h",
        "best peer: recall, false/h")  # fmt: skip

ANY = set("123456789")


def table(done: Sequence[Done], tools: Any, own: Any) -> list[str]:
    """Lines of the table; `tools` and `own` give the names of a scenario's tools, aqa's own among them."""
    lines = [_row(HEAD), _row(["---"] * len(HEAD))]
    for one in SCENARIOS.values():
        for recorder in one.recorders:
            of = [d for d in done if d.task.scenario == one.name and d.task.recorder == recorder]
            if of and own(one):
                lines += _scenario(one, recorder, of, [d for d in done if d.task.scenario == CLEAN], tools, own)
    return lines


def clean(done: Sequence[Done], domains: Sequence[str], recorders: Sequence[str], kinds: Sequence[str]) -> list[str]:
    """False alarms per hour of clean sound by domain, through each recorder; of those classes that have any."""
    of = [d for d in done if d.task.scenario == CLEAN]
    here = [domain for domain in domains if any(d.task.domain == domain for d in of)]
    head = ["class", *(f"{domain}, {' / '.join(recorders)}" for domain in here)]
    rows = [[kind, *(" / ".join(_rate(of, kind, domain, r) for r in recorders) for domain in here)] for kind in kinds]
    return [
        _row(cells) for cells in (head, ["---"] * len(head), *(r for r in rows if any(set(c) & ANY for c in r[1:])))
    ]


def _rate(of: Sequence[Done], kind: str, domain: str, recorder: str) -> str:
    mine = [d for d in of if (d.task.domain, d.task.recorder) == (domain, recorder)]
    hours = sum(d.seconds for d in mine) / 3600
    return f"{sum(len(d.rows.get(f'aqa {kind}', ())) for d in mine) / hours:.0f}" if hours else "–"


def _scenario(
    one: Scenario, recorder: str, of: Sequence[Done], clean: Sequence[Done], tools: Any, own: Any
) -> list[str]:
    quiet = [d for d in clean if d.task.domain in one.domains]
    rows = [matched(heard(d, own(one)), one.onset_s) for d in of]
    names = [name for name in one.by if name != "recorder"]
    peers = [name for name in tools(one) if name not in own(one)] if recorder == "pcm16" else []
    same = recorder if any(d.task.recorder == recorder for d in quiet) else "pcm16"
    lines, unseen = [], sum(len(h.truths) - int(h.observable.sum()) for h in rows)
    for key in by(rows, names) if names else [()]:
        figures = _figures(rows, names, key, [d for d in quiet if d.task.recorder == same], own(one), one)
        best = [_figures([matched(heard(d, [p]), one.onset_s) for d in of], names, key,
                         [d for d in quiet if d.task.recorder == "pcm16"], [p], one) | {"name": p}
                for p in peers if p in of[0].rows]  # fmt: skip
        lines.append(_line(one, recorder, _fault(one, names, key), figures, best))
    if unseen:
        lines.append(_row([one.kind, f"{one.name}: not observable, apart", recorder, str(unseen), *[""] * 6]))
    return lines


def _fault(one: Scenario, names: Sequence[str], key: Sequence[Any]) -> str:
    return " ".join([one.name, *(f"{name} {value}" for name, value in zip(names, key, strict=True))])


def _figures(
    rows: Sequence[Heard],
    names: Sequence[str],
    key: Sequence[Any],
    clean: Sequence[Done],
    tools: list[str],
    one: Scenario,
) -> dict[str, Any]:
    return evaluate([only(h, names, key) for h in rows], [matched(heard(d, tools), one.onset_s) for d in clean])


def only(one: Heard, names: Sequence[str], key: Sequence[Any]) -> Heard:
    """The clip with only the truths of one cell counted as observable."""
    mine = np.array([tuple(p.get(name) for name in names) == tuple(key) for p in one.params], np.bool_)
    return dataclasses.replace(one, observable=one.observable & mine) if len(mine) else one


def _line(one: Scenario, recorder: str, fault: str, figures: dict[str, Any], peers: list[dict[str, Any]]) -> str:
    low, high = figures["interval"]
    best = max(peers, key=lambda item: item["f1_at_60"], default=None)
    return _row([
        one.kind, fault, recorder, str(figures["observable"]), f"{figures['recall']:.2f} [{low:.2f}, {high:.2f}]",
        f"{figures['false_per_hour']:.1f}", f"{figures['clean_minutes']:.0f}",
        f"{figures['boundary_p50_ms']:.1f} / {figures['boundary_p95_ms']:.1f}", f"{figures['f1_at_60']:.2f}",
        f"{best['name']}: {best['recall']:.2f}, {best['false_per_hour']:.0f}" if best else "none",
    ]).replace("nan", "–")  # fmt: skip


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
