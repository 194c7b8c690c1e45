"""The commands: parse, call, print. Data on stdout; progress and messages on stderr.

Imports of what is heavy stand inside the commands, so that `aqa --help` answers at once.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aqa import __version__
from aqa.console import progress, put, put_bytes, put_json, say

if TYPE_CHECKING:
    from aqa.settings import Settings

app = typer.Typer(
    name="aqa",
    help="What listeners of a live audio room heard go wrong: when, for whom and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Data = Annotated[Path, typer.Option("--data", help="Folder of the store.")]
Reports = Annotated[Path, typer.Option("--reports", help="Folder of the reports.")]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="Settings file; else ./aqa.toml, if there.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no summary.")]
AsJson = Annotated[bool, typer.Option("--json", help="Rows as JSON on stdout.")]

WRONG_INPUT, WRONG_USE, INTERRUPTED = 1, 2, 130


def main() -> None:
    """Entry point of the command `aqa`."""
    if level := os.environ.get("AQA_LOG"):  # without, Python itself prints warnings, and loads it for one only
        import logging

        logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
    try:
        app()
    except BrokenPipeError:  # the reader of our output has gone, for example `aqa packets ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        gc.freeze()  # what is left goes with the process: nobody need look through it


@app.command()
def analyze(
    paths: Annotated[list[Path], typer.Argument(help="Folders of events, or files.")],
    data: Data = Path("data"),
    reports: Reports = Path("reports"),
    settings: SettingsFile = None,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", min=1, help="Workers; else one per core.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Analyse again what has not changed.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Measure, judge, store and report every new or changed event."""
    from aqa import pipeline
    from aqa.store import Store

    with _errors_as(WRONG_USE), progress(quiet) as show_progress:
        options = pipeline.Options(
            data=data,
            reports=reports,
            settings=_settings(settings),
            jobs=jobs or _cores(),
            force=force,
            progress=show_progress,
        )
        outcome = pipeline.analyze(paths, options)
    for problem in outcome.problems:
        say(problem)
    events = [Store(data).event(event_id) for event_id in outcome.analysed + outcome.unchanged]
    if as_json:
        put_json([asdict(event) for event in events if event is not None])
    elif not quiet:
        for event in events:
            if event is not None:
                again = " (unchanged)" if event.event_id in outcome.unchanged else ""
                say(f"{event.event_id}: {event.status.replace('_', ' ')}{again}. {event.verdict}")
                say(f"  {reports / event.event_id / 'report.html'}")
    if outcome.problems:
        raise typer.Exit(WRONG_INPUT)


