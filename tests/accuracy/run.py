"""`make accuracy`: how much is found and how much is made up, per class, on clean sound and on sound with faults.

Prints tables; writes nothing. Development looks at `--split validation`; the final figures are of `--split test`.
"""

import argparse
import datetime
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from accuracy import files, markdown, peers
from accuracy.evaluate import Heard, by, evaluate, matched, rates
from accuracy.material import minutes_available
from accuracy.opus import version
from accuracy.recorders import RECORDERS
from accuracy.scenarios import SCENARIOS, Scenario
from accuracy.sources import DOMAINS, SPLITS
from accuracy.tasks import CLEAN, FAULT_SEED, RATE, Done, Task, detectors, heard, perform
from aqa.model import KINDS

CLEAN_SECONDS = (60.0, 120.0)
CLEAN_RECORDERS = ("pcm16", "opus")


def main(arguments: Sequence[str] | None = None) -> None:
    """Make, judge, score, print."""
    given = _options().parse_args(arguments)
    began = time.monotonic()
    tasks = planned(given)
    # each worker takes one core: BLAS threads of several would fight over them
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(given.jobs) as pool:
        done = list(_shown(pool.map(perform, tasks, chunksize=2), len(tasks)))
    _head(given, done)
    if given.markdown:
        print("\n".join(["", *markdown.table(done, tools_of, own_tools)]))
        print("\n".join(["", *markdown.clean(done, DOMAINS, CLEAN_RECORDERS, list(detectors()))]))
    else:
        _clean_table(done, given)
    for kind in () if given.markdown else KINDS["audio"]:
        if given.kind in (None, kind):
            _class_table(kind, done, given)
    if given.files and given.kind is None:
        _files(given)
    print(f"\n{sum(d.seconds for d in done) / 60:.0f} minutes judged in {time.monotonic() - began:.0f} s")


def _files(given: argparse.Namespace) -> None:
    """Containers and a second recording of the room: other material than arrays of samples."""
    lines = []
    for name, row in files.evaluated(given.files).items():
        low, high = row["interval"]
        edges = f"{row['boundary_p50_ms']:.1f} / {row['boundary_p95_ms']:.1f}"
        lines.append((name, str(row["observable"]), f"{row['recall']:.2f} [{low:.2f}, {high:.2f}]",
                      f"{row['precision']:.2f}", f"{row['false_per_hour']:.1f}", f"{row['clean_minutes']:.0f}",
                      edges, f"{row['f1_at_60']:.2f}"))  # fmt: skip
    head = ("files", "n", "recall [95 %]", "precision", "false/h", "clean min", "edge p50/p95 ms", "F1@60/h")
    if given.markdown:
        print("\n| " + " |\n| ".join(" | ".join(row) for row in (head, ["---"] * len(head), *lines)) + " |")
    else:
        print("\n== files and second recordings; no peer does either")
        for row in (head, *lines):
            print(f"{row[0]:22}{row[1]:>4}  {row[2]:20}" + "".join(f"{cell:>17}" for cell in row[3:]))


def _shown(done: Iterator[Done], count: int) -> Iterator[Done]:
    """Pass on what is done, and say how far it is on a terminal's stderr."""
    for number, one in enumerate(done, 1):
        if sys.stderr.isatty() or number % 50 == 0:
            print(f"{number} of {count} clips", end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr)
        yield one


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="accuracy", description=__doc__)
    parser.add_argument("--split", choices=SPLITS, default="validation")
    parser.add_argument("--class", dest="kind", choices=KINDS["audio"], help="one kind of finding only")
    parser.add_argument("--domain", choices=DOMAINS, action="append", help="these domains only (repeatable)")
    parser.add_argument("--minutes", type=float, default=2.0, help="of faulty sound per scenario, domain, recorder")
    parser.add_argument("--clean-minutes", type=float, default=8.0, help="of clean sound per domain and recorder")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="aqa alone: three times as fast")
    parser.add_argument("--markdown", action="store_true", help="one compact table, for README")
    parser.add_argument("--files", type=int, default=6, help="files per container and pairs of recordings; 0: none")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="printed in the head")
    return parser


