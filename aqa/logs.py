"""The streams of packet logs and stats dumps, without an event around them, and their rows, worst first.

Seconds are those since the first packet of the log.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aqa.chunks import head
from aqa.model import InputError
from aqa.packets import OpenLog, is_packet_log, open_log
from aqa.playout import Played
from aqa.reported import joined
from aqa.stream_model import StatsTrack, Stream, StreamRow
from aqa.streams import stream_row

if TYPE_CHECKING:
    from aqa.settings import Settings


@dataclass(frozen=True)
class OneLog:
    """One packet log or stats dump, read; streams of packets are made when they are asked for."""

    name: str
    packets: OpenLog | None
    tracks: tuple[StatsTrack, ...]
    warning: str | None  # why it was not read to its end
    notes: tuple[str, ...]  # what it does not hold, in words for people

    def streams(self) -> Iterator[Stream | StatsTrack]:
        """Every stream of packets, or of counters, in no order."""
        yield from self.tracks
        if self.packets is not None:
            yield from self.packets.streams()

    def rows(
        self, settings: "Settings | None", cores: int, *, brief: bool = False
    ) -> tuple[list[StreamRow], dict[str, int]]:
        """The row of every stream, `brief` ones as `stream_row` says; how many frames are in none, by reason."""
        if self.packets is None:
            return [row_of(track, settings) for track in self.tracks], {}
        rows, left_out = self.packets.each(lambda stream: row_of(stream, settings, brief=brief), cores)
        return joined(rows), left_out


def read_one(file: Path, codecs: Mapping[int, str]) -> OneLog:
    """A packet log or stats dump, told by content; InputError if nothing of it can be read."""
    if not _holds_packets(file) and _holds_stats(file):
        return _read_stats(file)
    log = open_log(file, name=str(file), codecs=codecs)
    notes = [log.note] if log.note else []
    if log.table.cut_frames:
        notes.append(
            f"{log.table.cut_frames:,} packets are in it only in part (snap length): losses and times are right,"
            " copies inside payloads may not be seen"
        )
    return OneLog(str(file), log, (), log.warning, tuple(notes))


def _holds_packets(file: Path) -> bool:
    try:
        return is_packet_log(head(file))
    except OSError:
        return False  # reading it will say why


def _holds_stats(file: Path) -> bool:
    from aqa.stats import holds_stats  # noqa: PLC0415 - a capture needs none of it

    return holds_stats(file)


def _read_stats(file: Path) -> OneLog:
    from aqa.receivers import carried  # noqa: PLC0415
    from aqa.stats import read_stats_log  # noqa: PLC0415

    dump = read_stats_log(file, name=str(file))
    tracks = tuple(track for track in dump.tracks if carried(track))
    empty = sum(track.direction != "playout" for track in dump.tracks) - len(tracks)
    unused = (f"{empty} stream{'s' * (empty > 1)} without a packet: announced, never used",) if empty else ()
    return OneLog(str(file), None, tracks, dump.warning, (*dump.notes, *unused))


def codecs_of(texts: Sequence[str]) -> dict[int, str]:
    """`111=opus/48000/2` as event.toml's [codecs] has it; InputError says what is wrong with one."""
    if not texts:
        return {}
    from pydantic import ValidationError  # noqa: PLC0415 - a tenth of a second

    from aqa.manifest import Manifest  # noqa: PLC0415

    found: dict[int, str] = {}
    for text in texts:
        kind, _, name = text.partition("=")
        try:
            found |= Manifest.model_validate({"codecs": {kind.strip(): name.strip()}}).codecs
        except ValidationError as error:
            raise InputError(
                f"--codec {text}: write payload type (0 to 127), =, name/clock rate in Hz/channels:"
                " for example 111=opus/48000/2"
            ) from error
    return found


def row_of(
    stream: Stream | StatsTrack, settings: "Settings | None", played: Played | None = None, *, brief: bool = False
) -> StreamRow:
    """The row of one stream, with the buffer and the E-model rows of the settings; None: the defaults."""
    if isinstance(stream, StatsTrack):
        from aqa.receivers import track_row  # noqa: PLC0415 - a capture needs none of it

        return track_row(stream, stream.log_start_ns)
    buffer, rows = (settings.playout.buffer(), settings.emodel.codec_rows()) if settings else (None, None)
    return stream_row(stream, stream.log_start_ns, playout=buffer, played=played, rows=rows, brief=brief)


def cost(row: StreamRow) -> tuple[float, float, float, float]:
    """What "worst" means: seconds of made-up sound, then shares lost and late, then largest jitter.

    Where no buffer was run, lost (of stats: audibly made-up) shares of the stream's time stand for made-up sound.
    """
    span_s = row.last_s - row.first_s
    lost_pct = max(row.loss_pct or 0.0, 0.0)
    heard_pct = row.concealed_pct if row.audible_concealed_pct is None else row.audible_concealed_pct
    made_up_pct = lost_pct if heard_pct is None else heard_pct
    made_up_s = made_up_pct / 100 * span_s if row.concealed_s is None else row.concealed_s
    return made_up_s, lost_pct, (row.late or 0) / max(row.packets, 1), row.jitter_max_ms or 0.0


def worst_first(rows: Sequence[StreamRow]) -> list[StreamRow]:
    """The rows by `cost`, the dearest first; like ones by log and SSRC."""
    return sorted(rows, key=lambda row: ([-part for part in cost(row)], row.log, row.ssrc))
