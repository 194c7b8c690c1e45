"""RTCP: what senders say of their clocks, and receivers of what reached them (RFC 3550 6, RFC 3611).

A compound packet is read as far as its lengths are true; encrypted RTCP (SRTCP) gives nothing that fits and is left.
"""

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aqa.stream_model import Reported

SR, RR, SDES, BYE, XR = 200, 201, 202, 203, 207
_NTP_EPOCH_S = 2_208_988_800  # from 1900 to 1970
_CNAME = 1


@dataclass(frozen=True)
class Arrived:
    """An RTCP packet and when and where it was captured."""

    time_ns: int
    data: bytes


@dataclass
class _Source:
    """All that was said of one SSRC."""

    cname: str | None = None
    sent: list[tuple[int, int, int]] = field(default_factory=list)  # SR: captured ns, NTP 64 bits, RTP time
    blocks: list[tuple[int, ...]] = field(default_factory=list)  # captured ns, then the report block's seven fields
    extended: dict[str, Any] = field(default_factory=dict)
    bye_ns: int | None = None


def read_rtcp(packets: Iterable[Arrived]) -> dict[int, Reported]:
    """What is reported of each SSRC, by SSRC."""
    sources: dict[int, _Source] = {}
    for packet in packets:
        for kind, count, body in _parts(packet.data):
            _READERS[kind](sources, packet.time_ns, count, body)
    return {ssrc: _reported(source) for ssrc, source in sources.items()}


