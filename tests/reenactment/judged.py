"""What a report says held against the truth: which causes are right, and how sure they were."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reenactment.story import Fault

REACH_S = 0.35  # a fault is heard up to the buffer and the path later than it was made
ANYBODY = frozenset(("everybody", "recorder", "room"))


@dataclass(frozen=True)
class Judged:
    """Findings and the faults that they are of."""

    right: list[Mapping[str, Any]]
    wrong: list[tuple[Mapping[str, Any], list[Fault]]]
    false: list[Mapping[str, Any]]  # findings of kinds that faults have, of no fault
    missed: list[Fault]

    @property
    def share(self) -> float:
        """Of the findings of true faults, those with the true cause."""
        return len(self.right) / max(len(self.right) + len(self.wrong), 1)


def judged(findings: Sequence[Mapping[str, Any]], truth: Sequence[Fault]) -> Judged:
    """Every finding of a kind that any fault can have, but the intended ones; a fault may make several."""
    kinds = frozenset(kind for fault in truth for kind in fault.kinds)
    out = Judged([], [], [], [])
    found: set[int] = set()
    for item in findings:
        if item["kind"] not in kinds or item["cause"] == "intended":
            continue
        own = [(i, fault) for i, fault in enumerate(truth) if _is_of(item, fault)]
        found.update(i for i, _ in own)
        if not own:
            out.false.append(item)
        elif item["cause"] in {fault.cause for _, fault in own}:
            out.right.append(item)
        else:
            out.wrong.append((item, [fault for _, fault in own]))
    out.missed.extend(fault for i, fault in enumerate(truth) if i not in found)
    return out


def _is_of(item: Mapping[str, Any], fault: Fault) -> bool:
    who = fault.who in ANYBODY or item["track"] in (None, "mix", fault.who)
    packets = item["source"] == "packets" and fault.who == "recorder"
    in_time = item["start_s"] < fault.end_s + REACH_S and item["end_s"] > fault.start_s - 0.05
    return who and in_time and not packets and item["kind"] in fault.kinds


def reliability(results: Iterable[Judged]) -> list[tuple[str, int, float, float]]:
    """Stated confidence in a cause against how often it was right: bin, findings, mean stated, share right."""
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for one in results:
        for item, good in [*((i, True) for i in one.right), *((i, False) for i, _ in one.wrong)]:
            sure = item["cause_confidence"]
            if sure is not None:
                bins[min(int(sure * 5), 4)].append((sure, good))
    return [
        (
            f"{at / 5:.1f} to {at / 5 + 0.2:.1f}",
            len(rows),
            sum(s for s, _ in rows) / len(rows),
            sum(g for _, g in rows) / len(rows),
        )
        for at, rows in sorted(bins.items())
    ]
