"""Read a packet log: tell its format, parse its frames, group RTP packets into streams, count them."""

import dataclasses
import importlib
import ipaddress
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa import chunks
from aqa.frames import Columns, Table
from aqa.measures import delay, loss, rtp
from aqa.model import InputError, SecondRow, Stream, StreamRow

MAX_SECONDS = 100_000  # rows for one stream: over a day; a clock that lies must not fill the store


@dataclass(frozen=True)
class PacketLog:
    """What one packet log holds."""

    name: str
    format: str
    start_ns: int | None  # UTC of its first packet of any kind
    end_ns: int | None
    packets: int  # frames seen
    skipped: dict[str, int]  # frames that are in no stream, by reason
    streams: tuple[Stream, ...]  # by first packet, then SSRC and flow
    warning: str | None  # why it was not read to its end


@cache
def _formats() -> tuple[ModuleType, ...]:
    """Every module of the inventory that tells (`sniff`) and reads (`read`) a packet log."""
    folder = importlib.import_module("aqa.formats")
    found = (importlib.import_module(f"aqa.formats.{item.name}") for item in pkgutil.iter_modules(folder.__path__))
    return tuple(module for module in found if hasattr(module, "sniff") and hasattr(module, "read"))


def _format_of(head: bytes, name: str = "") -> ModuleType | None:
    says_yes = [module for module in _formats() if module.sniff(head)]
    if len(says_yes) > 1:
        names = ", ".join(_short(module) for module in says_yes)
        raise InputError(f"{name}: byte 0: more than one format claims it ({names}); this is a bug, report it")
    return says_yes[0] if says_yes else None


def _short(module: ModuleType) -> str:
    return module.__name__.rsplit(".", 1)[-1]


def is_packet_log(head: bytes) -> bool:
    """Whether a file with these first bytes, plain or gzip, is a packet log. A few hundred bytes are enough."""
    return _format_of(chunks.unpacked(head)) is not None


def read_log(path: Path, *, name: str, codecs: Mapping[int, str]) -> PacketLog:
    """Everything in one packet log; `codecs` gives "opus/48000/2" by payload type. InputError if nothing is read.

    `name` is what messages call the file.
    """
    try:
        head = chunks.head(path)
        if not head:
            raise InputError(f"{name}: byte 0: the file is empty or not readable as gzip; fetch or record it again")
        module = _format_of(head, name)
        if module is None:
            known = ", ".join(_short(module) for module in _formats())
            raise InputError(f"{name}: byte 0: no known packet log ({known}); convert it, or leave it out")
        table = Table()
        warning = _fill(table, module, path, name)
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or error}; check the file and its permissions") from error
    if warning and not table.frames:
        raise InputError(warning)
    streams, skipped = _streams(table, name, codecs)
    return PacketLog(
        name, _short(module), table.start_ns, table.end_ns, table.frames, skipped, tuple(streams), warning
    )


def _fill(table: Table, module: ModuleType, path: Path, name: str) -> str | None:
    try:
        for records in module.read(path):
            table.add(records)
    except chunks.DamagedError as error:
        return f"{name}: {error}"
    return None


def _streams(table: Table, name: str, codecs: Mapping[int, str]) -> tuple[list[Stream], dict[str, int]]:
    columns = table.columns()
    skipped = table.skipped()
    found, used = [], 0
    for key, rows in _groups(columns):
        packets = _arrivals(columns, rows)
        if rtp.looks_like_rtp(packets):
            place = _place(table.keys[key], name, table.start_ns or 0)
            found.append(rtp.make_stream(place, packets, codecs))
            used += len(found[-1].arrival_ns)
    if len(columns.key) > used:
        skipped["no stream of RTP"] = len(columns.key) - used
    found.sort(key=lambda stream: (int(stream.arrival_ns[0]), stream.ssrc, stream.src, stream.dst))
    return found, skipped


def _groups(columns: Columns) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """(Flow, SSRC) key and rows in file order, where there are enough to tell."""
    order = np.argsort(columns.key, kind="stable")
    starts = np.flatnonzero(np.diff(columns.key[order], prepend=-1))
    ends = np.append(starts[1:], len(order))
    enough = ends - starts >= rtp.MIN_PACKETS
    for start, end in zip(starts[enough].tolist(), ends[enough].tolist(), strict=True):
        yield int(columns.key[order[start]]), order[start:end]


def _arrivals(columns: Columns, rows: NDArray[np.int64]) -> rtp.Arrivals:
    return rtp.Arrivals(
        columns.arrival_ns[rows], columns.sequence[rows], columns.timestamp[rows], columns.payload_type[rows],
        columns.marker[rows], columns.payload_bytes[rows].astype(np.int64),
    )  # fmt: skip


