"""The whole path in tests: frames written as a capture file, read as a log, counted as rows, judged by detectors."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from captures import Frames, Packet, frames, pcap

from aqa import packets
from aqa.detector import registry
from aqa.model import Finding
from aqa.playout import Buffer, Played, play
from aqa.stream_model import Stream, StreamRow
from aqa.streams import stream_row


def read(tmp_path: Path, raw: bytes, codecs: Mapping[int, str] | None = None) -> packets.PacketLog:
    path = tmp_path / "log"
    path.write_bytes(raw)
    return packets.read_log(path, name="log", codecs=codecs or {})


def capture(tmp_path: Path, items: Frames, codecs: Mapping[int, str] | None = None) -> packets.PacketLog:
    """`items` as a pcap file of nanoseconds, read."""
    return read(tmp_path, pcap(items, nano=True), codecs)


def only(tmp_path: Path, sent: Iterable[Packet], codecs: Mapping[int, str] | None = None) -> Stream:
    """The one stream of a capture of these packets, in order of arrival."""
    log = capture(tmp_path, frames(sorted(sent, key=lambda p: p.arrival_s)), codecs)
    (stream,) = log.streams
    assert log.skipped == {} and log.warning is None
    return stream


def row(stream: Stream, playout: Buffer | None = None) -> StreamRow:
    return stream_row(stream, stream.log_start_ns, playout=playout)


def found(stream: Stream) -> list[Finding]:
    """What all packet detectors find in it, with the default buffer."""
    played = Played(stream, play(stream, Buffer()))
    subjects = {Stream: stream, Played: played}
    return [
        finding
        for item in registry().values()
        if item.subject in subjects
        for finding in item(subjects[item.subject])
    ]


def kinds(stream: Stream) -> list[str]:
    return [finding.kind for finding in found(stream)]