@app.command()
def trends(
    period: Annotated[Literal["week", "day", "month"], typer.Option("--period", help="What a row is.")] = "week",
    data: Data = Path("data"),
    reports: Reports = Path("reports"),
    csv: Annotated[bool, typer.Option("--csv", help="Rows as CSV on stdout.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tables over all events in the store, per week, day or month; also as reports/trends.html and .csv."""
    from aqa.report.data import table_csv
    from aqa.report.pages import write_trends
    from aqa.store import Store
    from aqa.trends import trend_rows

    with _errors_as(WRONG_INPUT):
        rows = trend_rows(Store(data), period)
        write_trends(rows, reports)
    if as_json:
        put_json(rows)
    elif csv:
        sys.stdout.write(table_csv(rows).decode())
    else:
        from aqa.report.terminal import trends_table

        put(trends_table(rows))


@app.command()
def packets(
    files: Annotated[list[Path], typer.Argument(help="Packet logs and stats dumps.")],
    stream: Annotated[
        str | None, typer.Option("--stream", help="SSRC to look at closely: delay, buffers, bursts, findings.")
    ] = None,
    codec: Annotated[
        list[str] | None, typer.Option("--codec", help="What a payload type is: 111=opus/48000/2. Repeatable.")
    ] = None,
    settings: SettingsFile = None,
    all_streams: Annotated[
        bool, typer.Option("--all", help="On a terminal, all streams; else the worst 40.")
    ] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Rows as CSV on stdout.")] = False,
    as_json: AsJson = False,
) -> None:
    """The RTP streams in packet logs and stats dumps, worst first, and what is wrong with each.

    Worst: most seconds of sound made up by the jitter buffer, then lost %, late %, jitter. Nothing else is needed.
    With --stream, --json prints {"stream": row, "findings": [...]}; a list of such if several have that SSRC.
    """
    with _uncollected(), _errors_as(WRONG_USE):
        from aqa import look
        from aqa.logs import codecs_of

        how = look.Look(
            settings=_settings(settings) if settings or Path("aqa.toml").is_file() else None,
            codecs=codecs_of(codec or []),
            as_json=as_json,
            as_csv=csv,
            all_streams=all_streams,
            cores=_cores(),
        )
        whole = look.streams(files, how) if stream is None else look.one_stream(files, stream, how)
    if not whole:
        raise typer.Exit(WRONG_INPUT)


@app.command()
def export(
    event: Annotated[str, typer.Argument(help="Event id.")],
    form: Annotated[str, typer.Option("--as", help="csv, json or wireshark (display filters).")],
    output: Annotated[Path | None, typer.Option("--output", help="File to write; else stdout.")] = None,
    data: Data = Path("data"),
) -> None:
    """The findings of an event for other programs."""
    from aqa.report.exports import exporter, write_to
    from aqa.store import Store

    with _errors_as(WRONG_USE):
        content = exporter(form)(Store(data).analysis(event))
        if output is None:
            put_bytes(content)
        else:
            write_to(output, content)


@app.command()
def show(
    event: Annotated[str, typer.Argument(help="Event id.")],
    at: Annotated[
        str | None,
        typer.Option("--at", help="Time to look at closely: event time 00:18:24 or seconds, or UTC 22:18:24Z."),
    ] = None,
    around: Annotated[float, typer.Option("--around", min=0.1, help="Seconds either side of --at.")] = 30.0,
    data: Data = Path("data"),
    as_json: AsJson = False,
) -> None:
    """An event in the terminal: verdict, timeline and incidents, worst first; with --at a window with every figure.

    From the store alone. --json prints the findings; with --at one object with the window's incidents, findings,
    seconds and history.
    """
    from aqa.report import show as shown
    from aqa.report.data import finite
    from aqa.report.moments import second_of
    from aqa.store import Store

    with _errors_as(WRONG_USE):
        analysis = Store(data).analysis(event)
        middle = None if at is None else second_of(analysis, at)
    width = _width()
    if middle is None:
        findings = analysis.findings
        put_json([asdict(item) for item in findings]) if as_json else put(shown.event_text(analysis, width))
        return
    window = (middle - around, middle + around)
    if as_json:
        put_json(finite(shown.close_json(analysis, window)))
    else:
        put(shown.close_text(analysis, window, width))


@app.command()
def detectors(as_json: AsJson = False) -> None:
    """The inventory of detectors."""
    from aqa.detector import registry

    if as_json:
        put_json([{"kind": d.kind, "source": d.source, "summary": d.summary} for d in registry().values()])
        return
    for item in registry().values():
        sys.stdout.write(f"{item.kind:<16}{item.source:<11}{item.summary}\n")


@app.command()
def explain(kind: Annotated[str, typer.Argument(help="A kind of finding.")]) -> None:
    """One detector's documentation and its settings."""
    from aqa.detector import registry, settings_text

    if kind not in registry():
        say(f"no detector for {kind!r}; there are {', '.join(registry())}")
        raise typer.Exit(WRONG_USE)
    sys.stdout.write(f"{kind}\n\n{registry()[kind].doc.strip()}\n\n{settings_text(registry()[kind])}")


@app.callback(invoke_without_command=True)
def version(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """What listeners of a live audio room heard go wrong: when, for whom and why."""
    if show_version:
        sys.stdout.write(f"aqa {__version__}\n")
        raise typer.Exit


def _settings(path: Path | None) -> "Settings":
    from aqa.settings import read_settings

    return read_settings(path)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _width() -> int:
    """Columns of the terminal; 100 where the output is none."""
    import shutil

    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without Python's search for cycles, which takes a tenth of the time of `packets` and finds none in it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _errors_as(code: int) -> Iterator[None]:
    """An InputError becomes its message on stderr and this exit code."""
    from aqa.model import InputError

    try:
        yield
    except InputError as error:
        say(str(error))
        raise typer.Exit(code) from error
    except KeyboardInterrupt as interrupt:
        say("interrupted; what is finished is kept, run again to go on")
        raise typer.Exit(INTERRUPTED) from interrupt


if __name__ == "__main__":
    main()
