"""What the commands print: data on stdout, messages and progress on stderr, never a control sequence of an input."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar with an estimate on a terminal; nothing without one."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total, what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.fields[what]}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, what="")
        yield lambda done, total, what: bar.update(task, completed=done, total=total, what=what)


def clean(text: str) -> str:
    """Text from inputs without control sequences: a terminal shows it, and does nothing else with it."""
    return "".join(
        c if c in "\n\t\N{NO-BREAK SPACE}" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def say(text: str) -> None:
    """A message, on stderr."""
    sys.stderr.write(clean(text) + "\n")


def put(text: str) -> None:
    """Data for people, on stdout."""
    sys.stdout.write(clean(text) + "\n")


def put_json(rows: Any) -> None:
    """Data for programs, on stdout."""
    sys.stdout.write(json.dumps(rows, indent=1, ensure_ascii=True) + "\n")


def put_json_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """As `put_json`, for rows that hold no lists: by json's fast encoder, which knows no indents."""
    texts = (json.dumps(row, ensure_ascii=True, separators=(",\n  ", ": "))[1:-1] for row in rows)
    whole = ",\n ".join(f"{{\n  {text}\n }}" for text in texts)
    sys.stdout.write(f"[\n {whole}\n]\n" if rows else "[]\n")


def put_bytes(content: bytes) -> None:
    """Data for programs, on stdout, line ends as they are."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