def _place(key: NDArray[np.uint8], name: str, start_ns: int) -> rtp.Place:
    raw = key.tobytes()
    ports = [int.from_bytes(raw[at : at + 2], "big") for at in (32, 34)]
    return rtp.Place(
        name, start_ns, int.from_bytes(raw[36:], "big"), _end(raw[:16], ports[0]), _end(raw[16:32], ports[1])
    )


def _end(address: bytes, port: int) -> str:
    """Address and port as text; IPv6 in brackets (RFC 3986 3.2.2)."""
    host = ipaddress.IPv6Address(address)
    return f"{host.ipv4_mapped}:{port}" if host.ipv4_mapped else f"[{host}]:{port}"


def stream_row(stream: Stream, base_ns: int) -> StreamRow:
    """The counts and times of one stream; seconds since `base_ns` (UTC)."""
    expected, lost = rtp.counts(stream)
    return StreamRow(
        log=stream.log,
        ssrc=f"0x{stream.ssrc:08x}",
        src=stream.src,
        dst=stream.dst,
        payload_type=stream.payload_type,
        codec=stream.codec,
        clock_rate_hz=stream.clock_rate_hz,
        clock_rate_from=stream.clock_rate_from,
        clock_rates=_clock_rates(stream),
        stretches=len(stream.stretch_clock_hz),
        packets=len(stream.arrival_ns),
        expected=expected,
        lost=lost,
        loss_pct=100 * lost / expected,
        duplicates=int(stream.duplicate.sum()),
        reordered=int(rtp.reordered(stream).sum()),
        steps_back=int((np.diff(stream.sequence[~stream.duplicate]) < 0).sum()),
        first_s=(int(stream.arrival_ns.min()) - base_ns) * 1e-9,
        last_s=(int(stream.arrival_ns.max()) - base_ns) * 1e-9,
        delta_max_ms=float(delay.pauses_ms(stream).max()),
        skew_ppm=delay.skew_ppm(stream),
        **_timing(stream),
        **_structure(stream, expected),
    )


def _clock_rates(stream: Stream) -> str:
    texts = ["?" if hz is None else str(hz) for hz in stream.stretch_clock_hz]
    return ", ".join(text for i, text in enumerate(texts) if i == 0 or text != texts[i - 1])


def _timing(stream: Stream) -> dict[str, Any]:
    jitter = delay.jitter_ms(stream)
    jitter = jitter[np.isfinite(jitter)]
    late = delay.relative_delay_ms(stream)
    late = late[np.isfinite(late)]
    if not len(jitter) or not len(late):
        return {}
    p50, p95, p99 = np.percentile(late, (50, 95, 99)).tolist()
    return {
        "jitter_ms": float(jitter[-1]),
        "jitter_mean_ms": float(jitter.mean()),
        "jitter_max_ms": float(jitter.max()),
        "pdv_p50_ms": p50,
        "pdv_p95_ms": p95,
        "pdv_p99_ms": p99,
    }


def _structure(stream: Stream, expected: int) -> dict[str, Any]:
    found = dataclasses.asdict(loss.structure(stream, loss.loss_runs(stream), expected))
    renamed = {"bursts": "loss_bursts", "run_max": "loss_run_max"}
    return {renamed.get(key, key): value for key, value in found.items()}


def stream_seconds(stream: Stream, base_ns: int) -> list[SecondRow]:
    """Per second since `base_ns`: packets, expected, lost and the largest relative delay; second by second."""
    at = np.floor_divide(stream.arrival_ns - base_ns, 1_000_000_000)
    runs = loss.loss_runs(stream)
    lost_at = np.floor(np.repeat(runs.start_s, runs.count) + _inside(runs) + (stream.log_start_ns - base_ns) * 1e-9)
    low, high = int(at.min()), int(at.max())
    size = min(high - low + 1, MAX_SECONDS)
    kept = at - low < size
    packets, unique = (np.bincount((at - low)[keep], minlength=size) for keep in (kept, kept & ~stream.duplicate))
    where = np.clip(lost_at - low, 0, size - 1).astype(np.int64)
    lost = np.bincount(where, minlength=size)
    late = delay.relative_delay_ms(stream)
    known = kept & np.isfinite(late)
    largest = np.full(size, np.nan)
    np.fmax.at(largest, (at - low)[known], late[known])
    return [
        SecondRow(
            second=low + i,
            log=stream.log,
            stream=f"0x{stream.ssrc:08x}",
            packets=int(packets[i]),
            expected=int(unique[i] + lost[i]),
            lost=int(lost[i]),
            delay_max_ms=None if np.isnan(largest[i]) else float(largest[i]),
        )
        for i in range(size)
    ]


def _inside(runs: loss.LossRuns) -> NDArray[np.float64]:
    """Seconds from the start of its run for each lost packet."""
    total = int(runs.count.sum())
    begins = np.repeat(np.cumsum(runs.count) - runs.count, runs.count)
    return np.asarray((np.arange(total) - begins) * np.repeat(runs.frame_s, runs.count), np.float64)