def planned(given: argparse.Namespace) -> list[Task]:
    """Every clip to judge; none of domains without sources here, nor of kinds that no tool looks for."""
    here = [d for d in given.domain or DOMAINS if minutes_available(given.split, d) > 0]
    clean = [
        Task(CLEAN, given.split, domain, recorder, given.seed * 10_000 + i, CLEAN_SECONDS,
             given.kind, given.peers)
        for domain in here for recorder in CLEAN_RECORDERS for i in range(_count(given.clean_minutes, CLEAN_SECONDS))
    ]  # fmt: skip
    return clean + [
        Task(one.name, given.split, domain, recorder, FAULT_SEED + given.seed * 10_000 + i, one.seconds,
             None, given.peers)
        for one in SCENARIOS.values()
        if given.kind in (None, one.kind) and (tools_of(one) if given.peers else own_tools(one))
        for domain in one.domains if domain in here
        for recorder in _recorders(one) for i in range(_count(given.minutes, one.seconds))
    ]  # fmt: skip


def _recorders(one: Scenario) -> tuple[str, ...]:
    """Peers alone are tried on PCM only."""
    return one.recorders if own_tools(one) else tuple(r for r in one.recorders if r == "pcm16")


def _count(minutes: float, seconds: tuple[float, float]) -> int:
    return max(1, round(minutes * 60 / (sum(seconds) / 2)))


def tools_of(scenario: Scenario) -> list[str]:
    """Who looks for it: aqa's detectors of its kinds, then peers."""
    return own_tools(scenario) + [name for name, (kinds, _) in peers.peers().items() if scenario.kind in kinds]


def own_tools(scenario: Scenario) -> list[str]:
    """aqa's own detectors of its kinds."""
    return [f"aqa {kind}" for kind in (scenario.kind, *scenario.also) if kind in detectors()]


def _head(given: argparse.Namespace, done: list[Done]) -> None:
    versions = ", ".join(f"{name} {text}" for name, text in peers.versions().items())
    print(
        f"Accuracy on {given.date}: split {given.split}, seed {given.seed}; {version()}; peers: {versions or 'none'}"
    )
    for domain in given.domain or DOMAINS:
        minutes = minutes_available(given.split, domain)
        sources = "made here" if minutes == float("inf") else f"{minutes:.2f} min of sources"
        tested = sum(d.seconds for d in done if d.task.domain == domain and d.task.scenario == CLEAN) / 60
        print(f"  {domain:10} {f'{sources}, {tested:.0f} min of clean clips' if minutes else 'not measured'}")
    missing = [kind for kind in KINDS["audio"] if kind not in detectors()]
    print("  no detector: " + (", ".join(missing) or "none"))


def _clean_table(done: list[Done], given: argparse.Namespace) -> None:
    """False alarms per hour of clean sound by tool, domain and recorder."""
    clean = [d for d in done if d.task.scenario == CLEAN]
    columns = [(d, r) for r in CLEAN_RECORDERS for d in given.domain or DOMAINS]
    tools = [f"aqa {k}" for k in detectors() if given.kind in (None, k)]
    tools += [n for n, (kinds, _) in peers.peers().items() if given.kind is None or given.kind in kinds]
    print("\nFalse alarms per hour of clean sound\n" + f"{'':30}" + "".join(f"{d[:7]:>9}" for d, _ in columns))
    print(f"{'':30}" + "".join(f"{r:>9}" for _, r in columns))
    for tool in tools:
        print(f"{tool:30}" + "".join(f"{_rate(clean, tool, *column):>9}" for column in columns))


def _rate(clean: list[Done], tool: str, domain: str, recorder: str) -> str:
    of = [d for d in clean if d.task.domain == domain and d.task.recorder == recorder and tool in d.rows]
    hours = sum(d.seconds for d in of) / 3600
    return f"{sum(len(d.rows[tool]) for d in of) / hours:.0f}" if hours else "-"


