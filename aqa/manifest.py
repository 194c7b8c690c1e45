"""`event.toml`: what only the people who ran the room can know.

Everything in it is optional. All mistakes are told at once, each naming file, key, value and what would be right.
"""

import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from aqa.model import InputError

MOST_BYTES = 1_000_000  # an event.toml larger than this is no event.toml


def _inside(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("must be a path inside the event's folder")
    return str(path)


def _identity(text: str) -> str:
    if safe_id(text) != text:
        raise ValueError(f"may hold letters, digits, '.', '_' and '-' only, for example {safe_id(text)!r}")
    return text


def _ssrc(value: Any) -> Any:
    return int(value, 0) if isinstance(value, str) and re.fullmatch(r"0[xX][0-9a-fA-F]+|\d+", value) else value


def _codec(text: str) -> str:
    if not re.fullmatch(r"[\w.+-]+/\d+(/\d+)?", text):
        raise ValueError("must be name/clock rate in Hz/channels, for example opus/48000/2")
    return text


Inside = Annotated[str, AfterValidator(_inside)]
Ssrc = Annotated[int, BeforeValidator(_ssrc), Field(ge=0, le=0xFFFFFFFF)]
Vantage = Literal["sender", "sfu-in", "sfu-out", "receiver", "recorder"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EventTable(_Table):
    """`[event]`."""

    id: Annotated[str, AfterValidator(_identity)] | None = None
    title: str | None = None
    scheduled_start: AwareDatetime | None = None


class RoomTable(_Table):
    """One of `[[rooms]]`."""

    id: str
    opened: AwareDatetime | None = None
    closed: AwareDatetime | None = None


class RecordingTable(_Table):
    """One of `[[recordings]]`."""

    path: Inside
    room: str | None = None
    track: str | None = None
    start: AwareDatetime | None = None
    recorder: str | None = None
    intended_audio: bool = True


class PacketLogTable(_Table):
    """One of `[[packet_logs]]`; `clock_offset_s` is added to the log's times to give UTC."""

    path: Inside
    room: str | None = None
    vantage: Vantage | None = None
    clock_offset_s: float = Field(default=0.0, allow_inf_nan=False)


class ParticipantTable(_Table):
    """`[participants.NAME]`."""

    ssrc: tuple[Ssrc, ...] = ()
    region: str | None = None
    node: str | None = None


class Manifest(_Table):
    """The whole of `event.toml`."""

    event: EventTable = EventTable()
    rooms: tuple[RoomTable, ...] = ()
    recordings: tuple[RecordingTable, ...] = ()
    packet_logs: tuple[PacketLogTable, ...] = ()
    participants: dict[str, ParticipantTable] = {}
    codecs: dict[Annotated[int, Field(ge=0, le=127)], Annotated[str, AfterValidator(_codec)]] = {}

    def participant_of(self, ssrc: int) -> str | None:
        """Who sends with this SSRC, if somebody is named."""
        return next((name for name, who in self.participants.items() if ssrc in who.ssrc), None)


def safe_id(text: str) -> str:
    """`text` as an event id that is a safe file name everywhere."""
    cleaned = re.sub(r"[^\w.-]+", "_", text).strip("._") or "event"
    return cleaned[:100]


def read_manifest(path: Path) -> Manifest:
    """The checked contents of `path`; InputError naming every mistake when it is wrong."""
    manifest: Manifest = read_toml(path, Manifest)
    named = [*(item.path for item in manifest.recordings), *(item.path for item in manifest.packet_logs)]
    missing = [name for name in named if not (path.parent / name).is_file()]
    if missing:
        lines = [f"{path}: path = {name!r}: there is no such file beside event.toml" for name in missing]
        raise InputError("\n".join(lines))
    return manifest


def read_toml(path: Path, model: type[BaseModel]) -> Any:
    """A TOML file as `model`; InputError with one line per mistake: file, key, value, what would be right."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise InputError(f"{path}: larger than {MOST_BYTES} bytes; that is no settings file")
        return model.model_validate(tomllib.loads(text.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not TOML: {error}") from error
    except OSError as error:
        raise InputError(f"{path}: can't be read: {error.strerror}") from error
    except ValidationError as error:
        raise InputError("\n".join(f"{path}: {_mistake(item)}" for item in error.errors())) from error


def _mistake(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"unknown key {key} = {item['input']!r:.80}; remove it or correct its name"
    return f"{key} = {item['input']!r:.80}: {item['msg'].removeprefix('Value error, ')}"
