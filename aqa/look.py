"""What `aqa packets` does: reads each file, says what it could not, prints streams or one of them closely."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aqa.console import put, put_json, put_json_rows, say
from aqa.logs import OneLog, read_one, worst_first
from aqa.model import InputError

if TYPE_CHECKING:
    from aqa.seen import Seen
    from aqa.settings import Settings

MOST_STREAMS = 40
"""Printed on a terminal: more than two screens nobody reads."""
PIPE_COLUMNS = 100
"""Width where there is no terminal, and COLUMNS is not set."""


@dataclass(frozen=True)
class Look:
    """How to read, and what to print."""

    settings: "Settings | None"  # None: the defaults, whose reading takes a tenth of a second
    codecs: Mapping[int, str]
    as_json: bool = False
    as_csv: bool = False
    all_streams: bool = False
    cores: int = 1


def streams(files: Sequence[Path], look: Look) -> bool:
    """Print the streams of all files, worst first; whether each was read to its end."""
    logs, whole = _read(files, look)
    brief = not (look.as_json or look.as_csv)
    found = [log.rows(look.settings, look.cores, brief=brief) for log in logs]
    rows = worst_first([row for mine, _ in found for row in mine])
    if look.as_json:
        put_json_rows([vars(row) for row in rows])
    elif look.as_csv:
        from aqa.report.data import rows_csv  # noqa: PLC0415 - here and below: only what is printed is imported

        sys.stdout.write(rows_csv(rows).decode())
    else:
        from aqa.report.streams_table import streams_text  # noqa: PLC0415

        most = MOST_STREAMS if sys.stdout.isatty() and not look.all_streams else None
        notes = {log.name: _notes(log, left_out) for log, (_, left_out) in zip(logs, found, strict=True)}
        put(streams_text(rows, notes, width=_width(), most=most))
    return whole


def one_stream(files: Sequence[Path], ssrc: str, look: Look) -> bool:
    """Print every stream of this SSRC closely; whether each file was read to its end. InputError if there is none."""
    wanted = _number(ssrc)
    logs, whole = _read(files, look)
    found = [stream for log in logs for stream in log.streams() if stream.ssrc == wanted]
    if not found:
        there = sorted({f"0x{s.ssrc:08x}" for log in logs for s in log.streams() if s.ssrc is not None})
        have = f"there {'is' if len(there) == 1 else 'are'} {', '.join(there)}" if there else "there is no stream"
        raise InputError(f"--stream {ssrc}: not in {', '.join(map(str, files))}; {have}")
    from aqa.report.closeup import closeup  # noqa: PLC0415
    from aqa.seen import look_at  # noqa: PLC0415 - detectors are for a close look only
    from aqa.settings import Settings  # noqa: PLC0415

    seen = [look_at(stream, look.settings or Settings()) for stream in found]
    if look.as_json:
        said = [_as_dict(item) for item in seen]
        put_json(said[0] if len(said) == 1 else said)
    else:
        width = _width()
        put(f"\n\n{'=' * width}\n".join(closeup(i.row, i.findings, i.played, width) for i in seen))
    return whole


def _as_dict(item: "Seen") -> dict[str, object]:
    return {"stream": asdict(item.row), "findings": [asdict(finding) for finding in item.findings]}


def _read(files: Sequence[Path], look: Look) -> tuple[list[OneLog], bool]:
    """What could be read; what could not is said, and costs only itself."""
    logs, whole = [], True
    for file in files:
        try:
            log = read_one(file, look.codecs)
        except InputError as error:
            say(str(error))
            whole = False
            continue
        if log.warning:
            say(log.warning)
            whole = False
        logs.append(log)
    return logs, whole


def _notes(log: OneLog, reasons: Mapping[str, int]) -> list[str]:
    most = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    left_out = ", ".join(f"{many:,} {reason}" for reason, many in most)
    return [*log.notes, *([f"in no stream: {left_out}"] if left_out else [])]


def _number(text: str) -> int:
    try:
        found = int(text, 0)
    except ValueError:
        found = -1
    if not 0 <= found <= 0xFFFFFFFF:
        raise InputError(f"--stream {text}: not an SSRC; write it as the table does, for example 0x1000ca01")
    return found


def _width() -> int:
    return shutil.get_terminal_size((PIPE_COLUMNS, 24)).columns
