"""Events as a whole, drawn by hand."""

import numpy as np

from aqa.model import Finding
from aqa.whole import Heard, Room, Said, Sent, Values, Whole


def spans(*pairs):
    return np.array(pairs, float).reshape(-1, 2)


def heard(*speech, start=0.0, end=3600.0, digital=(), track="mix", intended=True, clocked=True):
    return Heard(f"{track}.wav", "r1", track, intended, start, end, spans(*speech), spans(*digital), clocked)


def sent(who, first=0.0, last=3600.0, stalls=(), **more):
    parts = {
        "stream": "0x00000001", "log": "a.pcap", "room": "r1", "participant": who, "node": None, "region": None,
        "vantage": "sfu-in", "cname": None, "first_s": first, "last_s": last, "stalls": spans(*stalls),
        "sending": spans((first, last)), **more,
    }  # fmt: skip
    return Sent(**parts)


def series(*pairs):
    return Values(np.array([a for a, _ in pairs], float), np.array([b for _, b in pairs], float))


def fault(kind, start, end, **more):
    return Finding(kind=kind, start_s=start, end_s=end, duration_s=end - start, **more)


def complaint(at, who="u", kind="bad_audio", room="r1", text=""):
    return Said(at, who, room, kind, text)


def whole(**parts):
    return Whole(**{"duration_s": 3600.0, **parts})


def room(name, opened, closed):
    return Room(name, opened, closed)