def _parts(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, count and body of each packet of a compound one that is true to its length (RFC 3550 6.1, A.2)."""
    at = 0
    while at + 4 <= len(data) and data[at] >> 6 == 2:
        kind, size = data[at + 1], 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
        if at + size > len(data):
            return
        body = data[at + 4 : at + size]
        if data[at] & 0x20 and body:  # padding, in the last one only
            body = body[: -body[-1]] if 0 < body[-1] <= len(body) else body
        if kind in _READERS:
            yield kind, data[at] & 31, body
        at += size


def _of(sources: dict[int, _Source], ssrc: int) -> _Source:
    return sources.setdefault(ssrc, _Source())


def _sender_report(sources: dict[int, _Source], time_ns: int, count: int, body: bytes) -> None:
    """RFC 3550 6.4.1."""
    if len(body) < 24 + 24 * count:
        return
    ssrc, ntp, rtp = struct.unpack(">IQI", body[:16])
    if ntp:  # zero: the sender has no clock
        _of(sources, ssrc).sent.append((time_ns, ntp, rtp))
    _blocks(sources, time_ns, count, body[24:])


def _receiver_report(sources: dict[int, _Source], time_ns: int, count: int, body: bytes) -> None:
    """RFC 3550 6.4.2."""
    if len(body) >= 4 + 24 * count:
        _blocks(sources, time_ns, count, body[4:])


def _blocks(sources: dict[int, _Source], time_ns: int, count: int, body: bytes) -> None:
    for at in range(0, 24 * count, 24):
        ssrc, loss, *rest = struct.unpack(">6I", body[at : at + 24])
        lost = (loss & 0xFFFFFF) - ((loss & 0x800000) << 1)  # 24 bits, signed
        _of(sources, ssrc).blocks.append((time_ns, loss >> 24, lost, *rest))


def _description(sources: dict[int, _Source], _time_ns: int, count: int, body: bytes) -> None:
    """RFC 3550 6.5: chunks of SSRC and items, each chunk padded to four bytes by at least one zero."""
    at = 0
    for _ in range(count):
        if at + 4 > len(body):
            return
        ssrc = int.from_bytes(body[at : at + 4], "big")
        at += 4
        while at + 2 <= len(body) and body[at]:
            item, size = body[at], body[at + 1]
            if item == _CNAME and at + 2 + size <= len(body):
                _of(sources, ssrc).cname = body[at + 2 : at + 2 + size].decode("utf-8", "replace")
            at += 2 + size
        at += 4 - at % 4


def _goodbye(sources: dict[int, _Source], time_ns: int, count: int, body: bytes) -> None:
    """RFC 3550 6.6."""
    for at in range(0, min(4 * count, len(body) - 3), 4):
        _of(sources, int.from_bytes(body[at : at + 4], "big")).bye_ns = time_ns


def _extended(sources: dict[int, _Source], _time_ns: int, _count: int, body: bytes) -> None:
    """RFC 3611 3: blocks of type, 8 bits of their own, length and content; those that name a source are kept."""
    at = 4
    while at + 8 <= len(body):
        kind, own = body[at], body[at + 1]
        size = 4 * int.from_bytes(body[at + 2 : at + 4], "big")
        content = body[at + 4 : at + 4 + size]
        if kind in _BLOCKS and len(content) >= _BLOCKS[kind][0]:
            name, found = _BLOCKS[kind][1](own, content)
            _of(sources, int.from_bytes(content[:4], "big")).extended[name] = found
        at += 4 + size


def _voip_metrics(_own: int, data: bytes) -> tuple[str, dict[str, Any]]:
    """RFC 3611 4.7: shares in 1/256; 127 stands for not known in levels and scores."""
    loss, discard, burst, gap, burst_ms, gap_ms, rtt_ms, end_ms = struct.unpack(">4B4H", data[4:16])
    signal, noise, rerl, gmin, r, external_r, mos_lq, mos_cq, config, _, nominal, longest, absolute = struct.unpack(
        ">bb8B3H", data[16:32]
    )
    shares = {"loss": loss, "discard": discard, "burst_density": burst, "gap_density": gap}
    scores = {
        "r_factor": (r, 1),
        "external_r_factor": (external_r, 1),
        "mos_lq": (mos_lq, 10),
        "mos_cq": (mos_cq, 10),
    }
    levels = {"signal_dbm0": signal, "noise_dbm0": noise, "residual_echo_return_loss_db": rerl}
    return "voip_metrics", {
        **{f"{name}_pct": round(100 * value / 256, 2) for name, value in shares.items()},
        "burst_duration_ms": burst_ms,
        "gap_duration_ms": gap_ms,
        "round_trip_ms": rtt_ms,
        "end_system_delay_ms": end_ms,
        **{name: value for name, value in levels.items() if value != 127},
        **{name: value / part for name, (value, part) in scores.items() if value != 127},
        "gmin": gmin,
        "concealment": ("unspecified", "disabled", "enhanced", "standard")[config >> 6],
        "buffer": ("unknown", "reserved", "fixed", "adaptive")[config >> 4 & 3],
        "buffer_nominal_ms": nominal,
        "buffer_max_ms": longest,
        "buffer_absolute_max_ms": absolute,
    }


def _burst_loss(_own: int, data: bytes) -> tuple[str, dict[str, Any]]:
    """RFC 6958 3.1: 24 bits lost and 24 expected in bursts, 12 bits of their number."""
    rest = int.from_bytes(data[8:20], "big")
    return "burst_gap_loss", {
        "gmin": data[4],
        "bursts_ms": int.from_bytes(data[5:8], "big"),
        "lost_in_bursts": rest >> 72,
        "expected_in_bursts": rest >> 48 & 0xFFFFFF,
        "bursts": rest >> 36 & 0xFFF,
    }


def _burst_discard(_own: int, data: bytes) -> tuple[str, dict[str, Any]]:
    """RFC 7003 3.1."""
    return "burst_gap_discard", {
        "gmin": data[4],
        "discarded_in_bursts": int.from_bytes(data[5:8], "big"),
        "expected_in_bursts": int.from_bytes(data[8:11], "big"),
    }


def _discard_count(own: int, data: bytes) -> tuple[str, dict[str, Any]]:
    """RFC 7002 3.1: the discard type stands in bits 2 and 3 of the block's own byte."""
    return f"discard_count_{own >> 4 & 3}", {"discarded": int.from_bytes(data[4:8], "big")}


def _statistics_summary(own: int, data: bytes) -> tuple[str, dict[str, Any]]:
    """RFC 3611 4.6: flags L, D and J of the block's own byte say which of the fields are there."""
    begin, end, lost, duplicates = struct.unpack(">HHII", data[4:16])
    _, longest, mean, _ = struct.unpack(">4I", data[16:32])
    found: dict[str, Any] = {"begin_sequence": begin, "end_sequence": end}
    found |= {"lost": lost} if own & 0x80 else {}
    found |= {"duplicates": duplicates} if own & 0x40 else {}
    return "statistics_summary", found | ({"jitter_max": longest, "jitter_mean": mean} if own & 0x20 else {})


def _concealment(_own: int, data: bytes) -> tuple[str, dict[str, Any]]:
    """RFC 7294 4.1: concealed seconds, and severely concealed ones at the threshold given."""
    unimpaired, concealed, severe = struct.unpack(">3I", data[4:16])
    return "concealed_seconds", {
        "unimpaired_s": unimpaired,
        "concealed_s": concealed,
        "severely_concealed_s": severe & 0xFFFF,
        "threshold_ms": severe >> 16 & 0xFF,
    }


_READERS = {SR: _sender_report, RR: _receiver_report, SDES: _description, BYE: _goodbye, XR: _extended}
_BLOCKS = {
    6: (36, _statistics_summary), 7: (32, _voip_metrics), 20: (20, _burst_loss), 21: (12, _burst_discard),
    24: (8, _discard_count), 31: (16, _concealment),
}  # fmt: skip
"""XR blocks that are read: how long they must be, and by what."""


def _reported(source: _Source) -> Reported:
    rtt_ms = _round_trips_ms(source)
    last = max(source.blocks, default=None)
    return Reported(
        cname=source.cname,
        reports=len(source.blocks),
        lost=last[2] if last else None,
        loss_pct=float(np.mean([block[1] for block in source.blocks])) / 2.56 if source.blocks else None,
        jitter=max((block[4] for block in source.blocks), default=None),
        rtt_ms=rtt_ms,
        sender_times=tuple((ntp_ns(ntp), rtp) for _, ntp, rtp in source.sent),
        bye_ns=source.bye_ns,
        extended=json.dumps(source.extended, sort_keys=True) if source.extended else None,
    )


def ntp_ns(ntp: int) -> int:
    """A 64-bit NTP timestamp (RFC 3550 4) as nanoseconds since 1970."""
    return ((ntp >> 32) - _NTP_EPOCH_S) * 1_000_000_000 + ((ntp & 0xFFFFFFFF) * 1_000_000_000 >> 32)


def _round_trips_ms(source: _Source) -> tuple[float, ...]:
    """Time from a sender report to the report that quotes it, less the receiver's own delay (RFC 3550 6.4.1).

    Seen from where the log was taken: the way from there to the receiver and back.
    """
    sent = {ntp >> 16 & 0xFFFFFFFF: time_ns for time_ns, ntp, _ in source.sent}
    trips = [
        (time_ns - sent[lsr]) * 1e-6 - dlsr * 1000 / 65536
        for time_ns, _, _, _, _, lsr, dlsr in source.blocks
        if lsr in sent
    ]
    return tuple(trip for trip in trips if trip >= 0)
