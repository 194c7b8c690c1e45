"""What several packet logs of the same streams say, in words: where on the way packets were lost or delayed."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from aqa.model import Finding
from aqa.report.words import DASH, NBSP, NOT_MEASURED, count, number, plain, significant

Table = tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...], str]
HEAD = (
    "stream",
    "from",
    "to",
    "missing before",
    "lost between",
    "lost after",
    "delay variation p50 / p95",
    "order by",
)


def ways(rows: Sequence[Mapping[str, Any]] | None) -> Table:
    """Title, head, rows and note of the table of ways between logs."""
    told = [row for row in rows or () if "from" in row]
    refused = [row for row in rows or () if "why" in row]
    note = "; ".join(f"{row['stream']} in {plain(row['logs'])}: {row['why']}" for row in refused[:3])
    if len(refused) > 3:
        note += f"; and {len(refused) - 3} more"
    if not told:
        bring = "To measure: capture at a second place too, and say vantage = ... of both in event.toml"
        why = f" {note}." if note else ""
        return "Where on the way", HEAD, (), f"Not measured: no two packet logs hold the same stream.{why} {bring}."
    return "Where on the way", HEAD, tuple(_row(row) for row in told), f"Not joined: {note}." if note else ""


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    after = row["lost_after"]
    p50, p95 = row.get("variation_p50_ms"), row.get("variation_p95_ms")
    return (
        plain(row["participant"] or row["stream"]),
        _log(row["from"], row["from_vantage"]),
        _log(row["to"], row["to_vantage"]),
        f"{row['missing_before']:,}",
        f"{row['lost_between']:,}",
        DASH if after is None else f"{after:,}",
        NOT_MEASURED if p50 is None else f"{number(p50, 1)} / {number(p95, 1)}{NBSP}ms",
        row["order_by"],
    )


def _log(name: str, vantage: str | None) -> str:
    return f"{plain(name)} ({vantage})" if vantage else plain(name)


def where_lost(findings: Iterable[Finding]) -> Iterator[str]:
    """Each way of an incident in a sentence: what arose on it, and what was there before."""
    totals: dict[tuple[str, str], dict[str, float]] = {}
    for item in findings:
        path = json.loads(item.evidence).get("path", {})
        if "from" not in path:
            continue
        sums = totals.setdefault((path["from"], path["to"]), {})
        for name in ("lost_between", "missing_before", "passed_before"):
            sums[name] = sums.get(name, 0) + path.get(name, 0)
        for name in ("delay_between_ms", "delay_before_ms"):
            sums[name] = max(sums.get(name, 0.0), path.get(name, 0.0))
    for (first, then), sums in sorted(totals.items()):
        yield from _sentences(plain(first), plain(then), sums)


def _sentences(first: str, then: str, sums: Mapping[str, float]) -> Iterator[str]:
    if sums["lost_between"]:
        yield f"{count(int(sums['lost_between']), 'packet')} lost between {first} and {then}."
    if sums["missing_before"]:
        yield f"{count(int(sums['missing_before']), 'packet')} already missing at {first}."
    if sums["passed_before"]:
        yield f"{count(int(sums['passed_before']), 'packet')} passed {first} while none came to {then}."
    if sums["delay_between_ms"] or sums["delay_before_ms"]:
        late, had = (significant(sums[name], 2) for name in ("delay_between_ms", "delay_before_ms"))
        yield f"Most delay between {first} and {then}: {late}{NBSP}ms; at {first} already: {had}{NBSP}ms."