def _class_table(kind: str, done: list[Done], given: argparse.Namespace) -> None:
    """Each scenario of a kind: a line per recorder and tool, then recall by the parameters of the fault."""
    mine = [one for one in SCENARIOS.values() if one.kind == kind]
    print(f"\n== {kind}" + ("" if kind in detectors() else ": no detector"))
    shown = [one for one in mine if any(d.task.scenario == one.name for d in done)]
    if not shown:
        return
    print(f"{'scenario':18}{'recorder':9}{'tool':29}{'n':>5}{'R':>6}  {'95 % of R':13}{'P':>6}{'FA/h':>7}{'F1@60':>7}"
          f"{'p50 ms':>8}{'p95 ms':>8}  R at 1/5/20 FA/h")  # fmt: skip
    for one in shown:
        for recorder in one.recorders:
            of = [d for d in done if d.task.scenario == one.name and d.task.recorder == recorder]
            clean = [d for d in done if d.task.scenario == CLEAN and d.task.domain in one.domains]
            _lines(one, recorder, of, clean)
        _breakdown(one, [d for d in done if d.task.scenario == one.name])


def _groups(one: Scenario) -> list[list[str]]:
    """The tools of a scenario, one by one, and aqa's own together where there are several."""
    tools = tools_of(one)
    own = own_tools(one)
    return [*([name] for name in tools), *([own] if len(own) > 1 else [])]


def _lines(one: Scenario, recorder: str, of: list[Done], clean: list[Done]) -> None:
    for tools in _groups(one):
        if not of or not any(tool in of[0].rows for tool in tools):
            continue
        same = recorder if recorder in CLEAN_RECORDERS and tools[0].startswith("aqa") else "pcm16"
        quiet = [heard(d, tools) for d in clean if d.task.recorder == same]
        figures = evaluate(scored(of, tools, one), [matched(h, one.onset_s) for h in quiet])
        low, high = figures["interval"]
        at = "/".join(f"{value:.2f}" for value in figures["at"].values()) or "-"
        name = "aqa together" if len(tools) > 1 else tools[0]
        print(f"{one.name:18}{recorder:9}{name:29}{figures['observable']:5d}{figures['recall']:6.2f}  "
              f"{low:.2f} to {high:.2f} {figures['precision']:6.2f}{figures['false_per_hour']:7.1f}"
              f"{figures['f1_at_60']:7.2f}"
              f"{figures['boundary_p50_ms']:8.2f}{figures['boundary_p95_ms']:8.2f}  {at}")  # fmt: skip


def scored(of: list[Done], tools: list[str], one: Scenario) -> list[Heard]:
    """Each clip's findings matched with its truth."""
    return [matched(heard(d, tools), one.onset_s) for d in of]


def _breakdown(one: Scenario, of: list[Done]) -> None:
    """Recall of aqa's own, together, by the fault's parameters, the recorder, the level and the domain."""
    own = own_tools(one)
    if not own:
        return
    rows = scored(of, own, one)
    if one.name.startswith(RATE):
        shares = [pair for d in of for pair in d.shares]
        print("    made-up share of {} times 30 s: r {:.3f}, mean error {:.2f} %".format(len(shares), *rates(shares)))
    missed = sum(len(h.truths) - int(h.observable.sum()) for h in rows)
    for names in (*([one.by] if one.by else []), ("recorder",), ("level",), ("domain",)):
        cells = by(rows, names)
        if len(cells) > 1:
            text = "  ".join(f"{'/'.join(map(str, key))}: {a / b:.2f} ({b})" for key, (a, b) in cells.items())
            print(f"    by {'/'.join(names)}: {text}")
    if missed:
        print(f"    not observable: {missed}")


if __name__ == "__main__":
    assert set(CLEAN_RECORDERS) <= set(RECORDERS)
    main()
