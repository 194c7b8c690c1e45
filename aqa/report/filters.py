"""Wireshark display filters: from a finding in packets to the packets themselves.

Field names are those of Wireshark's display filter reference (frame, ip, ipv6, udp, rtp). Wireshark takes UDP for
RTP only where a signalling dialogue in the same file says so: else enable the heuristic `rtp_udp` (tshark:
`--enable-heuristic rtp_udp`) or decode the port as RTP.
"""

import dataclasses
import ipaddress
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from aqa.model import Finding, utc_ns
from aqa.stream_model import StreamRow

MARGIN_S = 0.1  # either side of a time range: the packets around a fault, and times that are written to 1 ms
WRAP_S = 30.0  # either side of sequence numbers that come again: at 2.5 ms a packet they do so after 164 s
_CYCLE = 1 << 16  # RFC 3550 5.1: a sequence number has 16 bits


def wireshark_filter(finding: Finding, row: StreamRow, *, clock_offset_s: float = 0.0) -> str:
    """The display filter that shows the packets of a finding, with those just before and after it.

    Args:
        finding: a finding in packets, placed on the event.
        row: the stream it is of.
        clock_offset_s: what `event.toml` adds to the times of that log; the capture has them without it.

    Returns:
        The stream's flow and SSRC, then its sequence numbers where the evidence has the first and the last (loss,
        late), else the time range; the stream alone where neither is known. Flows are taken to be UDP.
    """
    parts = [*_end("src", row.src), *_end("dst", row.dst), f"rtp.ssrc == {row.ssrc}"]
    sequence = _sequence(finding)
    if sequence:
        parts.append(sequence)
    if not sequence or row.expected is None or row.expected > _CYCLE or row.resets:
        parts += _times(finding, WRAP_S if sequence else MARGIN_S, clock_offset_s)
    return " && ".join(parts)


def wireshark_filters(findings: Iterable[Finding], rows: Iterable[StreamRow]) -> dict[str, str]:
    """The filter of each finding in packets by its id; without a flow where several in the log have its SSRC."""
    streams: dict[tuple[str | None, str | None], StreamRow] = {}
    for row in rows:
        key = (row.log, row.ssrc)
        streams[key] = dataclasses.replace(row, src="", dst="", expected=None) if key in streams else row
    return {
        item.finding_id: wireshark_filter(item, streams[item.log, item.stream])
        for item in findings
        if item.source == "packets" and (item.log, item.stream) in streams
    }


def _end(side: str, end: str) -> list[str]:
    """Address and port of one end, `192.0.2.1:5004` or `[2001:db8::1]:5004`; nothing where it is neither."""
    host, _, port = end.rpartition(":")
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return []  # logs that are no captures name their flows as they like
    if not (port.isascii() and port.isdigit()):
        return []
    return [f"{'ip' if address.version == 4 else 'ipv6'}.{side} == {address}", f"udp.{side}port == {int(port)}"]


def _sequence(finding: Finding) -> str:
    """From the packet before the first to the one after the last, over the wrap if need be."""
    facts = json.loads(finding.evidence)
    first, last = facts.get("first_sequence"), facts.get("last_sequence")
    if first is None or last is None or (finding.unit == "packets" and (finding.value or 0) >= _CYCLE - 2):
        return ""
    low, high = (first - 1) % _CYCLE, (last + 1) % _CYCLE
    if low <= high:
        return f"rtp.seq >= {low} && rtp.seq <= {high}"
    return f"(rtp.seq >= {low} || rtp.seq <= {high})"


def _times(finding: Finding, margin_s: float, clock_offset_s: float) -> list[str]:
    """The time of the finding on the capture's clock, seconds since 1970; nothing where no UTC is known."""
    if finding.start_utc is None:
        return []
    start_ns = utc_ns(datetime.fromisoformat(finding.start_utc).astimezone(UTC))
    first_ns = start_ns - round((clock_offset_s + margin_s) * 1e9)
    last_ns = start_ns + round((finding.end_s - finding.start_s + margin_s - clock_offset_s) * 1e9)
    return [f"frame.time_epoch >= {_epoch(first_ns)}", f"frame.time_epoch <= {_epoch(last_ns)}"]


def _epoch(time_ns: int) -> str:
    return f"{time_ns // 1_000_000_000}.{time_ns // 1_000_000 % 1000:03d}"
