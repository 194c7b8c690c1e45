"""The main job on one page: discover, measure, judge, store, report, refresh the index and the trends."""

import dataclasses
import hashlib
import json
import logging
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from pebble import ProcessPool

from aqa import __version__
from aqa.compare import Plan, compare, not_aligned, plans
from aqa.decode import open_recording
from aqa.event_model import EventRow
from aqa.history import read_history
from aqa.judge import judge
from aqa.measures.track import measure
from aqa.model import InputError
from aqa.mos import with_mos
from aqa.packed import Packed
from aqa.packets import PacketLog, read_log
from aqa.recordings import MARKER, EventInput, discover
from aqa.report.pages import report_event, write_index, write_trends
from aqa.settings import Settings
from aqa.sound_model import Media, Track
from aqa.stats import read_stats_log
from aqa.store import Store
from aqa.stream_model import StatsLog
from aqa.talk import with_talk
from aqa.timeline import Compared, Input, Measured
from aqa.trends import trend_rows
from aqa.vad import Listening

log = logging.getLogger("aqa")

Task = Callable[..., Any]


@dataclass
class Options:
    """Where to write, how to judge, how many workers."""

    data: Path = Path("data")
    reports: Path = Path("reports")
    settings: Settings = field(default_factory=Settings)
    jobs: int = 1
    force: bool = False
    progress: Callable[[int, int, str], None] = lambda done, total, event: None  # in bytes


@dataclass
class Outcome:
    """What a run did."""

    analysed: list[str] = field(default_factory=list)  # event ids
    unchanged: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # one line per input that could not be read, or not whole


def analyze(paths: Sequence[Path], options: Options) -> Outcome:
    """Analyse every event below `paths` that is new or changed."""
    events = discover(paths, (options.data, options.reports))
    if not events:
        names = ", ".join(str(path) for path in paths)
        raise InputError(
            f"{names}: no recording, no packet log and no stats in it; see `aqa analyze --help` for what is read"
        )
    outcome, store = Outcome(), Store(options.data)
    for folder in (options.data, options.reports):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).touch()
    todo = [item for event in events if (item := _changed(event, store, options, outcome)) is not None]
    if todo:
        _run(todo, store, options, outcome)
    refresh(store, options.reports)
    return outcome


def refresh(store: Store, reports: Path) -> None:
    """Write the index over events and the weekly trends again."""
    write_index(store.events(), reports)
    write_trends(trend_rows(store), reports)


@dataclass
class _Job:
    """One event to do: its inputs and what they and the settings hash to."""

    event: EventInput
    inputs: list[Input]
    fingerprint: str
    futures: dict[tuple[str, str], Any] = field(default_factory=dict)  # by role and path: a file may have two

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.inputs)


def _changed(event: EventInput, store: Store, options: Options, outcome: Outcome) -> _Job | None:
    """The event as a job; None where it can't be analysed, or nothing has changed since it was."""
    if event.error:
        outcome.problems.append(event.error)
        return None
    inputs = [_input(event.root, path) for path in event.files]
    text = json.dumps([__version__, options.settings.text(), [dataclasses.astuple(item) for item in inputs]])
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    old = store.event(event.event_id)
    report = options.reports / event.event_id / "report.html"
    if old is not None and old.fingerprint == fingerprint and report.is_file() and not options.force:
        outcome.unchanged.append(event.event_id)
        outcome.problems += _located(event, old)
        return None
    return _Job(event, inputs, fingerprint)


