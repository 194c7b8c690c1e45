"""Discover events: which files belong together, and what each of them is.

A folder below the one given, with media, packet logs or stats in it, is an event (its sub-folders included); so is a
folder with an `event.toml` or one of the event's series. Files that lie loose in the folder given are one event
per stem. Files are told by content; a name only says that something was meant as a recording or a packet log.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aqa.decode import MEDIA_SUFFIXES, is_media
from aqa.decode_rtp import is_sound
from aqa.history import NAMES
from aqa.manifest import Manifest, PacketLogTable, RecordingTable, read_manifest, safe_id
from aqa.model import InputError
from aqa.packets import is_packet_log
from aqa.playlist import segments
from aqa.stats import is_stats

MARKER = ".aqa-output"
"""A file of this name marks a folder that `aqa` writes; nothing in it is ever read as input."""
LOG_NAMES = frozenset(".pcap .pcapng .cap .rtpdump .rtp .mjr".split())
LATER_NAMES = frozenset(".json .jsonl .log .csv .parquet".split())  # may be logs; ignored, and said, if they are not
HEAD_BYTES = 4096


@dataclass
class EventInput:
    """One event as found on disk: its files by role, what its event.toml says, and what could not be used."""

    root: Path
    event_id: str
    manifest: Manifest = field(default_factory=Manifest)
    recordings: list[str] = field(default_factory=list)  # paths inside root, sorted
    logs: list[str] = field(default_factory=list)
    stats: list[str] = field(default_factory=list)  # dumps of receivers' and senders' own counters
    others: list[str] = field(default_factory=list)  # read as event series or not at all; part of the inputs
    error: str | None = None  # why the event can't be analysed at all

    @property
    def files(self) -> list[str]:
        """Every input of the event."""
        return sorted({*self.recordings, *self.logs, *self.stats, *self.others})

    def recording_table(self, path: str) -> RecordingTable:
        """What event.toml says of a recording."""
        return next((item for item in self.manifest.recordings if item.path == path), RecordingTable(path=path))

    def log_table(self, path: str) -> PacketLogTable:
        """What event.toml says of a packet log."""
        return next((item for item in self.manifest.packet_logs if item.path == path), PacketLogTable(path=path))

    def track_name(self, path: str) -> str:
        """The track of a recording: as set, or a participant of that name, or the mix."""
        stem = Path(path).name.split(".")[0]
        named = self.recording_table(path).track
        return named or (stem if stem in self.manifest.participants else "mix")


def discover(paths: Sequence[Path], outputs: Sequence[Path] = ()) -> list[EventInput]:
    """The events below `paths`, ordered by id; `outputs` are never read. InputError for a path that is not there."""
    skip = {path.resolve() for path in outputs}
    events: list[EventInput] = []
    for path in paths:
        if path.is_dir():
            events.extend(_events_below(path, skip))
        elif path.is_file():
            events.extend(_loose([path]))
        else:
            raise InputError(f"{path}: there is no such file or folder")
    return _distinct([event for event in events if event.files or event.error])


def _events_below(top: Path, skip: set[Path]) -> Iterator[EventInput]:
    files, folders = _listing(top, skip)
    if _marks_event(files):
        yield _event(top, skip)
        return
    yield from _loose(files)
    for folder in folders:
        yield from _events_in(folder, skip)


def _events_in(folder: Path, skip: set[Path]) -> Iterator[EventInput]:
    files, folders = _listing(folder, skip)
    if _marks_event(files) or any(_role(path) in ("recording", "log", "both", "stats") for path in files):
        yield _event(folder, skip)
    else:
        for below in folders:
            yield from _events_in(below, skip)


def _marks_event(files: Sequence[Path]) -> bool:
    return any(path.name == "event.toml" or path.name in NAMES for path in files)


def _listing(folder: Path, skip: set[Path]) -> tuple[list[Path], list[Path]]:
    """Regular files and folders directly inside, sorted; no output folder, nothing hidden, no way out by symlink."""
    files, folders = [], []
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{folder}: can't be listed: {error.strerror}") from error
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith(".") or (entry.is_symlink() and not _stays_inside(path, folder)):
            continue
        if entry.is_dir(follow_symlinks=False):
            if path.resolve() not in skip and not (path / MARKER).exists():
                folders.append(path)
        elif entry.is_file():
            files.append(path)
    return files, folders


def _stays_inside(path: Path, folder: Path) -> bool:
    try:
        return path.resolve(strict=True).is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a dangling link, or a loop
        return False


def _event(folder: Path, skip: set[Path]) -> EventInput:
    event = EventInput(folder, safe_id(folder.resolve().name))
    if (folder / "event.toml").exists():
        event.others.append("event.toml")
        try:
            event.manifest = read_manifest(folder / "event.toml")
        except InputError as error:
            event.error = str(error)
        event.event_id = event.manifest.event.id or event.event_id
    for path in _tree(folder, skip):
        _add(event, path)
    _settle(event)
    return event


def _tree(folder: Path, skip: set[Path]) -> Iterator[Path]:
    files, folders = _listing(folder, skip)
    yield from files
    for below in folders:
        if not (below / "event.toml").exists():
            yield from _tree(below, skip)


def _loose(files: Sequence[Path]) -> Iterator[EventInput]:
    by_stem: dict[str, EventInput] = {}
    for path in files:
        stem = path.name.removesuffix(".gz").rsplit(".", 1)[0] if "." in path.name else path.name
        event = by_stem.setdefault(stem, EventInput(path.parent, safe_id(stem)))
        _add(event, path)
    for event in by_stem.values():
        _settle(event)
        if event.recordings or event.logs or event.stats:
            yield event


def _add(event: EventInput, path: Path) -> None:
    inside = path.relative_to(event.root).as_posix()
    role = _role(path)
    if role in ("recording", "both"):
        event.recordings.append(inside)
    if role in ("log", "both"):
        event.logs.append(inside)
    if role == "stats":
        event.stats.append(inside)
    if role == "other":
        event.others.append(inside)


def _settle(event: EventInput) -> None:
    """What event.toml names has the role it is named for; segments of a playlist are no recordings of their own."""
    named_recordings = {item.path for item in event.manifest.recordings}
    named_logs = {item.path for item in event.manifest.packet_logs if item.path not in event.stats}
    event.stats = sorted({*event.stats} - named_recordings)
    parts = {name for path in event.recordings if path.endswith(".m3u8") for name in _segments(event.root, path)}
    event.recordings = sorted(({*event.recordings} - parts - named_logs) | named_recordings)
    event.logs = sorted(({*event.logs} - named_recordings) | named_logs)
    event.others = sorted({*event.others, *parts} - {*event.recordings, *event.logs})


def _segments(root: Path, playlist: str) -> list[str]:
    try:
        return [file.relative_to(root.absolute()).as_posix() for file in segments(root / playlist)]
    except (InputError, OSError):  # decoding it will say why
        return []


def _role(path: Path) -> str | None:
    """recording, log, both (packets that can be decoded), stats, other (an input, but no such) or None (not ours)."""
    name = path.name.lower().removesuffix(".gz")
    if name == "event.toml" or name in NAMES:
        return "other"
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        head = b""  # its name decides; reading it will say why it can't be read
    if told := _told(head):
        return told
    suffix = Path(name).suffix
    if is_media(head) or suffix in MEDIA_SUFFIXES:
        return "recording"
    if suffix in LOG_NAMES:
        return "log"
    return "other" if suffix in LATER_NAMES else None


def _told(head: bytes) -> str | None:
    """Role of a file that begins as a packet log or stats dump does."""
    if is_packet_log(head):
        return "both" if is_sound(head) else "log"
    return "stats" if is_stats(head) else None


def _distinct(events: list[EventInput]) -> list[EventInput]:
    """Ids made distinct by the parent folder's name where two are equal; ordered by id."""
    seen: dict[str, int] = {}
    for event in events:
        seen[event.event_id] = seen.get(event.event_id, 0) + 1
    taken: set[str] = set()
    for event in events:
        if seen[event.event_id] > 1:
            event.event_id = safe_id(f"{event.root.resolve().parent.name}-{event.event_id}")
        if event.event_id in taken:
            first = next(e.root for e in events if e is not event and e.event_id == event.event_id)
            event.error = (
                f"{event.root}: has the event id {event.event_id!r} of {first}; set [event] id in event.toml"
            )
        taken.add(event.event_id)
    return sorted(events, key=lambda event: (event.event_id, str(event.root)))
