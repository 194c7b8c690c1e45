"""SDP in SIP: which payload type is which codec at which address (RFC 8866, RFC 3264)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"  # RFC 6464 4


@dataclass
class Description:
    """One media description: what is received at `address` ("10.0.0.1:5004")."""

    address: str
    codecs: dict[int, str] = field(default_factory=dict)  # payload type -> "opus/48000/2"
    level_id: int | None = None  # header extension of the audio level
    cnames: dict[int, str] = field(default_factory=dict)  # SSRC -> CNAME


def read_sdp(messages: Iterable[bytes]) -> dict[str, Description]:
    """The descriptions in SIP messages by their address; a later one replaces an earlier one."""
    found: dict[str, Description] = {}
    for message in messages:
        head, _, body = message.replace(b"\r\n", b"\n").partition(b"\n\n")
        if b"application/sdp" in head.lower():
            found |= {item.address: item for item in _descriptions(body.decode("utf-8", "replace"))}
    return found


def _descriptions(text: str) -> list[Description]:
    host, out = "", list[Description]()
    for line in text.splitlines():
        kind, value = line[:2], line[2:].strip()
        if kind == "c=":
            host = _host(value)
            if out:
                out[-1].address = f"{host}:{out[-1].address.rpartition(':')[2]}"
        elif kind == "m=":
            port = value.split()[1].partition("/")[0] if len(value.split()) > 1 else ""
            out.append(Description(f"{host}:{port}"))
        elif kind == "a=" and out:
            _attribute(out[-1], value)
    return out


def _host(value: str) -> str:
    """Address of a connection line "IN IP4 10.0.0.1", as flows write it."""
    parts = value.split()
    host = parts[2].partition("/")[0] if len(parts) > 2 else ""
    return f"[{host}]" if ":" in host else host


def _attribute(description: Description, value: str) -> None:
    if codec := re.fullmatch(r"rtpmap:(\d{1,3})\s+(\S+)", value):
        description.codecs[int(codec[1])] = codec[2]
    elif extension := re.match(r"extmap:(\d{1,3})\S*\s+(\S+)", value):
        if extension[2] == LEVEL_URI:
            description.level_id = int(extension[1])
    elif source := re.match(r"ssrc:(\d{1,10})\s+cname:(\S+)", value):
        description.cnames[int(source[1])] = source[2]