def _input(root: Path, path: str) -> Input:
    try:
        with (root / path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Input(path, file.tell(), digest)
    except OSError:
        return Input(path, 0, "")  # measuring it will say why


def _run(todo: Sequence[_Job], store: Store, options: Options, outcome: Outcome) -> None:
    """Measure in workers, a few events ahead; judge, store and report each event as soon as it is measured."""
    total, done = sum(job.bytes for job in todo), 0
    waiting: deque[_Job] = deque()
    # spawn, not fork: polars and numba hold threads, and a forked lock never opens
    pool = ProcessPool(
        max_workers=options.jobs, context=get_context("spawn"), initializer=_worker, initargs=(os.getpid(),)
    )
    try:
        for job in [*todo, None]:
            while waiting and (job is None or sum(len(item.futures) for item in waiting) >= 2 * options.jobs):
                ready = waiting.popleft()
                options.progress(done, total, ready.event.event_id)
                _finish(ready, store, options, outcome, pool)
                done += ready.bytes
            if job is not None:
                _schedule(job, pool, options.settings)
                waiting.append(job)
        options.progress(total, total, "")
        pool.close()
    finally:
        pool.stop()
        pool.join()


def _worker(parent: int) -> None:
    """What a worker does first: leave interrupts to the main process, and go when that has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _schedule(job: _Job, pool: ProcessPool, settings: Settings) -> None:
    codecs = dict(job.event.manifest.codecs)
    sizes = {item.path: item.bytes for item in job.inputs}
    for path in job.event.recordings:
        arguments = (job.event.root / path, settings.vad.model, settings.optional(), settings.mos.windows)
        job.futures["recording", path] = pool.schedule(_recording, arguments, timeout=_patience(sizes.get(path, 0)))
    for path in job.event.logs:
        named = (job.event.root / path, path, codecs)
        job.futures["log", path] = pool.schedule(_packet_log, named, timeout=_patience(sizes.get(path, 0)))
    for path in job.event.stats:
        patience = _patience(sizes.get(path, 0))
        job.futures["stats", path] = pool.schedule(_stats_log, (job.event.root / path, path), timeout=patience)


def _patience(size: int) -> float:
    """Seconds after which a worker counts as hung: 10 minutes and 20 s per MB, thousands of times what is usual."""
    return 600 + size / 50_000


def _recording(path: Path, vad: str, optional: tuple[str, ...], rated: int) -> tuple[Media, list[Packed]]:
    decoder = open_recording(path)
    if vad == "silero":
        listening = Listening(decoder)
        tracks = listening.heard(measure(listening, optional=optional))
    else:
        tracks = measure(decoder, optional=optional)
    if rated:
        tracks = with_mos(tracks, open_recording(path).blocks(), rated)
    if vad == "own":
        tracks = [with_talk(track) for track in tracks]
    return decoder.media, [Packed.of(track) for track in tracks]


def _packet_log(path: Path, name: str, codecs: dict[int, str]) -> PacketLog:
    return read_log(path, name=name, codecs=codecs)


def _stats_log(path: Path, name: str) -> StatsLog:
    return read_stats_log(path, name=name)


def _finish(job: _Job, store: Store, options: Options, outcome: Outcome, pool: ProcessPool) -> None:
    measured = _collect(job)
    measured = dataclasses.replace(measured, compared=_compared(job, measured, pool))
    analysis = judge(measured, options.settings, job.fingerprint)
    tracks = {path: channels for path, (_, channels) in measured.recordings.items()}
    report_event(analysis, root=job.event.root, out=options.reports)
    store.write(analysis, tracks)
    outcome.analysed.append(analysis.event.event_id)
    outcome.problems += _located(job.event, analysis.event)


def _compared(job: _Job, measured: Measured, pool: ProcessPool) -> tuple[Compared, ...]:
    """Recordings of the same room held against each other: needs the sound, so files are read once more."""
    sizes = {item.path: item.bytes for item in job.inputs}
    waiting: list[tuple[Plan, Any]] = []
    for plan in plans(measured):
        pair = (plan.first, plan.second)
        arguments = (*(job.event.root / path for path in pair), plan.offsets_s)
        patience = _patience(sum(sizes.get(path, 0) for path in pair))
        future = None if plan.offsets_s is None else pool.schedule(compare, arguments, timeout=patience)
        waiting.append((plan, future))
    found = []
    for plan, future in waiting:
        alignment = not_aligned(plan.why)
        if future is not None:
            result, problem = _result(future, plan.second)
            alignment = not_aligned(_inside(problem, job, plan.second)) if problem else result
        found.append(Compared(plan.first, plan.second, alignment))
    return tuple(found)


def _located(event: EventInput, row: EventRow) -> list[str]:
    """The event's problems, which begin with paths inside it, as lines for the user, who needs the whole path."""
    return [f"{event.root / ''}/{text}".replace("//", "/") for text in json.loads(row.problems)]


def _collect(job: _Job) -> Measured:
    """Wait for the event's workers; what fails costs only itself."""
    recordings: dict[str, tuple[Media, list[Track]]] = {}
    logs: dict[str, PacketLog] = {}
    stats: dict[str, StatsLog] = {}
    problems: dict[str, str] = {}
    for (role, path), future in job.futures.items():
        result, problem = _result(future, path)
        if problem:
            problems[path] = _inside(problem, job, path)
            if role == "recording":
                recordings[path] = (Media(path, error=problems[path]), [])
        elif role == "recording":
            recordings[path] = (result[0], [packed.unpacked() for packed in result[1]])
            problems.update(_not_whole(job, path, result[0]))
        else:
            logs.update({path: result} if role == "log" else {})
            stats.update({path: result} if role == "stats" else {})
            if result.warning:
                problems[path] = _inside(result.warning, job, path)
    history = read_history(job.event.root, job.event.others)
    problems.update(history.problems)
    return Measured(job.event, job.inputs, recordings, logs, stats, problems, history)


def _result(future: Any, path: str) -> tuple[Any, str | None]:
    """What a worker gave, or why it gave nothing."""
    while not future.done():  # a wait without an end is deaf to an interrupt that another thread was given
        wait([future], timeout=0.5)
    try:
        return future.result(), None
    except InputError as error:
        return None, str(error)
    except TimeoutError:
        return None, f"{path}: reading it took too long and was given up"
    except Exception as error:  # a worker that died, or a fault of ours: say so, and go on with the rest
        log.debug("worker failed", exc_info=error)
        return None, f"{path}: could not be analysed ({type(error).__name__}: {error})"


def _inside(message: str, job: _Job, path: str) -> str:
    """A message without this machine's folders: reports are the same wherever they are made."""
    text = message.replace(str(job.event.root / path), path).replace(f"{job.event.root}/", "")
    return text if text.startswith(path) else f"{path}: {text}"


def _not_whole(job: _Job, name: str, media: Media) -> dict[str, str]:
    """The message of a recording that was read in part."""
    if media.error:
        return {name: _inside(media.error, job, name)}
    if not media.damaged:
        return {}
    first, lost = media.damaged[0], sum(hole.end_s - hole.start_s for hole in media.damaged)
    where = (
        f"{lost:.3f} s could not be decoded, first at {first.start_s:.3f} s" if lost else f"at {first.start_s:.3f} s"
    )
    return {name: _inside(f"{name}: damaged: {where} ({first.reason}); the rest was analysed", job, name)}
